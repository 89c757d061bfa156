"""Makes the golden files that the imaging and detector tests compare with, by numpy and OpenCV alone.

Run: pip install numpy==2.4.6 opencv-python-headless==5.0.0.93 && python test/golden/make_golden.py
Inputs come from a generator that the tests repeat, so only answers are stored. Written from the definitions (OpenCV's
resize itself, PP-PicoDet's decoding, greedy NMS), not from the TypeScript.
"""

import json
from pathlib import Path

import cv2
import numpy as np

HERE = Path(__file__).parent


def noise(count: int, seed: int) -> np.ndarray:
    """Bytes of a linear congruential generator: x = x * 1664525 + 1013904223 mod 2^32, the top byte of each."""
    values = np.empty(count, np.uint8)
    state = seed
    for index in range(count):
        state = (state * 1664525 + 1013904223) % 2**32
        values[index] = state >> 24
    return values


def resizes() -> dict[str, str]:
    """Crops of a 61 x 43 noise picture, resized: the bytes of each answer in hexadecimal."""
    picture = noise(61 * 43 * 3, 7).reshape(43, 61, 3)
    answers = {}
    for x1, y1, x2, y2, width, height in [(0, 0, 61, 43, 24, 24), (0, 0, 61, 43, 96, 64), (5, 3, 50, 40, 32, 16),
                                          (10, 10, 11, 11, 8, 8), (0, 20, 61, 22, 16, 16), (7, 1, 33, 42, 26, 41)]:
        for name, method in [("linear", cv2.INTER_LINEAR), ("cubic", cv2.INTER_CUBIC)]:
            crop = np.ascontiguousarray(picture[y1:y2, x1:x2])
            answer = cv2.resize(crop, (width, height), interpolation=method)
            answers[f"{x1},{y1},{x2},{y2} {width}x{height} {name}"] = answer.tobytes().hex()
    return answers


def averages() -> dict[str, str]:
    """The same picture and a part of it, averaged down along both axes or one."""
    picture = noise(61 * 43 * 3, 7).reshape(43, 61, 3)
    answers = {}
    for x1, y1, x2, y2, width, height in [(0, 0, 61, 43, 24, 16), (0, 0, 61, 43, 20, 43), (5, 3, 50, 40, 45, 11), (0, 0, 60, 40, 20, 10)]:
        crop = np.ascontiguousarray(picture[y1:y2, x1:x2])
        answer = cv2.resize(crop, (width, height), interpolation=cv2.INTER_AREA)
        answers[f"{x1},{y1},{x2},{y2} {width}x{height}"] = answer.tobytes().hex()
    return answers


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def picodet() -> dict[str, object]:
    """Decodes noise heads of a 128 x 64 input for a 300 x 100 frame, box by box, and suppresses overlaps."""
    strides, bins = [8, 16, 32, 64], 8
    found = []
    for level, stride in enumerate(strides):
        h, w = 64 // stride, 128 // stride
        head = (noise(33 * h * w, 100 + level).astype(np.float32).reshape(33, h, w) - 128) / 32
        head[0] -= 1.5
        for row in range(h):
            for column in range(w):
                score = float(sigmoid(head[0, row, column].astype(np.float64)))
                sides = []
                for side in range(4):
                    logits = head[1 + side * bins : 1 + (side + 1) * bins, row, column].astype(np.float64)
                    weights = np.exp(logits - logits.max())
                    sides.append(float((weights / weights.sum() * np.arange(bins)).sum()) * stride)
                x, y = (column + 0.5) * stride, (row + 0.5) * stride
                corners = np.array([x - sides[0], y - sides[1], x + sides[2], y + sides[3]])
                box = corners * [300 / 128, 100 / 64, 300 / 128, 100 / 64]
                box = np.clip(box, 0, [300, 100, 300, 100])
                if score >= 0.025 and box[2] - box[0] >= 1 and box[3] - box[1] >= 1:
                    found.append((score, box))
    found.sort(key=lambda one: -one[0])
    kept: list[tuple[float, np.ndarray]] = []
    for score, box in found:
        if all(iou(box, other) <= 0.6 for _, other in kept):
            kept.append((score, box))
    return {"boxes": [[round(float(v), 4) for v in box] + [round(score, 6)] for score, box in kept[:20] if score >= 0.3]}


def iou(a: np.ndarray, b: np.ndarray) -> float:
    width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    shared = width * height
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)


def tensor() -> list[float]:
    """A 2 x 2 picture normalized the reference's way, three planes."""
    pixels = noise(12, 3).reshape(2, 2, 3).astype(np.float64) / 255
    planes = (pixels - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    return [round(float(v), 6) for v in planes.transpose(2, 0, 1).ravel()]


if __name__ == "__main__":
    for name, value in [("resize", resizes()), ("average", averages()), ("picodet", picodet()), ("tensor", tensor())]:
        (HERE / f"{name}.json").write_text(json.dumps(value, indent=1) + "\n")
