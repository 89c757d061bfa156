"""How much boxes overlap: IoU and generalized IoU of corner boxes, on the device of what they are given."""

import torch
from torch import Tensor


def pairwise_iou(a: Tensor, b: Tensor) -> Tensor:
    """[A, 4] and [B, 4] corner boxes to their intersections over union [A, B]."""
    low = torch.maximum(a[:, None, :2], b[None, :, :2])
    high = torch.minimum(a[:, None, 2:], b[None, :, 2:])
    shared = (high - low).clamp(min=0).prod(-1)
    areas = [(x[:, 2:] - x[:, :2]).clamp(min=0).prod(-1) for x in (a, b)]
    return shared / (areas[0][:, None] + areas[1][None] - shared).clamp(min=1e-9)


def pairwise_giou(a: Tensor, b: Tensor) -> Tensor:
    """[A, 4] and [B, 4] corner boxes to their generalized IoUs [A, B]."""
    rows, columns = len(a), len(b)
    return giou(a.repeat_interleave(columns, 0), b.repeat(rows, 1)).view(rows, columns)


def giou(a: Tensor, b: Tensor) -> Tensor:
    """Generalized IoU, -1..1, of corner boxes [K, 4] pair by pair: [K]. Rezatofighi et al. (arXiv:1902.09630)."""
    shared = (torch.minimum(a[:, 2:], b[:, 2:]) - torch.maximum(a[:, :2], b[:, :2])).clamp(min=0).prod(-1)
    hull = (torch.maximum(a[:, 2:], b[:, 2:]) - torch.minimum(a[:, :2], b[:, :2])).prod(-1).clamp(min=1e-9)
    union = (a[:, 2:] - a[:, :2]).clamp(min=0).prod(-1) + (b[:, 2:] - b[:, :2]).clamp(min=0).prod(-1) - shared
    return shared / union.clamp(min=1e-9) - (hull - union) / hull
