"""What stands in a picture without a box is ignored in training, where a detector sees it."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from sightline_training.detection.config import Config
from sightline_training.detection.data import is_held_out, read_box_list
from sightline_training.detection.networks import build_detector
from sightline_training.detection.unlabelled import LEAST_SCORE, mark_unlabelled

from ..conftest import Run


def test_what_is_seen_beside_the_boxes_is_ignored(made_boxes: Path) -> None:
    """Pictures are 80 x 60 with one box of 40 x 25."""
    listed = read_box_list(made_boxes / "boxes.jsonl", made_boxes)[:3]
    beside = [70.0, 0.0, 80.0, 60.0]

    def detect(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        assert picture.shape == (60, 80, 3)
        everything, corner = [0.0, 0.0, 80.0, 60.0], [0.0, 0.0, 4.0, 60.0]
        return np.float32([beside, everything, corner]), np.float32([LEAST_SCORE + 0.1, 0.9, LEAST_SCORE - 0.1])

    to = made_boxes / "marked.jsonl"
    assert mark_unlabelled(made_boxes / "boxes.jsonl", made_boxes, to, listed, detect) == 3
    before, after = ([json.loads(line) for line in path.read_text().splitlines()] for path in (made_boxes / "boxes.jsonl", to))
    assert [row["ignore"] for row in after[:3]] == [[[0.875, 0, 1, 1]]] * 3
    assert all(row["ignore"] == [] for row in after[3:]) and [r["boxes"] for r in after] == [r["boxes"] for r in before]


def test_a_part_of_a_boxed_object_is_not_ignored(made_boxes: Path) -> None:
    listed = read_box_list(made_boxes / "boxes.jsonl", made_boxes)[:1]
    x1, y1, x2, y2 = (listed[0].boxes[0] * np.float32([80, 60, 80, 60])).tolist()

    def detect(_: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.float32([[x1 + 4, y1 + 4, x1 + 14, y1 + 14], [x1, y1, x2, y2]]), np.float32([0.9, 0.9])

    assert mark_unlabelled(made_boxes / "boxes.jsonl", made_boxes, made_boxes / "marked.jsonl", listed, detect) == 0


def test_the_command_leaves_held_out_pictures_and_other_sources_alone(made_boxes: Path, run: Run) -> None:
    config = Config(network="lcnet", scale=0.25, width=32, size=64)
    model = build_detector(config)
    # Sure of an object in every cell.
    for head in model.heads:
        torch.nn.init.constant_(head.bias[:1], 5.0)
    torch.save({"average": model.state_dict(), "config": asdict(config), "metrics": {"AP50": 0.25}}, made_boxes / "best.pt")
    boxes, folder = made_boxes / "boxes.jsonl", made_boxes / "models" / "tiny"
    run("export-detector", "--run", made_boxes, "--to", folder, "--boxes", boxes)
    rows = [json.loads(line) for line in boxes.read_text().splitlines()]
    boxes.write_text("\n".join(json.dumps({**row, "source": "shelf" if k % 2 else "other"}) for k, row in enumerate(rows)))
    done = run("mark-unlabelled", folder, "--sources", "shelf", "--boxes", boxes, "--to", made_boxes / "marked.jsonl")
    assert done.returncode == 0 and "regions to ignore in" in done.stdout, done.stderr
    marked = [json.loads(line) for line in (made_boxes / "marked.jsonl").read_text().splitlines()]
    assert any(row["ignore"] for row in marked if row["source"] == "shelf")
    assert not any(row["ignore"] for row in marked if row["source"] == "other" or is_held_out(row["image"]))
