"""Makes pictures.json: small pictures of the formats that no library of this project writes, damage that OpenCV reads, and the right pixels.

Run: pip install numpy==2.4.6 opencv-python-headless==5.0.0.93 pillow==13.0.0 pillow-heif==1.8.1 imagecodecs==2026.3.6
     python test/golden/make_pictures.py
Pixels are those of Pillow, imagecodecs and OpenCV; colour profiles are applied by Little CMS. Nothing comes from sharp.
"""

import base64
import hashlib
import io
import json
import os
import struct
import tempfile
import zlib
from pathlib import Path

import cv2
import imagecodecs
import numpy as np
import pillow_heif
from PIL import Image, ImageCms

pillow_heif.register_heif_opener()
HERE = Path(__file__).parent
text = lambda data: base64.b64encode(bytes(data)).decode()


def chart(width: int, height: int) -> np.ndarray:
    """Four coloured quarters and a slope of grey along the top."""
    a = np.zeros((height, width, 3), np.uint8)
    a[: height // 2, : width // 2] = (220, 30, 30)
    a[: height // 2, width // 2 :] = (30, 180, 40)
    a[height // 2 :, : width // 2] = (40, 60, 210)
    a[height // 2 :, width // 2 :] = (230, 210, 40)
    a[: height // 6] = np.linspace(0, 255, width).astype(np.uint8)[None, :, None]
    return a


def encoded(picture: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def formats() -> dict[str, object]:
    a = chart(32, 24)
    rgb = Image.fromarray(a)
    turned = Image.Exif()
    turned[274] = 6
    files = {
        "heic": encoded(rgb, "HEIF", quality=90, chroma=444),
        "heic, turned by its EXIF": encoded(rgb, "HEIF", quality=90, chroma=444, exif=turned.tobytes()),
        "heic with alpha": encoded(rgb.convert("RGBA"), "HEIF", quality=90, chroma=444),
        "avif sequence": encoded(rgb, "AVIF", save_all=True, append_images=[rgb.rotate(180)], quality=95, subsampling="4:4:4"),
        "jpeg 2000": encoded(rgb, "JPEG2000"),
        "jpeg 2000, bare": encoded(rgb, "JPEG2000", no_jp2=True),
        "jpeg 2000, grey": encoded(rgb.convert("L"), "JPEG2000"),
        "jpeg 2000, 16 bits": imagecodecs.jpeg2k_encode(a.astype(np.uint16) * 257, level=0),
        "jpeg xl": imagecodecs.jpegxl_encode(a, lossless=True),
        "jpeg xl, grey": imagecodecs.jpegxl_encode(np.asarray(rgb.convert("L")), lossless=True),
        "bmp": encoded(rgb, "BMP"),
        "bmp with palette": encoded(rgb.convert("P"), "BMP"),
        "bmp, black and white": encoded(rgb.convert("1"), "BMP"),
        "ppm": encoded(rgb, "PPM"),
        "pgm": encoded(rgb.convert("L"), "PPM"),
        "pbm": encoded(rgb.convert("1"), "PPM"),
        "ppm in text": b"P3\n# by hand\n32 24\n255\n" + b" ".join(str(value).encode() for value in a.ravel()),
        "ppm, 16 bits": b"P6\n32 24\n65535\n" + (a.astype(">u2") * 257).tobytes(),
    }
    # What only imagecodecs reads was made without loss from `a`.
    lossless = {"jpeg 2000, 16 bits": a, "jpeg xl": a, "ppm, 16 bits": a, "ppm in text": a,
                "jpeg xl, grey": np.asarray(rgb.convert("L").convert("RGB"))}
    answers = {}
    for name, file in files.items():
        pixels = lossless[name] if name in lossless else np.asarray(Image.open(io.BytesIO(file)).convert("RGB"))
        answers[name] = {"file": text(file), "width": pixels.shape[1], "height": pixels.shape[0], "pixels": text(zlib.compress(pixels.tobytes(), 9))}
    return answers


def read(file: bytes) -> str:
    """The sha256 of the RGB pixels that cv2.imread gives; it reads damaged files, cv2.imdecode does not."""
    with tempfile.NamedTemporaryFile(suffix=".jpg", delete=False) as out:
        out.write(file)
    pixels = cv2.imread(out.name, cv2.IMREAD_COLOR)
    os.unlink(out.name)
    return hashlib.sha256(np.ascontiguousarray(pixels[:, :, ::-1]).tobytes()).hexdigest()


def cut_at_markers(file: bytes) -> tuple[bytes, list[bytes]]:
    """The headers, and the intervals of the scan with the restart marker before each; the first has none."""
    at = 2
    while file[at + 1] != 0xDA:
        at += 2 + struct.unpack(">H", file[at + 2 : at + 4])[0]
    at += 2 + struct.unpack(">H", file[at + 2 : at + 4])[0]
    intervals, start, i = [], at, at
    while i < len(file) - 1:
        if file[i] == 0xFF and 0xD0 <= file[i + 1] <= 0xD7:
            intervals.append(file[start:i])
            start = i
        i += 1
    return file[:at], [*intervals, file[start:]]


def damaged() -> dict[str, object]:
    """JPEGs of 192 restart intervals and the damage that the test repeats: what is done to each n-th interval."""
    answers = {}
    for name, subsampling, width, height in [("4:4:4", 0, 128, 96), ("4:2:0", 2, 256, 192)]:
        picture = Image.fromarray(chart(width, height))
        file = encoded(picture, "JPEG", quality=80, subsampling=subsampling, restart_marker_blocks=1)
        head, intervals = cut_at_markers(file)
        assert len(intervals) == 192
        last = len(intervals) - 1
        every = lambda n, change: head + b"".join(change(part) if i % n == n - 1 and i < last else part for i, part in enumerate(intervals))
        variants = {
            "whole": file,
            "lost markers 9": every(9, lambda part: part[2:]),
            "lost intervals 9": every(9, lambda part: b""),
            "lost intervals 50": every(50, lambda part: b""),
            "halved intervals 40": every(40, lambda part: part[: 2 + len(part) // 2]),
        }
        answers[name] = {"file": text(file), "pixels": {variant: read(made) for variant, made in variants.items()}}
    for name, options in [("sequential", {}), ("progressive", {"progressive": True}), ("grey", {"grey": True})]:
        picture = Image.fromarray(chart(128, 96)).convert("L" if options.pop("grey", False) else "RGB")
        file = encoded(picture, "JPEG", quality=80, **options)
        answers[name] = {"file": text(file), "pixels": {"whole": read(file), **{f"cut {n}": read(file[:-n]) for n in (1, 2, 3, 8)}}}
    # As Motion JPEG has them: without the tables that everybody knows.
    plain = cv2.imencode(".jpg", chart(128, 96))[1].tobytes()
    answers["motion"] = {"file": text(without_tables(plain)), "pixels": {"whole": read(plain)}}
    return answers


def without_tables(file: bytes) -> bytes:
    out, at = file[:2], 2
    while True:
        size = 2 + struct.unpack(">H", file[at + 2 : at + 4])[0]
        if file[at + 1] == 0xDA:
            return out + file[at:]
        if file[at + 1] != 0xC4:
            out += file[at : at + size]
        at += size


def xyz(*values: float) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *[round(value * 65536) for value in values])


def profile(primaries: list[tuple[float, float, float]] | None, gamma: float) -> bytes:
    """A display's profile of the second version: three primaries (adapted to D50) or grey, and a gamma."""
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    name = b"desc\0\0\0\0" + struct.pack(">I", 5) + b"test\0" + bytes(79)
    tags = [(b"desc", name), (b"cprt", b"text\0\0\0\0none"), (b"wtpt", xyz(0.9642, 1, 0.8249))]
    if primaries is None:
        tags.append((b"kTRC", curve))
    else:
        for letter, primary in zip("rgb", primaries):
            tags += [(f"{letter}XYZ".encode(), xyz(*primary)), (f"{letter}TRC".encode(), curve)]
    table, data, start = b"", b"", 132 + 12 * len(tags)
    for tag, value in tags:
        table += tag + struct.pack(">II", start + len(data), len(value))
        data += value + bytes(-len(value) % 4)
    size = start + len(data)
    space = b"GRAY" if primaries is None else b"RGB "
    head = struct.pack(">I4sI4s4s4s12s4s", size, b"none", 0x02100000, b"mntr", space, b"XYZ ", bytes(12), b"acsp")
    return head + bytes(28) + struct.pack(">3i", 63190, 65536, 54061) + bytes(48) + struct.pack(">I", len(tags)) + table + data


def profiles() -> dict[str, object]:
    """Profiles, and a chart's pixels taken from each to sRGB by Little CMS, perceptually as sharp does."""
    srgb = ImageCms.createProfile("sRGB")
    adobe = profile([(0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457)], 2.19921875)
    prophoto = profile([(0.79767, 0.28804, 0.0), (0.13519, 0.71188, 0.0), (0.03134, 0.00009, 0.82491)], 1.8)
    answers = {"chart": text(zlib.compress(chart(32, 24).tobytes(), 9))}
    for name, made in [("Adobe RGB", adobe), ("ProPhoto", prophoto), ("linear grey", profile(None, 1.0))]:
        picture = Image.fromarray(chart(32, 24)).convert("L" if name == "linear grey" else "RGB")
        if name == "linear grey":
            picture = Image.fromarray(chart(32, 24)[:, :, 0])
        done = ImageCms.profileToProfile(picture, ImageCms.ImageCmsProfile(io.BytesIO(made)), srgb, renderingIntent=0, outputMode="RGB")
        answers[name] = {"profile": text(made), "pixels": text(zlib.compress(np.asarray(done).tobytes(), 9))}
    return answers


(HERE / "pictures.json").write_text(json.dumps({"formats": formats(), "damaged": damaged(), "profiles": profiles()}, indent=1) + "\n")
