"""The embedder's commands that measure: evaluate, open-set, quantize, baseline."""

import argparse
import json
import random
from collections.abc import Iterable
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from torch import nn

from sightline_base.input import to_input
from sightline_base.manifest import add_metrics
from sightline_base.retrieval import Retrieval, l2_normalized

from ..int8 import CALIBRATION_PICTURES, write_int8_folder
from ..progress import say
from .arguments import list_arguments, listed_pictures
from .deployed import DeployedEmbedder
from .efficientnet_lite import EfficientNetLite, load_imagenet
from .embedder import GeM
from .export import canary_answer, write_model_folder
from .openset import measurable, open_set_curve, plot, split_open_set
from .pictures import LabelFileError, Picture, as_referred, batches, read_label_file
from .reference_table import ROWS, measure_rows
from .split import split_by_label
from .validation import retrieval_of, score, validate, validation_set

# int8 kernels round differently on CPUs without VNNI.
INT8_LEAST_COSINE = 0.98
COMPARED_PICTURES = 500


def add_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds these commands to the program's."""
    measure = commands.add_parser("evaluate", help="recall@1, recall@5 and mAP of a model folder")
    measure.add_argument("model", type=Path)
    measure.add_argument("--gallery", type=Path, help="label file `path<TAB>label`; its folder is the pictures' root")
    measure.add_argument("--query", type=Path, help="label file `path<TAB>label`; its folder is the pictures' root")
    measure.add_argument("--table", type=Path, help="folder with a folder for each row of the reference's table that is to be measured")
    measure.add_argument(
        "--plain", action="store_true",
        help="resize at once, as the reference measures; the pipeline averages a side that shrinks to less than half",
    )
    measure.add_argument("--record", metavar="NAME", help="write the figures into the manifest, under this name")
    list_arguments(measure, required=False)
    measure.set_defaults(command=_evaluate)

    unknown = commands.add_parser("open-set", help="choose the similarity threshold on the held-out labels")
    unknown.add_argument("model", type=Path)
    unknown.add_argument("--plot", type=Path, help="PNG to draw")
    unknown.add_argument("--datasets", nargs="+", metavar="NAME", help="only these: what is asked of a gallery, not of a classifier")
    unknown.add_argument("--record", action="store_true", help="write threshold and figures into the manifest")
    list_arguments(unknown)
    unknown.set_defaults(command=_open_set)

    smaller = commands.add_parser("quantize", help="write NAME-int8 beside a model folder and print what it loses")
    smaller.add_argument("model", type=Path)
    list_arguments(smaller)
    smaller.set_defaults(command=_quantize)

    plain = commands.add_parser("baseline", help="write frozen EfficientNet-Lite0 as a model folder to compare with")
    plain.add_argument("--to", type=Path, required=True, help="a folder outside the shipped models")
    plain.add_argument("--size", type=int, default=224)
    plain.set_defaults(command=_baseline)


def _evaluate(options: argparse.Namespace) -> None:
    model = DeployedEmbedder(options.model)
    if options.plain:
        if not (options.table or (options.gallery and options.query)):
            raise LabelFileError("--plain is of --table and of --gallery with --query: the held-out labels are measured as deployed")
        model.shown = as_referred
    if options.gallery and options.query:
        gallery = read_label_file(options.gallery, options.gallery.parent, "\t")
        query = read_label_file(options.query, options.query.parent, "\t")
        result = retrieval_of(query, gallery, model.embed)
        print(json.dumps({**result.figures(), "queries": result.queries}))
        asked = f"--gallery {options.gallery.name} --query {options.query.name}{' --plain' if options.plain else ''}"
        _record(options, result.figures(), asked)
        return
    if options.table:
        rows = _printed(measure_rows(options.table, model.embed, say))
        figures = {f"{row} {name}": value for row, r in rows.items() for name, value in r.figures().items()}
        _record(options, figures, f"--table ROWS{' --plain' if options.plain else ''}")
        return
    if not options.list or not options.root:
        raise SystemExit("evaluate needs --gallery and --query, or --list and --root, or --table")
    results = validate(_watched(options, split_by_label(listed_pictures(options))[1]), model, model.size)
    _print_table(results)
    clean = [one for one, _ in results.values()]
    recall1, recall5, average = (fmean(values) for values in zip(*((r.recall1, r.recall5, r.map) for r in clean), strict=True))
    means = {"recall@1": recall1, "recall@5": recall5, "mAP": average}
    _record(options, means, f"--list {options.list.name} --root PICTURES")


def _watched(options: argparse.Namespace, held_out: list[Picture]) -> list[Picture]:
    """What is measured of the held-out pictures; raises LabelFileError where there is nothing to measure."""
    watched = validation_set(held_out, 8, 100)
    if not watched:
        raise LabelFileError(
            f"{options.list} has nothing to measure: no dataset, the first folder of a path, has a held-out label with two pictures. "
            "Put the labels' folders into one folder, or measure by --gallery and --query"
        )
    return watched


def _record(options: argparse.Namespace, metrics: dict[str, float], asked: str) -> None:
    if options.record:
        named = {f"{options.record} {name}": value for name, value in metrics.items()}
        add_metrics(options.model, named, _command("evaluate", options, asked))


