"""The command that tunes an embedder to products of one's own."""

import argparse
import os
from pathlib import Path

from sightline_base.errors import SightlineError

from .tune import Wish, tune

MODELS = Path(__file__).resolve().parents[4] / "models"
SHIPPED = "general-lite"


def add_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds `tune` to the program's."""
    own = commands.add_parser("tune", help="make the embedder better at your own products, or say that it can't be made so")
    own.add_argument("--pictures", type=Path, required=True, help="a folder with a folder for each product, its pictures in it")
    own.add_argument("--model", type=Path, default=MODELS / SHIPPED, help="model folder to begin with (default: the shipped embedder)")
    own.add_argument("--to", type=Path, help="model folder to write where it is better (default: beside --model, its name and -tuned)")
    own.add_argument("--run", type=Path, help="folder of checkpoint and report (default: runs/tune-<name of --pictures>)")
    own.add_argument("--minutes", type=float, default=10.0, help="learn no longer than this; measuring comes on top (default: 10)")
    own.add_argument("--seed", type=int, default=1, help="another one parts the pictures in another way")
    own.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    own.set_defaults(command=_tune)


def _tune(options: argparse.Namespace) -> None:
    model = options.model.resolve()
    to = options.to or model.with_name(f"{model.name}-tuned")
    run = options.run or Path("runs") / f"tune-{options.pictures.resolve().name}"
    try:
        tune(Wish(options.pictures, options.model, to, run, options.minutes, options.seed, options.threads))
    except KeyboardInterrupt:
        raise SightlineError(f"stopped; the same command goes on from the last checkpoint in {run}") from None
    except OSError as error:
        raise SightlineError(f"{error.filename or run}: {error.strerror or error}; once that is mended, the same command goes on") from error
