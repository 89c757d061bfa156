"""Made racks and windows of them: boxes are where the packages are, and as large as tiles show them."""

import multiprocessing
import random

import numpy as np
import pytest

from sightline_training.detection import racks as made
from sightline_training.detection.composites import Material, fronts
from sightline_training.detection.config import Config
from sightline_training.detection.data import Sample, unletterboxed
from sightline_training.detection.packs import ASPECTS, Pack, pack
from sightline_training.detection.racks import LEAST_WIDE, MOST_WIDE, grid, rack, racks, window
from sightline_training.detection.stream import Stream


def material() -> Material:
    noise = np.random.default_rng(1)
    pictures = [noise.integers(0, 255, (40, 30, 3), dtype=np.uint8) for _ in range(4)]
    return Material(pictures, pictures, [], pictures)


def boxes(*rows: list[float]) -> np.ndarray:
    return np.float32(rows).reshape(-1, 4)


def share_of_green(picture: np.ndarray, x1: int, y1: int, x2: int, y2: int) -> float:
    red, green, blue = (picture[y1:y2, x1:x2, channel].astype(int) for channel in range(3))
    return float((green > np.maximum(red, blue) + 25).mean())


@pytest.mark.parametrize("kind", list(ASPECTS))
def test_a_package_has_the_size_that_was_asked_for_and_fills_most_of_it(kind: str) -> None:
    for seed in range(20):
        face, mask = pack(kind, material(), 20, 44, random.Random(seed))
        assert face.shape == (44, 20, 3) and mask.shape == (44, 20)
        assert (mask > 0).mean() > 0.5 and set(np.unique(mask)) <= {0, 255}
        # It reaches all four sides: its box is that of the mask.
        assert (mask.any(0)[[0, -1]].all() and mask.any(1)[[0, -1]].all())


def test_a_bottle_is_narrower_at_its_neck() -> None:
    _, mask = pack("bottle", material(), 40, 100, random.Random(2))
    assert (mask[2] > 0).sum() < 0.7 * (mask[-5] > 0).sum()


def test_the_boxes_of_a_rack_hold_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    def green(_kind: str, _material: Material, width: int, height: int, _rng: random.Random) -> Pack:
        return np.full((height, width, 3), [20, 220, 20], np.uint8), np.full((height, width), 255, np.uint8)

    monkeypatch.setattr(made, "pack", green)
    counts = []
    for seed in range(12):
        sample = rack(material(), random.Random(seed))
        height, width = sample.picture.shape[:2]
        counts.append(len(sample.boxes))
        assert (sample.boxes >= 0).all() and (sample.boxes <= [width, height, width, height]).all()
        inside = [share_of_green(sample.picture, *box.round().astype(int)) for box in sample.boxes]
        assert np.median(inside) > 0.85
        # Of what is green, all but what stands behind or shines through is in a box or ignored.
        marked = np.zeros((height, width), np.uint8)
        for x1, y1, x2, y2 in np.concatenate([sample.boxes, sample.ignore]).round().astype(int):
            marked[y1 : y2 + 1, x1 : x2 + 1] = 1
        bright = (sample.picture[..., 1] > 150) & (sample.picture[..., 0] < 90)
        assert (bright & (marked == 0)).sum() <= 0.15 * max(bright.sum(), 1)
    assert min(counts) < 50 and max(counts) > 90


def test_a_pane_of_glass_covers_a_part_of_any_rack() -> None:
    for seed in range(400):
        rng = random.Random(seed)
        canvas = np.full((60, rng.randint(30, 90), 3), 50, np.uint8)
        assert made._glass(canvas.copy(), material(), rng).shape == canvas.shape


def test_racks_come_back_and_others_follow() -> None:
    stream = racks(material(), random.Random(4))
    seen = [id(next(stream).picture) for _ in range(60)]
    assert 8 < len(set(seen)) < 30


def test_a_window_shows_the_packages_at_the_size_of_tiles() -> None:
    rng, sizes = random.Random(5), []
    sample = rack(material(), rng)
    for _ in range(40):
        part = window(sample, 256, rng)
        scale = 256 / part.picture.shape[1]
        sizes += ((part.boxes[:, 2] - part.boxes[:, 0]) * scale).tolist()
        assert part.picture.dtype == np.uint8
    assert LEAST_WIDE / 2 < np.quantile(sizes, 0.1) and np.quantile(sizes, 0.9) < MOST_WIDE * 2


def test_photographs_side_by_side_keep_their_boxes_and_what_is_ignored() -> None:
    picture = np.random.default_rng(0).integers(0, 255, (60, 60, 3), dtype=np.uint8)
    one = Sample(picture, boxes([0, 0, 30, 60]), boxes([30, 0, 60, 60]), 0.5)
    both = grid([one] * 4, 2, 128, random.Random(1))
    assert both.picture.shape == (128, 128, 3) and both.background_weight == 0.5
    assert len(both.boxes) == len(both.ignore) == 4
    for box in [*both.boxes, *both.ignore]:
        assert box[2] - box[0] == 32 and box[3] - box[1] == 64 and not (box % 32).any()


def test_a_filled_border_is_cut_off_with_its_boxes_in_place() -> None:
    picture = np.full((100, 100, 3), 128, np.uint8)
    picture[20:80] = np.random.default_rng(0).integers(0, 255, (60, 100, 3), dtype=np.uint8)
    cut = unletterboxed(Sample(picture, boxes([10, 30, 50, 70]), boxes()))
    assert cut.picture.shape == (60, 100, 3) and cut.boxes.tolist() == [[10, 10, 50, 50]]
    plain = Sample(np.full((50, 50, 3), 9, np.uint8), boxes(), boxes())
    assert unletterboxed(plain) is plain


def test_fronts_are_cut_out_of_the_photographs_where_they_are_large_enough() -> None:
    picture = np.zeros((120, 100, 3), np.uint8)
    picture[10:110, 20:80] = 200
    [front] = fronts([Sample(picture, boxes([20, 10, 80, 110], [0, 0, 20, 20]), boxes())], 10, 1)
    assert front.shape == (100, 60, 3) and (front == 200).all()


def test_the_stream_takes_racks_grids_and_photographs_by_their_shares() -> None:
    grey, white = (Sample(np.full((64, 64, 3), value, np.uint8), boxes([8, 8, 56, 56]), boxes()) for value in (60, 250))
    nothing = Config(size=64, batch=60, mosaics=0.0, shelves=0.0, tables=0.0, settling=0.0)

    def batch(**settings: float) -> list[int]:
        config = Config(**{**vars(nothing), **settings})
        done = multiprocessing.Value("d", 0.0)
        image, targets = next(iter(Stream(config, [grey], material(), 0, done, shelves=[white])))
        assert image.shape == (60, 3, 64, 64)
        return [len(target.boxes) + len(target.ignore) for target in targets]

    assert np.mean(batch(racks=1.0)) > 2
    assert min(batch(grids=1.0)) >= 4
    assert max(batch(dense_share=1.0)) == 1


def test_single_photographs_are_dense_ones_by_their_share() -> None:
    grey, white = (Sample(np.full((64, 64, 3), value, np.uint8), boxes([8, 8, 56, 56]), boxes()) for value in (40, 250))
    config = Config(size=64, batch=200, mosaics=0.0, shelves=0.0, tables=0.0, dense_share=0.75)
    stream = Stream(config, [grey], Material([], [], []), 0, multiprocessing.Value("d", 0.0), shelves=[white])
    rng = random.Random(3)
    drawn = [stream._picture(rng) is white for _ in range(400)]
    assert 0.68 < np.mean(drawn) < 0.82
