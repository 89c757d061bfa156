"""A small made box list for the detector's tests."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest


@pytest.fixture
def made_boxes(tmp_path: Path) -> Path:
    """A folder with boxes.jsonl of 40 pictures, a bright block on noise, and material to make scenes of."""
    rows = []
    (tmp_path / "images").mkdir()
    (tmp_path / "art").mkdir()
    for k in range(40):
        random_numbers = np.random.default_rng(k)
        picture = random_numbers.integers(0, 90, (60, 80, 3), dtype=np.uint8)
        x, y = random_numbers.integers(5, 30, 2).tolist()
        picture[y : y + 25, x : x + 40] = 230
        cv2.imwrite(str(tmp_path / "images" / f"{k}.jpg"), picture)
        cv2.imwrite(str(tmp_path / "art" / f"{k}.jpg"), picture)
        rows.append({"image": f"images/{k}.jpg", "boxes": [[x / 80, y / 60, (x + 40) / 80, (y + 25) / 60]], "source": "made"})
    (tmp_path / "boxes.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    return tmp_path
