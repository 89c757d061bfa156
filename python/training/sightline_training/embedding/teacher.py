"""The frozen ImageNet teacher: one feature a training picture, made once and kept in a file.

The student sees distorted views, its teacher the clean picture: matching the teacher's similarities keeps what
ImageNet knows of things in general, which plain fine-tuning on products forgets, and teaches to see past distortion.
"""

import tempfile
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from torch import Tensor, nn

from sightline_base.input import to_input

from .efficientnet_lite import FEATURES, EfficientNetLite, load_imagenet
from .embedder import GeM, pca
from .pictures import Picture, batches

DIMENSION = 256
WHITENING = 0.5


def teacher_features(
    pictures: Sequence[Picture], variant: int, size: int, cache: Path, report: Callable[[int], None]
) -> Tensor:
    """Pooled features [N, 1280] of EfficientNet-Lite<variant> at size x size, from the cache where it has them.

    The cache is an .npz of paths and features; pictures that it lacks are computed and added. `report` is told the
    number done after each batch.
    """
    known: dict[str, np.ndarray] = {}
    if cache.exists():
        with np.load(cache) as saved:
            known = dict(zip(saved["paths"].tolist(), saved["features"], strict=True))
    missing = [p for p in pictures if str(p.path) not in known]
    if missing:
        run = _session(variant, size)
        for start, batch in zip(range(0, len(missing), 64), batches(missing, size, 64, black_where_damaged=True), strict=True):
            features = run(to_input(batch))
            known.update(zip((str(p.path) for p in missing[start : start + 64]), features, strict=True))
            report(min(start + 64, len(missing)))
        cache.parent.mkdir(parents=True, exist_ok=True)
        np.savez(cache, paths=np.array(list(known)), features=np.stack(list(known.values())))
    return torch.from_numpy(np.stack([known[str(p.path)] for p in pictures]))


def _session(variant: int, size: int) -> Callable[[np.ndarray], np.ndarray]:
    """The teacher in onnxruntime, which on a CPU is twice as fast as PyTorch: [N, 3, size, size] to [N, 1280]."""
    backbone = EfficientNetLite(variant)
    load_imagenet(backbone)
    network = nn.Sequential(backbone, GeM(3.0)).eval()
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "teacher.onnx")
        torch.onnx.export(
            network, (torch.zeros(2, 3, size, size),), path, input_names=["image"], output_names=["features"],
            opset_version=17, dynamic_axes={"image": {0: "batch"}, "features": {0: "batch"}}, dynamo=False,
        )
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return lambda image: session.run(["features"], {"image": image})[0].reshape(-1, FEATURES)


def teacher_targets(features: Sequence[Tensor]) -> Tensor:
    """What one or several teachers say, each counting the same: of [N, 1280] each to unit rows [N, 256].

    Centred, half whitened and cut to 256 components.
    """
    together = torch.cat([nn.functional.normalize(one, dim=1) for one in features], dim=1)
    rows, mean = pca(together, DIMENSION, WHITENING)
    return nn.functional.normalize((together - mean) @ rows.T, dim=1)


def nearest_labels(targets: Tensor, pictures: Sequence[Picture], count: int) -> dict[tuple[str, str], list[str]]:
    """For each (dataset, label), up to `count` labels of its dataset whose mean target is nearest in cosine, nearest first."""
    keys = list(dict.fromkeys((p.dataset, p.label) for p in pictures))
    number = {key: i for i, key in enumerate(keys)}
    rows = torch.tensor([number[p.dataset, p.label] for p in pictures])
    means = torch.zeros(len(keys), targets.shape[1]).index_add_(0, rows, targets)
    means = nn.functional.normalize(means, dim=1)
    members: dict[str, list[int]] = defaultdict(list)
    for key, index in number.items():
        members[key[0]].append(index)
    result: dict[tuple[str, str], list[str]] = {}
    for indices in members.values():
        similarity = means[indices] @ means[indices].T
        similarity.fill_diagonal_(-torch.inf)
        order = similarity.topk(min(count, len(indices) - 1), dim=1).indices.tolist()
        for index, near in zip(indices, order, strict=True):
            result[keys[index]] = [keys[indices[i]][1] for i in near]
    return result
