"""Model folders as the pipeline reads them: model.onnx, manifest.json and the index of defaults."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def canary_pattern(width: int, height: int) -> np.ndarray:
    """The fixed picture on which a model's stored answer is checked at start: uint8 [height, width, 3], RGB.

    Integers only, so every language makes the same bytes:
    v(x, y, c) = (x (c + 1) + y (3 - c) + 64 (((x >> 5) xor (y >> 5)) and 3)) and 255.
    """
    x, y = np.arange(width)[None, :, None], np.arange(height)[:, None, None]
    c = np.arange(3)[None, None, :]
    return ((x * (c + 1) + y * (3 - c) + 64 * (((x >> 5) ^ (y >> 5)) & 3)) & 255).astype(np.uint8)


def normalized(pictures: np.ndarray) -> np.ndarray:
    """uint8 RGB [N, H, W, 3] to the networks' float32 input [N, 3, H, W]: (x / 255 - mean) / std."""
    scaled = (pictures.astype(np.float32) / 255 - np.float32(IMAGENET_MEAN)) / np.float32(IMAGENET_STD)
    return np.ascontiguousarray(scaled.transpose(0, 3, 1, 2))


def input_contract(size: int, interpolation: str) -> dict[str, Any]:
    """The manifest's `input`: how a crop becomes the tensor named `image`."""
    return {
        "name": "image", "width": size, "height": size, "layout": "NCHW", "colorOrder": "RGB",
        "interpolation": interpolation, "scale": 1 / 255, "mean": list(IMAGENET_MEAN), "std": list(IMAGENET_STD),
    }


def write_manifest(folder: Path, fields: dict[str, Any]) -> None:
    """Writes folder/manifest.json: the fields, with the size and sha256 of folder/model.onnx filled in."""
    model = (folder / "model.onnx").read_bytes()
    head = {"schema": 1, "name": folder.name, "task": fields["task"], "file": "model.onnx"}
    digest = {"sha256": hashlib.sha256(model).hexdigest(), "bytes": len(model)}
    write_json(folder / "manifest.json", {**head, **digest, **fields, "licence": "Apache-2.0"})


def add_metrics(folder: Path, metrics: dict[str, float], command: str, threshold: float | None = None) -> None:
    """Writes measured values, with the command that measures them, into folder/manifest.json.

    `threshold`, where given, becomes the default that the measurement chose.
    """
    told = json.loads((folder / "manifest.json").read_text())
    told["metrics"].update({name: {"value": round(value, 4), "command": command} for name, value in metrics.items()})
    if threshold is not None:
        told["defaults"]["scoreThreshold"] = threshold
    write_manifest(folder.resolve(), told)


def set_default(models: Path, task: str, name: str) -> None:
    """Makes `name` the default for a task in models/index.json, leaving the other tasks as they are."""
    index = models / "index.json"
    current = json.loads(index.read_text()) if index.exists() else {}
    write_json(index, {**current, task: name})


def write_json(path: Path, value: Any) -> None:
    """Pretty-printed JSON, lists of numbers on one line."""
    path.write_text(_json(value, 0) + "\n")


def _json(value: Any, depth: int) -> str:
    if isinstance(value, dict) and value:
        inner = "  " * (depth + 1)
        rows = [f"{inner}{json.dumps(key)}: {_json(item, depth + 1)}" for key, item in value.items()]
        return "{\n" + ",\n".join(rows) + "\n" + "  " * depth + "}"
    return json.dumps(value, ensure_ascii=False)
