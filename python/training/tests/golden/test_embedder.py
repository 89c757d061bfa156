"""The embedder's recipe against values that PaddleClas' own code made (make_golden.py): any difference breaks one of these."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from sightline_base.input import to_input
from sightline_base.retrieval import Retrieval, l2_normalized, retrieval
from sightline_training.embedding.config import TrainConfig, load_config, steps_an_epoch
from sightline_training.embedding.losses import TripletOptions, triplet_angular_margin
from sightline_training.embedding.networks import build_classifier, build_embedder, parameter_groups
from sightline_training.embedding.pictures import Picture, as_referred
from sightline_training.embedding.pplcnet_v2 import PPLCNetV2Embedder
from sightline_training.embedding.sampler import BatchPlan, PKSampler
from sightline_training.embedding.train import rate_at
from sightline_training.embedding.views import reference_steps, reference_view
from sightline_training.pretrained import read_pdparams
from sightline_training.published_names import of_embedder

from .inputs import RANKINGS, SHAPES, SIDE, VIEWS, picture, values, weight_of

HERE = Path(__file__).parent
GOLDEN = json.loads((HERE / "embedder.json").read_text())
RECIPE = load_config(HERE.parents[1] / "configs/pp_shitu_v2.yaml")


@torch.no_grad()
def named(dropout: float) -> PPLCNetV2Embedder:
    """The network with the golden weights, by the reference's names."""
    model = PPLCNetV2Embedder(dropout).double()
    for name, value in of_embedder(model):
        shape = (*value.shape, 1, 1) if name == "backbone.last_conv.weight" else value.shape
        value.copy_(torch.from_numpy(weight_of(name, shape)).reshape(value.shape))
    return model


def shown() -> torch.Tensor:
    return torch.from_numpy(values((4, 3, 64, 64), 1))


def same(found: object, expected: object, most: float = 1e-6) -> None:
    """Within `most` of the largest of the expected values."""
    expected = np.asarray(expected)
    assert np.abs(np.asarray(found) - expected).max() <= most * np.abs(expected).max()


def test_features_in_inference_have_the_dropouts_scale_also_deployed() -> None:
    model = named(RECIPE.dropout).eval()
    with torch.inference_mode():
        same(model(shown())[:, ::8], GOLDEN["network"]["inference"])
        same(model.deployed()(shown())[:, ::8], GOLDEN["network"]["inference"])
        apart = named(0.0).eval()(shown())[:, ::8] - torch.tensor(GOLDEN["network"]["inference"])
    assert apart.abs().max() > 1


def test_dropout_keeps_values_as_they_are_in_training() -> None:
    model = named(RECIPE.dropout).train()
    features = model.projection(model.backbone(shown()).mean(dim=(2, 3)))
    torch.manual_seed(0)
    kept = (model.dropout(features) / features).detach()
    assert sorted({round(float(v), 3) for v in kept.flatten()}) == GOLDEN["network"]["kept"]
    assert float((kept == 0).float().mean()) == pytest.approx(GOLDEN["network"]["dropout"], abs=0.03)


def test_features_and_gradients_in_training() -> None:
    model = named(0.0).train()
    features = model(shown())
    same(features.detach()[:, ::8], GOLDEN["network"]["training"])
    (features * torch.from_numpy(values((4, 512), 2))).sum().backward()
    expected = GOLDEN["network"]["gradients"]
    found = {name: float(value.grad.norm()) for name, value in of_embedder(model) if value.grad is not None}
    assert found.keys() == expected.keys() and len(found) == 171
    assert found == pytest.approx(expected, rel=1e-5)


def test_every_parameter_begins_as_wide_as_there() -> None:
    torch.manual_seed(3)
    model, classifier = build_embedder("pplcnet_v2", 0.2), build_classifier(2000)
    found = dict([*of_embedder(model), ("head", classifier.weight)])
    for name, (deviation, _) in GOLDEN["initialisation"].items():
        assert float(found[name].std()) == pytest.approx(deviation, rel=0.06), name


def test_decay_leaves_out_what_the_reference_leaves_out() -> None:
    model, classifier = build_embedder("pplcnet_v2", 0.2), build_classifier(5)
    groups = parameter_groups(model, classifier, RECIPE)
    decayed = {id(p) for group in groups if group["weight_decay"] == RECIPE.weight_decay for p in group["params"]}
    left_out = {id(p) for group in groups if group["weight_decay"] == 0 for p in group["params"]}
    parameters = {name: id(value) for name, value in of_embedder(model) if isinstance(value, torch.nn.Parameter)}
    assert {name for name, one in parameters.items() if one in left_out} == set(GOLDEN["undecayed"])
    # All others decay but the neck's bias, which stays at zero.
    assert set(parameters) - set(GOLDEN["undecayed"]) - {n for n, one in parameters.items() if one in decayed} == {"neck.feat_bn.bias"}
    assert id(classifier.weight) in decayed


