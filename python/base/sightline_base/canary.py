"""The fixed picture that a model is tried with before it is used, and what of its answer a manifest keeps."""

from collections.abc import Sequence

import numpy as np


def canary_pattern(width: int, height: int) -> np.ndarray:
    """uint8 [height, width, 3], RGB, in whole numbers, so that every language makes the same bytes:
    v(x, y, c) = (x (c + 1) + y (3 - c) + 64 (((x >> 5) xor (y >> 5)) and 3)) and 255.
    """
    y, x, c = np.ogrid[:height, :width, :3]
    return ((x * (c + 1) + y * (3 - c) + 64 * (((x >> 5) ^ (y >> 5)) & 3)) & 255).astype(np.uint8)


def detector_answer(levels: Sequence[np.ndarray]) -> dict[str, list[float]]:
    """Of a PicoDet's heads [1, 1 + 4 bins, H, W]: the mean score of each."""
    means = [float(np.mean(1 / (1 + np.exp(-level[0, 0].astype(np.float64))))) for level in levels]
    return {"meanSigmoid": [round(mean, 6) for mean in means]}


def embedder_answer(vectors: np.ndarray) -> dict[str, list[float]]:
    """Of an embedder's output [1, D]: the vector at unit length."""
    vector = vectors[0].astype(np.float64)
    return {"embedding": [round(value, 5) for value in (vector / np.linalg.norm(vector)).tolist()]}
