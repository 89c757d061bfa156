"""Made scenes with exact boxes: shelves of touching packages, and loose objects on tables."""

import random
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from .data import Sample

# Corner pixels further from their median than this (0..255) are not a plain background that can be cut away.
PLAIN = 14
CUT = 22
# Products that are smaller on a photograph, in pixels, do not show what they are.
LEAST_FRONT = 40


@dataclass
class Material:
    """Pictures to make scenes of: package art (any picture), tight product pictures, and objects cut out with a mask.

    `fronts` are products on real shelves, cut out of the boxed photographs.
    """

    art: list[np.ndarray]
    products: list[np.ndarray]
    cutouts: list[tuple[np.ndarray, np.ndarray]]
    fronts: list[np.ndarray] = field(default_factory=list)


def read_material(root: Path, art: list[str], products: list[str], cutouts: list[str], most: int, seed: int) -> Material:
    """Up to `most` pictures of each kind from the datasets (folders below root) named for it."""
    rng = random.Random(seed)

    def pictures(names: list[str]) -> list[np.ndarray]:
        files = [file for name in names for file in sorted((root / name).rglob("*.jpg"))]
        read = (cv2.imread(str(file)) for file in rng.sample(files, min(most, len(files))))
        return [cv2.cvtColor(picture, cv2.COLOR_BGR2RGB) for picture in read if picture is not None]

    cut = [(picture, mask) for picture in pictures(cutouts) if (mask := foreground(picture)) is not None]
    return Material(pictures(art), pictures(products), cut)


def fronts(samples: list[Sample], most: int, seed: int) -> list[np.ndarray]:
    """Up to `most` products, cut out of the samples by their boxes."""
    cut = []
    for sample in samples:
        for x1, y1, x2, y2 in sample.boxes.round().astype(int):
            if min(x2 - x1, y2 - y1) >= LEAST_FRONT:
                cut.append(sample.picture[y1:y2, x1:x2])
    return random.Random(seed).sample(cut, min(most, len(cut)))


def foreground(picture: np.ndarray) -> np.ndarray | None:
    """A mask uint8 [H, W] of 0 or 255 where the border of the picture is one plain colour; None where it is not."""
    border = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]]).astype(np.int16)
    colour = np.median(border, 0)
    if np.quantile(np.abs(border - colour).max(1), 0.9) > PLAIN:
        return None
    near = (np.abs(picture.astype(np.int16) - colour).max(2) <= CUT).astype(np.uint8)
    filled = np.pad(near, 1, constant_values=1)
    cv2.floodFill(filled, None, (0, 0), 2)
    mask = (filled[1:-1, 1:-1] != 2).astype(np.uint8) * 255
    mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    share = mask.mean() / 255
    return mask if 0.08 < share < 0.95 else None


def _colour(rng: random.Random) -> list[int]:
    return [rng.randint(0, 255) for _ in range(3)]


