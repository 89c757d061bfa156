"""Makes the golden files that both languages' tests compare with, by numpy and OpenCV alone; manifests.json is written by hand.

Run: pip install numpy==2.4.6 opencv-python-headless==5.0.0.93 && python test/golden/make_golden.py
Inputs come from a generator that the tests repeat, so only answers are stored. Written from the definitions (OpenCV's
resize itself, PP-PicoDet's decoding, greedy NMS, the ranking of a gallery), not from the TypeScript or python/base.
"""

import hashlib
import json
from pathlib import Path

import cv2
import numpy as np

HERE = Path(__file__).parent


def noise(count: int, seed: int) -> np.ndarray:
    """Bytes of a linear congruential generator: x = x * 1664525 + 1013904223 mod 2^32, the top byte of each."""
    values = np.empty(count, np.uint8)
    state = seed
    for index in range(count):
        state = (state * 1664525 + 1013904223) % 2**32
        values[index] = state >> 24
    return values


def resizes() -> dict[str, str]:
    """Crops of a 61 x 43 noise picture, resized: the bytes of each answer in hexadecimal."""
    picture = noise(61 * 43 * 3, 7).reshape(43, 61, 3)
    answers = {}
    for x1, y1, x2, y2, width, height in [(0, 0, 61, 43, 24, 24), (0, 0, 61, 43, 96, 64), (5, 3, 50, 40, 32, 16),
                                          (10, 10, 11, 11, 8, 8), (0, 20, 61, 22, 16, 16), (7, 1, 33, 42, 26, 41)]:
        for name, method in [("linear", cv2.INTER_LINEAR), ("cubic", cv2.INTER_CUBIC)]:
            crop = np.ascontiguousarray(picture[y1:y2, x1:x2])
            answer = cv2.resize(crop, (width, height), interpolation=method)
            answers[f"{x1},{y1},{x2},{y2} {width}x{height} {name}"] = answer.tobytes().hex()
    return answers


def averages() -> dict[str, str]:
    """The same picture and a part of it, averaged down along both axes or one."""
    picture = noise(61 * 43 * 3, 7).reshape(43, 61, 3)
    answers = {}
    for x1, y1, x2, y2, width, height in [(0, 0, 61, 43, 24, 16), (0, 0, 61, 43, 20, 43), (5, 3, 50, 40, 45, 11), (0, 0, 60, 40, 20, 10)]:
        crop = np.ascontiguousarray(picture[y1:y2, x1:x2])
        answer = cv2.resize(crop, (width, height), interpolation=cv2.INTER_AREA)
        answers[f"{x1},{y1},{x2},{y2} {width}x{height}"] = answer.tobytes().hex()
    return answers


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def picodet() -> dict[str, object]:
    """Decodes noise heads of a 128 x 64 input for a 300 x 100 frame, box by box, and suppresses overlaps."""
    strides, bins = [8, 16, 32, 64], 8
    found = []
    for level, stride in enumerate(strides):
        h, w = 64 // stride, 128 // stride
        head = (noise(33 * h * w, 100 + level).astype(np.float32).reshape(33, h, w) - 128) / 32
        head[0] -= 1.5
        for row in range(h):
            for column in range(w):
                score = float(sigmoid(head[0, row, column].astype(np.float64)))
                sides = []
                for side in range(4):
                    logits = head[1 + side * bins : 1 + (side + 1) * bins, row, column].astype(np.float64)
                    weights = np.exp(logits - logits.max())
                    sides.append(float((weights / weights.sum() * np.arange(bins)).sum()) * stride)
                x, y = (column + 0.5) * stride, (row + 0.5) * stride
                corners = np.array([x - sides[0], y - sides[1], x + sides[2], y + sides[3]])
                box = corners * [300 / 128, 100 / 64, 300 / 128, 100 / 64]
                box = np.clip(box, 0, [300, 100, 300, 100])
                if score >= 0.025 and box[2] - box[0] >= 1 and box[3] - box[1] >= 1:
                    found.append((score, box))
    found.sort(key=lambda one: -one[0])
    kept: list[tuple[float, np.ndarray]] = []
    for score, box in found:
        if all(iou(box, other) <= 0.6 for _, other in kept):
            kept.append((score, box))
    return {"boxes": [[round(float(v), 4) for v in box] + [round(score, 6)] for score, box in kept[:20] if score >= 0.3]}


