"""Trains the detector: pictures, mosaics and made scenes in one stream, against the clock, resumable after kill -9."""

import math
import multiprocessing
import os
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import torch
from torch import nn
from torch.utils.data import DataLoader

from .composites import read_material
from .config import Config
from .data import Listed, load
from .evaluate import detect_with, evaluate
from .losses import detection_loss
from .network import PicoDet
from .networks import new_detector
from .stream import Stream

Log = Callable[[str], None]


def train(
    config: Config, listed: list[Listed], held_out: list[Listed], root: Path, folder: Path, log: Log,
    after: Path | None = None,
) -> Path:
    """Trains until the minutes are over; checkpoint.pt in `folder` is resumed from, best.pt holds the averaged weights.

    A new run begins with the averaged weights of the run in `after`, where that is given: a second schedule.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # Channels last in memory: on a CPU its convolutions take less than half of the time.
    model, average = (new_detector(config).to(memory_format=torch.channels_last) for _ in range(2))
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
    elif after is not None:
        weights = torch.load(after / "checkpoint.pt", weights_only=True)["average"]
        model.load_state_dict(weights)
        average.load_state_dict(weights)
    pictures = [load(one) for one in listed]
    material = read_material(root, config.art, config.products, config.cutouts, config.material, config.seed)
    log(f"{len(pictures)} pictures, material {len(material.art)}/{len(material.products)}/{len(material.cutouts)}")
    done = multiprocessing.Value("d", 0.0)
    stream = DataLoader(
        Stream(config, pictures, material, state["step"], done), batch_size=None, num_workers=1, prefetch_factor=4,
        worker_init_fn=lambda _: cv2.setNumThreads(0),
    )
    end, saved_at, evaluated_at = config.minutes * 60, state["seconds"], state["seconds"]
    sums: dict[str, float] = {}
    for image, targets in stream:
        started = time.monotonic()
        done.value = state["seconds"] / end
        rate = _rate(state["step"], done.value, config)
        for group in optimizer.param_groups:
            group["lr"] = rate * group["scale"]
        model.train()
        loss, parts = detection_loss(model(image.contiguous(memory_format=torch.channels_last)), targets)
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


def _groups(model: PicoDet, config: Config) -> list[dict[str, Any]]:
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
