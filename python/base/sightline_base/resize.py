"""Pictures at a network's size, as `shared/imaging/` makes them: OpenCV's resize, and averages where a crop shrinks much."""

import cv2
import numpy as np

_METHODS = {"linear": cv2.INTER_LINEAR, "cubic": cv2.INTER_CUBIC}


def resized(picture: np.ndarray, width: int, height: int, interpolation: str = "linear") -> np.ndarray:
    """The whole picture, uint8 [H, W, 3], its ratio not kept; `interpolation` as a manifest's `input` names it."""
    return cv2.resize(picture, (width, height), interpolation=_METHODS[interpolation])


def averaged(picture: np.ndarray, width: int, height: int) -> np.ndarray:
    """Each pixel the mean of what it covers; for sizes that are not larger."""
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)


def cut_crop(picture: np.ndarray, size: int) -> np.ndarray:
    """Bilinear to size x size; an axis that shrinks to less than half is averaged, as `shared/imaging/crop.ts` does it."""
    height, width = (size if side > 2 * size else side for side in picture.shape[:2])
    if (height, width) != picture.shape[:2]:
        picture = averaged(picture, width, height)
    return resized(picture, size, size)
