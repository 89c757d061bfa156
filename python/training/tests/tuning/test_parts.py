"""What is asked was not learned, and there is something to ask however small the shop."""

from sightline_training.tuning.made import made_packages
from sightline_training.tuning.parts import parted


def test_three_products_of_two_pictures_are_learned_by_one_and_asked_by_the_other() -> None:
    parts = parted([f"p{i // 2}" for i in range(6)], seed=1)
    assert len(parts.learned) == 3 and len(parts.asked) == 3 and not parts.strangers
    assert sorted(parts.learned + parts.asked) == list(range(6))


def test_in_a_larger_shop_whole_products_stand_for_strangers_and_most_pictures_are_learned() -> None:
    labels = [f"p{i // 4}" for i in range(120)] + [f"single{i}" for i in range(20)]
    parts = parted(labels, seed=1)
    assert sorted(parts.learned + parts.asked + parts.strangers) == list(range(len(labels)))
    held = {labels[i] for i in parts.strangers}
    assert len(held) == 5 and held.isdisjoint({labels[i] for i in (*parts.learned, *parts.asked)})
    assert {labels[i] for i in parts.asked} <= {labels[i] for i in parts.learned}
    assert len(parts.learned) > 0.6 * len(labels)


def test_the_parts_are_those_of_folder_and_seed() -> None:
    labels = [f"p{i // 3}" for i in range(60)]
    assert parted(labels, 1) == parted(labels, 1) != parted(labels, 2)


def test_products_that_can_be_learned_are_not_all_held_back() -> None:
    labels = [*(f"single{i}" for i in range(40)), *(f"p{i // 2}" for i in range(6))]
    parts = parted(labels, seed=3)
    assert len(parts.asked) == 3


def test_made_packages_are_those_of_their_seed() -> None:
    first, again, other = made_packages(5, 1, 1), made_packages(5, 1, 1), made_packages(5, 1, 2)
    assert all((a == b).all() for a, b in zip(first.pictures, again.pictures, strict=True))
    assert first.labels == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert any(a.shape != b.shape or (a != b).any() for a, b in zip(first.pictures, other.pictures, strict=True))
