"""Commands as a user types them, run in this process: a new one would spend its time on importing PyTorch."""

import sys
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from sightline_training.__main__ import main


@dataclass
class Done:
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """run("evaluate", folder, "--list", ...) is `python -m sightline_training evaluate folder --list ...`."""

    def command(*arguments: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["sightline_training", *map(str, arguments)])
        capsys.readouterr()
        code, last = 0, ""
        try:
            main()
        except SystemExit as end:
            # A message instead of a number is printed to stderr, with the status 1.
            code, last = (end.code or 0, "") if not isinstance(end.code, str) else (1, end.code)
        said = capsys.readouterr()
        return Done(int(code), said.out, said.err + last)

    return command


Run = Callable[..., Done]
