"""Made packages: families of cartons, pouches and labels whose members differ by flavour, as those on a shelf do.

Public sets have hundreds of products; telling them apart is learned from thousands. A family shares its brand, layout and
colours. Its members differ in the flavour's words and band, and mostly in ground colour or picture too.
"""

import colorsys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from .camera import Random
from .pictures import Picture, read_picture

DATASET = "packages"
SYLLABLES = (
    "ba be bi bo bra bri ca ce chi cho cla co cre da de di do fa fe fi flo fru ga go gra gri ha hi ho ja jo ka ke ki la le li "
    "lo lu ma me mi mo mu na ne ni no nu o pa pe pi po pra pu ra re ri ro ru sa se si so sta su ta te ti to tra tu u va vi vo "
    "wa wi xo ya za ze zo"
).split()
HERSHEY = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_COMPLEX, cv2.FONT_HERSHEY_TRIPLEX,
           cv2.FONT_HERSHEY_SCRIPT_COMPLEX)
Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Package:
    """What one member of a family looks like; places are shares of width and height."""

    width: int
    height: int
    ground: Colour
    second: Colour
    print: Colour
    division: int  # how the second colour lies on the ground
    brand: str
    brand_font: int
    brand_place: tuple[float, float, float]  # centre x, centre y, width
    logo: int  # index of a picture, or -1
    art: int  # index of a picture
    art_place: tuple[float, float, float]  # centre x, centre y, width
    art_oval: bool
    flavour: str
    flavour_place: tuple[float, float, float]
    band: Colour
    fine_print: int  # seed of the small lines


