"""What a run begins with: the network, its optimizer and its teacher, new or from the last checkpoint."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sightline_base.input import to_input

from ..config import ConfigError
from ..pretrained import load_pretrained
from ..published_names import of_pplcnet_v2
from .anchor import anchor_turn
from .config import TrainConfig
from .efficientnet_lite import load_imagenet
from .embedder import LiteEmbedder, resize_embedding, start_as_pca
from .networks import Embedder, build_classifier, build_embedder, freeze, parameter_groups
from .pictures import Picture, batches
from .place import Place
from .reopened import is_model_folder, towards_imagenet, weights_of
from .teacher import teacher_features, teacher_targets
from .training_state import Average, RunError, load_checkpoint, save_checkpoint

Report = Callable[[str], None]

# The classifier starts as the classes' mean embeddings at this length: its logits then spread like a cosine softmax's.
CLASS_MEAN_LENGTH = 0.8
START_PICTURES = 4
# Pictures that say how the teacher lies to the student.
ANCHOR_PICTURES = 2500


@dataclass
class Run:
    """Everything that a step changes."""

    model: Embedder
    classifier: nn.Linear
    optimizer: torch.optim.Optimizer
    average: Average | None
    step: int = 0
    seconds: float = 0.0
    turn: Tensor | None = None  # [512, 256], of a run with anchored pictures
    best: float = -1.0  # what the weights in best.pt reached
    # Of float16 alone: keeps small gradients above what rounds to nothing.
    scaler: torch.amp.GradScaler = field(default_factory=lambda: torch.amp.GradScaler("cpu", enabled=False))

    def state(self) -> dict[str, object]:
        average = {"updates": self.average.updates, "state": self.average.state} if self.average else None
        return {
            "model": self.model.state_dict(), "classifier": self.classifier.state_dict(),
            "optimizer": self.optimizer.state_dict(), "average": average, "step": self.step, "seconds": self.seconds,
            "turn": self.turn, "best": self.best, "scaler": self.scaler.state_dict(),
        }

    def restore(self, state: dict) -> None:
        """Goes on where a checkpoint was made."""
        self.model.load_state_dict(state["model"])
        self.classifier.load_state_dict(state["classifier"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.average:
            self.average.updates = state["average"]["updates"]
            for name, value in state["average"]["state"].items():
                self.average.state[name].copy_(value)
        self.step, self.seconds, self.turn = state["step"], state["seconds"], state.get("turn")
        self.best = state.get("best", -1.0)
        if state.get("scaler"):
            self.scaler.load_state_dict(state["scaler"])


def start_run(
    config: TrainConfig, pictures: Sequence[Picture], labels: Tensor, classes: int, folder: Path, after: Path | None,
    place: Place, report: Report,
) -> Run:
    """The folder's last checkpoint; without one, a new run, which begins where the run in `after` ended if given."""
    saved = load_checkpoint(folder / "checkpoint.pt")
    model, classifier = build_embedder(config.network, config.dropout), build_classifier(classes)
    if saved is None and after is not None:
        _start_after(after, model, classifier, config, pictures, labels, report)
    elif saved is None and config.start_from_imagenet:
        _start_from_imagenet(model, classifier, config, pictures, labels, folder, report)
    elif saved is None and config.pretrained:
        asked = (config.pretrained, config.pretrained_base, config.pretrained_sha256)
        load_pretrained(model.backbone, config.network, of_pplcnet_v2, asked, folder.parent / "pretrained", report)
    if saved is None and place.number == 0:
        # Of runs that follow each other, the first one's: that is what `export --blend` goes back to.
        earlier = load_checkpoint(after / "start.pt") if after else None
        save_checkpoint(folder / "start.pt", earlier or model.state_dict())
    model.to(place.device, memory_format=torch.channels_last)
    classifier.to(place.device)
    freeze(model, config)
    groups = parameter_groups(model, classifier, config)
    if config.optimizer == "adamw":
        optimizer: torch.optim.Optimizer = torch.optim.AdamW(groups, lr=config.learning_rate)
    else:
        optimizer = torch.optim.SGD(groups, lr=config.learning_rate, momentum=config.momentum)
    # 128 is what the reference's configuration begins with.
    scaler = torch.amp.GradScaler(place.device.type, init_scale=128.0, enabled=config.mixed_precision == "fp16")
    run = Run(model, classifier, optimizer, Average(model, config.ema) if config.ema else None, scaler=scaler)
    if saved is not None:
        known = len(saved["classifier"]["weight"])
        if known != classes:
            raise RunError(f"{folder} was begun with {known} training labels, the list has {classes}; start another with --after")
        run.restore(saved)
    return run


