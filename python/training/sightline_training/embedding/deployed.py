"""An embedder's model folder run the way the pipeline runs it: onnxruntime, the manifest's input."""

import json
from pathlib import Path

import numpy as np
import onnxruntime

from ..manifest import normalized
from .pictures import Picture, batches


class DeployedEmbedder:
    """Opens folder/model.onnx. Embeds pictures through the pipeline's chain: crop to 224, then to the input size."""

    def __init__(self, folder: Path, threads: int = 2) -> None:
        manifest = json.loads((folder / "manifest.json").read_text())
        if manifest["task"] != "embedder":
            raise ValueError(f"{folder} holds a {manifest['task']}, not an embedder")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        model = str(folder / manifest["file"])
        self.session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self.size: int = manifest["input"]["width"]
        self.threshold: float = manifest["defaults"]["scoreThreshold"]

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        """uint8 RGB [N, size, size, 3] to embeddings [N, 512], not normalized."""
        return self.session.run(None, {"image": normalized(pictures)})[0]

    def embed(self, pictures: list[Picture]) -> np.ndarray:
        """Whole pictures, in order, to [N, 512]."""
        return np.concatenate([self(batch) for batch in batches(pictures, self.size, 32)])
