"""Conversion of Paddle inference models to the ONNX models that Sightline runs."""

# Before anything imports onnxruntime: it keeps it from reporting to its maker.
import sightline_base  # noqa: F401
