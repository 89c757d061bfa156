"""The detector's parts against slow, obvious references, and its deployed form against PyTorch."""

import random
from pathlib import Path

import numpy as np
import pytest
import torch

from golden import golden, picodet_heads
from sightline_base.input import to_input
from sightline_training.config import ConfigError
from sightline_training.detection import losses
from sightline_training.detection.composites import Material, shelf, table
from sightline_training.detection.config import load_config
from sightline_training.detection.data import Listed, Sample, cropped, is_held_out, mirrored, resized
from sightline_training.detection.evaluate import MOST, Judged, average_precision, metrics, not_suppressed
from sightline_training.detection.export import ExportError, export_onnx, run_onnx
from sightline_training.detection.lcnet import LCNetDetector
from sightline_training.detection.network import BINS, Detector, cells, flatten, to_boxes
from sightline_training.detection.overlap import giou, pairwise_iou
from sightline_training.embedding.pictures import LabelFileError


def slow_iou(a: list[float], b: list[float]) -> float:
    w = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    h = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    return w * h / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - w * h)


def random_boxes(count: int, seed: int) -> torch.Tensor:
    rng = torch.Generator().manual_seed(seed)
    low = torch.rand(count, 2, generator=rng) * 80
    return torch.cat([low, low + 5 + torch.rand(count, 2, generator=rng) * 60], 1)


def test_pairwise_iou_is_the_obvious_one():
    a, b = random_boxes(5, 1), random_boxes(7, 2)
    expected = [[slow_iou(x, y) for y in b.tolist()] for x in a.tolist()]
    assert torch.allclose(pairwise_iou(a, b), torch.tensor(expected), atol=1e-6)


def test_giou_is_iou_less_the_empty_share_of_the_hull():
    a, b = random_boxes(6, 3), random_boxes(6, 4)
    for x, y, value in zip(a.tolist(), b.tolist(), giou(a, b).tolist()):
        hull = (max(x[2], y[2]) - min(x[0], y[0])) * (max(x[3], y[3]) - min(x[1], y[1]))
        overlap = slow_iou(x, y)
        areas = (x[2] - x[0]) * (x[3] - x[1]) + (y[2] - y[0]) * (y[3] - y[1])
        union = areas / (1 + overlap)
        assert value == pytest.approx(overlap - (hull - union) / hull, abs=1e-5)


def test_distribution_focal_is_cross_entropy_to_the_two_bins_around_the_distance():
    logits = torch.randn(3, 4, BINS)
    distances = torch.rand(3, 4) * 6.9
    expected = []
    for row, sides in zip(logits, distances):
        losses_of_sides = []
        for values, side in zip(row, sides):
            logs = torch.log_softmax(values, 0)
            left = int(side)
            losses_of_sides.append(-(logs[left] * (left + 1 - side) + logs[left + 1] * (side - left)))
        expected.append(torch.stack(losses_of_sides).mean())
    assert torch.allclose(losses.distribution_focal(logits, distances), torch.stack(expected), atol=1e-5)


def test_varifocal_weighs_objects_by_quality_and_others_by_their_score():
    logits, quality = torch.tensor([0.3, -1.0]), torch.tensor([0.8, 0.0])
    score = logits.sigmoid()
    object_loss = -(0.8 * score[0].log() + 0.2 * (1 - score[0]).log()) * 0.8
    other_loss = -(1 - score[1]).log() * 0.75 * score[1] ** 2
    found = losses.varifocal(logits, quality, torch.tensor([True, False]))
    assert torch.allclose(found, torch.stack([object_loss, other_loss]), atol=1e-6)


def test_a_cell_in_an_ignored_region_costs_nothing():
    levels = [torch.zeros(1, 33, 8, 8), torch.zeros(1, 33, 4, 4), torch.zeros(1, 33, 2, 2), torch.zeros(1, 33, 1, 1)]
    none = torch.zeros(0, 4)
    free, _ = losses.detection_loss(levels, [losses.Target(none, none)])
    ignored, _ = losses.detection_loss(levels, [losses.Target(none, torch.tensor([[0.0, 0.0, 64.0, 64.0]]))])
    assert free > 0 and ignored == 0


