"""Trains the detector: pictures, mosaics and made scenes in one stream, against the clock, resumable after kill -9."""

import math
import os
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, IterableDataset

from ..embedding.efficientnet_lite import EfficientNetLite, load_imagenet
from ..manifest import normalized
from .composites import Material, read_material, shelf, table
from .config import Config
from .data import Listed, Sample, augmented, load, mosaic, resized
from .evaluate import detect_with, evaluate
from .losses import Target, detection_loss
from .network import Detector

Log = Callable[[str], None]
Batch = tuple[torch.Tensor, list[Target]]


class Stream(IterableDataset):
    """Endless batches: pictures float32 [B, 3, size, size] normalized, and their targets."""

    def __init__(self, config: Config, pictures: list[Sample], material: Material, start: int) -> None:
        self.config, self.pictures, self.material, self.start = config, pictures, material, start

    def __iter__(self) -> Iterator[Batch]:
        worker = torch.utils.data.get_worker_info()
        rng = random.Random(f"{self.config.seed} {self.start} {worker.id if worker else 0}")
        while True:
            samples = [self._sample(rng) for _ in range(self.config.batch)]
            image = torch.from_numpy(normalized(np.stack([sample.picture for sample in samples])))
            yield image, [_target(sample) for sample in samples]

    def _sample(self, rng: random.Random) -> Sample:
        config, dice = self.config, rng.random()
        if dice < config.mosaics:
            return mosaic([augmented(rng.choice(self.pictures), rng) for _ in range(4)], config.size, rng)
        if dice < config.mosaics + config.shelves:
            sample = shelf(self.material, config.size, rng)
        elif dice < config.mosaics + config.shelves + config.tables:
            sample = table(self.material, config.size, rng)
        else:
            sample = rng.choice(self.pictures)
        return resized(augmented(sample, rng), config.size)


def _target(sample: Sample) -> Target:
    # Boxes of a few pixels teach nothing but noise.
    large = (sample.boxes[:, 2:] - sample.boxes[:, :2]).min(1) >= 5 if len(sample.boxes) else np.zeros(0, bool)
    ignore = np.concatenate([sample.ignore, sample.boxes[~large]])
    return Target(torch.from_numpy(sample.boxes[large]), torch.from_numpy(ignore), sample.background_weight)


def new_detector(config: Config) -> Detector:
    """A detector with the ImageNet backbone, its neck and heads fresh."""
    torch.manual_seed(config.seed)
    model, imagenet = Detector(config.width, config.frozen), EfficientNetLite(0)
    load_imagenet(imagenet)
    model.backbone.stem.load_state_dict(imagenet.stem.state_dict())
    model.backbone.blocks.load_state_dict(imagenet.blocks.state_dict())
    return model


def train(config: Config, listed: list[Listed], held_out: list[Listed], root: Path, folder: Path, log: Log) -> Path:
    """Trains until the minutes are over; checkpoint.pt in `folder` is resumed from, best.pt holds the averaged weights."""
    folder.mkdir(parents=True, exist_ok=True)
    model, average = new_detector(config), new_detector(config)
    optimizer = torch.optim.AdamW(_groups(model, config), weight_decay=config.weight_decay)
    state: dict[str, Any] = {"step": 0, "seconds": 0.0, "best": -1.0}
    checkpoint = folder / "checkpoint.pt"
    if checkpoint.exists():
        saved = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(saved["model"])
        average.load_state_dict(saved["average"])
        optimizer.load_state_dict(saved["optimizer"])
        state = saved["state"]
        log(f"resumed at step {state['step']}, {state['seconds'] / 60:.1f} min")
    pictures = [load(one) for one in listed]
    material = read_material(root, config.art, config.products, config.cutouts, config.material, config.seed)
    log(f"{len(pictures)} pictures, material {len(material.art)}/{len(material.products)}/{len(material.cutouts)}")
    stream = DataLoader(Stream(config, pictures, material, state["step"]), batch_size=None, num_workers=1, prefetch_factor=4)
    end, saved_at, evaluated_at = config.minutes * 60, state["seconds"], state["seconds"]
    sums: dict[str, float] = {}
    for image, targets in stream:
        started = time.monotonic()
        rate = _rate(state["step"], state["seconds"] / end, config)
        for group in optimizer.param_groups:
            group["lr"] = rate * group["scale"]
        model.train()
        loss, parts = detection_loss(model(image), targets)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 10.0)
        optimizer.step()
        state["step"] += 1
        _follow(average, model, min(config.ema, (1 + state["step"]) / (10 + state["step"])))
        state["seconds"] += time.monotonic() - started
        for name, value in parts.items():
            sums[name] = 0.95 * sums.get(name, value) + 0.05 * value
        if state["step"] % 20 == 0:
            left = (end - state["seconds"]) / 60
            log(f"step {state['step']} {' '.join(f'{k} {v:.3f}' for k, v in sums.items())} lr {rate:.2e} {left:.1f} min left")
        is_over = state["seconds"] >= end
        if is_over or state["seconds"] - evaluated_at > config.evaluate_minutes * 60:
            evaluated_at = state["seconds"]
            result = evaluate(detect_with(average, config.size), held_out)
            log(f"step {state['step']} " + " ".join(f"{k} {v:.4f}" for k, v in result.items()))
            if result["AP50"] + result["AP"] > state["best"]:
                state["best"] = result["AP50"] + result["AP"]
                _write(folder / "best.pt", {"average": average.state_dict(), "config": asdict(config), "metrics": result})
        if is_over or state["seconds"] - saved_at > config.checkpoint_minutes * 60:
            saved_at = state["seconds"]
            parts_to_save = {"model": model, "average": average, "optimizer": optimizer}
            _write(checkpoint, {**{k: v.state_dict() for k, v in parts_to_save.items()}, "state": state})
        if is_over:
            return folder / "best.pt"
    raise AssertionError("the stream is endless")


def _groups(model: Detector, config: Config) -> list[dict[str, Any]]:
    """Backbone slower than the rest; no decay on biases and BatchNorm."""
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        groups.setdefault((name.startswith("backbone"), parameter.ndim > 1), []).append(parameter)
    return [
        {"params": parameters, "scale": config.backbone_rate if backbone else 1.0} | ({} if decays else {"weight_decay": 0.0})
        for (backbone, decays), parameters in groups.items()
    ]


def _rate(step: int, done: float, config: Config) -> float:
    warm = min(1.0, (step + 1) / config.warmup_steps)
    return config.learning_rate * warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(done, 1.0))))


@torch.no_grad()
def _follow(average: nn.Module, model: nn.Module, decay: float) -> None:
    for mine, theirs in zip(average.state_dict().values(), model.state_dict().values()):
        if mine.dtype.is_floating_point:
            mine.lerp_(theirs, 1 - decay)
        else:
            mine.copy_(theirs)


def _write(path: Path, value: Any) -> None:
    """Whole or not at all, also under kill -9."""
    torch.save(value, path.with_suffix(".tmp"))
    os.replace(path.with_suffix(".tmp"), path)
