"""An exported embedder as a network that trains on: the way back from a model folder, for runs that begin with it."""

from pathlib import Path

import onnx
import torch
from onnx import numpy_helper
from torch import Tensor

from .efficientnet_lite import conv_pairs, load_imagenet
from .embedder import LiteEmbedder
from .training_state import RunError, final_weights

# A BatchNorm of ImageNet's that switches its channel off says nothing of its scale.
LEAST_SCALE = 1e-2


@torch.no_grad()
def reopened(folder: Path) -> LiteEmbedder:
    """The network `lite` whose outputs are those of folder/model.onnx; raises RunError where that is another network.

    Export folds each BatchNorm into its convolution. Here they come apart again by the statistics of ImageNet's
    weights, which these networks began with and kept: filters and BatchNorm have the scale they were trained at.
    """
    path = folder / "model.onnx"
    graph = onnx.load(path).graph
    values = {one.name: torch.from_numpy(numpy_helper.to_array(one).copy()) for one in graph.initializer}
    given = [node for node in graph.node if node.op_type in ("Conv", "Gemm")]
    folded = [_weight_and_bias(node, values) for node in given]
    model = LiteEmbedder().eval()
    load_imagenet(model.backbone)
    pairs = conv_pairs(model.backbone)
    expected = [pair[0].weight.shape for pair in pairs] + [model.projection.weight.shape]
    if [weight.shape for weight, _ in folded] != expected:
        raise RunError(f"{path} is not the network `lite` as `export` writes it: no training can begin with it")
    for (convolution, norm), (weight, bias) in zip(pairs, folded, strict=False):
        norm.weight[norm.weight.abs() < LEAST_SCALE] = 1.0
        scale = norm.weight / (norm.running_var + norm.eps).sqrt()
        convolution.weight.copy_(weight / scale.view(-1, 1, 1, 1))
        norm.bias.copy_(bias + norm.running_mean * scale)
    model.projection.weight.copy_(folded[-1][0])
    model.projection.bias.copy_(folded[-1][1])
    # What the neck did is in the projection.
    model.neck.running_var.fill_(1 - model.neck.eps)
    return model


def _weight_and_bias(node: onnx.NodeProto, values: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """A layer's parameters; a bias of zeros is left out of a graph, and what is no parameter has no shape here."""
    weight, *bias = (values.get(name, torch.empty(0)) for name in node.input[1:])
    return weight, bias[0] if bias else torch.zeros(weight.shape[0])


def is_model_folder(folder: Path) -> bool:
    """Whether this is what `export` wrote; else it is a run."""
    return (folder / "manifest.json").exists()


def weights_of(folder: Path, network: str) -> dict[str, Tensor]:
    """The weights with which the run in this folder ended, or those of a model folder."""
    if not is_model_folder(folder):
        return final_weights(folder)
    if network != "lite":
        raise RunError(f"{folder} is an exported model, which only the network `lite` can begin with: give the run's folder")
    return reopened(folder).state_dict()


@torch.no_grad()
def towards_imagenet(model: LiteEmbedder, share: float) -> None:
    """Moves the backbone by `share` of the way back to ImageNet's weights, in place.

    What fine-tuning forgot of things in general comes back sooner than what it learned goes (Wortsman et al., "Robust
    fine-tuning of zero-shot models", arXiv:2109.01903); training on from there learns the rest again.
    """
    pretrained = LiteEmbedder().backbone
    load_imagenet(pretrained)
    start: dict[str, Tensor] = pretrained.state_dict()
    state = model.backbone.state_dict()
    model.backbone.load_state_dict(
        {name: torch.lerp(value, start[name], share) if value.is_floating_point() else value for name, value in state.items()}
    )
