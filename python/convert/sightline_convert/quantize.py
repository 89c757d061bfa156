"""int8 form of a registered network: `sightline models quantize` names the pictures, resized as the pipeline does it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from sightline_base.input import to_input
from sightline_base.quantize import quantize

# Pictures whose activations are held at one time.
BATCH = 4


def quantize_calibrated(source: Path, target: Path, calibration: Path, heavy_only: bool) -> None:
    """Writes `target`, the int8 form of `source`.

    `calibration` is a JSON file {pictures, count, input}: `pictures` names the file beside it with `count` pictures of
    height x width x 3 bytes RGB, `input` is a model manifest's.
    """
    told = json.loads(calibration.read_text(encoding="utf-8"))
    contract = told["input"]
    shape = (told["count"], contract["height"], contract["width"], 3)
    pictures = np.memmap(calibration.parent / told["pictures"], np.uint8, "r", shape=shape)
    quantize(source, target, contract["name"], _batches(pictures, contract), heavy_only)


def _batches(pictures: np.ndarray, contract: "dict[str, Any]") -> Iterator[np.ndarray]:
    size = min(BATCH, contract.get("maxBatch", BATCH))
    for start in range(0, len(pictures), size):
        yield to_input(pictures[start : start + size], contract)
