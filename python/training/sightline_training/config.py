"""Reads a configuration, one YAML file, into a dataclass that says what its settings are; every mistake is named at once."""

from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import ConfigDict, ValidationError

from sightline_base.errors import SightlineError

Settings = TypeVar("Settings")

# Of a pydantic dataclass of settings: nothing is taken for what it is not, and nothing is overlooked.
STRICT = ConfigDict(extra="forbid", strict=True)


class ConfigError(SightlineError, ValueError):
    """The configuration is wrong, or does not fit the pictures; the message names the setting."""


def read_config(path: Path, settings: type[Settings]) -> Settings:
    """The file's settings, of a dataclass that is STRICT; raises ConfigError naming each that is unknown, missing or of another type."""
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
        values = {} if values is None else values
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: {error}") from error
    if not isinstance(values, dict) or not all(isinstance(name, str) for name in values):
        raise ConfigError(f"{path} must be a mapping of settings")
    try:
        return settings(**values)
    except ValidationError as error:
        raise ConfigError(f"{path}: " + "; ".join(_told(one["type"], one["loc"], one["msg"]) for one in error.errors())) from error


def _told(kind: str, place: tuple[int | str, ...], message: str) -> str:
    name = ".".join(map(str, place))
    return {"unexpected_keyword_argument": f"no such setting: {name}", "missing": f"missing setting: {name}"}.get(kind, f"{name}: {message}")
