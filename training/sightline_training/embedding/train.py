"""Trains an embedder from a configuration; killed at any moment, it goes on from its last checkpoint."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader

from ..manifest import IMAGENET_MEAN, IMAGENET_STD
from .config import TrainConfig
from .embedder import LiteEmbedder, start_as_pca
from .efficientnet_lite import load_imagenet
from .losses import similarity_distillation, triplet_angular_margin
from .networks import Embedder, build_classifier, build_embedder, freeze, parameter_groups
from .pictures import Picture
from .sampler import BatchPlan, PKSampler
from .teacher import teacher_features, teacher_targets
from .training_state import Average, Curves, load_checkpoint, save_checkpoint
from .validation import score, validate, validation_set
from .views import Views

Report = Callable[[str], None]

LOSS_COLUMNS = ("step", "minutes", "rate", "classification", "triplet", "distillation", "accuracy")
VALIDATION_COLUMNS = ("step", "minutes", "dataset", "recall1", "map", "camera_recall1", "camera_map")
# The classifier starts as the classes' mean embeddings at this length: its logits then spread like a cosine softmax's.
CLASS_MEAN_LENGTH = 0.8
START_PICTURES = 4
START_SIZE = 160


def as_input(views: Tensor) -> Tensor:
    """uint8 [N, H, W, 3] to the network's normalized float [N, 3, H, W], channels last in memory."""
    mean, std = (torch.tensor(v, device=views.device) for v in (IMAGENET_MEAN, IMAGENET_STD))
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


