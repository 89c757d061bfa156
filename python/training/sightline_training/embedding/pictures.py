"""Label files and pictures: `path label` lines become uint8 RGB arrays of one size."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from sightline_base.errors import SightlineError
from sightline_base.resize import cut_crop, resized

# Side of a crop on its way from detector to embedder.
CROP = 224


@dataclass(frozen=True)
class Picture:
    """One line of a label file; `dataset` is the first folder of its path."""

    path: Path
    label: str
    dataset: str


class LabelFileError(SightlineError):
    """A label file or its pictures are not as they must be; the message names the file and the lines."""


def read_label_file(path: Path, root: Path | Sequence[Path], separator: str) -> list[Picture]:
    """Reads `relative/path<separator>label` lines; the last separator of a line counts, so paths may hold it.

    Of several roots, the first that has the picture counts.
    Raises LabelFileError naming every malformed line and every missing picture (the first ten).
    """
    roots = [root] if isinstance(root, Path) else list(root)
    pictures: list[Picture] = []
    bad: list[str] = []
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        if not line.strip():
            continue
        name, found, label = line.rpartition(separator)
        if not found or not name or not label:
            bad.append(f"line {number}: no `path{separator!r}label` in {line!r}")
        else:
            places = [folder / name for folder in roots]
            found_at = next((place for place in places if place.is_file()), None)
            if found_at is None:
                bad.append(f"line {number}: no picture {' or '.join(map(str, places))}")
            else:
                pictures.append(Picture(found_at, label, name.split("/")[0]))
    if bad:
        more = f" (and {len(bad) - 10} more)" if len(bad) > 10 else ""
        raise LabelFileError(f"{path}: " + "; ".join(bad[:10]) + more)
    return pictures


def read_picture(path: Path) -> np.ndarray:
    """Decodes a picture to uint8 RGB [H, W, 3]; raises LabelFileError where it cannot be decoded."""
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if picture is None:
        raise LabelFileError(f"{path} is not a picture that can be decoded")
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)


def as_deployed(picture: np.ndarray, size: int) -> np.ndarray:
    """The pipeline's chain: a crop travels as 224 x 224 and is then brought to the network's input size."""
    crop = cut_crop(picture, CROP)
    return crop if size == CROP else resized(crop, size, size)


def batches(pictures: Sequence[Picture], size: int, batch: int) -> Iterator[np.ndarray]:
    """The pictures in order as the deployed network would see them, uint8 [<= batch, size, size, 3]."""
    for start in range(0, len(pictures), batch):
        yield np.stack([as_deployed(read_picture(p.path), size) for p in pictures[start : start + batch]])
