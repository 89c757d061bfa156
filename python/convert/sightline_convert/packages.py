"""Tells whether this Python has the packages of a requirements file at exactly their versions."""

import importlib
from importlib import metadata
from pathlib import Path

from .errors import ConversionError

FOLDER = Path(__file__).resolve().parent.parent
PADDLE, INT8 = "requirements.txt", "requirements-int8.txt"

# Where a package's module has another name.
MODULES = {"paddlepaddle": "paddle", "protobuf": "google.protobuf", "pillow": "PIL"}


def pinned(file: str = PADDLE) -> dict[str, str]:
    """Package -> version, as a requirements file has them, with those of the files that it includes."""
    found: dict[str, str] = {}
    for line in (FOLDER / file).read_text(encoding="utf-8").splitlines():
        line = line.split("#")[0].strip()
        if line.startswith("-r "):
            found |= pinned(line.removeprefix("-r ").strip())
        elif line:
            name, version = line.split("==")
            found[name] = version
    return found


def check(file: str = PADDLE) -> None:
    """Raises ConversionError that names what of a requirements file is missing, of another version, or can't be imported."""
    faults = [fault for name, version in pinned(file).items() if (fault := _fault(name, version))]
    if faults:
        raise ConversionError(f"this Python lacks what {file} pins: {'; '.join(faults)}")


def _fault(name: str, version: str) -> "str | None":
    try:
        found = metadata.version(name)
    except metadata.PackageNotFoundError:
        return f"no {name} (needs {version})"
    if found != version:
        return f"{name} {found} (needs {version})"
    try:
        importlib.import_module(MODULES.get(name, name))
    except Exception as error:  # a broken native library raises what it likes
        return f"{name} {version} can't be imported: {_first_line(error)}"
    return None


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
