"""The canary pattern and the way from a picture to a network's input are those of the pipeline."""

import hashlib
import re

import numpy as np
import pytest

from golden import golden, noise
from sightline_base.canary import canary_pattern, detector_answer, embedder_answer
from sightline_base.input import input_contract, to_input
from sightline_base.resize import averaged, cut_crop, resized

PICTURE = noise(61 * 43 * 3, 7).reshape(43, 61, 3)


def size_of(text: str) -> tuple[int, int]:
    width, height = text.split("x")
    return int(width), int(height)


@pytest.mark.parametrize(("size", "expected"), golden("canary")["hex"].items())
def test_the_canary_is_the_same_byte_by_byte(size: str, expected: str) -> None:
    assert canary_pattern(*size_of(size)).tobytes().hex() == expected


@pytest.mark.parametrize(("size", "expected"), golden("canary")["sha256"].items())
def test_the_canary_of_a_networks_size_is_the_same(size: str, expected: str) -> None:
    width, height = size_of(size)
    pattern = canary_pattern(width, height)
    assert pattern.shape == (height, width, 3)
    assert hashlib.sha256(pattern.tobytes()).hexdigest() == expected


def test_a_canarys_answer_is_the_mean_score_of_each_level_or_the_unit_vector() -> None:
    # A level of two cells: class logits 0 and log 3, so scores 1/2 and 3/4.
    level = np.zeros((1, 33, 1, 2), np.float32)
    level[0, 0, 0, 1] = np.log(3)
    assert detector_answer([level, level[:, :, :, :1]]) == {"meanSigmoid": [0.625, 0.5]}
    assert embedder_answer(np.float32([[3, 0, -4]])) == {"embedding": [0.6, 0.0, -0.8]}


@pytest.mark.parametrize(("name", "expected"), golden("resize").items())
def test_resizing_is_opencvs(name: str, expected: str) -> None:
    x1, y1, x2, y2, width, height = map(int, re.findall(r"\d+", name))
    found = resized(PICTURE[y1:y2, x1:x2], width, height, name.split()[-1])
    far = np.abs(found.astype(int).ravel() - np.frombuffer(bytes.fromhex(expected), np.uint8))
    assert far.max() <= 1 and (far > 0).mean() < 0.06


@pytest.mark.parametrize(("name", "expected"), golden("average").items())
def test_averaging_is_opencvs(name: str, expected: str) -> None:
    x1, y1, x2, y2, width, height = map(int, re.findall(r"\d+", name))
    found = averaged(PICTURE[y1:y2, x1:x2], width, height)
    assert np.abs(found.astype(int).ravel() - np.frombuffer(bytes.fromhex(expected), np.uint8)).max() <= 1


def test_a_crop_that_shrinks_to_less_than_half_is_averaged_each_axis_for_itself() -> None:
    stripes = np.zeros((3 * 224, 300, 3), np.uint8)
    stripes[::3] = 240
    assert set(cut_crop(stripes, 224).ravel()) == {80}
    assert set(resized(stripes, 224, 224).ravel()) == {0}
    assert np.array_equal(cut_crop(PICTURE, 30), resized(averaged(PICTURE, 30, 43), 30, 30))
    assert np.array_equal(cut_crop(PICTURE, 31), resized(PICTURE, 31, 31))


def test_pixels_are_normalized_as_the_reference_does() -> None:
    pixels = noise(12, 3).reshape(1, 2, 2, 3)
    found = to_input(pixels, input_contract(2, "linear"))
    assert found.shape == (1, 3, 2, 2) and found.dtype == np.float32
    assert found.ravel() == pytest.approx(golden("tensor"), abs=2e-6)
    assert np.array_equal(to_input(pixels), found) and np.array_equal(to_input([pixels[0]]), found)


@pytest.mark.parametrize("case", golden("input"), ids=lambda case: f"{case['layout']} {case['colorOrder']}")
def test_pixels_are_what_a_network_of_another_contract_takes(case: dict) -> None:
    found = to_input(noise(12, 3).reshape(1, 2, 2, 3), case)
    assert found.ravel() == pytest.approx(case["values"], abs=2e-6)
    assert found.flags["C_CONTIGUOUS"]
