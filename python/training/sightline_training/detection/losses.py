"""What the detector is trained by: varifocal, distribution focal and GIoU losses, on the device of what is predicted.

Varifocal: Zhang et al. (arXiv:2008.13367). Distribution focal: Li et al. (arXiv:2006.04388).
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from .assignment import Assignment, task_aligned
from .network import BINS, cells, flatten, to_boxes
from .overlap import giou

WEIGHTS = {"score": 1.0, "box": 2.0, "distribution": 0.5}
PUBLISHED_WEIGHTS = {"score": 1.0, "box": 2.0, "distribution": 0.25}


@dataclass
class Target:
    """The truth of one picture in input pixels: boxes [G, 4], ignored regions [I, 4], and what a missed object costs."""

    boxes: Tensor
    ignore: Tensor
    background_weight: float = 1.0

    def to(self, device: torch.device) -> "Target":
        """The same truth on a device."""
        return Target(self.boxes.to(device), self.ignore.to(device), self.background_weight)


def varifocal(logits: Tensor, quality: Tensor, is_object: Tensor, whole_gradient: bool = False) -> Tensor:
    """Binary cross entropy with the quality as target; cells without an object weigh 0.75 * score^2: [cells].

    That weight is a constant for the gradient, unless `whole_gradient` asks for the reference's, which goes through it as well.
    """
    seen = logits if whole_gradient else logits.detach()
    weight = torch.where(is_object, quality, 0.75 * seen.sigmoid() ** 2)
    return F.binary_cross_entropy_with_logits(logits, quality, reduction="none") * weight


def distribution_focal(logits: Tensor, distances: Tensor, margin: float = 1e-3) -> Tensor:
    """Cross entropy to the two bins around each distance (in strides, clipped `margin` before the last bin): [K, 4, 8], [K, 4] to [K]."""
    target = distances.clamp(0, BINS - 1 - margin)
    left = target.floor().long()
    right_weight = target - left
    logs = logits.log_softmax(-1)
    low = logs.gather(-1, left[..., None])[..., 0]
    high = logs.gather(-1, left[..., None] + 1)[..., 0]
    return -(low * (1 - right_weight) + high * right_weight).mean(-1)


# (levels, targets, assignment) to the loss and its parts.
Loss = Callable[[list[Tensor], list[Target], Assignment], tuple[Tensor, dict[str, Tensor]]]


def detection_loss(
    levels: list[Tensor], targets: list[Target], assign: Assignment = task_aligned
) -> tuple[Tensor, dict[str, Tensor]]:
    """The weighted sum for a batch, and its parts for the log. The targets are on the levels' device."""
    logits, distributions = flatten(levels)
    centres, strides = cells(levels)
    boxes = to_boxes(distributions, centres, strides)
    parts = {name: logits.new_zeros(()) for name in WEIGHTS}
    total = logits.new_zeros(())
    for index, target in enumerate(targets):
        scores = logits[index].detach().sigmoid()
        owner, quality = assign(scores, boxes[index].detach(), centres, strides, target.boxes)
        mine = owner >= 0
        weight = _cell_weights(centres, mine, target)
        parts["score"] = parts["score"] + (varifocal(logits[index], quality, mine) * weight).sum()
        total = total + quality.sum()
        truth = target.boxes[owner[mine]]
        parts["box"] = parts["box"] + ((1 - giou(boxes[index][mine], truth)) * quality[mine]).sum()
        sides = torch.cat([centres[mine] - truth[:, :2], truth[:, 2:] - centres[mine]], -1) / strides[mine, None]
        parts["distribution"] = parts["distribution"] + (
            distribution_focal(distributions[index][mine], sides) * quality[mine]
        ).sum()
    scale = total.clamp(min=1.0)
    loss = sum(WEIGHTS[name] * part for name, part in parts.items()) / scale
    return loss, {name: part.detach() / scale for name, part in parts.items()}


def _cell_weights(centres: Tensor, mine: Tensor, target: Target) -> Tensor:
    """0 for cells in ignored regions, the background weight for others without an object, 1 for those with one."""
    after, before = centres > target.ignore[:, None, :2], centres < target.ignore[:, None, 2:]
    ignored = (after & before).all(-1).any(0)
    weight = torch.full_like(centres[:, 0], target.background_weight).masked_fill(ignored, 0.0)
    return weight.masked_fill(mine, 1.0)


def published_loss(levels: list[Tensor], targets: list[Target], assign: Assignment) -> tuple[Tensor, dict[str, Tensor]]:
    """The same as PicoDet's published head has it (OTAVFLHead): the weights and what each part is divided by are others.

    The score's part is over the number of cells with an object. Boxes and distributions weigh by the predicted score, are over
    the sum of these weights, and distributions count half as much as above. Ignored regions and background weights are not
    known there. Of several processes each divides by its own sums: the reference's, which adds them up into a copy, divides
    boxes' and distributions' by the number of processes in addition.
    """
    logits, distributions = flatten(levels)
    centres, strides = cells(levels)
    boxes = to_boxes(distributions, centres, strides)
    parts = {name: logits.new_zeros(()) for name in PUBLISHED_WEIGHTS}
    count, weights = logits.new_zeros(()), logits.new_zeros(())
    for index, target in enumerate(targets):
        scores = logits[index].detach().sigmoid()
        owner, quality = assign(scores, boxes[index].detach(), centres, strides, target.boxes)
        mine = owner >= 0
        parts["score"] = parts["score"] + varifocal(logits[index], quality, quality > 0, whole_gradient=True).sum()
        # A picture without a box counts as one cell.
        count = count + (mine.sum().clamp(min=1) if len(target.boxes) else 0)
        weight, truth = scores[mine], target.boxes[owner[mine]]
        weights = weights + weight.sum()
        parts["box"] = parts["box"] + ((1 - giou(boxes[index][mine], truth)) * weight).sum()
        sides = torch.cat([centres[mine] - truth[:, :2], truth[:, 2:] - centres[mine]], -1) / strides[mine, None]
        parts["distribution"] = parts["distribution"] + (distribution_focal(distributions[index][mine], sides, 0.1) * weight).sum()
    scales = {"score": count.clamp(min=1), "box": weights.clamp(min=1), "distribution": weights.clamp(min=1)}
    parts = {name: part / scales[name] for name, part in parts.items()}
    loss = sum((PUBLISHED_WEIGHTS[name] * part for name, part in parts.items()), logits.new_zeros(()))
    return loss, {name: part.detach() for name, part in parts.items()}


# By the name that a configuration gives: ours, and the reference's.
LOSSES: dict[str, Loss] = {"quality": detection_loss, "published": published_loss}
