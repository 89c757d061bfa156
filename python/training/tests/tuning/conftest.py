"""A small shop of made products for tuning's tests."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from sightline_training.tuning.made import made_packages

Shop = Callable[..., Path]


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """shop(products, pictures) is a folder of so many products with so many pictures each."""

    def folder(products: int, pictures: int) -> Path:
        made = made_packages(products, pictures, seed=9)
        for index, (picture, label) in enumerate(zip(made.pictures, made.labels, strict=True)):
            if index % (1 + pictures):
                file = tmp_path / "shop" / f"Crème No. {label}" / f"{index}.jpg"
                file.parent.mkdir(parents=True, exist_ok=True)
                cv2.imencode(".jpg", np.ascontiguousarray(picture[:, :, ::-1]))[1].tofile(file)
        return tmp_path / "shop"

    return folder
