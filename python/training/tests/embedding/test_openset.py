"""The open-set split and curve agree with counting."""

from pathlib import Path

import numpy as np
import pytest

from sightline_training.embedding.openset import open_set_curve, split_open_set
from sightline_training.embedding.pictures import Picture


def test_the_open_set_split_enrols_half_of_the_labels_and_never_asks_an_enrolled_picture() -> None:
    pictures = [Picture(Path(f"a/{n}/{i}"), str(n), "a") for n in range(20) for i in range(7)]
    split = split_open_set(pictures)
    known = {p.label for p in split.enrolled}
    assert len(known) == 10 and {p.label for p in split.known} == known
    assert not known & {p.label for p in split.unknown}
    assert not set(split.enrolled) & set(split.known)


def test_the_curve_counts_false_names_and_kept_right_names() -> None:
    pictures = [Picture(Path(f"a/{n}/{i}"), str(n), "a") for n in range(20) for i in range(4)]
    known = {p.label for p in split_open_set(pictures).enrolled}

    def embed(asked: list[Picture]) -> np.ndarray:
        # Known labels have an axis each; unknown ones lie at a cosine of 0.6 to label 0's.
        rows = np.zeros((len(asked), 22))
        target = int(sorted(known)[0])
        for row, picture in zip(rows, asked, strict=True):
            if picture.label in known:
                row[int(picture.label)] = 1
            else:
                row[target], row[21] = 0.6, 0.8
        return rows

    curve = open_set_curve(split_open_set(pictures), embed)
    assert curve.false_names[curve.thresholds < 0.59].min() == 1 and curve.false_names[curve.thresholds > 0.61].max() == 0
    assert curve.kept.min() == 1
    assert curve.thresholds[curve.choose()] == pytest.approx(0.605, abs=0.006)
