"""Converts the published PP-ShiTuV2 networks from Paddle's format to ONNX: see README.md for the commands."""

import sys

from sightline_convert.commands import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
