"""What the embedder's commands share: the arguments that name a label file."""

import argparse
from pathlib import Path

from ..progress import say
from .pictures import Picture, read_label_file, read_text


def list_arguments(parser: argparse.ArgumentParser, required: bool = True) -> None:
    """Adds --list and --root."""
    parser.add_argument("--list", type=Path, required=required, help="label file `path<SPACE>label`, or `path<TAB>label`")
    parser.add_argument(
        "--root", type=Path, nargs="+", required=required, help="folder of its pictures; of several, the first that has one"
    )
    parser.add_argument(
        "--missing-share", type=float, default=0.0, metavar="SHARE",
        help="of the listed pictures, may be missing: they are counted and left out",
    )


def listed_pictures(options: argparse.Namespace) -> list[Picture]:
    """The pictures that these arguments name; says how many are missing, where they may be."""
    pictures = read_label_file(options.list, options.root, " ", options.missing_share)
    if options.missing_share:
        listed = sum(1 for line in read_text(options.list).splitlines() if line.strip())
        say(f"{listed - len(pictures)} of {listed} listed pictures are missing and left out")
    return pictures
