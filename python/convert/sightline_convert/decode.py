"""
Decodes PicoDet heads into boxes: the same steps as services/detector/picodet.ts, in numpy, so that the parity with Paddle is
that of the whole way to a box. Formulas: Yu et al. 2021, PP-PicoDet; Li et al. 2020, Generalized Focal Loss.
"""

import numpy as np

SCORE_FLOOR = 0.025
TOP_PER_LEVEL = 1000
NMS_IOU = 0.6
# What the published graph keeps of a picture.
MOST = 100


def decode(heads: "list[np.ndarray]", strides: "list[int]", bins: int, size: "tuple[int, int]", frame: "tuple[int, int]") -> np.ndarray:
    """
    Boxes of one picture, best first, as float64 [K, 5]: score, x1, y1, x2, y2 in pixels of the frame.

    `heads`: a level's [1 + 4 * bins, H, W]: class logit, then the bins of left, top, right, bottom. `size`, `frame`: the
    network's input and the picture, (width, height).
    """
    found = np.concatenate([_level(head.astype(np.float64), stride, bins) for head, stride in zip(heads, strides)])
    scale = np.array([frame[0] / size[0], frame[1] / size[1]] * 2)
    found[:, 1:] = np.clip(found[:, 1:] * scale, 0, [frame[0], frame[1]] * 2)
    found = found[(found[:, 3] - found[:, 1] >= 1) & (found[:, 4] - found[:, 2] >= 1)]
    return _suppress(found[np.argsort(-found[:, 0], kind="stable")])


def _level(head: np.ndarray, stride: int, bins: int) -> np.ndarray:
    logits = head[0].ravel()
    seen = np.flatnonzero(logits >= np.log(SCORE_FLOOR / (1 - SCORE_FLOOR)))
    if len(seen) > TOP_PER_LEVEL:
        seen = seen[np.argsort(-logits[seen], kind="stable")[:TOP_PER_LEVEL]]
    sides = head[1:].reshape(4, bins, -1)[:, :, seen]
    weights = np.exp(sides - sides.max(1, keepdims=True))
    left, top, right, bottom = (weights * np.arange(bins)[:, None]).sum(1) / weights.sum(1) * stride
    x = (seen % head.shape[2] + 0.5) * stride
    y = (seen // head.shape[2] + 0.5) * stride
    return np.stack([1 / (1 + np.exp(-logits[seen])), x - left, y - top, x + right, y + bottom], 1)


def _suppress(boxes: np.ndarray) -> np.ndarray:
    kept: list[np.ndarray] = []
    for box in boxes:
        if len(kept) >= MOST:
            break
        if not kept or overlaps(box[1:], np.array(kept)[:, 1:]).max() <= NMS_IOU:
            kept.append(box)
    return np.array(kept).reshape(-1, 5)


def overlaps(box: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Intersection over union of one box with each of [K, 4]."""
    inner = np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])
    shared = np.prod(np.maximum(inner, 0), 1)
    return shared / (np.prod(box[2:] - box[:2]) + np.prod(others[:, 2:] - others[:, :2], 1) - shared)
