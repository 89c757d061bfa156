"""Training, evaluation and export of Sightline's two networks: the embedder and the detector."""

# Before anything imports onnxruntime: it keeps it from reporting to its maker.
import sightline_base  # noqa: F401
