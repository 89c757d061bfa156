"""From a Draw to a training view: the torch dataset behind the loader, and the reference's own augmentation."""

from collections.abc import Callable, Sequence
from functools import partial

import cv2
import numpy as np
import torch
from torch.utils.data import Dataset

from sightline_base.resize import resized

from .camera import Random, camera_view
from .pictures import Picture, read_picture
from .sampler import Draw

PADDING = 10

# (picture, backdrop, size, may be mirrored, random) to a view, all uint8 RGB.
Augmentation = Callable[[np.ndarray, np.ndarray, int, bool, Random], np.ndarray]


def reference_view(picture: np.ndarray, _backdrop: np.ndarray, size: int, flip: bool, random: Random) -> np.ndarray:
    """The recipe of GeneralRecognitionV2: resize, mirror at 0.5, pad 10 black and crop back, rotate within 90° at 0.5."""
    view = resized(picture, size, size)
    if flip and random.random() < 0.5:
        view = view[:, ::-1]
    view = cv2.copyMakeBorder(np.ascontiguousarray(view), *[PADDING] * 4, cv2.BORDER_CONSTANT)
    top, left = random.integers(0, 2 * PADDING + 1, 2)
    view = view[top : top + size, left : left + size]
    if random.random() < 0.5:
        middle = ((size - 1) / 2, (size - 1) / 2)
        turn = cv2.getRotationMatrix2D(middle, random.uniform(-90, 90), 1.0)
        view = cv2.warpAffine(view, turn, (size, size), flags=cv2.INTER_LINEAR)
    return np.ascontiguousarray(view)


# Of pictures that are anchored: what their teacher saw must be there to be seen.
gentle_view: Augmentation = partial(camera_view, calm_share=0.6)

AUGMENTATIONS: dict[str, Augmentation] = {"camera": camera_view, "reference": reference_view}


class Views(Dataset[tuple[torch.Tensor, int]]):
    """Maps a Draw to (uint8 [size, size, 3], index of the picture)."""

    def __init__(
        self, pictures: Sequence[Picture], augmentation: str, flipped: Sequence[str], anchored: Sequence[str] = ()
    ) -> None:
        self.pictures = pictures
        self.augment = AUGMENTATIONS[augmentation]
        self.anchored = frozenset(anchored)
        self.flipped = None if "*" in flipped else frozenset(flipped)

    def __getitem__(self, draw: Draw) -> tuple[torch.Tensor, int]:
        picture = self.pictures[draw.index]
        random = np.random.default_rng(draw.seed)
        backdrop = self.pictures[int(random.integers(len(self.pictures)))]
        flip = self.flipped is None or picture.dataset in self.flipped
        augment = gentle_view if picture.dataset in self.anchored else self.augment
        view = augment(read_picture(picture.path), read_picture(backdrop.path), draw.size, flip, random)
        return torch.from_numpy(view), draw.index
