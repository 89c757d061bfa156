"""Detector training: the loss of a batch, the stream's shares, kill -9 and resume, several processes, broken lists."""

import csv
import itertools
import multiprocessing
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from sightline_training.detection import losses
from sightline_training.detection.assignment import Assignment, atss, task_aligned
from sightline_training.detection.composites import Material
from sightline_training.detection.config import Config
from sightline_training.detection.data import Listed, Sample, read_box_list
from sightline_training.detection.network import STRIDES
from sightline_training.detection.overlap import giou
from sightline_training.detection.run import start_run
from sightline_training.detection.stream import Stream
from sightline_training.detection.train import rate_at, train
from sightline_training.embedding.pictures import LabelFileError
from sightline_training.embedding.training_state import RunError

from ..conftest import Run as Runner

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


def quiet(_line: str) -> None:
    """Training reports to nobody here."""


def ticking(seconds: float) -> Callable[[], float]:
    """A clock by which every step takes so many seconds."""
    times = itertools.count()
    return lambda: seconds * next(times)


def rows(path: Path) -> list[dict[str, float]]:
    with path.open(newline="") as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]


TINY = Config(
    network="lcnet", scale=0.25, width=16, size=64, batch=2, minutes=2, mosaics=0.0, shelves=0.0, tables=0.0, workers=0,
    learning_rate=3e-3, backbone_rate=1.0, ema=0.9, warmup_steps=5, evaluate_minutes=0.99, checkpoint_minutes=600,
)


def split(folder: Path) -> tuple[list[Listed], list[Listed]]:
    listed = read_box_list(folder / "boxes.jsonl", folder)
    return listed[:36], listed[36:]


def test_a_run_learns_says_how_long_it_will_take_and_measures_itself(made_boxes: Path, run: Runner) -> None:
    said: list[str] = []
    config = replace(TINY, assignment="atss")
    best = train(config, *split(made_boxes), made_boxes, made_boxes / "run", said.append, clock=ticking(1.5))
    ends = [line.split(" lr ")[1].split(" ", 1)[1] for line in said if " lr " in line]
    assert ends == ["1.5 min left", "1.0 min left", "0.5 min left", "0.0 min left"]

    curve = rows(made_boxes / "run" / "losses.csv")
    assert [(row["step"], row["minutes"]) for row in curve] == [(20, 0.5), (40, 1), (60, 1.5), (80, 2)]
    assert all(curve[-1][name] < 0.9 * curve[0][name] for name in ("box", "distribution"))

    validation = rows(made_boxes / "run" / "validation.csv")
    assert [row["step"] for row in validation] == [40, 80]
    kept = torch.load(best, weights_only=True)
    assert kept["config"]["assignment"] == "atss"
    assert {name: round(value, 4) for name, value in kept["metrics"].items()} in [
        {name: row[name] for name in kept["metrics"]} for row in validation
    ]
    run("curves", "--run", made_boxes / "run")
    picture = cv2.imread(str(made_boxes / "run" / "curves.png"))
    # Lines in more colours than the grey of axes and letters.
    assert picture is not None and (picture.max(axis=2).astype(int) - picture.min(axis=2) > 60).sum() > 200


def test_a_schedule_ends_with_its_last_step_where_that_comes_before_its_minutes(made_boxes: Path) -> None:
    config = replace(TINY, steps=3)
    train(config, *split(made_boxes), made_boxes, made_boxes / "run", quiet, clock=ticking(1.0))
    saved = torch.load(made_boxes / "run" / "checkpoint.pt", weights_only=True)
    assert saved["state"]["step"] == 3 and saved["state"]["seconds"] == 3.0
    assert saved["optimizer"]["param_groups"][0]["lr"] == rate_at(2, 2 / 3, config)


def test_mixed_precision_trains_as_full_precision_does_but_for_its_rounding(made_boxes: Path) -> None:
    told = []
    for mixed in (False, True):
        config = replace(TINY, mixed_precision=mixed, steps=20, learning_rate=1e-4)
        folder = made_boxes / str(mixed)
        weights = torch.load(train(config, *split(made_boxes), made_boxes, folder, quiet), weights_only=True)["average"]
        # What is kept is full precision all the same.
        assert all(value.dtype == torch.float32 for value in weights.values() if value.is_floating_point())
        told.append({name: rows(folder / "losses.csv")[0][name] for name in losses.WEIGHTS})
    assert told[0] != told[1] and told[1] == pytest.approx(told[0], rel=0.05)


def test_a_run_after_another_begins_with_its_average(made_boxes: Path) -> None:
    earlier, later, nothing = (made_boxes / name for name in ("earlier", "later", "nothing"))
    train(replace(TINY, steps=2), *split(made_boxes), made_boxes, earlier, quiet)
    began = start_run(TINY, later, earlier, torch.device("cpu"))
    average = torch.load(earlier / "checkpoint.pt", weights_only=True)["average"]
    assert began.step == 0
    assert all(torch.equal(average[name], value) for name, value in began.model.state_dict().items())
    with pytest.raises(RunError, match="nothing has no checkpoint.pt"):
        start_run(TINY, later, nothing, torch.device("cpu"))


def test_a_killed_run_goes_on_from_its_checkpoint_and_has_each_row_once(made_boxes: Path) -> None:
    config = made_boxes / "tiny.yaml"
    config.write_text(
        "{network: lcnet, scale: 0.25, width: 16, size: 64, batch: 2, minutes: 600, material: 5, art: [art], products: [art],"
        " tables: 0.0, checkpoint_minutes: 0, evaluate_minutes: 600}"
    )
    table = made_boxes / "run" / "losses.csv"
    command = [sys.executable, "-m", "sightline_training", "train-detector", str(config), "--run", str(made_boxes / "run")]
    command += ["--boxes", str(made_boxes / "boxes.jsonl"), "--material", str(made_boxes), "--threads", "1"]

    def until(step: int) -> int:
        """Starts the run, kills it at a reported step at or past `step`, and returns the step it began from."""
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=TRAINING)
        began = -1
        assert process.stdout
        for line in process.stdout:
            if "from step" in line:
                began = int(line.split("from step ")[1].split(",")[0])
            if " lr " in line and int(line.split(" step ")[1].split()[0]) >= step:
                os.kill(process.pid, signal.SIGKILL)
                break
        assert process.wait() == -signal.SIGKILL
        return began

    assert until(20) == 0
    # As where the run had gone on after its last checkpoint: that row will be written again.
    with table.open("a") as file:
        file.write("40,9,9,9,9,9\n")
    assert until(40) >= 19
    found = rows(table)
    assert [row["step"] for row in found] == [20 * (k + 1) for k in range(len(found))] and len(found) >= 2
    assert all(row["score"] != 9 for row in found)


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
