"""The embedder's commands: merge, train, curves, evaluate, open-set, export, quantize."""

import argparse
import datetime
import json
import random
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import fmean

import numpy as np
import torch

from ..manifest import normalized
from ..quantize import quantize
from .config import load_config
from .curves import draw_curves
from .deployed import DeployedEmbedder
from .export import write_model_folder
from .merge import merge
from .metrics import retrieval
from .networks import build_embedder
from .openset import open_set_curve, plot, split_open_set
from .pictures import Picture, batches, read_label_file
from .pplcnet_v2 import PPLCNetV2Embedder
from .split import split_by_label
from .train import train
from .training_state import load_checkpoint
from .validation import score, validate, validation_set

INT8_FILE = "model.int8.onnx"
CALIBRATION_PICTURES = 256


def add_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the embedder's commands to the program's."""
    learn = commands.add_parser("train", help="train an embedder from a YAML configuration, or go on with a run")
    learn.add_argument("config", type=Path)
    learn.add_argument("--run", type=Path, required=True, help="folder of checkpoints and curves")
    learn.add_argument("--after", type=Path, help="another run's folder, to begin with its weights")
    _list_arguments(learn)
    learn.set_defaults(command=_train)

    shown = commands.add_parser("curves", help="draw a run's losses and validation as curves.png")
    shown.add_argument("--run", type=Path, required=True)
    shown.set_defaults(command=lambda options: _say(f"wrote {draw_curves(options.run)}"))

    together = commands.add_parser("merge", help="build the reference's training list from its 17 public datasets")
    together.add_argument("--root", type=Path, required=True, help="folder with one folder a dataset")
    together.add_argument("--to", type=Path, required=True, help="label file to write")
    together.add_argument("--skip", nargs="*", default=[], help="datasets to go without")
    together.set_defaults(command=_merge)

    measure = commands.add_parser("evaluate", help="recall@1, recall@5 and mAP of a model folder")
    measure.add_argument("model", type=Path)
    measure.add_argument("--file", help="another form of the network in that folder, such as model.int8.onnx")
    measure.add_argument("--gallery", type=Path, help="label file `path<TAB>label`; its folder is the pictures' root")
    measure.add_argument("--query", type=Path, help="label file `path<TAB>label`; its folder is the pictures' root")
    _list_arguments(measure, required=False)
    measure.set_defaults(command=_evaluate)

    unknown = commands.add_parser("open-set", help="choose the similarity threshold on the held-out labels")
    unknown.add_argument("model", type=Path)
    unknown.add_argument("--plot", type=Path, help="PNG to draw")
    _list_arguments(unknown)
    unknown.set_defaults(command=_open_set)

    ship = commands.add_parser("export", help="write a run's weights as a model folder and make it the default")
    ship.add_argument("config", type=Path)
    ship.add_argument("--run", type=Path, required=True)
    ship.add_argument("--to", type=Path, required=True, help="models/<name>")
    ship.add_argument("--size", type=int, required=True, help="input width and height")
    ship.add_argument("--threshold", type=float, required=True, help="default similarity threshold")
    ship.add_argument("--blend", type=float, default=1.0, help="1 for the trained weights, 0 for those it started from")
    ship.add_argument("--provenance", type=Path, help="JSON with the manifest's `provenance` and `metrics`")
    ship.set_defaults(command=_export)

    smaller = commands.add_parser("quantize", help="add an int8 form to a model folder and print what it loses")
    smaller.add_argument("model", type=Path)
    _list_arguments(smaller)
    smaller.set_defaults(command=_quantize)


def _list_arguments(parser: argparse.ArgumentParser, required: bool = True) -> None:
    parser.add_argument("--list", type=Path, required=required, help="label file `path<SPACE>label`")
    parser.add_argument("--root", type=Path, required=required, help="folder of its pictures")


def _say(line: str) -> None:
    print(time.strftime("%H:%M:%S"), line, flush=True)


def _split(options: argparse.Namespace) -> tuple[list[Picture], list[Picture]]:
    return split_by_label(read_label_file(options.list, options.root, " "))


def _merge(options: argparse.Namespace) -> None:
    _say(f"wrote {options.to}: {merge(options.root, options.to, options.skip, _say)} pictures")


def _train(options: argparse.Namespace) -> None:
    learned, held_out = _split(options)
    weights = train(load_config(options.config), learned, held_out, options.run, _say, options.after)
    _say(f"weights: {weights}")


def _evaluate(options: argparse.Namespace) -> None:
    model = DeployedEmbedder(options.model, options.file)
    if options.gallery and options.query:
        gallery = read_label_file(options.gallery, options.gallery.parent, "\t")
        query = read_label_file(options.query, options.query.parent, "\t")
        result = retrieval(model.embed(query), _labels(query), model.embed(gallery), _labels(gallery))
        print(json.dumps(asdict(result)))
        return
    if not options.list or not options.root:
        raise SystemExit("evaluate needs --gallery and --query, or --list and --root")
    results = validate(validation_set(_split(options)[1], 8, 100), model, model.size)
    print(f"{'dataset':18} {'queries':>7} {'recall@1':>9} {'recall@5':>9} {'mAP':>6}   camera: {'recall@1':>9} {'mAP':>6}")
    for dataset, (clean, camera) in results.items():
        print(
            f"{dataset:18} {clean.queries:7} {clean.recall1:9.3f} {clean.recall5:9.3f} {clean.map:6.3f}"
            f"           {camera.recall1:9.3f} {camera.map:6.3f}"
        )
    print(f"score (mean of the clean and the camera mAP over datasets): {score(results):.4f}")


def _labels(pictures: Sequence[Picture]) -> np.ndarray:
    return np.array([p.label for p in pictures])


def _open_set(options: argparse.Namespace) -> None:
    curve = open_set_curve(split_open_set(_split(options)[1]), DeployedEmbedder(options.model).embed)
    chosen = curve.choose()
    for index in sorted({chosen, *range(0, len(curve.thresholds), 10)}):
        mark = "  <- at most 5 % false names" if index == chosen else ""
        print(
            f"threshold {curve.thresholds[index]:.3f}  false names {curve.false_names[index]:.3f}"
            f"  right names kept {curve.kept[index]:.3f}{mark}"
        )
    if options.plot:
        plot(curve, chosen, options.plot)


def _export(options: argparse.Namespace) -> None:
    config = load_config(options.config)
    state = load_checkpoint(options.run / "final.pt")
    if state is None:
        raise SystemExit(f"{options.run} has no final.pt: the run has not ended")
    if options.blend != 1.0:
        start = load_checkpoint(options.run / "start.pt")
        if start is None:
            raise SystemExit(f"{options.run} has no start.pt to blend with")
        state = {k: torch.lerp(start[k], v, options.blend) if v.is_floating_point() else v for k, v in state.items()}
    model = build_embedder(config.network)
    model.load_state_dict(state)
    if isinstance(model, PPLCNetV2Embedder):
        model = model.deployed()
    told = json.loads(options.provenance.read_text()) if options.provenance else {"provenance": {}, "metrics": {}}
    provenance = {"made": datetime.date.today().isoformat(), **told["provenance"]}
    write_model_folder(model, options.size, options.to, options.threshold, provenance, told["metrics"])
    _say(f"wrote {options.to}")


def _quantize(options: argparse.Namespace) -> None:
    learned, held_out = _split(options)
    model = DeployedEmbedder(options.model)
    sample = random.Random(0).sample(learned, min(CALIBRATION_PICTURES, len(learned)))
    quantize(
        options.model / "model.onnx", options.model / INT8_FILE,
        (normalized(batch) for batch in batches(sample, model.size, 16)),
    )
    watched = validation_set(held_out, 4, 40)
    for name, form in (("fp32", model), ("int8", DeployedEmbedder(options.model, INT8_FILE))):
        results = validate(watched, form, form.size).values()
        recall, average = (fmean(v) for v in zip(*((clean.recall1, clean.map) for clean, _ in results), strict=True))
        print(f"{name}: recall@1 {recall:.4f}, mAP {average:.4f} (means over the datasets' held-out labels)")
