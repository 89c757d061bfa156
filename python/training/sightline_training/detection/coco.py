"""COCO's instances files as box lists: every category is an object, crowds are regions that do not count."""

from pathlib import Path
from typing import Any

import numpy as np

from ..embedding.pictures import LabelFileError

# Narrower boxes, in pixels, are no boxes (PaddleDetection's bound).
LEAST_SIDE = 1e-5


def is_coco(told: Any) -> bool:
    """Whether a JSON file's content is such a file."""
    return isinstance(told, dict) and isinstance(told.get("images"), list) and isinstance(told.get("annotations"), list)


def coco_rows(told: dict[str, Any], path: Path) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """(file name, boxes [K, 4], crowds [I, 4]) of each picture, corners in 0..1 of its width and height.

    What is marked `ignore`, has no area or no sides is left out, as PaddleDetection leaves it out. Raises LabelFileError
    naming what is not as it must be (the first ten).
    """
    pictures: dict[Any, tuple[str, np.ndarray]] = {}
    found: dict[Any, tuple[list[list[float]], list[list[float]]]] = {}
    bad: list[str] = []
    for place, image in enumerate(told["images"]):
        try:
            sides = np.array([image["width"], image["height"]] * 2, np.float64)
            if not (sides > 0).all():
                raise ValueError(f"width {image['width']}, height {image['height']}")
            pictures[image["id"]] = (image["file_name"], sides)
            found[image["id"]] = ([], [])
        except (KeyError, TypeError, ValueError) as error:
            bad.append(f"images[{place}]: {error!r}")
    for place, note in enumerate(told["annotations"]):
        try:
            if note.get("ignore") or "bbox" not in note:
                continue
            x, y, w, h = (float(value) for value in note["bbox"])
            boxes, crowds = found[note["image_id"]]
            if note.get("area", w * h) > 0 and w > LEAST_SIDE and h > LEAST_SIDE:
                (crowds if note.get("iscrowd") else boxes).append([x, y, x + w, y + h])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            bad.append(f"annotations[{place}]: {error!r}")
    if bad:
        more = f" (and {len(bad) - 10} more)" if len(bad) > 10 else ""
        raise LabelFileError(f"{path}: " + "; ".join(bad[:10]) + more)

    def corners(values: list[list[float]], sides: np.ndarray) -> np.ndarray:
        cut = np.clip(np.array(values, np.float64).reshape(-1, 4) / sides, 0, 1)
        return cut[(cut[:, 2:] > cut[:, :2]).all(1)].astype(np.float32)

    return [(name, corners(found[number][0], sides), corners(found[number][1], sides)) for number, (name, sides) in pictures.items()]
