"""Conversion of Paddle inference models to the ONNX models that Sightline runs."""
