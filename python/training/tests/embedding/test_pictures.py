"""Label files say clearly what is wrong with them, and pictures take the pipeline's way to the network."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from sightline_base.resize import cut_crop, resized
from sightline_training.embedding.camera import camera_view
from sightline_training.embedding.pictures import LabelFileError, as_deployed, read_label_file, read_picture
from sightline_training.embedding.split import split_by_label
from sightline_training.embedding.views import reference_view


def test_a_path_may_hold_the_separator_because_the_last_one_counts(tmp_path: Path) -> None:
    (tmp_path / "my set").mkdir()
    cv2.imwrite(str(tmp_path / "my set" / "a b.png"), np.zeros((4, 4, 3), np.uint8))
    listed = tmp_path / "list.txt"
    listed.write_text("my set/a b.png 17\n\n")
    (picture,) = read_label_file(listed, tmp_path, " ")
    assert (picture.label, picture.dataset) == ("17", "my set") and picture.path.is_file()


def test_bad_lines_and_missing_pictures_are_all_named(tmp_path: Path) -> None:
    listed = tmp_path / "list.txt"
    listed.write_text("nolabel\ngone/a.jpg\tx\nalso-bad\t\n")
    with pytest.raises(LabelFileError) as error:
        read_label_file(listed, tmp_path, "\t")
    message = str(error.value)
    assert "line 1" in message and "line 3" in message and "gone/a.jpg" in message and "list.txt" in message


def test_a_file_that_is_no_picture_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"not a picture")
    with pytest.raises(LabelFileError, match="broken.jpg"):
        read_picture(tmp_path / "broken.jpg")


def test_pictures_are_rgb(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "red.png"), np.full((3, 3, 3), (0, 0, 255), np.uint8))
    assert read_picture(tmp_path / "red.png")[0, 0].tolist() == [255, 0, 0]


def test_a_crop_travels_as_224_before_it_gets_the_networks_size() -> None:
    crop = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    assert np.array_equal(as_deployed(crop, 224), cut_crop(crop, 224))
    assert np.array_equal(as_deployed(crop, 160), resized(cut_crop(crop, 224), 160, 160))
    assert not np.array_equal(as_deployed(crop, 160), resized(crop, 160, 160))


def test_the_split_is_by_label_and_does_not_depend_on_order(made_set: tuple[Path, Path]) -> None:
    pictures = read_label_file(*made_set, " ")
    learned, held_out = split_by_label(pictures)
    assert not {p.label for p in learned} & {p.label for p in held_out}
    assert len(learned) + len(held_out) == len(pictures)
    assert {p.dataset for p in held_out} == {"boxes", "logos", "cans"}
    again = split_by_label(pictures[::-1])
    assert {p.label for p in again[1]} == {p.label for p in held_out}


@pytest.mark.parametrize("size", [32, 97])
def test_a_camera_view_is_fixed_by_its_seed_and_never_breaks(size: int) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (41, 67, 3), dtype=np.uint8)
    backdrop = np.zeros((30, 20, 3), np.uint8)
    views = [camera_view(picture, backdrop, size, True, np.random.default_rng(seed)) for seed in range(150)]
    assert all(v.shape == (size, size, 3) and v.dtype == np.uint8 for v in views)
    assert np.array_equal(views[3], camera_view(picture, backdrop, size, True, np.random.default_rng(3)))
    assert not np.array_equal(views[3], views[4])


def test_the_references_view_shifts_by_at_most_its_padding_when_it_does_not_turn() -> None:
    picture = np.full((64, 64, 3), 200, np.uint8)
    for seed in range(40):
        view = reference_view(picture, picture, 64, False, np.random.default_rng(seed))
        assert view.shape == (64, 64, 3)
        black = (view[:, :, 0] == 0).mean()
        # Padding alone can uncover 10 of 64 rows and columns; turning by 45 degrees the corners besides.
        assert black <= 1 - (54 / 64) ** 2 + 0.25
