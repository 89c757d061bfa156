"""Tells whether this Python has the packages of requirements.txt at exactly their versions."""

import importlib
from importlib import metadata
from pathlib import Path

from .errors import ConversionError

REQUIREMENTS = Path(__file__).resolve().parent.parent / "requirements.txt"

# Where a package's module has another name.
MODULES = {"paddlepaddle": "paddle", "protobuf": "google.protobuf", "pillow": "PIL"}


def pinned() -> dict[str, str]:
    """Package -> version, as requirements.txt has them."""
    lines = (line.split("#")[0].strip() for line in REQUIREMENTS.read_text(encoding="utf-8").splitlines())
    pairs = (line.split("==") for line in lines if line)
    return {name: version for name, version in pairs}


def check() -> dict[str, str]:
    """The pinned packages; raises ConversionError that names what is missing, of another version, or can't be imported."""
    faults = [fault for name, version in pinned().items() if (fault := _fault(name, version))]
    if faults:
        raise ConversionError(f"this Python lacks what {REQUIREMENTS.name} pins: {'; '.join(faults)}")
    return pinned()


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
