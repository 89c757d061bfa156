"""What detector training sees: an endless stream of pictures, mosaics and made scenes, or the reference's epochs of pictures."""

import random
from collections.abc import Iterator, Sequence
from multiprocessing.sharedctypes import Synchronized

import numpy as np
import torch
from torch.utils.data import Dataset, IterableDataset

from sightline_base.input import to_input

from ..embedding.pictures import LabelFileError
from .composites import Material, shelf, table
from .config import Config, steps_an_epoch
from .data import Listed, Sample, augmented, load, mosaic, resized
from .losses import Target
from .published_views import METHODS, published_view, resized_by
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
        is_dense = bool(self.shelves) and (not self.pictures or rng.random() < self.config.dense_share)
        return rng.choice(self.shelves if is_dense else self.pictures)


class PublishedStream(Dataset[tuple[torch.Tensor, list[Target], list[int]]]):
    """The batches of the reference's reader: every picture once an epoch, from disk, each batch of one size and method.

    An item is a step: its batch depends on its number and the seed alone, so a continued run sees what an unbroken one would.
    The third part are the indices of pictures that could not be read; those that follow in the epoch take their place.
    """

    def __init__(self, config: Config, pictures: Sequence[Listed], process: int, processes: int) -> None:
        self.config, self.pictures, self.process, self.processes = config, pictures, process, processes
        self.epoch_steps = steps_an_epoch(len(pictures), config.batch, processes)

    def __getitem__(self, step: int) -> tuple[torch.Tensor, list[Target], list[int]]:
        config = self.config
        epoch, place = divmod(step, self.epoch_steps)
        order = np.random.default_rng((config.seed, epoch)).permutation(len(self.pictures))
        # Filled up from the beginning, so that all processes have as many; each takes every so-manieth.
        share = np.resize(order, -(-len(order) // self.processes) * self.processes)[self.process :: self.processes]
        size, method = self._size(step)
        rng = random.Random(f"{config.seed} {step} {self.process}")
        samples, damaged = [], []
        for offset in range(config.batch):
            sample, unread = self._read(share, place * config.batch + offset, size)
            damaged += unread
            samples.append(resized_by(published_view(sample, rng), size, method))
        image = torch.from_numpy(to_input(np.stack([sample.picture for sample in samples])))
        none = torch.zeros(0, 4)
        return image, [Target(torch.from_numpy(sample.boxes), none) for sample in samples], damaged

    def _size(self, step: int) -> tuple[int, int]:
        """The same in every process, as their work is then alike."""
        rng = random.Random(f"{self.config.seed} {step}")
        return rng.choice(self.config.sizes or [self.config.size]), rng.choice(METHODS)

    def _read(self, share: np.ndarray, first: int, size: int) -> tuple[Sample, list[int]]:
        damaged: list[int] = []
        for further in range(min(len(share), 50)):
            index = int(share[(first + further) % len(share)])
            try:
                return load(self.pictures[index], whole=True), damaged
            except LabelFileError:
                damaged.append(index)
        # Where so many can't be read the count of them ends the run, with a sentence that no worker process could say.
        return Sample(np.zeros((size, size, 3), np.uint8), np.zeros((0, 4), np.float32), np.zeros((0, 4), np.float32)), damaged


def _target(sample: Sample) -> Target:
    large = (sample.boxes[:, 2:] - sample.boxes[:, :2]).min(1) >= LEAST_SIDE if len(sample.boxes) else np.zeros(0, bool)
    ignore = np.concatenate([sample.ignore, sample.boxes[~large]])
    return Target(torch.from_numpy(sample.boxes[large]), torch.from_numpy(ignore), sample.background_weight)
