"""Which pictures are learned from and which are kept to ask: the same for the same folder and seed."""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

# Of a product's pictures, one in so many is asked, and at least one of three.
ASKED = 4
# One product in so many is not learned at all: it stands for what the shop does not know, and for what comes next season.
STRANGERS = 10


@dataclass(frozen=True)
class Parts:
    """Indices of pictures. `asked` are of learned products; `strangers` are all pictures of products that are not learned."""

    learned: list[int]
    asked: list[int]
    strangers: list[int]


def parted(labels: Sequence[str], seed: int) -> Parts:
    """Parts of pictures with these labels, of which three or more labels have two.

    A product of two pictures is asked of only every second time: a half of what there is to learn from is much.
    """
    members: dict[str, list[int]] = defaultdict(list)
    for index, label in enumerate(labels):
        members[label].append(index)
    names = sorted(members, key=lambda name: _rank(name, seed))
    several = [name for name in names if len(members[name]) > 1]
    # Three with more must stay to be learned.
    able = [name for name in names if name not in several[:3]]
    held = set(able[: len(names) // STRANGERS])
    # Three at least have a picture to ask, however few there are.
    pairs = [name for name in several if name not in held and len(members[name]) == 2]
    more = sum(1 for name in several if name not in held and len(members[name]) > 2)
    taken = set(pairs[: max(len(pairs) // 2, 3 - more)])
    parts = Parts([], [], [])
    for name, group in members.items():
        if name in held:
            parts.strangers.extend(group)
            continue
        order = sorted(group, key=lambda index: _rank(f"{name}/{index}", seed))
        count = int(name in taken) if len(group) < 3 else max(1, len(group) // ASKED)
        parts.asked.extend(sorted(order[:count]))
        parts.learned.extend(sorted(order[count:]))
    return parts


def _rank(name: str, seed: int) -> str:
    return hashlib.sha256(f"sightline-tuning:{seed}:{name}".encode()).hexdigest()
