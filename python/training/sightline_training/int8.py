"""int8 for CPUs: the quantized form of an exported network, calibrated on training pictures, as a model folder of its own."""

from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from sightline_base.manifest import read_manifest, write_manifest
from sightline_base.quantize import quantize

# Added to a model's name.
SUFFIX = "-int8"
CALIBRATION_PICTURES = 256


def write_int8_folder(
    folder: Path, inputs: Iterable[np.ndarray], canary: Callable[[Path], dict[str, Any]], command: str,
) -> Path:
    """Quantizes folder/ into the model folder beside it whose name ends in `-int8`, and returns that.

    `inputs` are batches of what the network takes. Its manifest is the float form's, with the canary that `canary` makes from
    the new model's file, and no metrics.
    """
    told = read_manifest(folder)
    target = folder.resolve().with_name(folder.resolve().name + SUFFIX)
    target.mkdir(exist_ok=True)
    quantize(folder / told["file"], target / "model.onnx", told["input"]["name"], inputs)
    provenance = {
        "made": date.today().isoformat(), "command": command,
        "quantizedFrom": {"name": told["name"], "sha256": told["sha256"]}, **_inherited(told["provenance"]),
    }
    fields = {name: told[name] for name in ("task", "input", "output", "defaults")}
    made = {"canary": canary(target / "model.onnx"), "provenance": provenance, "metrics": {}, "licence": told["licence"]}
    write_manifest(target, {**fields, **made})
    return target


def _inherited(provenance: dict[str, Any]) -> dict[str, Any]:
    return {name: provenance[name] for name in ("data", "startedFrom", "teachers") if name in provenance}
