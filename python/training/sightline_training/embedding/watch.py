"""What a run is measured by while it trains: its held-out labels, and a gallery with queries; the best weights are kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import DataLoader

from sightline_base.retrieval import Retrieval, retrieval

from .config import TrainConfig
from .networks import build_embedder, embed_with
from .pictures import LabelFileError, Picture, as_deployed, as_referred, read_picture
from .start import Report, Run
from .training_state import Curves, save_checkpoint
from .validation import Embed, score, validate, validation_set
from .views import Clean

VALIDATION_COLUMNS = ("step", "minutes", "dataset", "recall1", "map", "camera_recall1", "camera_map")
# The name of the gallery's row beside those of the held-out datasets.
ASKED = "gallery"


@dataclass(frozen=True)
class Asked:
    """Queries asked of a gallery, or of each other where there is none: then no picture finds itself."""

    query: Sequence[Picture]
    gallery: Sequence[Picture] | None
    # Of the queries and of the gallery, where the lists have them: a query does not see its label's pictures of its own camera.
    cameras: tuple[Sequence[str], Sequence[str]] | None = None


class Watch:
    """Opened on a run's folder by its first process."""

    def __init__(
        self, config: TrainConfig, held_out: Sequence[Picture], asked: Asked | None, folder: Path, run: Run, device: torch.device,
        report: Report,
    ) -> None:
        self.config, self.asked, self.folder, self.run, self.device, self.report = config, asked, folder, run, device, report
        self.pictures = _readable(validation_set(held_out, 4, 40), report)
        self.curves = Curves(folder / "validation.csv", VALIDATION_COLUMNS, run.step)

    def measure(self) -> bool:
        """Adds a row a dataset to the curves, and keeps the (averaged) weights in best.pt where none were better: then True.

        The gallery's recall@1 says which are better, as in the reference, and without one the held-out labels' score. Done
        once a step.
        """
        run, config = self.run, self.config
        if not (self.pictures or self.asked) or self.curves.last == run.step:
            return False
        weights = run.average.state if run.average else run.model.state_dict()
        model = build_embedder(config.network, config.dropout)
        model.load_state_dict(weights)
        embed = embed_with(model, self.device)
        reached = 0.0
        if self.pictures:
            results = validate(self.pictures, embed, config.evaluate_size)
            for dataset, (clean, camera) in results.items():
                self._row(dataset, clean, camera_recall1=round(camera.recall1, 4), camera_map=round(camera.map, 4))
            reached = score(results)
            self.report(f"step {run.step} validation score {reached:.4f}")
        if self.asked:
            found = self._retrieval(embed)
            self._row(ASKED, found)
            reached = found.recall1
            self.report(f"step {run.step} gallery recall@1 {found.recall1:.4f} recall@5 {found.recall5:.4f} mAP {found.map:.4f}")
        if reached < run.best:
            return False
        run.best = reached
        save_checkpoint(self.folder / "best.pt", weights)
        return True

    def _row(self, dataset: str, found: Retrieval, **more: float) -> None:
        run = self.run
        self.curves.add(
            step=run.step, minutes=round(run.seconds / 60, 2), dataset=dataset, recall1=round(found.recall1, 4),
            map=round(found.map, 4), **more,
        )

    def _retrieval(self, embed: Embed) -> Retrieval:
        """As the reference measures: a query without a right picture does not count."""
        assert self.asked
        query, kept = self._embedded(self.asked.query, embed)
        names = _labels(self.asked.query, kept)
        if self.asked.gallery is None:
            return retrieval(query, names, query, names, same=True, only_answerable=True)
        gallery, there = self._embedded(self.asked.gallery, embed)
        cameras = None
        if self.asked.cameras:
            cameras = (np.array(self.asked.cameras[0])[kept], np.array(self.asked.cameras[1])[there])
        return retrieval(query, names, gallery, _labels(self.asked.gallery, there), only_answerable=True, cameras=cameras)

    def _embedded(self, pictures: Sequence[Picture], embed: Embed) -> tuple[np.ndarray, np.ndarray]:
        """Embeddings of those that can be read, and which of all these are; the others are told and left out."""
        shown = as_referred if self.config.evaluate_plain else as_deployed
        loader = DataLoader(Clean(pictures, self.config.evaluate_size, shown), batch_size=64, num_workers=self.config.workers)
        vectors, read = [], []
        for views, could in loader:
            vectors.append(embed(views.numpy()))
            read.append(could.numpy())
        kept = np.concatenate(read)
        if not kept.any():
            raise LabelFileError(f"none of {len(pictures)} pictures to measure by can be read, {pictures[0].path} for one")
        if not kept.all():
            self.report(f"{int((~kept).sum())} of {len(pictures)} pictures to measure by can't be read and do not count")
        return np.concatenate(vectors)[kept], kept


def _labels(pictures: Sequence[Picture], kept: np.ndarray) -> np.ndarray:
    return np.array([p.label for p in pictures])[kept]


def _readable(pictures: Sequence[Picture], report: Report) -> list[Picture]:
    """Those that training may count on: what can't be read now would end the run at its first measurement."""
    kept = []
    for picture in pictures:
        try:
            read_picture(picture.path)
            kept.append(picture)
        except LabelFileError as error:
            report(f"not watched: {error}")
    return kept
