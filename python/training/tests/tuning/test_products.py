"""A folder of products as people have them: what can't be used is named, and the rest is used."""

import shutil
from pathlib import Path

import pytest

from sightline_training.tuning.products import ProductsError, read_products

from .conftest import Shop


def test_a_folder_a_product_is_all_that_is_wanted(shop: Shop) -> None:
    products = read_products(shop(3, 2))
    assert products.names == ["Crème No. 0", "Crème No. 1", "Crème No. 2"]
    assert len(products.photos) == 6 and products.left_out == []
    assert all(photo.crop.shape == (224, 224, 3) for photo in products.photos)


def test_broken_cut_and_empty_pictures_are_named_and_left_out(shop: Shop) -> None:
    folder = shop(4, 3)
    broken, cut, empty = unusable = [sorted((folder / f"Crème No. {i}").iterdir())[0] for i in range(3)]
    broken.write_bytes(b"no picture")
    cut.write_bytes(cut.read_bytes()[: int(0.9 * cut.stat().st_size)])
    empty.write_bytes(b"")
    products = read_products(folder)
    assert len(products.photos) == 9
    assert f"{broken} is not a picture that can be decoded" in products.left_out
    assert len(products.left_out) == 3 and all(str(path) in line for path, line in zip(unusable, products.left_out, strict=True))


def test_a_file_that_is_there_twice_counts_once_and_one_in_two_products_not_at_all(shop: Shop) -> None:
    folder = shop(4, 3)
    first, second = (sorted((folder / f"Crème No. {i}").iterdir())[0] for i in range(2))
    shutil.copy(first, first.with_name("again.jpg"))
    shutil.copy(second, folder / "Crème No. 3" / "other.jpg")
    products = read_products(folder)
    assert len(products.photos) == 11
    said = "\n".join(products.left_out)
    assert "is the same file as" in said and "in another product's folder: which of them is it?" in said


def test_what_lies_beside_the_products_is_no_product(shop: Shop) -> None:
    folder = shop(3, 2)
    shutil.copy(next((folder / "Crème No. 0").iterdir()), folder / "loose.jpg")
    (folder / "empty one").mkdir()
    (folder / ".cache").mkdir()
    (folder / "notes.txt").write_text("x")
    products = read_products(folder)
    assert len(products.names) == 3
    assert [line.split("/")[-1] for line in products.left_out] == ["empty one holds no picture", "loose.jpg lies in no product's folder"]


def test_too_little_is_refused_with_what_there_is_and_what_is_wanted(shop: Shop, tmp_path: Path) -> None:
    with pytest.raises(ProductsError, match="at least 3 products with two pictures each, .* has 2 with a usable picture, 2 of them"):
        read_products(shop(2, 3))
    (tmp_path / "nothing").mkdir()
    with pytest.raises(ProductsError, match="holds no pictures of products: it wants a folder a product"):
        read_products(tmp_path / "nothing")
    with pytest.raises(ProductsError, match="is no folder"):
        read_products(tmp_path / "gone")
