"""From a folder of products to an embedder that is better at them, or to a plain word that it is not."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from sightline_base.manifest import read_manifest
from sightline_base.resize import cut_crop
from sightline_base.retrieval import retrieval

from ..config import ConfigError
from ..embedding.embedder import LiteEmbedder
from ..embedding.training_state import load_checkpoint
from ..progress import say, schedule_bar
from .choose import SHARES, Candidate, Choice, searched
from .deliver import checked_target, figures, write_small, write_tuned
from .exam import Exam, answered, marked, set_exam, threshold_of
from .learn import Learner, Lesson, seconds_a_step, taught
from .made import made_packages
from .network import mixed, opened, quick, turned
from .parts import Parts, parted
from .products import Photo, Products, read_products
from .report import Verdict, write_report

SIZE, SMALLER = 224, 192
KEPT_PACKAGES, KEPT_SEED = 240, 1
LEAST_STEPS, MOST_STEPS = 60, 120
# Of the strangers. Asked for are at most 5 %: what a few pictures say of it is a guess.
MOST_NAMED = 0.03


@dataclass(frozen=True)
class Wish:
    """What a person asks for."""

    pictures: Path
    model: Path
    to: Path
    run: Path
    minutes: float
    seed: int
    threads: int


def tune(wish: Wish) -> bool:
    """Tunes; True where a model was written. Leaves report.html in the run's folder."""
    checked_target(wish.to)
    begun = read_manifest(wish.model)
    if not 0 < wish.minutes < float("inf"):
        raise ConfigError(f"--minutes must be above 0, not {wish.minutes}")
    torch.set_num_threads(wish.threads)
    products = read_products(wish.pictures)
    for line in products.left_out[:10]:
        say(f"left out: {line}")
    if len(products.left_out) > 10:
        say(f"left out: {len(products.left_out) - 10} more, named in the report")
    photos, labels = products.photos, [photo.product for photo in products.photos]
    parts = parted(labels, wish.seed)
    say(
        f"{len(photos)} pictures of {len(products.names)} products: {len(parts.learned)} to learn from, {len(parts.asked)} to ask, "
        f"{len(parts.strangers)} of {len({labels[i] for i in parts.strangers})} products that stand for strangers"
    )
    exam = set_exam(photos, parts)
    start = opened(wish.model, np.concatenate([exam.gallery[:64], exam.check[:64]]))
    learned = _learned(wish, products, parts, start, begun["sha256"])
    say("measuring the embedder as it was, and how much of what it learned is good for it")
    with schedule_bar(True) as show:
        choice = searched(start, learned, exam, wish.threads, SIZE, show)
    return _delivered(wish, products, exam, start, learned, choice)


def _learned(wish: Wish, products: Products, parts: Parts, start: LiteEmbedder, model: str) -> dict[str, Tensor]:
    """The weights after learning, from the run's checkpoint where it has been begun with these pictures."""
    wish.run.mkdir(parents=True, exist_ok=True)
    checkpoint, plan_file = wish.run / "checkpoint.pt", wish.run / "plan.json"
    names = sorted({products.photos[i].product for i in parts.learned})
    number = {name: index for index, name in enumerate(names)}
    own = [products.photos[i] for i in parts.learned]
    made = made_packages(KEPT_PACKAGES, 0, KEPT_SEED).pictures
    lesson = Lesson([photo.whole for photo in own], [number[photo.product] for photo in own], made)
    means = _means(start, own, lesson, wish.threads)
    plan = {"pictures": products.fingerprint(), "model": model, "seed": wish.seed}
    known = _read_plan(plan_file)
    steps = known.pop("steps", 0)
    if known != plan:
        if checkpoint.exists():
            say(f"{wish.run} was begun with other pictures or another model: beginning again")
        checkpoint.unlink(missing_ok=True)
        steps = 0
    learner = Learner(start, means, len(names), max(steps, 1), wish.seed)
    took = seconds_a_step(learner, lesson)
    if not steps:
        wanted = min(MOST_STEPS, max(LEAST_STEPS, len(own)))
        steps = max(LEAST_STEPS // 3, min(wanted, int(60 * wish.minutes / took)))
        _write_plan(plan_file, {**plan, "steps": steps})
    learner.steps = steps
    measuring = _measuring_seconds(products, parts, took)
    saved = load_checkpoint(checkpoint)
    left = steps - (saved["step"] if saved else 0)
    say(
        f"about {_minutes(left * took + measuring)}: {left} steps of {took:.1f} s, then {_minutes(measuring)} of measuring; "
        "interrupted at any moment, the same command goes on"
    )
    with schedule_bar(True) as show:
        return taught(learner, lesson, checkpoint, show, say)


def _read_plan(path: Path) -> dict[str, Any]:
    """What the run was begun with; nothing where there is none, or none that can be read."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}


def _write_plan(path: Path, plan: dict[str, object]) -> None:
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(plan), encoding="utf-8")
    os.replace(partial, path)


def _means(start: LiteEmbedder, own: list[Photo], lesson: Lesson, threads: int) -> Tensor:
    """What the start says of each label's clean pictures: products, then made packages, [L, 512]."""
    embed = quick(start, SIZE, threads)
    said = np.concatenate([embed(np.stack([photo.crop for photo in own])), embed(np.stack([cut_crop(one, SIZE) for one in lesson.made]))])
    count = max(lesson.own_labels) + 1
    labels = torch.tensor([*lesson.own_labels, *range(count, count + len(lesson.made))])
    unit = F.normalize(torch.from_numpy(said), dim=1)
    return torch.zeros(count + len(lesson.made), unit.shape[1]).index_add_(0, labels, unit)


def _measuring_seconds(products: Products, parts: Parts, step: float) -> float:
    """A guess: a picture measured costs a twentieth of a second where a step of 64 takes one and a half."""
    asked = len(products.photos) + 2 * len(parts.asked) + 480
    return asked * (1 + len(SHARES)) * step / 120


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.0f} minutes" if seconds >= 90 else f"{seconds:.0f} seconds"


