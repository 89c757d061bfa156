"""The open-set curve: what a similarity threshold keeps of right names, and what false names it lets through."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sightline_base.retrieval import l2_normalized

from .pictures import Picture

ENROLLED_PICTURES = 5
# A label's pictures beyond these are mostly further frames of the same video or sides of the same render.
MOST_PICTURES = 12


@dataclass(frozen=True)
class Split:
    """Half of the labels with some pictures enrolled; the rest of their pictures, and the other half's, asked."""

    enrolled: list[Picture]
    known: list[Picture]
    unknown: list[Picture]


@dataclass(frozen=True)
class Curve:
    """At each threshold: the fraction of unknown queries that get a name, and of right names that are kept."""

    thresholds: np.ndarray
    false_names: np.ndarray
    kept: np.ndarray

    def choose(self, most_false: float = 0.05) -> int:
        """The index of the lowest threshold with at most that many false names; of the highest where none is enough."""
        enough = self.false_names <= most_false
        return int(np.argmax(enough)) if enough.any() else len(self.thresholds) - 1


def split_open_set(pictures: Sequence[Picture]) -> Split:
    """In each dataset, every second label in the order of its hash is enrolled, with at most half of its pictures."""
    members: dict[tuple[str, str], list[Picture]] = defaultdict(list)
    for picture in pictures:
        members[picture.dataset, picture.label].append(picture)
    labels: dict[str, list[str]] = defaultdict(list)
    for dataset, label in sorted(members, key=lambda pair: hashlib.sha256(f"open-set:{pair[1]}".encode()).hexdigest()):
        if len(members[dataset, label]) > 1:
            labels[dataset].append(label)
    split = Split([], [], [])
    for dataset, names in labels.items():
        for place, label in enumerate(names):
            group = members[dataset, label]
            group = group[:: -(-len(group) // MOST_PICTURES)]
            if place % 2:
                split.unknown.extend(group)
                continue
            step = max(2, -(-len(group) // ENROLLED_PICTURES))
            split.enrolled.extend(group[::step])
            split.known.extend(p for i, p in enumerate(group) if i % step)
    return split


def measurable(split: Split) -> bool:
    """Whether any dataset has both: pictures asked that are enrolled, and some that are not."""
    return bool({p.dataset for p in split.known} & {p.dataset for p in split.unknown})


def open_set_curve(split: Split, embed: Callable[[Sequence[Picture]], np.ndarray]) -> Curve:
    """Enrols, asks, and sweeps the threshold. Each dataset is its own gallery, and every dataset weighs the same."""
    false_names: list[np.ndarray] = []
    kept: list[np.ndarray] = []
    thresholds = np.arange(0.0, 1.0, 0.005)
    for dataset in sorted({p.dataset for p in split.enrolled}):
        enrolled, known, unknown = (
            [p for p in part if p.dataset == dataset] for part in (split.enrolled, split.known, split.unknown)
        )
        if not known or not unknown:
            continue
        gallery = l2_normalized(embed(enrolled))
        names = np.array([p.label for p in enrolled])
        similarity = l2_normalized(embed(known)) @ gallery.T
        right = names[similarity.argmax(axis=1)] == np.array([p.label for p in known])
        scores = similarity.max(axis=1)[right]
        strangers = (l2_normalized(embed(unknown)) @ gallery.T).max(axis=1)
        kept.append((scores[None, :] >= thresholds[:, None]).mean(axis=1) if len(scores) else np.ones_like(thresholds))
        false_names.append((strangers[None, :] >= thresholds[:, None]).mean(axis=1))
    return Curve(thresholds, np.mean(false_names, axis=0), np.mean(kept, axis=0))


def plot(curve: Curve, chosen: int, path: Path) -> None:
    """Draws the curve and the chosen threshold as a small PNG."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6, 3.4), dpi=90)
    axes.plot(curve.thresholds, curve.kept, label="right names kept")
    axes.plot(curve.thresholds, curve.false_names, label="unknown objects given a name")
    threshold = curve.thresholds[chosen]
    axes.axvline(threshold, color="grey", linestyle="--", label=f"default threshold {threshold:.3f}")
    axes.set_xlabel("cosine similarity threshold")
    axes.set_ylabel("fraction")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path)
    pyplot.close(figure)
