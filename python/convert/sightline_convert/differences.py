"""How far two answers to the same pictures lie apart, and how far they may: by the noise of the original itself. Pure."""

from dataclasses import dataclass

import numpy as np

# [K, 5] of a picture: score, x1, y1, x2, y2.
Boxes = np.ndarray


@dataclass(frozen=True)
class Limit:
    """
    What a conversion may differ by: so many times what the original differs from itself by when only its rounding changes,
    but `least` where the original is steadier than anybody needs, and never more than `most`: an original that is noisier
    than that can't tell a right conversion from a wrong one.
    """

    least: float
    most: float
    times: float = 3.0

    def of(self, noise: float) -> float:
        """The limit for an original of this noise."""
        return min(max(self.times * noise, self.least), self.most)


BOX = Limit(least=0.5, most=2.0)
SCORE = Limit(least=2e-4, most=5e-3)
# Where two boxes overlap by almost exactly the limit of the suppression, rounding decides which one stays.
ALONE = Limit(least=0.01, most=0.05)
# 1 - cosine.
TURN = Limit(least=1e-4, most=1e-3)
# Of the network's outputs, as a share of their own size: a mean over thousands of values, which hardly varies by itself.
# What several times exceeds the noise here is no rounding: that is where a single wrong weight shows.
VALUES = Limit(least=1e-5, most=1e-2, times=4.0)
# In a batch against one by one, where runtimes add up in another order.
BATCH = Limit(least=1e-3, most=0.1)


def values_apart(a: "list[np.ndarray]", b: "list[np.ndarray]") -> float:
    """Root mean square of what outputs differ by, as a share of their own: the worst of the outputs."""
    return max(_size(x.astype(np.float64) - y) / max(_size(x), 1e-12) for x, y in zip(a, b))


def largest_apart(a: "list[np.ndarray]", b: "list[np.ndarray]") -> float:
    """Of all values of the outputs."""
    return max(float(np.abs(x - y).max()) for x, y in zip(a, b))


def turn(a: np.ndarray, b: np.ndarray) -> float:
    """1 - cosine of two vectors."""
    a, b = a.astype(np.float64).ravel(), b.astype(np.float64).ravel()
    return float(1 - a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))


@dataclass
class BoxesApart:
    """Of the boxes of several pictures: what pairs differ by at most, and how many have no counterpart."""

    box: float = 0.0
    score: float = 0.0
    alone: int = 0
    count: int = 0

    def add(self, theirs: Boxes, ours: Boxes) -> None:
        """Two sets, whatever their order: each box and the nearest one that is left."""
        left = list(range(len(ours)))
        pairs = 0
        for other in theirs:
            if not left:
                break
            apart = np.abs(ours[left, 1:] - other[1:]).max(1)
            nearest = int(np.argmin(apart + np.abs(ours[left, 0] - other[0])))
            if apart[nearest] > BOX.most:
                continue
            self.box = max(self.box, float(apart[nearest]))
            self.score = max(self.score, abs(float(ours[left[nearest], 0] - other[0])))
            del left[nearest]
            pairs += 1
        self.alone += len(theirs) + len(ours) - 2 * pairs
        self.count += len(theirs)

    @property
    def share_alone(self) -> float:
        """Of the boxes."""
        return self.alone / max(self.count, 1)


def _size(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values.astype(np.float64)))))
