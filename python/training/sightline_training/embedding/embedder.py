"""A backbone with the head that makes it an embedder: pooling, projection, BNNeck."""

import torch
from torch import Tensor, nn

from .efficientnet_lite import FEATURES, EfficientNetLite

DIMENSION = 512
# Components of less than this share of the largest variance are noise.
LEAST_VARIANCE = 1e-6


class GeM(nn.Module):
    """Generalized-mean pooling, [N, C, H, W] not negative to [N, C]: p = 1 is the mean, p to infinity the maximum.

    Radenovic, Tolias, Chum, "Fine-tuning CNN Image Retrieval with No Human Annotation" (arXiv:1711.02512), eq. 3.
    """

    def __init__(self, p: float, epsilon: float = 1e-6) -> None:
        super().__init__()
        self.p = p
        self.epsilon = epsilon

    def forward(self, x: Tensor) -> Tensor:
        return x.clamp(min=self.epsilon).pow(self.p).mean(dim=(2, 3)).pow(1 / self.p)


class BNNeck(nn.BatchNorm1d):
    """BatchNorm over the embedding whose bias stays at zero (Luo et al., arXiv:1903.07071)."""

    def __init__(self, dimension: int) -> None:
        super().__init__(dimension)
        self.bias.requires_grad_(False)


class LiteEmbedder(nn.Module):
    """EfficientNet-Lite0, GeM, projection, BNNeck: [N, 3, H, W] to [N, 512], not L2-normalized."""

    def __init__(self, gem: float = 3.0, dimension: int = DIMENSION) -> None:
        super().__init__()
        self.backbone = EfficientNetLite()
        self.pool = GeM(gem)
        self.projection = nn.Linear(FEATURES, dimension)
        self.neck = BNNeck(dimension)

    def pooled(self, x: Tensor) -> Tensor:
        """The features before the projection, [N, 1280]."""
        return self.pool(self.backbone(x))

    def forward(self, x: Tensor) -> Tensor:
        return self.neck(self.projection(self.pooled(x)))


@torch.no_grad()
def fold_neck(model: LiteEmbedder) -> None:
    """Takes the neck into the projection, in place: the same embedding, and heads of several runs in one form."""
    neck, projection = model.neck, model.projection
    scale = neck.weight / (neck.running_var + neck.eps).sqrt()
    projection.weight.mul_(scale.unsqueeze(1))
    projection.bias.copy_((projection.bias - neck.running_mean) * scale)
    neck.reset_parameters()
    neck.running_var.fill_(1 - neck.eps)


@torch.no_grad()
def resize_embedding(model: LiteEmbedder, embeddings: Tensor) -> Tensor:
    """Gives the head the size at which it learns, in place: embeddings like these [N, D] get the mean square length D.

    That is what a BNNeck gives. Cosines know no size, training does: a step of AdamW changes every weight by about its rate,
    so a head a twentieth as large is another one after a few of them, and its classifier's logits are all alike. Returns the
    embeddings as they are now.
    """
    size = embeddings.square().sum(dim=1).mean().sqrt()
    if not 0 < size < torch.inf:
        raise ValueError(f"embeddings of the length {size.item()} have no size to change")
    factor = embeddings.shape[1] ** 0.5 / size
    model.projection.weight.mul_(factor)
    model.projection.bias.mul_(factor)
    model.neck.running_mean.mul_(factor)
    return embeddings * factor


def pca(features: Tensor, dimension: int, whitening: float) -> tuple[Tensor, Tensor]:
    """(rows [dimension, C], mean [C]) such that (features - mean) @ rows.T are the principal components of [M, C].

    `whitening` 0 leaves the components' variances as they are, 1 makes them equal (Jégou and Chum, ECCV 2012), but those
    below LEAST_VARIANCE of the largest as if they were that: where M < dimension they are rounding errors, and dividing
    by those would drown the rest.
    """
    mean = features.mean(dim=0)
    values, vectors = torch.linalg.eigh(torch.cov((features - mean).T.double()))
    order = values.argsort(descending=True)[:dimension]
    scale = values[order].clamp(min=LEAST_VARIANCE * float(values.max())).pow(-whitening / 2).unsqueeze(1)
    return (scale / scale.mean() * vectors[:, order].T).float(), mean


@torch.no_grad()
def start_as_pca(model: LiteEmbedder, features: Tensor, whitening: float) -> None:
    """Sets the head so that the embedding is the PCA of `features` [M, 1280], in place.

    Training then starts from the frozen network's own similarities instead of a random projection of them.
    """
    rows, mean = pca(features, model.projection.out_features, whitening)
    model.projection.weight.copy_(rows)
    model.projection.bias.copy_(-rows @ mean)
    # The neck divides by each component's deviation; its weight brings that back, but for one common factor.
    deviation = ((features - mean) @ rows.T).std(dim=0)
    model.neck.reset_parameters()
    model.neck.running_mean.zero_()
    model.neck.running_var.copy_((deviation.square() - model.neck.eps).clamp(min=0))
    model.neck.weight.copy_(deviation / deviation.square().mean().sqrt())
