"""Made racks with exact boxes: dense rows of packages, stacked and behind each other, with price rails, frames and glass.

What stands behind the front row has no box, as in photographs that people boxed: it is background.
"""

import random
from collections.abc import Iterator

import cv2
import numpy as np

from .composites import Material, tilted
from .data import Sample, cropped, mirrored, recoloured, unletterboxed
from .packs import ASPECTS, Pack, pack

# A rack is looked at so many times, by different windows: making one costs more than a window does.
LOOKS = 6
POOL = 8
# Width of the middle box of a window at the network's input, in pixels: what tiles and whole frames of racks show.
LEAST_WIDE, MOST_WIDE = 13, 72


def racks(material: Material, rng: random.Random) -> Iterator[Sample]:
    """Endless racks; one comes back some LOOKS times, among others."""
    pool: list[Sample] = []
    while True:
        if len(pool) < POOL:
            pool.append(rack(material, rng))
        elif rng.random() < 1 / LOOKS:
            pool[rng.randrange(POOL)] = rack(material, rng)
        yield rng.choice(pool)


def rack(material: Material, rng: random.Random) -> Sample:
    """A rack of 20 to 150 packages, uint8 RGB of 480 to 960 pixels a side."""
    width, height = rng.randint(480, 800), rng.randint(560, 960)
    ground = rng.randint(5, 120) if rng.random() < 0.75 else rng.randint(120, 220)
    canvas = np.full((height, width, 3), [ground + rng.randint(-8, 8) for _ in range(3)], np.int16).clip(0, 255).astype(np.uint8)
    boxes: list[list[float]] = []
    rows = rng.choice([2, 3, 3, 4, 4, 5, 5, 6, 7])
    y, rail = rng.randint(-height // (3 * rows), 0), _rail_colours(rng)
    rail_share, over = rng.uniform(0.06, 0.2), rng.uniform(0, 0.08)
    while y < height:
        tall = int(height / rows * rng.uniform(0.8, 1.2))
        strip = max(int(tall * rail_share), 3)
        bottom = y + tall - strip
        row = _row(canvas, material, y, bottom, rng)
        _shade(canvas, y, bottom, rng)
        top = bottom - int(tall * over)
        _rail(canvas, top, y + tall, rail, rng)
        boxes += [[x1, y1, x2, min(y2, top)] for x1, y1, x2, y2 in row if min(y2, top) - y1 > 4]
        y += tall
    found = np.float32(boxes).reshape(-1, 4)
    found, hidden = _framed(canvas, found, rng)
    canvas = _glass(canvas, material, rng) if rng.random() < 0.5 else canvas
    return tilted(canvas, found, rng, 0.1, hidden)


def _row(canvas: np.ndarray, material: Material, top: int, bottom: int, rng: random.Random) -> list[list[float]]:
    """Fills the space above a board with packages and returns their boxes, which may reach outside the canvas."""
    boxes: list[list[float]] = []
    room = bottom - top
    style = rng.choice([["can"], ["bottle"], ["front"], ["carton", "front"], ["can", "bottle"], ["bundle", "front"], [*ASPECTS]])
    most = room * rng.uniform(0.55, 0.97)
    x = float(rng.randint(-room // 2, room // 3))
    while x < canvas.shape[1]:
        kind = rng.choice(style)
        tall = max(int(most * rng.uniform(0.8, 1.0)), 14)
        layers = 1
        if rng.random() < 0.22:
            layers = rng.choice([2, 2, 3])
            tall = max(int(most / layers), 14)
        wide = max(int(tall * rng.uniform(*ASPECTS[kind])), 9)
        made, gap = pack(kind, material, wide, tall, rng), wide * rng.choice([0, 0, 0.02, 0.05, 0.15, -0.04])
        deep = rng.choice([1, 1, 2, 3, 5]) if rng.random() < 0.45 else 0
        step, lean = tall * rng.uniform(0.02, 0.09), wide * rng.uniform(-0.12, 0.12)
        for _ in range(rng.choice([1, 1, 2, 2, 3, 4, 6])):
            for back in range(deep, 0, -1):
                behind = _lit(made, rng.uniform(0.5, 0.8) * (0.55 + 0.45 / back))
                _put(canvas, behind, x + lean * back, bottom - layers * tall - step * back)
            for layer in range(layers):
                left, low = x + wide * rng.uniform(-0.02, 0.02), bottom - layer * tall
                _put(canvas, _lit(made, rng.uniform(0.85, 1.1)), left, low - tall)
                boxes.append([round(left), round(low - tall), round(left) + wide, round(low - tall) + tall])
            x += wide + gap
        if rng.random() < 0.12:
            x += wide * rng.uniform(0.5, 3)
    return boxes


def _lit(made: Pack, light: float) -> Pack:
    return cv2.convertScaleAbs(made[0], alpha=light), made[1]


def _put(canvas: np.ndarray, made: Pack, x: float, y: float) -> None:
    (face, mask), x, y = made, round(x), round(y)
    left, top = max(x, 0), max(y, 0)
    right, bottom = min(x + face.shape[1], canvas.shape[1]), min(y + face.shape[0], canvas.shape[0])
    if right > left and bottom > top:
        window = (slice(top - y, bottom - y), slice(left - x, right - x))
        cv2.copyTo(face[window], mask[window], canvas[top:bottom, left:right])


def _shade(canvas: np.ndarray, top: int, bottom: int, rng: random.Random) -> None:
    """Darker below the board above."""
    low, high = max(top, 0), min(bottom, len(canvas))
    if high - low > 2:
        light = np.interp(np.linspace(0, 1, high - low), [0, rng.uniform(0.1, 0.5), 1], [rng.uniform(0.35, 1), 1, 1])
        canvas[low:high] = (canvas[low:high] * light[:, None, None]).astype(np.uint8)


def _rail_colours(rng: random.Random) -> tuple[list[int], list[int]]:
    grey = rng.choice([rng.randint(150, 235), rng.randint(30, 120)])
    plain = [min(max(grey + rng.randint(-6, 6), 0), 255) for _ in range(3)]
    strip = plain if rng.random() < 0.7 else [rng.randint(0, 255) for _ in range(3)]
    return strip, rng.choice([[245, 245, 240], [245, 245, 240], [250, 220, 60], [220, 40, 40]])


def _rail(canvas: np.ndarray, top: int, bottom: int, colours: tuple[list[int], list[int]], rng: random.Random) -> None:
    """The price rail: a strip with labels that carry a few dark lines."""
    height, width = canvas.shape[:2]
    if top >= height or bottom <= 0 or bottom - top < 2:
        return
    cv2.rectangle(canvas, (0, top), (width, bottom), colours[0], -1)
    cv2.line(canvas, (0, bottom), (width, bottom), [int(c * 0.4) for c in colours[0]], max((bottom - top) // 6, 1))
    tall, x = bottom - top, rng.randint(-20, 40)
    while x < width and rng.random() < 0.97:
        wide = int(tall * rng.uniform(1.0, 2.4))
        low = top + int(tall * rng.uniform(0.05, 0.2))
        cv2.rectangle(canvas, (x, low), (x + wide, bottom - max(tall // 8, 1)), colours[1], -1)
        for line in range(2):
            at = low + tall * (line + 1) // 4
            cv2.line(canvas, (x + wide // 8, at), (x + int(wide * rng.uniform(0.4, 0.9)), at), [40, 40, 40], max(tall // 14, 1))
        x += wide + int(tall * rng.uniform(0.1, 6))


def _framed(canvas: np.ndarray, boxes: np.ndarray, rng: random.Random) -> tuple[np.ndarray, np.ndarray]:
    """Draws door frames and stickers over the rack; boxes and, where they hide too much, what is ignored."""
    height, width = canvas.shape[:2]
    hidden = np.zeros(len(boxes), bool)
    for _ in range(rng.choice([0, 0, 1, 1, 2])):
        wide, x = int(width * rng.uniform(0.015, 0.07)), rng.randint(0, width)
        grey = rng.randint(10, 230)
        cv2.rectangle(canvas, (x, 0), (x + wide, height), [grey, grey, int(grey * rng.uniform(0.7, 1))], -1)
        cv2.line(canvas, (x, 0), (x, height), [grey // 2] * 3, 2)
        sides = boxes[:, 2] - boxes[:, 0]
        left, right = (x - boxes[:, 0]).clip(0), (boxes[:, 2] - x - wide).clip(0)
        touched = (boxes[:, 0] < x + wide) & (boxes[:, 2] > x)
        hidden |= touched & (np.maximum(left, right) < 0.35 * sides)
        # What the frame cuts off at one side ends there; in front of the middle of a box it is only in the way.
        one = touched & (np.minimum(left, right) < 0.15 * sides)
        boxes[one & (left >= right), 2] = x
        boxes[one & (left < right), 0] = x + wide
    for _ in range(rng.choice([0, 0, 0, 1, 2])):
        x, y, radius = rng.randint(0, width), rng.randint(0, height), int(width * rng.uniform(0.02, 0.08))
        cv2.ellipse(canvas, (x, y), (radius, int(radius * rng.uniform(0.5, 1.2))), rng.randint(0, 90), 0, 360, [rng.randint(0, 255) for _ in range(3)], -1)
        inside = (boxes[:, 0] > x - radius) & (boxes[:, 2] < x + radius) & (boxes[:, 1] > y - radius) & (boxes[:, 3] < y + radius)
        hidden |= inside
    return boxes[~hidden], boxes[hidden]


def _glass(canvas: np.ndarray, material: Material, rng: random.Random) -> np.ndarray:
    """A pane in front: another picture faintly in it, strips of light, and its whole a little milky."""
    height, width = canvas.shape[:2]
    left = rng.randint(0, width // 2)
    right = min(left + rng.randint(width // 3, width), width)
    mirror = cv2.resize(rng.choice(material.art), (right - left, height), interpolation=cv2.INTER_LINEAR)
    pane = cv2.GaussianBlur(mirror, (0, 0), rng.uniform(2, 8)).astype(np.float32) * rng.uniform(0.05, 0.4)
    for _ in range(rng.choice([0, 1, 2, 3])):
        start, end = ((rng.randint(0, right - left), rng.randint(0, height)) for _ in range(2))
        cv2.line(pane, start, end, [rng.uniform(60, 220)] * 3, rng.randint(2, 14))
    pane = cv2.GaussianBlur(pane, (0, 0), rng.uniform(0.5, 2.5)) + rng.uniform(0, 20)
    canvas[:, left:right] = np.clip(canvas[:, left:right] + pane, 0, 255).astype(np.uint8)
    return canvas


def window(sample: Sample, size: int, rng: random.Random) -> Sample:
    """A part of a dense picture, as a tile or the whole frame shows it at size x size, mirrored and recoloured or not.

    The middle box is between LEAST_WIDE and MOST_WIDE pixels wide in it, small as often as large.
    """
    height, width = sample.picture.shape[:2]
    middle = float(np.median(sample.boxes[:, 2] - sample.boxes[:, 0])) if len(sample.boxes) else width / 10
    wanted = LEAST_WIDE * (MOST_WIDE / LEAST_WIDE) ** rng.random()
    wide = min(max(int(middle * size / wanted), size // 4), width)
    tall = min(max(int(wide * rng.uniform(0.75, 1.5)), size // 4), height)
    x, y = rng.randint(0, width - wide), rng.randint(0, height - tall)
    part = cropped(sample, x, y, x + wide, y + tall)
    part = mirrored(part) if rng.random() < 0.5 else part
    return Sample(recoloured(part.picture, rng), part.boxes, part.ignore, part.background_weight)


def grid(samples: list[Sample], columns: int, size: int, rng: random.Random) -> Sample:
    """Photographs of shelves side by side, in rows of `columns`: what is large in them becomes small and dense."""
    canvas = np.zeros((size, size, 3), np.uint8)
    boxes, ignore = [], []
    edges = [round(size * k / columns) for k in range(columns + 1)]
    for index, sample in enumerate(samples[: columns * columns]):
        row, column = divmod(index, columns)
        x1, x2, y1, y2 = edges[column], edges[column + 1], edges[row], edges[row + 1]
        sample = unletterboxed(sample)
        sample = mirrored(sample) if rng.random() < 0.5 else sample
        scale = np.float32([(x2 - x1) / sample.picture.shape[1], (y2 - y1) / sample.picture.shape[0]] * 2)
        canvas[y1:y2, x1:x2] = cv2.resize(sample.picture, (x2 - x1, y2 - y1), interpolation=cv2.INTER_AREA)
        offset = np.float32([x1, y1, x1, y1])
        boxes.append(sample.boxes * scale + offset)
        ignore.append(sample.ignore * scale + offset)
    weight = min(sample.background_weight for sample in samples)
    return Sample(recoloured(canvas, rng), np.concatenate(boxes), np.concatenate(ignore), weight)
