"""
Makes test archives: the structure of a published network with seeded random weights that behave, so that a conversion can be
tried where the published weights are not at hand. Such a network recognizes nothing; its answers to two pictures do differ.
"""

import io
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import paddle

from sightline_base.input import to_input

from .errors import ConversionError
from .params import write_parameters
from .pictures import made_scenes
from .program import PROGRAM, WEIGHTS, Network, find_detector, find_embedder, parameters, read_program

# The folder in each published archive.
FOLDERS = {
    "detector": "picodet_PPLCNet_x2_5_mainbody_lite_v1.0_infer",
    "embedder": "general_PPLCNetV2_base_pretrained_v1.0_infer",
}
# Pictures that the BatchNorm statistics are taken over.
CALIBRATION = {"detector": 8, "embedder": 24}
# The class logit of an untrained focal-loss head: few cells see anything (Lin et al. 2017).
CLASS_BIAS = -3.8
# Mean of the BatchNorm shifts: most units work in their linear range. With shifts about 0 the rounding of a runtime grows from
# layer to layer, until Paddle with and without its own graph optimization is 1e-3 apart in the logits.
SHIFT = 1.0


def make_archive(kind: str, graphs: Path, seed: int, to: Path, shift: float = SHIFT, class_bias: float = CLASS_BIAS) -> None:
    """Writes a tar with the one folder of the published archive; the same bytes for a seed on one machine."""
    folder = graphs / FOLDERS[kind]
    program = read_program(folder / PROGRAM)
    network = find_detector(program) if kind == "detector" else find_embedder(program)
    weights = _weights(program, network, seed, shift, class_bias)
    _calibrate(program, network, weights, to_input(made_scenes(CALIBRATION[kind], network.width, network.height, seed)))
    files = {file.name: file.read_bytes() for file in folder.iterdir()}
    files[WEIGHTS] = write_parameters(weights[variable.name] for variable in parameters(program))
    with tarfile.open(to, "w", format=tarfile.USTAR_FORMAT) as tar:
        top = tarfile.TarInfo(FOLDERS[kind])
        top.type, top.mode = tarfile.DIRTYPE, 0o755
        tar.addfile(top)
        for name, content in sorted(files.items()):
            entry = tarfile.TarInfo(f"{FOLDERS[kind]}/{name}")
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))


def _weights(program: Any, network: Network, seed: int, shift: float, class_bias: float) -> "dict[str, np.ndarray]":
    """Kaiming-normal filters, BatchNorm scales about 1, small shifts; the projection of distances is 0, 1, 2 ..."""
    rng = np.random.default_rng(seed)
    roles = _roles(program)
    last = _last_parameters(program, network)
    weights: dict[str, np.ndarray] = {}
    for variable in parameters(program):
        shape, role = tuple(variable.shape), roles.get(variable.name, "")
        if role == "Filter":
            value = rng.normal(0, np.sqrt(2 / np.prod(shape[1:])), shape)
        elif role == "Scale":
            value = rng.uniform(0.8, 1.2, shape)
        elif role == "Bias":
            # That of the BNNeck stays at zero (Luo et al. 2019): all vectors would share it.
            value = np.zeros(shape) if variable.name in last else rng.normal(shift, 0.1, shape)
        elif role == "Y":
            value = rng.normal(0, 0.1, shape)
        elif role in ("Mean", "Variance"):
            value = np.full(shape, float(role == "Variance"))
        elif shape == (network.bins,):
            value = np.arange(network.bins)
        else:
            raise ConversionError(f"no rule for the weights of {variable.name} {shape}")
        if variable.name in last and role == "Y":
            value[0] += class_bias
        weights[variable.name] = value.astype(np.float32)
    return weights


def _roles(program: Any) -> "dict[str, str]":
    """Parameter -> the slot of the operator that takes it."""
    slots = ("Filter", "Scale", "Bias", "Mean", "Variance", "Y")
    ops = program.global_block().ops
    return {name: slot for op in ops for slot in slots if slot in op.input_names for name in op.input(slot)}


def _last_parameters(program: Any, network: Network) -> "set[str]":
    """Of the operators that make the outputs: the biases of the heads, the BNNeck."""
    ops = program.global_block().ops
    return {name for op in ops if set(op.output_arg_names) & set(network.outputs) for name in op.input_arg_names}


def _calibrate(program: Any, network: Network, weights: "dict[str, np.ndarray]", pictures: np.ndarray) -> None:
    """Replaces the BatchNorm statistics by those of the pictures, all layers in one pass: each already sees normalized input."""
    part = program._prune_with_input([network.input], network.outputs)
    block = part.global_block()
    for op in block.ops:
        if op.type == "batch_norm":
            # Paddle's training kernel asks for a place that its inference export has left out.
            reserve = block.create_var(name=f"{op.output('Y')[0]}.reserve", dtype="float32")
            op.desc.set_output("ReserveSpace", [reserve.name])
            for flag in ("is_test", "use_global_stats"):
                op._set_attr(flag, False)
            op._set_attr("momentum", 0.0)
    scope = paddle.static.Scope()
    with paddle.static.scope_guard(scope):
        place = paddle.CPUPlace()
        for name, value in weights.items():
            scope.var(name).get_tensor().set(value, place)
        paddle.static.Executor(place).run(part, feed={network.input: pictures}, fetch_list=network.outputs)
        for name, role in _roles(program).items():
            if role in ("Mean", "Variance"):
                weights[name] = np.array(scope.find_var(name).get_tensor())
