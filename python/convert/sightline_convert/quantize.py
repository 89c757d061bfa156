"""int8 form of a network for CPUs: static quantization whose ranges are those of the user's own pictures."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from .errors import ConversionError

# What computes; what only compares or reshapes is left alone.
HEAVY = ("Conv", "ConvTranspose", "Gemm", "MatMul")
# Between them, so that values need not become floats and integers again at each step.
LIGHT = ("Add", "Clip", "Concat", "Mul", "Relu")
# Pictures whose activations are held at one time.
BATCH = 4


def quantize(source: Path, target: Path, calibration: Path, heavy_only: bool) -> None:
    """
    Writes `target`: `source` with int8 weights (a scale a channel) and uint8 activations, as QuantizeLinear and
    DequantizeLinear pairs. `calibration` is a JSON file {pictures, count, input}: `pictures` names the file beside it
    with `count` pictures of height x width x 3 bytes RGB, `input` is a model manifest's. `heavy_only` is for graphs that
    also decode boxes, where one scale for coordinates and scores would lose the scores.
    """
    graph = onnx.load(str(source), load_external_data=False).graph
    kinds = {node.op_type for node in graph.node}
    wanted = sorted(kinds & {*HEAVY, *(() if heavy_only else LIGHT)})
    if not kinds & set(HEAVY):
        raise ConversionError(f"{source} has no convolution or matrix product to quantize")
    if "QuantizeLinear" in kinds:
        raise ConversionError(f"{source} is quantized already")
    with tempfile.TemporaryDirectory(dir=target.parent) as work:
        prepared = Path(work) / "prepared.onnx"
        quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
        quantize_static(
            str(prepared), str(target), _Pictures(calibration), quant_format=QuantFormat.QDQ, op_types_to_quantize=wanted,
            per_channel=True, weight_type=QuantType.QInt8, activation_type=QuantType.QUInt8,
            extra_options={"ActivationSymmetric": False},
        )


class _Pictures(CalibrationDataReader):
    """Hands the calibrator a few pictures at a time, as the network takes them."""

    def __init__(self, calibration: Path) -> None:
        told = json.loads(calibration.read_text(encoding="utf-8"))
        self.input = told["input"]
        shape = (told["count"], self.input["height"], self.input["width"], 3)
        self.pictures = np.memmap(calibration.parent / told["pictures"], np.uint8, "r", shape=shape)
        self.batches: Iterator[np.ndarray] = self._batches()

    def get_next(self) -> "dict[str, np.ndarray] | None":
        batch = next(self.batches, None)
        return None if batch is None else {self.input["name"]: batch}

    def _batches(self) -> Iterator[np.ndarray]:
        size = min(BATCH, self.input.get("maxBatch", BATCH))
        for start in range(0, len(self.pictures), size):
            yield as_input(self.pictures[start : start + size], self.input)


def as_input(pictures: np.ndarray, told: "dict[str, Any]") -> np.ndarray:
    """uint8 RGB [N, H, W, 3] as the float32 that the contract `input` of a manifest says."""
    ordered = pictures if told["colorOrder"] == "RGB" else pictures[..., ::-1]
    scaled = (ordered.astype(np.float32) * np.float32(told["scale"]) - np.float32(told["mean"])) / np.float32(told["std"])
    planes = scaled.transpose(0, 3, 1, 2) if told["layout"] == "NCHW" else scaled
    return np.ascontiguousarray(planes, np.float32)
