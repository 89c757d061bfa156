"""Retrieval figures are those that both languages are told, and what slow counting gives."""

import numpy as np
import pytest

from golden import golden
from sightline_base import retrieval as module
from sightline_base.retrieval import Retrieval, retrieval


def told(figures: dict) -> object:
    return pytest.approx(figures, abs=1e-8)


def found(result: Retrieval) -> dict[str, float]:
    return {**result.figures(), "queries": result.queries}


def labelled(entries: list) -> tuple[np.ndarray, np.ndarray]:
    vectors = np.float32([vector for _, vector in entries]).reshape(len(entries), -1 if entries else 2)
    return vectors, np.array([label for label, _ in entries], dtype=str)


@pytest.mark.parametrize("case", golden("retrieval")["asked"], ids=lambda case: case["name"])
def test_queries_of_a_gallery(case: dict) -> None:
    asked = (*labelled(case["queries"]), *labelled(case["gallery"]))
    assert found(retrieval(*asked)) == told(case["figures"])
    assert found(retrieval(*asked, only_answerable=True)) == told(case["answerable"])


@pytest.mark.parametrize("case", golden("retrieval")["among"], ids=lambda case: case["name"])
def test_pictures_among_themselves(case: dict) -> None:
    vectors, labels = labelled(case["pictures"])
    assert found(retrieval(vectors, labels, vectors, labels, same=True)) == told(case["figures"])


@pytest.mark.parametrize(("size", "pictures", "asked"), [(2, 19, 1), (64, 5, 3), (64, 19, 7), (128, 5, 2), (512, 203, 9)])
def test_equals_keep_the_gallerys_order(size: int, pictures: int, asked: int) -> None:
    # Matrix products of such sizes round equal columns differently by their place.
    random = np.random.default_rng(0)
    gallery = np.tile(random.normal(size=(1, size)), (pictures, 1)).astype(np.float32)
    queries = random.normal(size=(asked, size)).astype(np.float32)
    for place in range(pictures):
        result = retrieval(queries, np.full(asked, place), gallery, np.arange(pictures))
        assert found(result) == {"recall@1": place < 1, "recall@5": place < 5, "mAP": pytest.approx(1 / (place + 1)), "queries": asked}


def slow(queries: np.ndarray, names: list[int], gallery: np.ndarray, answers: list[int], same: bool) -> list[float]:
    first, fifth, averages = [], [], []
    for i, query in enumerate(queries):
        others = [j for j in range(len(gallery)) if not (same and i == j)]
        cosine = {j: query @ gallery[j] / np.linalg.norm(query) / np.linalg.norm(gallery[j]) for j in others}
        ranked = [answers[j] == names[i] for j in sorted(others, key=lambda j: -cosine[j])]
        first.append(ranked[0])
        fifth.append(any(ranked[:5]))
        precisions = [sum(ranked[: k + 1]) / (k + 1) for k, right in enumerate(ranked) if right]
        averages.append(sum(precisions) / max(len(precisions), 1))
    return [float(np.mean(v)) for v in (first, fifth, averages)]


@pytest.mark.parametrize("same", [False, True])
def test_recall_and_map_are_what_counting_gives(same: bool) -> None:
    random = np.random.default_rng(0)
    gallery, answers = random.normal(size=(40, 6)), random.integers(0, 9, 40)
    queries, names = (gallery, answers) if same else (random.normal(size=(25, 6)), random.integers(0, 12, 25))
    result = retrieval(queries, names, gallery, answers, same=same)
    expected = slow(queries, names.tolist(), gallery, answers.tolist(), same)
    assert [result.recall1, result.recall5, result.map] == pytest.approx(expected)


def test_many_queries_are_measured_a_few_at_a_time_with_the_same_result(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(3)
    vectors, names = random.normal(size=(50, 5)), random.integers(0, 8, 50)
    for same in (False, True):
        at_once = retrieval(vectors, names, vectors, names, same=same)
        monkeypatch.setattr(module, "QUERIES_AT_ONCE", 7)
        assert found(retrieval(vectors, names, vectors, names, same=same)) == pytest.approx(found(at_once))
        monkeypatch.undo()
