"""What the first process of a detector's run says and writes: progress, curves, the checkpoint and the best weights."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from statistics import fmean

import torch
from torch import Tensor

from ..embedding.training_state import Curves, save_checkpoint
from .config import Config
from .data import Listed
from .evaluate import detect_with, evaluate
from .losses import WEIGHTS
from .networks import build_detector
from .run import Run

Log = Callable[[str], None]

LOSS_COLUMNS = ("step", "minutes", "rate", *WEIGHTS)
VALIDATION_COLUMNS = ("step", "minutes", "AP50", "AP", "recall@100")
# Steps between two rows of the losses, which are means over them.
ROW_STEPS = 20


class Records:
    """Opened on a run's folder, where it drops what a run that is resumed will write again."""

    def __init__(self, config: Config, held_out: list[Listed], folder: Path, run: Run, device: torch.device, log: Log) -> None:
        self.config, self.held_out, self.folder, self.run, self.device, self.log = config, held_out, folder, run, device, log
        self.losses = Curves(folder / "losses.csv", LOSS_COLUMNS, run.step)
        self.validation = Curves(folder / "validation.csv", VALIDATION_COLUMNS, run.step)
        self.saved_at = self.evaluated_at = run.seconds
        self.recent: list[dict[str, Tensor]] = []

    def add(self, parts: dict[str, Tensor], rate: float, is_over: bool) -> None:
        """After each step."""
        run, config = self.run, self.config
        self.recent.append(parts)
        if run.step % ROW_STEPS == 0:
            self._row(rate)
        if is_over or run.seconds - self.evaluated_at > config.evaluate_minutes * 60:
            self.evaluated_at = run.seconds
            self._watch()
        if is_over or run.seconds - self.saved_at > config.checkpoint_minutes * 60:
            self.saved_at = run.seconds
            save_checkpoint(self.folder / "checkpoint.pt", run.state())

    def _row(self, rate: float) -> None:
        run = self.run
        means = {name: fmean(float(parts[name]) for parts in self.recent) for name in WEIGHTS}
        self.recent.clear()
        self.losses.add(step=run.step, minutes=round(run.seconds / 60, 2), rate=rate, **means)
        left = run.seconds / 60 * (1 / max(run.done(self.config), 1e-6) - 1)
        values = " ".join(f"{name} {value:.3f}" for name, value in means.items())
        self.log(f"step {run.step} {values} lr {rate:.2e} {left:.1f} min left")

    def _watch(self) -> None:
        """Measures the averaged weights, and keeps them where they are the best so far."""
        run, config = self.run, self.config
        model = build_detector(config)
        model.load_state_dict(run.average.state)
        model.to(self.device, memory_format=torch.channels_last)
        result = evaluate(detect_with(model, config.size), self.held_out)
        rounded = {name: round(value, 4) for name, value in result.items()}
        self.validation.add(step=run.step, minutes=round(run.seconds / 60, 2), **rounded)
        self.log(f"step {run.step} " + " ".join(f"{k} {v:.4f}" for k, v in result.items()))
        if result["AP50"] + result["AP"] > run.best:
            run.best = result["AP50"] + result["AP"]
            best = {"average": run.average.state, "config": asdict(config), "metrics": result}
            save_checkpoint(self.folder / "best.pt", best)
