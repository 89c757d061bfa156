"""Model folders as the pipeline reads them: model.onnx, manifest.json held to its published schema, the index of defaults."""

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, ValidationError

from .errors import SightlineError

# What `npm run generate` writes from the pipeline's own definition: both languages take the same manifests.
SCHEMA = Path(__file__).resolve().parents[3] / "docs" / "model-manifest.schema.json"


def read_manifest(folder: Path) -> dict[str, Any]:
    """folder/manifest.json; raises SightlineError where it does not fit, or the weights beside it are not those it describes."""
    path = folder / "manifest.json"
    try:
        told = parsed(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SightlineError(f"no model in {folder}: {path} can't be read: {error.strerror}") from error
    except ValueError as error:
        raise SightlineError(f"{path} is not JSON: {error}") from error
    check(told, path)
    weights = folder / told["file"]
    if not weights.is_file():
        raise SightlineError(f"{weights} is missing: {path} describes it")
    if sha256_of(weights) != told["sha256"]:
        raise SightlineError(f"{weights} is not the file its manifest describes; restore it from where the model came from")
    return told


def write_manifest(folder: Path, fields: Mapping[str, Any]) -> None:
    """Writes folder/manifest.json: the fields, with the name, size and sha256 of what is in the folder filled in."""
    model, path = folder / "model.onnx", folder / "manifest.json"
    head = {"schema": 1, "name": folder.resolve().name, "task": fields["task"], "file": model.name}
    told = {**head, "sha256": sha256_of(model), "bytes": model.stat().st_size, **fields}
    told.setdefault("licence", "Apache-2.0")
    _write_checked(path, told)


def add_metrics(folder: Path, metrics: Mapping[str, float], command: str, threshold: float | None = None) -> None:
    """Writes measured values, with the command that measures them, into folder/manifest.json.

    `threshold`, where given, becomes the default that the measurement chose.
    """
    told = read_manifest(folder)
    measured = {name: {"value": round(value, 4), "command": command} for name, value in metrics.items()}
    told["metrics"] = {**told.get("metrics", {}), **measured}
    if threshold is not None:
        told["defaults"]["scoreThreshold"] = threshold
    _write_checked(folder / "manifest.json", told)


def set_default(models: Path, task: str, name: str) -> None:
    """Makes `name` the default for a task in models/index.json, leaving the other tasks as they are."""
    index = models / "index.json"
    current = json.loads(index.read_text(encoding="utf-8")) if index.exists() else {}
    write_json(index, {**current, task: name})


def check(told: Any, path: Path) -> None:
    """Raises SightlineError naming all that does not fit the published schema."""
    problems = [problem for error in _validator().iter_errors(told) for problem in _problems(error)]
    if problems:
        raise SightlineError(f"{path} does not fit {SCHEMA.name}: {'; '.join(problems)}")


def _write_checked(path: Path, told: dict[str, Any]) -> None:
    check(told, path)
    try:
        write_json(path, told)
    except ValueError as error:
        raise SightlineError(f"{path} was not written: {error}") from error


def _validator() -> Draft202012Validator:
    try:
        return Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))
    except OSError as error:
        raise SightlineError(f"{SCHEMA} can't be read: this package runs in the repository it is a part of") from error


def _problems(error: ValidationError) -> Iterator[str]:
    """Of a choice, what is wrong with the kind that was meant: the one whose names fit, or that fits best."""
    if not error.context:
        yield f"{error.json_path}: {error.message}"
        return
    kinds: dict[Any, list[ValidationError]] = {}
    for one in error.context:
        kinds.setdefault(one.schema_path[0], []).append(one)
    meant = min(kinds.values(), key=lambda errors: (any(one.validator == "const" for one in errors), len(errors)))
    for one in meant:
        yield from _problems(one)


def parsed(text: str) -> Any:
    """JSON as every language reads it: no NaN, and no number that a double does not hold."""
    return json.loads(text, parse_constant=_refused, parse_float=_finite, parse_int=_whole)


def _refused(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")


def _whole(number: str) -> int:
    _finite(number)
    return int(number)


def _finite(number: str) -> float:
    value = float(number)
    return value if math.isfinite(value) else _refused(number)


def sha256_of(path: Path) -> str:
    """Of a file, hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while part := file.read(2**20):
            digest.update(part)
    return digest.hexdigest()


def write_json(path: Path, value: Any) -> None:
    """Pretty-printed JSON, lists on one line; the path holds the old text or the new, never half of one."""
    partial = path.with_name(f"{path.name}.partial")
    partial.write_text(_json(value, 0) + "\n", encoding="utf-8")
    partial.replace(path)


def _json(value: Any, depth: int) -> str:
    if isinstance(value, dict) and value:
        inner = "  " * (depth + 1)
        rows = [f"{inner}{json.dumps(key)}: {_json(item, depth + 1)}" for key, item in value.items()]
        return "{\n" + ",\n".join(rows) + "\n" + "  " * depth + "}"
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
