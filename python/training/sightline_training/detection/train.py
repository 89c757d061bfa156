"""Trains the detector: pictures, mosaics and made scenes in one stream, against the clock, resumable after kill -9."""

import math
import multiprocessing
import random
import time
from collections.abc import Callable, Iterator
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from statistics import fmean

import cv2
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from sightline_base.input import to_input

from ..config import ConfigError
from ..embedding.damage import Damage
from ..embedding.pictures import LabelFileError
from ..embedding.place import Place, place_of_process
from ..embedding.summary import tell_run
from ..embedding.train import autocast
from ..embedding.training_state import RunError
from ..progress import schedule_bar
from .assignment import ASSIGNMENTS
from .composites import fronts, read_material
from .config import Config, in_steps, steps_an_epoch
from .data import Listed, Sample, load, resized
from .losses import LOSSES, WEIGHTS, Target
from .records import Log, Records
from .run import Run, start_run
from .stream import PublishedStream, Stream

# Steps between two rows of the losses, which are means over them and over the processes.
ROW_STEPS = 20

# Pictures whose statistics an exported network gets back before it trains on.
SHOWN = 64


def train(
    config: Config, listed: list[Listed], held_out: list[Listed], root: Path | None, folder: Path, log: Log,
    after: Path | None = None, clock: Callable[[], float] = time.monotonic,
) -> Path:
    """Trains until the schedule is over and returns best.pt, the averaged weights that measured best on `held_out`.

    folder/ gets checkpoint.pt, which is resumed from, best.pt, losses.csv, validation.csv and curves.png. A new run begins with
    the averaged weights of the run in `after`, where that is given: a second schedule. `root` is where scenes are made from,
    which the published stream has none of. Of several processes the first one writes and measures, and its clock (in seconds)
    counts; time that goes into measuring and saving does not. Raises ConfigError, RunError or LabelFileError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    place = place_of_process()
    if config.stream == "published":
        listed = [one for one in listed if len(one.boxes)]
    config = in_steps(config, len(listed), place.count)
    epoch_steps = steps_an_epoch(len(listed), config.batch, place.count)
    with place.first_alone():
        run = start_run(config, folder, after, place.device, log if place.number == 0 else _unsaid, _shown(config, listed))
    student = place.wrapped(run.model)
    done = multiprocessing.Value("d", 0.0)
    damage = Damage([one.file for one in listed], config.damaged_share, place, log if place.number == 0 else None)
    records = Records(config, held_out, folder, run, place.device, log) if place.number == 0 else None
    if records:
        log(f"{len(listed)} pictures, {len(held_out)} held out, from step {run.step}, {run.seconds / 60:.1f} min")
    recent: list[dict[str, Tensor]] = []
    # A run that is over is not begun again by one step more.
    batches = iter(() if run.done(config) >= 1 else _stream(config, listed, root, run.step, done, place, damage))
    began = clock()
    with schedule_bar(records is not None) as show:
        for image, targets, damaged in batches:
            # The same in every process, as the rate and the end must be.
            done.value = run.done(config)
            show(done.value)
            rate = rate_at(run.step, done.value, config)
            recent.append(_step(run, student, config, image.to(place.device), [t.to(place.device) for t in targets], rate))
            damage.add(damaged)
            run.step += 1
            run.seconds = place.of_first(run.seconds + clock() - began)
            is_over = run.done(config) >= 1
            if run.step % ROW_STEPS == 0 or is_over:
                damage.check()
                means = place.mean_of_all([fmean(float(parts[name]) for parts in recent) for name in WEIGHTS])
                recent.clear()
                if records:
                    records.row(dict(zip(WEIGHTS, means, strict=True)), rate)
            if records:
                records.add(is_over, epoch_steps)
            if is_over:
                break
            began = clock()
    if records:
        tell_run(folder, log)
    return folder / "best.pt"


def _unsaid(_line: str) -> None:
    """What other processes than the first have to say."""


def rate_at(step: int, done: float, config: Config) -> float:
    """The rate of a step: a linear warm-up over the first steps and a cosine over the schedule, as `schedule` joins them."""
    warm = config.warmup_steps
    if config.schedule == "after_warmup":
        if step < warm:
            return config.learning_rate * (0.1 + 0.9 * step / warm)
        return config.learning_rate * 0.5 * (1 + math.cos(math.pi * (step - warm) / max(config.steps - warm, 1)))
    return config.learning_rate * min(1.0, (step + 1) / warm) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(done, 1.0))))


def _stream(
    config: Config, listed: list[Listed], root: Path | None, start: int, done: "Synchronized[float]", place: Place, damage: Damage
) -> Iterator[tuple[Tensor, list[Target], list[int]]]:
    """The batches after step `start`, each process with its own, and the indices of pictures that could not be read."""
    workers = {"num_workers": config.workers, "prefetch_factor": 4 if config.workers else None}
    if config.stream == "published":
        published = PublishedStream(config, listed, place.number, place.count)
        steps = range(start, int(config.steps))
        yield from DataLoader(published, batch_size=None, sampler=steps, worker_init_fn=_one_thread, **workers)
        return
    if root is None:
        raise ConfigError("scenes are made of other pictures: name their folder with --material")
    material = read_material(root, config.art, config.products, config.cutouts, config.material, config.seed)
    read: list[Sample] = []
    shelves: list[Sample] = []
    damaged = []
    for index, one in enumerate(listed):
        try:
            (shelves if one.source in config.dense else read).append(load(one, whole=True))
        except LabelFileError:
            damaged.append(index)
    damage.add(damaged)
    damage.check()
    if not read and not shelves:
        raise LabelFileError(f"none of {len(listed)} pictures can be read")
    material.fronts += fronts(shelves, config.material, config.seed)
    stream = Stream(config, read, material, start, done, place.number * max(config.workers, 1), shelves)
    for image, targets in DataLoader(stream, batch_size=None, worker_init_fn=_one_thread, **workers):
        yield image, targets, []


def _one_thread(_worker: int) -> None:
    cv2.setNumThreads(0)


def _shown(config: Config, listed: list[Listed]) -> Iterator[Tensor]:
    """Some of the pictures as the network takes them, for what it has to be shown before a run begins."""
    chosen = random.Random(config.seed).sample(listed, min(SHOWN, len(listed)))
    for one in chosen:
        try:
            yield torch.from_numpy(to_input(resized(load(one), config.size).picture[None]))
        except LabelFileError:
            continue


def _step(
    run: Run, student: nn.Module, config: Config, image: Tensor, targets: list[Target], rate: float
) -> dict[str, Tensor]:
    """One update; returns the loss's parts."""
    for group in run.optimizer.param_groups:
        group["lr"] = rate * group["scale"]
    with autocast(image.device, config.mixed_precision):
        levels = student(image.contiguous(memory_format=torch.channels_last))
    loss, parts = LOSSES[config.loss](levels, targets, ASSIGNMENTS[config.assignment])
    if not torch.isfinite(loss):
        raise RunError(f"the loss is {loss.item()} at step {run.step}: begin a run with a lower learning_rate or a longer warm-up")
    run.optimizer.zero_grad(set_to_none=True)
    run.scaler.scale(loss).backward()
    if config.gradient_clip < math.inf:
        run.scaler.unscale_(run.optimizer)
        nn.utils.clip_grad_norm_(run.model.parameters(), config.gradient_clip)
    run.scaler.step(run.optimizer)
    run.scaler.update()
    run.average.update(run.model)
    return parts
