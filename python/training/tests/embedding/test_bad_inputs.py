"""What people give that is wrong: each kind gets a sentence that says what to do, or is counted and worked around."""

import csv
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from sightline_training.config import ConfigError
from sightline_training.embedding.curves import draw_curves
from sightline_training.embedding.pictures import LabelFileError, is_cut_off, read_label_file, read_picture
from sightline_training.embedding.train import train
from sightline_training.embedding.training_state import RunError, save_checkpoint

from ..conftest import Run
from .test_train import TINY, quiet

CONFIG = (
    "{network: lite, augmentation: reference, optimizer: momentum, learning_rate: 0.001, steps: 2, freeze: 17, labels_per_batch: 3,"
    " pictures_per_label: 2, sizes: [32], workers: 0, threads: 1, evaluate_size: 32}"
)


@pytest.fixture
def given(made_set: tuple[Path, Path], tmp_path: Path, run: Run) -> Callable[..., str]:
    """given("check") is what a command that fails with these lists says: one sentence, no traceback."""
    (tmp_path / "tiny.yaml").write_text(CONFIG)

    def command(verb: str, *more: object) -> str:
        first = [tmp_path / "tiny.yaml", "--run", tmp_path / "run"] if verb == "train" else more[:1]
        done = run(verb, *first, *(more if verb == "train" else more[1:]), "--list", made_set[0], "--root", made_set[1])
        assert done.returncode == 1 and "Traceback" not in done.stderr
        return done.stderr

    return command


def test_an_empty_list_is_told(made_set: tuple[Path, Path], given: Callable[..., str], exported: Path) -> None:
    made_set[0].write_text("\n \n")
    for verb, *more in (("check",), ("train",), ("evaluate", exported), ("open-set", exported)):
        assert "list.txt names no picture" in given(verb, *more)


def test_a_list_or_a_folder_that_is_not_there_is_told(made_set: tuple[Path, Path], given: Callable[..., str]) -> None:
    held = made_set[0].read_text()
    made_set[0].unlink()
    assert "list.txt can't be read: No such file" in given("train")
    made_set[0].write_text(held)
    made_set[1].rename(made_set[1].with_name("elsewhere"))
    assert "pictures is no folder" in given("check")


def test_the_mark_before_utf8_is_no_part_of_a_path(made_set: tuple[Path, Path]) -> None:
    listed, root = made_set
    listed.write_bytes(b"\xef\xbb\xbf" + listed.read_bytes())
    assert len(read_label_file(listed, root, " ")) == 96


def test_a_list_in_latin_1_is_told_with_its_line(made_set: tuple[Path, Path], given: Callable[..., str]) -> None:
    made_set[0].write_bytes(b"boxes/0/0.jpg 1\nboxes/0/1.jpg K\xe4se\n")
    assert "line 2 is not UTF-8 (perhaps Latin-1): save the file as UTF-8" in given("check")


def test_a_label_may_hold_spaces_behind_a_tab_and_is_told_of_it_without(
    made_set: tuple[Path, Path], given: Callable[..., str]
) -> None:
    listed, root = made_set
    listed.write_text("boxes/0/0.jpg Cola can\nboxes/0/1.jpg Cola can\n")
    assert "line 1: the label 'Cola can' has a space: put a tab between path and label" in given("check")
    listed.write_text("boxes/0/0.jpg\tCola can\r\nboxes/0/1.jpg\tCola can\r\nboxes/0/2.jpg 7\n")
    assert [p.label for p in read_label_file(listed, root, " ")] == ["Cola can", "Cola can", "7"]


def test_missing_pictures_are_left_out_up_to_a_share_and_counted(made_set: tuple[Path, Path], run: Run, given: Callable[..., str]) -> None:
    listed, root = made_set
    (root / "cans/0/0.jpg").unlink()
    assert "no picture" in given("check") and "cans/0/0.jpg" in given("check")
    done = run("check", "--list", listed, "--root", root, "--missing-share", 0.02)
    assert done.returncode == 0 and "1 of 96 listed pictures are missing and left out" in done.stdout and "95 pictures" in done.stdout
    (root / "cans/0/1.jpg").unlink()
    assert "cans/0/1.jpg" in given("check", "--missing-share", 0.02)


