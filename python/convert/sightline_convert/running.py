"""Runs networks: an original with Paddle Inference, a converted one with ONNX Runtime. Both on the processor, two threads."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
from paddle import inference

from .program import PROGRAM, WEIGHTS

THREADS = 2

# Named inputs to outputs, in the network's order.
Run = Callable[[dict[str, np.ndarray]], "list[np.ndarray]"]


def open_paddle(folder: Path, fused: bool = True) -> Run:
    """
    The network of a folder, as its publisher runs it, or with its operators one by one where it is not to be `fused`: another
    order of the same sums. Inputs that the network does not have are left out.
    """
    config = inference.Config(str(folder / PROGRAM), str(folder / WEIGHTS))
    config.disable_gpu()
    config.disable_glog_info()
    config.set_cpu_math_library_num_threads(THREADS)
    config.switch_ir_optim(fused)
    predictor = inference.create_predictor(config)
    names = predictor.get_input_names()

    def run(inputs: dict[str, np.ndarray]) -> "list[np.ndarray]":
        for name in names:
            predictor.get_input_handle(name).copy_from_cpu(inputs[name])
        predictor.run()
        return [predictor.get_output_handle(name).copy_to_cpu() for name in predictor.get_output_names()]

    return run


def open_onnx(path: Path) -> Run:
    """A converted network."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return lambda inputs: session.run(None, inputs)
