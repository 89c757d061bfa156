"""What a network is asked before and after: the shop's own pictures that it did not learn, and made packages that it knew."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from sightline_base.retrieval import Retrieval, l2_normalized, retrieval

from ..embedding.camera import camera_view
from ..embedding.pictures import as_deployed
from .made import made_packages
from .parts import Parts
from .products import Photo

# Camera views of each picture that is asked: another light and angle than the photograph's own.
VIEWS = 2
CHECKED_PACKAGES, CHECKED_VIEWS, CHECKED_SEED = 120, 3, 2


@dataclass(frozen=True)
class Exam:
    """Pictures as deployed, uint8 [N, 224, 224, 3], with their labels; `views` are those of `asked`, VIEWS times."""

    gallery: np.ndarray
    gallery_labels: np.ndarray
    asked: np.ndarray
    asked_labels: np.ndarray
    views: np.ndarray
    strangers: np.ndarray
    stranger_labels: np.ndarray
    check: np.ndarray
    check_labels: np.ndarray


@dataclass(frozen=True)
class Answers:
    """What a network says of an exam's pictures, [N, D] each."""

    gallery: np.ndarray
    asked: np.ndarray
    views: np.ndarray
    strangers: np.ndarray
    check: np.ndarray

    def mapped(self, change: Callable[[np.ndarray], np.ndarray]) -> "Answers":
        return Answers(*(change(part) for part in (self.gallery, self.asked, self.views, self.strangers, self.check)))


@dataclass(frozen=True)
class Marks:
    """Figures in 0..1: own pictures as they are and in other light, products that were not learned, made packages.

    `agreement` is the correlation of the made packages' similarities with those that the start sees: what is not
    asked for by any label here stays as it was where it is 1.
    """

    own: Retrieval
    camera: Retrieval
    fresh: Retrieval
    check: Retrieval
    agreement: float

    @property
    def score(self) -> float:
        """By which candidates are chosen."""
        return fmean((self.own.recall1, self.own.map, self.camera.recall1, self.camera.map))


def set_exam(photos: Sequence[Photo], parts: Parts) -> Exam:
    """The pictures to ask; camera views are the same at every call."""

    def crops(indices: Sequence[int]) -> np.ndarray:
        return np.stack([photos[i].crop for i in indices]) if indices else np.zeros((0, 224, 224, 3), np.uint8)

    def labels(indices: Sequence[int]) -> np.ndarray:
        return np.array([photos[i].product for i in indices], dtype=object)

    views = []
    for number in range(VIEWS):
        for index in parts.asked:
            random = np.random.default_rng((11, number, index))
            backdrop = photos[int(random.integers(len(photos)))].whole
            views.append(as_deployed(camera_view(photos[index].whole, backdrop, 224, False, random), 224))
    made = made_packages(CHECKED_PACKAGES, CHECKED_VIEWS, CHECKED_SEED)
    return Exam(
        crops(parts.learned), labels(parts.learned), crops(parts.asked), labels(parts.asked), np.stack(views),
        crops(parts.strangers), labels(parts.strangers),
        np.stack([as_deployed(picture, 224) for picture in made.pictures]), np.array(made.labels),
    )


def answered(exam: Exam, embed: Callable[[np.ndarray], np.ndarray]) -> Answers:
    """`embed` takes pictures as deployed [N, 224, 224, 3]."""
    return Answers(*(embed(part) for part in (exam.gallery, exam.asked, exam.views, exam.strangers, exam.check)))


def marked(exam: Exam, answers: Answers, start: Answers) -> Marks:
    """The figures of these answers, beside those of the start."""
    camera_labels = np.tile(exam.asked_labels, VIEWS)
    front = np.arange(len(exam.check)) % (1 + CHECKED_VIEWS) == 0
    known = np.concatenate([answers.strangers, answers.gallery])
    known_labels = np.concatenate([exam.stranger_labels, exam.gallery_labels])
    return Marks(
        retrieval(answers.asked, exam.asked_labels, answers.gallery, exam.gallery_labels),
        retrieval(answers.views, camera_labels, answers.gallery, exam.gallery_labels),
        retrieval(answers.strangers, exam.stranger_labels, known, known_labels, same=True, only_answerable=True),
        retrieval(answers.check[~front], exam.check_labels[~front], answers.check[front], exam.check_labels[front]),
        agreement(start.check, answers.check),
    )


def agreement(before: np.ndarray, now: np.ndarray) -> float:
    """How far two networks agree on what is like what: the correlation of their cosines between these pictures [N, D]."""
    apart = np.triu_indices(len(before), 1)
    first, second = ((l2_normalized(one) @ l2_normalized(one).T)[apart] for one in (before, now))
    return float(np.corrcoef(first, second)[0, 1])


def threshold_of(exam: Exam, answers: Answers, most_named: float) -> tuple[float, float, float]:
    """(threshold, share of strangers that get a name, share of right names kept), on pictures that were not learned.

    Strangers are the products that were not learned, and every asked picture where its own product is taken out of the
    gallery. The threshold is the lowest at which at most `most_named` of either get a name.
    """
    gallery = l2_normalized(answers.gallery)
    similar = l2_normalized(answers.asked) @ gallery.T
    own = exam.asked_labels[:, None] == exam.gallery_labels[None, :]
    groups = [np.where(own, -1.0, similar).max(axis=1)]
    if len(answers.strangers):
        groups.append((l2_normalized(answers.strangers) @ gallery.T).max(axis=1))
    threshold = max(_lowest(group, most_named) for group in groups)
    right = exam.gallery_labels[similar.argmax(axis=1)] == exam.asked_labels
    scores = similar.max(axis=1)[right]
    named = max(float((group >= threshold).mean()) for group in groups)
    return threshold, named, float((scores >= threshold).mean()) if len(scores) else 0.0


def _lowest(scores: np.ndarray, most: float) -> float:
    """The lowest multiple of 0.005 that at most this share of the scores reaches."""
    steps = np.arange(0, 1.0001, 0.005)
    enough = (scores[None, :] >= steps[:, None]).mean(axis=1) <= most
    return round(float(steps[int(np.argmax(enough))] if enough.any() else 1.0), 3)
