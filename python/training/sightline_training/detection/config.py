"""The detector's training configuration, one YAML file."""

import math
from dataclasses import field, replace
from pathlib import Path
from typing import Literal

from pydantic.dataclasses import dataclass

from ..config import STRICT, ConfigError, read_config
from ..embedding.config import MixedPrecision
from .assignment import ASSIGNMENTS
from .losses import LOSSES


@dataclass(config=STRICT)
class Config:
    """Every setting with its default; the file may set any of them and nothing else.

    The defaults are ours. The recipe as published sets what is marked as the reference's: configs/mainbody_reference.yaml.
    """

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
    # So many passes over the pictures that have a box, in place of steps, however many processes share them.
    epochs: int = 0
    learning_rate: float = 1e-3
    # So many processes the learning rate is for; others get it scaled by their number. 0: as it is.
    rate_processes: int = 0
    # `whole`: a cosine to a fiftieth, times the warm-up. `after_warmup`, the reference's: up from a tenth, then a cosine to 0.
    schedule: Literal["whole", "after_warmup"] = "whole"
    optimizer: Literal["adamw", "momentum"] = "adamw"
    momentum: float = 0.9
    # Longer gradients are cut; the reference cuts none (.inf).
    gradient_clip: float = 10.0
    backbone_rate: float = 0.3
    weight_decay: float = 0.02
    # `matrices`: no decay on what has one dimension. `all_but_norms`, the reference's: on all but backbone's and towers' BatchNorm.
    decayed: Literal["matrices", "all_but_norms"] = "matrices"
    warmup_steps: int = 60
    ema: float = 0.998
    # The reference's average begins again after so many measurements; 0 is one that never does.
    ema_cycle: int = 0
    # `task_aligned`, `atss` or `simota`: which cells answer for a box.
    assignment: str = "task_aligned"
    # `quality`: parts weigh by quality, and ignored regions count; `published`: as the reference's head.
    loss: str = "quality"
    # Of `lcnet` at 2.5: `ssld`, the reference's own start, pulled once; or a .pdparams file. Then a mirror of it, and its sha256.
    pretrained: str = ""
    pretrained_base: str = ""
    pretrained_sha256: str = ""
    mixed_precision: MixedPrecision = False
    # `made`: an endless stream of pictures in memory, mosaics and made scenes. `published`: every picture once an epoch, from
    # disk, cropped, mirrored and recoloured as the reference does it, and nothing made.
    stream: Literal["made", "published"] = "made"
    # Of the pictures, at least ten, may be unreadable: others take their place.
    damaged_share: float = 0.01
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
    # So often in place of by minutes.
    evaluate_epochs: int = 0
    # What the kept weights are best by.
    best: Literal["AP50+AP", "AP"] = "AP50+AP"


def load_config(path: Path) -> Config:
    """Reads the file; raises ConfigError naming what is wrong."""
    config = read_config(path, Config)
    if config.assignment not in ASSIGNMENTS:
        raise ConfigError(f"{path}: assignment must be one of {', '.join(ASSIGNMENTS)}, not {config.assignment!r}")
    if config.loss not in LOSSES:
        raise ConfigError(f"{path}: loss must be one of {', '.join(LOSSES)}, not {config.loss!r}")
    if config.epochs and config.steps < math.inf:
        raise ConfigError(f"{path}: give steps or epochs, one of them")
    if (config.stream == "published") != bool(config.epochs):
        raise ConfigError(f"{path}: epochs are of the published stream, which needs them; the made one never ends")
    if config.evaluate_epochs and not config.epochs:
        raise ConfigError(f"{path}: evaluate_epochs needs epochs; beside minutes there is evaluate_minutes")
    if config.schedule == "after_warmup" and config.minutes < math.inf:
        raise ConfigError(f"{path}: the schedule after_warmup is a matter of steps: set minutes to .inf")
    if config.pretrained and config.network != "lcnet":
        raise ConfigError(f"{path}: pretrained is a setting of lcnet")
    return config


def steps_an_epoch(pictures: int, batch: int, processes: int) -> int:
    """Whole batches of each process's share of the pictures (the reference's `drop_last`)."""
    return -(-pictures // processes) // batch


def in_steps(config: Config, pictures: int, processes: int) -> Config:
    """The configuration for so many pictures with a box and processes: epochs as steps, the rate scaled.

    Raises ConfigError where an epoch is not even one batch.
    """
    if config.rate_processes:
        config = replace(config, learning_rate=config.learning_rate * processes / config.rate_processes, rate_processes=0)
    if not config.epochs:
        return config
    epoch = steps_an_epoch(pictures, config.batch, processes)
    if epoch == 0:
        raise ConfigError(f"batch: {config.batch} on each of {processes} processes are more than the {pictures} pictures that have a box")
    return replace(config, steps=config.epochs * epoch)
