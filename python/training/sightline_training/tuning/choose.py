"""The line search: how far from the start's weights towards the learned ones, and how strongly turned, is best for the shop
while what the start knew stays."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from sightline_base.retrieval import l2_normalized

from ..embedding.embedder import LiteEmbedder
from .exam import Answers, Exam, Marks, answered, marked
from .network import mixed, quick, turn_of

SHARES = (1.0, 0.7, 0.4)
TURNS = (0.0, 0.5)
# What a candidate may lose of the made packages and of products that it did not learn, and by how much it may see other
# things' likeness in another way than the start.
MOST_LOST = 0.005
LEAST_AGREEMENT = 0.985
# It is better where it is in so many of the draws of asked products, with replacement.
CERTAINTY = 0.9
DRAWS = 1000


@dataclass(frozen=True)
class Candidate:
    """`share` of the way to the learned weights, turned by `turn`; (0, 0) is the start."""

    share: float
    turn: float
    matrix: np.ndarray  # [D, D] of the turn
    marks: Marks
    answers: Answers

    @property
    def is_start(self) -> bool:
        return self.share == 0 and self.turn == 0


@dataclass(frozen=True)
class Choice:
    """Every candidate, the start first; `best` is the start where none is better for certain."""

    candidates: list[Candidate]
    best: Candidate
    reason: str

    @property
    def start(self) -> Candidate:
        return self.candidates[0]


def searched(
    start: LiteEmbedder, learned: dict[str, Tensor], exam: Exam, threads: int, size: int, show: Callable[[float], None]
) -> Choice:
    """Asks the exam of the start, then of less and less of what was learned until something is good enough, and chooses."""
    candidates: list[Candidate] = []
    shares = (0.0, *SHARES)
    known: Answers | None = None
    for number, share in enumerate(shares):
        answers = answered(exam, quick(mixed(start, learned, share), size, threads))
        known = known or answers
        for strength in TURNS:
            matrix = turn_of(answers.gallery, exam.gallery_labels, strength)
            now = answers.mapped(lambda one, matrix=matrix: one @ matrix)
            candidates.append(Candidate(share, strength, matrix, marked(exam, now, known), now))
        show((number + 1) / len(shares))
        if share and not chosen(candidates, exam)[0].is_start:
            break
    best, reason = chosen(candidates, exam)
    return Choice(candidates, best, reason)


def chosen(candidates: Sequence[Candidate], exam: Exam) -> tuple[Candidate, str]:
    """The candidate with the best score among those that lose nothing else; the start, and why, where none is better."""
    start = candidates[0]
    able = [one for one in candidates[1:] if _keeps(one.marks, start.marks)]
    best = max(able, key=lambda one: one.marks.score, default=start)
    gain = best.marks.score - start.marks.score
    if best.is_start or gain <= 0:
        return start, "nothing that was tried finds your own pictures better and still knows the rest"
    certain = certainty(exam, start.answers, best.answers)
    if certain < CERTAINTY:
        return start, f"what was gained on {len(exam.asked)} pictures may be chance ({certain:.0%} certain, {CERTAINTY:.0%} is asked for)"
    return best, f"{100 * gain:.1f} points better on your own pictures, with {certain:.0%} certainty"


def _keeps(now: Marks, before: Marks) -> bool:
    return (
        now.agreement >= LEAST_AGREEMENT
        and now.own.recall1 >= before.own.recall1 - 1e-9
        and now.check.recall1 >= before.check.recall1 - MOST_LOST
        and now.fresh.recall1 >= before.fresh.recall1 - MOST_LOST
    )


def certainty(exam: Exam, before: Answers, now: Answers) -> float:
    """In how many of DRAWS of the asked products the mean average precision is higher now: pictures of one product stand together.

    Never more than a coin that falls on one side for each product would say: three products that all gain may be chance.
    """
    gains: dict[object, list[float]] = defaultdict(list)
    for first, second in ((before.asked, now.asked), (before.views, now.views)):
        labels = np.tile(exam.asked_labels, len(first) // len(exam.asked))
        found = zip(labels, _precisions(exam, labels, first, before.gallery), _precisions(exam, labels, second, now.gallery), strict=True)
        for label, a, b in found:
            gains[label].append(b - a)
    means = np.array([np.mean(values) for values in gains.values()])
    weights = np.array([len(values) for values in gains.values()], dtype=float)
    drawn = np.random.default_rng(0).integers(len(means), size=(DRAWS, len(means)))
    return min(float(((means * weights)[drawn].sum(axis=1) > 0).mean()), 1 - 0.5 ** len(means))


def _precisions(exam: Exam, labels: np.ndarray, asked: np.ndarray, gallery: np.ndarray) -> np.ndarray:
    """Each picture's average precision, [N]."""
    similarity = l2_normalized(asked) @ l2_normalized(gallery).T
    right = labels[:, None] == exam.gallery_labels[None, :]
    right = np.take_along_axis(right, np.argsort(-similarity, axis=1, kind="stable"), axis=1)
    precision = np.cumsum(right, axis=1) / np.arange(1, right.shape[1] + 1)
    return (precision * right).sum(axis=1) / np.maximum(right.sum(axis=1), 1)
