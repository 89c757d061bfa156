"""int8 for CPUs: static QDQ quantization of an exported network, calibrated on pictures."""

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process


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
