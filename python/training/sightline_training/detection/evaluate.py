"""Measures a detector on listed pictures: AP50, AP and recall@100 in COCO's manner for one class.

Each picture's detections, best first and at most 100, take the free true box of the highest IoU at or above the
threshold. One without such a box is wrong, unless half of its own area lies in one ignored region: then it does not
count. AP is the mean of the precision, made not to rise with recall, at the recalls 0, 0.01 ... 1 over all detections
sorted by score; `AP` is its mean at the IoU thresholds 0.50, 0.55 ... 0.95, `AP50` the first of these, and `recall@100`
the share of true boxes found at IoU 0.50. `sightline eval --boxes` measures by the same rules, and test/golden/detection.json holds both to them.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from torch import Tensor

from sightline_base.input import to_input
from sightline_base.resize import resized

from .data import Listed, Sample, load
from .network import PicoDet, cells, flatten, to_boxes

THRESHOLDS = np.arange(0.5, 0.96, 0.05)
MOST = 100
IGNORED_SHARE = 0.5
SCORE_FLOOR = 0.025
NO_PIXELS = np.zeros((0, 0, 3), np.uint8)
# Boxes [K, 4] in pixels of the picture and scores [K], best first.
Detect = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


@dataclass
class Judged:
    """Scores of detections and whether each was right, and how many true boxes there are."""

    scores: list[float]
    right: list[bool]
    truth: int = 0


def detect_from_levels(run: Callable[[np.ndarray], list[torch.Tensor]], size: int, nms_iou: float = 0.6) -> Detect:
    """Detection as the pipeline does it: cubic resize, `run` the network, decode, clip to the picture, NMS."""

    def detect(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        levels = run(to_input(resized(picture, size, size, "cubic")[None]))
        logits, distributions = flatten(levels)
        boxes = to_boxes(distributions, *cells(levels))[0]
        scores = logits[0].sigmoid()
        seen = scores >= SCORE_FLOOR
        height, width = picture.shape[:2]
        # OpenCV suppresses on the CPU.
        boxes, scores = boxes[seen].cpu(), scores[seen].cpu()
        boxes = boxes * torch.tensor([width / size, height / size] * 2)
        boxes[:, 0::2] = boxes[:, 0::2].clamp(0, width)
        boxes[:, 1::2] = boxes[:, 1::2].clamp(0, height)
        kept = not_suppressed(boxes, scores, nms_iou)
        return boxes[kept].numpy(), scores[kept].numpy()

    return detect


def not_suppressed(boxes: Tensor, scores: Tensor, most_iou: float) -> Tensor:
    """Greedy NMS over boxes [K, 4] and scores [K] above 0: indices of those kept, best first, at most MOST."""
    corners_and_sides = torch.cat([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], 1)
    kept = cv2.dnn.NMSBoxes(corners_and_sides.tolist(), scores.tolist(), 0.0, most_iou)
    return torch.tensor(np.asarray(kept[:MOST]), dtype=torch.int64)


def detect_with(model: PicoDet, size: int) -> Detect:
    """Detection by a PyTorch network, on its device."""
    model.eval()
    device = next(model.parameters()).device

    def run(image: np.ndarray) -> list[torch.Tensor]:
        with torch.inference_mode():
            return model(torch.from_numpy(image).to(device))

    return detect_from_levels(run, size)


def evaluate(detect: Detect, pictures: list[Listed]) -> dict[str, float]:
    """The metrics over the pictures."""
    samples, found = [], []
    for listed in pictures:
        sample = load(listed)
        found.append(detect(sample.picture))
        # A test set's pixels together would fill any machine.
        samples.append(replace(sample, picture=NO_PIXELS))
    return metrics(samples, found)


def metrics(samples: list[Sample], found: list[tuple[np.ndarray, np.ndarray]]) -> dict[str, float]:
    """The metrics of given detections: boxes [K, 4] and scores [K] for each sample."""
    precisions, recall = [], 0.0
    for threshold in THRESHOLDS:
        judged = Judged([], [])
        for sample, (boxes, scores) in zip(samples, found):
            judge(sample, boxes, scores, float(threshold), judged)
        precisions.append(average_precision(judged))
        if threshold == THRESHOLDS[0]:
            recall = sum(judged.right) / max(judged.truth, 1)
    return {"AP50": precisions[0], "AP": float(np.mean(precisions)), "recall@100": recall}


def judge(sample: Sample, boxes: np.ndarray, scores: np.ndarray, threshold: float, judged: Judged) -> None:
    """Adds a picture's detections to those that are judged, by the rules above at one IoU threshold."""
    free = list(range(len(sample.boxes)))
    judged.truth += len(free)
    for index in np.argsort(-scores, kind="stable")[:MOST]:
        overlaps = [iou(boxes[index], sample.boxes[k]) for k in free]
        # Of equals the last, as COCO's own evaluation takes it.
        best = max(range(len(free)), key=lambda k: (overlaps[k], k), default=-1)
        if best >= 0 and overlaps[best] >= threshold - 1e-9:
            free.pop(best)
            judged.scores.append(float(scores[index]))
            judged.right.append(True)
        elif not any(_share(boxes[index], region) >= IGNORED_SHARE for region in sample.ignore):
            judged.scores.append(float(scores[index]))
            judged.right.append(False)


def average_precision(judged: Judged) -> float:
    """The 101-point interpolated average precision."""
    if not judged.truth or not judged.scores:
        return 0.0
    right = np.asarray(judged.right)[np.argsort(-np.asarray(judged.scores), kind="stable")]
    hits = right.cumsum()
    precision = np.maximum.accumulate((hits / np.arange(1, len(right) + 1))[::-1])[::-1]
    at = np.searchsorted(hits / judged.truth, np.arange(101) / 100 - 1e-9)
    return float(np.where(at < len(precision), precision[np.minimum(at, len(precision) - 1)], 0.0).mean())


def iou(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union of two corner boxes."""
    shared = _intersection(a, b)
    return shared / max(_area(a) + _area(b) - shared, 1e-9)


def _share(box: np.ndarray, region: np.ndarray) -> float:
    return _intersection(box, region) / max(_area(box), 1e-9)


def _intersection(a: np.ndarray, b: np.ndarray) -> float:
    return max(min(a[2], b[2]) - max(a[0], b[0]), 0) * max(min(a[3], b[3]) - max(a[1], b[1]), 0)


def _area(box: np.ndarray) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])
