"""The whitened head is the definition folded into one linear map, and makes what varies within a label count less."""

from pathlib import Path

import numpy as np
import pytest
import torch

from sightline_base.errors import SightlineError
from sightline_base.retrieval import l2_normalized
from sightline_training.embedding import whitening
from sightline_training.embedding.embedder import LiteEmbedder
from sightline_training.embedding.pictures import Picture, as_deployed, read_label_file, read_picture


def made_embedder(dimension: int) -> LiteEmbedder:
    torch.manual_seed(0)
    model = LiteEmbedder(dimension=dimension).eval()
    torch.nn.init.normal_(model.neck.running_mean, std=0.5)
    torch.nn.init.uniform_(model.neck.running_var, 0.5, 2)
    torch.nn.init.uniform_(model.neck.weight, 0.5, 2)
    return model


def test_covariance_is_the_mean_over_datasets_of_deviations_from_the_labels_mean() -> None:
    random = np.random.default_rng(0)
    points = random.normal(size=(12, 3))
    labels, datasets = list("aaabbbccdddd"), ["x"] * 6 + ["y"] * 6
    expected = np.zeros((3, 3))
    for dataset in "xy":
        here = [i for i in range(12) if datasets[i] == dataset]
        for i in here:
            centre = np.mean([points[j] for j in range(12) if labels[j] == labels[i]], axis=0)
            expected += np.outer(points[i] - centre, points[i] - centre) / len(here) / 2
    found = whitening.within_class_covariance(torch.from_numpy(points), labels, datasets)
    assert np.allclose(found.numpy(), expected)


def test_the_head_then_says_the_centred_embedding_times_the_inverse_root() -> None:
    model = made_embedder(6)
    features = torch.rand(60, 1280)
    labels = [i % 10 for i in range(60)]
    with torch.inference_mode():
        before = model.neck(model.projection(features)).double()
    whitening.whiten(model, before.float(), labels, ["x"] * 60)
    covariance = whitening.within_class_covariance(before, labels, ["x"] * 60).numpy()
    shrunk = 0.7 * covariance + 0.3 * np.trace(covariance) / 6 * np.eye(6)
    values, vectors = np.linalg.eigh(shrunk)
    expected = (before - before.mean(dim=0)).numpy() @ vectors @ np.diag(values**-0.5) @ vectors.T
    with torch.inference_mode():
        after = model.neck(model.projection(features)).numpy()
    assert np.allclose(l2_normalized(after), l2_normalized(expected), atol=1e-4)


def test_a_large_nuisance_stops_hiding_a_small_difference() -> None:
    model = made_embedder(8)
    random = torch.Generator().manual_seed(1)
    nuisance = torch.randn(200, 5, generator=random) * 3
    identity = torch.eye(3)[torch.arange(200) % 3]
    # Through the head's inverse: features that embed as [nuisance, identity].
    wanted = torch.cat([nuisance, identity], 1)
    scale = model.neck.weight / (model.neck.running_var + model.neck.eps).sqrt()
    projected = wanted / scale + model.neck.running_mean - model.projection.bias
    features = torch.linalg.lstsq(model.projection.weight, projected.T).solution.T
    labels = [i % 3 for i in range(200)]

    def nearest_is_right() -> float:
        with torch.inference_mode():
            unit = torch.nn.functional.normalize(model.neck(model.projection(features)), dim=1)
        similarity = (unit @ unit.T).fill_diagonal_(-1)
        return float((torch.tensor(labels)[similarity.argmax(1)] == torch.tensor(labels)).float().mean())

    before = nearest_is_right()
    whitening.whiten(model, wanted, labels, ["x"] * 200)
    assert nearest_is_right() > before + 0.2


def test_no_label_and_no_dataset_gives_more_than_its_share() -> None:
    pictures = [Picture(Path(f"{d}/{n}/{i}.jpg"), f"{d}{n}", d) for d, c in (("big", 400), ("small", 3)) for n in range(c) for i in range(9)]
    asked = whitening.chosen(pictures)
    assert sum(p.dataset == "big" for p in asked) == whitening.OF_DATASET
    assert sum(p.dataset == "small" for p in asked) == 3 * whitening.OF_LABEL


def test_pictures_and_their_views_are_embedded_the_same_every_time(made_set: tuple[Path, Path]) -> None:
    pictures = read_label_file(*made_set, " ")[:5]

    def embed(batch: np.ndarray) -> np.ndarray:
        return batch.reshape(len(batch), -1).astype(np.float32)

    first, again = (whitening.embedded(pictures, embed, 32, seed=1) for _ in range(2))
    assert torch.equal(first[0][0], torch.from_numpy(as_deployed(read_picture(pictures[0].path), 32)).flatten().float())
    assert torch.equal(first[0], again[0]) and torch.equal(first[1], again[1])
    assert not torch.equal(first[0], first[1])


def test_a_network_that_says_the_same_of_all_pictures_is_refused() -> None:
    with pytest.raises(SightlineError, match="says the same of all pictures"):
        whitening.whiten(made_embedder(6), torch.ones(8, 6), [0, 1] * 4, ["x"] * 8)