def _delivered(
    wish: Wish, products: Products, exam: Exam, start: LiteEmbedder, learned: dict[str, Tensor], choice: Choice
) -> bool:
    """Writes the model where it is better, the report, and the list that a gallery is built from; says what to do next."""
    first, best = choice.start, choice.best
    before, now = (threshold_of(exam, one.answers, MOST_NAMED) for one in (first, best))
    report = wish.run / "report.html"
    if best.is_start:
        sentences = [
            f"The embedder stays as it is: {choice.reason}.",
            "No model was written and the one in use is untouched. " + _more_pictures(exam, first),
            f"For your products a threshold of {before[0]:.3f} fits it: {before[1]:.1%} of what it does not know gets a name there, "
            f"{before[2]:.0%} of the right names stay.",
        ]
    else:
        model, size = _sized_model(start, learned, exam, choice, wish.threads)
        metrics = figures(best.marks, *now[1:])
        write_tuned(model, size, wish.to, now[0], wish.model, len(products.photos), len(products.names), metrics)
        pixels = [*exam.gallery, *exam.check[::4]]
        small, lost, cosine = write_small(wish.to, size, pixels, exam, first.answers)
        sentences = [
            f"The tuned embedder is {choice.reason}.",
            f"At its threshold of {now[0]:.3f}, {now[1]:.1%} of what it does not know gets a name (before, at {before[0]:.3f}: "
            f"{before[1]:.1%}), {now[2]:.0%} of the right names stay (before: {before[2]:.0%}).",
            f"It is {wish.to}, {size} pixels wide, and is the default of {wish.to.parent} now; its int8 form {small.name} loses "
            f"{100 * lost:.1f} points.",
            _more_pictures(exam, best),
        ]
    for sentence in sentences:
        say(sentence)
    write_report(
        report, exam, choice, best, Verdict(sentences, (before[0], now[0]), (before[1], now[1]), (before[2], now[2])), products.left_out
    )
    say(f"figures, and the pictures that changed sides: {report}")
    if not best.is_start:
        listed = wish.run / "labels.txt"
        listed.write_text("".join(f"{one.path.relative_to(wish.pictures)}\t{one.product}\n" for one in products.photos), encoding="utf-8")
        say(f"a gallery holds one model's embeddings: sightline gallery build --labels {listed} --root {wish.pictures} --gallery DIR")
        say(f"back to what it was: sightline models use {wish.model.resolve().name}")
    return not best.is_start


def _sized_model(
    start: LiteEmbedder, learned: dict[str, Tensor], exam: Exam, choice: Choice, threads: int
) -> tuple[LiteEmbedder, int]:
    """The chosen model and its input size: the smaller one costs a quarter less, and is taken where nothing is lost by it."""
    best = choice.best
    model = turned(mixed(start, learned, best.share), best.matrix)
    smaller = marked(exam, answered(exam, quick(model, SMALLER, threads)), choice.start.answers)
    is_as_good = smaller.score >= best.marks.score and smaller.check.recall1 >= best.marks.check.recall1
    return model, SMALLER if is_as_good and smaller.agreement >= best.marks.agreement else SIZE


def _more_pictures(exam: Exam, one: Candidate) -> str:
    """What a product's further pictures in the gallery are worth: the same questions, asked of one picture a product."""
    _, place = np.unique(exam.gallery_labels.astype(str), return_index=True)
    if len(place) == len(exam.gallery_labels):
        return "A second picture of each product in the gallery, from another shelf or in another light, helps more than training."
    alone = retrieval(one.answers.asked, exam.asked_labels, one.answers.gallery[place], exam.gallery_labels[place]).recall1
    each = len(exam.gallery_labels) / len(place)
    gain = 100 * (one.marks.own.recall1 - alone)
    return (
        f"With one picture a product in the gallery {alone:.0%} of yours are found, with all ({each:.1f} each) {one.marks.own.recall1:.0%}: "
        + ("further pictures help more than training." if gain > 2 else "more of the same kind add little, other shelves and light do.")
    )