def write_packages(pictures: Sequence[Picture], logos: Sequence[Picture], labels: int, folder: Path, seed: int) -> list[str]:
    """Writes `labels` packages of two pictures each below folder/packages; returns their lines `path<SPACE>label`.

    What is printed on them is cut from `pictures` and `logos`. The second picture of a label carries a sticker.
    """
    random = np.random.default_rng(seed)
    lines: list[str] = []
    family = 0
    while len(lines) < 2 * labels:
        members = int(random.integers(2, 6))
        first = drawn(random, len(pictures), len(logos))
        for member in range(min(members, labels - len(lines) // 2)):
            package = first if member == 0 else sibling(first, random, len(pictures))
            name = f"family{family:05d}-{member}"
            (folder / DATASET / name).mkdir(parents=True, exist_ok=True)
            for number in range(2):
                art, logo = read_picture(pictures[package.art].path), None
                if package.logo >= 0:
                    logo = read_picture(logos[package.logo].path)
                picture = painted(package, art, logo)
                if number:
                    picture = stickered(picture, random)
                path = f"{DATASET}/{name}/{number}.jpg"
                cv2.imwrite(str(folder / path), picture[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])
                lines.append(f"{path} {DATASET}-{name}")
        family += 1
    return lines


def drawn(random: Random, pictures: int, logos: int) -> Package:
    """The first of a new family."""
    shape = random.random()
    ratio = random.uniform(0.55, 0.85) if shape < 0.65 else random.uniform(0.9, 1.1) if shape < 0.8 else random.uniform(1.2, 1.7)
    width, height = (176, int(176 / ratio)) if ratio < 1 else (int(176 * ratio), 176)
    low = random.random() < 0.35  # the brand at the foot
    ground, second = colour(random), colour(random)
    return Package(
        width, height, ground, second, contrasting(ground), int(random.integers(5)), words(random, 1),
        int(random.integers(8)), (random.uniform(0.42, 0.58), random.uniform(0.75, 0.88) if low else random.uniform(0.1, 0.25),
        random.uniform(0.5, 0.95)), int(random.integers(logos)) if logos and random.random() < 0.35 else -1,
        int(random.integers(pictures)), (random.uniform(0.35, 0.65), random.uniform(0.3, 0.45) if low else
        random.uniform(0.55, 0.72), random.uniform(0.5, 1.0)), random.random() < 0.6, words(random, int(random.integers(1, 3))),
        (random.uniform(0.35, 0.65), random.uniform(0.58, 0.7) if low else random.uniform(0.32, 0.42),
        random.uniform(0.35, 0.8)), colour(random), int(random.integers(2**31)),
    )


def sibling(package: Package, random: Random, pictures: int) -> Package:
    """Another flavour: other words and band; mostly another ground or picture as well."""
    other = replace(package, flavour=words(random, int(random.integers(1, 3))), band=colour(random))
    change = random.random()
    if change < 0.5:
        ground = colour(random)
        other = replace(other, ground=ground, print=contrasting(ground))
    if change > 0.3:
        other = replace(other, art=int(random.integers(pictures)))
    if change > 0.9:
        other = replace(other, fine_print=int(random.integers(2**31)), second=colour(random))
    return other


def painted(package: Package, art: np.ndarray, logo: np.ndarray | None) -> np.ndarray:
    """The front, uint8 RGB [height, width, 3]."""
    width, height = package.width, package.height
    face = np.full((height, width, 3), package.ground, dtype=np.uint8)
    _divide(face, package)
    place_picture(face, art, package.art_place, package.art_oval)
    _fine_print(face, package)
    x, y, reach = package.flavour_place
    half = (int(width * reach / 2) + 4, max(8, int(height * 0.055)))
    middle = (int(x * width), int(y * height))
    cv2.rectangle(face, (middle[0] - half[0], middle[1] - half[1]), (middle[0] + half[0], middle[1] + half[1]), package.band, -1)
    write(face, package.flavour, package.flavour_place, contrasting(package.band), package.fine_print % 8)
    if logo is not None:
        x, y, reach = package.brand_place
        place_picture(face, logo, (x, y, reach * 0.45), oval=package.fine_print % 2 == 0)
    else:
        write(face, package.brand, package.brand_place, package.print, package.brand_font)
    return face


def stickered(face: np.ndarray, random: Random) -> np.ndarray:
    """With a price tag or a round offer over a small part of it."""
    face = face.copy()
    height, width = face.shape[:2]
    x, y = random.uniform(0.12, 0.88), random.uniform(0.12, 0.88)
    ground = colour(random)
    radius = int(random.uniform(0.08, 0.15) * width)
    if random.random() < 0.5:
        cv2.circle(face, (int(x * width), int(y * height)), radius, ground, -1, cv2.LINE_AA)
    else:
        corner = (int(x * width) - radius, int(y * height) - radius // 2)
        cv2.rectangle(face, corner, (corner[0] + 2 * radius, corner[1] + radius), ground, -1)
    write(face, str(int(random.integers(1, 999))), (x, y, 1.5 * radius / width), contrasting(ground), int(random.integers(8)))
    return face


def place_picture(face: np.ndarray, picture: np.ndarray, place: tuple[float, float, float], oval: bool) -> None:
    """Scales the picture to a share of the face's width and draws it there, whole or in a soft oval; cut at the edges."""
    height, width = face.shape[:2]
    wide = max(8, int(width * place[2]))
    high = max(8, min(height, wide * picture.shape[0] // picture.shape[1]))
    picture = cv2.resize(picture, (wide, high), interpolation=cv2.INTER_AREA).astype(np.float32)
    mask = np.ones((high, wide), dtype=np.float32)
    if oval:
        mask[:] = 0
        cv2.ellipse(mask, (wide // 2, high // 2), (int(wide * 0.44), int(high * 0.44)), 0, 0, 360, 1.0, -1)
        mask = cv2.GaussianBlur(mask, (0, 0), wide / 40 + 0.5)
    left, top = int(place[0] * width) - wide // 2, int(place[1] * height) - high // 2
    right, bottom = min(width, left + wide), min(height, top + high)
    if right <= max(0, left) or bottom <= max(0, top):
        return
    seen = (slice(max(0, -top), bottom - top), slice(max(0, -left), right - left))
    under = face[max(0, top) : bottom, max(0, left) : right]
    share = mask[seen][:, :, None]
    under[:] = (under * (1 - share) + picture[seen] * share).astype(np.uint8)


def write(face: np.ndarray, text: str, place: tuple[float, float, float], ink: Colour, font: int) -> None:
    """Writes text, as wide as a share of the face allows, in one of OpenCV's stroke fonts or Pillow's own."""
    height, width = face.shape[:2]
    wanted = max(6.0, width * place[2])
    middle = (place[0] * width, place[1] * height)
    if font < len(HERSHEY):
        (wide, high), _ = cv2.getTextSize(text, HERSHEY[font], 1.0, 2)
        scale = min(wanted / wide, 0.14 * height / high)
        origin = (int(middle[0] - wide * scale / 2), int(middle[1] + high * scale / 2))
        cv2.putText(face, text, origin, HERSHEY[font], scale, ink, max(1, round(2.5 * scale)), cv2.LINE_AA)
        return
    size = max(7.0, min(1.6 * wanted / max(1, len(text)), 0.2 * height))
    canvas = Image.fromarray(face)
    ImageDraw.Draw(canvas).text(
        middle, text, ink, ImageFont.load_default(size), anchor="mm", stroke_width=font % 2, stroke_fill=ink,
    )
    face[:] = np.asarray(canvas)


def words(random: Random, count: int) -> str:
    """Made words, in capitals or with a capital."""
    made = ["".join(SYLLABLES[i] for i in random.integers(len(SYLLABLES), size=random.integers(2, 4))) for _ in range(count)]
    text = " ".join(made)
    return text.upper() if random.random() < 0.5 else text.title()


def colour(random: Random) -> Colour:
    """Any colour a printer likes: often strong, at times white, pale or dark."""
    hue, kind = random.random(), random.random()
    saturation, value = (0.0, 0.95) if kind < 0.15 else (0.3, 0.95) if kind < 0.3 else (0.9, 0.35) if kind < 0.45 else (
        random.uniform(0.6, 1.0), random.uniform(0.6, 1.0))
    red, green, blue = colorsys.hsv_to_rgb(hue, saturation, value)
    return int(red * 255), int(green * 255), int(blue * 255)


def contrasting(ground: Colour) -> Colour:
    """White on what is dark, black or a deep blue on what is light."""
    bright = 0.3 * ground[0] + 0.59 * ground[1] + 0.11 * ground[2]
    if bright < 140:
        return (255, 255, 255) if ground[0] % 3 else (255, 235, 60)
    return (10, 10, 10) if ground[1] % 2 else (20, 30, 120)


def _divide(face: np.ndarray, package: Package) -> None:
    """Lays the second colour over a part of the ground."""
    height, width = face.shape[:2]
    kind, second = package.division, package.second
    if kind == 1:
        face[int(height * 0.62) :] = second
    elif kind == 2:
        cv2.fillPoly(face, [np.array([[0, 0], [width, 0], [0, int(height * 0.6)]])], second)
    elif kind == 3:
        cv2.ellipse(face, (width // 2, 0), (int(width * 0.75), int(height * 0.35)), 0, 0, 360, second, -1, cv2.LINE_AA)
    elif kind == 4:
        ramp = np.linspace(0, 1, height)[:, None, None]
        face[:] = (face * (1 - ramp) + np.array(second) * ramp).astype(np.uint8)


def _fine_print(face: np.ndarray, package: Package) -> None:
    """Weight, claims and a badge: small, the same for all of a family but where the seed differs."""
    random = np.random.default_rng(package.fine_print)
    for _ in range(int(random.integers(1, 5))):
        place = (random.uniform(0.15, 0.85), random.uniform(0.05, 0.97), random.uniform(0.12, 0.35))
        write(face, words(random, int(random.integers(1, 4))), place, package.print, int(random.integers(8)))
    if random.random() < 0.5:
        middle = (int(random.uniform(0.12, 0.88) * face.shape[1]), int(random.uniform(0.1, 0.9) * face.shape[0]))
        cv2.circle(face, middle, int(random.uniform(0.06, 0.12) * face.shape[1]), colour(random), -1, cv2.LINE_AA)