def test_boxes_are_centres_less_and_plus_expected_distances():
    levels = [torch.randn(2, 33, 8, 8), torch.randn(2, 33, 4, 4), torch.randn(2, 33, 2, 2), torch.randn(2, 33, 1, 1)]
    _, distributions = flatten(levels)
    boxes = to_boxes(distributions, *cells(levels))
    # Level 1, row 2, column 3 of the second picture, by hand.
    values = levels[1][1, 1:, 2, 3].reshape(4, BINS)
    left, top, right, bottom = [float(sum(torch.softmax(v, 0)[k] * k for k in range(BINS))) * 16 for v in values]
    assert boxes[1, 64 + 2 * 4 + 3].tolist() == pytest.approx([56 - left, 40 - top, 56 + right, 40 + bottom], abs=1e-4)


def test_the_exported_network_answers_as_pytorch_does(tmp_path: Path):
    torch.manual_seed(0)
    model = Detector(32, 0)
    export_onnx(model, 128, tmp_path / "model.onnx")
    image = to_input(np.random.default_rng(5).integers(0, 256, (2, 128, 128, 3), dtype=np.uint8))
    with torch.inference_mode():
        expected = model(torch.from_numpy(image))
    for mine, theirs in zip(expected, run_onnx(tmp_path / "model.onnx", image)):
        assert np.allclose(mine.numpy(), theirs, atol=1e-3)


def test_a_network_that_answers_with_no_number_is_not_exported(tmp_path: Path):
    # A small one: an export takes long.
    model = LCNetDetector(0.25, 16)
    torch.nn.init.constant_(next(p for p in reversed(list(model.parameters())) if p.ndim == 1), float("nan"))
    with pytest.raises(ExportError, match="differs from PyTorch by nan"):
        export_onnx(model, 64, tmp_path / "model.onnx")


def test_the_picodet_heads_become_the_boxes_that_the_pipeline_makes_of_them():
    expected = torch.tensor(golden("picodet")["boxes"])
    levels = [torch.from_numpy(head)[None] for head in picodet_heads()]
    logits, distributions = flatten(levels)
    boxes, scores = to_boxes(distributions, *cells(levels))[0], logits[0].sigmoid()
    boxes = boxes * torch.tensor([300 / 128, 100 / 64] * 2)
    boxes = torch.stack([boxes[:, 0].clamp(0, 300), boxes[:, 1].clamp(0, 100), boxes[:, 2].clamp(0, 300), boxes[:, 3].clamp(0, 100)], 1)
    seen = scores >= 0.3
    kept = not_suppressed(boxes[seen], scores[seen], 0.6)[: len(expected)]
    assert boxes[seen][kept].tolist() == pytest.approx(expected[:, :4].numpy(), abs=2e-3)
    assert scores[seen][kept].tolist() == pytest.approx(expected[:, 4].tolist(), abs=1e-5)


def test_the_backbone_keeps_its_statistics_and_its_frozen_blocks():
    model = Detector(32, 5).train()
    before = {k: v.clone() for k, v in model.backbone.state_dict().items()}
    sum(y.mean() for y in model(torch.randn(2, 3, 64, 64))).backward()
    assert all(torch.equal(before[k], v) for k, v in model.backbone.state_dict().items())
    assert model.backbone.blocks[4].layers[0].weight.grad is None
    assert model.backbone.blocks[5].layers[0].weight.grad is not None


def sample(boxes: list[list[float]], ignore: list[list[float]] | None = None) -> Sample:
    as_boxes = lambda values: np.float32(values).reshape(-1, 4)  # noqa: E731
    return Sample(np.zeros((50, 100, 3), np.uint8), as_boxes(boxes), as_boxes(ignore or []))


def test_boxes_follow_resizing_mirroring_and_cropping():
    one = sample([[10, 10, 30, 40]])
    assert resized(one, 50).boxes.tolist() == [[5, 10, 15, 40]]
    assert mirrored(one).boxes.tolist() == [[70, 10, 90, 40]]
    assert cropped(one, 5, 5, 60, 45).boxes.tolist() == [[5, 5, 25, 35]]


def test_a_box_that_is_mostly_cut_off_is_ignored_not_background():
    window = cropped(sample([[10, 10, 30, 40]]), 26, 0, 100, 50)
    assert window.boxes.tolist() == [] and window.ignore.tolist() == [[0, 10, 4, 40]]


