"""Counts a network's multiply-accumulates, as the reference does: convolutions and linear layers only."""

import torch
from torch import Tensor, nn


def count_macs(model: nn.Module, size: int) -> int:
    """Multiply-accumulates of one picture at size x size, without biases, norms, pooling or activations."""
    total = 0

    def count(layer: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal total
        if isinstance(layer, nn.Conv2d):
            kernel = layer.kernel_size[0] * layer.kernel_size[1] * layer.in_channels // layer.groups
            total += output[0].numel() * kernel
        elif isinstance(layer, nn.Linear):
            total += output[0].numel() * layer.in_features

    hooks = [layer.register_forward_hook(count) for layer in model.modules()]
    training = model.training
    try:
        with torch.inference_mode():
            model.eval()(torch.zeros(1, 3, size, size))
    finally:
        model.train(training)
        for hook in hooks:
            hook.remove()
    return total
