"""Pictures with boxes: reading, the fixed split, and what training sees of them."""

import hashlib
import json
import random
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from sightline_base import resize

from ..embedding.pictures import LabelFileError, read_picture, read_text
from .coco import coco_rows, is_coco

# Sources whose pictures hold objects without a box, or loose boxes: what is not boxed is punished less.
BACKGROUND_WEIGHTS = {"gtea_gaze": 0.3, "beverage3": 0.3, "kangaroo": 0.5}
HELD_OUT_TENTHS = 1
# Boxes narrower than this after cropping, or of which less than this share is left, are not objects any more.
MIN_SIDE, MIN_SHARE = 4.0, 0.35
# A border whose rows or columns vary by no more than this (0..255) was filled in to make a picture square.
LETTERBOX = 12


@dataclass
class Sample:
    """A picture, uint8 RGB [H, W, 3], with boxes and ignored regions [K, 4] in its pixels."""

    picture: np.ndarray
    boxes: np.ndarray
    ignore: np.ndarray
    background_weight: float = 1.0


@dataclass(frozen=True)
class Listed:
    """A line of the box list."""

    file: Path
    source: str
    boxes: np.ndarray
    ignore: np.ndarray


def read_box_list(path: Path, root: Path, missing_share: float = 0.0) -> list[Listed]:
    """Lines of JSON: image, boxes and ignore [[x1, y1, x2, y2] in 0..1], source. Or COCO's instances, one JSON object.

    Up to `missing_share` of the pictures may be missing and are left out. Raises LabelFileError naming every malformed line
    and every missing picture (the first ten), and for a list of none.
    """
    listed: list[Listed] = []
    bad: list[str] = []
    if not root.is_dir():
        raise LabelFileError(f"{root} is no folder: the pictures of {path} are looked for there")
    text = read_text(path)
    told = _whole(text)
    if is_coco(told):
        listed = [Listed(root / name, "", boxes, crowds) for name, boxes, crowds in coco_rows(told, path)]
    else:
        for number, line in enumerate(text.splitlines(), start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
                boxes, ignore = (_corners(row.get(name, [])) for name in ("boxes", "ignore"))
                listed.append(Listed(root / row["image"], str(row.get("source", "")), boxes, ignore))
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                bad.append(f"line {number}: {error!r}")
    missing = [f"no picture {one.file}" for one in listed if not one.file.is_file()]
    if len(missing) > missing_share * len(listed):
        bad += missing
    if bad:
        more = f" (and {len(bad) - 10} more)" if len(bad) > 10 else ""
        raise LabelFileError(f"{path}: " + "; ".join(bad[:10]) + more)
    there = [one for one in listed if one.file.is_file()] if missing else listed
    if not there:
        raise LabelFileError(f"{path} names no picture")
    return there


def _whole(text: str) -> object:
    """The text as one JSON value; nothing where it is lines of them."""
    try:
        return json.loads(text)
    except ValueError:
        return None


def _corners(values: list[list[float]]) -> np.ndarray:
    boxes = np.asarray(values, np.float32).reshape(-1, 4)
    if not ((boxes >= -0.01) & (boxes <= 1.01)).all() or not (boxes[:, 2:] > boxes[:, :2]).all():
        raise ValueError("a box is not [x1, y1, x2, y2] in 0..1")
    return boxes


def is_held_out(name: str) -> bool:
    """Whether a picture belongs to the tenth that is never trained on; mirrored and numbered copies go together."""
    stem = Path(name).stem.lower().replace("_flip", "").replace("_mirror", "")
    return int(hashlib.sha256(stem.encode()).hexdigest(), 16) % 10 < HELD_OUT_TENTHS


def load(listed: Listed, whole: bool = False) -> Sample:
    """Reads the picture; raises LabelFileError naming one that can't be decoded, with `whole` also one that was cut off."""
    picture = read_picture(listed.file, whole)
    height, width = picture.shape[:2]
    scale = np.float32([width, height, width, height])
    weight = BACKGROUND_WEIGHTS.get(listed.source, 1.0)
    return Sample(picture, listed.boxes * scale, listed.ignore * scale, weight)


def resized(sample: Sample, size: int) -> Sample:
    """The sample at size x size, its aspect ratio not kept: cubic, as the pipeline resizes."""
    height, width = sample.picture.shape[:2]
    scale = np.float32([size / width, size / height, size / width, size / height])
    picture = resize.resized(sample.picture, size, size, "cubic")
    return Sample(picture, sample.boxes * scale, sample.ignore * scale, sample.background_weight)


def cropped(sample: Sample, x1: int, y1: int, x2: int, y2: int) -> Sample:
    """A window of the sample, which may reach outside it (filled with grey). Boxes mostly cut off become ignored."""
    height, width = sample.picture.shape[:2]
    window = np.full((y2 - y1, x2 - x1, 3), 114, np.uint8)
    left, top, right, bottom = max(x1, 0), max(y1, 0), min(x2, width), min(y2, height)
    window[top - y1 : bottom - y1, left - x1 : right - x1] = sample.picture[top:bottom, left:right]
    boxes, cut = _clip(sample.boxes, x1, y1, x2, y2)
    ignore, _ = _clip(sample.ignore, x1, y1, x2, y2, share=0.0)
    return Sample(window, boxes, np.concatenate([ignore, cut]), sample.background_weight)


def _clip(boxes: np.ndarray, x1: int, y1: int, x2: int, y2: int, share: float = MIN_SHARE) -> tuple[np.ndarray, np.ndarray]:
    """Boxes inside the window, moved to its origin: those that are objects still, and the rests of the others."""
    low, high = np.float32([x1, y1, x1, y1]), np.float32([x2, y2, x2, y2])
    inside = np.clip(boxes, low, high) - low
    sides = inside[:, 2:] - inside[:, :2]
    area = (boxes[:, 2:] - boxes[:, :2]).prod(1).clip(1e-6)
    keep = (sides.min(1) >= MIN_SIDE) & (sides.prod(1) / area >= share) if len(boxes) else np.zeros(0, bool)
    rest = ~keep & (sides.min(1) > 1) if len(boxes) else np.zeros(0, bool)
    return inside[keep].astype(np.float32), inside[rest].astype(np.float32)


def augmented(sample: Sample, rng: random.Random) -> Sample:
    """Mirrored, zoomed in or out, recoloured, blurred, noisy: as another camera might have seen it."""
    height, width = sample.picture.shape[:2]
    zoom = rng.uniform(0.45, 1.0) if rng.random() < 0.6 else rng.uniform(1.0, 2.2)
    stretch = rng.uniform(0.8, 1.25)
    w, h = max(int(width * zoom * stretch), 32), max(int(height * zoom / stretch), 32)
    x1, y1 = rng.randint(*sorted((0, width - w))), rng.randint(*sorted((0, height - h)))
    sample = cropped(sample, x1, y1, x1 + w, y1 + h)
    if rng.random() < 0.5:
        sample = mirrored(sample)
    return Sample(recoloured(sample.picture, rng), sample.boxes, sample.ignore, sample.background_weight)


def mirrored(sample: Sample) -> Sample:
    """Left and right swapped."""
    width = sample.picture.shape[1]
    flip = lambda boxes: np.stack([width - boxes[:, 2], boxes[:, 1], width - boxes[:, 0], boxes[:, 3]], 1)  # noqa: E731
    return Sample(np.ascontiguousarray(sample.picture[:, ::-1]), flip(sample.boxes), flip(sample.ignore), sample.background_weight)


def recoloured(picture: np.ndarray, rng: random.Random) -> np.ndarray:
    """Other light, colours, sharpness and noise; uint8 to uint8."""
    x = picture.astype(np.float32)
    x = (x - 128) * rng.uniform(0.7, 1.3) + 128 + rng.uniform(-30, 30)
    x *= np.float32([rng.uniform(0.88, 1.12) for _ in range(3)])
    if rng.random() < 0.1:
        x = np.repeat(x.mean(2, keepdims=True), 3, 2)
    if rng.random() < 0.25:
        x = cv2.GaussianBlur(x, (0, 0), rng.uniform(0.4, 1.6))
    if rng.random() < 0.3:
        x += np.random.default_rng(rng.getrandbits(32)).normal(0, rng.uniform(2, 10), x.shape).astype(np.float32)
    return np.clip(x, 0, 255).astype(np.uint8)


def unletterboxed(sample: Sample) -> Sample:
    """The sample without rows and columns of one colour at its borders; as it is where nothing else would be left."""
    spread = np.ptp(sample.picture.astype(np.int16), axis=1).max(1), np.ptp(sample.picture.astype(np.int16), axis=0).max(1)
    rows, columns = (np.flatnonzero(x > LETTERBOX) for x in spread)
    if len(rows) < 2 * MIN_SIDE or len(columns) < 2 * MIN_SIDE:
        return sample
    return cropped(sample, int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)


def mosaic(samples: list[Sample], size: int, rng: random.Random) -> Sample:
    """Four samples around a random point of a size x size picture."""
    cx, cy = int(size * rng.uniform(0.35, 0.65)), int(size * rng.uniform(0.35, 0.65))
    canvas = np.zeros((size, size, 3), np.uint8)
    boxes, ignore = [], []
    for sample, (x1, y1, x2, y2) in zip(samples, [(0, 0, cx, cy), (cx, 0, size, cy), (0, cy, cx, size), (cx, cy, size, size)]):
        height, width = sample.picture.shape[:2]
        scale = np.float32([(x2 - x1) / width, (y2 - y1) / height] * 2)
        canvas[y1:y2, x1:x2] = cv2.resize(sample.picture, (x2 - x1, y2 - y1), interpolation=cv2.INTER_AREA)
        offset = np.float32([x1, y1, x1, y1])
        boxes.append(sample.boxes * scale + offset)
        ignore.append(sample.ignore * scale + offset)
    weight = min(sample.background_weight for sample in samples)
    return Sample(canvas, np.concatenate(boxes), np.concatenate(ignore), weight)