def cut(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: int(0.95 * len(data))])


def test_damaged_pictures_are_replaced_counted_and_told_once(made_set: tuple[Path, Path], tmp_path: Path) -> None:
    listed, root = made_set
    (root / "boxes/1/0.jpg").write_bytes(b"no picture")
    (root / "boxes/2/0.jpg").write_bytes(b"")
    cut(root / "boxes/3/0.jpg")
    pictures = [p for p in read_label_file(listed, root, " ") if p.dataset == "boxes"]
    said: list[str] = []
    config = replace(TINY, augmentation="reference", steps=40, freeze=17, groups=0, labels_per_batch=8)
    train(config, pictures, [], tmp_path / "run", said.append)
    told = [line for line in said if line.startswith("damaged, another took its place")]
    assert sorted(line.split("boxes/")[1] for line in told) == ["1/0.jpg", "2/0.jpg", "3/0.jpg"]
    assert "3 of 32 pictures are damaged so far; the run ends with more than 10" in said
    # A run that is gone on with is not told as a surprise that it is.
    train(replace(config, steps=42), pictures, [], tmp_path / "run", said.append)


def test_too_many_damaged_pictures_end_the_run_with_a_sentence(made_set: tuple[Path, Path], tmp_path: Path) -> None:
    pictures = read_label_file(*made_set, " ")
    for picture in pictures[::2]:
        picture.path.write_bytes(b"no picture")
    config = replace(TINY, augmentation="reference", steps=40, freeze=17, groups=0, labels_per_batch=16)
    with pytest.raises(LabelFileError, match=r"48 of 96 pictures can't be read, more than damaged_share allows \(10\); `check` names them"):
        train(config, pictures, [], tmp_path / "run", quiet)


def test_pictures_that_all_are_damaged_end_the_run_in_worker_processes_as_well(made_set: tuple[Path, Path], tmp_path: Path) -> None:
    pictures = [p for p in read_label_file(*made_set, " ") if p.label in ("0", "1")]
    for picture in pictures:
        picture.path.write_bytes(b"no picture")
    config = replace(TINY, augmentation="reference", steps=3, freeze=17, groups=0, labels_per_batch=2, pictures_per_label=4, workers=1)
    with pytest.raises(LabelFileError, match="none of 8 pictures can be read, .*0.jpg for one$"):
        train(config, pictures, [], tmp_path / "run", quiet)


def test_check_names_broken_and_cut_off_pictures(made_set: tuple[Path, Path], run: Run) -> None:
    listed, root = made_set
    cut(root / "logos/0/0.jpg")
    (root / "logos/1/1.jpg").write_bytes(b"no picture")
    done = run("check", "--list", listed, "--root", root)
    assert done.returncode == 1 and "96 pictures, 24 labels, 3 datasets, 2 broken" in done.stdout
    assert "logos/0/0.jpg was cut off: the end of the file is missing" in done.stdout and "logos/1/1.jpg is not a picture" in done.stdout


