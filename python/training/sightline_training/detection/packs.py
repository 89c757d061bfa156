"""Packages for made racks, each cut out by a mask: cartons, real fronts, cans, bottles and bundles of those."""

import random

import cv2
import numpy as np

from .composites import Material, package

# A picture uint8 [H, W, 3] and where it is the package and not what is behind: uint8 [H, W], 0 or 255.
Pack = tuple[np.ndarray, np.ndarray]

# Narrow ones and wide ones, as width to height: those of cans, bottles, cartons, bags and bundles.
ASPECTS = {"can": (0.36, 0.6), "bottle": (0.24, 0.42), "carton": (0.35, 1.3), "front": (0.35, 1.1), "bundle": (0.6, 1.5)}


def pack(kind: str, material: Material, width: int, height: int, rng: random.Random) -> Pack:
    """A package of one of the kinds of ASPECTS."""
    width, height = max(width, 8), max(height, 12)
    if kind == "can":
        return _can(material, width, height, rng)
    if kind == "bottle":
        return _bottle(material, width, height, rng)
    if kind == "bundle":
        return _bundle(material, width, height, rng)
    face = _front(material, width, height, rng) if kind == "front" else package(material, width, height, rng)
    return face, np.full((height, width), 255, np.uint8)


def _front(material: Material, width: int, height: int, rng: random.Random) -> np.ndarray:
    """A real product's front as it was photographed, cut out by its box; without any, a made one."""
    if not material.fronts:
        return package(material, width, height, rng)
    return cv2.resize(rng.choice(material.fronts), (width, height), interpolation=cv2.INTER_AREA)


def _rolled(face: np.ndarray, rng: random.Random) -> np.ndarray:
    """The face around a cylinder: pressed together at its sides, which are darker, and with a strip of light."""
    height, width = face.shape[:2]
    across = np.linspace(-1, 1, width, dtype=np.float32)
    columns = (np.arcsin(across * 0.97) / np.arcsin(0.97) + 1) / 2 * (width - 1)
    x, y = np.meshgrid(columns.astype(np.float32), np.arange(height, dtype=np.float32))
    rolled = cv2.remap(face, x, y, cv2.INTER_LINEAR).astype(np.float32)
    edge = rng.uniform(0.25, 0.8)
    light = edge + (1 - edge) * np.sqrt(np.clip(1 - across**2, 0, 1))
    shine = rng.uniform(0, 110) * np.exp(-(((across - rng.uniform(-0.6, 0.6)) / rng.uniform(0.08, 0.25)) ** 2))
    return np.clip(rolled * light[None, :, None] + shine[None, :, None], 0, 255).astype(np.uint8)


def _can(material: Material, width: int, height: int, rng: random.Random) -> Pack:
    face = _rolled(_front(material, width, height, rng) if rng.random() < 0.4 else package(material, width, height, rng), rng)
    rim = max(round(height * rng.uniform(0.02, 0.07)), 1)
    grey = np.full((rim, width, 3), rng.randint(90, 220), np.uint8)
    face[:rim] = _rolled(grey, rng)
    if rng.random() < 0.6:
        face[-rim:] = _rolled(grey, rng)
    mask = np.full((height, width), 255, np.uint8)
    inset = max(round(width * rng.uniform(0.03, 0.1)), 1)
    for rows in (slice(0, rim), slice(height - rim, height)):
        mask[rows, :inset] = mask[rows, -inset:] = 0
    return face, mask


def _bottle(material: Material, width: int, height: int, rng: random.Random) -> Pack:
    """Liquid of one colour, a label around it, a cap, and shoulders to a narrow neck."""
    liquid = np.full((height, width, 3), [rng.randint(10, 230) for _ in range(3)], np.uint8)
    top = int(height * rng.uniform(0.3, 0.55))
    tall = max(int(height * rng.uniform(0.2, 0.45)), 4)
    label = _front(material, width, tall, rng) if rng.random() < 0.4 else package(material, width, max(tall, 12), rng)
    liquid[top : top + tall] = label[: max(min(tall, height - top), 0)]
    cap = max(int(height * rng.uniform(0.04, 0.09)), 2)
    liquid[:cap] = [rng.randint(0, 255) for _ in range(3)]
    face = _rolled(liquid, rng)
    neck, shoulder, narrow = rng.uniform(0.1, 0.25), rng.uniform(0.12, 0.25), rng.uniform(0.28, 0.5)
    rows = np.arange(height) / height
    share = np.interp(rows, [0, neck, neck + shoulder * 0.6, neck + shoulder], [narrow, narrow, 0.85, 1.0])
    across = np.abs(np.linspace(-1, 1, width))
    return face, ((across[None] <= share[:, None]) * 255).astype(np.uint8)


def _bundle(material: Material, width: int, height: int, rng: random.Random) -> Pack:
    """Several of one package in film, or a carton around them: one object, with a band of print."""
    columns, rows = rng.choice([(2, 1), (3, 1), (3, 2), (4, 1), (2, 2)])
    inner, _ = pack(rng.choice(["can", "bottle", "can"]), material, width // columns, height // rows, rng)
    face = cv2.resize(np.tile(inner, (rows, columns, 1)), (width, height), interpolation=cv2.INTER_AREA)
    if rng.random() < 0.7:
        tall = max(int(height * rng.uniform(0.25, 0.7)), 12)
        y = rng.randint(0, max(height - tall, 0))
        band = package(material, width, tall, rng)[: height - y]
        face[y : y + tall] = cv2.addWeighted(band, 0.9, face[y : y + tall], 0.1, 0)
    haze = rng.uniform(0, 0.3)
    return cv2.addWeighted(face, 1 - haze, np.full_like(face, 200), haze, 0), np.full((height, width), 255, np.uint8)
