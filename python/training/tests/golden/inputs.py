"""Inputs that the golden script and the tests make alike, from NumPy's frozen generator, so that only answers are stored."""

import zlib
from collections.abc import Iterable

import numpy as np


def values(shape: Iterable[int], seed: int, low: float = -1.0, high: float = 1.0) -> np.ndarray:
    """float64, uniform; RandomState's stream never changes."""
    return np.random.RandomState(seed).uniform(low, high, tuple(shape))


def weight_of(name: str, shape: Iterable[int]) -> np.ndarray:
    """A value for each of a network's tensors by its published name: as after training, so that nothing is neutral."""
    shape = tuple(shape)
    seed = zlib.crc32(name.encode())
    if name.endswith("_variance"):
        return values(shape, seed, 0.5, 2.0)
    if len(shape) == 1:
        return values(shape, seed, 0.5, 1.5) if name.endswith("weight") else values(shape, seed, -0.3, 0.3)
    return values(shape, seed) * (6 / np.prod(shape[1:])) ** 0.5


def picture(width: int, height: int, seed: int) -> np.ndarray:
    """uint8 [height, width, 3], smooth with noise on it."""
    random = np.random.RandomState(seed)
    across = np.sin(np.arange(width)[None, :, None] / random.uniform(3, 9, 3))
    down = np.cos(np.arange(height)[:, None, None] / random.uniform(3, 9, 3))
    waves = across + down
    return np.clip(128 + 50 * waves + random.uniform(-30, 30, (height, width, 3)), 0, 255).astype(np.uint8)


def levels(seed: int, side: int = 128, pictures: int = 2) -> list[np.ndarray]:
    """Raw heads of the detector for an input of `side`: [pictures, 33, side / stride, side / stride] a level."""
    made = []
    for index, stride in enumerate((8, 16, 32, 64)):
        level = values((pictures, 33, side // stride, side // stride), seed + index, -2.0, 2.0)
        level[:, 0] -= 1.0
        made.append(level)
    return made


# True boxes of two pictures of 128 x 128: one that overlaps another, one of a few pixels, one that fills the picture; and none.
TRUTH: list[list[list[float]]] = [
    [[10, 12, 70, 66], [40, 30, 100, 90], [89, 97, 97, 106], [0, 0, 128, 128]],
    [[20, 20, 60, 120]],
]
# (seed of the levels, boxes of both pictures): the above, a picture without a box, and boxes that want the same cells.
CROWD = [[10, 10, 100, 100], [14, 12, 104, 98], [8, 14, 96, 106], [12, 8, 99, 103]]
BATCHES: list[tuple[int, list[list[list[float]]]]] = [(90, TRUTH), (95, [TRUTH[0], []]), (97, [CROWD, CROWD[:3]])]

# Batches of the triplet loss: (labels, pictures of each, dimension).
SHAPES = [(2, 2, 3), (4, 3, 8), (3, 1, 5), (2, 8, 2)]
# (queries, gallery, labels, seed): one block of 64 and several, unanswerable queries, as few as can be.
RANKINGS = [(7, 23, 4, 30), (64, 100, 10, 31), (65, 100, 10, 32), (130, 300, 40, 33), (1, 5, 1, 34), (20, 12, 30, 35), (130, 60, 90, 36)]
# (mirrored, top, left, angle) at 32 pixels: the middle, the corners, the place that leaves a row and a column less, turned.
SIDE = 32
VIEWS = [
    (False, 10, 10, None), (True, 0, 20, None), (False, 21, 3, None), (False, 21, 21, 33.0), (True, 5, 8, -71.5), (False, 10, 10, 90.0),
]
# Boxes of a picture of 61 x 43, and windows that hold some of their centres.
BOXES = np.array([[5, 6, 30, 28], [20, 10, 58, 40], [40, 2, 60, 12]], np.float32)
CROPS = [(0, 0, 40, 30), (10, 8, 50, 43), (35, 0, 61, 20), (0, 30, 20, 43)]
COLOURS = [("brightness", 0.6), ("contrast", 1.4), ("saturation", 0.5), ("hue", -17.0), ("hue", 12.0)]
