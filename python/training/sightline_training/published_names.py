"""The reference's names for the values of its networks, beside ours: what its .pdparams files and its own code call them.

PaddleClas `PPLCNetV2_base_ShiTu` (ppcls/arch/backbone/legendary_models/pp_lcnet_v2.py at d178931) and PaddleDetection `LCNet`
(ppdet/modeling/backbones/lcnet.py at 666f597).
"""

from collections.abc import Iterator

from torch import Tensor, nn

from .detection.lcnet import LCNet
from .embedding.pplcnet_v2 import STAGES, MultiKernelDepthwise, PPLCNetV2, PPLCNetV2Embedder, SqueezeExcitation

# (their name, our tensor)
Named = Iterator[tuple[str, Tensor]]


def of_pplcnet_v2(network: PPLCNetV2) -> Named:
    """The backbone of the embedder, without its last convolution."""
    yield from _conv_bn("stem.0", network.stem[0])
    names = ["stem.1", *(f"stages.{stage}.{block}" for stage, (*_, depth, _, _, _) in enumerate(STAGES) for block in range(depth))]
    for name, block in zip(names, network.blocks, strict=True):
        if isinstance(block.depthwise, MultiKernelDepthwise):
            for index, branch in enumerate(block.depthwise.branches):
                yield from _conv_bn(f"{name}.dw_conv_list.{index}", branch)
        else:
            yield from _conv_bn(f"{name}.dw_conv", block.depthwise)
        excited = [layer for layer in block.pointwise if isinstance(layer, SqueezeExcitation)]
        for layer in excited:
            yield from _plain(f"{name}.se.conv1", layer.reduce)
            yield from _plain(f"{name}.se.conv2", layer.expand)
        pointwise = [layer for layer in block.pointwise if isinstance(layer, nn.Sequential)]
        for index, layer in enumerate(pointwise, start=1):
            yield from _conv_bn(f"{name}.pw_conv_{index}" if excited else f"{name}.pw_conv", layer)


def of_embedder(model: PPLCNetV2Embedder) -> Named:
    """The whole of it; a 1 x 1 convolution [512, 1024, 1, 1] there is a matrix here."""
    yield from ((f"backbone.{name}", value) for name, value in of_pplcnet_v2(model.backbone))
    yield "backbone.last_conv.weight", model.projection.weight
    yield "backbone.last_conv.bias", model.projection.bias
    yield from _norm("neck.feat_bn", model.neck)


def of_lcnet(network: LCNet) -> Named:
    """The backbone of the detector."""
    yield from _conv_bn("conv1", network.stem)
    depths = (1, 2, 2, 6, 2)
    names = [f"blocks{number}.{index}" for number, depth in enumerate(depths, start=2) for index in range(depth)]
    for name, block in zip(names, network.blocks, strict=True):
        yield from _conv_bn(f"{name}.dw_conv", block[0])
        if len(block) == 3:
            yield from _plain(f"{name}.se.conv1", block[1].reduce)
            yield from _plain(f"{name}.se.conv2", block[1].expand)
        yield from _conv_bn(f"{name}.pw_conv", block[-1])


def _conv_bn(name: str, layer: nn.Sequential) -> Named:
    yield f"{name}.conv.weight", layer[0].weight
    yield from _norm(f"{name}.bn", layer[1])


def _norm(name: str, norm: nn.BatchNorm1d | nn.BatchNorm2d) -> Named:
    values = {"weight": norm.weight, "bias": norm.bias, "_mean": norm.running_mean, "_variance": norm.running_var}
    yield from ((f"{name}.{part}", value) for part, value in values.items() if value is not None)


def _plain(name: str, layer: nn.Conv2d) -> Named:
    yield f"{name}.weight", layer.weight
    if layer.bias is not None:
        yield f"{name}.bias", layer.bias
