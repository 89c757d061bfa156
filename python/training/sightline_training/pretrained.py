"""The weights that the reference's recipes begin with: pulled once, held to their checksum, read without running anything.

They are .pdparams files: a Python pickle of NumPy arrays by name. Nothing but arrays is taken from it.
"""

import hashlib
import io
import json
import os
import pickle
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from sightline_base.errors import SightlineError

from .published_names import Named

# ImageNet weights made by SSLD, a distillation, as the published configurations name them.
SSLD = {
    "pplcnet_v2": "https://paddle-imagenet-models-name.bj.bcebos.com/dygraph/legendary_models/PPLCNetV2_base_ssld_pretrained.pdparams",
    "lcnet": "https://paddledet.bj.bcebos.com/models/pretrained/LCNet_x2_5_ssld_pretrained.pdparams",
}
# What Paddle keeps in the file besides the values.
NO_VALUES = "StructuredToParameterName@@"
MOST_BYTES = 2**30
TIMEOUT = 30


class PretrainedError(SightlineError):
    """The weights to begin with can't be had, or are not what they must be; the message says what to do instead."""


def pretrained_file(network: str, asked: str, base: str, sha256: str, folder: Path, report: Callable[[str], None]) -> Path:
    """The file that a configuration asks for: a path, or `ssld`, which is pulled into `folder` where it is not there yet.

    `base` is a mirror's address, `sha256` what the file must have; without it the first one's is recorded beside it and held
    against it ever after. Raises PretrainedError.
    """
    if asked != "ssld":
        path = Path(asked)
        if not path.is_file():
            raise PretrainedError(f"pretrained: there is no file {path}; give a .pdparams file, or `ssld`")
        _check(path, sha256, None)
        return path
    name = SSLD[network].rsplit("/", 1)[1]
    path = folder / name
    if not path.exists():
        url = f"{base.rstrip('/')}/{name}" if base else SSLD[network]
        report(f"pulling {url}")
        _pull(url, path)
    _check(path, sha256, folder / "pretrained.json")
    return path


def _pull(url: str, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT) as answer, partial.open("wb") as file:
            expected, found = answer.headers.get("Content-Length"), 0
            while block := answer.read(2**20):
                found += len(block)
                if found > MOST_BYTES:
                    raise PretrainedError(f"{url} is larger than {MOST_BYTES >> 20} MiB, which these weights are not")
                file.write(block)
            if expected is not None and found != int(expected):
                raise OSError(f"{found} of {expected} bytes came")
            file.flush()
            os.fsync(file.fileno())
    # A server that speaks no HTTP, or an address that is none, are ValueErrors.
    except (OSError, urllib.error.URLError, ValueError) as error:
        partial.unlink(missing_ok=True)
        raise PretrainedError(
            f"{url} can't be had ({getattr(error, 'reason', error)}). Bring {path.name} from a machine that reaches it and name it with "
            "`pretrained: FILE`, or a mirror with `pretrained_base`. Without `pretrained` training begins with random weights, which is "
            "not the published recipe"
        ) from error
    partial.replace(path)


def _check(path: Path, sha256: str, recorded: Path | None) -> None:
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    known = json.loads(recorded.read_text()) if recorded is not None and recorded.exists() else {}
    expected = sha256 or known.get(path.name, {}).get("sha256", found)
    if found != expected:
        source = "the configuration" if sha256 else str(recorded)
        raise PretrainedError(
            f"{path} has the sha256 {found}, but {source} says {expected}: it was damaged or replaced. Remove it to pull it again"
        )
    if recorded is not None and path.name not in known:
        known[path.name] = {"sha256": found, "bytes": path.stat().st_size, "recorded": time.strftime("%Y-%m-%d")}
        recorded.write_text(json.dumps(known, indent=2) + "\n")


class _Arrays(pickle.Unpickler):
    """Builds NumPy arrays and containers, and refuses everything else: a pickle may name any function to call."""

    ALLOWED = {
        ("numpy", "ndarray"), ("numpy", "dtype"), ("collections", "OrderedDict"), ("_codecs", "encode"),
        *((module, "_reconstruct") for module in ("numpy.core.multiarray", "numpy._core.multiarray")),
        *((module, "scalar") for module in ("numpy.core.multiarray", "numpy._core.multiarray")),
    }

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self.ALLOWED:
            raise pickle.UnpicklingError(f"it names {module}.{name}, which is no array")
        return super().find_class(module, name)


def read_pdparams(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a .pdparams file by name; raises PretrainedError where it is something else."""
    try:
        # Files from Python 2 have names as bytes.
        values = _Arrays(io.BytesIO(path.read_bytes()), encoding="latin1").load()
        return {str(name): np.asarray(value) for name, value in values.items() if name != NO_VALUES}
    except (pickle.UnpicklingError, EOFError, AttributeError, ValueError, IndexError, KeyError, TypeError, ImportError) as error:
        raise PretrainedError(f"{path} is no .pdparams file of named arrays: {error}") from error


@torch.no_grad()
def begin_with(values: dict[str, np.ndarray], names: Named, source: Path) -> int:
    """Sets each of our tensors to the file's value of its name, and returns how many the file lacks.

    A value of another shape counts as lacking: the reference, too, leaves what does not fit as it was. Raises
    PretrainedError where most are lacking: then these are the weights of another network.
    """
    total = lacking = 0
    for name, tensor in names:
        total += 1
        value = values.get(name)
        if value is None or value.shape != tuple(tensor.shape):
            lacking += 1
        else:
            tensor.copy_(torch.from_numpy(np.array(value, dtype=np.float32)))
    if lacking > total // 4:
        raise PretrainedError(f"{source} lacks {lacking} of the network's {total} values: it is of another network")
    return lacking


def load_pretrained(
    module: nn.Module, network: str, names: Callable[[Any], Named], asked: tuple[str, str, str], folder: Path,
    report: Callable[[str], None],
) -> None:
    """Begins `module` with what a configuration asks for: (pretrained, pretrained_base, pretrained_sha256)."""
    path = pretrained_file(network, *asked, folder, report)
    lacking = begin_with(read_pdparams(path), names(module), path)
    report(f"begins with {path.name}; {lacking} values that it does not have stay random")