@dataclass
class Run:
    """Everything that a step changes."""

    model: Embedder
    classifier: nn.Linear
    optimizer: torch.optim.Optimizer
    average: Average | None
    step: int = 0
    seconds: float = 0.0

    def state(self) -> dict[str, object]:
        average = {"updates": self.average.updates, "state": self.average.state} if self.average else None
        return {
            "model": self.model.state_dict(), "classifier": self.classifier.state_dict(),
            "optimizer": self.optimizer.state_dict(), "average": average, "step": self.step, "seconds": self.seconds,
        }

    def restore(self, state: dict) -> None:
        self.model.load_state_dict(state["model"])
        self.classifier.load_state_dict(state["classifier"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.average:
            self.average.updates, self.average.state = state["average"]["updates"], state["average"]["state"]
        self.step, self.seconds = state["step"], state["seconds"]


def train(
    config: TrainConfig, pictures: Sequence[Picture], held_out: Sequence[Picture], folder: Path, report: Report
) -> Path:
    """Trains on `pictures`, watches `held_out`, and returns the file of the final (averaged) weights.

    folder/ gets start.pt, checkpoint.pt, losses.csv, validation.csv and final.pt; a folder that holds a checkpoint
    is continued. A batch depends on its step alone, so a continued run sees what an unbroken one would.
    """
    folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    names = sorted({p.label for p in pictures})
    number = {name: i for i, name in enumerate(names)}
    labels = torch.tensor([number[p.label] for p in pictures])
    run = _start(config, pictures, labels, len(names), folder, device, report)
    targets = _targets(config, pictures, folder, report)

    plan = BatchPlan(
        config.labels_per_batch, config.pictures_per_label, config.groups, tuple(config.sizes), config.seed
    )
    quadrupled = {
        name: 4.0 for low, high in config.quadrupled_labels for name in names if low <= int(name) <= high
    }
    sampler = PKSampler(pictures, plan, run.step, config.steps, config.dataset_weights, quadrupled)
    loader = DataLoader(
        Views(pictures, config.augmentation, config.flipped), batch_sampler=sampler, num_workers=config.workers,
        worker_init_fn=lambda _: cv2.setNumThreads(0), prefetch_factor=4 if config.workers else None,
    )
    losses = Curves(folder / "losses.csv", LOSS_COLUMNS, run.step)
    watched = validation_set(held_out, 4, 40)
    curves = Curves(folder / "validation.csv", VALIDATION_COLUMNS, run.step)
    report(f"{len(pictures)} pictures, {len(names)} labels, {len(watched)} pictures watched, from step {run.step}")

    before = run.seconds
    began = saved = time.monotonic()
    recent: list[tuple[float, ...]] = []
    for views, indices in loader:
        progress = max(run.step / config.steps, run.seconds / 60 / config.minutes)
        rate = rate_at(progress, run.step, config)
        target = targets[indices].to(device) if targets is not None else None
        recent.append(_step(run, config, views.to(device), labels[indices].to(device), target, rate))
        run.step += 1
        run.seconds = before + time.monotonic() - began
        if run.step % 20 == 0:
            means = dict(zip(LOSS_COLUMNS[3:], np.mean(recent, axis=0), strict=True))
            recent.clear()
            losses.add(step=run.step, minutes=round(run.seconds / 60, 2), rate=rate, **means)
            left = run.seconds / 60 * (1 / max(progress, 1e-6) - 1)
            values = " ".join(f"{k} {v:.3f}" for k, v in means.items())
            report(f"step {run.step} rate {rate:.2e} {values} | {run.seconds / 60:.1f} min, about {left:.0f} to go")
        if run.step % config.evaluate_every == 0:
            _watch(run, config, watched, device, curves, report)
        if time.monotonic() - saved > 60 * config.checkpoint_minutes:
            save_checkpoint(folder / "checkpoint.pt", run.state())
            saved = time.monotonic()
        if run.seconds / 60 >= config.minutes:
            break
    save_checkpoint(folder / "checkpoint.pt", run.state())
    _watch(run, config, watched, device, curves, report)
    save_checkpoint(folder / "final.pt", run.average.state if run.average else run.model.state_dict())
    return folder / "final.pt"


def _start(
    config: TrainConfig, pictures: Sequence[Picture], labels: Tensor, classes: int, folder: Path, device: torch.device,
    report: Report,
) -> Run:
    """A new run, or the folder's last checkpoint."""
    saved = load_checkpoint(folder / "checkpoint.pt")
    model, classifier = build_embedder(config.network), build_classifier(classes)
    if saved is None and config.start_from_imagenet:
        _start_from_imagenet(model, classifier, config, pictures, labels, folder, report)
        save_checkpoint(folder / "start.pt", model.state_dict())
    model.to(device, memory_format=torch.channels_last)
    classifier.to(device)
    freeze(model, config)
    groups = parameter_groups(model, classifier, config)
    if config.optimizer == "adamw":
        optimizer: torch.optim.Optimizer = torch.optim.AdamW(groups, lr=config.learning_rate)
    else:
        optimizer = torch.optim.SGD(groups, lr=config.learning_rate, momentum=0.9)
    run = Run(model, classifier, optimizer, Average(model, config.ema) if config.ema else None)
    if saved is not None:
        run.restore(saved)
    return run


@torch.no_grad()
def _start_from_imagenet(
    model: Embedder, classifier: nn.Linear, config: TrainConfig, pictures: Sequence[Picture], labels: Tensor,
    folder: Path, report: Report,
) -> None:
    """ImageNet's backbone, a PCA of its features as the head, the classes' mean embeddings as the classifier."""
    if not isinstance(model, LiteEmbedder):
        raise ValueError(f"there are no ImageNet weights for {config.network}")
    load_imagenet(model.backbone)
    seen = torch.zeros(len(classifier.weight), dtype=torch.int64)
    chosen = []
    for index in torch.randperm(len(labels), generator=torch.Generator().manual_seed(config.seed)).tolist():
        if seen[labels[index]] < START_PICTURES:
            seen[labels[index]] += 1
            chosen.append(index)
    total = len(chosen)
    features = teacher_features(
        [pictures[i] for i in chosen], 0, START_SIZE, folder / "start-features.npz",
        lambda done: report(f"features to start from: {done} of {total}") if done % 1280 == 0 else None,
    )
    start_as_pca(model, features, whitening=0.5)
    model.eval()
    embeddings = F.normalize(model.neck(model.projection(features)), dim=1)
    means = torch.zeros_like(classifier.weight).index_add_(0, labels[chosen], embeddings)
    classifier.weight.copy_(CLASS_MEAN_LENGTH * F.normalize(means, dim=1))


def _targets(config: TrainConfig, pictures: Sequence[Picture], folder: Path, report: Report) -> Tensor | None:
    """The teacher's unit features of every picture, [N, 256], where the configuration asks for a teacher."""
    if not config.distillation:
        return None
    cache = folder.parent / f"teacher-lite{config.teacher_variant}-{config.teacher_size}.npz"
    features = teacher_features(
        pictures, config.teacher_variant, config.teacher_size, cache,
        lambda done: report(f"teacher: {done} of {len(pictures)} at most") if done % 1280 == 0 else None,
    )
    return teacher_targets(features)


def _step(
    run: Run, config: TrainConfig, views: Tensor, labels: Tensor, target: Tensor | None, rate: float
) -> tuple[float, float, float, float]:
    """One update; returns classification, triplet and distillation losses and the classifier's accuracy."""
    for group in run.optimizer.param_groups:
        group["lr"] = rate * group["rate"]
    features = run.model(as_input(views))
    logits = run.classifier(features)
    classification = F.cross_entropy(logits, labels, label_smoothing=config.smoothing)
    triplet = triplet_angular_margin(features, labels)
    distillation = features.new_zeros(()) if target is None else similarity_distillation(features, target, labels)
    loss = config.classification * classification + config.triplet * triplet + config.distillation * distillation
    if not torch.isfinite(loss):
        raise FloatingPointError(f"the loss is {loss.item()} at step {run.step}; lower the learning rate")
    run.optimizer.zero_grad(set_to_none=True)
    loss.backward()
    run.optimizer.step()
    if run.average:
        run.average.update(run.model)
    accuracy = (logits.detach().argmax(dim=1) == labels).float().mean()
    return classification.item(), triplet.item(), distillation.item(), accuracy.item()


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
