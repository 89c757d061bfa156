"""Retrieval metrics agree with a slow version, and the open-set curve with counting."""

from pathlib import Path

import numpy as np
import pytest

from sightline_training.embedding import metrics
from sightline_training.embedding.metrics import retrieval
from sightline_training.embedding.openset import open_set_curve, split_open_set
from sightline_training.embedding.pictures import Picture


def slow(queries: np.ndarray, names: list[int], gallery: np.ndarray, answers: list[int], same: bool) -> list[float]:
    first, fifth, averages = [], [], []
    for i, query in enumerate(queries):
        others = [j for j in range(len(gallery)) if not (same and i == j)]
        cosine = {j: query @ gallery[j] / np.linalg.norm(query) / np.linalg.norm(gallery[j]) for j in others}
        ranked = [answers[j] == names[i] for j in sorted(others, key=lambda j: -cosine[j])]
        if not any(ranked):
            continue
        first.append(ranked[0])
        fifth.append(any(ranked[:5]))
        precisions = [sum(ranked[: k + 1]) / (k + 1) for k, right in enumerate(ranked) if right]
        averages.append(sum(precisions) / len(precisions))
    return [float(np.mean(v)) for v in (first, fifth, averages)]


@pytest.mark.parametrize("same", [False, True])
def test_recall_and_map_are_what_counting_gives(same: bool) -> None:
    random = np.random.default_rng(0)
    gallery, answers = random.normal(size=(40, 6)), random.integers(0, 9, 40)
    queries, names = (gallery, answers) if same else (random.normal(size=(25, 6)), random.integers(0, 12, 25))
    result = retrieval(queries, names, gallery, answers, same=same)
    expected = slow(queries, names.tolist(), gallery, answers.tolist(), same)
    assert [result.recall1, result.recall5, result.map] == pytest.approx(expected)


def test_queries_without_any_right_answer_do_not_count() -> None:
    result = retrieval(np.eye(3), np.array([0, 1, 9]), np.eye(3), np.array([0, 1, 2]))
    assert (result.queries, result.recall1) == (2, 1.0)


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


def test_many_queries_are_measured_a_few_at_a_time_with_the_same_result(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(3)
    vectors, names = random.normal(size=(50, 5)), random.integers(0, 8, 50)
    for same in (False, True):
        at_once = retrieval(vectors, names, vectors, names, same=same)
        monkeypatch.setattr(metrics, "QUERIES_AT_ONCE", 7)
        assert retrieval(vectors, names, vectors, names, same=same) == pytest.approx(at_once)
        monkeypatch.undo()
