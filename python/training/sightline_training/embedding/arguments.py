"""What the embedder's commands share: the arguments that name a label file."""

import argparse
from pathlib import Path

from .pictures import Picture, read_label_file


def list_arguments(parser: argparse.ArgumentParser, required: bool = True) -> None:
    """Adds --list and --root."""
    parser.add_argument("--list", type=Path, required=required, help="label file `path<SPACE>label`")
    parser.add_argument(
        "--root", type=Path, nargs="+", required=required, help="folder of its pictures; of several, the first that has one"
    )


def listed_pictures(options: argparse.Namespace) -> list[Picture]:
    """The pictures that these arguments name."""
    return read_label_file(options.list, options.root, " ")