def suppressed(found: list[tuple[float, np.ndarray]], frame: tuple[int, int], limit: float) -> list[list[float]]:
    """Clips, leaves out what is under a pixel, and of two that overlap the weaker: [x1, y1, x2, y2, score], best first."""
    clipped = [(score, np.clip(box, 0, [*frame, *frame])) for score, box in found]
    whole = sorted((one for one in clipped if min(one[1][2:] - one[1][:2]) >= 1), key=lambda one: -one[0])
    kept: list[tuple[float, np.ndarray]] = []
    for score, box in whole:
        if all(iou(box, other) <= limit for _, other in kept):
            kept.append((score, box))
    return [[round(float(v), 4) for v in box] + [round(score, 6)] for score, box in kept]


def unit(count: int, seed: int) -> np.ndarray:
    """0 ... 1 in float32."""
    return (noise(count, seed) / 255).astype(np.float32).astype(np.float64)


def layouts() -> dict[str, object]:
    """
    Each layout that a detector's manifest can name, read anchor by anchor from noise. A threshold of 0.5, an overlap of 0.5;
    `letterbox` by the words of those who train so: r = min(W / w, H / h), the picture in the middle or at the top left.
    """
    answers: dict[str, object] = {}
    width, height, frame = 96, 64, (300, 100)
    stretched = lambda box: box * [300 / 96, 100 / 64, 300 / 96, 100 / 64]
    ratio = min(96 / 300, 64 / 100)  # 0.32: 96 x 32
    centred = lambda box: (box - [0, 16, 0, 16]) / ratio
    topmost = lambda box: box / ratio
    sizes = np.array([width, height, width / 2, height / 2])

    def around(x: float, y: float, w: float, h: float) -> np.ndarray:
        return np.array([x - w / 2, y - h / 2, x + w / 2, y + h / 2])

    def put(name: str, found: list[tuple[float, np.ndarray]]) -> None:
        answers[name] = suppressed([one for one in found if one[0] >= 0.5], frame, 0.5)

    # [A, 4 + 1 + 3]: YOLOv5, v7.
    rows = unit(40 * 8, 11).reshape(40, 8)
    put("v5", [(float(row[4] * row[5:].max()), stretched(around(*(row[:4] * sizes)))) for row in rows])
    put("v5 letterbox", [(float(row[4] * row[5:].max()), centred(around(*(row[:4] * sizes)))) for row in rows])
    put("yolox decoded", [(float(row[4] * row[5:].max()), topmost(around(*(row[:4] * sizes)))) for row in rows])
    # [4 + 3, A]: YOLOv8 and later, in pixels and in fractions.
    columns = unit(7 * 40, 12).reshape(7, 40).T
    put("v8 letterbox", [(float(one[4:].max()), centred(around(*(one[:4] * sizes)))) for one in columns])
    put("v8 fraction", [(float(one[4:].max()), stretched(around(*(one[:4] * sizes)))) for one in columns])
    # Corners [A, 4] and scores [A, 3] apart.
    corners = unit(40 * 4, 13).reshape(40, 4) * [width, height, width, height]
    scores = unit(40 * 3, 14).reshape(40, 3)
    put("corners", [(float(score.max()), stretched(box)) for box, score in zip(corners, scores)])
    # YOLOX as it comes: distance to the cell and logarithms of the sides, strides 8, 16, 32.
    cells = [(column, row, stride) for stride in (8, 16, 32) for row in range(64 // stride) for column in range(96 // stride)]
    raw = unit(len(cells) * 8, 15).reshape(len(cells), 8)
    found = []
    for (column, row, stride), one in zip(cells, raw):
        w, h = np.exp(one[2:4] * 2 - 1) * stride
        found.append((float(one[4] * one[5:].max()), topmost(around((one[0] + column) * stride, (one[1] + row) * stride, w, h))))
    put("yolox cells", found)
    # PicoDet's scores [A, 3] and distances [A, 4 * 4] apart; stride 64 cuts cells off: 2 x 1.
    found = []
    for level, stride in enumerate((16, 64)):
        across, down = -(-96 // stride), -(-64 // stride)
        scores = unit(across * down * 3, 20 + level).reshape(-1, 3)
        logits = unit(across * down * 16, 30 + level).reshape(-1, 4, 4) * 8 - 4
        for cell in range(across * down):
            weights = np.exp(logits[cell])
            sides = (weights / weights.sum(1, keepdims=True) * np.arange(4)).sum(1) * stride
            x, y = (cell % across + 0.5) * stride, (cell // across + 0.5) * stride
            box = np.array([x - sides[0], y - sides[1], x + sides[2], y + sides[3]])
            found.append((float(scores[cell].max()), stretched(box)))
    put("picodet apart", found)
    return answers


def letterboxes() -> dict[str, str]:
    """The same picture as above with its aspect ratio kept: Ultralytics' LetterBox and YOLOX's preproc, in hexadecimal."""
    picture = noise(61 * 43 * 3, 7).reshape(43, 61, 3)
    answers = {}
    for width, height in [(48, 48), (32, 61), (100, 40)]:
        ratio = min(height / 43, width / 61)
        inner = (round(61 * ratio), round(43 * ratio))
        across, down = (width - inner[0]) / 2, (height - inner[1]) / 2
        border = (round(down - 0.1), round(down + 0.1), round(across - 0.1), round(across + 0.1))
        resized = cv2.resize(picture, inner, interpolation=cv2.INTER_LINEAR)
        answer = cv2.copyMakeBorder(resized, *border, cv2.BORDER_CONSTANT, value=(114, 114, 114))
        answers[f"{width}x{height} centre"] = answer.tobytes().hex()
        inner = (int(61 * ratio), int(43 * ratio))
        answer = np.full((height, width, 3), 114, np.uint8)
        answer[: inner[1], : inner[0]] = cv2.resize(picture, inner, interpolation=cv2.INTER_LINEAR)
        answers[f"{width}x{height} top-left"] = answer.tobytes().hex()
    return answers


def iou(a: np.ndarray, b: np.ndarray) -> float:
    width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    shared = width * height
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)


def tensor() -> list[float]:
    """A 2 x 2 picture normalized the reference's way, three planes."""
    pixels = noise(12, 3).reshape(2, 2, 3).astype(np.float64) / 255
    planes = (pixels - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    return [round(float(v), 6) for v in planes.transpose(2, 0, 1).ravel()]


def inputs() -> list[dict[str, object]]:
    """The same picture as networks of other contracts take it."""
    pixels = noise(12, 3).reshape(2, 2, 3).astype(np.float64)
    cases = []
    for layout, order, scale, mean, std in [("NHWC", "RGB", 1 / 127.5, [1.0] * 3, [1.0] * 3), ("NCHW", "BGR", 1.0, [103.5, 116.25, 123.75], [57.5, 57, 58.5])]:
        told = {"layout": layout, "colorOrder": order, "scale": scale, "mean": mean, "std": std}
        ordered = pixels if order == "RGB" else pixels[..., ::-1]
        values = (ordered * scale - mean) / std
        cases.append({**told, "values": [round(float(v), 6) for v in (values.transpose(2, 0, 1) if layout == "NCHW" else values).ravel()]})
    return cases


def canary() -> dict[str, dict[str, str]]:
    """The canary pattern: the bytes of a small one in hexadecimal, the sha256 of large ones."""

    def pattern(width: int, height: int) -> bytes:
        return bytes((x * (c + 1) + y * (3 - c) + 64 * ((x // 32 ^ y // 32) % 4)) % 256 for y in range(height) for x in range(width) for c in range(3))

    large = {f"{w}x{h}": hashlib.sha256(pattern(w, h)).hexdigest() for w, h in [(224, 224), (640, 640), (640, 384)]}
    return {"hex": {f"{w}x{h}": pattern(w, h).hex() for w, h in [(3, 2), (40, 35)]}, "sha256": large}


# Unit vectors whose parts are short in decimals.
EAST, NORTH, WEST = [1, 0], [0, 1], [-1, 0]
NEAR_EAST, EAST_NORTH, NORTH_EAST, NEAR_NORTH, NORTH_WEST = [0.96, 0.28], [0.8, 0.6], [0.6, 0.8], [0.28, 0.96], [-0.6, 0.8]


def retrieval() -> dict[str, list[dict[str, object]]]:
    """Galleries with queries, each [label, vector], and the figures that a ranking picture by picture gives.

    `asked` are queries of a gallery: `answerable` are the figures where queries without any right picture do not count.
    `among` are pictures asked of each other, none of itself.
    """
    spread = [["a", EAST], ["b", NEAR_EAST], ["a", EAST_NORTH], ["c", NORTH_EAST], ["d", NEAR_NORTH], ["e", NORTH], ["f", NORTH_WEST]]
    # Nineteen pictures of one look: gallery order alone ranks them.
    look = [round(float(v), 4) for v in np.float64([1, -2, 3, -4, 5, -6, 7, -8, 9]) / np.sqrt(285)]
    alike = [[f"one {index}", look] for index in range(19)]
    asked = [
        ("first, among five, and several right pictures", [["a", EAST], ["e", EAST], ["b", NEAR_EAST], ["f", EAST]], spread),
        ("the fifth place counts among five, the sixth does not", [["d", EAST], ["e", EAST]], spread),
        ("of equals the earlier picture comes first", [["a", EAST], ["b", EAST]], [["c", WEST], ["a", EAST], ["b", EAST]]),
        ("many equals keep the gallery's order", [["one 0", look], ["one 5", look], ["one 18", look]], alike),
        ("a label that the gallery lacks is missed", [["a", EAST], ["x", EAST]], spread),
        ("only such labels", [["x", EAST], ["y", NORTH]], spread),
        ("fewer pictures than five", [["a", NORTH], ["b", EAST]], [["a", EAST], ["b", NORTH]]),
        ("all pictures are right", [["a", WEST]], [["a", EAST], ["a", NORTH]]),
        ("labels are compared whole, with their spaces and letters", [["Oat", EAST], ["oat ", EAST]], [["oat", EAST], ["Oat", NORTH]]),
        ("no queries", [], spread),
        ("no gallery", [["a", EAST]], []),
    ]
    among = [
        ("each finds its like", [["a", EAST], ["b", NORTH], ["a", NEAR_EAST], ["b", NEAR_NORTH]]),
        ("one alone of its label", [["a", EAST], ["b", NORTH], ["a", NEAR_NORTH]]),
        ("equals", [["a", EAST], ["b", EAST], ["a", EAST]]),
    ]
    return {
        "asked": [
            {"name": name, "queries": queries, "gallery": gallery, "figures": figures(queries, gallery), "answerable": figures(queries, gallery, True)}
            for name, queries, gallery in asked
        ],
        "among": [{"name": name, "pictures": pictures, "figures": figures(pictures, None)} for name, pictures in among],
    }


def figures(queries: list, gallery: "list | None", answerable: bool = False) -> dict[str, float]:
    """Counted one by one; `gallery` None: the queries themselves, without the one that asks."""
    first, five, precisions = [], [], []
    for number, (label, vector) in enumerate(queries):
        known = gallery if gallery is not None else queries[:number] + queries[number + 1 :]
        # Python's sort keeps the order of equals.
        ranked = sorted(known, key=lambda entry: -sum(a * b for a, b in zip(vector, entry[1], strict=True)))
        ranks = [rank for rank, entry in enumerate(ranked, 1) if entry[0] == label]
        if answerable and not ranks:
            continue
        first.append(1 in ranks)
        five.append(any(rank <= 5 for rank in ranks))
        precisions.append(sum(found / rank for found, rank in enumerate(ranks, 1)) / max(len(ranks), 1))
    mean = lambda values: round(sum(values) / max(len(values), 1), 9)  # noqa: E731
    return {"recall@1": mean(first), "recall@5": mean(five), "mAP": mean(precisions), "queries": len(first)}


GOLDEN = {
    "resize": resizes, "average": averages, "picodet": picodet, "tensor": tensor, "input": inputs, "canary": canary, "retrieval": retrieval,
    "layouts": layouts, "letterbox": letterboxes,
}

if __name__ == "__main__":
    for name, made in GOLDEN.items():
        (HERE / f"{name}.json").write_text(json.dumps(made(), indent=1) + "\n")
