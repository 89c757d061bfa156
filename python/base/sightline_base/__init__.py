"""What training and conversion both say of a model: its manifest, its canary, its input, its int8 form, and how it is measured.

Nothing here needs PyTorch or Paddle. What `shared/` and `evaluation/` define for the pipeline is defined here for Python, and
the files in `test/golden/` hold both to the same answers.
"""

import os

# onnxruntime, from 1.30 on, reports to its maker unless this is set before it is imported; who has set it is left alone.
if not os.environ.get("ORT_DISABLE_TELEMETRY"):
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
