"""A run that begins with another's weights: they are that run's final ones, and its own labels get their classifier."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from sightline_training.config import ConfigError
from sightline_training.embedding.config import TrainConfig
from sightline_training.embedding.networks import build_embedder
from sightline_training.embedding.pictures import Picture, batches, read_label_file
from sightline_training.embedding.place import place_of_process
from sightline_training.embedding.start import CLASS_MEAN_LENGTH, Run, start_run
from sightline_training.embedding.train import as_input, quadrupled, train
from sightline_training.embedding.training_state import RunError, final_weights, save_checkpoint

from .test_train import TINY, quiet

FROZEN = replace(TINY, steps=2, freeze=17, ema=0.5)


def begun(config: TrainConfig, pictures: list[Picture], folder: Path, after: Path | None) -> Run:
    folder.mkdir(exist_ok=True)
    names = sorted({p.label for p in pictures})
    labels = torch.tensor([names.index(p.label) for p in pictures])
    torch.manual_seed(0)
    return start_run(config, pictures, labels, len(names), folder, after, place_of_process(), quiet)


@pytest.fixture
def ended(tmp_path: Path) -> Path:
    """The folder of a run that has ended; its averaged weights are not those it has in its checkpoint."""
    folder = tmp_path / "ended"
    folder.mkdir()
    torch.manual_seed(5)
    save_checkpoint(folder / "final.pt", build_embedder("lite").state_dict())
    save_checkpoint(folder / "start.pt", build_embedder("lite").state_dict())
    return folder


@pytest.mark.parametrize("dataset, labels", [("boxes", 8), ("cans", 8), (None, 24)])
def test_a_run_after_another_has_its_final_weights_and_a_classifier_of_its_own_labels_means(
    dataset: str | None, labels: int, made_set: tuple[Path, Path], tmp_path: Path, ended: Path
) -> None:
    pictures = [p for p in read_label_file(*made_set, " ") if dataset in (None, p.dataset)]
    run = begun(replace(FROZEN, ema=0.9), pictures, tmp_path / "next", ended)
    for name, value in final_weights(ended).items():
        assert torch.equal(run.model.state_dict()[name], value), name
        assert run.average is not None and torch.equal(run.average.state[name], value), name
    assert run.step == 0 and run.classifier.weight.shape == (labels, 512)

    run.model.eval()
    (shown,) = batches(pictures, 32, len(pictures))
    with torch.inference_mode():
        embeddings = F.normalize(run.model(as_input(torch.from_numpy(shown))), dim=1)
    for row, name in enumerate(sorted({p.label for p in pictures})):
        mine = [e for e, p in zip(embeddings, pictures, strict=True) if p.label == name]
        mean = sum(mine) / len(mine)
        assert torch.allclose(run.classifier.weight[row], CLASS_MEAN_LENGTH * mean / mean.norm(), atol=1e-4)


def test_what_a_chain_of_runs_started_from_is_what_its_first_run_did(made_set: tuple[Path, Path], tmp_path: Path, ended: Path) -> None:
    pictures = read_label_file(*made_set, " ")
    begun(FROZEN, pictures, tmp_path / "second", ended)
    first, second = (torch.load(folder / "start.pt") for folder in (ended, tmp_path / "second"))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_run_trains_and_another_follows_it_with_fewer_labels(made_set: tuple[Path, Path], tmp_path: Path) -> None:
    pictures = read_label_file(*made_set, " ")
    train(FROZEN, pictures, [], tmp_path / "first", quiet)
    weights = train(FROZEN, pictures[:32], [], tmp_path / "second", quiet, after=tmp_path / "first")
    assert torch.load(tmp_path / "second" / "checkpoint.pt")["classifier"]["weight"].shape == (8, 512)
    assert weights.exists()


def test_a_run_that_has_not_ended_cannot_be_followed(made_set: tuple[Path, Path], tmp_path: Path) -> None:
    pictures = read_label_file(*made_set, " ")
    with pytest.raises(RunError, match="first has no final.pt: .* has not ended"):
        train(FROZEN, pictures, [], tmp_path / "second", quiet, after=tmp_path / "first")


def test_a_run_is_not_continued_with_a_list_of_other_labels(made_set: tuple[Path, Path], tmp_path: Path) -> None:
    pictures = read_label_file(*made_set, " ")
    train(FROZEN, pictures, [], tmp_path / "run", quiet)
    with pytest.raises(RunError, match="begun with 24 training labels, the list has 16; .*--after"):
        train(FROZEN, pictures[:64], [], tmp_path / "run", quiet)


def test_there_are_no_imagenet_weights_for_the_references_network(made_set: tuple[Path, Path], tmp_path: Path) -> None:
    config = replace(FROZEN, network="pplcnet_v2", start_from_imagenet=True)
    with pytest.raises(ConfigError, match="start_from_imagenet: .*pplcnet_v2"):
        begun(config, read_label_file(*made_set, " "), tmp_path / "run", None)


def test_labels_drawn_four_times_as_often_are_those_in_the_ranges_both_ends_included() -> None:
    config = replace(TINY, quadrupled_labels=[[3, 5], [9, 9]])
    assert quadrupled(config, [str(n) for n in range(12)]) == dict.fromkeys(("3", "4", "5", "9"), 4.0)
    with pytest.raises(ConfigError, match="integer labels, but there is a label 'milk'"):
        quadrupled(config, ["1", "milk"])
    assert quadrupled(TINY, ["milk"]) == {}
