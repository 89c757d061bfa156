"""The default score threshold is where the F-measure is highest, over several sets that weigh the same."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch

from sightline_training.detection.config import Config
from sightline_training.detection.data import read_box_list
from sightline_training.detection.evaluate import Judged
from sightline_training.detection.networks import build_detector
from sightline_training.detection.threshold import at_threshold, best_threshold, judged_of

from ..conftest import Run


def test_the_figures_at_a_threshold_are_the_obvious_ones() -> None:
    judged = Judged([0.9, 0.8, 0.5, 0.4], [True, False, True, True], truth=5)
    found = at_threshold(judged, 0.5)
    assert found["precision"] == pytest.approx(2 / 3) and found["recall"] == pytest.approx(0.4)
    precision, recall, weight = 2 / 3, 0.4, 1.5**2
    assert found["F"] == pytest.approx((1 + weight) * precision * recall / (weight * precision + recall))
    assert at_threshold(Judged([], [], truth=3), 0.5) == {"precision": 0, "recall": 0, "F": 0}


def test_false_alarms_raise_the_threshold_and_sets_weigh_the_same() -> None:
    clean = Judged([0.9] * 50 + [0.3] * 50, [True] * 100, truth=100)
    noisy = Judged([0.9] * 5 + [0.5] * 100, [True] * 5 + [False] * 100, truth=5)
    assert best_threshold([clean]) <= 0.3
    assert 0.5 < best_threshold([noisy]) <= 0.7
    # The small noisy set counts as much as the large clean one.
    assert best_threshold([clean, noisy]) > 0.5


def test_detections_are_judged_by_the_boxes_and_what_is_ignored(made_boxes: Path) -> None:
    listed = read_box_list(made_boxes / "boxes.jsonl", made_boxes)[:2]

    def detect(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.float32([[0, 0, 80, 60]]), np.float32([0.7])

    judged = judged_of(detect, listed)
    assert judged.scores == pytest.approx([0.7, 0.7]) and judged.right == [False, False] and judged.truth == 2


def test_the_command_draws_the_curve_and_records_the_threshold(made_boxes: Path, run: Run) -> None:
    config = Config(network="lcnet", scale=0.25, width=32, size=64)
    torch.save({"average": build_detector(config).state_dict(), "config": asdict(config), "metrics": {}}, made_boxes / "best.pt")
    folder, boxes = made_boxes / "models" / "tiny", made_boxes / "boxes.jsonl"
    run("export-detector", "--run", made_boxes, "--to", folder, "--boxes", boxes)
    picture = made_boxes / "threshold.png"
    done = run("detection-threshold", folder, "--boxes", boxes, "--plot", picture, "--record")
    said = json.loads(done.stdout)
    assert picture.read_bytes()[1:4] == b"PNG"
    assert json.loads((folder / "manifest.json").read_text())["defaults"]["scoreThreshold"] == said["scoreThreshold"]
    assert set(said[f"{made_boxes.name}/boxes"]) == {"precision", "recall", "F"}
    nothing = run("detection-threshold", folder)
    assert nothing.returncode == 1 and "name at least one list" in nothing.stderr
