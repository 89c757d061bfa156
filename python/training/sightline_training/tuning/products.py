"""A folder of products, one folder each, as pictures to tune with; what can't be used is named and left out."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from sightline_base.errors import SightlineError
from sightline_base.resize import cut_crop

from ..embedding.pictures import CROP, LabelFileError, read_picture

ENDINGS = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff"})
LEAST_PRODUCTS = 3
EXAMPLE = "a folder a product, named as the product is, with its pictures in it: {0}/oat crunch/1.jpg"
# Camera views are made from no more than this: a photograph of 12 megapixels would cost more to warp than to learn from.
LONGEST = 320
MOST_NAMED = 10


class ProductsError(SightlineError):
    """There is nothing to tune with; the message says what was looked for and where."""


@dataclass(frozen=True)
class Photo:
    """A picture of a product: as the pipeline would show it to an embedder [224, 224, 3], and to make camera views of."""

    product: str
    path: Path
    sha256: str
    crop: np.ndarray
    whole: np.ndarray


@dataclass(frozen=True)
class Products:
    """The usable photos in the order of their paths, and what was left out, a sentence each."""

    photos: list[Photo]
    left_out: list[str]

    @property
    def names(self) -> list[str]:
        return sorted({photo.product for photo in self.photos})

    def fingerprint(self) -> str:
        """What a run that goes on must find again: every product's name and pictures."""
        lines = "\n".join(f"{photo.sha256} {photo.product}" for photo in self.photos)
        return hashlib.sha256(lines.encode()).hexdigest()


def read_products(folder: Path) -> Products:
    """Reads folder/<product>/**/<picture>, RGB; raises ProductsError where fewer than three products have two pictures."""
    photos: list[Photo] = []
    left_out: list[str] = []
    for product, path in _listed(folder, left_out):
        try:
            data = path.read_bytes()
            picture = read_picture(path, whole=True)
        except (OSError, LabelFileError) as error:
            left_out.append(str(error))
            continue
        photos.append(Photo(product, path, hashlib.sha256(data).hexdigest(), cut_crop(picture, CROP), _smaller(picture)))
    products = Products(_without_twins(photos, left_out), left_out)
    _enough(products, folder)
    return products


def _listed(folder: Path, left_out: list[str]) -> list[tuple[str, Path]]:
    if not folder.is_dir():
        raise ProductsError(f"{folder} is no folder: --pictures takes {EXAMPLE.format(folder)}")
    listed: list[tuple[str, Path]] = []
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith((".", "__")):
            continue
        if entry.is_file():
            if entry.suffix.lower() in ENDINGS:
                left_out.append(f"{entry} lies in no product's folder")
            continue
        inside = sorted(path for path in entry.rglob("*") if path.suffix.lower() in ENDINGS and not path.name.startswith("."))
        if not inside:
            left_out.append(f"{entry} holds no picture")
        listed += [(entry.name, path) for path in inside]
    if not listed:
        raise ProductsError(f"{folder} holds no pictures of products: it wants {EXAMPLE.format(folder)}")
    return listed


def _smaller(picture: np.ndarray) -> np.ndarray:
    height, width = picture.shape[:2]
    scale = LONGEST / max(height, width)
    if scale >= 1:
        return picture
    return cv2.resize(picture, (max(1, round(width * scale)), max(1, round(height * scale))), interpolation=cv2.INTER_AREA)


def _without_twins(photos: Sequence[Photo], left_out: list[str]) -> list[Photo]:
    """A file that is there twice would be asked of itself; one that is in two products says that they are the same."""
    same: dict[str, list[Photo]] = defaultdict(list)
    for photo in photos:
        same[photo.sha256].append(photo)
    kept: list[Photo] = []
    for photo in photos:
        twins = same[photo.sha256]
        if len({twin.product for twin in twins}) > 1:
            others = ", ".join(str(twin.path) for twin in twins if twin is not photo)
            left_out.append(f"{photo.path} is the same file as {others}, in another product's folder: which of them is it?")
        elif photo is twins[0]:
            kept.append(photo)
        else:
            left_out.append(f"{photo.path} is the same file as {twins[0].path}")
    return kept


def _enough(products: Products, folder: Path) -> None:
    counts = Counter(photo.product for photo in products.photos)
    several = [name for name, count in counts.items() if count > 1]
    if len(several) < LEAST_PRODUCTS:
        found = f"{len(counts)} with a usable picture, {len(several)} of them with two or more"
        why = f"; left out: {told(products.left_out)}" if products.left_out else ""
        raise ProductsError(
            f"tuning needs at least {LEAST_PRODUCTS} products with two pictures each, {folder} has {found}. "
            f"It wants {EXAMPLE.format(folder)}{why}"
        )


def told(lines: Sequence[str]) -> str:
    """The first ten, and how many more there are."""
    more = f" (and {len(lines) - MOST_NAMED} more)" if len(lines) > MOST_NAMED else ""
    return "; ".join(lines[:MOST_NAMED]) + more
