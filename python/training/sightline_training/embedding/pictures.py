"""Label files and pictures: lines of path and label become uint8 RGB arrays of one size."""

from collections.abc import Callable, Iterator, Sequence
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


def read_text(path: Path) -> str:
    """The file's text, without the mark that some editors put before UTF-8; raises LabelFileError naming what can't be read."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise LabelFileError(f"{path} can't be read: {error.strerror}") from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        number = data.count(b"\n", 0, error.start) + 1
        raise LabelFileError(f"{path}: line {number} is not UTF-8 (perhaps Latin-1): save the file as UTF-8") from error


def read_label_file(path: Path, root: Path | Sequence[Path], separator: str, missing_share: float = 0.0) -> list[Picture]:
    """Reads lines `relative/path<separator>label`; of several roots, the first that has the picture counts.

    The last separator of a line counts, so paths may hold it. Where the separator is a space, a line that has a tab is parted
    there: its label may hold spaces, too. Up to `missing_share` of the listed pictures may be missing and are left out.
    Raises LabelFileError naming every malformed line and every missing picture (the first ten), and for a list of none.
    """
    roots = [root] if isinstance(root, Path) else list(root)
    for folder in roots:
        if not folder.is_dir():
            raise LabelFileError(f"{folder} is no folder: the pictures of {path} are looked for there")
    pictures: list[Picture] = []
    bad: list[str] = []
    missing: list[str] = []
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        if not line.strip():
            continue
        used = "\t" if "\t" in line else separator
        name, found, label = line.rpartition(used)
        label = label.strip()
        if not found or not name or not label:
            bad.append(f"line {number}: no `path{used!r}label` in {line!r}")
            continue
        found_at = next((place for folder in roots if (place := folder / name).is_file()), None)
        if found_at is not None:
            pictures.append(Picture(found_at, label, name.split("/")[0]))
        elif used == " " and (whole := _label_with_spaces(line, roots)):
            bad.append(f"line {number}: the label {whole!r} has a space: put a tab between path and label")
        else:
            missing.append(f"line {number}: no picture {' or '.join(str(folder / name) for folder in roots)}")
    if len(missing) > missing_share * (len(pictures) + len(missing)):
        bad += missing
    if bad:
        more = f" (and {len(bad) - 10} more)" if len(bad) > 10 else ""
        raise LabelFileError(f"{path}: " + "; ".join(bad[:10]) + more)
    if not pictures:
        raise LabelFileError(f"{path} names no picture")
    return pictures


def read_asked_list(path: Path) -> tuple[list[Picture], list[str] | None]:
    """A gallery's or queries' list, its folder being the root, and the cameras where each line has a third column of them.

    That is the form of the reference's own lists: `path label camera`, or `path label`, parted by spaces or tabs.
    """
    lines = [line for line in read_text(path).splitlines() if line.strip()]
    columns = [line.rsplit("\t" if "\t" in line else " ", 2) for line in lines]
    if columns and all(len(one) == 3 and (path.parent / one[0]).is_file() for one in columns):
        return [Picture(path.parent / name, label, name.split("/")[0]) for name, label, _ in columns], [one[2] for one in columns]
    return read_label_file(path, path.parent, " "), None


def _label_with_spaces(line: str, roots: Sequence[Path]) -> str:
    """The rest of a line after the shortest part before a space that is a picture; nothing where none is."""
    words = line.split(" ")
    for count in range(1, len(words) - 1):
        if any((folder / " ".join(words[:count])).is_file() for folder in roots):
            return " ".join(words[count:])
    return ""


def read_picture(path: Path, whole: bool = False) -> np.ndarray:
    """Decodes a picture to uint8 RGB [H, W, 3]; raises LabelFileError where it cannot be decoded.

    With `whole` also where a JPEG or PNG was cut off: the rest of it would be grey.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise LabelFileError(f"{path} can't be read: {error.strerror}") from error
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    # Some versions of OpenCV decode what there is, the rest grey, and others nothing.
    if (whole or picture is None) and is_cut_off(data):
        raise LabelFileError(f"{path} was cut off: the end of the file is missing")
    if picture is None:
        raise LabelFileError(f"{path} is not a picture that can be decoded")
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)


def is_cut_off(data: bytes) -> bool:
    """Whether a JPEG lacks the mark that ends it, or a PNG its last chunk."""
    if data.startswith(b"\x89PNG"):
        return data.rfind(b"IEND") < 0
    if not data.startswith(b"\xff\xd8"):
        return False
    # Segments have a length each, up to the first scan: a thumbnail among them has an end of its own.
    place = 2
    while place + 4 <= len(data) and data[place] == 0xFF and data[place + 1] != 0xDA:
        place += 2 + int.from_bytes(data[place + 2 : place + 4], "big")
    return data.rfind(b"\xff\xd9", place) < 0


def as_deployed(picture: np.ndarray, size: int) -> np.ndarray:
    """The pipeline's chain: a crop travels as 224 x 224 and is then brought to the network's input size."""
    crop = cut_crop(picture, CROP)
    return crop if size == CROP else resized(crop, size, size)


def as_referred(picture: np.ndarray, size: int) -> np.ndarray:
    """The reference's evaluation: bilinear to the input size at once, also where a side shrinks much."""
    return resized(picture, size, size)


def batches(
    pictures: Sequence[Picture], size: int, batch: int, shown: Callable[[np.ndarray, int], np.ndarray] = as_deployed,
    black_where_damaged: bool = False,
) -> Iterator[np.ndarray]:
    """The pictures in order as the deployed network would see them, or as `shown` has it: uint8 [<= batch, size, size, 3].

    Raises LabelFileError for one that cannot be decoded, unless it shall be black.
    """

    def read(path: Path) -> np.ndarray:
        try:
            return read_picture(path)
        except LabelFileError:
            if not black_where_damaged:
                raise
            return np.zeros((CROP, CROP, 3), np.uint8)

    for start in range(0, len(pictures), batch):
        yield np.stack([shown(read(p.path), size) for p in pictures[start : start + batch]])
