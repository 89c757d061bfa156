"""A run's state on disk: the checkpoint that survives kill -9, and the CSV of its curves."""

import csv
import os
import pickle
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from sightline_base.errors import SightlineError


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Writes beside the file, syncs, and renames: the path holds the old state or the new, never half of one.

    Raises RunError where it can't be written: the disk is full, say.
    """
    partial = path.with_suffix(".partial")
    try:
        with partial.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    # PyTorch's writer tells of a failed write as a RuntimeError, the disk's own word as its context.
    except (OSError, RuntimeError) as error:
        reason = error if isinstance(error, OSError) else error.__context__ or error
        partial.unlink(missing_ok=True)
        whole = "the one before it is whole: make room, and the same command goes on from there"
        kept = whole if path.exists() else "make room and start again"
        raise RunError(f"writing {path} failed ({str(reason).splitlines()[0]}); {kept}") from error


def load_checkpoint(path: Path) -> dict[str, Any] | None:
    """The last saved state, or None for a run that has none yet; raises RunError where the file is damaged."""
    if not path.exists():
        return None
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, pickle.UnpicklingError, KeyError, ValueError) as error:
        raise RunError(f"{path} can't be read, it was not written by training or is damaged: {str(error).splitlines()[0]}") from error


class RunError(SightlineError):
    """A run can't go on, or its folder does not hold what is asked of it; the message names what and says what to do."""


def final_weights(run: Path) -> dict[str, Tensor]:
    """The averaged weights with which the run in this folder ended; raises RunError where it has not."""
    weights = load_checkpoint(run / "final.pt")
    if weights is None:
        raise RunError(f"{run} has no final.pt: there is no run, or it has not ended")
    return weights


def best_weights(run: Path) -> dict[str, Tensor]:
    """The weights that measured best in this run; raises RunError where nothing was measured."""
    weights = load_checkpoint(run / "best.pt")
    if weights is None:
        raise RunError(f"{run} has no best.pt: nothing was measured, for want of held-out labels and of --query")
    return weights


class Average:
    """Exponential moving average of a network's floating-point state, its decay slow to start: min(d, (1+t)/(10+t))."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.updates = 0
        self.state: dict[str, Tensor] = {k: v.detach().clone() for k, v in model.state_dict().items()}

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        self.updates += 1
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        for name, value in model.state_dict().items():
            if value.is_floating_point():
                self.state[name].lerp_(value, 1 - decay)
            else:
                self.state[name].copy_(value)

    def weights(self) -> dict[str, Tensor]:
        """What is measured and kept."""
        return self.state

    def measured(self) -> None:
        """After each measurement: it goes on as it is."""


class Curves:
    """Rows of a CSV. Opening it at a step drops later rows, which a resumed run will write again; `last` is the last row's step."""

    def __init__(self, path: Path, columns: tuple[str, ...], step: int) -> None:
        self.path, self.columns = path, columns
        kept: list[dict[str, str]] = []
        if path.exists():
            with path.open(newline="") as file:
                kept = [
                    {name: value for name, value in row.items() if name in columns}
                    for row in csv.DictReader(file) if int(row["step"]) <= step
                ]
        self.last = int(kept[-1]["step"]) if kept else -1
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, columns, restval="")
            writer.writeheader()
            writer.writerows(kept)

    def add(self, **row: float | str) -> None:
        self.last = int(row["step"])
        with self.path.open("a", newline="") as file:
            csv.DictWriter(file, self.columns).writerow(row)
