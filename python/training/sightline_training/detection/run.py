"""A detector's run: everything that a step changes, new or from the last checkpoint."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..embedding.training_state import Average, RunError, load_checkpoint
from ..pretrained import load_pretrained
from ..published_names import of_lcnet
from .config import Config
from .cycle_average import CycleAverage
from .network import PicoDet
from .networks import new_detector
from .reopened import reopen


@dataclass
class Run:
    """The network with its optimizer and its average; `seconds` of the schedule that are over, the `best` that was measured."""

    model: PicoDet
    optimizer: torch.optim.Optimizer
    average: Average | CycleAverage
    step: int = 0
    seconds: float = 0.0
    best: float = -1.0
    # Of float16 alone: keeps small gradients above what rounds to nothing.
    scaler: torch.amp.GradScaler = field(default_factory=lambda: torch.amp.GradScaler("cpu", enabled=False))

    def done(self, config: Config) -> float:
        """The share of the schedule that is over: 1 ends it."""
        return max(self.seconds / 60 / config.minutes, self.step / config.steps)

    def state(self) -> dict[str, Any]:
        """What a checkpoint holds; `average` is what a run after this one begins with."""
        state = {
            "model": self.model.state_dict(), "average": self.average.state, "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(), "state": {"step": self.step, "seconds": self.seconds, "best": self.best},
        }
        if isinstance(self.average, CycleAverage):
            state |= {"average": self.average.weights(), "cycle": self.average.state, "cycle state": self.average.saved()}
        return state

    def restore(self, saved: dict[str, Any]) -> None:
        """Goes on where a checkpoint was made."""
        self.model.load_state_dict(saved["model"])
        self.optimizer.load_state_dict(saved["optimizer"])
        if saved.get("scaler"):
            self.scaler.load_state_dict(saved["scaler"])
        self.step, self.seconds, self.best = (saved["state"][name] for name in ("step", "seconds", "best"))
        if isinstance(self.average, CycleAverage):
            self.average.restore(saved["cycle"], saved["cycle state"])
            return
        for name, value in saved["average"].items():
            self.average.state[name].copy_(value)
        self.average.updates = self.step


def start_run(
    config: Config, folder: Path, after: Path | None, device: torch.device, report: Callable[[str], None] = print,
    shown: Iterable[Tensor] = (),
) -> Run:
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
    elif saved is None and config.pretrained:
        asked = (config.pretrained, config.pretrained_base, config.pretrained_sha256)
        load_pretrained(model.backbone, "lcnet", of_lcnet, asked, folder.parent / "pretrained", report)
    # Channels last in memory: on a CPU its convolutions take less than half of the time.
    model.to(device, memory_format=torch.channels_last).train()
    groups = _groups(model, config)
    optimizer: torch.optim.Optimizer
    if config.optimizer == "momentum":
        optimizer = torch.optim.SGD(groups, lr=config.learning_rate, momentum=config.momentum, weight_decay=config.weight_decay)
    else:
        optimizer = torch.optim.AdamW(groups, weight_decay=config.weight_decay)
    average = CycleAverage(model, config.ema, config.ema_cycle) if config.ema_cycle else Average(model, config.ema)
    scaler = torch.amp.GradScaler(device.type, init_scale=128.0, enabled=config.mixed_precision == "fp16")
    run = Run(model, optimizer, average, scaler=scaler)
    if saved is not None:
        run.restore(saved)
    return run


def undecayed(model: PicoDet, config: Config) -> list[nn.Parameter]:
    """The parameters that weight decay leaves out."""
    if config.decayed == "matrices":
        return [parameter for parameter in model.parameters() if parameter.ndim == 1]
    norms = (layer for part in (model.backbone, model.towers) for layer in part.modules() if isinstance(layer, nn.BatchNorm2d))
    return [parameter for layer in norms for parameter in layer.parameters()]


def _groups(model: PicoDet, config: Config) -> list[dict[str, Any]]:
    """Backbone at a rate of its own, and decay on what `decayed` names."""
    left_out = {id(parameter) for parameter in undecayed(model, config)}
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        groups.setdefault((name.startswith("backbone"), id(parameter) not in left_out), []).append(parameter)
    return [
        {"params": parameters, "scale": config.backbone_rate if backbone else 1.0} | ({} if decays else {"weight_decay": 0.0})
        for (backbone, decays), parameters in groups.items()
    ]
