"""The reference's detector network: PicoDet on PP-LCNet, at width x2.5 the official mainbody graph value for value.

Backbone: Cui et al., "PP-LCNet" (arXiv:2109.15099), without its classifier. Neck and head: Yu et al., "PP-PicoDet"
(arXiv:2111.00902): cross-stage-partial blocks, hard-swish in the backbone, leaky ReLU in neck and head.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..embedding.pplcnet_v2 import full_conv
from .network import Neck, PicoDet, SeparableConv

STEM_CHANNELS = 16
# (kernel, channels in and out at width x1, stride, squeeze-excitation), one a block.
BLOCKS = (
    (3, 16, 32, 1, False),
    (3, 32, 64, 2, False), (3, 64, 64, 1, False),
    (3, 64, 128, 2, False), (3, 128, 128, 1, False),
    (3, 128, 256, 2, False), *[(5, 256, 256, 1, False)] * 5,
    (5, 256, 512, 2, True), (5, 512, 512, 1, True),
)
# The last blocks of strides 8, 16 and 32.
TAPS = (4, 10, 12)
# Widths are rounded to multiples of this.
DIVISOR = 8


def scaled(channels: int, scale: float) -> int:
    """channels x scale to the nearest multiple of DIVISOR, never more than a tenth below (Howard et al., MobileNet)."""
    nearest = max(DIVISOR, int(channels * scale + DIVISOR / 2) // DIVISOR * DIVISOR)
    return nearest + DIVISOR if nearest < 0.9 * channels * scale else nearest


def conv_bn(inputs: int, outputs: int, kernel: int, stride: int, activation: nn.Module, groups: int = 1) -> nn.Sequential:
    """A convolution padded to keep the size (but for its stride), its BatchNorm and an activation."""
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
    nn.init.kaiming_normal_(convolution.weight)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), activation)


def compressed(inputs: int, outputs: int) -> nn.Sequential:
    """The neck's and head's 1 x 1 convolution: [N, inputs, H, W] to [N, outputs, H, W]."""
    return conv_bn(inputs, outputs, 1, 1, nn.LeakyReLU(0.01, inplace=True))


class HardExcitation(nn.Module):
    """Scales channels by a gate made of their means; the gate is clip(x / 6 + 0.5, 0, 1)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.reduce = full_conv(channels, channels // 4)
        self.expand = full_conv(channels // 4, channels)

    def forward(self, x: Tensor) -> Tensor:
        return x * F.hardsigmoid(self.expand(F.relu(self.reduce(x.mean(dim=(2, 3), keepdim=True)))))


class LCNet(nn.Module):
    """[N, 3, H, W] to the maps of strides 8, 16 and 32, of 128, 256 and 512 times `scale` channels."""

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.stem = conv_bn(3, scaled(STEM_CHANNELS, scale), 3, 2, nn.Hardswish())
        self.blocks = nn.ModuleList()
        for kernel, inputs, outputs, stride, is_excited in BLOCKS:
            low, high = scaled(inputs, scale), scaled(outputs, scale)
            layers: list[nn.Module] = [conv_bn(low, low, kernel, stride, nn.Hardswish(), groups=low)]
            if is_excited:
                layers.append(HardExcitation(low))
            self.blocks.append(nn.Sequential(*layers, conv_bn(low, high, 1, 1, nn.Hardswish())))
        self.channels = [scaled(BLOCKS[tap][2], scale) for tap in TAPS]

    def forward(self, x: Tensor) -> list[Tensor]:
        x, maps = self.stem(x), []
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index in TAPS:
                maps.append(x)
        return maps


class PartialBlock(nn.Module):
    """Half of the output goes through a depthwise block, half past it: [N, 2 width, H, W] to [N, width, H, W]."""

    def __init__(self, width: int) -> None:
        super().__init__()
        half = width // 2
        self.main, self.short = compressed(2 * width, half), compressed(2 * width, half)
        self.block = nn.Sequential(compressed(half, half), SeparableConv(half, half, kernel=3))
        self.final = compressed(width, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.final(torch.cat([self.block(self.main(x)), self.short(x)], 1))


class PartialNeck(Neck):
    """`Neck` of partial blocks, over maps of any channels."""

    def __init__(self, channels: list[int], width: int) -> None:
        nn.Module.__init__(self)
        self.reduce = nn.ModuleList(compressed(c, width) for c in channels)
        self.down = nn.ModuleList(PartialBlock(width) for _ in range(2))
        self.shrink = nn.ModuleList(SeparableConv(width, width, kernel=3, stride=2) for _ in range(2))
        self.up = nn.ModuleList(PartialBlock(width) for _ in range(2))
        self.top_in = SeparableConv(width, width, kernel=3, stride=2)
        self.top_out = SeparableConv(width, width, kernel=3, stride=2)


class LCNetDetector(PicoDet):
    """PicoDet with LCNet at `scale` (2.5 is the reference's) and maps of `width` (96) channels; trains from scratch."""

    def __init__(self, scale: float = 2.5, width: int = 96) -> None:
        backbone = LCNet(scale)
        super().__init__(backbone, PartialNeck(backbone.channels, width), width)
        # As the reference starts them: the neck's for layers with a rectifier, the head's narrow.
        for layer in self.neck.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu")
        for layer in self.towers.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.normal_(layer.weight, std=0.01)
