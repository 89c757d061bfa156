"""int8 for CPUs: static QDQ quantization of an exported network, calibrated on pictures, as a model folder of its own."""

import json
import tempfile
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from .manifest import write_manifest

# Added to a model's name.
SUFFIX = "-int8"
CALIBRATION_PICTURES = 256


class _Batches(CalibrationDataReader):
    """Hands the calibrator one input after another."""

    def __init__(self, name: str, inputs: Iterable[np.ndarray]) -> None:
        self.name = name
        self.inputs: Iterator[np.ndarray] = iter(inputs)

    def get_next(self) -> dict[str, np.ndarray] | None:
        batch = next(self.inputs, None)
        return None if batch is None else {self.name: batch}


def quantize(source: Path, target: Path, inputs: Iterable[np.ndarray], keep: tuple[str, ...] = ()) -> None:
    """Writes `target`, `source` with int8 weights (a scale a channel) and uint8 activations, QDQ form.

    `inputs` are the calibrating batches [N, 3, H, W], already normalized; the activations' ranges are their minima
    and maxima. `keep` names operator types to leave in float.
    """
    graph = onnx.load(source, load_external_data=False).graph
    kinds = {node.op_type for node in graph.node} - set(keep)
    with tempfile.TemporaryDirectory() as folder:
        prepared = Path(folder) / "prepared.onnx"
        quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
        quantize_static(
            str(prepared), str(target), _Batches(graph.input[0].name, inputs), quant_format=QuantFormat.QDQ,
            op_types_to_quantize=sorted(kinds & {"Conv", "Gemm", "Add", "Clip", "Relu", "MatMul", "Mul", "Concat"}),
            per_channel=True, weight_type=QuantType.QInt8, activation_type=QuantType.QUInt8,
            extra_options={"ActivationSymmetric": False},
        )


def write_int8_folder(
    folder: Path, inputs: Iterable[np.ndarray], canary: Callable[[Path], dict[str, Any]], command: str,
    keep: tuple[str, ...] = (),
) -> Path:
    """Quantizes folder/ into the model folder beside it whose name ends in `-int8`, and returns that.

    Its manifest is the float form's, with the canary that `canary` makes from the new model's file, and no metrics.
    """
    told = json.loads((folder / "manifest.json").read_text())
    target = folder.resolve().with_name(folder.resolve().name + SUFFIX)
    target.mkdir(exist_ok=True)
    quantize(folder / told["file"], target / "model.onnx", inputs, keep)
    provenance = {
        "made": date.today().isoformat(), "command": command,
        "quantizedFrom": {"name": told["name"], "sha256": told["sha256"]}, **_inherited(told["provenance"]),
    }
    fields = {name: told[name] for name in ("task", "input", "output", "defaults")}
    write_manifest(target, {**fields, "canary": canary(target / "model.onnx"), "provenance": provenance, "metrics": {}})
    return target


def _inherited(provenance: dict[str, Any]) -> dict[str, Any]:
    return {name: provenance[name] for name in ("data", "startedFrom", "teacher") if name in provenance}
