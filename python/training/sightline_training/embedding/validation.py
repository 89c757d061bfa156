"""Retrieval on the held-out labels, dataset by dataset: clean pictures, and camera views of them."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from statistics import fmean

import numpy as np

from sightline_base.retrieval import Retrieval, retrieval

from .camera import camera_view
from .pictures import Picture, as_deployed, read_picture

# Embeds uint8 pictures [N, size, size, 3] as float [N, D].
Embed = Callable[[np.ndarray], np.ndarray]


def validation_set(pictures: Sequence[Picture], most: int, labels: int) -> list[Picture]:
    """The first `labels` labels of each dataset that have two pictures, up to `most` pictures of each.

    They are spread evenly over the label's list, because neighbours may be frames of one video.
    """
    members: dict[tuple[str, str], list[Picture]] = defaultdict(list)
    for picture in pictures:
        members[picture.dataset, picture.label].append(picture)
    chosen: list[Picture] = []
    taken: dict[str, int] = defaultdict(int)
    for (dataset, _), group in members.items():
        taken[dataset] += len(group) > 1
        if len(group) > 1 and taken[dataset] <= labels:
            count = min(most, len(group))
            chosen += [group[i * len(group) // count] for i in range(count)]
    return chosen


def validate(
    pictures: Sequence[Picture], embed: Embed, size: int, batch: int = 64
) -> dict[str, tuple[Retrieval, Retrieval]]:
    """For each dataset (clean, camera): each picture, or a fixed camera view of it, must find its label's others."""
    vectors = _embedded(lambda i: as_deployed(read_picture(pictures[i].path), size), len(pictures), embed, batch)

    def view(index: int) -> np.ndarray:
        random = np.random.default_rng((7, index))
        backdrop = pictures[int(random.integers(len(pictures)))]
        distorted = camera_view(read_picture(pictures[index].path), read_picture(backdrop.path), 224, False, random)
        return as_deployed(distorted, size)

    views = _embedded(view, len(pictures), embed, batch)
    datasets = np.array([p.dataset for p in pictures])
    labels = np.array([p.label for p in pictures])
    results = {}
    for dataset in sorted(set(datasets.tolist())):
        here = datasets == dataset
        clean, names = vectors[here], labels[here]
        results[dataset] = (
            retrieval(clean, names, clean, names, same=True), retrieval(views[here], names, clean, names, same=True)
        )
    return results


def retrieval_of(
    query: list[Picture], gallery: list[Picture] | None, embed: Callable[[list[Picture]], np.ndarray],
    only_answerable: bool = False,
) -> Retrieval:
    """The queries asked of the gallery, or of each other where there is none; `embed` takes whole pictures."""
    asked, names = embed(query), _labels(query)
    if gallery is None:
        return retrieval(asked, names, asked, names, same=True, only_answerable=only_answerable)
    return retrieval(asked, names, embed(gallery), _labels(gallery), only_answerable=only_answerable)


def score(results: dict[str, tuple[Retrieval, Retrieval]]) -> float:
    """The number by which weights are chosen: the mean over datasets of clean and camera mAP."""
    return fmean((clean.map + camera.map) / 2 for clean, camera in results.values())


def _labels(pictures: list[Picture]) -> np.ndarray:
    return np.array([p.label for p in pictures])


def _embedded(make: Callable[[int], np.ndarray], count: int, embed: Embed, batch: int) -> np.ndarray:
    starts = range(0, count, batch)
    return np.concatenate([embed(np.stack([make(i) for i in range(s, min(s + batch, count))])) for s in starts])
