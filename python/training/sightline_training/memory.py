"""Keeps freed memory inside the process: where glibc gives pages back, each training step asks the kernel for them again."""

import ctypes
import platform

# Parameters of mallopt(3).
TRIM_THRESHOLD, TOP_PAD, MMAP_MAX = -1, -2, -4


def keep_freed_memory() -> bool:
    """Has glibc's malloc take large tensors from its heap and leave the heap as large as it was; False elsewhere.

    By default it maps every block above 32 MiB and unmaps it when freed: each layer's activations are then pages that
    the kernel clears again at every step, which can take as long as the step's arithmetic.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    library = ctypes.CDLL(None)
    chosen = ((MMAP_MAX, 0), (TRIM_THRESHOLD, 2**31 - 1), (TOP_PAD, 2**26))
    return all(library.mallopt(option, value) == 1 for option, value in chosen)
