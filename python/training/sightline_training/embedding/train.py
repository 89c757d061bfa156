"""Trains an embedder from a configuration; killed at any moment, it goes on from its last checkpoint."""

import math
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader

from ..config import ConfigError
from ..progress import schedule_bar
from .anchor import anchoring
from .config import MixedPrecision, TrainConfig, in_steps
from .damage import Damage
from .losses import similarity_distillation, triplet_angular_margin
from .networks import as_input
from .pictures import Picture
from .place import Place, Student, place_of_process
from .sampler import BatchPlan, PKSampler
from .start import Report, Run, anchor, start_run, teacher_of
from .summary import tell_run
from .teacher import nearest_labels
from .training_state import Curves, RunError, save_checkpoint
from .views import Views
from .watch import Asked, Watch

LOSS_COLUMNS = ("step", "minutes", "rate", "classification", "triplet", "distillation", "anchoring", "accuracy")
# Steps between two rows of the losses, which are means over them and over the processes.
ROW_STEPS = 20
# A label's neighbours are drawn from this many that are most like it.
NEIGHBOURS = 10


def rate_at(progress: float, step: int, config: TrainConfig) -> float:
    """A linear warm-up over the first steps, then a cosine to 0.

    The cosine is over the whole run, so that the warm-up ends a little below the peak; with `cosine_after_warmup`, the
    reference's, it is over the rest, and the first step has the rate 0.
    """
    warm = config.warmup_steps
    if config.cosine_after_warmup:
        if step < warm:
            return config.learning_rate * step / warm
        progress = (step - warm) / max(config.steps - warm, 1)
    elif step < warm:
        return config.learning_rate * (step + 1) / warm
    return config.learning_rate * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))


def autocast(device: torch.device, mixed: MixedPrecision) -> AbstractContextManager[None]:
    """Where a network computes in half precision, if it is asked for."""
    return torch.autocast(device.type, torch.float16 if mixed == "fp16" else torch.bfloat16, enabled=bool(mixed))


def train(
    config: TrainConfig, pictures: Sequence[Picture], held_out: Sequence[Picture], folder: Path, report: Report,
    after: Path | None = None, asked: Asked | None = None,
) -> Path:
    """Trains on `pictures`, watches `held_out` and what is `asked`, and returns the file of the final (averaged) weights.

    folder/ gets start.pt, checkpoint.pt, losses.csv, validation.csv, best.pt, which measured best, final.pt and curves.png; a
    folder that holds a checkpoint is continued. A batch depends on its step alone, so a continued run sees what an unbroken
    one would. A new run begins with the weights of the run in `after`, where that is given: a second schedule, other sizes.
    Raises ConfigError, RunError or LabelFileError where it can't be done.
    """
    folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    place = place_of_process()
    config = in_steps(config, len(pictures), place.count)
    first = place.number == 0
    names = sorted({p.label for p in pictures})
    # Said before the work of the start, which may take minutes.
    _sampler(config, pictures, names, {}, 0, place)
    number = {name: i for i, name in enumerate(names)}
    labels = torch.tensor([number[p.label] for p in pictures])
    with place.first_alone():
        run = start_run(config, pictures, labels, len(names), folder, after, place, report)
        targets = teacher_of(config, pictures, folder, report)
    if config.anchoring and targets is not None:
        anchor(run, config, pictures, targets, report)
    held = torch.tensor([p.dataset in config.anchored for p in pictures])
    student = place.wrapped(Student(run.model, run.classifier))
    alike = nearest_labels(targets, pictures, NEIGHBOURS) if config.neighbours and targets is not None else {}
    loader = _loader(config, pictures, names, alike, run.step, place)
    losses = Curves(folder / "losses.csv", LOSS_COLUMNS, run.step) if first else None
    watch = Watch(config, held_out, asked, folder, run, place.device, report) if first else None
    damage = Damage([p.path for p in pictures], config.damaged_share, place, report if first else None)
    if watch:
        report(f"{len(pictures)} pictures, {len(names)} labels, {len(watch.pictures)} pictures watched, from step {run.step}")

    before = run.seconds
    began = saved = time.monotonic()
    recent: list[tuple[float, ...]] = []
    with schedule_bar(first) as show:
        for views, indices, damaged in loader:
            progress = max(run.step / config.steps, run.seconds / 60 / config.minutes)
            show(progress)
            rate = rate_at(progress, run.step, config)
            target = targets[indices].to(place.device) if targets is not None else None
            batch = (views, labels[indices], held[indices])
            recent.append(_step(run, student, config, *(part.to(place.device) for part in batch), target, rate, place.number))
            damage.add(damaged)
            run.step += 1
            # The same in every process: all leave the loop at the same step, or none would hear the others again.
            run.seconds = place.of_first(before + time.monotonic() - began)
            is_over = run.step >= config.steps or run.seconds / 60 >= config.minutes
            if run.step % ROW_STEPS == 0 or is_over:
                means = dict(zip(LOSS_COLUMNS[3:], place.mean_of_all(np.mean(recent, axis=0).tolist()), strict=True))
                recent.clear()
                damage.check()
                if losses:
                    losses.add(step=run.step, minutes=round(run.seconds / 60, 2), rate=rate, **means)
                    left = run.seconds / 60 * (1 / max(progress, 1e-6) - 1)
                    values = " ".join(f"{k} {v:.3f}" for k, v in means.items())
                    report(f"step {run.step} rate {rate:.2e} {values} | {run.seconds / 60:.1f} min, about {left:.0f} to go")
            if watch and run.step % config.evaluate_every == 0:
                watch.measure()
            if first and time.monotonic() - saved > 60 * config.checkpoint_minutes:
                save_checkpoint(folder / "checkpoint.pt", run.state())
                saved = time.monotonic()
            if is_over:
                break
    if watch:
        # First, as measuring may take long, and after it, as it says what is best.
        save_checkpoint(folder / "checkpoint.pt", run.state())
        if watch.measure():
            save_checkpoint(folder / "checkpoint.pt", run.state())
        save_checkpoint(folder / "final.pt", run.average.state if run.average else run.model.state_dict())
        tell_run(folder, report)
    return folder / "final.pt"


