"""Merges datasets in their own layouts into one label file with contiguous integer labels, and checks it."""

from collections.abc import Callable, Collection
from pathlib import Path

from .layouts import DATASETS
from .pictures import LabelFileError


def merge(root: Path, target: Path, skip: Collection[str], report: Callable[[str], None]) -> int:
    """Writes `dataset/path label` lines for every dataset in root/<name>/ but those to skip; returns their number.

    Labels are numbered in the order of first appearance, each dataset's after the one before. Raises LabelFileError,
    naming all of them, where datasets or their lists are missing, and where listed pictures are. `report` is told each
    dataset's pictures, labels and range of numbers. The target is only written when everything is there.
    """
    unknown = sorted(set(skip) - set(DATASETS))
    if unknown:
        raise LabelFileError(f"there is no dataset {', '.join(unknown)}; known are {', '.join(DATASETS)}")
    lines: list[str] = []
    problems: list[str] = []
    following = 0
    for name, read in DATASETS.items():
        if name in skip:
            report(f"{name}: skipped")
            continue
        numbers: dict[str, int] = {}
        pictures = absent = 0
        try:
            for path, label in read(root / name):
                if not (root / name / path).is_file():
                    absent += 1
                    problems += [f"{name}: no picture {path}"] if absent == 1 else []
                    continue
                number = numbers.setdefault(label, following + len(numbers))
                lines.append(f"{name}/{path} {number}")
                pictures += 1
        except FileNotFoundError as error:
            problems.append(f"{name}: {error.filename or error} is missing; give --skip '{name}' to go without")
            continue
        except (KeyError, ValueError) as error:
            problems.append(f"{name}: its list is not in the published form ({error!r})")
            continue
        if absent > 1:
            problems.append(f"{name}: {absent} listed pictures are missing in all")
        if not pictures:
            problems.append(f"{name}: no pictures in {root / name}")
            continue
        report(f"{name}: {pictures} pictures, {len(numbers)} labels, {following}-{following + len(numbers) - 1}")
        following += len(numbers)
    if problems:
        raise LabelFileError("nothing was written: " + "; ".join(problems))
    partial = target.with_suffix(target.suffix + ".partial")
    partial.write_text("".join(f"{line}\n" for line in lines))
    partial.replace(target)
    return len(lines)
