"""Which true box each cell answers for, and how well it should: task-aligned, ATSS, or SimOTA.

Task-aligned: Feng et al., "TOOD" (arXiv:2108.07755). ATSS: Zhang et al., "Bridging the Gap Between Anchor-based and
Anchor-free Detection via Adaptive Training Sample Selection" (arXiv:1912.02424). SimOTA: Ge et al., "YOLOX"
(arXiv:2107.08430), with the costs of PP-PicoDet (arXiv:2111.00902).

Both take scores [cells] in 0..1 and boxes [cells, 4] as predicted now, the cells' centres [cells, 2] and strides [cells],
and true boxes [G, 4], all in input pixels; both give the indices of the true boxes [cells] (-1: none) and the qualities
[cells] that the scores should have (0 where there is none). Only with SimOTA may a cell
answer for a box that its centre is not inside of.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from .network import STRIDES
from .overlap import pairwise_giou, pairwise_iou

Assignment = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]

# Task-aligned: cells a box gets, and the exponents of score and overlap in their ranking.
TOP_CELLS, SCORE_POWER, OVERLAP_POWER = 10, 1.0, 6.0
# ATSS: candidates of each level, and the side of a cell's square anchor in strides (PP-PicoDet's, arXiv:2111.00902).
CANDIDATES, ANCHOR_STRIDES = 9, 5.0
# SimOTA: how many strides from a box's centre a cell's may be, how many of the best overlaps say how many cells a box gets,
# what the overlap's part of the cost weighs, and what a cell that is not both inside and near costs more (PP-PicoDet's).
RADIUS_STRIDES, COUNTED_OVERLAPS, OVERLAP_COST, OUTSIDE_COST = 2.5, 10, 6.0, 1e8


def task_aligned(scores: Tensor, boxes: Tensor, centres: Tensor, strides: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
    """By what is predicted: a box takes the TOP_CELLS cells inside it that rank highest by score^1 * IoU^6.

    A cell wanted by several goes to the one it overlaps most. The quality is the rank value scaled so that a box's best
    cell gets its best IoU. The strides are not asked for.
    """
    if len(truth) == 0:
        return _none(boxes)
    overlap, inside = pairwise_iou(truth, boxes), _inside(centres, truth)
    rank = scores[None] ** SCORE_POWER * overlap**OVERLAP_POWER * inside
    best = rank.topk(min(TOP_CELLS, rank.shape[1]), dim=1).indices
    chosen = torch.zeros_like(inside).scatter_(1, best, True) & inside
    owner = _owner(chosen, overlap)
    mine = chosen & (owner[None] == torch.arange(len(truth), device=owner.device)[:, None])
    rank, overlap = rank * mine, overlap * mine
    scaled = rank / rank.amax(1, keepdim=True).clamp(min=1e-9) * overlap.amax(1, keepdim=True)
    return owner, scaled.amax(0)


def atss(scores: Tensor, boxes: Tensor, centres: Tensor, strides: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
    """By where the cells are: of each level's CANDIDATES cells nearest to a box's centre, those that fit it unusually well.

    Unusually: the IoU of the cell's anchor is at least the mean plus the standard deviation of all candidates' IoUs. A
    cell wanted by several goes to the one its anchor overlaps most. The quality is the IoU of the predicted box with the
    true one, as varifocal and generalized focal loss ask for; the scores are not asked for.
    """
    if len(truth) == 0:
        return _none(boxes)
    reach = ANCHOR_STRIDES / 2 * strides[:, None]
    overlap = pairwise_iou(truth, torch.cat([centres - reach, centres + reach], 1))
    middles = (truth[:, :2] + truth[:, 2:]) / 2
    distance = (centres[None] - middles[:, None]).square().sum(-1)
    candidate = torch.zeros_like(distance, dtype=torch.bool)
    for stride in STRIDES:
        # Where a level has fewer cells, what is infinitely far fills up the nearest: it is of other levels.
        level = strides == stride
        nearest = distance.masked_fill(~level, torch.inf).topk(min(CANDIDATES, len(centres)), dim=1, largest=False).indices
        candidate |= torch.zeros_like(candidate).scatter_(1, nearest, True) & level
    count = candidate.sum(1, keepdim=True)
    mean = (overlap * candidate).sum(1, keepdim=True) / count
    deviation = (((overlap - mean).square() * candidate).sum(1, keepdim=True) / (count - 1)).sqrt()
    owner = _owner(candidate & _inside(centres, truth) & (overlap >= mean + deviation), overlap)
    quality = pairwise_iou(truth, boxes).gather(0, owner.clamp(min=0)[None])[0]
    return owner, quality * (owner >= 0)


def simota(scores: Tensor, boxes: Tensor, centres: Tensor, strides: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
    """By what is predicted and where the cells are: a box takes the cells that cost least, as many as its best overlaps add up to.

    The cost is the varifocal loss of the score towards the overlap plus OVERLAP_COST times the GIoU loss. Considered are cells
    that are inside of any box or near to any box's centre; those that are not both cost too much unless nothing else is there.
    A cell wanted by several goes to the box that it costs least for. The quality is the IoU of the predicted box.
    """
    if len(truth) == 0:
        return _none(boxes)
    inside = _inside(centres, truth)
    middles = (truth[:, :2] + truth[:, 2:]) / 2
    near = ((centres[None] - middles[:, None]).abs() < RADIUS_STRIDES * strides[None, :, None]).all(-1)
    considered = (inside | near).any(0)
    overlap = pairwise_iou(truth, boxes) * considered
    towards = F.binary_cross_entropy(scores.expand_as(overlap), overlap, reduction="none")
    towards = towards * torch.where(overlap > 0, overlap, 0.75 * scores**2)
    cost = towards + OVERLAP_COST * (1 - pairwise_giou(truth, boxes)) + OUTSIDE_COST * ~(inside & near)
    cost = cost.masked_fill(~considered, torch.inf)
    counts = overlap.topk(min(COUNTED_OVERLAPS, overlap.shape[1]), dim=1).values.sum(1).int().clamp(min=1)
    order = cost.argsort(dim=1, stable=True).argsort(dim=1)
    chosen = (order < counts[:, None]) & considered
    claims = chosen.sum(0)
    owner = torch.where(claims > 1, cost.argmin(0), chosen.int().argmax(0))
    owner = torch.where(claims > 0, owner, -1)
    quality = overlap.gather(0, owner.clamp(min=0)[None])[0]
    return owner, quality * (owner >= 0)


# By the name that a configuration gives.
ASSIGNMENTS: dict[str, Assignment] = {"task_aligned": task_aligned, "atss": atss, "simota": simota}


def _none(boxes: Tensor) -> tuple[Tensor, Tensor]:
    return boxes.new_full((len(boxes),), -1, dtype=torch.int64), boxes.new_zeros(len(boxes))


def _inside(centres: Tensor, truth: Tensor) -> Tensor:
    """Whether each centre is inside each true box: [G, cells]."""
    return torch.cat([centres[None] - truth[:, None, :2], truth[:, None, 2:] - centres[None]], -1).amin(-1) > 0


def _owner(chosen: Tensor, overlap: Tensor) -> Tensor:
    """Of the boxes that chose a cell, the one of the highest overlap; -1 where none did: [G, cells] twice to [cells]."""
    highest, who = torch.where(chosen, overlap, torch.full_like(overlap, -1.0)).max(0)
    return torch.where(highest >= 0, who, -1)
