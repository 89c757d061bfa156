"""int8 form of a network for CPUs: static quantization whose ranges are those of the pictures that it is given."""

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from .errors import SightlineError

# What computes; what only compares or reshapes is left alone.
HEAVY = ("Conv", "ConvTranspose", "Gemm", "MatMul")
# Between them, so that values need not become floats and integers again at each step.
LIGHT = ("Add", "Clip", "Concat", "Mul", "Relu")
# So many of the first layers that compute stay float, in networks that have eight times as many. They see the picture itself,
# their channels differ most in range, and their error goes through all that follows: half of what int8 loses is lost there,
# and none of the time that it saves is won.
FLOAT_FIRST = 6


def quantize(source: Path, target: Path, name: str, inputs: Iterable[np.ndarray], heavy_only: bool = False) -> None:
    """Writes `target`: `source` with int8 weights (a scale a channel) and uint8 activations, as QuantizeLinear and
    DequantizeLinear pairs.

    `inputs` are batches of what the network takes as its input `name`; the activations' ranges are their minima and maxima.
    `heavy_only` is for graphs that also decode boxes, where one scale for coordinates and scores would lose the scores.
    """
    kinds = {node.op_type for node in _nodes(source)}
    wanted = sorted(kinds & {*HEAVY, *(() if heavy_only else LIGHT)})
    if not kinds & set(HEAVY):
        raise SightlineError(f"{source} has no convolution or matrix product to quantize")
    if "QuantizeLinear" in kinds:
        raise SightlineError(f"{source} is quantized already")
    with tempfile.TemporaryDirectory(dir=target.parent) as work:
        prepared = Path(work) / "prepared.onnx"
        quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
        quantize_static(
            str(prepared), str(target), _Batches(name, inputs), quant_format=QuantFormat.QDQ,
            op_types_to_quantize=wanted, per_channel=True, weight_type=QuantType.QInt8, activation_type=QuantType.QUInt8,
            nodes_to_exclude=_first(_nodes(prepared)), extra_options={"ActivationSymmetric": False},
        )


def _nodes(path: Path) -> "list[onnx.NodeProto]":
    return list(onnx.load(str(path), load_external_data=False).graph.node)


def _first(nodes: "list[onnx.NodeProto]") -> list[str]:
    """All that comes before the layers that are quantized, by name; graphs are in the order of computation."""
    computing = [index for index, node in enumerate(nodes) if node.op_type in HEAVY]
    kept = min(FLOAT_FIRST, len(computing) // 8)
    return [node.name for node in nodes[: computing[kept]]]


class _Batches(CalibrationDataReader):
    """Hands the calibrator one batch after another."""

    def __init__(self, name: str, inputs: Iterable[np.ndarray]) -> None:
        self.name = name
        self.inputs: Iterator[np.ndarray] = iter(inputs)

    def get_next(self) -> "dict[str, np.ndarray] | None":
        batch = next(self.inputs, None)
        return None if batch is None else {self.name: batch}
