"""What we import reports to nobody: no identifier of the machine is left, which is the first thing that onnxruntime's telemetry does."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "models" / "general-lite-int8" / "model.onnx"
RUN = f"import sightline_base.quantize, onnxruntime; onnxruntime.InferenceSession({str(MODEL)!r}); print('ran')"


def test_onnxruntime_leaves_nothing_behind(tmp_path: Path) -> None:
    # Without CI: telemetry is off there by itself.
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT / "python" / "base"),
        "HOME": str(tmp_path),
        "TMPDIR": str(tmp_path),
    }
    done = subprocess.run([sys.executable, "-B", "-c", RUN], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "ran\n"
    assert list(tmp_path.rglob("*")) == []