def _sampler(
    config: TrainConfig, pictures: Sequence[Picture], names: Sequence[str], alike: Mapping[tuple[str, str], Sequence[str]],
    step: int, place: Place,
) -> PKSampler:
    plan = BatchPlan(
        config.labels_per_batch, config.pictures_per_label, config.groups, tuple(config.sizes),
        config.seed + 1000 * place.number, config.neighbours,
    )
    return PKSampler(pictures, plan, step, config.steps, config.dataset_weights, quadrupled(config, names), alike)


def _loader(
    config: TrainConfig, pictures: Sequence[Picture], names: Sequence[str], alike: Mapping[tuple[str, str], Sequence[str]],
    step: int, place: Place,
) -> DataLoader[tuple[Tensor, Tensor, Tensor]]:
    """The batches from `step` on, each process with its own."""
    return DataLoader(
        Views(pictures, config.augmentation, config.flipped, config.anchored),
        batch_sampler=_sampler(config, pictures, names, alike, step, place), num_workers=config.workers,
        worker_init_fn=lambda _: cv2.setNumThreads(0), prefetch_factor=4 if config.workers else None,
    )


def quadrupled(config: TrainConfig, names: Sequence[str]) -> dict[str, float]:
    """The labels that the configuration draws four times as often, as weights; its ranges need integer labels."""
    ranges = config.quadrupled_labels
    other = next((name for name in names if not name.isdecimal()), None)
    if ranges and other is not None:
        raise ConfigError(f"quadrupled_labels are ranges of integer labels, but there is a label {other!r}")
    return {name: 4.0 for low, high in ranges for name in names if low <= int(name) <= high}


def _step(
    run: Run, student: nn.Module, config: TrainConfig, views: Tensor, labels: Tensor, held: Tensor, target: Tensor | None,
    rate: float, process: int = 0,
) -> tuple[float, ...]:
    """One update; returns the losses in LOSS_COLUMNS' order and the classifier's accuracy. What is `held` has no label."""
    for group in run.optimizer.param_groups:
        group["lr"] = rate * group["rate"]
    if config.dropout:
        # What is left out depends on the step, as the batch does: a continued run leaves out the same.
        torch.manual_seed(hash((config.seed, run.step, process)))
    with autocast(views.device, config.mixed_precision):
        features, logits = student(as_input(views))
    features, logits = features.float(), logits.float()
    # Not a bare zero: of several processes, each expects a gradient of every parameter at every step.
    free, nothing = ~held, 0 * (features.sum() + logits.sum())
    classification = F.cross_entropy(logits[free], labels[free], label_smoothing=config.smoothing) if free.any() else nothing
    triplet = triplet_angular_margin(features[free], labels[free], config.triplet_options) if free.any() else nothing
    distillation = nothing if target is None else similarity_distillation(features, target, labels)
    anchored = nothing if target is None or run.turn is None else anchoring(features[held], target[held], run.turn.to(held.device))
    losses = (classification, triplet, distillation, anchored)
    weights = (config.classification, config.triplet, config.distillation, config.anchoring)
    loss = sum((weight * part for weight, part in zip(weights, losses, strict=True)), nothing)
    if not torch.isfinite(loss):
        raise RunError(f"the loss is {loss.item()} at step {run.step}: begin a run with a lower learning_rate or a longer warm-up")
    run.optimizer.zero_grad(set_to_none=True)
    run.scaler.scale(loss).backward()
    run.scaler.step(run.optimizer)
    run.scaler.update()
    if run.average:
        run.average.update(run.model)
    accuracy = (logits.detach().argmax(dim=1) == labels)[free].float().mean() if free.any() else nothing
    return (*(part.item() for part in losses), accuracy.item())
