"""The shipped embedder as a network to tune: opened, mixed with what it learned, turned, and run quickly."""

import io
import logging
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from torch import Tensor, nn

from sightline_base.input import to_input
from sightline_base.resize import resized

from ..embedding.embedder import LiteEmbedder, fold_neck, resize_embedding
from ..embedding.reopened import reopened
from ..embedding.whitening import within_class_covariance

# The within-class covariance is mixed with this much of a multiple of the identity: few pictures say little of it.
SHRINKAGE = 0.7


def opened(folder: Path, pixels: np.ndarray) -> LiteEmbedder:
    """The model in folder/ in the size at which it learns, by what it says of these pictures [N, S, S, 3]."""
    model = reopened(folder).eval().to(memory_format=torch.channels_last)
    with torch.inference_mode():
        said = [model(torch.from_numpy(to_input(part))) for part in np.array_split(pixels, max(1, len(pixels) // 32))]
    resize_embedding(model, torch.cat(said).clone())
    return model


def mixed(start: LiteEmbedder, learned: dict[str, Tensor], share: float) -> LiteEmbedder:
    """`share` of the way from the start's weights to the learned ones (Wortsman et al., arXiv:2109.01903)."""
    state = start.state_dict()
    model = LiteEmbedder().eval()
    model.load_state_dict({
        name: torch.lerp(value, learned[name], share) if value.is_floating_point() else value for name, value in state.items()
    })
    return model


def turn_of(embeddings: np.ndarray, labels: np.ndarray, strength: float) -> np.ndarray:
    """[D, D]: embeddings @ turn counts less what changes between pictures of one product [N, D], by S^(-strength / 2).

    Within-class covariance normalization, as in embedding/whitening.py, of a product's own photographs.
    """
    names = labels.tolist()
    covariance = within_class_covariance(torch.from_numpy(embeddings), names, ["own"] * len(names)).numpy()
    size = np.trace(covariance) / len(covariance)
    if strength == 0 or not size > 0:
        return np.eye(len(covariance))
    values, vectors = np.linalg.eigh((1 - SHRINKAGE) * covariance / size + SHRINKAGE * np.eye(len(covariance)))
    return (vectors * values ** (-strength / 2)) @ vectors.T


@torch.no_grad()
def turned(model: LiteEmbedder, turn: np.ndarray) -> LiteEmbedder:
    """The model with the turn in its head, in place."""
    fold_neck(model)
    matrix = torch.from_numpy(turn)
    model.projection.weight.copy_(matrix.T @ model.projection.weight.double())
    model.projection.bias.copy_(matrix.T @ model.projection.bias.double())
    return model


def quick(model: LiteEmbedder, size: int, threads: int) -> Callable[[np.ndarray], np.ndarray]:
    """The model in onnxruntime, twice as fast as PyTorch on a CPU: pictures as deployed [N, 224, 224, 3] to [N, D]."""
    file = io.BytesIO()
    network = nn.Sequential(model.backbone, model.pool, model.projection, model.neck).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        torch.onnx.export(
            network, (torch.zeros(2, 3, size, size),), file, input_names=["image"], output_names=["embedding"],
            opset_version=17, dynamic_axes={"image": {0: "batch"}, "embedding": {0: "batch"}}, dynamo=False,
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(file.getvalue(), options, providers=["CPUExecutionProvider"])

    def embed(pictures: np.ndarray) -> np.ndarray:
        said = [np.zeros((0, model.projection.out_features), np.float32)]
        for start in range(0, len(pictures), 32):
            part = pictures[start : start + 32]
            shown = part if size == part.shape[1] else np.stack([resized(one, size, size) for one in part])
            said.append(session.run(["embedding"], {"image": to_input(shown)})[0])
        return np.concatenate(said)

    return embed
