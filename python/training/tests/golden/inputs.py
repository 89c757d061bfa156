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
    waves = np.sin(np.arange(width)[None, :, None] / random.uniform(3, 9, 3)) + np.cos(np.arange(height)[:, None, None] / random.uniform(3, 9, 3))
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
