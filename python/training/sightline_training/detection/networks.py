"""The detector networks by name, fresh or with ImageNet's backbone."""

import torch

from ..embedding.config import ConfigError
from ..embedding.efficientnet_lite import EfficientNetLite, load_imagenet
from .config import Config
from .lcnet import LCNetDetector
from .network import Detector, PicoDet


def build_detector(config: Config) -> PicoDet:
    """The network that the configuration names, its weights random; raises ConfigError for an unknown name."""
    if config.network == "lite":
        return Detector(config.width, config.frozen)
    if config.network == "lcnet":
        return LCNetDetector(config.scale, config.width)
    raise ConfigError(f"no such detector network: {config.network}; there are lite and lcnet")


def new_detector(config: Config) -> PicoDet:
    """What training begins with. `lite` gets ImageNet's backbone; `lcnet` the one that `pretrained` names, in start_run."""
    torch.manual_seed(config.seed)
    model = build_detector(config)
    if isinstance(model, Detector):
        imagenet = EfficientNetLite(0)
        load_imagenet(imagenet)
        model.backbone.stem.load_state_dict(imagenet.stem.state_dict())
        model.backbone.blocks.load_state_dict(imagenet.blocks.state_dict())
    return model
