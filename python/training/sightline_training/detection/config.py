"""The detector's training configuration, one YAML file."""

import math
from dataclasses import field
from pathlib import Path

from pydantic.dataclasses import dataclass

from ..config import STRICT, ConfigError, read_config
from .assignment import ASSIGNMENTS


@dataclass(config=STRICT)
class Config:
    """Every setting with its default; the file may set any of them and nothing else."""

    # `lite`: EfficientNet-Lite0, its first `frozen` blocks kept; `lcnet`: PP-LCNet at `scale`.
    network: str = "lite"
    scale: float = 2.5
    # The size that is deployed and measured; a batch has one of `sizes`, or this one where there are none.
    size: int = 320
    sizes: list[int] = field(default_factory=list)
    width: int = 96
    frozen: int = 3
    batch: int = 16
    # The schedule ends after so many minutes of training, or with this step if it comes first.
    minutes: float = 50.0
    steps: float = math.inf
    learning_rate: float = 1e-3
    backbone_rate: float = 0.3
    weight_decay: float = 0.02
    warmup_steps: int = 60
    ema: float = 0.998
    # `task_aligned` or `atss`: which cells answer for a box.
    assignment: str = "task_aligned"
    # bfloat16 where autocast allows it.
    mixed_precision: bool = False
    # Shares of what a batch is made of; the rest are single pictures.
    mosaics: float = 0.15
    shelves: float = 0.3
    tables: float = 0.2
    # Made racks, and photographs of the `dense` sources side by side: windows of them, as tiles show them.
    racks: float = 0.0
    grids: float = 0.0
    dense: list[str] = field(default_factory=list)
    # Of single pictures and those in mosaics, so many are of the `dense` sources where there are any.
    dense_share: float = 0.5
    # In the last `settling` share of the schedule, mosaics and made scenes shrink to this share of theirs.
    settling: float = 0.15
    settled_share: float = 0.3
    material: int = 1500
    art: list[str] = field(default_factory=list)
    products: list[str] = field(default_factory=list)
    cutouts: list[str] = field(default_factory=list)
    seed: int = 1
    # Processes that make batches beside each that trains.
    workers: int = 1
    checkpoint_minutes: float = 3.0
    evaluate_minutes: float = 10.0


def load_config(path: Path) -> Config:
    """Reads the file; raises ConfigError naming what is wrong."""
    config = read_config(path, Config)
    if config.assignment not in ASSIGNMENTS:
        raise ConfigError(f"{path}: assignment must be one of {', '.join(ASSIGNMENTS)}, not {config.assignment!r}")
    return config
