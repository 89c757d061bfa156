"""The last step of the starter embedder: its head is turned so that what changes within a label counts less.

Within-class covariance normalization (Hatch, Kajarekar, Stolcke, "Within-class covariance normalization for SVM-based
speaker recognition", 2006): with S the covariance of embeddings around their label's mean, over clean pictures and camera
views of them, the embedding is multiplied by S^(-1/2). It stays one linear map, folded into the projection.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from sightline_base.errors import SightlineError

from .camera import camera_view
from .embedder import LiteEmbedder, fold_neck
from .pictures import Picture, as_deployed, read_picture

# Of a label and of a dataset, no more pictures than this.
OF_LABEL, OF_DATASET = 4, 600
# S is mixed with this much of a multiple of the identity: its small directions are noise.
SHRINKAGE = 0.3
Embed = Callable[[np.ndarray], np.ndarray]


def chosen(pictures: Sequence[Picture]) -> list[Picture]:
    """The pictures to measure on: of each label evenly spread over its list, of each dataset the first labels."""
    members: dict[tuple[str, str], list[Picture]] = defaultdict(list)
    for picture in pictures:
        members[picture.dataset, picture.label].append(picture)
    taken: dict[str, int] = defaultdict(int)
    result: list[Picture] = []
    for (dataset, _), group in members.items():
        count = min(OF_LABEL, len(group))
        if taken[dataset] + count <= OF_DATASET:
            taken[dataset] += count
            result += [group[i * len(group) // count] for i in range(count)]
    return result


def embedded(pictures: Sequence[Picture], embed: Embed, size: int, seed: int, batch: int = 32) -> tuple[Tensor, Tensor]:
    """Embeddings [N, D] of the pictures as deployed, and of a camera view of each."""
    clean, views = [], []
    for start in range(0, len(pictures), batch):
        pair: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
        for index in range(start, min(start + batch, len(pictures))):
            random = np.random.default_rng((seed, index))
            picture = read_picture(pictures[index].path)
            backdrop = read_picture(pictures[int(random.integers(len(pictures)))].path)
            pair[0].append(as_deployed(picture, size))
            pair[1].append(as_deployed(camera_view(picture, backdrop, 224, False, random), size))
        clean.append(embed(np.stack(pair[0])))
        views.append(embed(np.stack(pair[1])))
    return torch.from_numpy(np.concatenate(clean)), torch.from_numpy(np.concatenate(views))


def within_class_covariance(embeddings: Tensor, labels: Sequence[object], datasets: Sequence[str]) -> Tensor:
    """[N, D] to [D, D] in double precision: around each label's mean, every dataset weighing the same."""
    numbers = {label: i for i, label in enumerate(dict.fromkeys(labels))}
    rows = torch.tensor([numbers[label] for label in labels])
    points = embeddings.double()
    counts = torch.bincount(rows).unsqueeze(1)
    means = torch.zeros(len(numbers), points.shape[1], dtype=torch.float64).index_add_(0, rows, points) / counts
    shares = {name: datasets.count(name) for name in set(datasets)}
    weights = torch.tensor([1 / (len(shares) * shares[name]) for name in datasets], dtype=torch.float64)
    deviations = (points - means[rows]) * weights.sqrt().unsqueeze(1)
    return deviations.T @ deviations


@torch.no_grad()
def whiten(model: LiteEmbedder, embeddings: Tensor, labels: Sequence[object], datasets: Sequence[str]) -> None:
    """Turns the head in place: embedding e becomes (e - mean) @ S^(-1/2), up to one common factor.

    Raises SightlineError where the embeddings of a label do not differ at all.
    """
    covariance = within_class_covariance(embeddings, labels, datasets)
    if not covariance.trace() > 0:
        raise SightlineError("whitening: the network says the same of all pictures of a label, there is nothing to count less")
    dimension = len(covariance)
    shrunk = (1 - SHRINKAGE) * covariance + SHRINKAGE * covariance.trace() / dimension * torch.eye(dimension).double()
    values, vectors = torch.linalg.eigh(shrunk)
    turn = (vectors * values.rsqrt()) @ vectors.T
    fold_neck(model)
    neck, projection = model.neck, model.projection
    rows = turn @ projection.weight.double()
    offset = turn @ (projection.bias.double() - embeddings.double().mean(dim=0))
    # The neck's statistics are those of what now comes in, its weight gives them back but for the common factor.
    deviation = ((embeddings.double() - embeddings.double().mean(dim=0)) @ turn).std(dim=0)
    projection.weight.copy_(rows)
    projection.bias.copy_(offset)
    neck.running_var.copy_((deviation.square() - neck.eps).clamp(min=0))
    neck.weight.copy_(deviation / deviation.square().mean().sqrt())


def whiten_with_pictures(model: LiteEmbedder, pictures: Sequence[Picture], embed: Embed, size: int) -> int:
    """`whiten` with training pictures and camera views of them; returns how many pictures that took."""
    asked = chosen(pictures)
    clean, views = embedded(asked, embed, size, seed=1)
    keys = [(p.dataset, p.label) for p in asked]
    whiten(model, torch.cat([clean, views]), keys * 2, [p.dataset for p in asked] * 2)
    return len(asked)
