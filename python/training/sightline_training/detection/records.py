"""What the first process of a detector's run says and writes: progress, curves, the checkpoint and the best weights."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import torch

from ..embedding.pictures import LabelFileError
from ..embedding.training_state import Curves, save_checkpoint
from .config import Config
from .data import Listed, load
from .evaluate import detect_with, evaluate
from .losses import WEIGHTS
from .networks import build_detector
from .run import Run

Log = Callable[[str], None]

LOSS_COLUMNS = ("step", "minutes", "rate", *WEIGHTS)
VALIDATION_COLUMNS = ("step", "minutes", "AP50", "AP", "recall@100")


class Records:
    """Opened on a run's folder, where it drops what a run that is resumed will write again."""

    def __init__(self, config: Config, held_out: list[Listed], folder: Path, run: Run, device: torch.device, log: Log) -> None:
        self.config, self.folder, self.run, self.device, self.log = config, folder, run, device, log
        self.held_out = readable(held_out, log)
        self.losses = Curves(folder / "losses.csv", LOSS_COLUMNS, run.step)
        self.validation = Curves(folder / "validation.csv", VALIDATION_COLUMNS, run.step)
        self.saved_at = self.evaluated_at = run.seconds

    def add(self, is_over: bool, epoch_steps: int) -> None:
        """After each step."""
        run, config = self.run, self.config
        is_due = (
            run.step % (config.evaluate_epochs * epoch_steps) == 0 if config.evaluate_epochs
            else run.seconds - self.evaluated_at > config.evaluate_minutes * 60
        )
        if is_over or is_due:
            self.evaluated_at = run.seconds
            self._watch()
        if is_over or run.seconds - self.saved_at > config.checkpoint_minutes * 60:
            self.saved_at = run.seconds
            save_checkpoint(self.folder / "checkpoint.pt", run.state())

    def row(self, means: dict[str, float], rate: float) -> None:
        """The losses' means since the last row, over all processes."""
        run = self.run
        self.losses.add(step=run.step, minutes=round(run.seconds / 60, 2), rate=rate, **means)
        left = run.seconds / 60 * (1 / max(run.done(self.config), 1e-6) - 1)
        values = " ".join(f"{name} {value:.3f}" for name, value in means.items())
        self.log(f"step {run.step} {values} lr {rate:.2e} {left:.1f} min left")

    def _watch(self) -> None:
        """Measures the averaged weights, and keeps them where they are the best so far. Done once a step."""
        run, config = self.run, self.config
        if self.validation.last == run.step:
            return
        model = build_detector(config)
        weights = run.average.weights()
        model.load_state_dict(weights)
        model.to(self.device, memory_format=torch.channels_last)
        result = evaluate(detect_with(model, config.size), self.held_out)
        rounded = {name: round(value, 4) for name, value in result.items()}
        self.validation.add(step=run.step, minutes=round(run.seconds / 60, 2), **rounded)
        self.log(f"step {run.step} " + " ".join(f"{k} {v:.4f}" for k, v in result.items()))
        reached = result["AP"] if config.best == "AP" else result["AP50"] + result["AP"]
        run.average.measured()
        if reached > run.best:
            run.best = reached
            best = {"average": weights, "config": asdict(config), "metrics": result}
            save_checkpoint(self.folder / "best.pt", best)


def readable(pictures: list[Listed], log: Log) -> list[Listed]:
    """Those that can be measured by: what can't be read now would end the run at its first measurement."""
    kept = []
    for one in pictures:
        try:
            load(one)
            kept.append(one)
        except LabelFileError as error:
            log(f"not measured by: {error}")
    return kept
