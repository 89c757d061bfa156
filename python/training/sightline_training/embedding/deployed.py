"""An embedder's model folder run the way the pipeline runs it: onnxruntime, the manifest's input."""

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from sightline_base.errors import SightlineError
from sightline_base.input import to_input
from sightline_base.manifest import read_manifest

from .pictures import Picture, as_deployed, batches


class DeployedEmbedder:
    """Opens a folder's model. Embeds pictures through the pipeline's chain: crop to 224, then to the input size."""

    def __init__(self, folder: Path, threads: int = 2) -> None:
        manifest = read_manifest(folder)
        if manifest["task"] != "embedder":
            raise SightlineError(f"{folder} holds a {manifest['task']}, not an embedder")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        model = str(folder / manifest["file"])
        self.session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self.output: str = manifest["output"]["name"]
        self.input: dict[str, Any] = manifest["input"]
        self.size: int = self.input["width"]
        self.shown = as_deployed

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        """uint8 RGB [N, size, size, 3] to embeddings [N, D], not normalized."""
        return self.session.run([self.output], {self.input["name"]: to_input(pictures, self.input)})[0]

    def embed(self, pictures: list[Picture]) -> np.ndarray:
        """Whole pictures, in order, to [N, D]."""
        return np.concatenate([self(batch) for batch in batches(pictures, self.size, self.input.get("maxBatch", 32), self.shown)])
