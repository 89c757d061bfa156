"""PP-ShiTuV2's published table: its rows, and a model's figures for those whose data is there."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from sightline_base.retrieval import Retrieval

from .layouts import in_shop, online_products
from .pictures import LabelFileError, Picture, read_label_file
from .validation import retrieval_of

# recall@1 and mAP in percent, as PaddleClas published them for PP-ShiTuV2's embedder.
ROWS: dict[str, tuple[float, float]] = {
    "product": (73.7, 61.0),
    "Aliproduct": (84.2, 83.3),
    "VeRI-Wild": (87.8, 68.8),
    "LogoDet-3k": (88.0, 63.2),
    "iCartoonFace": (53.6, 27.5),
    "SOP": (77.6, 55.3),
    "Inshop": (90.8, 74.3),
    "gldv2": (98.1, 90.5),
    "imdb_face": (35.9, 11.2),
    "iNat": (38.6, 23.9),
    "instre": (87.7, 71.4),
    "sketch": (39.3, 15.6),
    "sop": (98.3, 90.9),
}


def measure_rows(
    root: Path, embed: Callable[[list[Picture]], np.ndarray], report: Callable[[str], None]
) -> Iterator[tuple[str, Retrieval]]:
    """Each row whose data is in root/<row>/, with its figures, one after the other; `report` is told of the others.

    A row's folder holds gallery.txt and query.txt, or list.txt whose pictures are asked of each other (none finds
    itself), lines `path<TAB>label` relative to it; a query without any right picture does not count, as in the table. SOP and Inshop may also be in their published layouts.
    Raises LabelFileError for a list that is not as it must be, and where there is no row's data at all.
    """
    found = False
    for name in ROWS:
        lists = _row(name, root / name)
        if lists is None:
            report(f"{name}: no data in {root / name}")
            continue
        found = True
        query, gallery = lists
        report(f"{name}: {len(query)} queries, {'themselves' if gallery is None else len(gallery)} as the gallery")
        yield name, retrieval_of(query, gallery, embed, only_answerable=True)
    if not found:
        raise LabelFileError(f"{root} has none of the folders {', '.join(ROWS)} with gallery.txt and query.txt, or list.txt")


def _row(name: str, folder: Path) -> tuple[list[Picture], list[Picture] | None] | None:
    """Queries and gallery; no gallery where the queries are asked of each other."""
    if (folder / "gallery.txt").exists() or (folder / "query.txt").exists():
        query, gallery = (_listed(folder / part) for part in ("query.txt", "gallery.txt"))
        return query, gallery
    if (folder / "list.txt").exists():
        return _listed(folder / "list.txt"), None
    if name == "SOP" and (folder / "Ebay_test.txt").exists():
        return [Picture(folder / path, label, name) for path, label in online_products(folder, "test")], None
    if name == "Inshop" and (folder / "Eval" / "list_eval_partition.txt").exists():
        query, gallery = ([Picture(folder / path, label, name) for path, label in in_shop(folder, part)] for part in ("query", "gallery"))
        return query, gallery
    return None


def _listed(path: Path) -> list[Picture]:
    if not path.exists():
        raise LabelFileError(f"{path} is missing: a row needs both gallery.txt and query.txt")
    return read_label_file(path, path.parent, "\t")
