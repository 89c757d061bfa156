"""What `test/golden/` tells both languages."""

import json
from pathlib import Path
from typing import Any

import numpy as np

REPOSITORY = Path(__file__).resolve().parents[2]


def golden(name: str) -> Any:
    """The content of test/golden/NAME.json."""
    return json.loads((REPOSITORY / "test" / "golden" / f"{name}.json").read_text(encoding="utf-8"))


def noise(count: int, seed: int) -> np.ndarray:
    """The bytes that test/golden/make_golden.py makes of a seed."""
    values = np.empty(count, np.uint8)
    state = seed
    for index in range(count):
        state = (state * 1664525 + 1013904223) % 2**32
        values[index] = state >> 24
    return values


def picodet_heads() -> list[np.ndarray]:
    """The four heads [33, H, W] whose boxes in a frame of 300 x 100, at an input of 128 x 64, are in picodet.json."""
    heads = []
    for level, stride in enumerate((8, 16, 32, 64)):
        h, w = 64 // stride, 128 // stride
        head = (noise(33 * h * w, 100 + level).astype(np.float32).reshape(33, h, w) - 128) / 32
        head[0] -= 1.5
        heads.append(head)
    return heads