@pytest.mark.parametrize("form", [".jpg", ".png"])
def test_a_whole_file_is_not_taken_for_a_cut_one(form: str, tmp_path: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    data = cv2.imencode(form, picture)[1].tobytes()
    # What some programs leave behind the end does not matter, nor does a thumbnail with an end of its own before it.
    thumbnail = b"\xff\xd8\xff\xd9"
    with_thumbnail = data[:2] + b"\xff\xe1" + (2 + len(thumbnail)).to_bytes(2, "big") + thumbnail + data[2:]
    assert not is_cut_off(data) and not is_cut_off(data + b"\0\0")
    assert is_cut_off(data[:-20])
    if form == ".jpg":
        assert not is_cut_off(with_thumbnail) and is_cut_off(with_thumbnail[:-20])
        (tmp_path / "a.jpg").write_bytes(with_thumbnail)
        assert read_picture(tmp_path / "a.jpg", whole=True).shape == (40, 50, 3)


def test_three_products_are_refused_before_the_work_begins(made_set: tuple[Path, Path], tmp_path: Path) -> None:
    pictures = [p for p in read_label_file(*made_set, " ") if p.label in ("0", "1", "2")]
    with pytest.raises(ConfigError, match="a batch needs 16 labels, the pictures to train on have 3; set it to 3 or fewer"):
        train(replace(TINY, labels_per_batch=16, groups=0, start_from_imagenet=True), pictures, [], tmp_path / "run", quiet)
    assert not list((tmp_path / "run").iterdir())


def test_a_folder_a_product_has_nothing_held_out_to_measure(made_set: tuple[Path, Path], given: Callable[..., str], exported: Path) -> None:
    listed, root = made_set
    lines = [f"{label}/{i}.jpg {label}" for label in range(8) for i in range(4)]
    for line in lines:
        (root / line.split()[0]).parent.mkdir(exist_ok=True)
        cv2.imwrite(str(root / line.split()[0]), np.zeros((20, 20, 3), np.uint8))
    listed.write_text("\n".join(lines))
    assert "nothing to measure" in given("evaluate", exported) and "into one folder" in given("evaluate", exported)
    assert "nothing to choose a threshold by" in given("open-set", exported)


def test_a_full_disk_is_told_and_the_checkpoint_before_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, {"step": 1})
    # A device on which there is never any room.
    path.with_suffix(".partial").symlink_to("/dev/full")
    with pytest.raises(RunError, match=r"checkpoint.pt failed \(.*No space left.*\); the one before it is whole: make room, and the same"):
        save_checkpoint(path, {"step": 2, "weights": torch.zeros(100_000)})
    assert torch.load(path)["step"] == 1 and os.listdir(tmp_path) == ["checkpoint.pt"]


def test_a_folder_that_cannot_be_written_is_told(made_set: tuple[Path, Path], tmp_path: Path, run: Run) -> None:
    (tmp_path / "tiny.yaml").write_text(CONFIG)
    done = run("train", tmp_path / "tiny.yaml", "--run", "/dev/full/run", "--list", made_set[0], "--root", made_set[1])
    assert done.returncode == 1 and done.stderr.startswith("sightline_training: ") and "/dev/full/run" in done.stderr


def test_a_damaged_checkpoint_is_told(made_set: tuple[Path, Path], tmp_path: Path, given: Callable[..., str]) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "checkpoint.pt").write_bytes(b"half a checkpoint")
    assert "checkpoint.pt can't be read, it was not written by training or is damaged" in given("train")


def test_a_loss_that_is_no_number_is_told(made_set: tuple[Path, Path], tmp_path: Path, given: Callable[..., str]) -> None:
    (tmp_path / "tiny.yaml").write_text(CONFIG.replace("0.001", "1.0e+30").replace("steps: 2", "steps: 20"))
    assert "begin a run with a lower learning_rate" in given("train")


def test_the_last_validation_is_written_once_also_after_another_start(made_set: tuple[Path, Path], tmp_path: Path) -> None:
    pictures = read_label_file(*made_set, " ")
    config = replace(TINY, steps=4, freeze=17, evaluate_every=2)
    for _ in range(2):
        train(config, pictures, pictures[:8], tmp_path / "run", quiet)
        with (tmp_path / "run" / "validation.csv").open(newline="") as file:
            assert [row["step"] for row in csv.DictReader(file)] == ["2", "4"]


def test_a_gallery_without_queries_is_told(given: Callable[..., str], made_set: tuple[Path, Path]) -> None:
    assert "--gallery needs --query" in given("train", "--gallery", made_set[0])


def test_curves_of_what_is_no_run_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="has no losses.csv: it is no run's folder"):
        draw_curves(tmp_path)
