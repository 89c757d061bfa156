"""Writes an embedder as a model folder: ONNX with a dynamic batch, checked against PyTorch, and its manifest."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.version_converter
import onnxruntime
import onnxscript.optimizer
import onnxscript.rewriter
import onnxscript.rewriter.rules.common as rules
import torch
from torch import nn

from sightline_base.canary import canary_pattern, embedder_answer
from sightline_base.errors import SightlineError
from sightline_base.input import input_contract, to_input
from sightline_base.manifest import set_default, write_manifest
from sightline_base.retrieval import l2_normalized

OPSET = 17
# What PyTorch's exporter writes by itself; its own way down to 17 stumbles over reductions, after folding it is clear.
EXPORTER_OPSET = 18
# PyTorch and onnxruntime sum in different orders; on L2-normalized outputs that stays far below this.
TOLERANCE = 1e-5
# Of the canary on other processors, to the answer that was recorded here.
LEAST_COSINE = 0.999


class ExportError(SightlineError):
    """The exported graph does not say what the network says."""


def export_onnx(model: nn.Module, size: int, path: Path) -> None:
    """Writes model ([N, 3, size, size] to [N, 512]) with inputs `image`, outputs `embedding` and a dynamic batch.

    Raises ExportError where onnxruntime's L2-normalized answer differs from PyTorch's by more than TOLERANCE, at a
    batch of 1 or of 3.
    """
    model.eval()
    example = torch.from_numpy(to_input(canary_pattern(size, size)[None])).repeat(2, 1, 1, 1)
    program = torch.onnx.export(
        model, (example,), None, input_names=["image"], output_names=["embedding"], opset_version=EXPORTER_OPSET,
        dynamic_shapes=({0: torch.export.Dim("batch")},), dynamo=True, verbose=False,
    )
    onnx.save(plain_graph(program.model_proto), path)
    onnx.checker.check_model(str(path), full_check=True)
    for batch in (1, 3):
        pixels = np.random.default_rng(batch).integers(0, 256, (batch, size, size, 3), dtype=np.uint8)
        image = to_input(pixels)
        with torch.inference_mode():
            expected = l2_normalized(model(torch.from_numpy(image)).numpy())
        worst = float(np.abs(expected - l2_normalized(run_onnx(path, image))).max())
        # Written so that it also refuses what is no number.
        if not worst <= TOLERANCE:
            raise ExportError(f"{path}: onnxruntime differs from PyTorch by {worst:.2e} at a batch of {batch}")


def plain_graph(graph: onnx.ModelProto) -> onnx.ModelProto:
    """Constants folded, padding taken into the convolutions, and no trace of the machine that exported it."""
    graph = onnxscript.optimizer.optimize(graph)
    padding = [rules.normalize_pad_format_conv_rule, rules.fuse_pad_into_conv_rule]
    graph = onnxscript.rewriter.rewrite(graph, pattern_rewrite_rules=padding)
    for node in graph.graph.node:
        # The converter would leave this attribute, new in 18 and at its default, on a node of 17.
        for attribute in [a for a in node.attribute if a.name == "noop_with_empty_axes"]:
            node.attribute.remove(attribute)
    graph = onnx.version_converter.convert_version(graph, OPSET)
    values = [*graph.graph.input, *graph.graph.output, *graph.graph.value_info, *graph.graph.initializer]
    for part in [graph, graph.graph, *graph.graph.node, *values]:
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    return graph


def run_onnx(path: Path, image: np.ndarray) -> np.ndarray:
    """Runs an exported embedder on the CPU: float32 [N, 3, size, size] to [N, 512]."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(["embedding"], {"image": image})[0]


def canary_answer(path: Path, size: int) -> dict[str, list[float]]:
    """What an exported embedder says of the fixed pattern."""
    return embedder_answer(run_onnx(path, to_input(canary_pattern(size, size)[None])))


def write_model_folder(
    model: nn.Module, size: int, folder: Path, threshold: float, provenance: dict[str, Any], metrics: dict[str, Any]
) -> None:
    """Exports into folder/ and makes it the default embedder of the models folder around it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "model.onnx"
    export_onnx(model, size, path)
    canary = canary_answer(path, size)
    write_manifest(folder, {
        "task": "embedder",
        "input": input_contract(size, "linear"),
        "output": {"kind": "embedding", "name": "embedding", "dimension": len(canary["embedding"]), "normalized": False},
        "defaults": {"scoreThreshold": threshold},
        "canary": {**canary, "minCosine": LEAST_COSINE},
        "provenance": provenance,
        "metrics": metrics,
    })
    set_default(folder.parent, "embedder", folder.name)
