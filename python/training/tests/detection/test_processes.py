"""Several processes train one detector, and every tensor of training is where the network is."""

import multiprocessing
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx.experimental.symbolic_shapes import ShapeEnv

from sightline_training.detection.assignment import ASSIGNMENTS
from sightline_training.detection.composites import Material
from sightline_training.detection.config import in_steps
from sightline_training.detection.data import Listed, is_held_out, load, read_box_list
from sightline_training.detection.losses import LOSSES, Target
from sightline_training.detection.networks import new_detector
from sightline_training.detection.network import STRIDES
from sightline_training.detection.run import start_run
from sightline_training.detection.stream import Batch, PublishedStream, Stream
from sightline_training.detection.train import rate_at

from .process_of_two import CONFIG, CONFIGS, PUBLISHED

TRAINING = Path(__file__).parents[2]
STEPS = 4


def listed(folder: Path) -> list[Listed]:
    return [x for x in read_box_list(folder / "boxes.jsonl", folder) if not is_held_out(x.file.name)]


def batches_of(kind: str, number: int, folder: Path) -> Iterator[Batch]:
    """What a process of this number sees."""
    pictures = listed(folder)
    if kind == "published":
        stream = PublishedStream(PUBLISHED, pictures, number, 2)
        return ((image, targets) for image, targets, _ in map(stream.__getitem__, range(STEPS)))
    return iter(Stream(CONFIG, [load(x) for x in pictures], Material([], [], []), 0, multiprocessing.Value("d", 0.0), number))


def two_processes_by_hand(kind: str, folder: Path) -> nn.Module:
    """What two processes must agree on: each step's gradient is the mean of those of both processes' batches."""
    config = in_steps(CONFIGS[kind], len(listed(folder)), 2)
    run = start_run(config, folder / "by-hand", None, torch.device("cpu"))
    both = zip(batches_of(kind, 0, folder), batches_of(kind, 1, folder))
    for step, batches in zip(range(STEPS), both):
        for group in run.optimizer.param_groups:
            group["lr"] = rate_at(step, step / STEPS, config) * group["scale"]
        run.optimizer.zero_grad()
        for image, targets in batches:
            levels = run.model(image.contiguous(memory_format=torch.channels_last))
            loss, _ = LOSSES[config.loss](levels, targets, ASSIGNMENTS[config.assignment])
            (0.5 * loss).backward()
        nn.utils.clip_grad_norm_(run.model.parameters(), config.gradient_clip)
        run.optimizer.step()
    return run.model


@pytest.mark.parametrize("kind", list(CONFIGS))
def test_two_processes_under_torchrun_train_one_network_by_the_clock_of_the_first(kind: str, made_boxes: Path) -> None:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    command += ["--module", "tests.detection.process_of_two", str(made_boxes), kind]
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, check=True, cwd=TRAINING, env=environment, capture_output=True, text=True, timeout=240)
    first, second = (torch.load(made_boxes / f"{number}.pt", weights_only=True) for number in range(2))
    assert first["step"] == second["step"] == STEPS
    assert done.stdout.count("from step 0") == 1

    def apart(state: dict[str, torch.Tensor], other: nn.Module) -> float:
        return sum(float((state[name] - value.detach()).square().sum()) for name, value in other.named_parameters()) ** 0.5

    expected = two_processes_by_hand(kind, made_boxes)
    moved = apart(expected.state_dict(), new_detector(CONFIG))
    assert apart(first["model"], expected) < 0.02 * moved
    assert all(torch.equal(first["model"][name], second["model"][name]) for name, _ in expected.named_parameters())
    saved = torch.load(made_boxes / "run" / "checkpoint.pt", weights_only=True)
    assert saved["state"]["step"] == STEPS and saved["state"]["seconds"] == 8.0
    assert all(torch.equal(value, first["model"][name]) for name, value in saved["model"].items())


@pytest.mark.parametrize("form", list(LOSSES))
@pytest.mark.parametrize("name", list(ASSIGNMENTS))
def test_the_loss_makes_every_tensor_on_the_device_of_what_is_predicted(name: str, form: str) -> None:
    # Fake tensors have a device and a shape, but no values: operations that mix devices fail as they would on a GPU.
    with FakeTensorMode(shape_env=ShapeEnv()):
        levels = [torch.zeros(2, 33, 128 // s, 128 // s, device="cuda") for s in STRIDES]
        targets = [Target(torch.zeros(boxes, 4), torch.zeros(2 - boxes, 4)).to(levels[0].device) for boxes in (2, 0)]
        loss, parts = LOSSES[form](levels, targets, ASSIGNMENTS[name])
        assert {loss.device.type, *(part.device.type for part in parts.values())} == {"cuda"}
