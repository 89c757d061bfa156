"""The pooled features themselves as a part of the embedding: the head learned what tells this training's labels apart, they hold
what the backbone knows beyond that. The result is one linear map again, so it costs nothing to run.
"""

import torch
from torch import Tensor

from .embedder import LiteEmbedder, fold_neck


@torch.no_grad()
def keep_features(model: LiteEmbedder, pooled: Tensor, share: float) -> None:
    """Rebuilds the head in place: inner products of embeddings become (1 - share) times those that were, plus share times those
    of the pooled features, each measured in its mean square over `pooled` [N, 1280], the backbone's answers to training pictures.

    Both parts side by side have 1792 dimensions; kept are the 512 that hold most of what `pooled` has in them (principal
    components, not centred: the features' common part belongs to their cosine).
    """
    if not 0 < share < 1:
        raise ValueError(f"the features' share is between 0 and 1, not {share}")
    fold_neck(model)
    projection = model.projection
    features = pooled.double()
    head = features @ projection.weight.double().T + projection.bias.double()
    size_of_head, size_of_features = (part.square().sum(dim=1).mean().sqrt() for part in (head, features))
    head_scale, feature_scale = (1 - share) ** 0.5 / size_of_head, share**0.5 / size_of_features
    both = torch.cat([head_scale * head, feature_scale * features], dim=1)
    _, vectors = torch.linalg.eigh(both.T @ both)
    kept = vectors.flip(1)[:, : projection.out_features].T
    of_head, of_features = kept[:, : head.shape[1]] * head_scale, kept[:, head.shape[1] :] * feature_scale
    projection.weight.copy_(of_head @ projection.weight.double() + of_features)
    projection.bias.copy_(of_head @ projection.bias.double())