def package(material: Material, width: int, height: int, rng: random.Random) -> np.ndarray:
    """A package's front, uint8 [height, width, 3]: art, bands of colour, something like print, rounded light."""
    if rng.random() < 0.35:
        face = cv2.resize(rng.choice(material.products), (width, height), interpolation=cv2.INTER_AREA)
    else:
        face = np.full((height, width, 3), _colour(rng), np.uint8)
        for _ in range(rng.randint(1, 3)):
            y = rng.randint(0, height - 2)
            face[y : y + rng.randint(1, max(height // 3, 2))] = _colour(rng)
        art = rng.choice(material.art)
        w, h = max(int(width * rng.uniform(0.4, 0.95)), 2), max(int(height * rng.uniform(0.25, 0.7)), 2)
        x, y = rng.randint(0, width - w), rng.randint(0, height - h)
        face[y : y + h, x : x + w] = cv2.resize(art, (w, h), interpolation=cv2.INTER_AREA)
        for _ in range(rng.randint(1, 4)):
            y, x = rng.randint(0, height - 1), rng.randint(0, max(width // 2, 1))
            scale = max(height / rng.uniform(60, 220), 0.15)
            words = "".join(rng.choice("ABCDEFGHKLMNOPRSTUaeionrst ") for _ in range(rng.randint(3, 12)))
            cv2.putText(face, words, (x, y), rng.choice([0, 2, 3, 4]), scale, _colour(rng), max(int(scale * 2), 1), cv2.LINE_AA)
    light = np.interp(np.linspace(0, 1, width), [0, rng.uniform(0.2, 0.8), 1], [rng.uniform(0.6, 1), 1, rng.uniform(0.6, 1)])
    return np.clip(face * light[None, :, None], 0, 255).astype(np.uint8)


def shelf(material: Material, size: int, rng: random.Random) -> Sample:
    """Rows of packages that touch or nearly touch, on boards, seen a little from the side."""
    canvas = np.full((size, size, 3), [rng.randint(20, 200)] * 3, np.uint8)
    boxes: list[tuple[int, int, int, int]] = []
    rows = rng.choice([1, 1, 2, 2, 3, 3, 4, 5])
    y = rng.randint(-size // (3 * rows), size // (8 * rows))
    while y < size:
        height = int(size / rows * rng.uniform(0.75, 1.0))
        board = max(int(height * rng.uniform(0.02, 0.15)), 2)
        air = int(height * rng.choice([0, 0.05, 0.15, 0.3]))
        bottom = y + height - board
        x = rng.randint(-height // 2, 0)
        while x < size:
            full = bottom - y - air
            tall = max(int(full * rng.uniform(0.75, 1.0)), 12)
            wide = max(int(tall * rng.choice([0.35, 0.5, 0.65, 0.7, 0.8, 1.0, 1.5]) * rng.uniform(0.9, 1.1)), 10)
            gap = 0 if rng.random() < 0.6 else rng.randint(1, max(wide // 6, 2))
            for face, copies in [(package(material, wide, tall, rng), rng.choice([1, 1, 1, 2, 3]))]:
                for _ in range(copies):
                    _paste(canvas, face, x, bottom - tall)
                    boxes.append((x, bottom - tall, x + wide, bottom))
                    x += wide + gap
            if rng.random() < 0.08:
                x += rng.randint(wide // 2, wide * 2)
        if bottom < size:
            canvas[max(bottom, 0) : min(bottom + board, size)] = _colour(rng)
        y += height
    return tilted(canvas, np.float32(boxes).reshape(-1, 4), rng)


def _paste(canvas: np.ndarray, face: np.ndarray, x: int, y: int) -> None:
    height, width = canvas.shape[:2]
    left, top, right, bottom = max(x, 0), max(y, 0), min(x + face.shape[1], width), min(y + face.shape[0], height)
    if right > left and bottom > top:
        canvas[top:bottom, left:right] = face[top - y : bottom - y, left - x : right - x]


def tilted(
    canvas: np.ndarray, boxes: np.ndarray, rng: random.Random, most: float = 0.06, ignore: np.ndarray | None = None
) -> Sample:
    """The scene through a camera turned by up to `most` of its sides at each corner, which move outwards: nothing is empty.

    Boxes are the upright hulls; cut ones below a third are ignored.
    """
    height, width = canvas.shape[:2]
    corners = np.float32([[0, 0], [width, 0], [width, height], [0, height]])
    moved = np.float32([[x + (2 * x - side) / side * rng.uniform(0, 2 * most) * side for x, side in zip(corner, (width, height))]
                        for corner in corners])
    matrix = cv2.getPerspectiveTransform(corners, moved)
    picture = cv2.warpPerspective(canvas, matrix, (width, height), borderMode=cv2.BORDER_REFLECT)
    inside, share = _hulls(boxes, matrix, width, height)
    large = (inside[:, 2:] - inside[:, :2]).min(1, initial=np.inf) >= 8
    outside = ~((share > 0.35) & large) & (share > 0)
    more, seen = _hulls(np.zeros((0, 4), np.float32) if ignore is None else ignore, matrix, width, height)
    return Sample(picture, inside[(share > 0.35) & large], np.concatenate([inside[outside], more[seen > 0]]))


def _hulls(boxes: np.ndarray, matrix: np.ndarray, width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """The upright hulls of turned boxes [K, 4], cut at the picture's borders, and the share of each that is left [K]."""
    if not len(boxes):
        return np.zeros((0, 4), np.float32), np.zeros(0, np.float32)
    points = boxes[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 1, 2)
    turned = cv2.perspectiveTransform(points, matrix).reshape(-1, 4, 2)
    hulls = np.concatenate([turned.min(1), turned.max(1)], 1)
    inside = np.clip(hulls, 0, np.float32([width, height, width, height]))
    share = (inside[:, 2:] - inside[:, :2]).prod(1) / (hulls[:, 2:] - hulls[:, :2]).prod(1).clip(1e-6)
    return inside.astype(np.float32), share


def table(material: Material, size: int, rng: random.Random) -> Sample:
    """A few loose objects, cut out or packages, turned, on a picture or a plain ground; later ones cover earlier ones."""
    art = rng.choice(material.art)
    ground = cv2.resize(art, (size, size), interpolation=cv2.INTER_CUBIC)
    ground = cv2.GaussianBlur(ground, (0, 0), rng.uniform(2, 12)) if rng.random() < 0.7 else np.full_like(ground, _colour(rng))
    canvas = ground.astype(np.float32)
    visible: list[np.ndarray] = []
    for _ in range(rng.choice([1, 1, 2, 3, 4, 6, 8])):
        picture, mask = _object(material, int(size * rng.uniform(0.12, 0.6)), rng)
        picture, mask = _turned(picture, mask, rng)
        height, width = mask.shape
        x, y = rng.randint(-width // 4, size - width * 3 // 4), rng.randint(-height // 4, size - height * 3 // 4)
        alpha = np.zeros((size, size), np.float32)
        left, top, right, bottom = max(x, 0), max(y, 0), min(x + width, size), min(y + height, size)
        if right - left < 8 or bottom - top < 8:
            continue
        window = (slice(top - y, bottom - y), slice(left - x, right - x))
        alpha[top:bottom, left:right] = mask[window] / 255
        shadow = cv2.GaussianBlur(alpha, (0, 0), size / 60)
        canvas *= 1 - 0.4 * np.roll(shadow, size // 80, 0)[..., None]
        canvas[top:bottom, left:right] += alpha[top:bottom, left:right, None] * (picture[window] - canvas[top:bottom, left:right])
        visible = [np.where(alpha > 0.5, 0, other).astype(np.float32) for other in visible] + [alpha]
    full, rest = [], []
    for alpha in visible:
        ys, xs = np.where(alpha > 0.5)
        if len(xs) > 64:
            (full if len(xs) > 0.004 * size * size else rest).append([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1])
    as_boxes = lambda values: np.float32(values).reshape(-1, 4)  # noqa: E731
    return Sample(np.clip(canvas, 0, 255).astype(np.uint8), as_boxes(full), as_boxes(rest))


def _object(material: Material, side: int, rng: random.Random) -> tuple[np.ndarray, np.ndarray]:
    if material.cutouts and rng.random() < 0.6:
        picture, mask = rng.choice(material.cutouts)
        scale = side / max(mask.shape)
        size = (max(int(mask.shape[1] * scale), 8), max(int(mask.shape[0] * scale), 8))
        return cv2.resize(picture, size), cv2.resize(mask, size)
    face = package(material, max(int(side * rng.uniform(0.4, 1.0)), 12), max(side, 12), rng)
    return face, np.full(face.shape[:2], 255, np.uint8)


def _turned(picture: np.ndarray, mask: np.ndarray, rng: random.Random) -> tuple[np.ndarray, np.ndarray]:
    """Turned by any angle or none, its frame grown to hold all of it."""
    height, width = mask.shape
    angle = rng.uniform(-180, 180) if rng.random() < 0.4 else rng.uniform(-8, 8)
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1)
    c, s = abs(matrix[0, 0]), abs(matrix[0, 1])
    w, h = int(height * s + width * c) + 1, int(height * c + width * s) + 1
    matrix[:, 2] += [w / 2 - width / 2, h / 2 - height / 2]
    return cv2.warpAffine(picture, matrix, (w, h)), cv2.warpAffine(mask, matrix, (w, h))
