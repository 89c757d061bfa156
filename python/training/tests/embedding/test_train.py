"""A run learns, survives kill -9, and its weights come out as the model folder that the pipeline reads."""

import csv
import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
import torch
from torch import nn

from sightline_base.canary import canary_pattern
from sightline_base.retrieval import l2_normalized
from sightline_training.config import ConfigError
from sightline_training.embedding.config import TrainConfig, in_steps, load_config
from sightline_training.embedding.curves import draw_curves, validation_means
from sightline_training.embedding.deployed import DeployedEmbedder
from sightline_training.embedding.export import ExportError, write_model_folder
from sightline_training.embedding.losses import triplet_angular_margin
from sightline_training.embedding.networks import build_embedder
from sightline_training.embedding.pictures import Picture, read_label_file
from sightline_training.embedding.place import Place, place_of_process
from sightline_training.embedding.pplcnet_v2 import PPLCNetV2Embedder
from sightline_training.embedding.split import split_by_label
from sightline_training.embedding.start import start_run
from sightline_training.embedding.train import _loader, as_input, rate_at, train
from sightline_training.embedding.training_state import Average, Curves, load_checkpoint, save_checkpoint

CONFIGS = Path(__file__).parents[2] / "configs"
TINY = TrainConfig(
    network="lite", augmentation="camera", optimizer="adamw", learning_rate=1e-3, steps=12, labels_per_batch=4,
    pictures_per_label=2, sizes=[32], groups=2, workers=0, evaluate_every=1000, evaluate_size=64, checkpoint_minutes=1000.0, threads=1,
)


def quiet(_line: str) -> None:
    """Training reports to nobody here."""


def test_a_run_that_is_continued_ends_with_the_weights_of_an_unbroken_one(
    made_set: tuple[Path, Path], tmp_path: Path
) -> None:
    pictures = read_label_file(*made_set, " ")
    unbroken = torch.load(train(TINY, pictures, [], tmp_path / "unbroken", quiet))
    # `steps` also shapes the rate, so the first part is cut off by an error in the middle instead.
    broken = tmp_path / "broken"

    class Cut(Exception):
        pass

    def cut(name: Path, state: dict) -> None:
        save_checkpoint(name, state)
        if state["step"] == 5:
            raise Cut

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sightline_training.embedding.train.save_checkpoint", cut)
        with pytest.raises(Cut):
            train(replace(TINY, checkpoint_minutes=0.0), pictures, [], broken, quiet)
    continued = torch.load(train(TINY, pictures, [], broken, quiet))
    for name, value in unbroken.items():
        assert torch.allclose(value.float(), continued[name].float(), atol=1e-4), name


def two_processes_by_hand(
    config: TrainConfig, pictures: list[Picture], folder: Path
) -> tuple[dict[str, torch.Tensor], list[float]]:
    """What two processes must agree on: each step's gradient is the mean of those of both processes' batches; and the loss's."""
    folder.mkdir()
    names = sorted({p.label for p in pictures})
    labels = torch.tensor([names.index(p.label) for p in pictures])
    torch.manual_seed(config.seed)
    run = start_run(config, pictures, labels, len(names), folder, None, place_of_process(), quiet)
    processes = [Place(number, 2, torch.device("cpu")) for number in range(2)]
    loaders = [_loader(config, pictures, names, {}, 0, place) for place in processes]
    told = []
    for step, both in enumerate(zip(*loaders, strict=True)):
        for group in run.optimizer.param_groups:
            group["lr"] = rate_at(step / config.steps, step, config) * group["rate"]
        run.optimizer.zero_grad()
        for process, (views, indices, _) in enumerate(both):
            torch.manual_seed(hash((config.seed, step, process)))
            features = run.model(as_input(views))
            loss = torch.nn.functional.cross_entropy(run.classifier(features), labels[indices], label_smoothing=0.1)
            told.append(float(loss.detach()))
            (0.5 * (loss + triplet_angular_margin(features, labels[indices]))).backward()
        run.optimizer.step()
    return run.model.state_dict(), told


