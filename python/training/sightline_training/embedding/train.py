"""Trains an embedder from a configuration; killed at any moment, it goes on from its last checkpoint."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader

from sightline_base.input import MEAN, STD

from ..config import ConfigError
from ..progress import schedule_bar
from .anchor import anchoring
from .config import TrainConfig
from .losses import similarity_distillation, triplet_angular_margin
from .networks import build_embedder
from .pictures import Picture
from .place import Place, Student, place_of_process
from .sampler import BatchPlan, PKSampler
from .start import Report, Run, anchor, start_run, teacher_of
from .teacher import nearest_labels
from .training_state import Curves, save_checkpoint
from .validation import score, validate, validation_set
from .views import Views

LOSS_COLUMNS = ("step", "minutes", "rate", "classification", "triplet", "distillation", "anchoring", "accuracy")
# A label's neighbours are drawn from this many that are most like it.
NEIGHBOURS = 10
VALIDATION_COLUMNS = ("step", "minutes", "dataset", "recall1", "map", "camera_recall1", "camera_map")


def as_input(views: Tensor) -> Tensor:
    """uint8 [N, H, W, 3] to the network's normalized float [N, 3, H, W], channels last in memory."""
    mean, std = (torch.tensor(v, device=views.device) for v in (MEAN, STD))
    return ((views.float() / 255 - mean) / std).permute(0, 3, 1, 2)


def embed_with(model: nn.Module, device: torch.device) -> Callable[[np.ndarray], np.ndarray]:
    """The model in inference as a function from uint8 pictures [N, H, W, 3] to embeddings [N, D]."""
    model.eval().to(device, memory_format=torch.channels_last)

    def embed(pictures: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return model(as_input(torch.from_numpy(pictures).to(device))).cpu().numpy()

    return embed


def rate_at(progress: float, step: int, config: TrainConfig) -> float:
    """Cosine decay over the run after a linear warm-up over its first steps."""
    if step < config.warmup_steps:
        return config.learning_rate * (step + 1) / config.warmup_steps
    return config.learning_rate * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))


