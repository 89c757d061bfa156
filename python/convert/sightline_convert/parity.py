"""Compares a converted network with Paddle's own run of the original, on the same pictures: the whole way to boxes or vectors."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from sightline_base.canary import canary_pattern, detector_answer, embedder_answer
from sightline_base.input import to_input

from .conversion import find, prune
from .decode import decode
from .errors import ConversionError
from .pictures import made_scenes, read_pictures
from .program import Network
from .running import Run, open_onnx, open_paddle

# What two right runtimes may differ by.
BOX_LIMIT = 0.5
SCORE_LIMIT = 2e-4
COSINE_LIMIT = 0.9999
# Where two boxes overlap by almost exactly the limit of the suppression, rounding decides which one stays.
ALONE_LIMIT = 0.01

SCENES = {"detector": 8, "embedder": 16}
SEED = 7
# Sizes of the frames that made scenes stand for: boxes are compared in their pixels.
FRAMES = [(640, 640), (1280, 720), (480, 800), (1920, 1080)]

Row = dict[str, Any]
Pictures = "list[tuple[np.ndarray, tuple[int, int]]]"


def compare(kind: str, folder: Path, onnx: Path, pictures: "Path | None" = None) -> "list[Row]":
    """Rows {check, found, limit, ok}; on made scenes, or on the pictures of a folder."""
    network = find(kind, folder)
    size = (network.width, network.height)
    if pictures is not None:
        tried = read_pictures(pictures, *size)
    else:
        scenes = made_scenes(SCENES[kind], *size, SEED)
        tried = [(scene, FRAMES[index % len(FRAMES)]) for index, scene in enumerate(scenes)]
    compared = _compare_boxes if kind == "detector" else _compare_vectors
    return compared(network, open_paddle(folder), open_onnx(onnx), tried)


def canary(kind: str, folder: Path) -> "dict[str, list[float]]":
    """What the original answers to the canary pattern, by Paddle: mean class score a level, or the vector at unit length."""
    network = find(kind, folder)
    inputs = {network.input: to_input([canary_pattern(network.width, network.height)])}
    with tempfile.TemporaryDirectory() as work:
        prune(network, folder, Path(work))
        answers = open_paddle(Path(work))(inputs)
    if not all(np.isfinite(answer).all() for answer in answers):
        raise ConversionError(f"{folder}: the original answers the canary with numbers that are not finite: its weights are damaged")
    return detector_answer(answers) if kind == "detector" else embedder_answer(answers[0])


def answers(kind: str, folder: Path, pictures: Path) -> "list[dict[str, Any]]":
    """
    What Paddle's run of the original answers to the pictures of a folder, in order of name: {boxes: [[score, x1, y1, x2, y2] ...]}
    in pixels of the picture, best first, or {embedding: [...]} at unit length.
    """
    network = find(kind, folder)
    original = open_paddle(folder)
    size = (network.width, network.height)
    tried = read_pictures(pictures, *size)
    if kind == "detector":
        return [{"boxes": _original_boxes(network, original, picture, frame).tolist()} for picture, frame in tried]
    vectors = [original({network.input: to_input([picture])})[0][0].astype(np.float64) for picture, _ in tried]
    return [{"embedding": (vector / np.linalg.norm(vector)).tolist()} for vector in vectors]


def _original_boxes(network: Network, original: Run, picture: np.ndarray, frame: "tuple[int, int]") -> np.ndarray:
    """[K, 5]: score, x1, y1, x2, y2. Those under a pixel wide or high are no boxes."""
    size = (network.width, network.height)
    scale = np.array([[size[1] / frame[1], size[0] / frame[0]]], np.float32)
    inputs = {network.input: to_input([picture]), "im_shape": np.array([size[::-1]], np.float32), "scale_factor": scale}
    found = original(inputs)[0].astype(np.float64)[:, 1:]
    return found[(found[:, 3] - found[:, 1] >= 1) & (found[:, 4] - found[:, 2] >= 1)]


def _compare_boxes(network: Network, original: Run, converted: Run, tried: Pictures) -> "list[Row]":
    size = (network.width, network.height)
    box, score, alone, count = 0.0, 0.0, 0, 0
    for picture, frame in tried:
        theirs = _original_boxes(network, original, picture, frame)
        heads = [head[0] for head in converted({network.input: to_input([picture])})]
        ours = decode(heads, network.strides, network.bins, size, frame)
        near, far = _pair(theirs, ours)
        box, score = max([box, *near[:, 0]]), max([score, *near[:, 1]])
        alone, count = alone + far, count + len(theirs)
    return [
        _row("boxes compared", count, 1, count >= 1),
        _row("share of boxes without a counterpart", alone / max(count, 1), ALONE_LIMIT, alone <= ALONE_LIMIT * count),
        _row("largest box difference, px", box, BOX_LIMIT, box <= BOX_LIMIT),
        _row("largest score difference", score, SCORE_LIMIT, score <= SCORE_LIMIT),
        _batch_row(network, converted, tried),
    ]


def _pair(theirs: np.ndarray, ours: np.ndarray) -> "tuple[np.ndarray, int]":
    """(Box and score difference of each pair of nearest boxes, boxes left alone); two sets, whatever their order."""
    left = list(range(len(ours)))
    pairs: list[tuple[float, float]] = []
    for other in theirs:
        if not left:
            break
        apart = np.abs(ours[left, 1:] - other[1:]).max(1)
        nearest = int(np.argmin(apart + np.abs(ours[left, 0] - other[0])))
        if apart[nearest] > BOX_LIMIT:
            continue
        pairs.append((float(apart[nearest]), abs(float(ours[left[nearest], 0] - other[0]))))
        del left[nearest]
    return np.array(pairs).reshape(-1, 2), len(theirs) + len(ours) - 2 * len(pairs)


def _compare_vectors(network: Network, original: Run, converted: Run, tried: Pictures) -> "list[Row]":
    cosines, theirs = [], []
    for picture, _ in tried:
        inputs = {network.input: to_input([picture])}
        a, b = original(inputs)[0][0].astype(np.float64), converted(inputs)[0][0].astype(np.float64)
        cosines.append(float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b))))
        theirs.append(a / np.linalg.norm(a))
    least = min(cosines)
    # A network that answers every picture alike would pass the comparison above, whatever was converted.
    alike = max([float(a @ b) for i, a in enumerate(theirs) for b in theirs[:i]], default=-1.0)
    return [
        _row("least cosine of an embedding", least, COSINE_LIMIT, least >= COSINE_LIMIT),
        _row("largest cosine between two pictures", alike, COSINE_LIMIT, alike < COSINE_LIMIT),
        _batch_row(network, converted, tried),
    ]


def _batch_row(network: Network, converted: Run, tried: Pictures) -> Row:
    """Pictures in one batch against each by itself: a batch size that was baked in, or mixed pictures, would show."""
    pictures = [picture for picture, _ in tried[:3]]
    together = converted({network.input: to_input(pictures)})
    apart = [converted({network.input: to_input([picture])}) for picture in pictures]
    worst = max(float(np.abs(out[i] - one[o][0]).max()) for o, out in enumerate(together) for i, one in enumerate(apart))
    return _row("largest difference in a batch", worst, 1e-3, worst <= 1e-3)


def _row(check: str, found: float, limit: float, ok: bool) -> Row:
    return {"check": check, "found": found, "limit": limit, "ok": bool(ok)}
