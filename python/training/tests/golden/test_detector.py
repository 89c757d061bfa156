"""The detector's recipe against values that PaddleDetection's own code made (make_golden.py): any difference breaks one of these."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from sightline_training.detection.assignment import simota
from sightline_training.detection.config import load_config
from sightline_training.detection.cycle_average import CycleAverage
from sightline_training.detection.data import Sample, mirrored
from sightline_training.detection.lcnet import LCNet, LCNetDetector
from sightline_training.detection.losses import Target, distribution_focal, published_loss, varifocal
from sightline_training.detection.network import BINS, STRIDES, cells, flatten, to_boxes
from sightline_training.detection.overlap import giou
from sightline_training.detection.published_views import DISTORTIONS, centred
from sightline_training.detection.run import start_run, undecayed
from sightline_training.detection.train import rate_at
from sightline_training.published_names import of_lcnet

from .inputs import BATCHES, BOXES, COLOURS, CROPS, levels, picture, values, weight_of
from .test_embedder import same

HERE = Path(__file__).parent
GOLDEN = json.loads((HERE / "detector.json").read_text())
RECIPE = load_config(HERE.parents[1] / "configs/mainbody_reference.yaml")


@torch.no_grad()
def test_the_backbones_maps() -> None:
    model = LCNet(0.5)
    for name, value in of_lcnet(model):
        value.copy_(torch.from_numpy(weight_of(name, value.shape)))
    maps = model.eval()(torch.from_numpy(values((2, 3, 64, 64), 50)).float())
    # The reference takes a fourth map, of stride 4, only where it is asked for.
    for found, expected in zip(maps, GOLDEN["backbone"]["maps"], strict=True):
        same(found.flatten()[::17], expected, 1e-4)


def test_decay_leaves_out_what_the_reference_leaves_out() -> None:
    model = start_run(replace(RECIPE, scale=0.25, width=16, pretrained=""), Path("nowhere"), None, torch.device("cpu")).model
    left_out = {id(p) for p in undecayed(model, RECIPE)}
    names = {name: id(p) for name, p in of_lcnet(model.backbone) if isinstance(p, torch.nn.Parameter)}
    assert {name for name, one in names.items() if one in left_out} == set(GOLDEN["undecayed"]["backbone"]["left out"])
    assert GOLDEN["undecayed"]["neck"]["left out"] == sum(id(p) in left_out for p in model.neck.parameters()) == 0
    # All of the towers' BatchNorm, which is half of their parameters but for their filters, as there.
    towers = list(model.towers.parameters())
    assert len(towers) == 4 * 2 * 2 * 3 and sum(id(p) in left_out for p in towers) == GOLDEN["undecayed"]["head"]["left out"]
    assert not any(id(p) in left_out for p in model.heads.parameters())


def test_every_filter_begins_as_wide_as_there() -> None:
    torch.manual_seed(3)
    model = LCNetDetector(1.0, 64)
    found = {name: float(value.detach().std()) for name, value in of_lcnet(model.backbone)}
    for name, deviation in GOLDEN["initialisation"]["backbone"].items():
        assert found[name] == pytest.approx(deviation, rel=0.08), name

    # Neck and head have names of their own here.
    for part, name in ((model.neck, "neck"), (model.towers, "head")):
        filters = [p.detach() for p in part.parameters() if str(list(p.shape)) in GOLDEN["initialisation"][name]]
        assert len(filters) >= 8
        assert all(float(p.std()) == pytest.approx(GOLDEN["initialisation"][name][str(list(p.shape))], rel=0.08) for p in filters), name


def test_varifocal_loss_and_its_whole_gradient() -> None:
    logits = torch.from_numpy(values((12,), 60, -4, 4)).requires_grad_()
    target = torch.from_numpy(np.where(values((12,), 61) > 0, np.abs(values((12,), 62)), 0.0))
    loss = varifocal(logits, target, target > 0, whole_gradient=True).sum() / 3
    loss.backward()
    assert float(loss.detach()) == pytest.approx(GOLDEN["varifocal"]["loss"], rel=1e-6)
    same(logits.grad, GOLDEN["varifocal"]["gradient"])


def pairs(seed: int) -> torch.Tensor:
    corner, sides = values((9, 2), seed, 0, 10), values((9, 2), seed + 1, 1, 8)
    return torch.from_numpy(np.concatenate([corner, corner + sides], 1))


def test_giou_loss_and_its_gradient() -> None:
    predicted = pairs(70).requires_grad_()
    loss = 1 - giou(predicted, pairs(72))
    loss.sum().backward()
    same(loss.detach(), GOLDEN["giou"]["losses"])
    same(predicted.grad, GOLDEN["giou"]["gradient"])


def test_distribution_focal_loss_and_its_gradient() -> None:
    logits = torch.from_numpy(values((6, 4, BINS), 80, -2, 2)).requires_grad_()
    points = torch.from_numpy(values((6, 2), 81, 3, 5))
    low, high = torch.from_numpy(values((6, 2), 82, -6, 3)), torch.from_numpy(values((6, 2), 83, 5, 14))
    loss = distribution_focal(logits, torch.cat([points - low, high - points], 1), 0.1).sum()
    loss.backward()
    assert float(loss.detach()) == pytest.approx(GOLDEN["distributionFocal"]["loss"], rel=1e-6)
    same(logits.grad.flatten(1)[:, ::3], GOLDEN["distributionFocal"]["gradient"])


@pytest.mark.parametrize("number", range(len(BATCHES)))
def test_cells_are_assigned_alike_and_the_whole_loss_with_its_gradient_is_the_same(number: int) -> None:
    seed, given = BATCHES[number]
    expected = GOLDEN["losses"][number]
    raw = [torch.from_numpy(one).float().requires_grad_() for one in levels(seed)]
    truth = [torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4) for boxes in given]
    logits, distributions = flatten(raw)
    centres, strides = cells(raw)
    boxes = to_boxes(distributions, centres, strides)
    for index in range(2):
        owner, quality = simota(logits[index].detach().sigmoid(), boxes[index].detach(), centres, strides, truth[index])
        assert {str(cell): int(one) for cell, one in enumerate(owner) if one >= 0} == expected["owners"][index]
        assert ((quality > 0) <= (owner >= 0)).all()
    targets = [Target(one, torch.zeros(0, 4)) for one in truth]
    loss, parts = published_loss(raw, targets, simota)
    weights = {"score": ("loss_vfl", 1.0), "box": ("loss_bbox", 2.0), "distribution": ("loss_dfl", 0.25)}
    for name, (published, weight) in weights.items():
        assert float(parts[name]) * weight == pytest.approx(expected["parts"][published], rel=1e-4), name
    loss.backward()
    for level, gradient in zip(raw, expected["gradients"], strict=True):
        same(level.grad.flatten()[::61], gradient, 1e-4)
    assert len(raw) == len(STRIDES)


@pytest.mark.parametrize("case", list(GOLDEN["schedules"]))
def test_the_rate_of_every_step(case: str) -> None:
    epochs, steps, warm = map(int, case.split())
    config = replace(RECIPE, epochs=0, steps=epochs * steps, warmup_steps=warm, rate_processes=0)
    same([rate_at(step, step / config.steps, config) for step in range(epochs * steps)], GOLDEN["schedules"][case])


def test_the_average_begins_again_with_every_cycle() -> None:
    layer = torch.nn.Linear(1, 1, bias=False)
    average = CycleAverage(layer, RECIPE.ema, cycle=3)
    found = []
    for step in range(24):
        torch.nn.init.constant_(layer.weight, 1.0 + 0.5 * step + (step % 3))
        average.update(layer)
        if step % 2:
            found.append(float(average.weights()["weight"]))
            average.measured()
    same(found, GOLDEN["averages"], 1e-5)


@pytest.mark.parametrize("number", range(len(CROPS)))
def test_a_crop_keeps_the_boxes_whose_centre_it_holds(number: int) -> None:
    expected = GOLDEN["crops"][number]
    boxes, kept = centred(BOXES, *CROPS[number])
    assert np.flatnonzero(kept).tolist() == expected["kept"]
    assert boxes[kept].tolist() == expected["boxes"]


def test_boxes_are_mirrored_with_the_picture() -> None:
    sample = mirrored(Sample(picture(61, 43, 40), BOXES, np.zeros((0, 4), np.float32)))
    assert sample.boxes.tolist() == GOLDEN["flipped"]


@pytest.mark.parametrize("number", range(len(COLOURS)))
def test_colours_are_distorted_to_the_same_pixels(number: int) -> None:
    name, strength = COLOURS[number]
    expected = np.frombuffer(bytes.fromhex(GOLDEN["colours"][number]), np.uint8).reshape(9, 12, 3)
    assert np.array_equal(DISTORTIONS[name](picture(12, 9, 41), strength), expected)
