"""Writes what was chosen as a model folder and its int8 form, each with the figures that chose it."""

import datetime
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sightline_base.errors import SightlineError
from sightline_base.input import to_input
from sightline_base.manifest import add_metrics, read_manifest
from sightline_base.resize import resized
from sightline_base.retrieval import l2_normalized

from ..embedding.deployed import DeployedEmbedder
from ..embedding.embedder import LiteEmbedder
from ..embedding.export import canary_answer, write_model_folder
from ..embedding.measuring import INT8_LEAST_COSINE
from ..int8 import CALIBRATION_PICTURES, write_int8_folder
from .exam import Answers, Exam, Marks, answered, marked

COMMAND = "python -m sightline_training tune --pictures PICTURES"


def figures(marks: Marks, named: float, kept: float) -> dict[str, float]:
    """A candidate's marks by the names that a manifest knows them by."""
    return {
        "own pictures recall@1": marks.own.recall1, "own pictures mAP": marks.own.map,
        "own pictures in other light recall@1": marks.camera.recall1, "made packages recall@1": marks.check.recall1,
        "strangers named": named, "right names kept": kept,
    }


def write_tuned(
    model: LiteEmbedder, size: int, folder: Path, threshold: float, start: Path, pictures: int, products: int,
    metrics: dict[str, float],
) -> None:
    """Exports the model and makes it the default embedder of the models folder around it."""
    begun = read_manifest(start)
    provenance: dict[str, Any] = {
        "made": datetime.date.today().isoformat(), "command": [COMMAND],
        "startedFrom": {"name": begun["name"], "sha256": begun["sha256"], "licence": begun.get("licence", "")},
        "data": [{"name": "own pictures", "pictures": pictures, "labels": products, "licence": "their owner's"}],
    }
    told = {name: {"value": round(value, 4), "command": COMMAND} for name, value in metrics.items()}
    write_model_folder(model, size, folder, threshold, provenance, told)


def write_small(folder: Path, size: int, pixels: Sequence[np.ndarray], exam: Exam, start: Answers) -> tuple[Path, float, float]:
    """The int8 form beside folder/: where it lies, the score that it loses, and its median cosine to the float form."""
    chosen = np.random.default_rng(0).permutation(len(pixels))[:CALIBRATION_PICTURES]
    inputs = (to_input(_sized(np.stack([pixels[i] for i in part]), size)) for part in np.array_split(chosen, max(1, len(chosen) // 16)))

    def canary(path: Path) -> dict[str, Any]:
        return {**canary_answer(path, size), "minCosine": INT8_LEAST_COSINE}

    target = write_int8_folder(folder, inputs, canary, COMMAND)
    large, small = DeployedEmbedder(folder), DeployedEmbedder(target)
    first, second = (answered(exam, lambda crops, one=one: embedded_crops(one, crops)) for one in (large, small))
    before, now = marked(exam, first, start), marked(exam, second, start)
    lost = before.score - now.score
    cosine = float(np.median(np.sum(l2_normalized(first.check) * l2_normalized(second.check), axis=1)))
    add_metrics(target, {
        "own pictures recall@1": now.own.recall1, "own pictures mAP": now.own.map,
        "own pictures recall@1 lost": before.own.recall1 - now.own.recall1, "median cosine to the float form": cosine,
    }, COMMAND)
    return target, lost, cosine


def embedded_crops(model: DeployedEmbedder, crops: np.ndarray) -> np.ndarray:
    """Pictures as deployed [N, 224, 224, 3] to [N, D], by an exported model."""
    said = [np.zeros((0, 512), np.float32)]
    for start in range(0, len(crops), 32):
        said.append(model(_sized(crops[start : start + 32], model.size)))
    return np.concatenate(said)


def _sized(crops: np.ndarray, size: int) -> np.ndarray:
    return crops if size == crops.shape[1] else np.stack([resized(crop, size, size) for crop in crops])


def checked_target(folder: Path) -> Path:
    """The folder that will be written; raises SightlineError before the work where its name can't be a model's."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9._-]*", folder.resolve().name):
        raise SightlineError(f"--to {folder}: a model's name has small letters, digits, hyphens and dots")
    return folder
