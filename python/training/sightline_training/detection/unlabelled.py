"""What stands in a picture without a box: a detector that is trained already finds it, and training overlooks it there."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from .data import Listed, load
from .evaluate import Detect

# Below this it may be a price tag or a shadow, which training should not overlook.
LEAST_SCORE = 0.45
# What covers a box by more than this, or lies in one by more, is a wrong answer about that object and no other one.
MOST_SHARED = 0.3


def mark_unlabelled(boxes: Path, root: Path, to: Path, listed: Sequence[Listed], detect: Detect) -> int:
    """Writes the list `boxes`, of which `listed` are pictures, with what the detector sees beside the boxes as `ignore`.

    The list is JSON lines whose paths start from `root`. Lines of other pictures stay as they are. Returns how many regions were added.
    """
    added = {str(one.file): beside(one, detect) for one in listed}
    lines = []
    for line in filter(str.strip, boxes.read_text().splitlines()):
        row = json.loads(line)
        more = added.get(str(root / row["image"]), np.zeros((0, 4)))
        row["ignore"] = [*row.get("ignore", []), *np.round(more.astype(float), 4).tolist()]
        lines.append(json.dumps(row))
    to.write_text("\n".join(lines) + "\n")
    return sum(map(len, added.values()))


def beside(listed: Listed, detect: Detect) -> np.ndarray:
    """What the detector sees apart from the boxes: [K, 4] in 0..1."""
    sample = load(listed)
    height, width = sample.picture.shape[:2]
    boxes, scores = detect(sample.picture)
    boxes = boxes[scores >= LEAST_SCORE]
    low = np.maximum(boxes[:, None, :2], sample.boxes[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], sample.boxes[None, :, 2:])
    shared = (high - low).clip(min=0).prod(-1)
    areas = [(x[:, 2:] - x[:, :2]).prod(-1).clip(1e-6) for x in (boxes, sample.boxes)]
    most = np.maximum(shared / areas[0][:, None], shared / areas[1][None]).max(1, initial=0.0)
    return boxes[most <= MOST_SHARED] / np.float32([width, height, width, height])