TRIPLETS = [
    TripletOptions(),
    TripletOptions(margin=0.3, absolute=0.7, positive_floor=0.95, negative_ceiling=0.1),
    TripletOptions(absolute=0.0),
    TripletOptions(absolute=0.0, reduction="sum"),
    TripletOptions(margin=2.0, absolute=0.1, positive_floor=3.0, negative_ceiling=-1.0, normalized=False),
]


@pytest.mark.parametrize("option", range(len(TRIPLETS)))
@pytest.mark.parametrize("shape", range(len(SHAPES)))
def test_triplet_angular_margin_and_its_gradient(option: int, shape: int) -> None:
    options, (labels, each, dimension) = TRIPLETS[option], SHAPES[shape]
    expected = GOLDEN["triplets"][option * len(SHAPES) + shape]
    features = torch.from_numpy(values((labels * each, dimension), 10 + shape)).requires_grad_()
    target = torch.arange(labels).repeat_interleave(each)
    loss = triplet_angular_margin(features, target, options)
    loss.backward()
    same(features.grad, expected["gradient"])
    # The reference adds a constant for each anchor whose nearest other is below the ceiling: no gradient, and not copied.
    unit = torch.nn.functional.normalize(features.detach(), dim=1) if options.normalized else features.detach()
    nearest = (unit @ unit.T).masked_fill(target[:, None] == target, -torch.inf).amax(1)
    constant = options.absolute * float((nearest <= options.negative_ceiling).double().mean())
    assert float(loss.detach()) + constant == pytest.approx(expected["loss"], rel=1e-6)


@pytest.mark.parametrize("number, smoothing", [(0, RECIPE.smoothing), (1, 0.0)])
def test_cross_entropy_and_its_gradient(number: int, smoothing: float) -> None:
    logits = torch.from_numpy(values((5, 7), 20, -4, 4)).requires_grad_()
    loss = torch.nn.functional.cross_entropy(logits, torch.tensor([0, 6, 3, 3, 1]), label_smoothing=smoothing)
    loss.backward()
    assert float(loss.detach()) == pytest.approx(GOLDEN["crossEntropies"][number]["loss"], rel=1e-6)
    same(logits.grad, GOLDEN["crossEntropies"][number]["gradient"])


@pytest.mark.parametrize("case", list(GOLDEN["schedules"]))
def test_the_rate_of_every_step(case: str) -> None:
    epochs, steps, warm = map(int, case.split())
    config = TrainConfig(
        network="pplcnet_v2", augmentation="reference", optimizer="momentum", learning_rate=0.06, labels_per_batch=2,
        pictures_per_label=2, sizes=[32], steps=epochs * steps, warmup_steps=warm * steps, cosine_after_warmup=RECIPE.cosine_after_warmup,
    )
    same([rate_at(step / config.steps, step, config) for step in range(config.steps)], GOLDEN["schedules"][case], 2e-6)


@pytest.mark.parametrize("case", list(GOLDEN["sampler"]["lengths"]))
def test_an_epoch_has_as_many_steps(case: str) -> None:
    rows, processes = map(int, case.split())
    batch = RECIPE.labels_per_batch * RECIPE.pictures_per_label
    assert steps_an_epoch(rows, batch, processes) == GOLDEN["sampler"]["lengths"][case]


def test_labels_are_drawn_as_often_and_pictures_repeat_only_where_they_must() -> None:
    pictures = [Picture(Path(f"{label}-{n}"), str(label), "all") for label in range(20) for n in range(1 + label % 5)]
    weights = {str(label): 4.0 for label in [*range(4, 8), 12, 13]}
    sampler = PKSampler(pictures, BatchPlan(4, 4, 0, (32,), 1), 0, 4000, label_weights=weights)
    counts = np.zeros(20)
    repeats = 0
    for batch in sampler:
        for start in range(0, 16, 4):
            rows = [pictures[draw.index] for draw in batch[start : start + 4]]
            label = int(rows[0].label)
            counts[label] += 1
            repeats += label % 5 >= 3 and len({row.path for row in rows}) < 4
    expected = np.array(GOLDEN["sampler"]["frequencies"])
    # Four standard deviations of the rarer of both counts.
    assert (np.abs(counts / counts.sum() - expected) < 4 * np.sqrt(expected / 9600)).all()
    assert repeats == GOLDEN["sampler"]["repeats where there are enough"] == 0


