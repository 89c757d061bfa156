"""Detector training: the loss of a batch, the stream's shares, kill -9 and resume, several processes, broken lists."""

import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from sightline_training.detection import losses
from sightline_training.detection.assignment import Assignment, atss, task_aligned
from sightline_training.detection.composites import Material
from sightline_training.detection.config import Config
from sightline_training.detection.data import Sample, read_box_list
from sightline_training.detection.network import STRIDES
from sightline_training.detection.overlap import giou
from sightline_training.detection.stream import Stream
from sightline_training.embedding.pictures import LabelFileError

TRAINING = Path(__file__).parents[2]


@pytest.mark.parametrize("assign", [task_aligned, atss])
def test_the_loss_of_a_batch_is_its_parts_over_the_qualities(assign: Assignment) -> None:
    torch.manual_seed(3)
    levels = [torch.randn(1, 33, 128 // s, 128 // s) for s in STRIDES]
    truth, ignored = torch.tensor([[10.0, 12.0, 70.0, 66.0]]), torch.tensor([[80.0, 80.0, 128.0, 128.0]])
    loss, parts = losses.detection_loss(levels, [losses.Target(truth, ignored, background_weight=0.25)], assign)
    logits, distributions = losses.flatten(levels)
    centres, strides = losses.cells(levels)
    boxes = losses.to_boxes(distributions, centres, strides)[0]
    owner, quality = assign(logits[0].sigmoid(), boxes, centres, strides, truth)
    score = box = distribution = 0.0
    for k, (x, y) in enumerate(centres.tolist()):
        value = float(losses.varifocal(logits[0, k : k + 1], quality[k : k + 1], owner[k : k + 1] >= 0))
        if owner[k] >= 0:
            score += value
            box += float(quality[k] * (1 - giou(boxes[k : k + 1], truth)))
            sides = torch.tensor([[x - 10, y - 12, 70 - x, 66 - y]]) / strides[k]
            distribution += float(quality[k] * losses.distribution_focal(distributions[0, k : k + 1], sides))
        elif not (80 < x < 128 and 80 < y < 128):
            score += 0.25 * value
    total = max(float(quality.sum()), 1.0)
    found = {name: float(part) for name, part in parts.items()}
    assert found == pytest.approx({"score": score / total, "box": box / total, "distribution": distribution / total}, rel=1e-4)
    assert float(loss) == pytest.approx((score + 2 * box + 0.5 * distribution) / total, rel=1e-4)


def test_near_the_end_of_the_schedule_fewer_scenes_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    def scene(_material: Material, size: int, _rng: random.Random) -> Sample:
        made.append("scene")
        return Sample(np.zeros((size, size, 3), np.uint8), np.zeros((0, 4), np.float32), np.zeros((0, 4), np.float32))

    monkeypatch.setattr("sightline_training.detection.stream.shelf", scene)
    config = Config(size=64, sizes=[64, 96], batch=100, mosaics=0.0, shelves=0.8, tables=0.0, settling=0.2, settled_share=0.25)
    picture = Sample(np.zeros((50, 60, 3), np.uint8), np.float32([[5, 5, 40, 40]]), np.zeros((0, 4), np.float32))
    done = multiprocessing.Value("d", 0.5)
    stream = iter(Stream(config, [picture], Material([], [], []), 0, done))
    sizes = {next(stream)[0].shape[-1] for _ in range(6)}
    assert sizes == {64, 96} and 420 < len(made) < 540
    made.clear()
    done.value = 0.9
    for _ in range(6):
        next(stream)
    assert 80 < len(made) < 165


def test_a_killed_run_goes_on_from_its_checkpoint(made_boxes: Path) -> None:
    config = made_boxes / "tiny.yaml"
    config.write_text(
        "{network: lcnet, scale: 0.25, width: 32, size: 64, batch: 2, minutes: 600, material: 5, art: [art], products: [art],"
        " tables: 0.0, checkpoint_minutes: 0, evaluate_minutes: 600}"
    )
    command = [sys.executable, "-m", "sightline_training", "train-detector", str(config), "--run", str(made_boxes / "run")]
    command += ["--boxes", str(made_boxes / "boxes.jsonl"), "--material", str(made_boxes), "--threads", "1"]

    def until(step: int) -> int:
        """Starts the run, kills it at a reported step at or past `step`, and returns the step it began from."""
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=TRAINING)
        began = 0
        assert process.stdout
        for line in process.stdout:
            if "resumed at step" in line:
                began = int(line.split("resumed at step ")[1].split(",")[0])
            if " lr " in line and int(line.split(" step ")[1].split()[0]) >= step:
                os.kill(process.pid, signal.SIGKILL)
                break
        process.wait()
        return began

    assert until(20) == 0
    assert until(40) >= 19


def test_malformed_lines_and_missing_pictures_of_a_box_list_are_all_named(made_boxes: Path) -> None:
    path = made_boxes / "bad.jsonl"
    path.write_text(
        '{"image": "images/0.jpg", "boxes": [[0.1, 0.1, 0.5, 0.5]]}\n{"boxes": []}\nno json\n'
        '{"image": "images/1.jpg", "boxes": [[10, 10, 40, 40]]}\n{"image": "images/gone.jpg", "boxes": []}\n'
    )
    with pytest.raises(LabelFileError) as error:
        read_box_list(path, made_boxes)
    message = str(error.value)
    assert all(part in message for part in ("line 2: KeyError('image')", "line 3", "line 4", "in 0..1", "images/gone.jpg"))
    assert "bad.jsonl: line 2" in message
