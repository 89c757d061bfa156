"""Converts a network to ONNX: the embedder whole, the detector up to its heads."""

import tempfile
from pathlib import Path

import numpy as np
import onnx
import paddle
import paddle2onnx

from .errors import ConversionError
from .params import check_size
from .program import PROGRAM, WEIGHTS, Network, find_detector, find_embedder, parameters, read_program

OPSET = 17
BATCH = "N"


def find(kind: str, folder: Path) -> Network:
    """What is to be converted of a folder's network; raises ConversionError where it is another kind or not whole."""
    program = read_program(folder / PROGRAM)
    network = find_detector(program) if kind == "detector" else find_embedder(program)
    check_size(folder / WEIGHTS, (tuple(variable.shape) for variable in parameters(program)))
    return network


def output_names(network: Network) -> "list[str]":
    """The converted network's outputs, in order: by stride, as in Sightline's own models."""
    return [f"head_{stride}" for stride in network.strides] or ["embedding"]


def prune(network: Network, folder: Path, to: Path) -> None:
    """Writes the network from its picture input to its outputs, without what follows, as a Paddle model into `to`."""
    paddle.enable_static()
    with paddle.static.scope_guard(paddle.static.Scope()):
        executor = paddle.static.Executor(paddle.CPUPlace())
        prefix = str(folder / PROGRAM.removesuffix(".pdmodel"))
        try:
            program, _, _ = paddle.static.load_inference_model(prefix, executor)
        except Exception as error:  # Paddle's own kinds, with a native trace
            raise ConversionError(f"{folder / WEIGHTS} does not hold the weights of {PROGRAM}: is it damaged?") from error
        block = program.global_block()
        fed = [block.var(network.input)]
        fetched = [block.var(name) for name in network.outputs]
        target = str(to / PROGRAM.removesuffix(".pdmodel"))
        # The export adds variables; the program has some of the names that it would choose.
        with paddle.utils.unique_name.guard("pruned_"):
            paddle.static.save_inference_model(target, fed, fetched, executor, program=program)


def weights(folder: Path) -> "dict[str, np.ndarray]":
    """The weights of a Paddle model by their names."""
    paddle.enable_static()
    with paddle.static.scope_guard(paddle.static.Scope()):
        executor = paddle.static.Executor(paddle.CPUPlace())
        program, _, _ = paddle.static.load_inference_model(str(folder / PROGRAM.removesuffix(".pdmodel")), executor)
        scope = paddle.static.global_scope()
        return {variable.name: np.array(scope.find_var(variable.name).get_tensor()) for variable in parameters(program)}


def weights_of_onnx(path: Path) -> "dict[str, np.ndarray]":
    """Those of a converted network: initializers and constants, which paddle2onnx makes of them under their own names."""
    graph = onnx.load(str(path)).graph
    constants = {node.output[0]: node.attribute[0].t for node in graph.node if node.op_type == "Constant"}
    found = constants | {initializer.name: initializer for initializer in graph.initializer}
    return {name: onnx.numpy_helper.to_array(tensor) for name, tensor in found.items()}


def convert(kind: str, folder: Path, to: Path) -> Network:
    """Writes the ONNX file `to`: input as in the original, outputs `output_names`, any batch."""
    network = find(kind, folder)
    with tempfile.TemporaryDirectory() as work:
        prune(network, folder, Path(work))
        raw = paddle2onnx.export(
            str(Path(work) / PROGRAM), str(Path(work) / WEIGHTS), opset_version=OPSET, auto_upgrade_opset=False, verbose=False
        )
    model = onnx.load_from_string(raw)
    _rename(model, network)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, str(to))
    return network


def _rename(model: onnx.ModelProto, network: Network) -> None:
    graph = model.graph
    found = [value.name for value in graph.output]
    if [value.name for value in graph.input] != [network.input] or len(found) != len(network.outputs):
        raise ConversionError(f"paddle2onnx left {[v.name for v in graph.input]} -> {found}, not {network.input} -> {network.outputs}")
    # Paddle's export gives its outputs names of its own and keeps their order; the checker compares it with the shapes below.
    names = dict(zip(found, output_names(network)))
    for node in graph.node:
        node.output[:] = [names.get(name, name) for name in node.output]
        node.input[:] = [names.get(name, name) for name in node.input]
    shapes = [(1 + 4 * network.bins, network.height // s, network.width // s) for s in network.strides] or [(network.dimension,)]
    del graph.output[:]
    for name, shape in zip(output_names(network), shapes):
        graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [BATCH, *shape]))
    graph.input[0].type.tensor_type.shape.dim[0].dim_param = BATCH
    # Inferred shapes with other names for the batch would contradict these.
    del graph.value_info[:]
