"""A run learns, survives kill -9, and its weights come out as the model folder that the pipeline reads."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from sightline_training.embedding.config import ConfigError, TrainConfig, load_config
from sightline_training.embedding.deployed import DeployedEmbedder
from sightline_training.embedding.export import write_model_folder
from sightline_training.embedding.metrics import l2_normalized
from sightline_training.embedding.networks import build_embedder
from sightline_training.embedding.pictures import read_label_file
from sightline_training.embedding.pplcnet_v2 import PPLCNetV2Embedder
from sightline_training.embedding.train import rate_at, train
from sightline_training.embedding.training_state import Average, Curves, load_checkpoint, save_checkpoint
from sightline_training.manifest import canary_pattern

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


def test_a_killed_run_goes_on_from_its_checkpoint(made_set: tuple[Path, Path], tmp_path: Path) -> None:
    config = tmp_path / "tiny.yaml"
    config.write_text(
        "{network: lite, augmentation: reference, optimizer: momentum, learning_rate: 0.001, steps: 100000, freeze: 17,"
        " labels_per_batch: 3, pictures_per_label: 2, sizes: [32], workers: 0, checkpoint_minutes: 0, threads: 1}"
    )
    run = tmp_path / "run"
    command = [sys.executable, "-m", "sightline_training", "train", str(config), "--run", str(run)]
    command += ["--list", str(made_set[0]), "--root", str(made_set[1])]

    def until(words: str) -> int:
        """Starts the run, kills it with the first line that holds these words, and returns the step it began from."""
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=CONFIGS.parent)
        began = -1
        assert process.stdout
        for line in process.stdout:
            if "from step" in line:
                began = int(line.rsplit(" ", 1)[1])
            if words in line:
                os.kill(process.pid, signal.SIGKILL)
                break
        assert process.wait() == -signal.SIGKILL
        return began

    assert until(" step 20 rate ") == 0
    # Every step but the one that was cut off is in the checkpoint; going on from there is going on.
    began = until("from step")
    assert began >= 19
    assert until(f" step {20 * (began // 20 + 1)} rate ") >= began


def test_two_processes_under_torchrun_train_one_network(made_set: tuple[Path, Path], tmp_path: Path) -> None:
    config = tmp_path / "tiny.yaml"
    config.write_text(
        "{network: lite, augmentation: reference, optimizer: momentum, learning_rate: 0.001, steps: 3,"
        " labels_per_batch: 3, pictures_per_label: 2, sizes: [32], workers: 0, threads: 1}"
    )
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    # Without `--` torchrun takes `--run` for an abbreviation of one of its own options.
    command += ["--module", "sightline_training", "--", "train", str(config), "--run", str(tmp_path / "run")]
    command += ["--list", str(made_set[0]), "--root", str(made_set[1])]
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    subprocess.run(command, check=True, cwd=CONFIGS.parent, env=environment, capture_output=True)
    state = load_checkpoint(tmp_path / "run" / "checkpoint.pt")
    assert state is not None and state["step"] == 3


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


@pytest.mark.parametrize("name", ["general_lite", "general_lite_larger", "pp_shitu_v2"])
def test_the_shipped_configurations_are_valid(name: str) -> None:
    assert load_config(CONFIGS / f"{name}.yaml").steps > 0


@pytest.mark.parametrize(
    "text, message",
    [("{netwrk: lite}", "unknown field netwrk"), ("{network: lite}", "missing field"), ("[1]", "must be a mapping")],
)
def test_a_wrong_configuration_names_its_field(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        load_config(path)
