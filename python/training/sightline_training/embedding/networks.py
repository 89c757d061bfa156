"""The embedders by the names that configurations use, and the classifier that only training needs."""

from torch import Tensor, nn

from ..config import ConfigError
from .config import TrainConfig
from .embedder import DIMENSION, LiteEmbedder
from .pplcnet_v2 import PPLCNetV2Embedder

Embedder = LiteEmbedder | PPLCNetV2Embedder


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
