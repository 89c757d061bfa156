"""A run's weights become a model folder with measured figures, and an int8 one beside it."""

import json
from dataclasses import asdict
from pathlib import Path

import torch

from sightline_training.detection.config import Config
from sightline_training.detection.networks import build_detector

from ..conftest import Run


def manifest(folder: Path) -> dict:
    return json.loads((folder / "manifest.json").read_text())


def test_export_evaluate_and_quantize_write_folders_that_agree(made_boxes: Path, run: Run) -> None:
    config = Config(network="lcnet", scale=0.25, width=32, size=64)
    torch.save({"average": build_detector(config).state_dict(), "config": asdict(config)}, made_boxes / "best.pt")
    folder, boxes = made_boxes / "models" / "tiny", made_boxes / "boxes.jsonl"
    run("export-detector", "--run", made_boxes, "--to", folder, "--boxes", boxes)
    told = manifest(folder)
    assert told["input"]["width"] == 64 and told["output"]["heads"] == ["head_8", "head_16", "head_32", "head_64"]
    assert json.loads((folder.parent / "index.json").read_text()) == {"detector": "tiny"}

    measured = json.loads(run("evaluate-detector", folder, "--boxes", boxes).stdout)
    assert {name: round(value, 4) for name, value in measured.items()} == {n: m["value"] for n, m in told["metrics"].items()}
    assert told["metrics"]["AP50"]["command"].endswith("evaluate-detector ../../models/tiny --boxes boxes.jsonl")

    said = json.loads(run("quantize-detector", folder, "--boxes", boxes).stdout)
    small = manifest(folder.with_name("tiny-int8"))
    assert said["fp32"] == measured and small["name"] == "tiny-int8"
    assert small["metrics"]["AP50 lost"]["value"] == round(said["fp32"]["AP50"] - said["int8"]["AP50"], 4)
    assert small["output"] == told["output"] and len(small["canary"]["meanSigmoid"]) == 4
