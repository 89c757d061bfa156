"""Made packages: as many as asked, families whose members can be told apart, printed from training pictures only."""

from collections import defaultdict
from pathlib import Path

import cv2
import numpy as np
import pytest

from sightline_training.embedding import packages
from sightline_training.embedding.packages import DATASET, drawn, painted, sibling, stickered, write_packages
from sightline_training.embedding.pictures import Picture, read_label_file, read_picture
from sightline_training.embedding.split import split_by_label

from ..conftest import Run


def of(pictures: list[Picture], dataset: str) -> list[Picture]:
    return [p for p in pictures if p.dataset == dataset]


@pytest.fixture
def written(made_set: tuple[Path, Path], tmp_path: Path) -> tuple[Path, list[str]]:
    pictures = read_label_file(*made_set, " ")
    folder = tmp_path / "made"
    return folder, write_packages(of(pictures, "boxes"), of(pictures, "logos"), 11, folder, seed=4)


def test_as_many_labels_as_asked_are_written_with_two_pictures_each(written: tuple[Path, list[str]]) -> None:
    folder, lines = written
    (folder / "lines.txt").write_text("\n".join(lines))
    pictures = read_label_file(folder / "lines.txt", folder, " ")
    assert len(pictures) == len({p.path for p in pictures}) == 22
    labels = [p.label for p in pictures]
    assert len(set(labels)) == 11 and labels[::2] == labels[1::2]
    assert {p.dataset for p in pictures} == {DATASET}
    for picture in pictures:
        assert min(read_picture(picture.path).shape[:2]) >= 100


def test_the_two_pictures_of_a_label_differ_by_a_sticker_alone(written: tuple[Path, list[str]]) -> None:
    folder, lines = written
    for first, second in zip(lines[::2], lines[1::2], strict=True):
        plain, marked = (read_picture(folder / line.split(" ")[0]).astype(int) for line in (first, second))
        changed = (np.abs(plain - marked).max(axis=2) > 40).mean()
        assert plain.shape == marked.shape and 0 < changed < 0.2


def test_members_of_a_family_are_alike_and_can_be_told_apart(written: tuple[Path, list[str]]) -> None:
    folder, lines = written
    families: dict[str, list[np.ndarray]] = defaultdict(list)
    for line in lines[::2]:
        path = line.split(" ")[0]
        families[path.split("/")[1].split("-")[0]].append(read_picture(folder / path).astype(int))
    assert max(map(len, families.values())) > 1
    for members in families.values():
        assert len({m.shape for m in members}) == 1
        for i, one in enumerate(members):
            for other in members[i + 1 :]:
                assert (np.abs(one - other).max(axis=2) > 40).mean() > 0.02


def test_a_flavour_keeps_the_brand_and_the_layout_but_not_the_words() -> None:
    random = np.random.default_rng(0)
    for _ in range(50):
        first = drawn(random, 20, 5)
        other = sibling(first, random, 20)
        same = ("width", "height", "division", "brand", "brand_font", "brand_place", "logo", "art_place", "flavour_place")
        assert all(getattr(first, name) == getattr(other, name) for name in same)
        assert first.flavour != other.flavour


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(made_set: tuple[Path, Path], tmp_path: Path) -> None:
    pictures = of(read_label_file(*made_set, " "), "boxes")
    written = [write_packages(pictures, pictures[:3], 3, tmp_path / name, seed) for name, seed in (("a", 1), ("b", 1), ("c", 2))]
    files = [[(tmp_path / name / line.split(" ")[0]).read_bytes() for line in lines] for name, lines in zip("abc", written, strict=True)]
    assert written[0] == written[1] and files[0] == files[1]
    assert files[0] != files[2]


def test_a_package_is_drawn_at_any_place_its_parts_may_have() -> None:
    random = np.random.default_rng(7)
    art = random.integers(0, 256, (30, 50, 3), dtype=np.uint8)
    for _ in range(60):
        face = painted(drawn(random, 1, 1), art, art.transpose(1, 0, 2))
        assert stickered(face, random).shape == face.shape and face.dtype == np.uint8


def test_the_command_lists_them_after_the_given_pictures(made_set: tuple[Path, Path], tmp_path: Path, run: Run) -> None:
    listed, root = made_set
    to = tmp_path / "made"
    common = ("packages", "--list", listed, "--root", root, "--to", to)
    done = run(*common, "--labels", 4, "--art", "boxes", "--logos", "logos")
    assert done.returncode == 0 and "wrote 8 pictures" in done.stdout, done.stderr
    both = read_label_file(to / "list.txt", [root, to], " ")
    given = read_label_file(listed, root, " ")
    assert both[: len(given)] == given and {p.dataset for p in both[len(given) :]} == {DATASET}
    refused = run(*common, "--art", "nothing")
    assert refused.returncode != 0 and "no training pictures of nothing" in refused.stderr


def test_nothing_held_out_is_printed_on_a_package(
    made_set: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    listed, root = made_set
    learned, held_out = split_by_label(read_label_file(listed, root, " "))
    read: set[Path] = set()

    def remembering(path: Path) -> np.ndarray:
        read.add(path)
        return cv2.imread(str(path))

    monkeypatch.setattr(packages, "read_picture", remembering)
    run("packages", "--list", listed, "--root", root, "--to", tmp_path, "--labels", 60, "--art", "boxes", "--logos", "logos")
    printed = {p.path for p in learned if p.dataset in ("boxes", "logos")}
    assert read <= printed and not read & {p.path for p in held_out}
    # Sixty packages are enough to have used about all that they may.
    assert len(read) > 0.5 * len(printed)
