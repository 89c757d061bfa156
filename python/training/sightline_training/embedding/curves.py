"""Draws a run's curves, an embedder's or a detector's: losses, and what the held-out pictures were measured at."""

import csv
from collections import defaultdict
from pathlib import Path
from statistics import fmean

from .training_state import RunError

# Columns that are no curve of their own: where a row stands, and what is on another scale.
NOT_DRAWN = {"step", "minutes", "rate", "accuracy", "dataset"}


def draw_curves(run: Path) -> Path:
    """Writes run/curves.png from run/losses.csv and run/validation.csv, and returns its path."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    for name in ("losses.csv", "validation.csv"):
        if not (run / name).exists():
            raise RunError(f"{run} has no {name}: it is no run's folder, or the run has not begun")
    with (run / "losses.csv").open(newline="") as file:
        rows = csv.DictReader(file)
        names = [name for name in rows.fieldnames or [] if name not in NOT_DRAWN]
        losses = [{k: float(v) for k, v in row.items()} for row in rows]
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(10, 3.6), dpi=100)
    for name in names:
        left.plot([row["step"] for row in losses], [row[name] for row in losses], label=name)
    if losses:
        left.set_yscale("log")
    left.set_title("losses")
    for name, points in validation_means(run).items():
        right.plot([step for step, _ in points], [value for _, value in points], marker=".", label=name)
    right.set_title("held out")
    for axes in (left, right):
        axes.set_xlabel("step")
        axes.grid(alpha=0.3)
        if axes.lines:
            axes.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(run / "curves.png")
    pyplot.close(figure)
    return run / "curves.png"


def validation_means(run: Path) -> dict[str, list[tuple[int, float]]]:
    """{metric: [(step, mean over datasets)]} of run/validation.csv; a detector's has one row a step."""
    values: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    with (run / "validation.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            for name in (name for name in row if name not in NOT_DRAWN and row[name]):
                values[name][int(row["step"])].append(float(row[name]))
    return {name: [(step, fmean(v)) for step, v in sorted(steps.items())] for name, steps in values.items()}
