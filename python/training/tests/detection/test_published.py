"""A toy run of the detector's recipe as published on COCO's form of labels, killed and gone on with; its stream and options."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import yaml

from sightline_training.config import ConfigError
from sightline_training.detection.config import in_steps, load_config
from sightline_training.detection.data import read_box_list
from sightline_training.detection.stream import PublishedStream
from sightline_training.detection.train import train
from sightline_training.embedding.pictures import LabelFileError

from ..conftest import Run

TRAINING = Path(__file__).parents[2]
RECIPE = TRAINING / "configs/mainbody_reference.yaml"


def toy_recipe(path: Path, **changed: object) -> Path:
    """The shipped configuration for small pictures, one processor and no server."""
    small = {
        "scale": 0.25, "width": 16, "size": 64, "sizes": [64, 96], "batch": 8, "epochs": 6, "warmup_steps": 4, "rate_processes": 320,
        "ema_cycle": 2, "workers": 0, "checkpoint_minutes": 0, "pretrained": "",
    }
    path.write_text(yaml.safe_dump({**yaml.safe_load(RECIPE.read_text()), **small, **changed}))
    return path


@pytest.fixture
def coco(tmp_path: Path) -> Path:
    """A folder with train.json of 50 shelf-like pictures and val.json of 5, two of these without a box, and a crowd."""
    (tmp_path / "images").mkdir()
    told: dict[str, list[dict]] = {"images": [], "annotations": []}
    for k in range(55):
        random = np.random.default_rng(k)
        picture = random.integers(0, 90, (60, 80, 3), dtype=np.uint8)
        x, y = random.integers(5, 30, 2).tolist()
        picture[y : y + 25, x : x + 40] = 230
        cv2.imwrite(str(tmp_path / "images" / f"{k}.jpg"), picture)
        told["images"].append({"id": 100 + k, "file_name": f"{k}.jpg", "width": 80, "height": 60})
        if k not in (3, 4):
            note = {"image_id": 100 + k, "bbox": [x, y, 40, 25], "area": 1000, "category_id": 1 + k % 7, "iscrowd": 0}
            told["annotations"].append(note)
    told["annotations"] += [
        {"image_id": 105, "bbox": [0, 0, 80, 10], "area": 800, "category_id": 1, "iscrowd": 1},
        {"image_id": 106, "bbox": [5, 5, 0, 9], "area": 0, "category_id": 1, "iscrowd": 0},
        {"image_id": 106, "bbox": [5, 5, 8, 9], "area": 72, "category_id": 1, "ignore": 1},
    ]
    for name, some in (("train", slice(0, 50)), ("val", slice(50, 55))):
        images = told["images"][some]
        ids = {image["id"] for image in images}
        notes = [note for note in told["annotations"] if note["image_id"] in ids]
        (tmp_path / f"{name}.json").write_text(json.dumps({"images": images, "annotations": notes}))
    return tmp_path


def test_a_toy_run_is_killed_gone_on_with_bit_by_bit_exported_and_made_int8(coco: Path, run: Run) -> None:
    config = toy_recipe(coco / "toy.yaml")
    lists = ["--boxes", coco / "train.json", "--held-out", coco / "val.json", "--images", coco / "images"]
    killed = [sys.executable, "-m", "sightline_training", "train-detector", config, "--run", coco / "killed", *lists, "--threads", "1"]
    process = subprocess.Popen(list(map(str, killed)), stdout=subprocess.PIPE, text=True, cwd=TRAINING)
    assert process.stdout
    for line in process.stdout:
        if " AP50 " in line:
            os.kill(process.pid, signal.SIGKILL)
            break
    assert process.wait() == -signal.SIGKILL
    # Two of 50 have no box: 48 are six batches, measured every second epoch.
    last = torch.load(coco / "killed" / "checkpoint.pt", weights_only=True)["state"]["step"]
    assert 11 <= last < 36

    gone_on = run("train-detector", config, "--run", coco / "killed", *lists, "--threads", "1")
    assert gone_on.returncode == 0 and f"48 pictures, 5 held out, from step {last}" in gone_on.stdout, gone_on.stderr
    unbroken = run("train-detector", config, "--run", coco / "unbroken", *lists, "--threads", "1")
    assert unbroken.returncode == 0, unbroken.stderr
    for part in ("model", "cycle", "average"):
        one, other = (torch.load(coco / folder / "checkpoint.pt", weights_only=True)[part] for folder in ("killed", "unbroken"))
        assert all(torch.equal(value, other[key]) for key, value in one.items()), part
    steps = [line.split(",")[0] for line in (coco / "killed" / "validation.csv").read_text().splitlines()[1:]]
    assert steps == ["12", "24", "36"]
    assert "AP50" in unbroken.stdout and "training distribution" in unbroken.stdout
    assert (coco / "unbroken" / "curves.png").stat().st_size > 5000

    folder = coco / "models" / "toy"
    assert run("export-detector", "--run", coco / "killed", *lists, "--to", folder).returncode == 0
    done = run("quantize-detector", folder, *lists)
    assert done.returncode == 0, done.stderr
    assert json.loads((folder.with_name("toy-int8") / "manifest.json").read_text())["name"] == "toy-int8"


def test_every_picture_comes_once_an_epoch_and_processes_share_them(coco: Path) -> None:
    config = load_config(toy_recipe(coco / "toy.yaml", batch=4))
    pictures = [one for one in read_box_list(coco / "train.json", coco / "images") if len(one.boxes)]
    seen: list[int] = []

    class Counted(PublishedStream):
        def _read(self, share: np.ndarray, first: int, size: int) -> tuple:
            seen.append(int(share[first]))
            return super()._read(share, first, size)

    streams = [Counted(config, pictures, process, 2) for process in range(2)]
    sizes = [[stream[step][0].shape[-1] for step in range(6)] for stream in streams]
    assert sorted(seen) == list(range(48))
    # A step has one size in all processes, and both sizes come.
    assert sizes[0] == sizes[1] and set(sizes[0]) == {64, 96}
    first, again, later = streams[0][2], streams[0][2], streams[0][8]
    assert torch.equal(first[0], again[0]) and not (later[0].shape == first[0].shape and torch.equal(first[0], later[0]))
    image, targets, damaged = first
    assert image.dtype == torch.float32 and not damaged
    assert all(len(target.boxes) and (target.boxes[:, 2:] > target.boxes[:, :2]).all() for target in targets)


def test_a_damaged_picture_is_replaced_by_the_next_and_counted(coco: Path) -> None:
    (coco / "images" / "7.jpg").write_bytes(b"no picture")
    listed = read_box_list(coco / "train.json", coco / "images")
    said: list[str] = []
    config = replace(load_config(toy_recipe(coco / "toy.yaml", evaluate_epochs=1)), epochs=1)
    train(config, listed, listed[7:9], None, coco / "run", said.append)
    assert any(line.startswith("damaged, another took its place") and line.endswith("7.jpg") for line in said)
    assert any("1 of 48 pictures are damaged so far" in line for line in said)
    assert any(line.startswith("not measured by") for line in said)
    # The made stream reads all at its start, and goes on without it as well.
    config = replace(config, stream="made", epochs=0, evaluate_epochs=0, steps=2, mosaics=0.5, shelves=0.0, tables=0.0)
    train(config, listed, [], coco, coco / "made", said.append)
    assert sum("pictures are damaged so far" in line for line in said) == 2


def test_coco_is_read_crowds_do_not_count_and_what_is_wrong_is_named(coco: Path) -> None:
    listed = {one.file.name: one for one in read_box_list(coco / "train.json", coco / "images")}
    assert len(listed) == 50 and len(listed["3.jpg"].boxes) == 0
    assert (len(listed["5.jpg"].boxes), listed["5.jpg"].ignore.tolist()) == (1, [[0, 0, 1, pytest.approx(10 / 60)]])
    assert len(listed["6.jpg"].boxes) == 1 and len(listed["6.jpg"].ignore) == 0
    told = json.loads((coco / "train.json").read_text())
    told["images"][0]["width"] = 0
    told["annotations"][1]["image_id"] = 999
    told["annotations"][2]["bbox"] = [1, 2, 3]
    (coco / "bad.json").write_text(json.dumps(told))
    with pytest.raises(LabelFileError, match=r"images\[0\]: .*width 0.*annotations\[1\]: KeyError\(999\); annotations\[2\]: .*unpack"):
        read_box_list(coco / "bad.json", coco / "images")
    (coco / "images" / "9.jpg").unlink()
    with pytest.raises(LabelFileError, match="no picture .*9.jpg"):
        read_box_list(coco / "train.json", coco / "images")
    assert len(read_box_list(coco / "train.json", coco / "images", missing_share=0.02)) == 49


def test_lists_without_pictures_to_train_on_or_to_measure_by_are_told(coco: Path, run: Run) -> None:
    (coco / "empty.json").write_text(json.dumps({"images": [], "annotations": []}))
    for name in ("empty.json", "empty.jsonl"):
        (coco / name).touch()
        done = run("train-detector", toy_recipe(coco / "toy.yaml"), "--run", coco / "run", "--boxes", coco / name)
        assert done.returncode == 1 and f"{name} names no picture" in done.stderr
    done = run("export-detector", "--run", coco / "run", "--boxes", coco / "gone.json", "--to", coco / "models/x")
    assert done.returncode == 1 and "has no best.pt" in done.stderr
    (coco / "made.yaml").write_text("{network: lcnet, scale: 0.25, width: 16, size: 64, workers: 0, steps: 1}")
    done = run("train-detector", coco / "made.yaml", "--run", coco / "made", "--boxes", coco / "train.json", "--images", coco / "images")
    assert done.returncode == 1 and "name their folder with --material" in done.stderr


@pytest.mark.parametrize(
    "changed, message",
    [
        ({"steps": 5.0}, "give steps or epochs, one of them"),
        ({"epochs": 0}, "epochs are of the published stream, which needs them"),
        ({"minutes": 5.0}, "set minutes to .inf"),
        ({"network": "lite", "pretrained": "ssld"}, "pretrained is a setting of lcnet"),
        ({"loss": "some"}, "loss must be one of quality, published, not 'some'"),
        ({"schedule": "linear"}, "schedule: .*'whole' or 'after_warmup'"),
    ],
)
def test_settings_that_do_not_go_together_are_told(changed: dict[str, object], message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        load_config(toy_recipe(tmp_path / "toy.yaml", **changed))


def test_the_published_schedule_has_as_many_steps_on_any_number_of_processes() -> None:
    config = load_config(RECIPE)
    one, eight = in_steps(config, 18_000, 1), in_steps(config, 18_000, 8)
    assert (one.steps, eight.steps) == (100 * 321, 100 * 40)
    assert (one.learning_rate, eight.learning_rate) == (0.4 / 8, 0.4)
    with pytest.raises(ConfigError, match="batch: 56 on each of 8 processes are more than the 100 pictures that have a box"):
        in_steps(config, 100, 8)


@pytest.mark.parametrize("mixed", ["bf16", "fp16"])
def test_half_precision_trains_as_full_precision_does_but_for_its_rounding(mixed: str, coco: Path) -> None:
    listed = read_box_list(coco / "train.json", coco / "images")
    told = []
    for form in (False, mixed):
        config = replace(load_config(toy_recipe(coco / "toy.yaml", epochs=1, rate_processes=32000)), mixed_precision=form)
        train(config, listed, [], None, coco / str(form), lambda _: None)
        told.append([float(value) for value in (coco / str(form) / "losses.csv").read_text().splitlines()[1].split(",")[3:6]])
    assert told[0] != told[1] and told[1] == pytest.approx(told[0], rel=0.1)
