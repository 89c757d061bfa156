"""Both assignments against their definitions, in loops over cells and boxes."""

from statistics import mean, stdev

import numpy as np
import pytest
import torch
from torch import Tensor

from sightline_training.detection.assignment import ANCHOR_STRIDES, ASSIGNMENTS, CANDIDATES, TOP_CELLS, atss, task_aligned
from sightline_training.detection.evaluate import iou
from sightline_training.detection.network import STRIDES, cells

Boxes = list[list[float]]
# Between the centres of all levels, and beside the picture.
WITHOUT_A_CELL = [[17.0, 17.0, 19.5, 19.5], [200.0, 210.0, 240.0, 230.0]]


def overlaps_of(a: Boxes, b: Boxes) -> list[list[float]]:
    return [[iou(np.array(x), np.array(y)) for y in b] for x in a]


def inside(box: list[float], centre: list[float]) -> bool:
    return box[0] < centre[0] < box[2] and box[1] < centre[1] < box[3]


def owners(taken: list[list[int]], overlaps: list[list[float]], count: int) -> list[int]:
    """Each cell's box: of those that took it, the one of the highest overlap."""
    wanting = [[b for b, mine in enumerate(taken) if k in mine] for k in range(count)]
    return [max(those, key=lambda b: overlaps[b][k]) if those else -1 for k, those in enumerate(wanting)]


def slow_task_aligned(scores: list[float], boxes: Boxes, centres: Boxes, truth: Boxes) -> tuple[list[int], list[float]]:
    """TOOD in words: each box ranks the cells inside it by score x IoU^6 and takes the best."""
    overlaps = overlaps_of(truth, boxes)
    ranks = [
        {k: scores[k] * overlap[k] ** 6 for k, centre in enumerate(centres) if inside(box, centre)}
        for box, overlap in zip(truth, overlaps, strict=True)
    ]
    owner = owners([sorted(rank, key=lambda k: -rank[k])[:TOP_CELLS] for rank in ranks], overlaps, len(boxes))
    quality = [0.0] * len(boxes)
    for b, rank in enumerate(ranks):
        mine = [k for k in range(len(boxes)) if owner[k] == b]
        for k in mine:
            quality[k] = rank[k] / max(rank[j] for j in mine) * max(overlaps[b][j] for j in mine)
    return owner, quality


def slow_atss(boxes: Boxes, centres: Boxes, strides: list[float], truth: Boxes) -> tuple[list[int], list[float]]:
    """ATSS's algorithm 1, with cells' squares as anchors: the nearest of each level, then those above mean + deviation."""
    halves = [ANCHOR_STRIDES * stride / 2 for stride in strides]
    anchors = [[x - h, y - h, x + h, y + h] for (x, y), h in zip(centres, halves, strict=True)]
    overlaps = overlaps_of(truth, anchors)
    taken = []
    for box, overlap in zip(truth, overlaps, strict=True):
        x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
        near: list[int] = []
        for stride in STRIDES:
            level = [k for k in range(len(centres)) if strides[k] == stride]
            near += sorted(level, key=lambda k: (centres[k][0] - x) ** 2 + (centres[k][1] - y) ** 2)[:CANDIDATES]
        threshold = mean(overlap[k] for k in near) + stdev(overlap[k] for k in near)
        taken.append([k for k in near if overlap[k] >= threshold and inside(box, centres[k])])
    owner = owners(taken, overlaps, len(boxes))
    quality = [iou(np.array(truth[b]), np.array(box)) if b >= 0 else 0.0 for b, box in zip(owner, boxes, strict=True)]
    return owner, quality


def made_cells(size: int, rng: torch.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The scores, boxes, centres and strides of a picture's cells, as if they had been predicted."""
    centres, strides = cells([torch.zeros(1, 33, size // s, size // s) for s in STRIDES])
    reach = strides[:, None] * (0.5 + 3 * torch.rand(len(centres), 4, generator=rng))
    boxes = torch.cat([centres - reach[:, :2], centres + reach[:, 2:]], 1)
    return torch.rand(len(centres), generator=rng), boxes, centres, strides


def made_truth(size: int, count: int, rng: torch.Generator) -> Tensor:
    middles, sides = (torch.rand(count, 2, generator=rng) for _ in range(2))
    sides = 6 + 0.7 * size * sides**2
    return torch.cat([middles * size - sides / 2, middles * size + sides / 2], 1)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("name", ["task_aligned", "atss"])
def test_an_assignment_is_what_its_definition_says(name: str, seed: int) -> None:
    rng = torch.Generator().manual_seed(seed)
    scores, boxes, centres, strides = made_cells(128, rng)
    truth = torch.cat([made_truth(128, 7, rng), torch.tensor(WITHOUT_A_CELL)])
    owner, quality = ASSIGNMENTS[name](scores, boxes, centres, strides, truth)
    lists = boxes.tolist(), centres.tolist()
    if name == "atss":
        expected = slow_atss(*lists, strides.tolist(), truth.tolist())
    else:
        expected = slow_task_aligned(scores.tolist(), *lists, truth.tolist())
    assert owner.tolist() == expected[0] and quality.tolist() == pytest.approx(expected[1], abs=1e-5)
    assert len(set(expected[0])) > 4 and not {7, 8} & set(expected[0])


@pytest.mark.parametrize("assign", [task_aligned, atss])
@pytest.mark.parametrize("truth", [[], *([box] for box in WITHOUT_A_CELL)])
def test_nothing_is_assigned_where_there_is_no_box_or_no_cell_inside_it(assign, truth: Boxes) -> None:  # noqa: ANN001
    owner, quality = assign(*made_cells(128, torch.Generator().manual_seed(1)), torch.tensor(truth).reshape(-1, 4))
    assert owner.dtype == torch.int64 and quality.dtype == torch.float32
    assert (owner == -1).all() and (quality == 0).all()


@pytest.mark.parametrize("level", range(4))
def test_atss_gives_a_box_of_five_strides_to_cells_of_its_own_level(level: int) -> None:
    # 64 pixels have a single cell of the last level: fewer than the candidates that a level may have.
    scores, boxes, centres, strides = made_cells(64 if level == 3 else 320, torch.Generator().manual_seed(2))
    own = (strides == STRIDES[level]).nonzero().flatten()
    cell = own[len(own) // 2]
    reach = ANCHOR_STRIDES / 2 * STRIDES[level]
    truth = torch.cat([centres[cell] - reach, centres[cell] + reach])[None]
    owner, _ = atss(scores, boxes, centres, strides, truth)
    assert owner[cell] == 0 and (strides[owner == 0] == STRIDES[level]).all()