def train(
    config: TrainConfig, pictures: Sequence[Picture], held_out: Sequence[Picture], folder: Path, report: Report,
    after: Path | None = None,
) -> Path:
    """Trains on `pictures`, watches `held_out`, and returns the file of the final (averaged) weights.

    folder/ gets start.pt, checkpoint.pt, losses.csv, validation.csv and final.pt; a folder that holds a checkpoint
    is continued. A batch depends on its step alone, so a continued run sees what an unbroken one would. A new run
    begins with the weights of the run in `after`, where that is given: a second schedule, other sizes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    place = place_of_process()
    first = place.number == 0
    names = sorted({p.label for p in pictures})
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
    watched = validation_set(held_out, 4, 40)
    losses = Curves(folder / "losses.csv", LOSS_COLUMNS, run.step) if first else None
    curves = Curves(folder / "validation.csv", VALIDATION_COLUMNS, run.step) if first else None
    report(f"{len(pictures)} pictures, {len(names)} labels, {len(watched)} pictures watched, from step {run.step}")

    before = run.seconds
    began = saved = time.monotonic()
    recent: list[tuple[float, ...]] = []
    with schedule_bar(first) as show:
        for views, indices in loader:
            progress = max(run.step / config.steps, run.seconds / 60 / config.minutes)
            show(progress)
            rate = rate_at(progress, run.step, config)
            target = targets[indices].to(place.device) if targets is not None else None
            asked = (views, labels[indices], held[indices])
            recent.append(_step(run, student, config, *(part.to(place.device) for part in asked), target, rate))
            run.step += 1
            # The same in every process: all leave the loop at the same step, or none would hear the others again.
            run.seconds = place.of_first(before + time.monotonic() - began)
            if losses and run.step % 20 == 0:
                means = dict(zip(LOSS_COLUMNS[3:], np.mean(recent, axis=0), strict=True))
                losses.add(step=run.step, minutes=round(run.seconds / 60, 2), rate=rate, **means)
                left = run.seconds / 60 * (1 / max(progress, 1e-6) - 1)
                values = " ".join(f"{k} {v:.3f}" for k, v in means.items())
                report(f"step {run.step} rate {rate:.2e} {values} | {run.seconds / 60:.1f} min, about {left:.0f} to go")
                recent.clear()
            if curves and run.step % config.evaluate_every == 0:
                _watch(run, config, watched, place.device, curves, report)
            if first and time.monotonic() - saved > 60 * config.checkpoint_minutes:
                save_checkpoint(folder / "checkpoint.pt", run.state())
                saved = time.monotonic()
            if run.seconds / 60 >= config.minutes:
                break
    if curves:
        save_checkpoint(folder / "checkpoint.pt", run.state())
        _watch(run, config, watched, place.device, curves, report)
        save_checkpoint(folder / "final.pt", run.average.state if run.average else run.model.state_dict())
    return folder / "final.pt"


def _loader(
    config: TrainConfig, pictures: Sequence[Picture], names: Sequence[str], alike: Mapping[tuple[str, str], Sequence[str]],
    step: int, place: Place,
) -> DataLoader[tuple[Tensor, Tensor]]:
    """The batches from `step` on, each process with its own."""
    plan = BatchPlan(
        config.labels_per_batch, config.pictures_per_label, config.groups, tuple(config.sizes),
        config.seed + 1000 * place.number, config.neighbours,
    )
    sampler = PKSampler(pictures, plan, step, config.steps, config.dataset_weights, quadrupled(config, names), alike)
    return DataLoader(
        Views(pictures, config.augmentation, config.flipped, config.anchored), batch_sampler=sampler, num_workers=config.workers,
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
    rate: float,
) -> tuple[float, ...]:
    """One update; returns the losses in LOSS_COLUMNS' order and the classifier's accuracy. What is `held` has no label."""
    for group in run.optimizer.param_groups:
        group["lr"] = rate * group["rate"]
    with torch.autocast(views.device.type, torch.bfloat16, enabled=config.mixed_precision):
        features, logits = student(as_input(views))
    features, logits = features.float(), logits.float()
    # Not a bare zero: of several processes, each expects a gradient of every parameter at every step.
    free, nothing = ~held, 0 * (features.sum() + logits.sum())
    classification = F.cross_entropy(logits[free], labels[free], label_smoothing=config.smoothing) if free.any() else nothing
    triplet = triplet_angular_margin(features[free], labels[free]) if free.any() else nothing
    distillation = nothing if target is None else similarity_distillation(features, target, labels)
    anchored = nothing if target is None or run.turn is None else anchoring(features[held], target[held], run.turn.to(held.device))
    losses = (classification, triplet, distillation, anchored)
    weights = (config.classification, config.triplet, config.distillation, config.anchoring)
    loss = sum((weight * part for weight, part in zip(weights, losses, strict=True)), nothing)
    if not torch.isfinite(loss):
        raise FloatingPointError(f"the loss is {loss.item()} at step {run.step}; lower the learning rate")
    run.optimizer.zero_grad(set_to_none=True)
    loss.backward()
    run.optimizer.step()
    if run.average:
        run.average.update(run.model)
    accuracy = (logits.detach().argmax(dim=1) == labels)[free].float().mean() if free.any() else nothing
    return (*(part.item() for part in losses), accuracy.item())


def _watch(
    run: Run, config: TrainConfig, watched: Sequence[Picture], device: torch.device, curves: Curves, report: Report
) -> None:
    """Validates the averaged weights and adds a row a dataset to the curves."""
    if not watched:
        return
    model = build_embedder(config.network)
    model.load_state_dict(run.average.state if run.average else run.model.state_dict())
    results = validate(watched, embed_with(model, device), config.evaluate_size)
    for dataset, (clean, camera) in results.items():
        curves.add(
            step=run.step, minutes=round(run.seconds / 60, 2), dataset=dataset, recall1=round(clean.recall1, 4),
            map=round(clean.map, 4), camera_recall1=round(camera.recall1, 4), camera_map=round(camera.map, 4),
        )
    report(f"step {run.step} validation score {score(results):.4f}")
