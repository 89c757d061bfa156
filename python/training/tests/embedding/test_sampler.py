"""Every batch is strictly P x K, and the datasets get their shares."""

from collections import Counter
from pathlib import Path

import pytest

from sightline_training.embedding.pictures import Picture
from sightline_training.embedding.sampler import BatchPlan, PKSampler


def made(sizes: dict[str, tuple[int, int]]) -> list[Picture]:
    """{dataset: (labels, pictures a label)}"""
    return [
        Picture(Path(f"{dataset}/{label}/{i}.jpg"), f"{dataset}-{label}", dataset)
        for dataset, (labels, count) in sizes.items() for label in range(labels) for i in range(count)
    ]


def plan(labels: int, pictures: int, groups: int) -> BatchPlan:
    return BatchPlan(labels, pictures, groups, (32,), 5)


PICTURES = made({"logos": (500, 3), "products": (20, 10), "signs": (6, 30)})


@pytest.mark.parametrize("groups", [0, 1, 2, 3])
def test_every_batch_has_p_labels_with_k_pictures_each(groups: int) -> None:
    for batch in PKSampler(PICTURES, plan(8, 4, groups), 0, 50):
        counts = Counter(PICTURES[d.index].label for d in batch)
        assert len(counts) == 8 and set(counts.values()) == {4}


def test_pictures_repeat_only_where_a_label_has_fewer_than_k() -> None:
    for batch in PKSampler(PICTURES, plan(8, 4, 3), 0, 50):
        for label, count in Counter(PICTURES[d.index].label for d in batch).items():
            distinct = {d.index for d in batch if PICTURES[d.index].label == label}
            assert len(distinct) == count or label.startswith("logos")


def test_a_dataset_of_many_labels_does_not_swamp_the_others() -> None:
    seen = Counter(PICTURES[d.index].dataset for b in PKSampler(PICTURES, plan(6, 2, 3), 0, 200) for d in b)
    assert seen["logos"] == seen["products"] == seen["signs"]


def test_a_dataset_of_twice_the_weight_comes_twice_as_often() -> None:
    sampler = PKSampler(PICTURES, plan(4, 2, 1), 0, 3000, {"products": 2.0})
    seen = Counter(PICTURES[b[0].index].dataset for b in sampler)
    assert seen["products"] / seen["logos"] == pytest.approx(2, rel=0.15)


def test_without_groups_every_label_is_as_likely_as_its_weight_says() -> None:
    pictures = made({"a": (10, 2)})
    seen = Counter(
        pictures[d.index].label for b in PKSampler(pictures, plan(1, 1, 0), 0, 6000, None, {"a-3": 4.0}) for d in b
    )
    others = [n for name, n in seen.items() if name != "a-3"]
    assert seen["a-3"] / (sum(others) / len(others)) == pytest.approx(4, rel=0.15)


def test_a_label_that_two_datasets_share_comes_once_in_a_batch() -> None:
    shared = [Picture(Path(f"{d}/{n}/{i}.jpg"), str(n), d) for d in ("a", "b") for n in range(5) for i in range(3)]
    for batch in PKSampler(shared, plan(5, 3, 2), 0, 50):
        counts = Counter(shared[d.index].label for d in batch)
        assert len(counts) == 5 and set(counts.values()) == {3}


def test_a_step_has_the_same_batch_wherever_the_run_started() -> None:
    whole = list(PKSampler(PICTURES, plan(8, 4, 2), 0, 10))
    assert list(PKSampler(PICTURES, plan(8, 4, 2), 6, 10)) == whole[6:]


def test_too_few_labels_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="needs 8 labels, the pictures to train on have 2; set it to 2 or fewer"):
        PKSampler(made({"a": (2, 4)}), plan(8, 4, 0), 0, 1)
