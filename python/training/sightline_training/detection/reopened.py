"""An exported detector as a network that trains on: the way back from a model folder, for runs that begin with it."""

from collections.abc import Iterable
from pathlib import Path

import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from ..embedding.training_state import RunError
from .network import Detector, PicoDet

# A BatchNorm of ImageNet's that switches its channel off says nothing of its scale.
LEAST_SCALE = 1e-2


@torch.no_grad()
def reopen(model: PicoDet, folder: Path, shown: Iterable[Tensor]) -> None:
    """Gives the network, as training begins with it, the outputs of folder/model.onnx; raises RunError where that is another.

    Export folds each BatchNorm into its convolution. Those of the backbone come apart again by ImageNet's statistics, which
    they keep in training. Those behind it learn theirs: they get the statistics of the pictures `shown`, batches of what the
    network takes, so that the first step of training finds what was exported, too.
    """
    path = folder / "model.onnx"
    graph = onnx.load(path).graph
    values = {one.name: torch.from_numpy(numpy_helper.to_array(one).copy()) for one in graph.initializer}
    folded = {node.input[1]: [values.get(name) for name in node.input[1:]] for node in graph.node if node.op_type == "Conv"}
    convolutions = {f"{name}.weight": module for name, module in model.named_modules() if isinstance(module, nn.Conv2d)}
    shapes = {name: None if weight is None else weight.shape for name, (weight, *_) in folded.items()}
    if not isinstance(model, Detector) or shapes != {name: module.weight.shape for name, module in convolutions.items()}:
        raise RunError(f"{path} is not the network that the configuration names, as `export-detector` writes it: "
                       "no training can begin with it")
    norms = _norm_of(model)
    learned: list[tuple[nn.Conv2d, nn.BatchNorm2d]] = []
    for name, module in convolutions.items():
        weight, *rest = folded[name]
        bias = rest[0] if rest else torch.zeros(len(weight))
        norm = norms.get(module)
        if norm is None:
            module.weight.copy_(weight)
            module.bias.copy_(bias)
        elif name.startswith("backbone"):
            norm.weight[norm.weight.abs() < LEAST_SCALE] = 1.0
            scale = norm.weight / (norm.running_var + norm.eps).sqrt()
            module.weight.copy_(weight / scale.view(-1, 1, 1, 1))
            norm.bias.copy_(bias + norm.running_mean * scale)
        else:
            module.weight.copy_(weight)
            norm.weight.fill_(1.0)
            norm.bias.copy_(bias)
            norm.running_mean.zero_()
            norm.running_var.fill_(1 - norm.eps)
            learned.append((module, norm))
    _give_statistics(model, learned, shown)


def _norm_of(model: nn.Module) -> dict[nn.Module, nn.BatchNorm2d]:
    """Each convolution's BatchNorm, where one follows it."""
    modules = [module for module in model.modules() if isinstance(module, (nn.Conv2d, nn.BatchNorm2d))]
    return {one: other for one, other in zip(modules, modules[1:]) if isinstance(one, nn.Conv2d) and isinstance(other, nn.BatchNorm2d)}


def _give_statistics(model: nn.Module, pairs: list[tuple[nn.Conv2d, nn.BatchNorm2d]], shown: Iterable[Tensor]) -> None:
    """Mean and variance of what each convolution says become its BatchNorm's, whose scale and shift make up for them.

    The filters are brought to the size at which new ones begin, which the learning rate was chosen for: behind a BatchNorm
    their size is free.
    """
    sums = {norm: torch.zeros(3, norm.num_features, dtype=torch.float64) for _, norm in pairs}

    def add(module: nn.Module, given: tuple[Tensor, ...], _: Tensor) -> None:
        x = given[0].double()
        sums[module] += torch.stack([torch.full_like(x[0, :, 0, 0], x[:, 0].numel()), x.sum((0, 2, 3)), x.square().sum((0, 2, 3))])

    hooks = [norm.register_forward_hook(add) for _, norm in pairs]
    was_training = model.training
    model.eval()
    for images in shown:
        model(images)
    model.train(was_training)
    for hook in hooks:
        hook.remove()
    for convolution, norm in pairs:
        count, total, squares = sums[norm]
        if not count.all():
            raise RunError("no pictures to measure the network's statistics with")
        mean, variance = (total / count).float(), (squares / count - (total / count).square()).clamp(min=1e-8).float()
        fan_in = convolution.weight[0].numel()
        size = convolution.weight.square().mean((1, 2, 3), keepdim=True).sqrt().clamp(min=1e-8) * (3 * fan_in) ** 0.5
        convolution.weight.div_(size)
        size = size.flatten()
        norm.running_mean.copy_(mean / size)
        norm.running_var.copy_(variance / size.square())
        norm.weight.copy_((norm.running_var + norm.eps).sqrt() * size)
        norm.bias.add_(mean)
