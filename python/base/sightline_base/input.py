"""How pixels become a network's input, as `shared/inference/to-tensor.ts` feeds it: (x scale - mean) / std, by the manifest's `input`."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

# ImageNet's, which PP-ShiTuV2's networks and all of ours take: RGB.
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


def input_contract(size: int, interpolation: str) -> dict[str, Any]:
    """The manifest's `input` of our own networks: a square picture as the tensor named `image`."""
    return {
        "name": "image", "width": size, "height": size, "layout": "NCHW", "colorOrder": "RGB",
        "interpolation": interpolation, "scale": 1 / 255, "mean": list(MEAN), "std": list(STD),
    }


_OURS = input_contract(1, "linear")


def to_input(pictures: np.ndarray | Sequence[np.ndarray], contract: Mapping[str, Any] = _OURS) -> np.ndarray:
    """uint8 RGB pictures [N, H, W, 3] of the network's size as its float32 input, [N, 3, H, W] or as the contract's layout says.

    Computed in float32 from the scaled bytes on, as the shipped weights were trained: within 1e-6 of the pipeline's, which
    rounds once.
    """
    stacked = np.asarray(pictures)
    ordered = stacked if contract["colorOrder"] == "RGB" else stacked[..., ::-1]
    scaled = (np.arange(256) * contract["scale"]).astype(np.float32)[ordered]
    normalized = (scaled - np.float32(contract["mean"])) / np.float32(contract["std"])
    return np.ascontiguousarray(normalized.transpose(0, 3, 1, 2) if contract["layout"] == "NCHW" else normalized)
