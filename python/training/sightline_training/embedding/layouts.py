"""Readers of the published layouts of the 17 datasets that PP-ShiTuV2's embedder is trained on.

Each reader takes the dataset's own folder, as its archive unpacks, and yields (path relative to it, class name) of
the training part. Class names are the dataset's own; numbers are given when the lists are merged.
"""

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path

Reader = Callable[[Path], Iterator[tuple[str, str]]]

SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".webp"}


def folders(*parts: str, depth: int = 1) -> Reader:
    """Pictures in parts/<class>/..., the class being the first `depth` folders' names joined."""

    def read(root: Path) -> Iterator[tuple[str, str]]:
        base = root.joinpath(*parts)
        if not base.is_dir():
            raise FileNotFoundError(base)
        for path in sorted(p for p in base.rglob("*") if p.suffix.lower() in SUFFIXES):
            yield path.relative_to(root).as_posix(), "/".join(path.relative_to(base).parts[:depth])

    return read


def listed(file: str, base: str, depth: int, suffix: str = "") -> Reader:
    """One path a line, relative to base/, its first `depth` folders being the class."""

    def read(root: Path) -> Iterator[tuple[str, str]]:
        for line in (root / file).read_text().splitlines():
            if name := line.strip():
                yield f"{base}/{name}{suffix}", "/".join(name.split("/")[:depth])

    return read


def products_10k(root: Path) -> Iterator[tuple[str, str]]:
    """train.csv (name, class, group) and train/<name>."""
    with (root / "train.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            yield f"train/{row['name']}", row["class"]


def fashion_products(root: Path) -> Iterator[tuple[str, str]]:
    """styles.csv (id, ..., subCategory, ...) and images/<id>.jpg; names with commas make some rows longer."""
    with (root / "styles.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            yield f"images/{row['id']}.jpg", row["subCategory"]


def gldv2(root: Path) -> Iterator[tuple[str, str]]:
    """train_clean.csv (landmark_id, images separated by spaces) and train/<a>/<b>/<c>/<abc...>.jpg."""
    with (root / "train_clean.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            for name in row["images"].split():
                yield f"train/{name[0]}/{name[1]}/{name[2]}/{name}.jpg", row["landmark_id"]


def online_products(root: Path, part: str = "train") -> Iterator[tuple[str, str]]:
    """Stanford Online Products: Ebay_<part>.txt with a header and (image_id, class_id, super_class_id, path)."""
    for line in (root / f"Ebay_{part}.txt").read_text().splitlines()[1:]:
        _, name, _, path = line.split()
        yield path, name


def in_shop(root: Path, wanted: str = "train") -> Iterator[tuple[str, str]]:
    """DeepFashion In-shop: Eval/list_eval_partition.txt, two lines of heading, (image, item, train | query | gallery)."""
    for line in (root / "Eval" / "list_eval_partition.txt").read_text().splitlines()[2:]:
        path, item, part = line.split()
        if part == wanted:
            yield path, item


def inaturalist(year: str) -> Reader:
    """train<year>.json in COCO's form: images (id, file_name) and annotations (image_id, category_id)."""

    def read(root: Path) -> Iterator[tuple[str, str]]:
        told = json.loads((root / f"train{year}.json").read_text())
        files = {image["id"]: image["file_name"] for image in told["images"]}
        for note in told["annotations"]:
            yield files[note["image_id"]], str(note["category_id"])

    return read


# The first four come in the order of the published list, so that with all of them complete VeRI-Wild has the numbers
# 50030-80700 and In-shop 92019-96015, which the recipe draws four times as often.
DATASETS: dict[str, Reader] = {
    "Aliproduct": folders("train"),
    "VeRI-Wild": listed("train_test_split/train_list.txt", "images", 1),
    "SOP": online_products,
    "Inshop": in_shop,
    "GLDv2": gldv2,
    "LogoDet-3K": folders(depth=2),
    "bird400": folders("train"),
    "104flowers": folders("train"),
    "Cars": folders("train"),
    "Fashion Product Images": fashion_products,
    "flowerrecognition": folders("train"),
    "food-101": folders("images"),
    "fruits-262": folders(),
    "iNaturalist 2019": inaturalist("2019"),
    "indoor-scenes": folders("Images"),
    "Products-10k": products_10k,
    "CompCars": listed("train_test_split/classification/train.txt", "image", 2),
}


def datasets(year: str) -> dict[str, Reader]:
    """All 17, iNaturalist of 2019, whose counts are documented, or of 2017, which the documentation links to."""
    return {name.replace("2019", year): inaturalist(year) if "iNaturalist" in name else read for name, read in DATASETS.items()}


# (pictures, labels) in the reference's documentation. Its iNaturalist links to 2017 and has the numbers of 2019; LogoDet-3K's
# archive has 158,652 pictures.
DOCUMENTED: dict[str, tuple[int, int]] = {
    "Aliproduct": (2_498_771, 50_030), "GLDv2": (1_580_470, 81_313), "VeRI-Wild": (277_797, 30_671), "LogoDet-3K": (155_427, 3_000),
    "SOP": (59_551, 11_318), "Inshop": (25_882, 3_997), "bird400": (58_388, 400), "104flowers": (12_753, 104), "Cars": (58_315, 112),
    "Fashion Product Images": (44_441, 47), "flowerrecognition": (24_123, 59), "food-101": (101_000, 101),
    "fruits-262": (225_639, 262), "iNaturalist 2019": (265_213, 1_010), "iNaturalist 2017": (265_213, 1_010),
    "indoor-scenes": (15_588, 67), "Products-10k": (141_931, 9_691), "CompCars": (16_016, 431),
}
