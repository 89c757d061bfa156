"""What the detector is trained by: task-aligned assignment, varifocal, distribution focal and GIoU losses.

Assignment: Feng et al., "TOOD" (arXiv:2108.07755). Varifocal: Zhang et al. (arXiv:2008.13367). Distribution focal: Li et
al. (arXiv:2006.04388). GIoU: Rezatofighi et al. (arXiv:1902.09630).
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from .network import BINS, cells, flatten, to_boxes

# Cells a box gets, and the exponents of score and overlap in their ranking.
TOP_CELLS, SCORE_POWER, OVERLAP_POWER = 10, 1.0, 6.0
WEIGHTS = {"score": 1.0, "box": 2.0, "distribution": 0.5}


@dataclass
class Target:
    """The truth of one picture in input pixels: boxes [G, 4], ignored regions [I, 4], and what a missed object costs."""

    boxes: Tensor
    ignore: Tensor
    background_weight: float = 1.0


def pairwise_iou(a: Tensor, b: Tensor) -> Tensor:
    """[A, 4] and [B, 4] corner boxes to their intersections over union [A, B]."""
    low = torch.maximum(a[:, None, :2], b[None, :, :2])
    high = torch.minimum(a[:, None, 2:], b[None, :, 2:])
    shared = (high - low).clamp(min=0).prod(-1)
    areas = [(x[:, 2:] - x[:, :2]).clamp(min=0).prod(-1) for x in (a, b)]
    return shared / (areas[0][:, None] + areas[1][None] - shared).clamp(min=1e-9)


def giou(a: Tensor, b: Tensor) -> Tensor:
    """Generalized IoU, -1..1, of corner boxes [K, 4] pair by pair: [K]."""
    shared = (torch.minimum(a[:, 2:], b[:, 2:]) - torch.maximum(a[:, :2], b[:, :2])).clamp(min=0).prod(-1)
    hull = (torch.maximum(a[:, 2:], b[:, 2:]) - torch.minimum(a[:, :2], b[:, :2])).prod(-1).clamp(min=1e-9)
    union = (a[:, 2:] - a[:, :2]).clamp(min=0).prod(-1) + (b[:, 2:] - b[:, :2]).clamp(min=0).prod(-1) - shared
    return shared / union.clamp(min=1e-9) - (hull - union) / hull


def assign(scores: Tensor, boxes: Tensor, centres: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
    """Which true box each cell answers for, and how well it should: indices [cells] (-1: none) and qualities [cells].

    scores [cells] in 0..1 and boxes [cells, 4] as predicted now. A box takes the TOP_CELLS cells with their centre
    inside it that rank highest by score^1 * IoU^6; a cell wanted by several goes to the one it overlaps most. The
    quality is the rank value scaled so that a box's best cell gets its best IoU.
    """
    owner = torch.full((len(boxes),), -1)
    quality = torch.zeros(len(boxes))
    if len(truth) == 0:
        return owner, quality
    overlap = pairwise_iou(truth, boxes)
    offsets = torch.cat([centres[None] - truth[:, None, :2], truth[:, None, 2:] - centres[None]], -1)
    inside = offsets.amin(-1) > 0
    rank = scores[None] ** SCORE_POWER * overlap**OVERLAP_POWER * inside
    best = rank.topk(min(TOP_CELLS, rank.shape[1]), dim=1).indices
    chosen = torch.zeros_like(inside).scatter_(1, best, True) & inside
    wanted = torch.where(chosen, overlap, torch.full_like(overlap, -1.0))
    highest, who = wanted.max(0)
    owner[highest >= 0] = who[highest >= 0]
    mine = chosen & (owner[None] == torch.arange(len(truth))[:, None])
    rank, overlap = rank * mine, overlap * mine
    scaled = rank / rank.amax(1, keepdim=True).clamp(min=1e-9) * overlap.amax(1, keepdim=True)
    return owner, scaled.amax(0)


def varifocal(logits: Tensor, quality: Tensor, is_object: Tensor) -> Tensor:
    """Binary cross entropy with the quality as target; cells without an object weigh 0.75 * score^2: [cells]."""
    weight = torch.where(is_object, quality, 0.75 * logits.detach().sigmoid() ** 2)
    return F.binary_cross_entropy_with_logits(logits, quality, reduction="none") * weight


def distribution_focal(logits: Tensor, distances: Tensor) -> Tensor:
    """Cross entropy to the two bins around each distance (in strides, clipped to the last bin): [K, 4, 8], [K, 4] to [K]."""
    target = distances.clamp(0, BINS - 1 - 1e-3)
    left = target.floor().long()
    right_weight = target - left
    logs = logits.log_softmax(-1)
    low = logs.gather(-1, left[..., None])[..., 0]
    high = logs.gather(-1, left[..., None] + 1)[..., 0]
    return -(low * (1 - right_weight) + high * right_weight).mean(-1)


def detection_loss(levels: list[Tensor], targets: list[Target]) -> tuple[Tensor, dict[str, float]]:
    """The weighted sum for a batch, and its parts for the log."""
    logits, distributions = flatten(levels)
    centres, strides = cells(levels)
    boxes = to_boxes(distributions, centres, strides)
    parts = {name: logits.new_zeros(()) for name in WEIGHTS}
    total = logits.new_zeros(())
    for index, target in enumerate(targets):
        owner, quality = assign(logits[index].detach().sigmoid(), boxes[index].detach(), centres, target.boxes)
        mine = owner >= 0
        weight = _cell_weights(centres, mine, target)
        parts["score"] = parts["score"] + (varifocal(logits[index], quality, mine) * weight).sum()
        total = total + quality.sum()
        if mine.any():
            truth = target.boxes[owner[mine]]
            parts["box"] = parts["box"] + ((1 - giou(boxes[index][mine], truth)) * quality[mine]).sum()
            sides = torch.cat([centres[mine] - truth[:, :2], truth[:, 2:] - centres[mine]], -1) / strides[mine, None]
            parts["distribution"] = parts["distribution"] + (
                distribution_focal(distributions[index][mine], sides) * quality[mine]
            ).sum()
    scale = total.clamp(min=1.0)
    loss = sum(WEIGHTS[name] * part for name, part in parts.items()) / scale
    return loss, {name: float(part.detach() / scale) for name, part in parts.items()}


def _cell_weights(centres: Tensor, mine: Tensor, target: Target) -> Tensor:
    """0 for cells in ignored regions, the background weight for others without an object, 1 for those with one."""
    weight = torch.full((len(centres),), target.background_weight)
    for region in target.ignore:
        inside = ((centres > region[:2]) & (centres < region[2:])).all(-1)
        weight[inside] = 0.0
    weight[mine] = 1.0
    return weight