def test_two_processes_under_torchrun_train_one_network_and_tell_the_losses_of_both(made_set: tuple[Path, Path], tmp_path: Path) -> None:
    # The recipe's steps; BatchNorm keeps its statistics, or each process would have those of its own batches.
    config = tmp_path / "tiny.yaml"
    config.write_text(
        "{network: pplcnet_v2, dropout: 0.2, augmentation: reference, optimizer: momentum, learning_rate: 0.2, rate_processes: 4, epochs: 1,"
        " cosine_after_warmup: true, decayed: all_but_backbone_norms, weight_decay: 1.0e-5, labels_per_batch: 6, pictures_per_label: 2,"
        " sizes: [32], workers: 0, threads: 1, hold_out: false, frozen_statistics: true}"
    )
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    # Without `--` torchrun takes `--run` for an abbreviation of one of its own options.
    command += ["--module", "sightline_training", "--", "train", str(config), "--run", str(tmp_path / "run")]
    command += ["--list", str(made_set[0]), "--root", str(made_set[1])]
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
    subprocess.run(command, check=True, cwd=CONFIGS.parent, env=environment, capture_output=True)
    state = load_checkpoint(tmp_path / "run" / "checkpoint.pt")
    # 48 of 96 rows for each are four batches of 12.
    assert state is not None and state["step"] == 4
    pictures = read_label_file(*made_set, " ")
    expected, told = two_processes_by_hand(in_steps(load_config(config), 96, 2), pictures, tmp_path / "by-hand")
    start = torch.load(tmp_path / "run" / "start.pt")
    moved = max(float((expected[name] - value).abs().max()) for name, value in start.items() if value.is_floating_point())
    apart = max(float((state["model"][n] - value).abs().max()) for n, value in expected.items() if value.is_floating_point())
    assert apart < 0.01 * moved
    with (tmp_path / "run" / "losses.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert float(row["classification"]) == pytest.approx(sum(told) / len(told), rel=1e-4)
    assert max(told) - min(told) > 1e-3


def test_mixed_precision_trains_as_full_precision_does_but_for_its_rounding(made_set: tuple[Path, Path], tmp_path: Path) -> None:
    pictures = read_label_file(*made_set, " ")
    config = replace(TINY, steps=20, learning_rate=1e-4, freeze=12, frozen_statistics=True, sizes=[64])
    told = []
    for mixed in (False, True):
        folder = tmp_path / str(mixed)
        weights = torch.load(train(replace(config, mixed_precision=mixed), pictures, [], folder, quiet))
        # What is kept is full precision all the same.
        assert all(v.dtype == torch.float32 for v in weights.values() if v.is_floating_point())
        row = (folder / "losses.csv").read_text().splitlines()[1].split(",")
        told.append((float(row[3]), float(row[4])))
    full, mixed_losses = told
    assert full != mixed_losses and mixed_losses == pytest.approx(full, rel=0.05)


def test_a_run_says_how_long_it_will_take_validates_itself_and_draws_its_curves(
    made_set: tuple[Path, Path], tmp_path: Path
) -> None:
    learned, held_out = split_by_label(read_label_file(*made_set, " "))
    said: list[str] = []
    train(replace(TINY, steps=40, freeze=17, evaluate_every=20), learned, held_out, tmp_path / "run", said.append)
    lines = [line for line in said if " rate " in line]
    assert [re.match(r"step (\d+) rate .* \| [\d.]+ min, about \d+ to go$", line).group(1) for line in lines] == ["20", "40"]
    assert sum("validation score 0." in line for line in said) >= 2

    with (tmp_path / "run" / "validation.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {(row["step"], row["dataset"]) for row in rows} == {(s, d) for s in ("20", "40") for d in ("boxes", "logos", "cans")}
    at_20 = [float(row["camera_map"]) for row in rows if row["step"] == "20"]
    assert validation_means(tmp_path / "run")["camera_map"][0] == (20, pytest.approx(sum(at_20) / len(at_20)))

    picture = cv2.imread(str(draw_curves(tmp_path / "run")))
    # Lines in more colours than the grey of axes and letters.
    assert picture is not None and (picture.max(axis=2).astype(int) - picture.min(axis=2) > 60).sum() > 200


def test_a_checkpoint_that_was_cut_off_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, {"step": 1})
    path.with_suffix(".partial").write_bytes(b"half a checkpoint")
    assert load_checkpoint(path) == {"step": 1}


def test_curves_drop_the_rows_that_a_resumed_run_writes_again(tmp_path: Path) -> None:
    path = tmp_path / "losses.csv"
    first = Curves(path, ("step", "loss"), 0)
    for step in (20, 40, 60):
        first.add(step=step, loss=1.0)
    Curves(path, ("step", "loss"), 40).add(step=60, loss=2.0)
    assert path.read_text().split() == ["step,loss", "20,1.0", "40,1.0", "60,2.0"]


def test_training_lowers_the_loss_on_what_it_sees(made_set: tuple[Path, Path], tmp_path: Path) -> None:
    pictures = read_label_file(*made_set, " ")
    config = replace(TINY, steps=60, augmentation="reference", learning_rate=2e-3, labels_per_batch=8, groups=0)
    train(config, pictures, [], tmp_path / "run", quiet)
    rows = (tmp_path / "run" / "losses.csv").read_text().splitlines()[1:]
    losses = [float(row.split(",")[3]) for row in rows]
    assert len(losses) == 3 and losses[-1] < losses[0]


def test_the_average_follows_slowly_and_copies_what_cannot_be_averaged() -> None:
    model = torch.nn.BatchNorm1d(2)
    average = Average(model, 0.9)
    model.running_mean += 1
    model.num_batches_tracked += 7
    for _ in range(100):
        average.update(model)
    assert average.state["running_mean"][0] == pytest.approx(1, abs=1e-3)
    assert average.state["num_batches_tracked"] == 7


def test_the_rate_warms_up_and_then_falls_to_zero_along_a_cosine() -> None:
    config = replace(TINY, learning_rate=1.0, warmup_steps=10)
    assert rate_at(0.0, 4, config) == pytest.approx(0.5)
    assert rate_at(0.5, 50, config) == pytest.approx(0.5)
    assert rate_at(1.0, 100, config) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("network", ["lite", "pplcnet_v2"])
def test_an_exported_folder_says_what_the_network_says(network: str, tmp_path: Path) -> None:
    model = build_embedder(network).eval()
    shipped = model.deployed() if isinstance(model, PPLCNetV2Embedder) else model
    folder = tmp_path / "models" / "tiny"
    write_model_folder(shipped, 64, folder, 0.4, {"made": "2026-01-01"}, {})
    manifest = json.loads((folder / "manifest.json").read_text())
    assert json.loads((tmp_path / "models" / "index.json").read_text()) == {"embedder": "tiny"}
    deployed = DeployedEmbedder(folder)
    answer = l2_normalized(deployed(canary_pattern(64, 64)[None]))[0]
    assert answer @ np.array(manifest["canary"]["embedding"]) > 0.9999
    assert (manifest["output"]["dimension"], manifest["defaults"]["scoreThreshold"]) == (512, 0.4)
    assert manifest["bytes"] == (folder / "model.onnx").stat().st_size
    assert deployed(np.zeros((5, 64, 64, 3), np.uint8)).shape == (5, 512)
    graph = onnx.load(folder / "model.onnx")
    assert [(o.domain, o.version) for o in graph.opset_import] == [("", 17)]
    assert not {"Pad", "BatchNormalization"} & {n.op_type for n in graph.graph.node}
    # Exporters leave the source's paths in metadata.
    assert str(CONFIGS.parent).encode() not in (folder / "model.onnx").read_bytes()


def test_a_network_that_answers_with_no_number_is_not_exported(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 8))
    nn.init.constant_(model[3].bias, float("nan"))
    with pytest.raises(ExportError, match="differs from PyTorch by nan"):
        write_model_folder(model, 32, tmp_path / "tiny", 0.4, {}, {})
    assert not (tmp_path / "tiny" / "manifest.json").exists()


@pytest.mark.parametrize("name", ["general_lite", "general_lite_larger", "general_lite_harder", "general_lite_wider", "pp_shitu_v2"])
def test_the_shipped_configurations_are_valid(name: str) -> None:
    assert in_steps(load_config(CONFIGS / f"{name}.yaml"), 5_561_305, 1).steps > 0


@pytest.mark.parametrize(
    "text, message",
    [
        ("{netwrk: lite}", "no such setting: netwrk"),
        ("{network: lite}", "missing setting: optimizer; missing setting: learning_rate"),
        ("", "missing setting: network"),
        ("{network: heavy, steps: 1.5, sizes: [a]}", "network: .* 'lite' or 'pplcnet_v2'.* sizes.0: .* integer.* steps: .* integer"),
        ("[1]", "must be a mapping"),
        ("{1: 2}", "must be a mapping"),
        ("{network: [", "while parsing"),
    ],
)
def test_a_wrong_configuration_names_its_field(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        load_config(path)
