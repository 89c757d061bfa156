"""Strict P x K batches: P labels without replacement, K pictures of each, balanced between datasets."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..config import ConfigError
from .pictures import Picture


@dataclass(frozen=True)
class Draw:
    """One picture of a batch: its index, the size to make, the seed of its augmentation."""

    index: int
    size: int
    seed: int


@dataclass(frozen=True)
class BatchPlan:
    """P labels x K pictures; `groups` > 0 takes the labels from that many datasets, in equal shares.

    Within one dataset labels are alike, so few groups a batch mean hard negatives; `neighbours` is the share of groups
    that are one label and those most like it, which are harder still. With `groups` 0 every label is drawn by its own
    weight, whatever its dataset.
    """

    labels: int
    pictures: int
    groups: int
    sizes: tuple[int, ...]
    seed: int
    neighbours: float = 0.0


class PKSampler:
    """Batches of Draws for the steps [start, stop); a step's batch depends on its number and the seed alone.

    Pictures repeat only where a label has fewer than K. `dataset_weights` (default 1) say how likely a dataset is as
    a group; `label_weights` (default 1) how likely a label is where there are no groups. `alike` lists for a (dataset,
    label) the labels of that dataset that are most like it, where `neighbours` of the plan is above 0.
    """

    def __init__(
        self,
        pictures: Sequence[Picture],
        plan: BatchPlan,
        start: int,
        stop: int,
        dataset_weights: Mapping[str, float] | None = None,
        label_weights: Mapping[str, float] | None = None,
        alike: Mapping[tuple[str, str], Sequence[str]] | None = None,
    ) -> None:
        self.plan, self.start, self.stop = plan, start, stop
        self.alike = alike or {}
        members: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
        for index, picture in enumerate(pictures):
            members[picture.dataset if plan.groups else ""][picture.label].append(index)
        self.members = members
        self.datasets = sorted(members)
        weights = np.array([(dataset_weights or {}).get(d, 1.0) for d in self.datasets], dtype=np.float64)
        self.dataset_chances = weights / weights.sum()
        self.names = {d: sorted(members[d]) for d in self.datasets}
        self.label_chances = {d: self._chances(self.names[d], label_weights or {}) for d in self.datasets}
        distinct = len({p.label for p in pictures})
        if distinct < plan.labels:
            raise ConfigError(
                f"labels_per_batch: a batch needs {plan.labels} labels, the pictures to train on have {distinct}; "
                f"set it to {distinct} or fewer"
            )

    @staticmethod
    def _chances(names: Sequence[str], weights: Mapping[str, float]) -> np.ndarray:
        chances = np.array([weights.get(name, 1.0) for name in names], dtype=np.float64)
        return chances / chances.sum()

    def __len__(self) -> int:
        return self.stop - self.start

    def __iter__(self) -> Iterator[list[Draw]]:
        for step in range(self.start, self.stop):
            yield self.batch(step)

    def batch(self, step: int) -> list[Draw]:
        """The P x K Draws of one step, the K of a label side by side."""
        plan = self.plan
        random = np.random.default_rng((plan.seed, step))
        size = plan.sizes[random.integers(len(plan.sizes))]
        draws: list[Draw] = []
        for dataset, label in self._labels(random):
            pool = self.members[dataset][label]
            chosen = random.choice(pool, plan.pictures, replace=len(pool) < plan.pictures)
            draws += [Draw(int(i), size, int(random.integers(2**31))) for i in chosen]
        return draws

    def _labels(self, random: np.random.Generator) -> list[tuple[str, str]]:
        """P (dataset, label) pairs, no label twice even where two datasets share it."""
        plan = self.plan
        share = -(-plan.labels // plan.groups) if plan.groups else plan.labels
        chosen: dict[str, str] = {}
        # Datasets come in a weighted random order; one with too few labels leaves its place to the next.
        for place in random.choice(len(self.datasets), len(self.datasets), replace=False, p=self.dataset_chances):
            dataset = self.datasets[place]
            names = self.names[dataset]
            wanted = min(share, plan.labels - len(chosen))
            order = random.choice(len(names), min(len(names), wanted + len(chosen)), False, self.label_chances[dataset])
            drawn = [names[i] for i in order]
            if plan.neighbours and random.random() < plan.neighbours:
                # Not always the same few: any of the nearest may come, before those that were drawn by chance.
                near = self.alike.get((dataset, drawn[0]), ())
                drawn = [drawn[0], *(near[i] for i in random.permutation(len(near))), *drawn[1:]]
            fresh = [name for name in dict.fromkeys(drawn) if name not in chosen][:wanted]
            chosen.update((name, dataset) for name in fresh)
            if len(chosen) == plan.labels:
                break
        return [(dataset, label) for label, dataset in chosen.items()]