@pytest.mark.parametrize("kind", ["metrics", "watched"])
@pytest.mark.parametrize("number", range(len(RANKINGS)))
def test_recall_and_mean_average_precision(number: int, kind: str) -> None:
    queries, pictures, labels, seed = RANKINGS[number]
    random = np.random.RandomState(seed)
    query, asked = values((queries, 6), seed), random.randint(0, labels, queries)
    gallery, there = values((pictures, 6), seed + 1), random.randint(0, labels, pictures)
    cameras = None
    if kind == "watched":
        # What has a query's label and camera is left out; there it gets the similarity 0, which is last where all are above it.
        random = np.random.RandomState(seed + 2)
        cameras = random.randint(0, 3, queries), random.randint(0, 3, pictures)
        query, gallery = np.abs(query), np.abs(gallery)

    def measured(part: slice) -> Retrieval:
        seen = cameras and (cameras[0][part], cameras[1])
        return retrieval(query[part], asked[part], gallery, there, only_answerable=True, cameras=seen)

    # The reference averages over blocks of 64 by their queries, also those that have no right picture: an average of averages.
    blocks = [slice(start, min(start + 64, queries)) for start in range(0, queries, 64)]
    found = [measured(block) for block in blocks]
    sizes = [(block.stop - block.start) / queries for block in blocks]
    expected = GOLDEN[kind][number]
    for name in ("recall@1", "recall@5", "mAP"):
        mean = sum(size * one.figures()[name] for size, one in zip(sizes, found, strict=True))
        # A block without any answer is no number there.
        assert mean == pytest.approx(expected[name], abs=1e-6) or np.isnan(expected[name]) and not all(one.queries for one in found), name
    # What is counted here is each query once.
    whole = measured(slice(0, queries))
    if all(one.queries == block.stop - block.start for one, block in zip(found, blocks, strict=True)):
        assert whole.map == pytest.approx(expected["mAP"], abs=1e-6)


@pytest.mark.parametrize("number", range(len(VIEWS)))
def test_a_training_view_is_made_of_the_same_pixels(number: int) -> None:
    view = reference_steps(picture(61, 43, 40), SIDE, *VIEWS[number])
    expected = np.frombuffer(bytes.fromhex(GOLDEN["views"][number]), np.uint8).reshape(SIDE, SIDE, 3)
    # Another version of OpenCV may round a turned pixel the other way.
    assert np.abs(view.astype(int) - expected).max() <= (0 if VIEWS[number][3] is None else 1)


def test_a_view_is_chosen_from_the_same_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen: list[tuple] = []
    monkeypatch.setattr("sightline_training.embedding.views.reference_steps", lambda _picture, _size, *rest: chosen.append(rest))
    pixels, random = picture(61, 43, 40), np.random.default_rng(1)
    for _ in range(2000):
        reference_view(pixels, pixels, SIDE, True, random)
    mirrored, top, left, angle = zip(*chosen, strict=True)
    expected = GOLDEN["chances"]
    assert [min(top), max(top)] == expected["top"] and [min(left), max(left)] == expected["left"]
    turned = [one for one in angle if one is not None]
    assert expected["angle"][0] <= min(turned) < 0.98 * expected["angle"][0] and 0.98 * expected["angle"][1] < max(turned) <= expected["angle"][1]
    # Each by half.
    assert expected["mirror"] == [0, 1] and abs(sum(mirrored) - 1000) < 100 and abs(len(turned) - 1000) < 100


@pytest.mark.parametrize("case", list(GOLDEN["evaluated"]))
def test_what_is_measured_is_resized_and_normalized_alike(case: str) -> None:
    width, height = map(int, case.split())
    image = to_input(as_referred(picture(width, height, 41), SIDE)[None])[0].transpose(1, 2, 0)
    same(image.ravel()[::97], GOLDEN["evaluated"][case], 1e-5)


def test_a_file_of_weights_is_read_as_it_was_saved() -> None:
    found = read_pdparams(HERE / "tiny.pdparams")
    assert {name: value.shape for name, value in found.items()} == {
        "0.weight": (3, 2, 1, 1), "0.bias": (3,), "1.weight": (3,), "1.bias": (3,), "1._mean": (3,), "1._variance": (3,),
    }
    assert found["1._variance"].tolist() == [1, 1, 1] and found["0.weight"].std() > 0.1
    assert l2_normalized(found["1.weight"][None]).shape == (1, 3)
