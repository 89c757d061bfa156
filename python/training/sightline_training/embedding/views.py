"""From a Draw to a training view: the torch dataset behind the loader, and the reference's own augmentation."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import cv2
import numpy as np
import torch
from torch.utils.data import Dataset

from sightline_base.resize import resized

from .camera import Random, camera_view
from .pictures import CROP, LabelFileError, Picture, read_picture
from .sampler import Draw

PADDING = 10

# (picture, backdrop, size, may be mirrored, random) to a view, all uint8 RGB.
Augmentation = Callable[[np.ndarray, np.ndarray, int, bool, Random], np.ndarray]


def reference_view(picture: np.ndarray, _backdrop: np.ndarray, size: int, flip: bool, random: Random) -> np.ndarray:
    """The recipe of GeneralRecognitionV2: resize, mirror at 0.5, pad 10 black, crop at random, rotate within 90° at 0.5."""
    is_mirrored = flip and random.random() < 0.5
    # One more than there are places, as the reference draws them: from the last one a row or a column less is left.
    top, left = random.integers(0, 2 * PADDING + 2, 2).tolist()
    angle = random.uniform(-90, 90) if random.random() < 0.5 else None
    return reference_steps(picture, size, is_mirrored, top, left, angle)


def reference_steps(picture: np.ndarray, size: int, is_mirrored: bool, top: int, left: int, angle: float | None) -> np.ndarray:
    """What the reference's operators make of a picture, uint8 [H, W, 3] to [size, size, 3], once chance has chosen."""
    view = resized(picture, size, size)
    if is_mirrored:
        view = view[:, ::-1]
    view = cv2.copyMakeBorder(np.ascontiguousarray(view), *[PADDING] * 4, cv2.BORDER_CONSTANT)
    view = np.ascontiguousarray(view[top : top + size, left : left + size])
    if angle is not None:
        height, width = view.shape[:2]
        turn = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1.0)
        view = cv2.warpAffine(view, turn, (width, height), flags=cv2.INTER_LINEAR)
    return resized(view, size, size)


# Of pictures that are anchored: what their teacher saw must be there to be seen.
gentle_view: Augmentation = partial(camera_view, calm_share=0.6)

AUGMENTATIONS: dict[str, Augmentation] = {"camera": camera_view, "reference": reference_view}


class Views(Dataset[tuple[torch.Tensor, int, int]]):
    """Maps a Draw to (uint8 [size, size, 3], index of the picture that it shows, index of one that can't be read or -1).

    In place of a picture that can't be read comes another of its label, and where there is none any other.
    """

    def __init__(
        self, pictures: Sequence[Picture], augmentation: str, flipped: Sequence[str], anchored: Sequence[str] = ()
    ) -> None:
        self.pictures = pictures
        self.augment = AUGMENTATIONS[augmentation]
        self.anchored = frozenset(anchored)
        self.flipped = None if "*" in flipped else frozenset(flipped)
        self.members: dict[tuple[str, str], list[int]] = defaultdict(list)
        for index, picture in enumerate(pictures):
            self.members[picture.dataset, picture.label].append(index)

    def __getitem__(self, draw: Draw) -> tuple[torch.Tensor, int, int]:
        random = np.random.default_rng(draw.seed)
        backdrop = int(random.integers(len(self.pictures)))
        pixels, index, damaged = self._read(draw.index, draw.seed)
        picture = self.pictures[index]
        flip = self.flipped is None or picture.dataset in self.flipped
        augment = gentle_view if picture.dataset in self.anchored else self.augment
        if augment is reference_view:
            # Its views have no background to fill; reading one would take as long as everything else.
            behind = pixels
        else:
            behind, _, also = self._read(backdrop, draw.seed)
            damaged = max(damaged, also)
        return torch.from_numpy(augment(pixels, behind, draw.size, flip, random)), index, damaged

    def _read(self, wanted: int, seed: int) -> tuple[np.ndarray, int, int]:
        """(pixels, whose they are, `wanted` where it was damaged or -1)."""
        for index in self._in_place_of(wanted, seed):
            try:
                return read_picture(self.pictures[index].path, whole=True), index, -1 if index == wanted else wanted
            except LabelFileError:
                continue
        # Where so many can't be read the count of them ends the run, with a sentence that no worker process could say.
        return np.zeros((CROP, CROP, 3), np.uint8), wanted, wanted

    def _in_place_of(self, wanted: int, seed: int) -> Iterator[int]:
        """It, then others of its label, then some of any; the same for a seed, so that a continued run sees the same."""
        yield wanted
        random = np.random.default_rng((seed, 1))
        group = self.members[self.pictures[wanted].dataset, self.pictures[wanted].label]
        yield from (group[i] for i in random.permutation(len(group)).tolist() if group[i] != wanted)
        yield from random.integers(len(self.pictures), size=50).tolist()


class Clean(Dataset[tuple[torch.Tensor, bool]]):
    """Pictures as they are measured: (uint8 [size, size, 3], whether it could be read; black where not)."""

    def __init__(self, pictures: Sequence[Picture], size: int, shown: Callable[[np.ndarray, int], np.ndarray]) -> None:
        self.pictures, self.size, self.shown = pictures, size, shown

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, bool]:
        try:
            return torch.from_numpy(self.shown(read_picture(self.pictures[index].path), self.size)), True
        except LabelFileError:
            return torch.zeros(self.size, self.size, 3, dtype=torch.uint8), False
