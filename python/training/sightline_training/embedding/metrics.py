"""Retrieval metrics on L2-normalized embeddings: recall@k and mean average precision."""

from dataclasses import dataclass

import numpy as np

QUERIES_AT_ONCE = 256


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
    vectors = l2_normalized(gallery)
    found: list[np.ndarray] = []
    # A few queries at a time: of a test set of 100,000 pictures the whole matrix would fill any machine.
    for start in range(0, len(queries), QUERIES_AT_ONCE):
        part = slice(start, start + QUERIES_AT_ONCE)
        similarity = l2_normalized(queries[part]) @ vectors.T
        right = query_labels[part, None] == gallery_labels[None, :]
        if same:
            np.fill_diagonal(similarity[:, start:], -np.inf)
            np.fill_diagonal(right[:, start:], False)
        right = np.take_along_axis(right, np.argsort(-similarity, axis=1, kind="stable"), axis=1)
        right = right[right.any(axis=1)]
        precision = np.cumsum(right, axis=1) / np.arange(1, len(vectors) + 1)
        average = (precision * right).sum(axis=1) / right.sum(axis=1)
        found.append(np.stack([right[:, 0], right[:, :5].any(axis=1), average], axis=1))
    rows = np.concatenate(found) if found else np.zeros((0, 3))
    if len(rows) == 0:
        return Retrieval(0.0, 0.0, 0.0, 0)
    recall1, recall5, average_precision = (float(value) for value in rows.mean(axis=0))
    return Retrieval(recall1, recall5, average_precision, len(rows))
