"""Rows of the reference's table are measured where their data is, and the others are named."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from sightline_training.embedding.pictures import LabelFileError, Picture
from sightline_training.embedding.reference_table import ROWS, measure_rows

from ..conftest import Run


def write(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def by_name(pictures: list[Picture]) -> np.ndarray:
    """The letter a picture's name begins with is what it shows."""
    return np.eye(26)[[ord(p.path.name[0]) - ord("a") for p in pictures]]


def touch(folder: Path, *names: str) -> None:
    for name in names:
        write(folder, name, "")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    touch(tmp_path / "product", "a0.jpg", "b0.jpg", "a1.jpg", "b1.jpg")
    write(tmp_path / "product", "gallery.txt", "a0.jpg\tapple juice\nb0.jpg\tbread\n")
    # The second query looks like bread and is said to be juice.
    write(tmp_path / "product", "query.txt", "a1.jpg\tapple juice\nb1.jpg\tapple juice\n")
    touch(tmp_path / "iNat", "a0.jpg", "a1.jpg", "b0.jpg", "b1.jpg")
    write(tmp_path / "iNat", "list.txt", "a0.jpg\t1\na1.jpg\t1\nb0.jpg\t2\nb1.jpg\t2\n")
    header = "image_id class_id super_class_id path\n"
    write(tmp_path / "SOP", "Ebay_test.txt", header + "1 7 1 x/a0.jpg\n2 7 1 x/a1.jpg\n3 8 1 x/b0.jpg\n4 8 1 x/c1.jpg\n")
    rows = ["img/a0.jpg id_1 gallery", "img/b0.jpg id_2 gallery", "img/a1.jpg id_1 query", "img/z.jpg id_3 train"]
    write(tmp_path / "Inshop", "Eval/list_eval_partition.txt", "\n".join(["4", "image item part", *rows]))
    return tmp_path


def test_each_row_is_measured_by_the_lists_that_it_has(root: Path) -> None:
    said: list[str] = []
    results = dict(measure_rows(root, by_name, said.append))
    assert {name: r.queries for name, r in results.items()} == {"product": 2, "SOP": 4, "Inshop": 1, "iNat": 4}
    assert {name: r.recall1 for name, r in results.items()} == {"product": 0.5, "SOP": 0.5, "Inshop": 1.0, "iNat": 1.0}
    assert [line for line in said if "no data" in line] == [
        f"{name}: no data in {root / name}" for name in ROWS if name not in results
    ]


def test_a_row_with_half_of_its_lists_says_what_is_missing(root: Path) -> None:
    (root / "product" / "query.txt").unlink()
    with pytest.raises(LabelFileError, match=r"query\.txt is missing"):
        list(measure_rows(root, by_name, lambda _: None))


def test_a_folder_without_any_row_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(LabelFileError, match="none of the folders product, Aliproduct"):
        list(measure_rows(tmp_path, by_name, lambda _: None))


def test_the_command_prints_the_reference_beside_it(made_set: tuple[Path, Path], tmp_path: Path, run: Run, exported: Path) -> None:
    shutil.copytree(exported.parent, tmp_path / "models")
    listed, pictures = made_set
    write(pictures, "list.txt", listed.read_text().replace(" ", "\t"))
    (tmp_path / "rows").mkdir()
    (tmp_path / "rows" / "LogoDet-3k").symlink_to(pictures)
    done = run("evaluate", tmp_path / "models" / "tiny", "--table", tmp_path / "rows", "--record", "table")
    assert done.returncode == 0, done.stderr
    row = next(line.split() for line in done.stdout.splitlines() if line.startswith("LogoDet-3k "))
    assert row[1] == "96" and row[-2:] == ["0.880", "0.632"]
    plain = run("evaluate", tmp_path / "models" / "tiny", "--table", tmp_path / "rows", "--plain")
    assert plain.returncode == 0 and "--plain is of" in run("evaluate", tmp_path / "models" / "tiny", "--plain").stderr
    recorded = json.loads((tmp_path / "models" / "tiny" / "manifest.json").read_text())["metrics"]["table LogoDet-3k recall@1"]
    assert f"{recorded['value']:.3f}" == row[2]
    assert recorded["command"] == "python -m sightline_training evaluate ../../models/tiny --table ROWS"
