"""The YAML of an embedder's training, checked field by field."""

from dataclasses import field
from pathlib import Path
from typing import Literal

from pydantic.dataclasses import dataclass

from ..config import STRICT, ConfigError, read_config


@dataclass(frozen=True, config=STRICT)
class TrainConfig:
    """What a run needs to know. Weights of losses are multipliers; `minutes` and `steps` end it, whichever is first."""

    network: Literal["lite", "pplcnet_v2"]  # `lite` is EfficientNet-Lite0
    augmentation: Literal["camera", "reference"]
    optimizer: Literal["adamw", "momentum"]
    learning_rate: float
    steps: int
    labels_per_batch: int
    pictures_per_label: int
    sizes: list[int]
    minutes: float = float("inf")
    warmup_steps: int = 0
    weight_decay: float = 0.0
    head_rate: float = 1.0  # learning-rate multiplier of the projection and the neck
    classifier_rate: float = 1.0
    freeze: int = 0  # that many first modules of the backbone (the stem, then blocks) keep their weights
    frozen_statistics: bool = False  # BatchNorm keeps its running statistics
    start_from_imagenet: bool = False
    imagenet_share: float = 0.0  # a run that begins after another moves its backbone that far back to ImageNet's first
    mixed_precision: bool = False  # bfloat16 where autocast allows it
    ema: float = 0.0
    smoothing: float = 0.1
    classification: float = 1.0
    triplet: float = 1.0
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
    evaluate_every: int = 500
    evaluate_size: int = 224
    checkpoint_minutes: float = 4.0
    seed: int = 1
    threads: int = 2
    workers: int = 1


def load_config(path: Path) -> TrainConfig:
    """Reads a YAML file; raises ConfigError where a setting is wrong by itself or beside another."""
    config = read_config(path, TrainConfig)
    if config.neighbours and not (config.groups and config.distillation):
        raise ConfigError(f"{path}: neighbours needs groups and, to know what is alike, distillation's teacher")
    if bool(config.anchoring) != bool(config.anchored) or (config.anchored and config.augmentation != "camera"):
        raise ConfigError(f"{path}: anchoring needs anchored, the names of datasets, the other way round too, and camera views")
    if config.imagenet_share and config.network != "lite":
        raise ConfigError(f"{path}: imagenet_share: there are no ImageNet weights for {config.network}")
    return config

