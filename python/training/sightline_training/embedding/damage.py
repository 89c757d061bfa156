"""Counts the pictures that training could not read, tells of each once, and ends a run that has too many of them."""

from collections.abc import Callable, Sequence
from pathlib import Path

from torch import Tensor

from .pictures import LabelFileError
from .place import Place

# So many are never too many.
FEW = 10
# So many are told by name.
NAMED = 20


class Damage:
    """What one process sees, and at `check` what all see. `report` is told by the first process alone."""

    def __init__(self, paths: Sequence[Path], most_share: float, place: Place, report: Callable[[str], None] | None) -> None:
        self.paths, self.place, self.report = paths, place, report
        self.most = max(FEW, int(most_share * len(paths)))
        self.here: set[int] = set()
        self.told: set[int] = set()

    def add(self, indices: Tensor | Sequence[int]) -> None:
        """After each batch: the indices of its pictures that could not be read, -1 where it could."""
        self.here.update(int(index) for index in indices if index >= 0)

    def check(self) -> None:
        """In all processes at the same step; raises LabelFileError, in all of them, where there are too many."""
        found = self.place.union_of_all(self.here)
        fresh = sorted(found - self.told)
        for index in fresh[: max(NAMED - len(self.told), 0)]:
            if self.report:
                self.report(f"damaged, another took its place: {self.paths[index]}")
        self.told |= found
        if fresh and self.report:
            self.report(f"{len(found)} of {len(self.paths)} pictures are damaged so far; the run ends with more than {self.most}")
        if len(found) == len(self.paths):
            raise LabelFileError(f"none of {len(self.paths)} pictures can be read, {self.paths[0]} for one")
        if len(found) > self.most:
            raise LabelFileError(
                f"{len(found)} of {len(self.paths)} pictures can't be read, more than damaged_share allows ({self.most}); "
                "`check` names them all"
            )
