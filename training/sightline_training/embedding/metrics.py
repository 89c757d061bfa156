"""Retrieval metrics on L2-normalized embeddings: recall@k and mean average precision."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Retrieval:
    """Fractions in 0..1 over the queries that have at least one right answer in the gallery."""

    recall1: float
    recall5: float
    map: float
    queries: int


def l2_normalized(embeddings: np.ndarray) -> np.ndarray:
    """Rows of [N, D] to unit length; a zero row stays zero."""
    return embeddings / np.maximum(np.linalg.norm(embeddings, axis=1, keepdims=True), 1e-12)


def retrieval(
    queries: np.ndarray, query_labels: np.ndarray, gallery: np.ndarray, gallery_labels: np.ndarray, same: bool = False
) -> Retrieval:
    """Ranks gallery [M, D] for each of queries [N, D] by cosine. `same`: both are one set, and no picture finds itself.

    Average precision is the mean of precision at the rank of every right answer, over the whole gallery.
    """
    similarity = l2_normalized(queries) @ l2_normalized(gallery).T
    right = query_labels[:, None] == gallery_labels[None, :]
    if same:
        np.fill_diagonal(similarity, -np.inf)
        np.fill_diagonal(right, False)
    right = np.take_along_axis(right, np.argsort(-similarity, axis=1, kind="stable"), axis=1)
    right = right[right.any(axis=1)]
    if len(right) == 0:
        return Retrieval(0.0, 0.0, 0.0, 0)
    precision = np.cumsum(right, axis=1) / np.arange(1, right.shape[1] + 1)
    average = (precision * right).sum(axis=1) / right.sum(axis=1)
    return Retrieval(
        float(right[:, 0].mean()), float(right[:, :5].any(axis=1).mean()), float(average.mean()), len(right)
    )
