"""The detector's default score threshold: that of the highest F-measure, a missed object costing more than a false alarm."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from .data import Listed, load
from .evaluate import Detect, Judged, judge

# Where it is looked for, and how much recall weighs beside precision (1: the same, F1): a missed object is never named.
CANDIDATES = np.arange(10, 70, 2) / 100
RECALL_WEIGHT = 1.5
IOU = 0.5


def judged_of(detect: Detect, pictures: Sequence[Listed]) -> Judged:
    """All detections on the pictures, each right or wrong."""
    judged = Judged([], [])
    for listed in pictures:
        sample = load(listed)
        judge(sample, *detect(sample.picture), IOU, judged)
    return judged


def at_threshold(judged: Judged, threshold: float) -> dict[str, float]:
    """Precision, recall and F-measure of the detections that score at least the threshold."""
    kept = np.asarray(judged.right, bool)[np.asarray(judged.scores) >= threshold]
    hits, weight = int(kept.sum()), RECALL_WEIGHT**2
    return {
        "precision": hits / max(len(kept), 1), "recall": hits / max(judged.truth, 1),
        "F": (1 + weight) * hits / max(weight * judged.truth + len(kept), 1),
    }


def best_threshold(several: Sequence[Judged]) -> float:
    """The threshold whose F-measure is highest in the mean over the sets, each weighing the same however large it is."""
    def mean(threshold: float) -> float:
        return float(np.mean([at_threshold(judged, threshold)["F"] for judged in several]))

    return float(max(CANDIDATES, key=mean))


def plot(several: Mapping[str, Judged], threshold: float, path: Path) -> None:
    """Draws each set's F-measure, and the mean precision and recall, with the chosen threshold, as a small PNG."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6, 3.4), dpi=90)
    for name, judged in several.items():
        axes.plot(CANDIDATES, [at_threshold(judged, x)["F"] for x in CANDIDATES], label=f"F, {name}")
    for name in ("precision", "recall"):
        means = [np.mean([at_threshold(judged, x)[name] for judged in several.values()]) for x in CANDIDATES]
        axes.plot(CANDIDATES, means, color="grey", linestyle=":" if name == "recall" else "-", alpha=0.6, label=f"mean {name}")
    axes.axvline(threshold, color="grey", linestyle="--", label=f"default threshold {threshold:.2f}")
    axes.set_xlabel("score threshold")
    axes.set_ylabel("fraction")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(path)
    pyplot.close(figure)
