"""The reference's detector has the official graph's size, and its deployed form says what its training form says."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from sightline_base.input import to_input
from sightline_training.config import ConfigError
from sightline_training.detection.config import Config, load_config
from sightline_training.detection.export import export_onnx, run_onnx
from sightline_training.detection.lcnet import LCNetDetector, scaled
from sightline_training.detection.networks import build_detector
from sightline_training.embedding.macs import count_macs

CONFIGS = Path(__file__).parents[2] / "configs"


def values(model: nn.Module) -> int:
    """Parameters and BatchNorm statistics: what the official file of weights holds."""
    return sum(v.numel() for name, v in model.state_dict().items() if not name.endswith("num_batches_tracked"))


def scramble(model: nn.Module) -> None:
    """Statistics and scales as after training: none at its neutral start."""
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.running_mean, std=0.3)
            nn.init.uniform_(layer.running_var, 0.5, 2)
            nn.init.uniform_(layer.weight, 0.5, 1.5)
            nn.init.normal_(layer.bias, std=0.3)


def test_the_reference_detector_has_the_official_graphs_numbers() -> None:
    model = LCNetDetector()
    # The official file holds eight values more: the numbers 0..7 that the distributions are weighed by.
    assert values(model) + 8 == 6_633_116
    assert round(values(model.backbone) / 1e6, 2) == 6.13
    assert round(values(model.neck) / 1e6, 2) == 0.40
    assert round(count_macs(model, 640) / 1e9, 2) == 8.18


@pytest.mark.parametrize("size", [128, 160])
def test_the_reference_detector_answers_at_four_levels(size: int) -> None:
    levels = LCNetDetector(0.5, 32).eval()(torch.zeros(2, 3, size, size))
    # A multiple of 32 that is none of 64, as half of the recipe's sizes are: the last cells reach out of the picture.
    assert [tuple(y.shape) for y in levels] == [(2, 33, -(-size // s), -(-size // s)) for s in (8, 16, 32, 64)]


@pytest.mark.parametrize("size", [160])
def test_the_reference_detector_says_the_same_in_training_form_and_deployed(size: int, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = LCNetDetector(1.0, 48)
    scramble(model)
    model.eval()
    image = to_input(np.random.default_rng(3).integers(0, 256, (3, size, size, 3), dtype=np.uint8))
    with torch.inference_mode():
        expected = [y.numpy() for y in model(torch.from_numpy(image))]
    export_onnx(model, size, tmp_path / "model.onnx")
    for mine, theirs in zip(expected, run_onnx(tmp_path / "model.onnx", image), strict=True):
        assert mine.shape == theirs.shape == (3, 33, mine.shape[2], mine.shape[3])
        assert np.abs(mine - theirs).max() < 1e-5 * max(1.0, np.abs(mine).max())


def test_widths_are_multiples_of_eight_and_never_much_below_what_was_asked() -> None:
    assert [scaled(c, 2.5) for c in (16, 32, 512)] == [40, 80, 1280]
    assert [scaled(c, 0.35) for c in (16, 32, 64)] == [8, 16, 24]


@pytest.mark.parametrize("name", ["mainbody_lite", "mainbody_lite_longer", "mainbody_reference"])
def test_the_shipped_configurations_build_their_network(name: str) -> None:
    config = load_config(CONFIGS / f"{name}.yaml")
    assert all(size % 32 == 0 for size in [config.size, *config.sizes])
    is_reference = name == "mainbody_reference"
    assert isinstance(build_detector(config), LCNetDetector) == is_reference
    assert config.assignment == ("simota" if is_reference else "task_aligned")


def test_an_unknown_network_is_named() -> None:
    with pytest.raises(ConfigError, match="no such detector network: yolo"):
        build_detector(Config(network="yolo"))
