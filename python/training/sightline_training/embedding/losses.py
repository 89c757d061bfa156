"""The losses of the embedder's training: the reference's two, and the teacher's.

Cross entropy with label smoothing is PyTorch's own (`label_smoothing=0.1`); the other two are here.
"""

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class TripletOptions:
    """Everything that the reference's YAML can set of TripletAngularMarginLoss; the defaults are its recipe's.

    `absolute` 0 is its `add_absolute: false`; `reduction` is of the relative part, as there: the absolute one is a mean always.
    """

    margin: float = 0.5
    absolute: float = 0.1
    positive_floor: float = 0.8
    negative_ceiling: float = 0.4
    normalized: bool = True
    reduction: Literal["mean", "sum"] = "mean"


def triplet_angular_margin(features: Tensor, labels: Tensor, options: TripletOptions = TripletOptions()) -> Tensor:
    """TripletAngularMarginLoss of PP-ShiTuV2 over features [B, D] and labels [B] of a strict P x K batch, a scalar.

    With s the cosine similarity (the inner product where features are not normalized), each anchor takes its least similar
    positive (s_p) and most similar negative (s_n): max(0, s_n + margin - s_p), and absolute * (max(0, floor - s_p) +
    max(0, s_n - ceiling)). The reference adds `absolute` for each anchor whose s_n is at most the ceiling: a constant
    without a gradient, which is left out here.
    """
    unit = F.normalize(features, dim=1) if options.normalized else features
    similarity = unit @ unit.T
    same = labels.unsqueeze(0) == labels.unsqueeze(1)
    positive = similarity.masked_fill(~same, torch.inf).amin(dim=1)
    negative = similarity.masked_fill(same, -torch.inf).amax(dim=1)
    relative = F.relu(negative + options.margin - positive)
    bounds = F.relu(options.positive_floor - positive) + F.relu(negative - options.negative_ceiling)
    if options.reduction == "sum":
        return relative.sum() + options.absolute * bounds.mean()
    return (relative + options.absolute * bounds).mean()


def similarity_distillation(features: Tensor, teacher: Tensor, labels: Tensor, temperature: float = 0.1) -> Tensor:
    """How far the batch's similarities between different labels are from the teacher's, a scalar.

    features [B, D], teacher [B, T], labels [B]. For each anchor, its cosines with the pictures of other labels become
    a distribution (softmax at `temperature`) under student and teacher; the loss is the mean Kullback-Leibler
    divergence, as in Park et al., "Relational Knowledge Distillation" (arXiv:1904.05068), with a softmax.
    """
    same = labels.unsqueeze(0) == labels.unsqueeze(1)

    def rows(vectors: Tensor) -> Tensor:
        unit = F.normalize(vectors, dim=1)
        # A finite mask: -inf would make 0 * inf in the divergence of the masked entries.
        return F.log_softmax((unit @ unit.T / temperature).masked_fill(same, -1e4), dim=1)

    return F.kl_div(rows(features), rows(teacher), reduction="batchmean", log_target=True)
