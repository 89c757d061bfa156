"""The detector's commands: train, measure, export and quantize one, choose its threshold, mark what a list leaves out."""

import argparse
import datetime
import json
import random
from pathlib import Path
from typing import Any

import torch

from sightline_base.input import to_input
from sightline_base.manifest import add_metrics, read_manifest

from ..embedding.pictures import LabelFileError
from ..embedding.training_state import RunError, load_checkpoint
from ..int8 import CALIBRATION_PICTURES, write_int8_folder
from ..progress import say
from .config import Config, load_config
from .data import Listed, is_held_out, load, read_box_list, resized
from .evaluate import detect_with, evaluate
from .export import HEADS, INT8_CANARY_TOLERANCE, canary_answer, detect_with_onnx, write_model_folder
from .networks import build_detector
from .threshold import at_threshold, best_threshold, judged_of, plot
from .train import train
from .unlabelled import mark_unlabelled


def add_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the detector's commands to the program's."""
    learn = commands.add_parser("train-detector", help="train a detector from a YAML configuration, or go on with a run")
    learn.add_argument("config", type=Path)
    learn.add_argument("--run", type=Path, required=True, help="folder of checkpoints and curves")
    learn.add_argument("--material", type=Path, help="folder of the datasets that scenes are made of, where any are")
    learn.add_argument("--after", type=Path, help="another run's folder, or a model folder that `export-detector` wrote, to begin with its weights")
    learn.add_argument("--threads", type=int, help="threads of PyTorch; 1 where the cores are shared")
    _boxes(learn)
    learn.set_defaults(command=_train)

    measure = commands.add_parser("evaluate-detector", help="AP50, AP and recall@100 of a model folder on the held-out tenth")
    measure.add_argument("model", type=Path)
    measure.add_argument("--all", action="store_true", help="all listed pictures, not only the held-out ones")
    measure.add_argument("--record", action="store_true", help="write the figures into the manifest")
    _boxes(measure)
    measure.set_defaults(command=_evaluate)

    export = commands.add_parser("export-detector", help="write a run's best weights as a model folder")
    export.add_argument("--run", type=Path, required=True)
    export.add_argument("--to", type=Path, required=True, help="model folder to write")
    export.add_argument("--size", type=int, help="input size; the training size where not given")
    export.add_argument("--provenance", type=Path, help="JSON: data and licences, what it was started from, hardware")
    _boxes(export)
    export.set_defaults(command=_export)

    choose = commands.add_parser("detection-threshold", help="the curve from which the default score threshold is chosen")
    choose.add_argument("model", type=Path)
    choose.add_argument("--boxes", type=Path, nargs="*", default=[], help="box lists, of which the held-out tenths count")
    choose.add_argument("--all", type=Path, nargs="*", default=[], help="box lists, of which all pictures count")
    choose.add_argument("--plot", type=Path, help="PNG of the curves")
    choose.add_argument("--record", action="store_true", help="make it the model's default")
    choose.set_defaults(command=_threshold)

    mark = commands.add_parser("mark-unlabelled", help="write a box list in which what a detector sees beside the boxes is ignored")
    mark.add_argument("model", type=Path, help="the detector that looks")
    mark.add_argument("--sources", nargs="+", required=True, help="sources of the list whose pictures hold objects without a box")
    mark.add_argument("--to", type=Path, required=True, help="box list to write, in the folder of the other")
    _boxes(mark)
    mark.set_defaults(command=_mark)

    smaller = commands.add_parser("quantize-detector", help="write NAME-int8 beside a model folder and print what it loses")
    smaller.add_argument("model", type=Path)
    _boxes(smaller)
    smaller.set_defaults(command=_quantize)


def _boxes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--boxes", type=Path, required=True, help="box list, JSON lines, or COCO's instances file")
    parser.add_argument("--images", type=Path, help="folder of its pictures; the list's own where not given")
    parser.add_argument("--held-out", type=Path, metavar="BOXES", help="list of the pictures to measure by, in place of a tenth of --boxes")
    parser.add_argument("--held-out-images", type=Path, metavar="IMAGES", help="folder of these; --images where not given")
    parser.add_argument(
        "--missing-share", type=float, default=0.0, metavar="SHARE",
        help="of the listed pictures, may be missing: they are counted and left out",
    )


def _split(options: argparse.Namespace) -> tuple[list[Listed], list[Listed]]:
    listed = read_box_list(options.boxes, options.images or options.boxes.parent, options.missing_share)
    if options.held_out:
        root = options.held_out_images or options.images or options.held_out.parent
        return listed, read_box_list(options.held_out, root, options.missing_share)
    return [x for x in listed if not is_held_out(x.file.name)], [x for x in listed if is_held_out(x.file.name)]


def _held_out(options: argparse.Namespace) -> list[Listed]:
    _, held_out = _split(options)
    if not held_out:
        raise LabelFileError(f"{options.boxes} has no held-out picture to measure by: give more pictures, or a list with --held-out")
    return held_out


def _train(options: argparse.Namespace) -> None:
    if options.threads:
        torch.set_num_threads(options.threads)
    pictures, held_out = _split(options)
    if not pictures:
        raise LabelFileError(f"{options.boxes} has no picture to train on: all of them are held out")
    best = train(load_config(options.config), pictures, held_out, options.material, options.run, say, options.after)
    say(f"best weights: {best}")


def _evaluate(options: argparse.Namespace) -> None:
    result = _measured(options.model, sum(_split(options), []) if options.all else _held_out(options))
    print(json.dumps(result))
    if options.record:
        add_metrics(options.model, result, _command("evaluate-detector", options.model, options.boxes))


def _measured(folder: Path, pictures: list[Listed]) -> dict[str, float]:
    manifest = read_manifest(folder)
    if manifest["output"].get("heads") != HEADS or "letterbox" in manifest["input"]:
        raise RunError(f"{folder} is not a detector that was trained here: measure it by `sightline eval --boxes`")
    return evaluate(detect_with_onnx(folder / manifest["file"], manifest["input"]["width"]), pictures)


def _threshold(options: argparse.Namespace) -> None:
    manifest = read_manifest(options.model)
    detect = detect_with_onnx(options.model / manifest["file"], manifest["input"]["width"])
    whole = {path: read_box_list(path, path.parent) for path in [*options.boxes, *options.all]}
    lists = {path: [x for x in listed if path in options.all or is_held_out(x.file.name)] for path, listed in whole.items()}
    if not lists:
        raise RunError("name at least one list: --boxes, --all")
    judged = {f"{path.resolve().parent.name}/{path.stem}": judged_of(detect, listed) for path, listed in lists.items()}
    threshold = best_threshold(list(judged.values()))
    print(json.dumps({"scoreThreshold": threshold, **{name: at_threshold(one, threshold) for name, one in judged.items()}}))
    if options.plot:
        plot(judged, threshold, options.plot)
    if options.record:
        add_metrics(options.model, {}, "", threshold)


def _mark(options: argparse.Namespace) -> None:
    pictures, _ = _split(options)
    manifest = read_manifest(options.model)
    detect = detect_with_onnx(options.model / manifest["file"], manifest["input"]["width"])
    chosen = [one for one in pictures if one.source in options.sources]
    added = mark_unlabelled(options.boxes, options.images or options.boxes.parent, options.to, chosen, detect)
    say(f"{added} regions to ignore in {len(chosen)} pictures: {options.to}")


def _command(name: str, model: Path, boxes: Path) -> str:
    return f"python -m sightline_training {name} ../../models/{model.resolve().name} --boxes {boxes.name}"


def _quantize(options: argparse.Namespace) -> None:
    pictures, _ = _split(options)
    held_out = _held_out(options)
    size = read_manifest(options.model)["input"]["width"]
    sample = random.Random(0).sample(pictures, min(CALIBRATION_PICTURES, len(pictures)))
    command = _command("quantize-detector", options.model, options.boxes)
    target = write_int8_folder(
        options.model, (to_input(resized(load(listed), size).picture[None]) for listed in sample),
        lambda path: {**canary_answer(path, size), "tolerance": INT8_CANARY_TOLERANCE}, command,
    )
    before, after = _measured(options.model, held_out), _measured(target, held_out)
    print(json.dumps({"fp32": before, "int8": after}))
    add_metrics(target, {**after, **{f"{name} lost": before[name] - after[name] for name in after}}, command)


def _export(options: argparse.Namespace) -> None:
    saved = load_checkpoint(options.run / "best.pt")
    if saved is None:
        raise RunError(f"{options.run} has no best.pt: there is no run, or it was not measured yet")
    config = Config(**saved["config"])
    model = build_detector(config)
    model.load_state_dict(saved["average"])
    say(f"{options.run / 'best.pt'} measured " + " ".join(f"{name} {value:.4f}" for name, value in saved["metrics"].items()))
    size = options.size or config.size
    held_out = _held_out(options)
    threshold = best_threshold([judged_of(detect_with(model, size), held_out)])
    given = json.loads(options.provenance.read_text()) if options.provenance else {}
    provenance: dict[str, Any] = {"made": datetime.date.today().isoformat(), **given}
    write_model_folder(model, size, options.to, threshold, provenance, {})
    result = _measured(options.to, held_out)
    add_metrics(options.to, result, _command("evaluate-detector", options.to, options.boxes))
    print(json.dumps({**result, "scoreThreshold": threshold}))
