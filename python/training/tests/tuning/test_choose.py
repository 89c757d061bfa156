"""What is better and keeps the rest is chosen; what is not, or may be chance, is not."""

from dataclasses import replace

import numpy as np
import pytest

from sightline_base.retrieval import Retrieval
from sightline_training.tuning.choose import Candidate, certainty, chosen
from sightline_training.tuning.exam import Answers, Exam, Marks, agreement, threshold_of

PRODUCTS = 12


def exam() -> Exam:
    blank = np.zeros((0, 224, 224, 3), np.uint8)
    labels = np.array([f"p{i}" for i in range(PRODUCTS)], dtype=object)
    asked = np.zeros((PRODUCTS, 1, 1, 3), np.uint8)
    return Exam(blank, labels, asked, labels, blank, blank, np.array([], dtype=object), blank, np.array([]))


def answers(right: int, length: int = PRODUCTS) -> Answers:
    """Of the asked pictures, the first `right` are nearest to their own product, the others to the next one."""
    gallery = np.eye(length)
    asked = np.stack([gallery[i] if i < right else gallery[(i + 1) % length] + 0.5 * gallery[i] for i in range(length)])
    return Answers(gallery, asked, np.tile(asked, (2, 1)), np.zeros((0, length)), gallery)


def marks(recall: float, **changed: object) -> Marks:
    found = Retrieval(recall, recall, recall, PRODUCTS)
    rest = Retrieval(0.9, 0.9, 0.9, 10)
    return replace(Marks(found, found, rest, rest, 1.0), **changed)


def candidate(right: int, share: float, **changed: object) -> Candidate:
    return Candidate(share, 0.0, np.eye(PRODUCTS), marks(right / PRODUCTS, **changed), answers(right))


def test_the_best_of_those_that_keep_the_rest_is_chosen() -> None:
    start, good, better = candidate(2, 0), candidate(8, 0.4), candidate(10, 0.7)
    forgot = candidate(12, 1.0, check=Retrieval(0.8, 0.8, 0.8, 10))
    strange = candidate(12, 1.0, agreement=0.9)
    best, reason = chosen([start, good, better, forgot, strange], exam())
    assert best is better and "points better on your own pictures" in reason


@pytest.mark.parametrize("worse", [
    {"check": Retrieval(0.89, 0.9, 0.9, 10)}, {"fresh": Retrieval(0.89, 0.9, 0.9, 10)}, {"agreement": 0.98},
])
def test_what_forgets_is_not_chosen(worse: dict[str, object]) -> None:
    start = candidate(2, 0)
    best, reason = chosen([start, candidate(12, 1.0, **worse)], exam())
    assert best is start and "still knows the rest" in reason


def test_a_gain_that_may_be_chance_is_none() -> None:
    start = candidate(6, 0)
    best, reason = chosen([start, candidate(6, 1.0, camera=Retrieval(0.9, 0.9, 0.9, 10))], exam())
    assert best is start and "may be chance" in reason


def test_three_products_that_all_gain_may_be_chance_and_many_are_not() -> None:
    few = replace(exam(), asked=exam().asked[:3], asked_labels=exam().asked_labels[:3])

    def asked(right: int, count: int) -> Answers:
        all_ = answers(right)
        return replace(all_, asked=all_.asked[:count], views=np.tile(all_.asked[:count], (2, 1)))

    assert certainty(few, asked(0, 3), asked(3, 3)) == 0.875
    assert certainty(exam(), asked(0, PRODUCTS), asked(PRODUCTS, PRODUCTS)) > 0.99
    assert certainty(exam(), asked(PRODUCTS, PRODUCTS), asked(0, PRODUCTS)) == 0


def test_at_the_threshold_few_strangers_get_a_name_and_right_names_stay() -> None:
    known = answers(PRODUCTS)
    strangers = np.full((10, PRODUCTS), 1.0)
    asked = replace(exam(), stranger_labels=np.array(["s"] * 10, dtype=object))
    threshold, named, kept = threshold_of(asked, replace(known, strangers=strangers), 0.05)
    assert threshold == pytest.approx(0.29, abs=0.006) and named == 0 and kept == 1


def test_agreement_is_about_likeness_not_direction() -> None:
    random = np.random.default_rng(0)
    before = random.normal(size=(40, 8))
    turn, _ = np.linalg.qr(random.normal(size=(8, 8)))
    assert agreement(before, 3 * before @ turn) == pytest.approx(1)
    assert agreement(before, random.normal(size=(40, 8))) < 0.3
