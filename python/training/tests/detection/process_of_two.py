"""One of two processes under torchrun: trains, with a clock that only the first process may go by, and keeps its weights."""

import itertools
import math
import sys
import time
from dataclasses import replace
from pathlib import Path

import torch

from sightline_training.detection import train as training
from sightline_training.detection.config import Config
from sightline_training.detection.data import is_held_out, read_box_list
from sightline_training.detection.run import Run, start_run

# Two seconds a step by the first process's clock: its schedule of eight ends with the fourth. Where fewer blocks are
# frozen or the rate is higher, BatchNorm of so small batches blows up the rounding errors of the mean.
CONFIG = Config(
    frozen=12, width=16, size=64, batch=2, minutes=8 / 60, warmup_steps=1, mosaics=0.3, shelves=0.0, tables=0.0,
    workers=0, learning_rate=1e-4, assignment="atss",
)


# The recipe's losses, assignment and epochs: both processes have as many batches of 5 as the other schedule has steps.
PUBLISHED = replace(
    CONFIG, minutes=math.inf, epochs=1, batch=5, stream="published", loss="published", assignment="simota", schedule="after_warmup",
    optimizer="momentum", decayed="all_but_norms", ema_cycle=2, gradient_clip=math.inf, evaluate_epochs=1, learning_rate=1e-3,
)
CONFIGS = {"made": CONFIG, "published": PUBLISHED}


def main(folder: Path, kind: str) -> None:
    place = training.place_of_process()
    torch.set_num_threads(1)
    listed = read_box_list(folder / "boxes.jsonl", folder)
    runs: list[Run] = []

    def kept(*arguments: object) -> Run:
        runs.append(start_run(*arguments))
        return runs[0]

    training.start_run = kept
    ticks = itertools.count(0, 2)
    training.train(
        CONFIGS[kind], [x for x in listed if not is_held_out(x.file.name)], [], folder, folder / "run", print,
        clock=time.monotonic if place.number else lambda: float(next(ticks)),
    )
    torch.save({"step": runs[0].step, "model": runs[0].model.state_dict()}, folder / f"{place.number}.pt")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
