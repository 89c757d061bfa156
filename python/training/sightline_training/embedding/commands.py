"""The embedder's commands that make: merge, packages, check, train, curves, export."""

import argparse
import datetime
import json
import math
from pathlib import Path

import numpy as np
import torch
from torch import nn

from ..config import ConfigError
from ..progress import say
from .arguments import list_arguments, listed_pictures
from .config import load_config
from .curves import draw_curves
from .embedder import LiteEmbedder, fold_neck
from .export import write_model_folder
from .merge import merge
from .networks import Embedder, build_embedder, embed_with
from .packages import write_packages
from .pictures import LabelFileError, Picture, batches, read_asked_list, read_picture
from .plain_features import keep_features
from .pplcnet_v2 import PPLCNetV2Embedder
from .reopened import weights_of
from .split import split_by_label
from .train import train
from .training_state import RunError, best_weights, load_checkpoint
from .watch import Asked
from .whitening import chosen, whiten_with_pictures


def add_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the embedder's commands to the program's."""
    learn = commands.add_parser("train", help="train an embedder from a YAML configuration, or go on with a run")
    learn.add_argument("config", type=Path)
    learn.add_argument("--run", type=Path, required=True, help="folder of checkpoints and curves")
    learn.add_argument("--after", type=Path, help="another run's folder, or a model folder that `export` wrote, to begin with its weights")
    learn.add_argument("--query", type=Path, help="label file to measure by while training; its folder is the pictures' root")
    learn.add_argument("--gallery", type=Path, help="label file that --query is asked of; without it the queries are asked of each other")
    list_arguments(learn)
    learn.set_defaults(command=_train)

    shown = commands.add_parser("curves", help="draw a run's losses and validation as curves.png")
    shown.add_argument("--run", type=Path, required=True)
    shown.set_defaults(command=lambda options: say(f"wrote {draw_curves(options.run)}"))

    together = commands.add_parser("merge", help="build the reference's training list from its 17 public datasets")
    together.add_argument("--root", type=Path, required=True, help="folder with one folder a dataset")
    together.add_argument("--to", type=Path, required=True, help="label file to write")
    together.add_argument("--skip", nargs="*", default=[], help="datasets to go without")
    together.add_argument(
        "--inaturalist", choices=("2019", "2017"), default="2019", help="2019 has the documented counts, 2017 is what the documentation links to"
    )
    together.add_argument(
        "--tabs", action="store_true", help="a tab before the label, so that the reference, too, reads paths with spaces (its `delimiter`)"
    )
    together.add_argument(
        "--missing-share", type=float, default=0.001, metavar="SHARE",
        help="of a dataset's pictures, may be missing: they are counted and left out",
    )
    together.set_defaults(command=_merge)

    made = commands.add_parser("packages", help="make families of packages that differ by flavour, from training pictures")
    list_arguments(made)
    made.add_argument("--to", type=Path, required=True, help="folder for packages/ and list.txt, which holds --list as well")
    made.add_argument("--labels", type=int, default=1500)
    made.add_argument("--art", nargs="+", default=["caltech101", "imagenet_sample"], help="datasets to print on them")
    made.add_argument("--logos", nargs="+", default=["brand_icons"])
    made.add_argument("--seed", type=int, default=1)
    made.set_defaults(command=_packages)

    ship = commands.add_parser("export", help="write a run's weights as a model folder and make it the default")
    ship.add_argument("config", type=Path)
    ship.add_argument("--run", type=Path, required=True)
    ship.add_argument("--to", type=Path, required=True, help="models/<name>")
    ship.add_argument("--size", type=int, required=True, help="input width and height")
    ship.add_argument("--threshold", type=float, required=True, help="default similarity threshold")
    ship.add_argument("--best", action="store_true", help="the run's weights that measured best, in place of those it ended with")
    ship.add_argument("--blend", type=float, default=1.0, help="1 for the trained weights, 0 for those it started from")
    ship.add_argument(
        "--mean-with", type=weighed_run, nargs="*", default=[], metavar="RUN[=WEIGHT]",
        help="further runs, or model folders, whose weights are averaged in, each weighing WEIGHT (1 where not given) against --run's 1",
    )
    ship.add_argument(
        "--keep-features", type=float, default=0.0, metavar="SHARE",
        help="make the pooled features that share of the embedding, measured on --list's training pictures",
    )
    ship.add_argument("--whiten", action="store_true", help="normalize the within-class covariance of --list's training pictures")
    list_arguments(ship, required=False)
    ship.add_argument("--provenance", type=Path, help="JSON with the manifest's `provenance` and `metrics`")
    ship.set_defaults(command=_export)

    readable = commands.add_parser("check", help="read every listed picture and name those that can't be decoded")
    list_arguments(readable)
    readable.set_defaults(command=_check)


def _merge(options: argparse.Namespace) -> None:
    separator = "\t" if options.tabs else " "
    count = merge(options.root, options.to, options.skip, say, separator, options.missing_share, options.inaturalist)
    say(f"wrote {options.to}: {count} pictures")


def _packages(options: argparse.Namespace) -> None:
    learned, _ = split_by_label(listed_pictures(options))
    art, logos = ([p for p in learned if p.dataset in names] for names in (options.art, options.logos))
    if not art:
        raise SystemExit(f"--list has no training pictures of {', '.join(options.art)} to print on packages")
    lines = write_packages(art, logos, options.labels, options.to, options.seed)
    listed = options.list.read_text().rstrip("\n")
    (options.to / "list.txt").write_text("\n".join([listed, *lines]) + "\n")
    say(f"wrote {len(lines)} pictures and {options.to / 'list.txt'}")


def _train(options: argparse.Namespace) -> None:
    config = load_config(options.config)
    pictures = listed_pictures(options)
    learned, held_out = split_by_label(pictures) if config.hold_out else (pictures, [])
    weights = train(config, learned, held_out, options.run, say, options.after, _asked(options))
    say(f"weights: {weights}")


def _asked(options: argparse.Namespace) -> Asked | None:
    """What training is measured by; one list for both is asked of itself, as no picture may find itself."""
    if options.query is None:
        if options.gallery is not None:
            raise ConfigError("--gallery needs --query, what is asked of it")
        return None
    query, asking = read_asked_list(options.query)
    if options.gallery is None:
        return Asked(query, None)
    gallery, taken = read_asked_list(options.gallery)
    if asking and taken:
        return Asked(query, gallery, (asking, taken))
    return Asked(query, None if gallery == query else gallery)


def _export(options: argparse.Namespace) -> None:
    config = load_config(options.config)
    state = _mean([(options.run, 1.0), *options.mean_with], config.network, "best.pt" if options.best else "final.pt")
    if options.blend != 1.0:
        start = load_checkpoint(options.run / "start.pt")
        if start is None:
            raise SystemExit(f"{options.run} has no start.pt to blend with")
        start = _in_one_form(start, config.network)
        state = {k: torch.lerp(start[k], v, options.blend) if v.is_floating_point() else v for k, v in state.items()}
    model = build_embedder(config.network, config.dropout)
    model.load_state_dict(state)
    if options.whiten:
        _whiten(model, options)
    if options.keep_features:
        _keep_features(model, options)
    if isinstance(model, PPLCNetV2Embedder):
        model = model.deployed()
    told = json.loads(options.provenance.read_text()) if options.provenance else {"provenance": {}, "metrics": {}}
    provenance = {"made": datetime.date.today().isoformat(), **told["provenance"]}
    write_model_folder(model, options.size, options.to, options.threshold, provenance, told["metrics"])
    say(f"wrote {options.to}")


def _whiten(model: Embedder, options: argparse.Namespace) -> None:
    if not isinstance(model, LiteEmbedder) or not options.list or not options.root:
        raise SystemExit("--whiten needs the network `lite`, --list and --root")
    learned, _ = split_by_label(listed_pictures(options))
    count = whiten_with_pictures(model, learned, embed_with(model, torch.device("cpu")), options.size)
    say(f"whitened with {count} pictures and as many views")


def _keep_features(model: Embedder, options: argparse.Namespace) -> None:
    if not isinstance(model, LiteEmbedder) or not options.list or not options.root or not 0 < options.keep_features < 1:
        raise SystemExit("--keep-features takes a share between 0 and 1, and needs the network `lite`, --list and --root")
    learned, _ = split_by_label(listed_pictures(options))
    asked = chosen(learned)[::2]
    embed = embed_with(nn.Sequential(model.backbone, model.pool), torch.device("cpu"))
    pooled = np.concatenate([embed(batch) for batch in batches(asked, options.size, 32)])
    keep_features(model, torch.from_numpy(pooled), options.keep_features)
    say(f"kept the features by what {len(asked)} pictures have of them")


def weighed_run(text: str) -> tuple[Path, float]:
    """`RUN=WEIGHT`, or `RUN` alone for a weight of 1; a folder whose own name holds `=` needs its weight said."""
    name, given, weight = text.rpartition("=")
    try:
        value = float(weight) if given else 1.0
    except ValueError:
        value = math.nan
    if not (0 < value < math.inf) or (given and not name):
        raise argparse.ArgumentTypeError(f"{text!r} must be RUN or RUN=WEIGHT, the weight a number above 0")
    return Path(name if given else text), value


def _mean(runs: list[tuple[Path, float]], network: str, first: str = "final.pt") -> dict[str, torch.Tensor]:
    """The weighted mean of runs that share their start (Wortsman et al., "Model soups", arXiv:2203.05482).

    Of the first one the file `first` is taken.
    """
    states = [weights_of(run, network) for run, _ in runs] if first == "final.pt" else [
        best_weights(runs[0][0]), *(weights_of(run, network) for run, _ in runs[1:])
    ]
    shapes = [{name: value.shape for name, value in state.items()} for state in states]
    for (run, _), shape in zip(runs, shapes, strict=True):
        if shape != shapes[0]:
            raise RunError(f"{run} is of another network than {runs[0][0]}: their weights cannot be averaged")
    states = [_in_one_form(state, network) for state in states]
    if network == "lite":
        _of_one_size(states)
    total = sum(weight for _, weight in runs)
    return {
        name: sum(state[name] * (weight / total) for state, (_, weight) in zip(states, runs, strict=True))
        if value.is_floating_point() else value
        for name, value in states[0].items()
    }


def _in_one_form(state: dict[str, torch.Tensor], network: str) -> dict[str, torch.Tensor]:
    """With the neck folded, where the network has one after a projection: the mean of products is not the product of means."""
    model = build_embedder(network)
    if not isinstance(model, LiteEmbedder):
        return state
    model.load_state_dict(state)
    fold_neck(model)
    return model.state_dict()


def _of_one_size(states: list[dict[str, torch.Tensor]]) -> None:
    """Heads as large as the first one's: cosines know no size, but in a mean the largest head would be all that counts."""
    size = states[0]["projection.weight"].norm()
    for state in states[1:]:
        factor = size / state["projection.weight"].norm()
        for name in ("projection.weight", "projection.bias"):
            state[name] = state[name] * factor


def _check(options: argparse.Namespace) -> None:
    pictures = listed_pictures(options)
    broken = [problem for problem in map(_problem, pictures) if problem]
    for problem in broken:
        print(problem)
    labels = len({p.label for p in pictures})
    print(f"{len(pictures)} pictures, {labels} labels, {len({p.dataset for p in pictures})} datasets, {len(broken)} broken")
    if broken:
        raise SystemExit(1)


def _problem(picture: Picture) -> str | None:
    try:
        read_picture(picture.path, whole=True)
    except LabelFileError as error:
        return str(error)
    return None
