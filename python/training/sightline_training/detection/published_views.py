"""What the reference's detector training makes of a picture: crop, mirror, colours, and a size and method for each batch.

PicoDet's reader (configs/picodet/legacy_model/_base_/picodet_640_reader.yml): RandomCrop (Liu et al., "SSD",
arXiv:1512.02325), RandomFlip, RandomDistort, BatchRandomResize. Colours are Pillow's, as there.
"""

import random
from collections.abc import Callable

import cv2
import numpy as np
from PIL import Image, ImageEnhance

from .data import Sample, mirrored

# RandomCrop's: overlaps that one box must have with the window (None: no crop), its sides' share of the picture's, its ratio.
OVERLAPS: tuple[float | None, ...] = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9, None)
SCALES, RATIOS, ATTEMPTS = (0.3, 1.0), (0.5, 2.0), 50
# RandomDistort's ranges; each is applied to half of the pictures.
STRENGTHS = {"brightness": (0.5, 1.5), "contrast": (0.5, 1.5), "saturation": (0.5, 1.5), "hue": (-18.0, 18.0)}
# BatchRandomResize's, one for a batch.
METHODS = (cv2.INTER_NEAREST, cv2.INTER_LINEAR, cv2.INTER_AREA, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4)


def published_view(sample: Sample, rng: random.Random) -> Sample:
    """A picture of its own size, uint8, with the boxes that are left."""
    sample = _cropped(sample, rng)
    if rng.random() < 0.5:
        sample = mirrored(sample)
    picture = sample.picture
    for name in rng.sample(list(DISTORTIONS), len(DISTORTIONS)):
        if rng.random() >= 0.5:
            picture = DISTORTIONS[name](picture, rng.uniform(*STRENGTHS[name]))
    return Sample(picture, sample.boxes, sample.ignore, sample.background_weight)


def resized_by(sample: Sample, size: int, method: int) -> Sample:
    """The sample at size x size, its aspect ratio not kept."""
    height, width = sample.picture.shape[:2]
    scale = np.float32([size / width, size / height] * 2)
    picture = cv2.resize(sample.picture, (size, size), interpolation=method)
    return Sample(picture, sample.boxes * scale, sample.ignore * scale, sample.background_weight)


def _cropped(sample: Sample, rng: random.Random) -> Sample:
    if not len(sample.boxes):
        return sample
    height, width = sample.picture.shape[:2]
    for least in rng.sample(OVERLAPS, len(OVERLAPS)):
        if least is None:
            return sample
        for _ in range(ATTEMPTS):
            scale = rng.uniform(*SCALES)
            ratio = rng.uniform(max(RATIOS[0], scale**2), min(RATIOS[1], scale**-2)) ** 0.5
            h, w = int(height * scale / ratio), int(width * scale * ratio)
            if not (0 < h < height and 0 < w < width):
                continue
            y1, x1 = rng.randrange(height - h), rng.randrange(width - w)
            window = (x1, y1, x1 + w, y1 + h)
            if _overlaps(sample.boxes, window).max() < least:
                continue
            boxes, kept = centred(sample.boxes, *window)
            if kept.any():
                ignore, stays = centred(sample.ignore, *window)
                picture = np.ascontiguousarray(sample.picture[y1 : y1 + h, x1 : x1 + w])
                return Sample(picture, boxes[kept], ignore[stays], sample.background_weight)
    return sample


def _overlaps(boxes: np.ndarray, window: tuple[int, int, int, int]) -> np.ndarray:
    low, high = np.maximum(boxes[:, :2], window[:2]), np.minimum(boxes[:, 2:], window[2:])
    shared = (high - low).clip(min=0).prod(1)
    area = (window[2] - window[0]) * (window[3] - window[1])
    return shared / ((boxes[:, 2:] - boxes[:, :2]).prod(1) + area - shared + 1e-10)


def centred(boxes: np.ndarray, x1: int, y1: int, x2: int, y2: int) -> tuple[np.ndarray, np.ndarray]:
    """Boxes [K, 4] cut at a window and moved to its origin, and which of them have their centre in it: [K]."""
    low, high = np.float32([x1, y1]), np.float32([x2, y2])
    cut = np.concatenate([np.maximum(boxes[:, :2], low) - low, np.minimum(boxes[:, 2:], high) - low], 1)
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2
    inside = ((low <= middles) & (middles < high)).all(1)
    return cut, inside & (cut[:, :2] < cut[:, 2:]).all(1)


def _enhanced(kind: Callable[[Image.Image], ImageEnhance._Enhance]) -> Callable[[np.ndarray, float], np.ndarray]:
    return lambda picture, strength: np.asarray(kind(Image.fromarray(picture)).enhance(strength))


def _hued(picture: np.ndarray, strength: float) -> np.ndarray:
    """`strength` is in Pillow's units of 256 for the whole circle; the sum is cut to a whole number, and goes round."""
    values = np.array(Image.fromarray(picture).convert("HSV"))
    values[:, :, 0] = (values[:, :, 0].astype(np.float64) + strength).astype(np.int64).astype(np.uint8)
    return np.asarray(Image.frombytes("HSV", (values.shape[1], values.shape[0]), values.tobytes()).convert("RGB"))


# uint8 RGB and a strength to uint8 RGB.
DISTORTIONS: dict[str, Callable[[np.ndarray, float], np.ndarray]] = {
    "brightness": _enhanced(ImageEnhance.Brightness), "contrast": _enhanced(ImageEnhance.Contrast),
    "saturation": _enhanced(ImageEnhance.Color), "hue": _hued,
}
