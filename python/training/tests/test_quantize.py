"""int8 keeps what the network says, at about a quarter of its size."""

from pathlib import Path

import numpy as np
import torch
from torch import nn

from sightline_training.embedding.export import export_onnx, run_onnx
from sightline_training.embedding.metrics import l2_normalized
from sightline_training.quantize import quantize


class Small(nn.Module):
    """Convolutions, an addition and a linear layer: [N, 3, 32, 32] to [N, 8]."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 64, 3, 2, 1), nn.Conv2d(64, 64, 3, 1, 1)
        self.last = nn.Linear(64, 8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.first(x))
        return self.last((x + self.second(x)).mean(dim=(2, 3)))


def test_the_int8_form_answers_like_the_float_form_and_is_smaller(tmp_path: Path) -> None:
    torch.manual_seed(0)
    source, target = tmp_path / "model.onnx", tmp_path / "model.int8.onnx"
    export_onnx(Small(), 32, source)
    random = np.random.default_rng(0)
    batches = [random.normal(size=(4, 3, 32, 32)).astype(np.float32) for _ in range(8)]
    quantize(source, target, batches[1:])
    float_form, int8_form = (l2_normalized(run_onnx(path, batches[0])) for path in (source, target))
    assert (float_form * int8_form).sum(axis=1).min() > 0.98
    assert target.stat().st_size < 0.5 * source.stat().st_size
