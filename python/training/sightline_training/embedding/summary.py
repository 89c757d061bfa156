"""What a run says when it has ended: a table of what was measured at its start, its best and its end, and its curves."""

import csv
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from statistics import fmean

from .curves import draw_curves

# Columns that say where a row stands.
PLACE = ("step", "minutes", "dataset", "rate")


def tell_run(folder: Path, report: Callable[[str], None]) -> None:
    """Reports the table, then draws curves.png, or says why there is none."""
    for line in run_table(folder):
        report(line)
    try:
        report(f"curves: {draw_curves(folder)}")
    except ImportError:
        report("curves: install matplotlib, then `curves --run` draws them")


def run_table(folder: Path) -> list[str]:
    """Lines: each figure of validation.csv by dataset, and each loss, as first and last measured and at its best."""
    lines = [f"{'':34} {'first':>9} {'best':>9} {'at step':>8} {'last':>9}"]
    for name, rows in _series(folder / "validation.csv").items():
        best, step = max(rows, key=lambda row: row[1])[::-1]
        lines.append(f"{name:34} {rows[0][1]:9.4f} {best:9.4f} {step:8} {rows[-1][1]:9.4f}")
    for name, rows in _series(folder / "losses.csv").items():
        # One row is twenty steps of chance: a few tell more.
        few = max(len(rows) // 20, 1)
        first, last = (fmean(value for _, value in part) for part in (rows[:few], rows[-few:]))
        if first or last:
            lines.append(f"{'training ' + name:34} {first:9.4f} {'':9} {'':8} {last:9.4f}")
    return lines


def _series(path: Path) -> dict[str, list[tuple[int, float]]]:
    """{"dataset column": [(step, value)]} of a CSV of curves; what is empty is left out."""
    found: dict[str, list[tuple[int, float]]] = defaultdict(list)
    if path.exists():
        with path.open(newline="") as file:
            for row in csv.DictReader(file):
                dataset = row.get("dataset", "")
                for name, value in row.items():
                    if name not in PLACE and value:
                        found[f"{dataset} {name}".strip()].append((int(row["step"]), float(value)))
    return found
