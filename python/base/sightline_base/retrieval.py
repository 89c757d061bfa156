"""Retrieval figures of embeddings, as `evaluation/retrieval.ts` defines them: recall@1, recall@5 and mean average precision."""

from dataclasses import dataclass

import numpy as np

QUERIES_AT_ONCE = 256


@dataclass(frozen=True)
class Retrieval:
    """Fractions in 0..1 over `queries` queries; 0 where there are none."""

    recall1: float
    recall5: float
    map: float
    queries: int

    def figures(self) -> dict[str, float]:
        """By the names that people and manifests know them by."""
        return {"recall@1": self.recall1, "recall@5": self.recall5, "mAP": self.map}


def l2_normalized(embeddings: np.ndarray) -> np.ndarray:
    """Rows of [N, D] to unit length; a zero row stays zero."""
    return embeddings / np.maximum(np.linalg.norm(embeddings, axis=1, keepdims=True), 1e-12)


def retrieval(
    queries: np.ndarray, query_labels: np.ndarray, gallery: np.ndarray, gallery_labels: np.ndarray,
    same: bool = False, only_answerable: bool = False, cameras: tuple[np.ndarray, np.ndarray] | None = None,
) -> Retrieval:
    """Ranks the whole gallery [M, D] for each of queries [N, D] by cosine, ties in gallery order.

    recall@k: share of queries with their label among the k best pictures. mAP: mean over the queries of the average
    precision, the mean of the precision at the rank of each right picture. A query whose label the gallery does not hold
    counts as missed; with `only_answerable` it does not count, as in PaddleClas' published figures.
    `same`: both are one set, and no picture finds itself. `cameras` of the queries and of the gallery: a query does not see
    what has its label and its camera, as VeRI-Wild is measured.
    """
    # Alike rows are compared once: a matrix product may round them differently by their place, and break their tie.
    vectors, place = np.unique(l2_normalized(gallery), axis=0, return_inverse=True)
    place = place.reshape(-1)
    found: list[np.ndarray] = []
    # A few queries at a time: of a test set of 100,000 pictures the whole matrix would fill any machine.
    for start in range(0, len(queries), QUERIES_AT_ONCE):
        part = slice(start, start + QUERIES_AT_ONCE)
        similarity = (l2_normalized(queries[part]) @ vectors.T)[:, place]
        right = query_labels[part, None] == gallery_labels[None, :]
        if same:
            np.fill_diagonal(similarity[:, start:], -np.inf)
            np.fill_diagonal(right[:, start:], False)
        if cameras is not None:
            unseen = right & (cameras[0][part, None] == cameras[1][None, :])
            similarity[unseen] = -np.inf
            right &= ~unseen
        right = np.take_along_axis(right, np.argsort(-similarity, axis=1, kind="stable"), axis=1)
        precision = np.cumsum(right, axis=1) / np.arange(1, len(place) + 1)
        count = right.sum(axis=1)
        average = (precision * right).sum(axis=1) / np.maximum(count, 1)
        rows = np.stack([right[:, :1].any(axis=1), right[:, :5].any(axis=1), average], axis=1)
        found.append(rows[count > 0] if only_answerable else rows)
    rows = np.concatenate(found) if found else np.zeros((0, 3))
    if len(rows) == 0:
        return Retrieval(0.0, 0.0, 0.0, 0)
    recall1, recall5, average_precision = (float(value) for value in rows.mean(axis=0))
    return Retrieval(recall1, recall5, average_precision, len(rows))
