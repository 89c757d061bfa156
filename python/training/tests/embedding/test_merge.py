"""Each of the reference's 17 datasets is read from its published layout, and the merged list is contiguous."""

import json
from collections.abc import Iterable
from pathlib import Path

import pytest

from sightline_training.embedding.layouts import DATASETS
from sightline_training.embedding.merge import merge
from sightline_training.embedding.pictures import LabelFileError, read_label_file


def pictures(root: Path, names: Iterable[str]) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"a picture")


def text(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


@pytest.fixture
def datasets(tmp_path: Path) -> Path:
    """All 17, two labels each: the first with two pictures, the second with one."""
    for name in ("Aliproduct", "bird400", "104flowers", "Cars", "flowerrecognition"):
        pictures(tmp_path / name, ["train/a b/1.jpg", "train/a b/2.jpeg", "train/c/1.png"])
    pictures(tmp_path / "food-101", ["images/pie/1.jpg", "images/pie/2.jpg", "images/soup/1.jpg"])
    pictures(tmp_path / "indoor-scenes", ["Images/bar/1.jpg", "Images/bar/2.jpg", "Images/gym/1.jpg"])
    pictures(tmp_path / "fruits-262", ["apple/1.jpg", "apple/2.jpg", "fig/1.jpg"])
    pictures(tmp_path / "LogoDet-3K", ["Food/acme/1.jpg", "Food/acme/2.jpg", "Food/brio/1.jpg"])
    text(tmp_path / "LogoDet-3K/Food/acme/1.xml", "<annotation/>")

    wild = tmp_path / "VeRI-Wild"
    pictures(wild, ["images/00001/1.jpg", "images/00001/2.jpg", "images/00002/1.jpg", "images/00003/tested.jpg"])
    text(wild / "train_test_split/train_list.txt", "00001/1.jpg\n00001/2.jpg\n00002/1.jpg\n")

    sop = tmp_path / "SOP"
    pictures(sop, ["bicycle_final/1_0.JPG", "bicycle_final/1_1.JPG", "sofa_final/2_0.JPG"])
    rows = ["1 1 1 bicycle_final/1_0.JPG", "2 1 1 bicycle_final/1_1.JPG", "3 2 2 sofa_final/2_0.JPG"]
    text(sop / "Ebay_train.txt", "\n".join(["image_id class_id super_class_id path", *rows]))

    shop = tmp_path / "Inshop"
    names = ["img/a/id_1/1.jpg", "img/a/id_1/2.jpg", "img/b/id_2/1.jpg", "img/b/id_3/1.jpg"]
    pictures(shop, names)
    parts = ["id_1 train", "id_1 train", "id_2 train", "id_3 query"]
    rows = [f"{n}   {p}" for n, p in zip(names, parts, strict=True)]
    text(shop / "Eval/list_eval_partition.txt", "\n".join(["4", "image_name item_id evaluation_status", *rows]))

    landmarks = tmp_path / "GLDv2"
    pictures(landmarks, ["train/0/1/2/012a.jpg", "train/f/f/f/fff0.jpg", "train/3/4/5/345c.jpg"])
    text(landmarks / "train_clean.csv", "landmark_id,images\n7,012a fff0\n9,345c\n")

    fashion = tmp_path / "Fashion Product Images"
    pictures(fashion, ["images/10.jpg", "images/11.jpg", "images/12.jpg"])
    rows = ["10,Topwear,Shirt", "11,Topwear,Shirt, blue, with a comma", "12,Shoes,Boot"]
    text(fashion / "styles.csv", "\n".join(["id,subCategory,productDisplayName", *rows]))

    for year in ("2017", "2019"):
        nature = tmp_path / f"iNaturalist {year}"
        base = f"train_val{year}"
        pictures(nature, [f"{base}/Aves/1.jpg", f"{base}/Aves/2.jpg", f"{base}/Fungi/3.jpg"])
        images = [{"id": i, "file_name": f"{base}/{n}"} for i, n in enumerate(["Aves/1.jpg", "Aves/2.jpg", "Fungi/3.jpg"])]
        notes = [{"image_id": i, "category_id": c} for i, c in enumerate([40, 40, 41])]
        text(nature / f"train{year}.json", json.dumps({"images": images, "annotations": notes}))

    ten = tmp_path / "Products-10k"
    pictures(ten, ["train/1.jpg", "train/2.jpg", "train/3.jpg"])
    text(ten / "train.csv", "name,class,group\n1.jpg,5,1\n2.jpg,5,1\n3.jpg,8,2\n")

    cars = tmp_path / "CompCars"
    names = ["78/1/2014/a.jpg", "78/1/2012/b.jpg", "78/2/2014/c.jpg"]
    pictures(cars / "image", names)
    text(cars / "train_test_split/classification/train.txt", "\n".join(names))
    return tmp_path


@pytest.mark.parametrize("name", DATASETS)
def test_a_dataset_is_read_from_its_published_layout(name: str, datasets: Path) -> None:
    read = list(DATASETS[name](datasets / name))
    assert len(read) == 3 and all((datasets / name / path).is_file() for path, _ in read)
    labels = [label for _, label in read]
    assert labels[0] == labels[1] != labels[2]


def test_the_merged_list_is_contiguous_and_can_be_read_back(datasets: Path) -> None:
    said: list[str] = []
    target = datasets / "train_reg_all_data_v2.txt"
    assert merge(datasets, target, [], said.append) == 51
    merged = read_label_file(target, datasets, " ")
    assert sorted({int(p.label) for p in merged}) == list(range(34))
    assert [p.dataset for p in merged[::3]] == list(DATASETS)
    assert "VeRI-Wild: 3 pictures, 2 labels, 2-3" in said
    assert "iNaturalist 2019: the reference's documentation has 265213 pictures, 1010 labels" in said


def test_the_other_inaturalist_is_read_where_it_is_asked_for(datasets: Path) -> None:
    target = datasets / "list.txt"
    merge(datasets, target, [], lambda _: None, inaturalist="2017")
    assert "iNaturalist 2017/train_val2017/Aves/1.jpg" in target.read_text() and "2019" not in target.read_text()


def test_with_tabs_paths_with_spaces_can_be_told_from_labels_by_any_reader(datasets: Path) -> None:
    target = datasets / "list.txt"
    merge(datasets, target, [], lambda _: None, separator="\t")
    lines = [line.split("\t") for line in target.read_text().splitlines()]
    assert all(len(line) == 2 and line[1].isdecimal() for line in lines)
    assert "Fashion Product Images/images/10.jpg" in {path for path, _ in lines}
    assert len(read_label_file(target, datasets, " ")) == 51


def test_missing_datasets_are_all_named_and_nothing_is_written(datasets: Path) -> None:
    (datasets / "SOP" / "Ebay_train.txt").unlink()
    (datasets / "Cars").rename(datasets / "elsewhere")
    with pytest.raises(LabelFileError, match="SOP.*Cars"):
        merge(datasets, datasets / "list.txt", [], lambda _: None)
    assert not (datasets / "list.txt").exists()


def test_a_dataset_can_be_skipped_by_name_and_the_numbers_close_up(datasets: Path) -> None:
    (datasets / "SOP" / "Ebay_train.txt").unlink()
    said: list[str] = []
    assert merge(datasets, datasets / "list.txt", ["SOP"], said.append) == 48
    assert "SOP: skipped" in said and "Inshop: 3 pictures, 2 labels, 4-5" in said


def test_listed_pictures_that_are_not_there_are_counted(datasets: Path) -> None:
    (datasets / "GLDv2/train/0/1/2/012a.jpg").unlink()
    (datasets / "GLDv2/train/3/4/5/345c.jpg").unlink()
    with pytest.raises(LabelFileError, match=r"no picture train/0/1/2/012a.jpg; GLDv2: 2 listed pictures"):
        merge(datasets, datasets / "list.txt", [], lambda _: None)


def test_a_few_missing_pictures_are_left_out_and_counted(datasets: Path) -> None:
    (datasets / "GLDv2/train/3/4/5/345c.jpg").unlink()
    said: list[str] = []
    assert merge(datasets, datasets / "list.txt", [], said.append, missing_share=0.4) == 50
    assert "GLDv2: 1 listed pictures are missing and left out, train/3/4/5/345c.jpg for one" in said
    # The label that is gone leaves no hole among the numbers.
    assert sorted({int(p.label) for p in read_label_file(datasets / "list.txt", datasets, " ")}) == list(range(33))


def test_a_dataset_that_does_not_exist_cannot_be_skipped(datasets: Path) -> None:
    with pytest.raises(LabelFileError, match="no dataset SOPP"):
        merge(datasets, datasets / "list.txt", ["SOPP"], lambda _: None)
