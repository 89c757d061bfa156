"""
Compares a converted network with Paddle's own run of the original, on the same pictures: the whole way to boxes or vectors.
How far the two may be apart follows from how far the original is from itself when only its rounding changes.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from sightline_base.canary import canary_pattern, detector_answer, embedder_answer
from sightline_base.input import to_input

from .conversion import find, prune, weights, weights_of_onnx
from .decode import decode
from .differences import ALONE, BATCH, BOX, SCORE, TURN, VALUES, BoxesApart, Limit, largest_apart, turn, values_apart
from .errors import ConversionError
from .pictures import made_scenes, read_pictures
from .program import Network
from .running import Run, open_onnx, open_paddle

SCENES = {"detector": 8, "embedder": 16}
SEED = 7
# Sizes of the frames that made scenes stand for: boxes are compared in their pixels.
FRAMES = [(640, 640), (1280, 720), (480, 800), (1920, 1080)]
# Two pictures whose embeddings are more alike than this were not looked at.
ALIKE = 0.9999

Row = dict[str, Any]
Pictures = "list[tuple[np.ndarray, tuple[int, int]]]"
# A picture's outputs, of all pictures.
Answers = "list[list[np.ndarray]]"


def compare(kind: str, folder: Path, onnx: Path, pictures: "Path | None" = None) -> "list[Row]":
    """Rows {check, found, limit, ok}; on made scenes, or on the pictures of a folder."""
    network = find(kind, folder)
    size = (network.width, network.height)
    if pictures is not None:
        tried = read_pictures(pictures, *size)
    else:
        scenes = made_scenes(SCENES[kind], *size, SEED)
        tried = [(scene, FRAMES[index % len(FRAMES)]) for index, scene in enumerate(scenes)]
    inputs = [to_input([picture]) for picture, _ in tried]
    converted = open_onnx(onnx)
    ours = _answers(network, converted, inputs)
    with tempfile.TemporaryDirectory() as work:
        prune(network, folder, Path(work))
        steady = _answers(network, open_paddle(Path(work)), inputs)
        # The same network twice more, rounded otherwise: its operators one by one, and its pictures off by half a last digit.
        shaken = [
            _answers(network, open_paddle(Path(work), fused=False), inputs),
            _answers(network, open_paddle(Path(work)), [_nudged(picture) for picture in inputs]),
        ]
        wrong = _wrong_weights(Path(work), onnx)
    compared = _box_rows if kind == "detector" else _vector_rows
    return [
        *compared(network, folder, tried, steady, shaken, ours),
        _noise_row("difference of the outputs, of their size", VALUES, _most_apart(values_apart, steady, shaken), _most_apart(values_apart, steady, [ours])),
        _row("weights that are not the original's", wrong, 0, wrong == 0),
        _batch_row(network, converted, inputs, _most_apart(largest_apart, steady, shaken)),
    ]


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


def _answers(network: Network, run: Run, inputs: "list[np.ndarray]") -> Answers:
    return [run({network.input: picture}) for picture in inputs]


def _nudged(picture: np.ndarray) -> np.ndarray:
    """Each value half of its last digit up or down: what a float32 leaves open anyway."""
    signs = np.random.default_rng(SEED).choice(np.float32([-6e-8, 6e-8]), picture.shape)
    return picture * (np.float32(1) + signs)


def _most_apart(apart: "Callable[[list[np.ndarray], list[np.ndarray]], float]", steady: Answers, others: "list[Answers]") -> float:
    """The most that any of the other answers is apart, over all pictures."""
    return max(apart(a, b) for other in others for a, b in zip(steady, other))


def _box_rows(network: Network, folder: Path, tried: Pictures, steady: Answers, shaken: "list[Answers]", ours: Answers) -> "list[Row]":
    def boxes(answers: Answers) -> "list[np.ndarray]":
        size = (network.width, network.height)
        heads = [[head[0] for head in answer] for answer in answers]
        return [decode(one, network.strides, network.bins, size, frame) for one, (_, frame) in zip(heads, tried)]

    def apart(theirs: "list[np.ndarray]", others: "list[np.ndarray]") -> BoxesApart:
        found = BoxesApart()
        for a, b in zip(theirs, others):
            found.add(a, b)
        return found

    original = open_paddle(folder)
    found = apart([_original_boxes(network, original, picture, frame) for picture, frame in tried], boxes(ours))
    noise = [apart(boxes(steady), boxes(other)) for other in shaken]
    return [
        _row("boxes compared", found.count, 1, found.count >= 1),
        _noise_row("share of boxes without a counterpart", ALONE, max(one.share_alone for one in noise), found.share_alone),
        _noise_row("largest box difference, px", BOX, max(one.box for one in noise), found.box),
        _noise_row("largest score difference", SCORE, max(one.score for one in noise), found.score),
    ]


def _vector_rows(network: Network, folder: Path, tried: Pictures, steady: Answers, shaken: "list[Answers]", ours: Answers) -> "list[Row]":
    def turned(others: Answers) -> float:
        return max(turn(a[0], b[0]) for a, b in zip(steady, others))

    limit = 1 - TURN.of(max(turned(other) for other in shaken))
    least = 1 - turned(ours)
    # A network that answers every picture alike would pass the comparison above, whatever was converted.
    alike = max([1 - turn(a[0], b[0]) for index, a in enumerate(steady) for b in steady[:index]], default=-1.0)
    return [
        _row("least cosine of an embedding", least, limit, least >= limit),
        _row("largest cosine between two pictures", alike, ALIKE, alike < ALIKE),
    ]


def _wrong_weights(original: Path, onnx: Path) -> int:
    """Weights that the converted network has under the original's name, but not bit by bit."""
    theirs, ours = weights(original), weights_of_onnx(onnx)
    return sum(1 for name, value in theirs.items() if name in ours and ours[name].tobytes() != value.tobytes())


def _batch_row(network: Network, converted: Run, inputs: "list[np.ndarray]", noise: float) -> Row:
    """Pictures in one batch against each by itself: a batch size that was baked in, or mixed pictures, would show."""
    few = inputs[:3]
    together = converted({network.input: np.concatenate(few)})
    apart = _answers(network, converted, few)
    worst = max(largest_apart([out[index : index + 1] for out in together], one) for index, one in enumerate(apart))
    return _noise_row("largest difference in a batch", BATCH, noise, worst)


def _noise_row(check: str, limit: Limit, noise: float, found: float) -> Row:
    return _row(check, found, limit.of(noise), found <= limit.of(noise))


def _row(check: str, found: float, limit: float, ok: bool) -> Row:
    return {"check": check, "found": found, "limit": float(f"{limit:.6g}"), "ok": bool(ok)}
