"""Learning goes on where it was killed and ends as if it had not been; what it leaves is a checkpoint or a person's sentence."""

from pathlib import Path

import pytest
import torch

from sightline_training.embedding.embedder import LiteEmbedder
from sightline_training.embedding.training_state import RunError
from sightline_training.tuning import learn
from sightline_training.tuning.learn import Learner, Lesson, seconds_a_step, taught
from sightline_training.tuning.made import made_packages


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"SIDE": 32, "PRODUCTS": 3, "MADE": 2, "VIEWS": 2, "FROZEN": 15}.items():
        monkeypatch.setattr(learn, name, value)


def lesson() -> Lesson:
    own = made_packages(3, 1, 5)
    return Lesson(own.pictures, own.labels, made_packages(8, 0, 1).pictures)


def learner(steps: int = 4) -> Learner:
    torch.manual_seed(2)
    return Learner(LiteEmbedder().eval(), torch.randn(11, 512), products=3, steps=steps, seed=1)


def quiet(_: object) -> None:
    """Says nothing."""


def test_a_run_that_was_killed_ends_with_the_weights_of_an_unbroken_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unbroken = taught(learner(), lesson(), tmp_path / "a.pt", quiet, quiet)
    monkeypatch.setattr(learn, "CHECKPOINT_SECONDS", 0.0)

    class Killed(Exception):
        pass

    def kill(done: float) -> None:
        if done > 0.5:
            raise Killed

    with pytest.raises(Killed):
        taught(learner(), lesson(), tmp_path / "b.pt", kill, quiet)
    said: list[str] = []
    again = taught(learner(), lesson(), tmp_path / "b.pt", quiet, said.append)
    assert said[0] == "going on from step 2 of 4"
    assert all(torch.equal(unbroken[name], again[name]) for name in unbroken)


def test_measuring_how_long_a_step_takes_changes_nothing(tmp_path: Path) -> None:
    timed = learner()
    assert seconds_a_step(timed, lesson()) > 0
    first, second = (taught(one, lesson(), tmp_path / f"{i}.pt", quiet, quiet) for i, one in enumerate((learner(), timed)))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_what_is_frozen_stays_and_the_rest_learns(tmp_path: Path) -> None:
    begun = learner()
    before = {name: value.clone() for name, value in begun.model.state_dict().items()}
    after = taught(begun, lesson(), tmp_path / "c.pt", quiet, quiet)
    assert torch.equal(after["backbone.stem.0.weight"], before["backbone.stem.0.weight"])
    assert torch.equal(after["backbone.head.1.running_mean"], before["backbone.head.1.running_mean"])
    assert not torch.equal(after["projection.weight"], before["projection.weight"])


def test_a_full_disk_is_said(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full")
    (tmp_path / "d.partial").symlink_to("/dev/full")
    with pytest.raises(RunError, match="No space left"):
        taught(learner(1), lesson(), tmp_path / "d.pt", quiet, quiet)
