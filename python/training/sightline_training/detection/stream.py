"""What detector training sees: an endless stream of batches of pictures, mosaics and made scenes."""

import random
from collections.abc import Iterator, Sequence
from multiprocessing.sharedctypes import Synchronized

import numpy as np
import torch
from torch.utils.data import IterableDataset

from sightline_base.input import to_input

from .composites import Material, shelf, table
from .config import Config
from .data import Sample, augmented, mosaic, resized
from .losses import Target
from .racks import grid, racks, window

Batch = tuple[torch.Tensor, list[Target]]
# Boxes of fewer pixels than this teach nothing but noise.
LEAST_SIDE = 5


class Stream(IterableDataset):
    """Endless batches: pictures float32 [B, 3, size, size], normalized, and their targets. Each has one of the sizes.

    `done` is the share of the schedule that is over, written by training: near its end the stream turns to what the
    detector will see, single pictures. Workers draw differently by their number, which begins at `first_worker`.
    """

    def __init__(
        self, config: Config, pictures: list[Sample], material: Material, start: int, done: "Synchronized[float]",
        first_worker: int = 0, shelves: Sequence[Sample] = (),
    ) -> None:
        self.config, self.pictures, self.shelves, self.material = config, pictures, shelves, material
        self.start, self.done, self.first_worker = start, done, first_worker

    def __iter__(self) -> Iterator[Batch]:
        worker = torch.utils.data.get_worker_info()
        rng = random.Random(f"{self.config.seed} {self.start} {self.first_worker + (worker.id if worker else 0)}")
        made = racks(self.material, rng)
        while True:
            size = rng.choice(self.config.sizes or [self.config.size])
            samples = [self._sample(size, made, rng) for _ in range(self.config.batch)]
            image = torch.from_numpy(to_input(np.stack([sample.picture for sample in samples])))
            yield image, [_target(sample) for sample in samples]

    def _sample(self, size: int, made: Iterator[Sample], rng: random.Random) -> Sample:
        config, dice = self.config, rng.random()
        if self.done.value >= 1 - config.settling:
            dice /= config.settled_share
        if dice < config.racks:
            return resized(window(next(made), size, rng), size)
        dice -= config.racks
        if dice < config.grids and self.shelves:
            columns = rng.choice([2, 2, 3, 4])
            return grid([rng.choice(self.shelves) for _ in range(columns**2)], columns, size, rng)
        dice -= config.grids
        if dice < config.mosaics:
            return mosaic([augmented(self._picture(rng), rng) for _ in range(4)], size, rng)
        if dice < config.mosaics + config.shelves:
            sample = shelf(self.material, size, rng)
        elif dice < config.mosaics + config.shelves + config.tables:
            sample = table(self.material, size, rng)
        else:
            sample = self._picture(rng)
        return resized(augmented(sample, rng), size)

    def _picture(self, rng: random.Random) -> Sample:
        is_dense = bool(self.shelves) and rng.random() < self.config.dense_share
        return rng.choice(self.shelves if is_dense else self.pictures)


def _target(sample: Sample) -> Target:
    large = (sample.boxes[:, 2:] - sample.boxes[:, :2]).min(1) >= LEAST_SIDE if len(sample.boxes) else np.zeros(0, bool)
    ignore = np.concatenate([sample.ignore, sample.boxes[~large]])
    return Target(torch.from_numpy(sample.boxes[large]), torch.from_numpy(ignore), sample.background_weight)
