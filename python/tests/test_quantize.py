"""int8 keeps what the network says, at about a quarter of its size, and says what it can't quantize."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from sightline_base.errors import SightlineError
from sightline_base.quantize import quantize
from sightline_base.retrieval import l2_normalized


def network(path: Path) -> Path:
    """Convolutions, an addition and a linear layer: [N, 3, 32, 32] to [N, 8]."""
    random = np.random.default_rng(0)
    shapes = {"first": (64, 3, 3, 3), "second": (64, 64, 3, 3), "last": (64, 8)}
    weights = {name: random.normal(0, np.sqrt(2 / np.prod(shape[1:])), shape) for name, shape in shapes.items()}
    pads = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}
    nodes = [
        helper.make_node("Conv", ["image", "first"], ["a"], strides=[2, 2], **pads),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Conv", ["b", "second"], ["c"], **pads),
        helper.make_node("Add", ["b", "c"], ["d"]),
        helper.make_node("GlobalAveragePool", ["d"], ["e"]),
        helper.make_node("Flatten", ["e"], ["f"]),
        helper.make_node("Gemm", ["f", "last"], ["vector"]),
    ]
    values = [numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()]
    write(path, nodes, values, ["N", 3, 32, 32], ("vector", ["N", 8]))
    return path


def write(path: Path, nodes: list, values: list, shape: list, output: tuple[str, list]) -> None:
    """A network of the opset and version that conversion and training write."""
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, of) for name, of in (("image", shape), output)]
    graph = helper.make_graph(nodes, "network", ends[:1], ends[1:], values)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(path))


def answers(path: Path, image: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return l2_normalized(session.run(None, {"image": image})[0])


def batches() -> list[np.ndarray]:
    random = np.random.default_rng(0)
    return [random.normal(size=(4, 3, 32, 32)).astype(np.float32) for _ in range(8)]


def test_the_int8_form_answers_like_the_float_form_and_is_smaller(tmp_path: Path) -> None:
    source, target = network(tmp_path / "model.onnx"), tmp_path / "int8.onnx"
    asked, *calibration = batches()
    quantize(source, target, "image", calibration)
    assert (answers(source, asked) * answers(target, asked)).sum(axis=1).min() > 0.98
    assert target.stat().st_size < 0.5 * source.stat().st_size
    assert sorted(path.name for path in tmp_path.iterdir()) == ["int8.onnx", "model.onnx"]


def test_only_what_computes_is_quantized_where_that_is_asked(tmp_path: Path) -> None:
    source, all_of_it, heavy = network(tmp_path / "model.onnx"), tmp_path / "all.onnx", tmp_path / "heavy.onnx"
    quantize(source, all_of_it, "image", batches())
    quantize(source, heavy, "image", batches(), heavy_only=True)

    def is_sum_quantized(path: Path) -> bool:
        graph = onnx.load(str(path)).graph
        (total,) = (node.output[0] for node in graph.node if node.op_type == "Add")
        return any(node.op_type == "QuantizeLinear" and total in node.input for node in graph.node)

    assert is_sum_quantized(all_of_it) and not is_sum_quantized(heavy)


def test_what_can_not_be_quantized_is_told(tmp_path: Path) -> None:
    source, target = network(tmp_path / "model.onnx"), tmp_path / "int8.onnx"
    quantize(source, target, "image", batches())
    with pytest.raises(SightlineError, match="int8.onnx is quantized already"):
        quantize(target, tmp_path / "again.onnx", "image", batches())
    write(tmp_path / "plain.onnx", [helper.make_node("Relu", ["image"], ["y"])], [], ["N", 4], ("y", ["N", 4]))
    with pytest.raises(SightlineError, match="plain.onnx has no convolution or matrix product to quantize"):
        quantize(tmp_path / "plain.onnx", target, "image", [])


def deep(path: Path) -> Path:
    """Sixteen convolutions, the channels of the first a thousand times apart: [N, 3, 32, 32] to [N, 8]."""
    random = np.random.default_rng(0)
    first = random.normal(0, 0.2, (8, 3, 3, 3)) * np.logspace(0, 3, 8)[:, None, None, None]
    second = random.normal(0, 0.1, (8, 8, 3, 3)) / np.logspace(0, 3, 8)[None, :, None, None]
    later = [random.normal(0, np.sqrt(2 / 72), (8, 8, 3, 3)) for _ in range(14)]
    values, nodes, last = [], [], "image"
    for index, weights in enumerate([first, second, *later]):
        values.append(numpy_helper.from_array(weights.astype(np.float32), f"w{index}"))
        nodes.append(helper.make_node("Conv", [last, f"w{index}"], [f"c{index}"], name=f"conv{index}", pads=[1, 1, 1, 1]))
        nodes.append(helper.make_node("Relu", [f"c{index}"], [f"r{index}"], name=f"relu{index}"))
        last = f"r{index}"
    nodes += [helper.make_node("GlobalAveragePool", [last], ["e"]), helper.make_node("Flatten", ["e"], ["vector"])]
    write(path, nodes, values, ["N", 3, 32, 32], ("vector", ["N", 8]))
    return path


def test_the_first_layers_of_a_deep_network_stay_float_where_their_channels_are_far_apart(tmp_path: Path) -> None:
    source, target = deep(tmp_path / "model.onnx"), tmp_path / "int8.onnx"
    asked, *calibration = batches()
    quantize(source, target, "image", calibration)
    assert (answers(source, asked) * answers(target, asked)).sum(axis=1).min() > 0.999
    weights = {value.name for value in onnx.load(str(target)).graph.initializer}
    assert {"w0", "w1"} <= weights and "w2" not in weights
