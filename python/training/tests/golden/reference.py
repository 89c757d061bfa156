"""The reference's own code as modules, for the script that makes golden values; packages that it does not use for these are empty."""

import importlib
import importlib.abc
import importlib.machinery
import sys
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import MagicMock

# For drawing, tracking and augmentation that no golden value needs.
UNUSED = (
    "imgaug", "matplotlib", "mpl_toolkits", "motmetrics", "lap", "visualdl", "faiss", "pyclipper",
    "numba", "pandas", "sklearn.cluster",
)


class _Unused(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name: str, *_: Any) -> importlib.machinery.ModuleSpec | None:
        if any(name == unused or name.startswith(f"{unused}.") for unused in UNUSED):
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        module = MagicMock(name=spec.name)
        module.__path__ = []
        return module

    def exec_module(self, module: ModuleType) -> None:
        pass


def reach(clas: Path, det: Path) -> None:
    """Makes `ppcls` of PaddleClas and `ppdet` of PaddleDetection importable from these checkouts."""
    sys.meta_path.insert(0, _Unused())
    sys.path[:0] = [str(clas), str(det)]
