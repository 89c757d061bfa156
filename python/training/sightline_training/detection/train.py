"""Trains the detector: pictures, mosaics and made scenes in one stream, against the clock, resumable after kill -9."""

import math
import multiprocessing
import random
import time
from collections.abc import Callable, Iterator
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path

import cv2
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from sightline_base.input import to_input

from ..embedding.place import Place, place_of_process
from ..progress import schedule_bar
from .assignment import ASSIGNMENTS
from .composites import fronts, read_material
from .config import Config
from .data import Listed, load, resized
from .losses import Target, detection_loss
from .records import Log, Records
from .run import Run, start_run
from .stream import Batch, Stream

# Pictures whose statistics an exported network gets back before it trains on.
SHOWN = 64


def train(
    config: Config, listed: list[Listed], held_out: list[Listed], root: Path, folder: Path, log: Log,
    after: Path | None = None, clock: Callable[[], float] = time.monotonic,
) -> Path:
    """Trains until the schedule is over and returns best.pt, the averaged weights that measured best on `held_out`.

    folder/ gets checkpoint.pt, which is resumed from, best.pt, losses.csv and validation.csv. A new run begins with the
    averaged weights of the run in `after`, where that is given: a second schedule. Of several processes the first one
    writes and measures, and its clock (in seconds) counts; time that goes into measuring and saving does not.
    """
    folder.mkdir(parents=True, exist_ok=True)
    place = place_of_process()
    run = start_run(config, folder, after, place.device, _shown(config, listed))
    student = place.wrapped(run.model)
    done = multiprocessing.Value("d", 0.0)
    stream = _stream(config, listed, root, run.step, done, place)
    records = Records(config, held_out, folder, run, place.device, log) if place.number == 0 else None
    if records:
        log(f"{len(listed)} pictures, {len(held_out)} held out, from step {run.step}, {run.seconds / 60:.1f} min")
    began = clock()
    with schedule_bar(records is not None) as show:
        for image, targets in stream:
            # The same in every process, as the rate and the end must be.
            done.value = run.done(config)
            show(done.value)
            rate = rate_at(run.step, done.value, config)
            parts = _step(run, student, config, image.to(place.device), [t.to(place.device) for t in targets], rate)
            run.step += 1
            run.seconds = place.of_first(run.seconds + clock() - began)
            is_over = run.done(config) >= 1
            if records:
                records.add(parts, rate, is_over)
            if is_over:
                return folder / "best.pt"
            began = clock()
    raise AssertionError("the stream is endless")


def rate_at(step: int, done: float, config: Config) -> float:
    """Cosine decay to a fiftieth over the schedule, times a linear warm-up over its first steps."""
    warm = min(1.0, (step + 1) / config.warmup_steps)
    return config.learning_rate * warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(done, 1.0))))


def _stream(
    config: Config, listed: list[Listed], root: Path, start: int, done: "Synchronized[float]", place: Place
) -> DataLoader[Batch]:
    """The batches after step `start`, each process with its own."""
    material = read_material(root, config.art, config.products, config.cutouts, config.material, config.seed)
    first_worker = place.number * max(config.workers, 1)
    shelves = [load(one) for one in listed if one.source in config.dense]
    pictures = [load(one) for one in listed if one.source not in config.dense]
    material.fronts += fronts(shelves, config.material, config.seed)
    stream = Stream(config, pictures, material, start, done, first_worker, shelves)
    return DataLoader(
        stream, batch_size=None, num_workers=config.workers, prefetch_factor=4 if config.workers else None,
        worker_init_fn=lambda _: cv2.setNumThreads(0),
    )


def _shown(config: Config, listed: list[Listed]) -> Iterator[Tensor]:
    """Some of the pictures as the network takes them, for what it has to be shown before a run begins."""
    chosen = random.Random(config.seed).sample(listed, min(SHOWN, len(listed)))
    for one in chosen:
        yield torch.from_numpy(to_input(resized(load(one), config.size).picture[None]))


def _step(
    run: Run, student: nn.Module, config: Config, image: Tensor, targets: list[Target], rate: float
) -> dict[str, Tensor]:
    """One update; returns the loss's parts."""
    for group in run.optimizer.param_groups:
        group["lr"] = rate * group["scale"]
    with torch.autocast(image.device.type, torch.bfloat16, enabled=config.mixed_precision):
        levels = student(image.contiguous(memory_format=torch.channels_last))
    loss, parts = detection_loss(levels, targets, ASSIGNMENTS[config.assignment])
    if not torch.isfinite(loss):
        raise FloatingPointError(f"the loss is {loss.item()} at step {run.step}; lower the learning rate")
    run.optimizer.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(run.model.parameters(), 10.0)
    run.optimizer.step()
    run.average.update(run.model)
    return parts
