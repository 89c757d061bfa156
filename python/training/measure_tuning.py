"""Measures `tune` on photographs of dense racks: some crops are a shop's own, the same products on other racks are asked.

    python measure_tuning.py --racks R --shelves S --list L --root P --to FOLDER [--seeds 1 2 3] [--own p4 p24 p30 p40]

R holds scenes.jsonl (objects with `label` and `box` in 0..1) and query.txt, S gallery.txt and query_crops.txt, L is a label file of
public sets below P. Without --own everything is the shop's but the crops that query.txt names (by their number in scenes.jsonl).
Prints a line for the embedder as shipped and one for each seed; nothing of this is in what ships.
"""

import argparse
import json
import re
from pathlib import Path
from statistics import fmean
from typing import Any

import cv2
import numpy as np

from sightline_base.manifest import read_manifest
from sightline_base.resize import cut_crop
from sightline_base.retrieval import l2_normalized, retrieval
from sightline_training.embedding.deployed import DeployedEmbedder
from sightline_training.embedding.pictures import read_label_file, read_picture
from sightline_training.embedding.split import split_by_label
from sightline_training.embedding.validation import retrieval_of, validation_set
from sightline_training.tuning.deliver import embedded_crops
from sightline_training.tuning.tune import Wish, tune

SETS = ("brand_icons", "caltech101", "grozi120", "snacks_catalog", "synthpack", "ycb_render")
SHIPPED = Path(__file__).resolve().parents[2] / "models" / "general-lite"


def main() -> None:
    """Tunes with each seed and measures what came out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("racks", "shelves", "list", "root", "to"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--own", nargs="+", help="racks that are the shop's own; the others are asked")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    crops, labels, own = _crops(options.racks, options.own)
    shop = options.to / "shop"
    _write_shop(shop, crops, labels, own)
    print(json.dumps({"model": "as shipped", **_measured(SHIPPED, options, crops, labels, own)}), flush=True)
    for seed in options.seeds:
        target = options.to / f"seed{seed}" / "tuned"
        better = tune(Wish(shop, SHIPPED, target, options.to / f"seed{seed}" / "run", options.minutes, seed, options.threads))
        figures = _measured(target, options, crops, labels, own) if better else "not better: nothing written"
        print(json.dumps({"seed": seed, "tuned": figures}), flush=True)


def _crops(racks: Path, chosen: list[str] | None) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """Every labelled crop, its label, and whether it is the shop's own."""
    crops: list[np.ndarray] = []
    labels: list[str] = []
    scenes: list[str] = []
    for line in (racks / "scenes.jsonl").read_text(encoding="utf-8").splitlines():
        scene = json.loads(line)
        picture = read_picture(racks / scene["image"])
        size = np.array([picture.shape[1], picture.shape[0]] * 2)
        for one in scene["objects"]:
            x1, y1, x2, y2 = np.rint(np.array(one["box"]) * size).astype(int)
            crops.append(picture[y1:y2, x1:x2])
            labels.append(one["label"])
            scenes.append(Path(scene["image"]).stem)
    if chosen:
        return crops, np.array(labels), np.isin(scenes, chosen)
    own = np.ones(len(crops), dtype=bool)
    own[[int(number) for number in re.findall(r"_(\d+)\.jpg", (racks / "query.txt").read_text(encoding="utf-8"))]] = False
    return crops, np.array(labels), own


def _write_shop(folder: Path, crops: list[np.ndarray], labels: np.ndarray, own: np.ndarray) -> None:
    for index in np.flatnonzero(own):
        product = folder / labels[index]
        product.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(product / f"{index}.png"), np.ascontiguousarray(crops[index][:, :, ::-1]))


def _measured(
    folder: Path, options: argparse.Namespace, crops: list[np.ndarray], labels: np.ndarray, own: np.ndarray
) -> dict[str, Any]:
    """recall@1: asked crops of own products (all own crops are the gallery), shelves, and the public sets' held-out labels."""
    model = DeployedEmbedder(folder, options.threads)
    threshold = read_manifest(folder)["defaults"]["scoreThreshold"]
    embeddings = embedded_crops(model, np.stack([cut_crop(crop, 224) for crop in crops]))
    known = np.isin(labels, labels[own])
    asked, strangers = ~own & known, ~own & ~known
    gallery = l2_normalized(embeddings[own])
    similar = l2_normalized(embeddings[asked]) @ gallery.T
    right = labels[own][similar.argmax(axis=1)] == labels[asked]
    result: dict[str, Any] = {
        "threshold": threshold, "asked": int(asked.sum()),
        "own recall@1": retrieval(embeddings[asked], labels[asked], embeddings[own], labels[own]).recall1,
        "own recall@5": retrieval(embeddings[asked], labels[asked], embeddings[own], labels[own]).recall5,
        "right names kept": int((similar.max(axis=1)[right] >= threshold).sum()),
    }
    if not options.own:
        gallery_file, query_file = (options.racks / name for name in ("gallery.txt", "query.txt"))
        small = retrieval_of(*(read_label_file(file, options.racks, "\t") for file in (query_file, gallery_file)), model.embed)
        result["own recall@1, one picture a product"] = small.recall1
    if strangers.any():
        scores = (l2_normalized(embeddings[strangers]) @ gallery.T).max(axis=1)
        result |= {"strangers": int(strangers.sum()), "strangers named": float((scores >= threshold).mean())}
    shelves = (read_label_file(options.shelves / name, options.shelves, "\t") for name in ("query_crops.txt", "gallery.txt"))
    result["shelves recall@1"] = retrieval_of(*shelves, model.embed).recall1
    held = validation_set(split_by_label(read_label_file(options.list, options.root, " "))[1], 8, 100)
    sets = {name: retrieval_of([one for one in held if one.dataset == name], None, model.embed).recall1 for name in SETS}
    return {**result, "six sets recall@1": fmean(sets.values()), "sets": {name: round(value, 4) for name, value in sets.items()}}


if __name__ == "__main__":
    main()
