"""Holds pictures to what the teacher says of each of them, so that what no label here asks for is not forgotten.

Labels of categories teach to overlook what tells a robin from a wren; similarities between unlike pictures do not bring it
back. A picture that is anchored has no label in the losses: its embedding itself shall be the teacher's.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def anchor_turn(embeddings: Tensor, targets: Tensor) -> Tensor:
    """[D, T] with orthonormal columns (T <= D) that brings the teacher's targets [N, T] nearest to the embeddings [N, D].

    Being a rotation it keeps the teacher's similarities, and the student begins as near to them as it can (orthogonal
    Procrustes problem: Schönemann, Psychometrika 31, 1966).
    """
    left, _, right = torch.linalg.svd((F.normalize(embeddings, dim=1).T @ targets).double(), full_matrices=False)
    return (left @ right).float()


def anchoring(features: Tensor, targets: Tensor, turn: Tensor) -> Tensor:
    """One minus the mean cosine between features [B, D] and the turned targets [B, T], a scalar; 0 of no pictures."""
    if len(features) == 0:
        return features.new_zeros(())
    return 1 - F.cosine_similarity(features, targets @ turn.T, dim=1).mean()