@pytest.mark.parametrize("most_iou", [0.1, 0.6])
def test_a_box_is_suppressed_by_a_better_one_that_is_kept_and_overlaps_it(most_iou: float):
    boxes, scores = random_boxes(150, 9), torch.rand(150, generator=torch.Generator().manual_seed(10))
    expected: list[int] = []
    for k in sorted(range(150), key=lambda k: -float(scores[k])):
        if all(slow_iou(boxes[k].tolist(), boxes[j].tolist()) <= most_iou for j in expected):
            expected.append(k)
    assert len(expected) > 5
    assert not_suppressed(boxes, scores, most_iou).tolist() == expected[:MOST]
    assert not_suppressed(boxes[:0], scores[:0], most_iou).tolist() == []


def test_metrics_of_known_cases():
    truth = [sample([[0, 0, 10, 10], [20, 20, 40, 40]], [[60, 0, 100, 50]])]
    right = (np.float32([[0, 0, 10, 10], [20, 20, 40, 40]]), np.float32([0.9, 0.8]))
    assert metrics(truth, [right]) == {"AP50": 1.0, "AP": 1.0, "recall@100": 1.0}
    forgiven = (np.float32([[65, 5, 80, 20], *right[0]]), np.float32([0.99, 0.9, 0.8]))
    assert metrics(truth, [forgiven])["AP50"] == 1.0
    doubled = (np.float32([[0, 0, 10, 10], [0, 0, 10, 10]]), np.float32([0.9, 0.8]))
    assert metrics(truth, [doubled])["recall@100"] == 0.5


@pytest.mark.parametrize("case", golden("detection"), ids=lambda case: case["name"])
def test_metrics_are_those_that_both_languages_are_told(case: dict):
    def boxes(rows: list) -> np.ndarray:
        return np.array(rows, float).reshape(-1, 4)

    samples = [Sample(np.zeros((1, 1, 3), np.uint8), boxes(one["truth"]), boxes(one["ignore"])) for one in case["pictures"]]
    found = [(boxes([row[1:] for row in one["found"]]), np.array([row[0] for row in one["found"]])) for one in case["pictures"]]
    assert metrics(samples, found) == pytest.approx(case["figures"], abs=1e-8)


def test_average_precision_of_one_right_after_one_wrong():
    # Precision 1/2 at recall 1/2 of two true boxes, nothing beyond: 51 of 101 points at 0.5.
    assert average_precision(Judged([0.9, 0.8], [False, True], 2)) == pytest.approx(51 * 0.5 / 101)


def test_made_scenes_have_boxes_inside_the_picture():
    rng = random.Random(2)
    noise = np.random.default_rng(0).integers(0, 256, (40, 30, 3), dtype=np.uint8)
    material = Material([noise], [noise], [(noise, np.full((40, 30), 255, np.uint8))])
    for make in (shelf, table):
        for _ in range(5):
            made = make(material, 128, rng)
            assert made.picture.shape == (128, 128, 3) and made.picture.dtype == np.uint8
            assert (made.boxes >= 0).all() and (made.boxes <= 128).all()
            assert (made.boxes[:, 2:] > made.boxes[:, :2]).all()
    assert len(shelf(material, 128, rng).boxes) > 1


def test_mirrored_copies_are_held_out_together():
    names = [f"beverage_{k}" for k in range(200)]
    assert all(is_held_out(f"{n}.jpg") == is_held_out(f"{n}_flip.jpg") for n in names)
    assert 5 < sum(is_held_out(f"{n}.jpg") for n in names) < 40


@pytest.mark.parametrize(
    "line, message",
    [
        ("sise: 320", "no such setting: sise"),
        ("assignment: tood", "one of task_aligned, atss, simota, not 'tood'"),
        ("{batch: '16', sizes: 320, mixed_precision: half}", "sizes: .* list; batch: .* integer; mixed_precision: .* 'bf16' or 'fp16'"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, line: str, message: str):
    (tmp_path / "c.yaml").write_text(f"{line}\n")
    with pytest.raises(ConfigError, match=message):
        load_config(tmp_path / "c.yaml")


def test_an_unreadable_picture_is_named(tmp_path: Path):
    from sightline_training.detection.data import load

    none = np.zeros((0, 4), np.float32)
    with pytest.raises(LabelFileError, match="nothing.jpg"):
        load(Listed(tmp_path / "nothing.jpg", "", none, none))
