"""A detector's run: everything that a step changes, new or from the last checkpoint."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..embedding.training_state import Average, RunError, load_checkpoint
from .config import Config
from .network import PicoDet
from .networks import new_detector
from .reopened import reopen


@dataclass
class Run:
    """The network with its optimizer and its average; `seconds` of the schedule that are over, the `best` AP50 + AP."""

    model: PicoDet
    optimizer: torch.optim.Optimizer
    average: Average
    step: int = 0
    seconds: float = 0.0
    best: float = -1.0

    def done(self, config: Config) -> float:
        """The share of the schedule that is over: 1 ends it."""
        return max(self.seconds / 60 / config.minutes, self.step / config.steps)

    def state(self) -> dict[str, Any]:
        """What a checkpoint holds."""
        return {
            "model": self.model.state_dict(), "average": self.average.state, "optimizer": self.optimizer.state_dict(),
            "state": {"step": self.step, "seconds": self.seconds, "best": self.best},
        }

    def restore(self, saved: dict[str, Any]) -> None:
        """Goes on where a checkpoint was made."""
        self.model.load_state_dict(saved["model"])
        self.optimizer.load_state_dict(saved["optimizer"])
        for name, value in saved["average"].items():
            self.average.state[name].copy_(value)
        self.step, self.seconds, self.best = (saved["state"][name] for name in ("step", "seconds", "best"))
        self.average.updates = self.step


def start_run(config: Config, folder: Path, after: Path | None, device: torch.device, shown: Iterable[Tensor] = ()) -> Run:
    """The folder's last checkpoint; without one, a new run, which begins with the average of the run in `after` if given.

    `after` may be a model folder, too: `shown`, batches of what the network takes, give it back its statistics.
    """
    saved = load_checkpoint(folder / "checkpoint.pt")
    model = new_detector(config)
    if saved is None and after is not None and (after / "manifest.json").exists():
        reopen(model, after, shown)
    elif saved is None and after is not None:
        earlier = load_checkpoint(after / "checkpoint.pt")
        if earlier is None:
            raise RunError(f"{after} has no checkpoint.pt: there is no run to begin after")
        model.load_state_dict(earlier["average"])
    # Channels last in memory: on a CPU its convolutions take less than half of the time.
    model.to(device, memory_format=torch.channels_last).train()
    optimizer = torch.optim.AdamW(_groups(model, config), weight_decay=config.weight_decay)
    run = Run(model, optimizer, Average(model, config.ema))
    if saved is not None:
        run.restore(saved)
    return run


def _groups(model: PicoDet, config: Config) -> list[dict[str, Any]]:
    """Backbone slower than the rest; no decay on biases and BatchNorm."""
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        groups.setdefault((name.startswith("backbone"), parameter.ndim > 1), []).append(parameter)
    return [
        {"params": parameters, "scale": config.backbone_rate if backbone else 1.0} | ({} if decays else {"weight_decay": 0.0})
        for (backbone, decays), parameters in groups.items()
    ]
