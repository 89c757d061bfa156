"""Reads a Paddle inference program and finds what matters in it by structure: names differ from export to export."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import paddle

from .errors import ConversionError

PROGRAM = "inference.pdmodel"
WEIGHTS = "inference.pdiparams"


@dataclass(frozen=True)
class Network:
    """The part of a program that is to be converted: one picture input, the outputs in order."""

    input: str
    width: int
    height: int
    outputs: list[str]
    # Detector: pixels a cell of each output stands for, and bins of a side's distance. Embedder: floats of the vector.
    strides: list[int]
    bins: int
    dimension: int


def read_program(path: Path) -> "paddle.static.Program":
    """The program of a file; raises ConversionError where it is none."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ConversionError(f"{path}: {error.strerror}") from error
    paddle.enable_static()
    try:
        return paddle.static.Program.parse_from_string(raw)
    except Exception as error:  # Paddle's own kinds, by file content
        raise ConversionError(f"{path} is no Paddle program, or is cut short") from error


def parameters(program: "paddle.static.Program") -> list[Any]:
    """Variables that have weights, in the order in which a .pdiparams file holds them: byte order of their names."""
    found = [v for v in program.list_vars() if v.persistable and v.name not in ("feed", "fetch")]
    return sorted({v.name: v for v in found}.values(), key=lambda variable: variable.name.encode())


def find_embedder(program: "paddle.static.Program") -> Network:
    """The picture input and the one vector that is fetched."""
    image = _picture_input(program)
    block = program.global_block()
    fetched = [op.input("X")[0] for op in block.ops if op.type == "fetch"]
    shapes = [tuple(block.var(name).shape) for name in fetched]
    if len(fetched) != 1 or len(shapes[0]) != 2 or shapes[0][1] < 1:
        raise ConversionError(f"the program answers with {shapes}, not with one vector a picture: is it an embedder?")
    return Network(image.name, image.shape[3], image.shape[2], fetched, [], 0, shapes[0][1])


def find_detector(program: "paddle.static.Program") -> Network:
    """
    The picture input, and the heads: the inputs of the `split` ops that part one class logit from the distances, each right
    behind a head's 1x1 convolution and bias. What follows (a loop over the batch with the suppression of overlaps) is left out.
    """
    image = _picture_input(program)
    block = program.global_block()
    makers = {name: op for op in block.ops for name in op.output_arg_names}
    heads = [op for op in block.ops if op.type == "split" and _is_head(op, makers)]
    if not heads:
        raise ConversionError("the program has no class/distance split behind a head's convolution: is it a PicoDet detector?")
    variables = sorted((block.var(op.input("X")[0]) for op in heads), key=lambda variable: -variable.shape[2])
    channels = {variable.shape[1] for variable in variables}
    strides = [image.shape[2] // variable.shape[2] for variable in variables]
    if len(channels) != 1 or len(set(strides)) != len(strides):
        raise ConversionError(f"the heads' shapes {[v.shape for v in variables]} are not those of a PicoDet detector")
    names = [variable.name for variable in variables]
    return Network(image.name, image.shape[3], image.shape[2], names, strides, (channels.pop() - 1) // 4, 0)


def _picture_input(program: "paddle.static.Program") -> Any:
    block = program.global_block()
    fed = [block.var(op.output("Out")[0]) for op in block.ops if op.type == "feed"]
    pictures = [v for v in fed if len(v.shape) == 4 and v.shape[1] == 3 and min(v.shape[2:]) > 0]
    if len(pictures) != 1:
        raise ConversionError(f"the program is fed {[(v.name, v.shape) for v in fed]}, not one picture [N, 3, H, W]")
    return pictures[0]


def _is_head(split: Any, makers: dict[str, Any]) -> bool:
    sections = split.attr("sections")
    if split.attr("axis") != 1 or len(sections) != 2 or sections[0] != 1 or sections[1] % 4 != 0:
        return False
    made = makers.get(split.input("X")[0])
    if made is not None and made.type == "elementwise_add":
        made = makers.get(made.input("X")[0])
    return made is not None and made.type == "conv2d"
