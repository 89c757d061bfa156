"""Writes a detector as a model folder: ONNX with a dynamic batch, checked against PyTorch, and its manifest."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import onnxruntime
import torch

from sightline_base.canary import canary_pattern, detector_answer
from sightline_base.input import input_contract, to_input
from sightline_base.manifest import set_default, write_manifest

from ..embedding.export import EXPORTER_OPSET, ExportError, plain_graph
from .evaluate import Detect, detect_from_levels
from .network import BINS, STRIDES, PicoDet

HEADS = [f"head_{stride}" for stride in STRIDES]
# On logits: PyTorch and onnxruntime sum in different orders.
TOLERANCE = 1e-3
CANARY_TOLERANCE = 0.01
# int8 kernels round differently on CPUs without VNNI.
INT8_CANARY_TOLERANCE = 0.05


def export_onnx(model: PicoDet, size: int, path: Path) -> None:
    """Writes model with input `image` [N, 3, size, size] and an output a level; raises ExportError where they differ."""
    model.eval()
    example = torch.from_numpy(to_input(canary_pattern(size, size)[None])).repeat(2, 1, 1, 1)
    program = torch.onnx.export(
        model, (example,), None, input_names=["image"], output_names=HEADS, opset_version=EXPORTER_OPSET,
        dynamic_shapes=({0: torch.export.Dim("batch")},), dynamo=True, verbose=False,
    )
    onnx.save(plain_graph(program.model_proto), path)
    onnx.checker.check_model(str(path), full_check=True)
    for batch in (1, 3):
        pixels = np.random.default_rng(batch).integers(0, 256, (batch, size, size, 3), dtype=np.uint8)
        image = to_input(np.stack([cv2.GaussianBlur(p, (0, 0), 4) for p in pixels]))
        with torch.inference_mode():
            expected = model(torch.from_numpy(image))
        for head, mine, theirs in zip(HEADS, expected, run_onnx(path, image)):
            worst = float(np.abs(mine.numpy() - theirs).max())
            # Written so that it also refuses what is no number.
            if not worst <= TOLERANCE:
                raise ExportError(f"{path}: {head} differs from PyTorch by {worst:.2e} at a batch of {batch}")


def run_onnx(path: Path, image: np.ndarray) -> list[np.ndarray]:
    """Runs an exported detector on the CPU: float32 [N, 3, size, size] to an array a level."""
    return _session(path).run(HEADS, {"image": image})


def detect_with_onnx(path: Path, size: int) -> Detect:
    """Detection by an exported network, as `evaluate.detect_with` by a PyTorch one."""
    session = _session(path)
    return detect_from_levels(lambda image: [torch.from_numpy(y) for y in session.run(HEADS, {"image": image})], size)


def _session(path: Path) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


def canary_answer(path: Path, size: int) -> dict[str, list[float]]:
    """What an exported detector says of the fixed pattern."""
    return detector_answer(run_onnx(path, to_input(canary_pattern(size, size)[None])))


def write_model_folder(
    model: PicoDet, size: int, folder: Path, score_threshold: float, provenance: dict[str, Any], metrics: dict[str, Any]
) -> None:
    """Exports into folder/ and makes it the default detector of the models folder around it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "model.onnx"
    export_onnx(model, size, path)
    write_manifest(folder, {
        "task": "detector",
        "input": input_contract(size, "cubic"),
        "output": {"kind": "picodet", "heads": HEADS, "strides": list(STRIDES), "bins": BINS},
        "defaults": {"scoreThreshold": score_threshold, "maxBoxes": 5, "nmsIou": 0.6, "topPerLevel": 1000},
        "canary": {**canary_answer(path, size), "tolerance": CANARY_TOLERANCE},
        "provenance": provenance,
        "metrics": metrics,
    })
    set_default(folder.parent, "detector", folder.name)
