"""A small made picture set for the embedder's tests."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from sightline_training.embedding.export import write_model_folder
from sightline_training.embedding.networks import build_embedder


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder of a random network at 64 pixels, not to be written into: an export takes many seconds."""
    folder = tmp_path_factory.mktemp("models") / "tiny"
    write_model_folder(build_embedder("lite"), 64, folder, 0.4, {"made": "2026-01-01", "data": []}, {})
    return folder


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
