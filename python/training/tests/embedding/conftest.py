"""A small made picture set for the embedder's tests."""

from pathlib import Path

import cv2
import numpy as np
import pytest


@pytest.fixture
def made_set(tmp_path: Path) -> tuple[Path, Path]:
    """(label file `path label`, root): 3 datasets x 8 labels x 4 pictures, alike within a label."""
    root = tmp_path / "pictures"
    lines: list[str] = []
    for d, dataset in enumerate(("boxes", "logos", "cans")):
        for label in range(8):
            random = np.random.default_rng((d, label))
            base = random.integers(0, 256, (6, 5, 3), dtype=np.uint8)
            folder = root / dataset / str(label)
            folder.mkdir(parents=True)
            for i in range(4):
                picture = cv2.resize(base, (50, 60), interpolation=cv2.INTER_CUBIC)
                noise = np.random.default_rng(i).integers(0, 20, picture.shape, dtype=np.uint8)
                cv2.imwrite(str(folder / f"{i}.jpg"), cv2.add(picture, noise))
                lines.append(f"{dataset}/{label}/{i}.jpg {d * 8 + label}")
    listed = tmp_path / "list.txt"
    listed.write_text("\n".join(lines) + "\n")
    return listed, root
