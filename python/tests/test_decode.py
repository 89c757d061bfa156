"""Boxes that parity is told in are those of the pipeline's decoder."""

import numpy as np
import pytest

from golden import golden, picodet_heads
from sightline_convert.decode import decode


def test_heads_become_the_boxes_that_the_pipeline_makes_of_them() -> None:
    expected = np.array(golden("picodet")["boxes"])
    found = decode(picodet_heads(), [8, 16, 32, 64], 8, (128, 64), (300, 100))
    seen = found[found[:, 0] >= 0.3][: len(expected)]
    assert seen[:, 1:] == pytest.approx(expected[:, :4], abs=1e-3)
    assert seen[:, 0] == pytest.approx(expected[:, 4], abs=1e-5)
