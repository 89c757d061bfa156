"""`python -m sightline_training <command>`: the one entry to training, measuring and exporting."""

import argparse
import sys

import sightline_training.detection.commands as detection
import sightline_training.embedding.commands as embedding
import sightline_training.embedding.measuring as measuring
import sightline_training.tuning.commands as tuning
from sightline_base.errors import SightlineError

from .memory import keep_freed_memory


def main() -> None:
    """Runs one command; an error that its user can mend ends with its message alone."""
    parser = argparse.ArgumentParser(prog="python -m sightline_training", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="command")
    embedding.add_commands(commands)
    measuring.add_commands(commands)
    detection.add_commands(commands)
    tuning.add_commands(commands)
    options = parser.parse_args()
    keep_freed_memory()
    try:
        options.command(options)
    except (SightlineError, OSError) as error:
        # Of the system's errors, a full disk or a folder that may not be written to, its own word says what and where.
        sys.exit(f"sightline_training: {error}")
    except KeyboardInterrupt:
        sys.exit("sightline_training: stopped; a run goes on from its last checkpoint with the same command")


if __name__ == "__main__":
    main()
