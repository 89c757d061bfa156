"""The .pdiparams format: tensors one after another without names, in byte order of the variables' names."""

import struct
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from .errors import ConversionError

# framework.proto, VarType.Type
FP32 = 5
# LoD version u32, LoD levels u64, tensor version u32, length of the description i32
HEADER = struct.Struct("<IQIi")


def write_parameters(tensors: Iterable[np.ndarray]) -> bytes:
    """The file of float32 tensors that are given in their order."""
    parts: list[bytes] = []
    for tensor in tensors:
        description = bytes([0x08, FP32]) + b"".join(b"\x10" + _varint(size) for size in tensor.shape)
        parts += [HEADER.pack(0, 0, 0, len(description)), description, tensor.astype("<f4").tobytes()]
    return b"".join(parts)


def check_size(path: Path, shapes: Iterable[tuple[int, ...]]) -> None:
    """Raises ConversionError for a file that is too short for float32 tensors of these shapes: Paddle's own text is long."""
    least = sum(HEADER.size + 4 * int(np.prod(shape)) for shape in shapes)
    try:
        found = path.stat().st_size
    except OSError as error:
        raise ConversionError(f"{path}: {error.strerror}") from error
    if found < least:
        raise ConversionError(f"{path} has {found} bytes, the program needs {least} or more: it is cut short or another model's")


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
