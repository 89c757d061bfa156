"""Converts the published PP-ShiTuV2 networks from Paddle's format to ONNX: see README.md for the commands."""

import sys
from pathlib import Path

# What training shares; nothing of the project is installed in the Python that runs this.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "base"))

from sightline_convert.commands import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
