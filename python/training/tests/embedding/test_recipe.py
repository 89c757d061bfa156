"""A toy run of the embedder's recipe as published: 200 labels, killed and gone on with, exported, made int8; and its options."""

import csv
import json
import math
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

from sightline_base.canary import canary_pattern
from sightline_base.retrieval import l2_normalized
from sightline_training.config import ConfigError
from sightline_training.embedding.config import TrainConfig, in_steps, load_config
from sightline_training.embedding.deployed import DeployedEmbedder
from sightline_training.embedding.networks import build_embedder, embed_with
from sightline_training.embedding.pictures import as_deployed, as_referred, read_asked_list, read_label_file, read_picture
from sightline_training.embedding.sampler import Draw
from sightline_training.embedding.summary import run_table
from sightline_training.embedding.train import train
from sightline_training.embedding.views import Views

from ..conftest import Run
from .test_train import TINY, quiet

TRAINING = Path(__file__).parents[2]
RECIPE = TRAINING / "configs/pp_shitu_v2.yaml"


def toy_recipe(path: Path, **changed: object) -> Path:
    """The shipped configuration for small pictures, one processor and no server."""
    small = {
        "sizes": [32], "evaluate_size": 32, "labels_per_batch": 16, "pictures_per_label": 2, "epochs": 2, "warmup_epochs": 1,
        "rate_processes": 16, "workers": 0, "threads": 1, "checkpoint_minutes": 0, "pretrained": "",
        "quadrupled_labels": [[5, 20], [40, 44]],
    }
    path.write_text(yaml.safe_dump({**yaml.safe_load(RECIPE.read_text()), **small, **changed}))
    return path


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with list.txt of 200 labels, two pictures each, in a folder with a space, and query.txt and gallery.txt of them."""
    root = tmp_path_factory.mktemp("two hundred")
    (root / "my set").mkdir()
    names = []
    for label in range(200):
        base = np.random.default_rng(label).integers(0, 256, (4, 4, 3), dtype=np.uint8)
        for number in range(2):
            picture = cv2.resize(base, (30 + number, 32), interpolation=cv2.INTER_CUBIC)
            cv2.imwrite(str(root / "my set" / f"{label} {number}.png"), picture)
            names.append(f"my set/{label} {number}.png {label}\n")
    (root / "list.txt").write_text("".join(names))
    (root / "query.txt").write_text("".join(names[::2]).replace(".png ", ".png\t"))
    (root / "gallery.txt").write_text("".join(names[1::2]))
    return root


def test_a_toy_run_is_killed_gone_on_with_bit_by_bit_exported_and_made_int8(labels: Path, tmp_path: Path, run: Run) -> None:
    config = toy_recipe(tmp_path / "toy.yaml")
    lists = ["--list", labels / "list.txt", "--root", labels, "--query", labels / "query.txt", "--gallery", labels / "gallery.txt"]
    killed = [sys.executable, "-m", "sightline_training", "train", config, "--run", tmp_path / "killed", *lists]
    process = subprocess.Popen(list(map(str, killed)), stdout=subprocess.PIPE, text=True, cwd=TRAINING)
    assert process.stdout
    for line in process.stdout:
        if "gallery recall@1" in line:
            os.kill(process.pid, signal.SIGKILL)
            break
    assert process.wait() == -signal.SIGKILL
    # 400 rows are 13 batches of 32, the last one filled up; the kill was after the first epoch's.
    last = torch.load(tmp_path / "killed" / "checkpoint.pt", weights_only=True)["step"]
    assert 12 <= last < 26

    gone_on = run("train", config, "--run", tmp_path / "killed", *lists)
    assert gone_on.returncode == 0 and f"from step {last}" in gone_on.stdout, gone_on.stderr
    unbroken = run("train", config, "--run", tmp_path / "unbroken", *lists)
    assert "400 pictures, 200 labels, 0 pictures watched, from step 0" in unbroken.stdout
    for name in ("final.pt", "best.pt"):
        one, other = (torch.load(tmp_path / folder / name, weights_only=True) for folder in ("killed", "unbroken"))
        assert all(torch.equal(value, other[key]) for key, value in one.items()), name
    # What was measured is there once for each epoch, and the table and the curves at the end.
    with (tmp_path / "killed" / "validation.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["step"], row["dataset"]) for row in rows] == [("13", "gallery"), ("26", "gallery")]
    assert "gallery recall1" in unbroken.stdout and "training triplet" in unbroken.stdout
    assert (tmp_path / "unbroken" / "curves.png").stat().st_size > 5000

    folder = tmp_path / "models" / "toy"
    done = run("export", config, "--run", tmp_path / "killed", "--best", "--to", folder, "--size", 32, "--threshold", 0.5)
    assert done.returncode == 0, done.stderr
    best = build_embedder("pplcnet_v2", 0.2)
    best.load_state_dict(torch.load(tmp_path / "killed" / "best.pt", weights_only=True))
    pattern = canary_pattern(32, 32)[None]
    # The dropout's scale of inference is in the exported graph.
    expected = l2_normalized(embed_with(best, torch.device("cpu"))(pattern))
    assert float((l2_normalized(DeployedEmbedder(folder)(pattern)) * expected).sum()) > 0.9999
    done = run("quantize", folder, "--list", labels / "list.txt", "--root", labels)
    assert done.returncode == 0, done.stderr
    assert json.loads((folder.with_name("toy-int8") / "manifest.json").read_text())["name"] == "toy-int8"


@pytest.mark.parametrize("mixed", ["bf16", "fp16"])
def test_half_precision_trains_as_full_precision_does_but_for_its_rounding(mixed: str, labels: Path, tmp_path: Path) -> None:
    # Three steps; on a CPU float16 takes long.
    pictures = read_label_file(labels / "list.txt", labels, " ")[:96]
    told = []
    for form in (False, mixed):
        config = replace(load_config(toy_recipe(tmp_path / "toy.yaml", dropout=0.0)), mixed_precision=form, epochs=1, warmup_epochs=0)
        train(config, pictures, [], tmp_path / str(form), quiet)
        saved = torch.load(tmp_path / str(form) / "checkpoint.pt", weights_only=True)
        assert saved["model"]["projection.weight"].dtype == torch.float32
        assert saved["scaler"].get("scale") == (128.0 if form == "fp16" else None)
        told.append([float(value) for value in (tmp_path / str(form) / "losses.csv").read_text().splitlines()[1].split(",")[3:5]])
    assert told[0] != told[1] and told[1] == pytest.approx(told[0], rel=0.1)


def test_the_published_recipe_has_the_published_numbers_of_steps_and_rates() -> None:
    config = load_config(RECIPE)
    one, eight = in_steps(config, 5_561_305, 1), in_steps(config, 5_561_305, 8)
    assert (one.steps, one.warmup_steps, one.evaluate_every) == (2_172_400, 108_620, 21_724)
    assert (eight.steps, eight.warmup_steps) == (271_600, 13_580)
    assert (one.learning_rate, eight.learning_rate) == (0.06 / 8, 0.06)


def test_all_labels_are_trained_where_that_is_asked_for(labels: Path, tmp_path: Path, run: Run) -> None:
    lists = ("--list", labels / "list.txt", "--root", labels)
    held = run("train", toy_recipe(tmp_path / "a.yaml", hold_out=True, epochs=1, warmup_epochs=0), "--run", tmp_path / "a", *lists)
    assert "340 pictures, 170 labels, 60 pictures watched" in held.stdout
    # Without --query nothing is measured, and there is no best to export.
    config = toy_recipe(tmp_path / "b.yaml", epochs=1, warmup_epochs=0)
    assert "400 pictures, 200 labels, 0 pictures watched" in run("train", config, "--run", tmp_path / "b", *lists).stdout
    done = run("export", config, "--run", tmp_path / "b", "--best", "--to", tmp_path / "models/b", "--size", 32, "--threshold", 0.5)
    assert "nothing was measured" in done.stderr


def test_the_weights_that_measured_best_are_kept_also_over_a_restart(made_set: tuple[Path, Path], tmp_path: Path) -> None:
    pictures = read_label_file(*made_set, " ")
    config = replace(TINY, steps=4, freeze=17, evaluate_every=2)
    train(config, pictures, pictures[:8], tmp_path / "run", quiet)
    saved = torch.load(tmp_path / "run" / "checkpoint.pt", weights_only=True)
    assert 0 < saved["best"] <= 1
    # A run that measures worse from here on keeps the better weights.
    saved["best"] = 2.0
    torch.save(saved, tmp_path / "run" / "checkpoint.pt")
    before = (tmp_path / "run" / "best.pt").read_bytes()
    train(replace(config, steps=6), pictures, pictures[:8], tmp_path / "run", quiet)
    assert (tmp_path / "run" / "best.pt").read_bytes() == before


def test_a_table_says_first_best_and_last(tmp_path: Path) -> None:
    (tmp_path / "validation.csv").write_text(
        "step,minutes,dataset,recall1,map,camera_recall1,camera_map\n5,1,cans,0.5,0.4,,\n10,2,cans,0.9,0.6,,\n15,3,cans,0.7,0.8,,\n"
    )
    (tmp_path / "losses.csv").write_text("step,minutes,rate,triplet,anchoring\n5,1,0.1,2.0,0\n10,2,0.1,1.0,0\n")
    lines = [line.split() for line in run_table(tmp_path)]
    assert lines == [
        ["first", "best", "at", "step", "last"], ["cans", "recall1", "0.5000", "0.9000", "10", "0.7000"],
        ["cans", "map", "0.4000", "0.8000", "15", "0.8000"], ["training", "triplet", "2.0000", "1.0000"],
    ]


def test_the_reference_resizes_what_shrinks_much_at_once() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (700, 700, 3), dtype=np.uint8)
    assert np.array_equal(as_referred(picture, 224), cv2.resize(picture, (224, 224), interpolation=cv2.INTER_LINEAR))
    assert not np.array_equal(as_referred(picture, 224), as_deployed(picture, 224))


def test_a_third_column_of_cameras_leaves_out_what_the_camera_itself_took(labels: Path, tmp_path: Path, run: Run) -> None:
    lines = (labels / "list.txt").read_text().splitlines()
    # Each label's two pictures by one camera: then no query has a picture to find, and by two cameras all have.
    for name, cameras in (("one", [7, 7]), ("two", [7, 8])):
        (labels / f"{name}.txt").write_text("".join(f"{line} {cameras[i % 2]}\n" for i, line in enumerate(lines)))
        pictures, read = read_asked_list(labels / f"{name}.txt")
        assert (len(pictures), pictures[2].label, read and set(read)) == (400, "1", {str(camera) for camera in cameras})
    assert read_asked_list(labels / "list.txt")[1] is None
    config = toy_recipe(tmp_path / "toy.yaml", epochs=1, warmup_epochs=0)
    figures = []
    for name in ("one", "two"):
        asked = ("--query", labels / f"{name}.txt", "--gallery", labels / f"{name}.txt")
        done = run("train", config, "--run", tmp_path / name, "--list", labels / "list.txt", "--root", labels, *asked)
        figures.append(float(done.stdout.split(" mAP ")[1].split()[0]))
    assert figures[0] == 0 < figures[1]


def test_the_references_views_read_one_picture_each(labels: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Path] = []

    def counted(path: Path, whole: bool = False) -> np.ndarray:
        read.append(path)
        return read_picture(path, whole)

    monkeypatch.setattr("sightline_training.embedding.views.read_picture", counted)
    pictures = read_label_file(labels / "list.txt", labels, " ")
    for augmentation, each in (("reference", 1), ("camera", 2)):
        read.clear()
        view, index, damaged = Views(pictures, augmentation, ["*"])[Draw(7, 32, 1)]
        assert (len(read), read[0], index, damaged, view.shape) == (each, pictures[7].path, 7, -1, (32, 32, 3))


@pytest.mark.parametrize(
    "changed, message",
    [
        ({"steps": 5}, "give steps or epochs, one of them"),
        ({"epochs": 0}, "give steps or epochs, one of them"),
        ({"epochs": 0, "steps": 5}, "warmup_epochs and evaluate_epochs need epochs"),
        ({"minutes": 5.0}, "cosine_after_warmup is a matter of steps"),
        ({"network": "lite"}, "pretrained and dropout are settings of pplcnet_v2"),
        ({"mixed_precision": "fp8"}, "mixed_precision: .*'bf16' or 'fp16'"),
        ({"decayed": "some"}, "decayed: .*'matrices' or 'all_but_backbone_norms'"),
    ],
)
def test_settings_that_do_not_go_together_are_told(changed: dict[str, object], message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        load_config(toy_recipe(tmp_path / "toy.yaml", **changed))


def test_without_the_options_the_rate_is_ours_as_before() -> None:
    config = TrainConfig(
        network="lite", augmentation="camera", optimizer="adamw", learning_rate=1.0, labels_per_batch=2, pictures_per_label=2, sizes=[32],
        steps=100, rate_processes=0,
    )
    assert in_steps(config, 1000, 8) == config and config.minutes == math.inf
