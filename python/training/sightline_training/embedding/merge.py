"""Merges datasets in their own layouts into one label file with contiguous integer labels, and checks it."""

from collections.abc import Callable, Collection
from pathlib import Path

from .layouts import DOCUMENTED, datasets
from .pictures import LabelFileError


def merge(
    root: Path, target: Path, skip: Collection[str], report: Callable[[str], None], separator: str = " ", missing_share: float = 0.0,
    inaturalist: str = "2019",
) -> int:
    """Writes `dataset/path<separator>label` lines for every dataset in root/<name>/ but those to skip; returns their number.

    Labels are numbered in the order of first appearance, each dataset's after the one before. Of a dataset's pictures up to
    `missing_share` may be missing. Raises LabelFileError, naming all of them, where datasets or their lists are missing, and
    where more pictures are. `report` is told each dataset's pictures, labels and range of numbers, and the documented counts
    where they differ. The target is only written when everything is there.
    """
    known = datasets(inaturalist)
    unknown = sorted(set(skip) - set(known))
    if unknown:
        raise LabelFileError(f"there is no dataset {', '.join(unknown)}; known are {', '.join(known)}")
    lines: list[str] = []
    problems: list[str] = []
    following = 0
    for name, read in known.items():
        if name in skip:
            report(f"{name}: skipped")
            continue
        numbers: dict[str, int] = {}
        pictures = absent = 0
        first_absent = ""
        try:
            for path, label in read(root / name):
                if not (root / name / path).is_file():
                    absent += 1
                    first_absent = path if absent == 1 else first_absent
                    continue
                number = numbers.setdefault(label, following + len(numbers))
                lines.append(f"{name}/{path}{separator}{number}")
                pictures += 1
        except FileNotFoundError as error:
            problems.append(f"{name}: {error.filename or error} is missing; give --skip '{name}' to go without")
            continue
        except (KeyError, ValueError) as error:
            problems.append(f"{name}: its list is not in the published form ({error!r})")
            continue
        if absent > missing_share * (absent + pictures):
            problems.append(f"{name}: no picture {first_absent}")
            problems += [f"{name}: {absent} listed pictures are missing in all"] if absent > 1 else []
        if not pictures:
            problems.append(f"{name}: no pictures in {root / name}")
            continue
        report(f"{name}: {pictures} pictures, {len(numbers)} labels, {following}-{following + len(numbers) - 1}")
        if absent:
            report(f"{name}: {absent} listed pictures are missing and left out, {first_absent} for one")
        if (documented := DOCUMENTED[name]) != (pictures, len(numbers)):
            report(f"{name}: the reference's documentation has {documented[0]} pictures, {documented[1]} labels")
        following += len(numbers)
    if problems:
        raise LabelFileError("nothing was written: " + "; ".join(problems))
    partial = target.with_suffix(target.suffix + ".partial")
    partial.write_text("".join(f"{line}\n" for line in lines))
    partial.replace(target)
    return len(lines)
