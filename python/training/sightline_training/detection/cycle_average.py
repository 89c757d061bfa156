"""The reference's average of a detector's weights: it begins at nothing, and after so many measurements begins again.

An exponential moving average of decay min(d, (1 + t) / (10 + t)), divided by 1 - decay^t when it is used (ModelEMA of
PaddleDetection, ppdet/optimizer/ema.py). Beginning again forgets what the weights were far from here.
"""

import torch
from torch import Tensor, nn


class CycleAverage:
    """`cycle` is in measurements; `updates` since it began (again), `measurements` likewise."""

    def __init__(self, model: nn.Module, decay: float, cycle: int) -> None:
        self.decay, self.cycle = decay, cycle
        self.updates = self.measurements = 0
        self.used = 0.0
        self.state: dict[str, Tensor] = {name: torch.zeros_like(value) for name, value in model.state_dict().items()}

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """After each step."""
        self.used = min(self.decay, (1 + self.updates) / (10 + self.updates))
        for name, value in model.state_dict().items():
            if value.is_floating_point():
                self.state[name].mul_(self.used).add_(value, alpha=1 - self.used)
            else:
                self.state[name].copy_(value)
        self.updates += 1

    def weights(self) -> dict[str, Tensor]:
        """What is measured and kept; nothing has been averaged before the first update."""
        scale = 1 / (1 - self.used**self.updates) if self.updates else 1.0
        return {name: value * scale if value.is_floating_point() else value for name, value in self.state.items()}

    def measured(self) -> None:
        """After each measurement: with the last one of a cycle the average begins again."""
        self.measurements += 1
        if self.measurements == self.cycle:
            self.updates = self.measurements = 0
            self.state = {name: torch.zeros_like(value) for name, value in self.state.items()}

    def saved(self) -> dict[str, object]:
        """What a checkpoint holds besides `state`."""
        return {"updates": self.updates, "measurements": self.measurements, "used": self.used}

    def restore(self, state: dict[str, Tensor], saved: dict[str, float]) -> None:
        """Goes on where a checkpoint was made."""
        for name, value in state.items():
            self.state[name].copy_(value)
        self.updates, self.measurements, self.used = int(saved["updates"]), int(saved["measurements"]), float(saved["used"])
