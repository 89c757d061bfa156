"""PicoDet, and its starter form on EfficientNet-Lite0: four levels, a class logit and four distributions a cell.

Head and distributions: Yu et al., "PP-PicoDet" (arXiv:2111.00902); Li et al., "Generalized Focal Loss"
(arXiv:2006.04388). Neck: a path aggregation network of depthwise convolutions, all levels of one width.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..embedding.efficientnet_lite import EfficientNetLite

STRIDES = (8, 16, 32, 64)
BINS = 8
CHANNELS_OUT = 1 + 4 * BINS
# Index of the last block of strides 8, 16 and 32, and their widths.
TAPS = {4: 40, 10: 112, 15: 320}
# Share of cells that hold an object at the start: keeps the first steps' loss finite (Lin et al., RetinaNet).
PRIOR = 0.01


class SeparableConv(nn.Sequential):
    """Depthwise then pointwise convolution, each with BatchNorm and leaky ReLU: [N, C, H, W] to [N, D, H/s, W/s]."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 5, stride: int = 1) -> None:
        super().__init__(
            nn.Conv2d(inputs, inputs, kernel, stride, kernel // 2, groups=inputs, bias=False),
            nn.BatchNorm2d(inputs), nn.LeakyReLU(0.01, inplace=True),
            nn.Conv2d(inputs, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs), nn.LeakyReLU(0.01, inplace=True),
        )


class Backbone(nn.Module):
    """[N, 3, H, W] to the maps of strides 8, 16 and 32. All BatchNorms keep their statistics.

    With `frozen`, the stem and so many first blocks keep all of their values.
    """

    def __init__(self, frozen: int) -> None:
        super().__init__()
        network = EfficientNetLite(0)
        self.stem, self.blocks = network.stem, network.blocks
        for module in [self.stem, *self.blocks[:frozen]] if frozen else []:
            module.requires_grad_(False)

    def forward(self, x: Tensor) -> list[Tensor]:
        maps = []
        x = self.stem(x)
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index in TAPS:
                maps.append(x)
        return maps

    def train(self, mode: bool = True) -> "Backbone":
        super().train(mode)
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()
        return self


class Neck(nn.Module):
    """Top-down then bottom-up over three maps, and a fourth of stride 64: four maps of one width."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.reduce = nn.ModuleList(
            nn.Sequential(nn.Conv2d(c, width, 1, bias=False), nn.BatchNorm2d(width), nn.LeakyReLU(0.01, inplace=True))
            for c in TAPS.values()
        )
        self.down = nn.ModuleList(SeparableConv(2 * width, width) for _ in range(2))
        self.shrink = nn.ModuleList(SeparableConv(width, width, stride=2) for _ in range(2))
        self.up = nn.ModuleList(SeparableConv(2 * width, width) for _ in range(2))
        self.top_in, self.top_out = SeparableConv(width, width, stride=2), SeparableConv(width, width, stride=2)

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        low, middle, high = (layer(x) for layer, x in zip(self.reduce, maps))
        top = self.top_in(high)
        middle = self.down[0](torch.cat([F.interpolate(high, scale_factor=2.0), middle], 1))
        low = self.down[1](torch.cat([F.interpolate(middle, scale_factor=2.0), low], 1))
        middle = self.up[0](torch.cat([self.shrink[0](low), middle], 1))
        high = self.up[1](torch.cat([self.shrink[1](middle), high], 1))
        return [low, middle, high, top + self.top_out(high)]


class PicoDet(nn.Module):
    """[N, 3, H, W] (H, W multiples of 32) to a tensor a level, [N, 33, H/stride, W/stride]: logit, then 4 x 8 bins."""

    def __init__(self, backbone: nn.Module, neck: nn.Module, width: int) -> None:
        super().__init__()
        self.backbone, self.neck = backbone, neck
        self.towers = nn.ModuleList(nn.Sequential(SeparableConv(width, width), SeparableConv(width, width)) for _ in STRIDES)
        self.heads = nn.ModuleList(nn.Conv2d(width, CHANNELS_OUT, 1) for _ in STRIDES)
        for head in self.heads:
            nn.init.normal_(head.weight, std=0.01)
            nn.init.zeros_(head.bias)
            head.bias.data[0] = -math.log((1 - PRIOR) / PRIOR)

    def forward(self, x: Tensor) -> list[Tensor]:
        maps = self.neck(self.backbone(x))
        return [head(tower(y)) for tower, head, y in zip(self.towers, self.heads, maps)]


class Detector(PicoDet):
    """PicoDet on EfficientNet-Lite0: the starter network."""

    def __init__(self, width: int = 96, frozen: int = 3) -> None:
        super().__init__(Backbone(frozen), Neck(width), width)


def flatten(levels: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Levels to class logits [N, cells] and distribution logits [N, cells, 4, 8], levels in order, cells row by row."""
    rows = torch.cat([y.flatten(2) for y in levels], 2).float()
    return rows[:, 0], rows[:, 1:].transpose(1, 2).unflatten(2, (4, BINS))


def cells(levels: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Centres [cells, 2] in input pixels (x, y) and strides [cells], in the order of `flatten`."""
    centres, strides = [], []
    for stride, level in zip(STRIDES, levels):
        height, width = level.shape[2:]
        rows, columns = (torch.arange(count, device=level.device) for count in (height, width))
        y, x = torch.meshgrid(rows, columns, indexing="ij")
        centres.append((torch.stack([x, y], -1).reshape(-1, 2) + 0.5) * stride)
        strides.append(torch.full((height * width,), float(stride), device=level.device))
    return torch.cat(centres), torch.cat(strides)


def to_boxes(distributions: Tensor, centres: Tensor, strides: Tensor) -> Tensor:
    """Distribution logits [..., cells, 4, 8] to boxes [..., cells, 4] in input pixels: centre -/+ expected distance."""
    bins = torch.arange(BINS, dtype=torch.float32, device=distributions.device)
    distances = distributions.softmax(-1) @ bins * strides[:, None]
    return torch.cat([centres - distances[..., :2], centres + distances[..., 2:]], -1)
