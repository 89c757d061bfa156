"""The embedders by the names that configurations use, their input, and the classifier that only training needs."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from sightline_base.input import MEAN, STD

from ..config import ConfigError
from .config import TrainConfig
from .embedder import DIMENSION, LiteEmbedder
from .pplcnet_v2 import PPLCNetV2Embedder

Embedder = LiteEmbedder | PPLCNetV2Embedder


def as_input(views: Tensor) -> Tensor:
    """uint8 [N, H, W, 3] to the network's normalized float [N, 3, H, W], channels last in memory."""
    mean, std = (torch.tensor(v, device=views.device) for v in (MEAN, STD))
    return ((views.float() / 255 - mean) / std).permute(0, 3, 1, 2)


def embed_with(model: nn.Module, device: torch.device) -> Callable[[np.ndarray], np.ndarray]:
    """The model in inference as a function from uint8 pictures [N, H, W, 3] to embeddings [N, D]."""
    model.eval().to(device, memory_format=torch.channels_last)

    def embed(pictures: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return model(as_input(torch.from_numpy(pictures).to(device))).cpu().numpy()

    return embed


def build_embedder(network: str, dropout: float = 0.0) -> Embedder:
    """A new embedder in training form: [N, 3, H, W] to [N, 512]. `dropout` is of `pplcnet_v2`, which the others lack."""
    if network == "lite":
        return LiteEmbedder()
    if network == "pplcnet_v2":
        return PPLCNetV2Embedder(dropout)
    raise ConfigError(f"there is no network {network!r}")


def build_classifier(classes: int) -> nn.Linear:
    """512 to the number of classes, no bias, weights N(0, 0.001): the reference's head in training."""
    classifier = nn.Linear(DIMENSION, classes, bias=False)
    nn.init.normal_(classifier.weight, std=0.001)
    return classifier


def freeze(model: Embedder, config: TrainConfig) -> None:
    """Training mode but for what the configuration keeps: the first modules' weights, BatchNorm's statistics."""
    model.train()
    if config.freeze:
        for module in [model.backbone.stem, *model.backbone.blocks][: config.freeze]:
            module.requires_grad_(False).eval()
    if config.frozen_statistics:
        for module in model.modules():
            if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
                module.eval()


def parameter_groups(model: Embedder, classifier: nn.Linear, config: TrainConfig) -> list[dict[str, object]]:
    """Learning-rate and weight-decay groups: own rates for head and classifier, and decay on what `decayed` names.

    `matrices`: nothing of one dimension, which is BatchNorm and biases. `all_but_backbone_norms`: as the reference, where
    biases and the neck decay as well.
    """
    norms = {
        f"backbone.{name}.{part}" for name, layer in model.backbone.named_modules() if isinstance(layer, nn.BatchNorm2d)
        for part in ("weight", "bias")
    }
    rates: dict[float, tuple[list[Tensor], list[Tensor]]] = {}
    named = [*model.named_parameters(), *(("classifier." + n, p) for n, p in classifier.named_parameters())]
    for name, parameter in named:
        if not parameter.requires_grad:
            continue
        rate = 1.0
        if name.startswith("classifier."):
            rate = config.classifier_rate
        elif name.startswith(("projection.", "neck.")):
            rate = config.head_rate
        decayed, plain = rates.setdefault(rate, ([], []))
        is_plain = name in norms if config.decayed == "all_but_backbone_norms" else parameter.ndim == 1
        (plain if is_plain else decayed).append(parameter)
    groups: list[dict[str, object]] = []
    for rate, (decayed, plain) in rates.items():
        groups.append({"params": decayed, "rate": rate, "weight_decay": config.weight_decay})
        groups.append({"params": plain, "rate": rate, "weight_decay": 0.0})
    return [group for group in groups if group["params"]]
