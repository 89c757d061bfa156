"""The YAML of an embedder's training, checked field by field."""

import math
from dataclasses import field, replace
from pathlib import Path
from typing import Literal

from pydantic.dataclasses import dataclass

from ..config import STRICT, ConfigError, read_config
from .losses import TripletOptions

# `true` is bfloat16; float16 scales the loss, so that small gradients are not rounded to nothing.
MixedPrecision = Literal[False, True, "bf16", "fp16"]


@dataclass(frozen=True, config=STRICT)
class TrainConfig:
    """What a run needs to know. Weights of losses are multipliers.

    `minutes` and `steps`, or `epochs` in place of these, end it, whichever is first. What is marked as the reference's has a
    default of our own, and the recipe as published sets it (configs/pp_shitu_v2.yaml says where each stands there).
    """

    network: Literal["lite", "pplcnet_v2"]  # `lite` is EfficientNet-Lite0
    augmentation: Literal["camera", "reference"]
    optimizer: Literal["adamw", "momentum"]
    learning_rate: float
    labels_per_batch: int
    pictures_per_label: int
    sizes: list[int]
    steps: int = 0
    epochs: int = 0  # as many passes over the list, however many processes share it
    minutes: float = float("inf")
    warmup_steps: int = 0
    warmup_epochs: int = 0
    rate_processes: int = 0  # so many processes the learning rate is for; others get it scaled by their number; 0: as it is
    cosine_after_warmup: bool = False  # the reference's: the cosine begins where the warm-up ends, and that begins at 0
    momentum: float = 0.9
    weight_decay: float = 0.0
    decayed: Literal["matrices", "all_but_backbone_norms"] = "matrices"  # the second is the reference's
    head_rate: float = 1.0  # learning-rate multiplier of the projection and the neck
    classifier_rate: float = 1.0
    freeze: int = 0  # that many first modules of the backbone (the stem, then blocks) keep their weights
    frozen_statistics: bool = False  # BatchNorm keeps its running statistics
    start_from_imagenet: bool = False
    pretrained: str = ""  # of `pplcnet_v2`: `ssld`, the reference's own start, pulled once; or a .pdparams file
    pretrained_base: str = ""  # address of a mirror of that file, in place of the published one
    pretrained_sha256: str = ""  # what the file must have; without it the first one's is recorded and held
    dropout: float = 0.0  # of `pplcnet_v2`, before the neck; in inference features are scaled by what was kept
    imagenet_share: float = 0.0  # a run that begins after another moves its backbone that far back to ImageNet's first
    mixed_precision: MixedPrecision = False
    ema: float = 0.0
    smoothing: float = 0.1
    classification: float = 1.0
    triplet: float = 1.0
    triplet_margin: float = 0.5
    triplet_absolute: float = 0.1
    triplet_positive_floor: float = 0.8
    triplet_negative_ceiling: float = 0.4
    triplet_normalized: bool = True
    triplet_reduction: Literal["mean", "sum"] = "mean"
    distillation: float = 0.0
    anchoring: float = 0.0
    anchored: list[str] = field(default_factory=list)  # datasets whose pictures are held to the teacher, without labels
    teacher_variants: list[int] = field(default_factory=lambda: [2])  # EfficientNet-Lite0 or 2, or both
    teacher_size: int = 192
    groups: int = 0
    neighbours: float = 0.0  # share of groups that are a label and those most like it, by the teacher
    dataset_weights: dict[str, float] = field(default_factory=dict)
    quadrupled_labels: list[list[int]] = field(default_factory=list)  # inclusive ranges of integer labels
    flipped: list[str] = field(default_factory=list)  # datasets whose pictures may be mirrored; "*" for all
    hold_out: bool = True  # 15 % of the labels are measured and never trained; the reference trains them all
    damaged_share: float = 0.01  # of the pictures, at least ten, may be unreadable: others take their place
    evaluate_every: int = 500
    evaluate_epochs: int = 0
    evaluate_size: int = 224
    evaluate_plain: bool = False  # the reference's: resized at once, without the averaging of what shrinks much
    checkpoint_minutes: float = 4.0
    seed: int = 1
    threads: int = 2
    workers: int = 1

    @property
    def triplet_options(self) -> TripletOptions:
        """The settings of the triplet loss, by its own names."""
        return TripletOptions(
            self.triplet_margin, self.triplet_absolute, self.triplet_positive_floor, self.triplet_negative_ceiling,
            self.triplet_normalized, self.triplet_reduction,
        )


def load_config(path: Path) -> TrainConfig:
    """Reads a YAML file; raises ConfigError where a setting is wrong by itself or beside another."""
    config = read_config(path, TrainConfig)
    if bool(config.steps) == bool(config.epochs):
        raise ConfigError(f"{path}: give steps or epochs, one of them")
    if not config.epochs and (config.warmup_epochs or config.evaluate_epochs):
        raise ConfigError(f"{path}: warmup_epochs and evaluate_epochs need epochs; beside steps there are warmup_steps and evaluate_every")
    if config.cosine_after_warmup and config.minutes < math.inf:
        raise ConfigError(f"{path}: cosine_after_warmup is a matter of steps: leave minutes out")
    if config.network != "pplcnet_v2" and (config.pretrained or config.dropout):
        raise ConfigError(f"{path}: pretrained and dropout are settings of pplcnet_v2")
    if config.neighbours and not (config.groups and config.distillation):
        raise ConfigError(f"{path}: neighbours needs groups and, to know what is alike, distillation's teacher")
    if bool(config.anchoring) != bool(config.anchored) or (config.anchored and config.augmentation != "camera"):
        raise ConfigError(f"{path}: anchoring needs anchored, the names of datasets, the other way round too, and camera views")
    if config.imagenet_share and config.network != "lite":
        raise ConfigError(f"{path}: imagenet_share: there are no ImageNet weights for {config.network}")
    return config


def steps_an_epoch(rows: int, batch: int, processes: int) -> int:
    """Batches in which each of `processes` sees its share of `rows` once, the last one filled up (the reference's sampler)."""
    return -(-(-(-rows // processes)) // batch)


def in_steps(config: TrainConfig, rows: int, processes: int) -> TrainConfig:
    """The configuration for a list of `rows` pictures and so many processes: epochs are steps, the rate is scaled."""
    if config.rate_processes:
        config = replace(config, learning_rate=config.learning_rate * processes / config.rate_processes, rate_processes=0)
    if not config.epochs:
        return config
    epoch = steps_an_epoch(rows, config.labels_per_batch * config.pictures_per_label, processes)
    return replace(
        config, steps=config.epochs * epoch, epochs=0, warmup_epochs=0, evaluate_epochs=0,
        warmup_steps=config.warmup_epochs * epoch or config.warmup_steps,
        evaluate_every=config.evaluate_epochs * epoch or config.evaluate_every,
    )
