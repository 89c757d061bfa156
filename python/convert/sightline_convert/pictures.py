"""Pictures to try networks on: made scenes, and files."""

from pathlib import Path

import numpy as np
from PIL import Image

from .errors import ConversionError


def made_scenes(count: int, width: int, height: int, seed: int) -> "list[np.ndarray]":
    """Scenes of a few striped or speckled boxes and discs on a shaded ground: each unlike the others, the same for a seed."""
    rng = np.random.default_rng(seed)
    return [_scene(rng, width, height) for _ in range(count)]


def _scene(rng: np.random.Generator, width: int, height: int) -> np.ndarray:
    y, x = np.mgrid[0:1 : height * 1j, 0:1 : width * 1j]
    slope = rng.uniform(-1, 1, 2)
    shade = rng.uniform(40, 215, 3) + (slope[0] * x + slope[1] * y)[..., None] * rng.uniform(0, 60, 3)
    for _ in range(rng.integers(3, 12)):
        centre, half = rng.uniform(0, 1, 2), rng.uniform(0.03, 0.3, 2)
        dx, dy = (x - centre[0]) / half[0], (y - centre[1]) / half[1]
        inside = dx**2 + dy**2 < 1 if rng.random() < 0.4 else np.maximum(abs(dx), abs(dy)) < 1
        stripes = np.sin(rng.uniform(5, 80) * (x * rng.uniform(-1, 1) + y * rng.uniform(-1, 1)))[..., None]
        colour = rng.uniform(0, 255, 3) + stripes * rng.uniform(0, 90, 3)
        shade = np.where(inside[..., None], colour, shade)
    return np.clip(shade + rng.normal(0, rng.uniform(1, 15), shade.shape), 0, 255).astype(np.uint8)


def read_pictures(folder: Path, width: int, height: int) -> "list[tuple[np.ndarray, tuple[int, int]]]":
    """Every JPEG and PNG of a folder at a network's size, with its own (width, height)."""
    files = sorted(file for file in folder.iterdir() if file.suffix.lower() in (".jpg", ".jpeg", ".png"))
    if not files:
        raise ConversionError(f"{folder} has no .jpg or .png")
    found = []
    for file in files:
        with Image.open(file) as picture:
            resized = picture.convert("RGB").resize((width, height), Image.Resampling.BICUBIC)
            found.append((np.asarray(resized, np.uint8), picture.size))
    return found
