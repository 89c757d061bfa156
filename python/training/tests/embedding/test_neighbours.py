"""Batches of a label and those most like it: who is near is what counting says, and the batch stays strict P x K."""

from collections import Counter
from pathlib import Path

import pytest
import torch

from sightline_training.config import ConfigError
from sightline_training.embedding.config import load_config
from sightline_training.embedding.pictures import Picture
from sightline_training.embedding.sampler import BatchPlan, PKSampler
from sightline_training.embedding.teacher import nearest_labels

# Four datasets of 30 labels on a circle, four pictures each; near are those beside a label.
PICTURES = [Picture(Path(f"{d}/{n}/{i}.jpg"), f"{d}{n}", d) for d in "abcd" for n in range(30) for i in range(4)]
ALIKE = {(d, f"{d}{n}"): [f"{d}{(n + step) % 30}" for step in (1, -1, 2, -2, 3, -3)] for d in "abcd" for n in range(30)}
# Labels that can only come by chance once the six nearest are used up.
PLAN = BatchPlan(labels=10, pictures=2, groups=2, sizes=(32,), seed=3, neighbours=1.0)


def labels_of(batch: list) -> list[str]:
    return list(dict.fromkeys(PICTURES[draw.index].label for draw in batch))


def slow_nearest(targets: torch.Tensor, pictures: list[Picture], count: int) -> dict[tuple[str, str], list[str]]:
    """Every label against every other of its dataset, one pair after the other."""
    means: dict[tuple[str, str], torch.Tensor] = {}
    for key in {(p.dataset, p.label) for p in pictures}:
        rows = [targets[i] for i, p in enumerate(pictures) if (p.dataset, p.label) == key]
        means[key] = sum(rows) / len(rows)
    result = {}
    for (dataset, label), mean in means.items():
        others = {n: other for (d, n), other in means.items() if d == dataset and n != label}
        cosine = {n: float(mean @ other / (mean.norm() * other.norm())) for n, other in others.items()}
        result[dataset, label] = sorted(others, key=lambda n: -cosine[n])[:count]
    return result


@pytest.mark.parametrize("count", [1, 3, 50])
def test_the_nearest_labels_are_those_of_the_dataset_whose_mean_has_the_highest_cosine(count: int) -> None:
    # The same names in each dataset: they are other things there, with other neighbours.
    sizes = [("a", 6), ("b", 9), ("alone", 1)]
    pictures = [Picture(Path(f"{d}/{n}/{i}"), str(n), d) for d, labels in sizes for n in range(labels) for i in range(1 + n % 3)]
    targets = torch.nn.functional.normalize(torch.randn(len(pictures), 12, generator=torch.Generator().manual_seed(4)), dim=1)
    found = nearest_labels(targets, pictures, count)
    assert found == slow_nearest(targets, pictures, count)
    assert found["alone", "0"] == [] and len(found["a", "0"]) == min(count, 5)


def test_a_group_is_a_label_and_those_most_like_it() -> None:
    for batch in PKSampler(PICTURES, PLAN, 0, 100, alike=ALIKE):
        for dataset in {label[0] for label in labels_of(batch)}:
            group = [label for label in labels_of(batch) if label[0] == dataset]
            assert len(group) == 5 and set(group[1:]) <= set(ALIKE[dataset, group[0]])


def test_which_of_the_nearest_come_changes_from_batch_to_batch() -> None:
    company = {}
    for batch in PKSampler(PICTURES, PLAN, 0, 400, alike=ALIKE):
        first, *others = labels_of(batch)[:5]
        company.setdefault(first, set()).update(others)
    assert max(map(len, company.values())) == 6


@pytest.mark.parametrize("labels", [10, 40])
def test_no_label_comes_twice_and_each_has_its_pictures_even_where_neighbours_run_out(labels: int) -> None:
    # Of 20 labels a group has 1 and its 6 nearest: the rest come by chance.
    plan = BatchPlan(labels, 3, 2, (32,), 3, neighbours=1.0)
    for batch in PKSampler(PICTURES, plan, 0, 60, alike=ALIKE):
        counts = Counter(PICTURES[draw.index].label for draw in batch)
        assert len(counts) == labels and set(counts.values()) == {3}


def test_labels_that_two_datasets_share_come_once_though_both_have_neighbours() -> None:
    # a has 0..11, b has 6..17.
    pictures = [Picture(Path(f"{d}/{n}/{i}"), str(n), d) for d, low in (("a", 0), ("b", 6)) for n in range(low, low + 12) for i in range(2)]
    alike = {(d, str(low + n)): [str(low + (n + step) % 12) for step in (1, 2, 3)] for d, low in (("a", 0), ("b", 6)) for n in range(12)}
    for batch in PKSampler(pictures, BatchPlan(8, 2, 2, (32,), 1, neighbours=1.0), 0, 100, alike=alike):
        counts = Counter(pictures[draw.index].label for draw in batch)
        assert len(counts) == 8 and set(counts.values()) == {2}


def test_a_share_of_the_groups_has_neighbours() -> None:
    plan = BatchPlan(10, 2, 2, (32,), 3, neighbours=0.3)
    near = groups = 0
    for batch in PKSampler(PICTURES, plan, 0, 1000, alike=ALIKE):
        for dataset in {label[0] for label in labels_of(batch)}:
            group = [label for label in labels_of(batch) if label[0] == dataset]
            groups += 1
            near += set(group[1:]) <= set(ALIKE[dataset, group[0]])
    assert near / groups == pytest.approx(0.3, abs=0.04)


def test_a_step_has_the_same_neighbours_wherever_the_run_started_and_others_with_another_seed() -> None:
    whole = list(PKSampler(PICTURES, PLAN, 0, 12, alike=ALIKE))
    assert list(PKSampler(PICTURES, PLAN, 7, 12, alike=ALIKE)) == whole[7:]
    other = BatchPlan(10, 2, 2, (32,), 4, neighbours=1.0)
    assert list(PKSampler(PICTURES, other, 0, 12, alike=ALIKE)) != whole


@pytest.mark.parametrize("without", ["groups: 4", "distillation: 1.0"])
def test_neighbours_without_a_teacher_or_groups_are_refused(without: str, tmp_path: Path) -> None:
    fields = [
        "network: lite", "augmentation: camera", "optimizer: adamw", "learning_rate: 0.1", "steps: 1", "labels_per_batch: 8",
        "pictures_per_label: 2", "sizes: [32]", "neighbours: 0.5", "groups: 4", "distillation: 1.0",
    ]
    path = tmp_path / "config.yaml"
    path.write_text("\n".join(fields))
    assert load_config(path).neighbours == 0.5
    path.write_text("\n".join(field for field in fields if field != without))
    with pytest.raises(ConfigError, match="neighbours needs groups and, .* distillation's teacher"):
        load_config(path)
