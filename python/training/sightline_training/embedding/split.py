"""The fixed split of labels: a validation label and all its pictures are never trained on."""

import hashlib
import math
from collections import defaultdict
from collections.abc import Sequence

from .pictures import Picture

FRACTION = 0.15
# A dataset of few labels still gives three, so that a validation label has others to be confused with.
LEAST = 3


def _rank(label: str) -> str:
    return hashlib.sha256(f"sightline-validation:{label}".encode()).hexdigest()


def split_by_label(pictures: Sequence[Picture]) -> tuple[list[Picture], list[Picture]]:
    """(train, validation): in each dataset, the labels whose hash ranks lowest are for validation.

    A label chosen in one dataset is held out of all of them.
    """
    labels: dict[str, set[str]] = defaultdict(set)
    for picture in pictures:
        labels[picture.dataset].add(picture.label)
    held: set[str] = set()
    for names in labels.values():
        count = min(len(names) // 2, max(LEAST, math.ceil(FRACTION * len(names))))
        held.update(sorted(names, key=_rank)[:count])
    train = [p for p in pictures if p.label not in held]
    return train, [p for p in pictures if p.label in held]
