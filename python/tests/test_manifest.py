"""Manifests are written and taken as the pipeline takes them: by the published schema, and by the file that both are told."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from golden import REPOSITORY, golden
from sightline_base.errors import SightlineError
from sightline_base.input import input_contract
from sightline_base.manifest import add_metrics, check, read_manifest, set_default, sha256_of, write_manifest

GOLDEN = golden("manifests")
FIELDS = {name: GOLDEN["embedder"][name] for name in ("task", "output", "defaults", "canary", "provenance")}


def changed(case: dict[str, Any]) -> dict[str, Any]:
    """A manifest with the values at some paths set, or without them."""
    manifest = copy.deepcopy(GOLDEN[case["of"]])
    for path in [*case.get("set", {}), *case.get("remove", [])]:
        *keys, last = path.split("/")
        at = manifest
        for key in keys:
            at = at[key]
        if path in case.get("set", {}):
            at[last] = case["set"][path]
        else:
            del at[last]
    return manifest


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A models folder's model, its network a few bytes."""
    folder = tmp_path / "models" / "tiny"
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(b"weights")
    write_manifest(folder, {**FIELDS, "input": input_contract(64, "linear"), "metrics": {}})
    return folder


@pytest.mark.parametrize("case", GOLDEN["cases"], ids=lambda case: f"{case['of']}: {case['name']}")
def test_what_fits_is_what_the_pipeline_takes(case: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text(json.dumps(changed(case)))
    # The weights are missing: that is told of a manifest that fits.
    with pytest.raises(SightlineError, match="model.onnx is missing" if case["fits"] else "does not fit"):
        read_manifest(tmp_path)


@pytest.mark.parametrize("case", GOLDEN["texts"], ids=lambda case: case["name"])
def test_a_text_that_is_no_manifest_is_refused(case: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text(case["text"])
    with pytest.raises(SightlineError, match="is not JSON|does not fit"):
        read_manifest(tmp_path)


@pytest.mark.parametrize("path", sorted((REPOSITORY / "models").glob("*/manifest.json")), ids=lambda path: path.parent.name)
def test_every_model_that_comes_with_the_project_is_read(path: Path) -> None:
    assert read_manifest(path.parent)["name"] == path.parent.name


def test_what_does_not_fit_is_told_of_the_kind_that_was_meant() -> None:
    manifest = copy.deepcopy(GOLDEN["detector"])
    manifest["output"]["bins"], manifest["input"]["mean"] = 1, [0, 0]
    del manifest["canary"]["tolerance"]
    with pytest.raises(SightlineError) as error:
        check(manifest, Path("manifest.json"))
    told = str(error.value)
    assert "$.output.bins: 1 is less than the minimum of 2" in told
    assert "$.input.mean: [0, 0] is too short" in told
    assert "$.canary: 'tolerance' is a required property" in told
    assert "embed" not in told


def test_a_written_manifest_names_its_folder_and_its_weights(model: Path) -> None:
    told = json.loads((model / "manifest.json").read_text())
    assert list(told)[:6] == ["schema", "name", "task", "file", "sha256", "bytes"]
    assert (told["name"], told["bytes"], told["licence"]) == ("tiny", 7, "Apache-2.0")
    assert told["sha256"] == sha256_of(model / "model.onnx")
    assert read_manifest(model) == told


@pytest.mark.parametrize("canary", [{"embedding": [float("nan")], "minCosine": 0.999}, {"meanSigmoid": [0.1], "tolerance": 0.1}])
def test_what_the_pipeline_would_refuse_is_not_written(model: Path, canary: dict[str, Any]) -> None:
    before = (model / "manifest.json").read_text()
    with pytest.raises(SightlineError, match="manifest.json"):
        write_manifest(model, {**FIELDS, "input": input_contract(64, "linear"), "canary": canary})
    assert (model / "manifest.json").read_text() == before


def test_weights_that_are_not_the_manifests_are_refused(model: Path) -> None:
    (model / "model.onnx").write_bytes(b"others")
    with pytest.raises(SightlineError, match="is not the file its manifest describes"):
        read_manifest(model)


def test_measured_values_are_added_and_all_else_stays(model: Path) -> None:
    told = json.loads((model / "manifest.json").read_text())
    told["licence"], told["later"] = "MIT", [1]
    del told["metrics"]
    (model / "manifest.json").write_text(json.dumps(told))
    add_metrics(model, {"recall@1": 0.123456}, "measure it", threshold=0.4)
    again = read_manifest(model)
    assert again["metrics"] == {"recall@1": {"value": 0.1235, "command": "measure it"}}
    assert again["defaults"] == {"scoreThreshold": 0.4}
    assert {name: value for name, value in again.items() if name not in ("metrics", "defaults")} == {
        name: value for name, value in told.items() if name != "defaults"
    }


def test_a_default_leaves_the_other_tasks_as_they_are(tmp_path: Path) -> None:
    set_default(tmp_path, "detector", "a")
    set_default(tmp_path, "embedder", "b")
    set_default(tmp_path, "detector", "c")
    assert json.loads((tmp_path / "index.json").read_text()) == {"detector": "c", "embedder": "b"}
