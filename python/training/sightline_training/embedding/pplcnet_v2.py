"""PP-LCNetV2 base as PP-ShiTuV2 uses it for retrieval.

The classifier's final ReLU and FC are gone, the last stage keeps its resolution (stride 1), a 1 x 1 convolution with
bias brings 1024 channels to 512, and a BNNeck follows. Depthwise layers of the last two stages train as several
kernel sizes side by side and are merged into one for deployment (Ding et al., "RepVGG", arXiv:2101.03697).
"""

import copy

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .embedder import DIMENSION, BNNeck

STEM_CHANNELS = 32
LAST_CHANNELS = 1024
# (channels in, kernel, stride of the first block, blocks, merged kernels, squeeze-excitation and split point-wise,
#  shortcut); a stage doubles its channels. The last stage's stride is 2 in the classifier.
STAGES = (
    (64, 3, 2, 2, False, False, False),
    (128, 3, 2, 2, False, False, False),
    (256, 5, 2, 6, True, True, False),
    (512, 5, 1, 2, True, False, True),
)


class DownscalingDropout(nn.Module):
    """Dropout as the reference has it: kept values are not scaled up in training, all are scaled down in inference.

    With p 0 nothing happens in either.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        if not self.p:
            return x
        return x * (torch.rand_like(x) >= self.p) if self.training else x * (1 - self.p)


def full_conv(inputs: int, outputs: int) -> nn.Conv2d:
    """A 1 x 1 convolution with bias as Paddle starts it: N(0, 2 / inputs), no bias."""
    return start_as_paddle(nn.Conv2d(inputs, outputs, 1))


def start_as_paddle(layer: nn.Conv2d | nn.Linear) -> nn.Conv2d | nn.Linear:
    """Sets weights and bias to what Paddle's Conv2D begins with, and returns the layer."""
    nn.init.normal_(layer.weight, std=(2 / layer.weight[0].numel()) ** 0.5)
    nn.init.zeros_(layer.bias)
    return layer


def conv_bn(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    """A convolution padded to keep the size (but for its stride), and its BatchNorm."""
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
    nn.init.kaiming_normal_(convolution.weight)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs))


class MultiKernelDepthwise(nn.Module):
    """The sum of depthwise convolutions of sizes kernel, kernel - 2, ... 1, each with its BatchNorm.

    The 1 x 1 branch exists only at stride 1, where it can pass its input on.
    """

    def __init__(self, channels: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.channels, self.kernel, self.stride = channels, kernel, stride
        sizes = [k for k in range(kernel, 0, -2) if k > 1 or stride == 1]
        self.branches = nn.ModuleList(conv_bn(channels, channels, k, stride, groups=channels) for k in sizes)

    def forward(self, x: Tensor) -> Tensor:
        return sum(branch(x) for branch in self.branches[1:]) + self.branches[0](x)

    @torch.no_grad()
    def merged(self) -> nn.Conv2d:
        """One depthwise convolution with bias that computes the same as the branches with their running statistics."""
        single = nn.Conv2d(
            self.channels, self.channels, self.kernel, self.stride, self.kernel // 2, groups=self.channels,
            dtype=self.branches[0][0].weight.dtype,
        )
        single.weight.zero_()
        single.bias.zero_()
        for convolution, norm in self.branches:
            scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
            border = (self.kernel - convolution.kernel_size[0]) // 2
            single.weight += F.pad(convolution.weight * scale.view(-1, 1, 1, 1), [border] * 4)
            single.bias += norm.bias - norm.running_mean * scale
        return single


class SqueezeExcitation(nn.Module):
    """Scales channels by a sigmoid gate made of their means (Hu et al., arXiv:1709.01507)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.reduce = full_conv(channels, channels // 4)
        self.expand = full_conv(channels // 4, channels)

    def forward(self, x: Tensor) -> Tensor:
        gate = F.relu(self.reduce(x.mean(dim=(2, 3), keepdim=True)))
        return x * torch.sigmoid(self.expand(gate))


class Block(nn.Module):
    """Depthwise, optional squeeze-excitation, point-wise (in one or by half the width in two), optional shortcut."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, stride: int, merging: bool, excited: bool, shortcut: bool
    ) -> None:
        super().__init__()
        if merging:
            self.depthwise: nn.Module = MultiKernelDepthwise(inputs, kernel, stride)
        else:
            self.depthwise = conv_bn(inputs, inputs, kernel, stride, groups=inputs)
        layers: list[nn.Module] = [nn.ReLU()]
        if excited:
            layers += [SqueezeExcitation(inputs), conv_bn(inputs, outputs // 2, 1), nn.ReLU()]
            inputs = outputs // 2
        layers += [conv_bn(inputs, outputs, 1), nn.ReLU()]
        self.pointwise = nn.Sequential(*layers)
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        y = self.pointwise(self.depthwise(x))
        return x + y if self.shortcut else y


class PPLCNetV2(nn.Module):
    """[N, 3, H, W] to feature maps [N, 1024, H/16, W/16]."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(conv_bn(3, STEM_CHANNELS, 3, 2), nn.ReLU())
        blocks = [Block(STEM_CHANNELS, 2 * STEM_CHANNELS, 3, 1, False, False, False)]
        for channels, kernel, stride, depth, merging, excited, shortcut in STAGES:
            blocks.append(Block(channels, 2 * channels, kernel, stride, merging, excited, False))
            for _ in range(depth - 1):
                blocks.append(Block(2 * channels, 2 * channels, kernel, 1, merging, excited, shortcut))
        self.blocks = nn.ModuleList(blocks)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        return x


class PPLCNetV2Embedder(nn.Module):
    """PP-LCNetV2 base, mean pooling, 1 x 1 convolution, BNNeck: [N, 3, H, W] to [N, 512], not L2-normalized.

    `dropout` is the share that training leaves out of the 512 features before the neck (the recipe's is 0.2).
    """

    def __init__(self, dropout: float = 0.0, dimension: int = DIMENSION) -> None:
        super().__init__()
        self.backbone = PPLCNetV2()
        self.projection = start_as_paddle(nn.Linear(LAST_CHANNELS, dimension))
        self.dropout = DownscalingDropout(dropout)
        self.neck = BNNeck(dimension)

    def forward(self, x: Tensor) -> Tensor:
        return self.neck(self.dropout(self.projection(self.backbone(x).mean(dim=(2, 3)))))

    @torch.no_grad()
    def deployed(self) -> "PPLCNetV2Embedder":
        """A copy whose multi-kernel depthwise layers are merged, and whose projection holds the dropout's scale."""
        copied = copy.deepcopy(self).eval()
        for block in copied.backbone.blocks:
            if isinstance(block.depthwise, MultiKernelDepthwise):
                block.depthwise = block.depthwise.merged()
        copied.projection.weight.mul_(1 - self.dropout.p)
        copied.projection.bias.mul_(1 - self.dropout.p)
        copied.dropout = DownscalingDropout(0.0)
        return copied