@torch.no_grad()
def _start_from_imagenet(
    model: Embedder, classifier: nn.Linear, config: TrainConfig, pictures: Sequence[Picture], labels: Tensor,
    folder: Path, report: Report,
) -> None:
    """ImageNet's backbone, a PCA of its features as the head, the classes' mean embeddings as the classifier."""
    if not isinstance(model, LiteEmbedder):
        raise ConfigError(f"start_from_imagenet: there are no ImageNet weights for {config.network}")
    load_imagenet(model.backbone)
    chosen = _of_each_label(labels, config.seed)
    total, size = len(chosen), _start_size(config)
    features = teacher_features(
        [pictures[i] for i in chosen], 0, size, folder / f"start-features-{size}.npz",
        lambda done: report(f"features to start from: {done} of {total}") if done % 1280 == 0 else None,
    )
    start_as_pca(model, features, whitening=0.5)
    model.eval()
    _classify_by_means(classifier, model.neck(model.projection(features)), labels[chosen])


@torch.no_grad()
def _start_after(
    after: Path, model: Embedder, classifier: nn.Linear, config: TrainConfig, pictures: Sequence[Picture], labels: Tensor,
    report: Report,
) -> None:
    """Another run's averaged weights, or a model folder's; their labels may be others, so the classifier starts as the
    classes' means again.
    """
    model.load_state_dict(weights_of(after, config.network))
    if config.imagenet_share:
        towards_imagenet(model, config.imagenet_share)
    chosen = _of_each_label(labels, config.seed)
    embeddings = _embedded(model, [pictures[i] for i in chosen], config, "classes' means to start from", report)
    if isinstance(model, LiteEmbedder) and is_model_folder(after):
        # A model folder's head may have any size: `--keep-features` leaves one of length 1.
        embeddings = resize_embedding(model, embeddings)
    _classify_by_means(classifier, embeddings, labels[chosen])


@torch.no_grad()
def _embedded(model: Embedder, pictures: Sequence[Picture], config: TrainConfig, what: str, report: Report) -> Tensor:
    """What the network, in inference from here on, says of the clean pictures: [N, 512] on the CPU."""
    device = next(model.parameters()).device
    # Channels last in memory: on a CPU the network takes less than half of the time.
    model.eval().to(memory_format=torch.channels_last)
    embeddings: list[Tensor] = []
    for number, batch in enumerate(batches(pictures, _start_size(config), 64, black_where_damaged=True)):
        shown = torch.from_numpy(to_input(batch)).to(device).contiguous(memory_format=torch.channels_last)
        embeddings.append(model(shown).cpu())
        if number % 20 == 19:
            report(f"{what}: {64 * (number + 1)} of {len(pictures)} pictures")
    return torch.cat(embeddings)


def _start_size(config: TrainConfig) -> int:
    """The middle of the sizes that training shows: class means of another size say nothing of its views."""
    return sorted(config.sizes)[len(config.sizes) // 2]


def _of_each_label(labels: Tensor, seed: int) -> list[int]:
    """Indices of a few pictures of each label."""
    seen: dict[int, int] = defaultdict(int)
    chosen = []
    for index in torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed)).tolist():
        label = int(labels[index])
        if seen[label] < START_PICTURES:
            seen[label] += 1
            chosen.append(index)
    return chosen


def _classify_by_means(classifier: nn.Linear, embeddings: Tensor, labels: Tensor) -> None:
    """The mean of each class's embeddings as its row."""
    means = torch.zeros_like(classifier.weight).index_add_(0, labels, F.normalize(embeddings, dim=1))
    classifier.weight.copy_(CLASS_MEAN_LENGTH * F.normalize(means, dim=1))


def teacher_of(config: TrainConfig, pictures: Sequence[Picture], folder: Path, report: Report) -> Tensor | None:
    """The teacher's unit features of every picture, [N, 256], where the configuration asks for a teacher."""
    if not (config.distillation or config.anchoring):
        return None
    features = [
        teacher_features(
            pictures, variant, config.teacher_size, folder.parent / f"teacher-lite{variant}-{config.teacher_size}.npz",
            lambda done: report(f"teacher: {done} of {len(pictures)} at most") if done % 1280 == 0 else None,
        )
        for variant in config.teacher_variants
    ]
    return teacher_targets(features)


def anchor(run: Run, config: TrainConfig, pictures: Sequence[Picture], targets: Tensor, report: Report) -> None:
    """Sets a new run's `turn`: how the teacher's targets lie nearest to what the network says when it begins."""
    if run.turn is not None:
        return
    held = [index for index, picture in enumerate(pictures) if picture.dataset in config.anchored]
    if not held:
        raise ConfigError(f"anchored: there are no pictures of {', '.join(config.anchored)}")
    order = torch.randperm(len(held), generator=torch.Generator().manual_seed(config.seed))[:ANCHOR_PICTURES]
    chosen = [held[i] for i in order.tolist()]
    embeddings = _embedded(run.model, [pictures[i] for i in chosen], config, "where the teacher lies", report)
    freeze(run.model, config)
    run.turn = anchor_turn(embeddings, targets[chosen])