def _command(verb: str, options: argparse.Namespace, asked: str | None = None) -> str:
    """The line for the manifest that repeats a measurement, without this machine's folders."""
    asked = asked or f"--list {options.list.name} --root PICTURES"
    return f"python -m sightline_training {verb} ../../models/{options.model.resolve().name} {asked}"


def _printed(rows: Iterable[tuple[str, Retrieval]]) -> dict[str, Retrieval]:
    """Prints each row as soon as it is measured, beside the reference's figures, and returns them."""
    print(f"{'row':14} {'queries':>7} {'recall@1':>9} {'recall@5':>9} {'mAP':>6}   reference: {'recall@1':>9} {'mAP':>6}")
    results: dict[str, Retrieval] = {}
    for name, r in rows:
        results[name] = r
        recall1, average = (value / 100 for value in ROWS[name])
        print(f"{name:14} {r.queries:7} {r.recall1:9.3f} {r.recall5:9.3f} {r.map:6.3f}              {recall1:9.3f} {average:6.3f}")
    return results


def _print_table(results: dict[str, tuple[Retrieval, Retrieval]]) -> None:
    print(f"{'dataset':18} {'queries':>7} {'recall@1':>9} {'recall@5':>9} {'mAP':>6}   camera: {'recall@1':>9} {'mAP':>6}")
    for dataset, (clean, camera) in results.items():
        print(
            f"{dataset:18} {clean.queries:7} {clean.recall1:9.3f} {clean.recall5:9.3f} {clean.map:6.3f}"
            f"           {camera.recall1:9.3f} {camera.map:6.3f}"
        )
    rows = [(a.recall1, a.recall5, a.map, b.recall1, b.map) for a, b in results.values()]
    mean = [fmean(column) for column in zip(*rows, strict=True)]
    print(f"{'mean':18} {'':7} {mean[0]:9.3f} {mean[1]:9.3f} {mean[2]:6.3f}           {mean[3]:9.3f} {mean[4]:6.3f}")
    print(f"score (mean of the clean and the camera mAP over datasets): {score(results):.4f}")


def _open_set(options: argparse.Namespace) -> None:
    held_out = split_by_label(listed_pictures(options))[1]
    if options.datasets:
        held_out = [picture for picture in held_out if picture.dataset in options.datasets]
    split = split_open_set(held_out)
    if not measurable(split):
        raise LabelFileError(
            f"{options.list} has nothing to choose a threshold by: no dataset, the first folder of a path, has two held-out labels of "
            "two pictures or more. Put the labels' folders into one folder, or add labels"
        )
    curve = open_set_curve(split, DeployedEmbedder(options.model).embed)
    chosen = curve.choose()
    for index in sorted({chosen, *range(0, len(curve.thresholds), 10)}):
        mark = "  <- chosen" if index == chosen else ""
        print(
            f"threshold {curve.thresholds[index]:.3f}  false names {curve.false_names[index]:.3f}"
            f"  right names kept {curve.kept[index]:.3f}{mark}"
        )
    if options.plot:
        plot(curve, chosen, options.plot)
    if options.record:
        figures = {"open-set false names": curve.false_names[chosen], "open-set right names kept": curve.kept[chosen]}
        threshold = round(float(curve.thresholds[chosen]), 3)
        recorded = {name: float(value) for name, value in figures.items()}
        asked = f"--list {options.list.name} --root PICTURES"
        asked += f" --datasets {' '.join(options.datasets)}" if options.datasets else ""
        add_metrics(options.model, recorded, _command("open-set", options, asked), threshold)


def _quantize(options: argparse.Namespace) -> None:
    learned, held_out = split_by_label(listed_pictures(options))
    model = DeployedEmbedder(options.model)
    sample = random.Random(0).sample(learned, min(CALIBRATION_PICTURES, len(learned)))
    command = _command("quantize", options)

    def canary(path: Path) -> dict[str, Any]:
        return {**canary_answer(path, model.size), "minCosine": INT8_LEAST_COSINE}

    target = write_int8_folder(
        options.model, (to_input(batch) for batch in batches(sample, model.size, 16)), canary, command
    )
    small = DeployedEmbedder(target)
    watched = _watched(options, held_out)
    figures = {}
    for name, form in (("fp32", model), ("int8", small)):
        results = validate(watched, form, form.size).values()
        recall, average = (fmean(v) for v in zip(*((clean.recall1, clean.map) for clean, _ in results), strict=True))
        print(f"{name}: recall@1 {recall:.4f}, mAP {average:.4f} (means over the datasets' held-out labels)")
        figures[name] = {"held-out recall@1": recall, "held-out mAP": average}
    lost = {f"{name} lost": figures["fp32"][name] - figures["int8"][name] for name in figures["int8"]}
    # From 0.99 on the pipeline takes this form for the other where it is faster.
    seen = random.Random(0).sample(held_out, min(COMPARED_PICTURES, len(held_out)))
    cosines = np.sum(l2_normalized(model.embed(seen)) * l2_normalized(small.embed(seen)), axis=1)
    alike = {"median cosine to the float form": float(np.median(cosines))}
    add_metrics(target, {**figures["int8"], **lost, **alike}, command)
    say(f"wrote {target}")


def _baseline(options: argparse.Namespace) -> None:
    backbone = EfficientNetLite(0)
    load_imagenet(backbone)
    network = nn.Sequential(backbone, GeM(3.0), nn.Flatten())
    write_model_folder(network, options.size, options.to, 0.5, {}, {})
    say(f"wrote {options.to}")
