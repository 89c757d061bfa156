"""Made pictures: packages that nobody sells, drawn from a seed, by which tuning keeps and checks what the embedder knew.

Whoever tunes has none of the pictures that the embedder learned from. These are drawn by code alone, so they cost no download
and belong to nobody: families that differ by flavour, each member photographed from several sides.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from ..embedding.camera import Random, camera_view
from ..embedding.packages import colour, drawn, painted, sibling, words, write

ARTS = 96
MOST_OF_FAMILY = 4


@dataclass(frozen=True)
class Made:
    """Pictures [size of their own, uint8 RGB] with the number of their package each."""

    pictures: list[np.ndarray]
    labels: list[int]


def made_packages(count: int, views: int, seed: int) -> Made:
    """`count` packages: of each its front as printed, then `views` camera views of it. The same of the same seed."""
    random = np.random.default_rng((2026, seed))
    arts = [_art(random) for _ in range(ARTS)]
    fronts: list[np.ndarray] = []
    while len(fronts) < count:
        first = drawn(random, len(arts), len(arts))
        members = [first, *(sibling(first, random, len(arts)) for _ in range(int(random.integers(MOST_OF_FAMILY))))]
        fronts += [painted(one, arts[one.art], arts[one.logo] if one.logo >= 0 else None) for one in members]
    return _photographed(fronts[:count], views, seed)


def _photographed(fronts: Sequence[np.ndarray], views: int, seed: int) -> Made:
    made = Made([], [])
    for number, front in enumerate(fronts):
        made.pictures.append(front)
        for view in range(views):
            random = np.random.default_rng((seed, number, view))
            backdrop = fronts[int(random.integers(len(fronts)))]
            made.pictures.append(camera_view(front, backdrop, 224, False, random))
        made.labels.extend([number] * (1 + views))
    return made


def _art(random: Random) -> np.ndarray:
    """What is printed on a package: shapes, a pattern, a soft scene or a word, uint8 RGB [128, 128, 3]."""
    side = 128
    picture = np.full((side, side, 3), colour(random), dtype=np.uint8)
    kind = int(random.integers(4))
    if kind == 0:
        coarse = random.integers(0, 256, (int(random.integers(3, 8)), int(random.integers(3, 8)), 3), dtype=np.uint8)
        picture = cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC)
    for _ in range(int(random.integers(2, 14))):
        place = tuple(int(v) for v in random.integers(0, side, 2))
        reach = tuple(int(v) for v in random.integers(4, side // 3, 2))
        ink = colour(random)
        if kind == 1:
            corner = (place[0] + reach[0], place[1] + reach[1])
            cv2.rectangle(picture, place, corner, ink, -1 if random.random() < 0.7 else 3, cv2.LINE_AA)
        elif kind == 2:
            points = np.array(place) + random.integers(-side // 3, side // 3, (int(random.integers(3, 7)), 2))
            cv2.fillPoly(picture, [points.astype(np.int32)], ink, cv2.LINE_AA)
        else:
            cv2.ellipse(picture, place, reach, float(random.uniform(0, 180)), 0, 360, ink, -1, cv2.LINE_AA)
    if random.random() < 0.3:
        write(picture, words(random, 1), (0.5, float(random.uniform(0.2, 0.8)), 0.9), colour(random), int(random.integers(8)))
    return cv2.GaussianBlur(picture, (0, 0), float(random.uniform(0.6, 2.0)))
