"""The commands of convert.py. Each ends with 0, or with 1 and one line on stderr that says what failed and on what."""

import argparse
import json
import os
import re
import sys
from pathlib import Path

from sightline_base.errors import SightlineError

from .packages import INT8, PADDLE, check, pinned

KINDS = ("detector", "embedder")

# The packages that are the conversion's tools, as conversion.json names them.
TOOLS = ("paddlepaddle", "paddle2onnx", "onnx", "onnxruntime", "numpy")


def main(argv: "list[str]") -> int:
    """Runs one command; returns the exit status."""
    # Before Paddle is loaded: its log would bury the one line.
    os.environ.setdefault("GLOG_minloglevel", "3")
    options = _parser().parse_args(argv)
    try:
        check(options.needs)
        return int(options.command(options) or 0)
    except SightlineError as error:
        print(error, file=sys.stderr)
    except Exception as error:  # the frameworks' own kinds: their first line with text, not pages of trace
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        print(f"{options.name}: {type(error).__name__}: {_telling(lines)}", file=sys.stderr)
    return 1


def _telling(lines: "list[str]") -> str:
    """Paddle puts its reason, like `InvalidArgumentError: ...`, behind pages of trace."""
    reasons = [line for line in lines if re.match(r"\(?[A-Z][A-Za-z]+(Error: |\) )", line)]
    return (reasons or lines or ["no reason given"])[0]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="convert.py", description="Converts PP-ShiTuV2's networks from Paddle to ONNX, and ONNX networks to int8.",
    )
    parser.set_defaults(needs=PADDLE)
    commands = parser.add_subparsers(dest="name", required=True)
    for kind in KINDS:
        one = commands.add_parser(kind, help=f"convert the {kind}: writes model.onnx and conversion.json")
        one.add_argument("--from", dest="source", type=Path, required=True, help="folder of inference.pdmodel and inference.pdiparams")
        one.add_argument("--to", type=Path, required=True, help="folder for the result")
        one.set_defaults(command=_convert)
    parity = commands.add_parser("parity", help="compare a converted network with Paddle's run of the original")
    parity.add_argument("kind", choices=KINDS)
    parity.add_argument("--from", dest="source", type=Path, required=True, help="folder of the original")
    parity.add_argument("--onnx", type=Path, required=True, help="the converted network")
    parity.add_argument("--pictures", type=Path, help="folder of JPEG and PNG pictures (default: made scenes)")
    parity.set_defaults(command=_parity)
    original = commands.add_parser("original", help="Paddle's answers to pictures, one line of JSON for each in order of name")
    original.add_argument("kind", choices=KINDS)
    original.add_argument("--from", dest="source", type=Path, required=True, help="folder of the original")
    original.add_argument("--pictures", type=Path, required=True, help="folder of JPEG and PNG pictures")
    original.set_defaults(command=_original)
    archive = commands.add_parser("make-archive", help="a test archive with seeded random weights")
    archive.add_argument("kind", choices=KINDS)
    archive.add_argument("--graphs", type=Path, required=True, help="folder of the published networks' folders")
    archive.add_argument("--seed", type=int, default=0)
    archive.add_argument("--noisy", action="store_true", help="weights that make rounding grow from layer to layer")
    archive.add_argument("--class-bias", type=float, default=-3.8, help="the lower, the fewer cells of a detector see anything")
    archive.add_argument("--to", type=Path, required=True, help="the .tar to write")
    archive.set_defaults(command=_make_archive)
    smaller = commands.add_parser("quantize", help="write the int8 form of an ONNX network")
    smaller.add_argument("--from", dest="source", type=Path, required=True, help="the network")
    smaller.add_argument("--calibration", type=Path, required=True, help="JSON {pictures, count, input}, see quantize.py")
    smaller.add_argument("--heavy-only", action="store_true", help="only convolutions and matrix products")
    smaller.add_argument("--to", type=Path, required=True, help="the .onnx to write")
    smaller.set_defaults(command=_quantize, needs=INT8)
    there = commands.add_parser("check", help="are the pinned packages here?")
    there.add_argument("needs", nargs="?", choices=(PADDLE, INT8), default=PADDLE, help=f"which file's (default: {PADDLE})")
    there.set_defaults(command=lambda _: None)
    return parser


# The imports stand in the commands: Paddle takes seconds to load, and may be absent for `check`.


def _convert(options: argparse.Namespace) -> None:
    from .conversion import OPSET, convert, output_names
    from .parity import canary, compare

    options.to.mkdir(parents=True, exist_ok=True)
    model = options.to / "model.onnx"
    network = convert(options.name, options.source, model)
    shape = {"strides": network.strides, "bins": network.bins} if network.strides else {"dimension": network.dimension}
    result = {
        "kind": options.name,
        "input": {"name": network.input, "width": network.width, "height": network.height},
        "outputs": output_names(network),
        **shape,
        "opset": OPSET,
        "canary": canary(options.name, options.source),
        "parity": compare(options.name, options.source, model),
        "tools": {name: version for name, version in pinned().items() if name in TOOLS},
    }
    (options.to / "conversion.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def _parity(options: argparse.Namespace) -> int:
    from .parity import compare

    rows = compare(options.kind, options.source, options.onnx, options.pictures)
    for row in rows:
        print(f"{row['check']:<42} {row['found']:<12.6g} limit {row['limit']:<12g} {'ok' if row['ok'] else 'FAILED'}")
    return 0 if all(row["ok"] for row in rows) else 1


def _original(options: argparse.Namespace) -> None:
    from .parity import answers

    for answer in answers(options.kind, options.source, options.pictures):
        print(json.dumps(answer))


def _make_archive(options: argparse.Namespace) -> None:
    from .archive import SHIFT, make_archive

    shift = 0.0 if options.noisy else SHIFT
    make_archive(options.kind, options.graphs, options.seed, options.to, shift, options.class_bias)


def _quantize(options: argparse.Namespace) -> None:
    from .quantize import quantize_calibrated

    options.to.parent.mkdir(parents=True, exist_ok=True)
    quantize_calibrated(options.source, options.to, options.calibration, options.heavy_only)
