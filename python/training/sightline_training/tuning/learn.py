"""Learns products beside made packages: what the shipped embedder says of these is held, so that they do not take its place."""

import copy
import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..embedding.camera import camera_view
from ..embedding.embedder import LiteEmbedder
from ..embedding.losses import triplet_angular_margin
from ..embedding.train import as_input
from ..embedding.training_state import Average, load_checkpoint, save_checkpoint

RATE, DECAY, WARMUP = 1e-4, 1e-2, 20
AVERAGE = 0.99
# Of a batch: labels of products, of made packages, and views of each.
PRODUCTS, MADE, VIEWS = 12, 4, 4
SIDE = 192
# The first modules of the backbone see edges and colours, which no shop has others of.
FROZEN = 9
# The classifier starts as the labels' means at this length, as in a run of `train`.
MEAN_LENGTH = 0.8
HELD = 3.0
CHECKPOINT_SECONDS = 60.0


@dataclass(frozen=True)
class Lesson:
    """What is learned: pictures uint8 RGB of any size with the number of their label, those of made packages in order of family."""

    own: Sequence[np.ndarray]
    own_labels: Sequence[int]
    made: Sequence[np.ndarray]

    def batch(self, seed: int, step: int) -> tuple[np.ndarray, np.ndarray]:
        """Camera views uint8 [N, SIDE, SIDE, 3] and labels [N]; made packages have the labels after the products'."""
        random = np.random.default_rng((seed, step))
        members: dict[int, list[int]] = {}
        for index, label in enumerate(self.own_labels):
            members.setdefault(label, []).append(index)
        chosen = random.choice(sorted(members), min(PRODUCTS, len(members)), replace=False)
        shown: list[tuple[np.ndarray, int]] = []
        for label in chosen.tolist():
            group = members[label]
            shown += [(self.own[i], label) for i in random.choice(group, VIEWS, replace=len(group) < VIEWS).tolist()]
        # Neighbours in the order are mostly one family.
        count = PRODUCTS + MADE - len(chosen)
        first = int(random.integers(len(self.made) - count))
        shown += [(self.made[first + i], len(members) + first + i) for i in range(count) for _ in range(VIEWS)]
        views = [camera_view(picture, self._backdrop(random), SIDE, False, random) for picture, _ in shown]
        return np.stack(views), np.array([label for _, label in shown])

    def _backdrop(self, random: np.random.Generator) -> np.ndarray:
        behind = self.own if random.random() < 0.7 else self.made
        return behind[int(random.integers(len(behind)))]


class Learner:
    """A network on its way; everything that a step changes is in `state`."""

    def __init__(self, start: LiteEmbedder, means: Tensor, products: int, steps: int, seed: int) -> None:
        """`start` in training size, `means` [L, 512] what it says of each label, the first `products` of them products."""
        self.products = products
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.known = _placed(start, self.device).requires_grad_(False)
        self.model = _placed(start, self.device)
        self.classes = nn.Parameter(MEAN_LENGTH * F.normalize(means, dim=1).to(self.device))
        for module in [self.model.backbone.stem, *self.model.backbone.blocks][:FROZEN]:
            module.requires_grad_(False)
        learning = [p for p in self.model.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(
            [
                {"params": [*(p for p in learning if p.ndim > 1), self.classes], "weight_decay": DECAY},
                {"params": [p for p in learning if p.ndim == 1], "weight_decay": 0.0},
            ],
            lr=RATE,
        )
        self.average = Average(self.model, AVERAGE)
        self.steps, self.seed, self.step = steps, seed, 0

    def learn(self, views: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
        """One step; returns the loss and the share of views that the classifier named right."""
        rate = RATE * min(1.0, (self.step + 1) / WARMUP) * 0.5 * (1 + math.cos(math.pi * self.step / self.steps))
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        shown, target = as_input(torch.from_numpy(views).to(self.device)), torch.from_numpy(labels).to(self.device)
        made = target >= self.products
        features = self.model(shown)
        logits = features @ self.classes.T
        with torch.no_grad():
            before = self.known(shown[made])
        held = 1 - F.cosine_similarity(features[made], before, dim=1).mean()
        loss = F.cross_entropy(logits, target, label_smoothing=0.1) + triplet_angular_margin(features, target) + HELD * held
        if not torch.isfinite(loss):
            raise FloatingPointError(f"the loss is {loss.item()} at step {self.step}")
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        self.average.update(self.model)
        self.step += 1
        return loss.item(), (logits.detach().argmax(dim=1) == target)[~made].float().mean().item()

    def state(self) -> dict[str, object]:
        return {
            "model": self.model.state_dict(), "classes": self.classes.detach(), "optimizer": self.optimizer.state_dict(),
            "average": {"updates": self.average.updates, "state": self.average.state}, "step": self.step,
        }

    def restore(self, state: dict) -> None:
        self.model.load_state_dict(state["model"])
        with torch.no_grad():
            self.classes.copy_(state["classes"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.average.updates = state["average"]["updates"]
        for name, value in state["average"]["state"].items():
            self.average.state[name].copy_(value)
        self.step = state["step"]


def _placed(model: LiteEmbedder, device: torch.device) -> LiteEmbedder:
    """A copy for training: BatchNorm keeps the statistics that it has, of more pictures than any shop's."""
    return copy.deepcopy(model).eval().to(device, memory_format=torch.channels_last)


def seconds_a_step(learner: Learner, lesson: Lesson) -> float:
    """Measured on two steps, which are taken back."""
    before = copy.deepcopy(learner.state())
    learner.learn(*lesson.batch(learner.seed, 0))
    began = time.monotonic()
    learner.learn(*lesson.batch(learner.seed, 1))
    took = time.monotonic() - began
    learner.optimizer.state.clear()
    learner.restore({**before, "optimizer": learner.optimizer.state_dict()})
    return took


def taught(
    learner: Learner, lesson: Lesson, checkpoint: Path, show: Callable[[float], None], report: Callable[[str], None]
) -> dict[str, Tensor]:
    """Takes the steps that are left, and returns the averaged weights; killed at any moment, it goes on from `checkpoint`.

    A batch depends on its step alone, so a run that went on ends with the weights of an unbroken one.
    """
    saved = load_checkpoint(checkpoint)
    if saved is not None:
        learner.restore(saved)
        report(f"going on from step {learner.step} of {learner.steps}")
    last = time.monotonic()
    seen: list[tuple[float, float]] = []
    with ThreadPoolExecutor(1) as ahead:
        coming = ahead.submit(lesson.batch, learner.seed, learner.step)
        while learner.step < learner.steps:
            batch = coming.result()
            coming = ahead.submit(lesson.batch, learner.seed, learner.step + 1)
            seen.append(learner.learn(*batch))
            show(learner.step / learner.steps)
            if learner.step % 20 == 0 or learner.step == learner.steps:
                loss, right = np.mean(seen, axis=0)
                report(f"step {learner.step} of {learner.steps}: loss {loss:.3f}, {right:.0%} of the products' views named right")
                seen.clear()
            if time.monotonic() - last > CHECKPOINT_SECONDS or learner.step == learner.steps:
                save_checkpoint(checkpoint, learner.state())
                last = time.monotonic()
    return {name: value.detach().cpu() for name, value in learner.average.state.items()}
