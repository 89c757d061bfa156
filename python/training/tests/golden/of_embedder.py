"""What PaddleClas' own code answers: network, losses, schedule, sampler, decay, metrics, pre-processing. Run by make_golden.py."""

import copy
import random
from contextlib import contextmanager
from collections.abc import Iterator
from types import SimpleNamespace
from unittest.mock import MagicMock, patch

import numpy as np
import paddle
from inputs import RANKINGS, SHAPES, SIDE, VIEWS, picture, values, weight_of
from ppcls.arch.backbone.variant_models.pp_lcnetv2_variant import PPLCNetV2_base_ShiTu
from ppcls.arch.gears.bnneck import BNNeck
from ppcls.arch.gears.fc import FC
from ppcls.data.dataloader.pk_sampler import PKSampler
from ppcls.data.preprocess.ops import operators
from ppcls.engine.evaluation.retrieval import retrieval_eval
from ppcls.loss.celoss import CELoss
from ppcls.loss.tripletangularmarginloss import TripletAngularMarginLoss
from ppcls.metric import build_metrics
from ppcls.optimizer.learning_rate import Cosine
from ppcls.utils import logger

logger._logger = MagicMock()

NECK = {
    "weight_attr": {"initializer": {"name": "Constant", "value": 1.0}},
    "bias_attr": {"initializer": {"name": "Constant", "value": 0.0}, "learning_rate": 1.0e-20},
}


class Embedder(paddle.nn.Layer):
    """Backbone up to `flatten`, and the neck, as RecModel joins them."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = PPLCNetV2_base_ShiTu(class_expand=512)
        self.backbone.stop_after("flatten")
        self.neck = BNNeck(512, **copy.deepcopy(NECK))

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        return self.neck(self.backbone(x))


def named(layer: paddle.nn.Layer) -> None:
    for name, value in layer.state_dict().items():
        value.set_value(weight_of(name, value.shape).astype(value.numpy().dtype))


def network() -> dict[str, object]:
    """In float64: what is left are differences of meaning, not of rounding."""
    paddle.set_default_dtype("float64")
    try:
        return answers_of(Embedder())
    finally:
        paddle.set_default_dtype("float32")


def answers_of(model: Embedder) -> dict[str, object]:
    named(model)
    x = paddle.to_tensor(values((4, 3, 64, 64), 1))
    model.eval()
    answer: dict[str, object] = {"inference": model(x).numpy()[:, ::8]}
    # In training what dropout keeps is as it was, and the rest is nothing.
    model.train()
    answer["dropout"] = float(model.backbone.dropout.p)
    model.backbone.dropout.p = 0.0
    whole = model.backbone(x).numpy()
    named(model)
    model.backbone.dropout.p = 0.2
    part = model.backbone(x).numpy()
    answer["kept"] = sorted({round(float(v), 3) for v in (part / whole).ravel()})
    # Gradients without chance.
    named(model)
    model.backbone.dropout.p = 0.0
    features = model(x)
    answer["training"] = features.numpy()[:, ::8]
    (features * paddle.to_tensor(values((4, 512), 2))).sum().backward()
    answer["gradients"] = {
        name: float(p.grad.norm()) for name, p in model.named_parameters() if p.grad is not None and not name.endswith("feat_bn.bias")
    }
    return answer


def initialisation() -> dict[str, list[float]]:
    """[standard deviation, mean] of each of the larger parameters, and of biases."""
    paddle.seed(3)
    model, head = Embedder(), FC(512, 2000, weight_attr={"initializer": {"name": "Normal", "std": 0.001}}, bias_attr=False)
    # What holds the merged kernels after training has no part in it.
    merged = (".dw_conv.weight", ".dw_conv.bias")
    found = {
        name: p for name, p in model.named_parameters() if (p.numel() > 4000 or name.endswith(".bias")) and not name.endswith(merged)
    }
    return {name: [float(p.std()), float(p.mean())] for name, p in [*found.items(), ("head", head.fc.weight)]}


def undecayed() -> list[str]:
    """Parameters whose own regularizer is in place of the optimizer's, and is 0."""
    return [name for name, p in Embedder().named_parameters() if p.regularizer is not None and p.regularizer._coeff == 0]


TRIPLETS = [
    {"margin": 0.5, "add_absolute": True, "absolute_loss_weight": 0.1, "ap_value": 0.8, "an_value": 0.4},
    {"margin": 0.3, "add_absolute": True, "absolute_loss_weight": 0.7, "ap_value": 0.95, "an_value": 0.1},
    {"margin": 0.5, "add_absolute": False},
    {"margin": 0.5, "add_absolute": False, "reduction": "sum"},
    {"margin": 2.0, "add_absolute": True, "absolute_loss_weight": 0.1, "ap_value": 3.0, "an_value": -1.0, "normalize_feature": False},
]


def triplets() -> list[dict[str, object]]:
    """For each option and shape (labels, pictures, dimension): loss, gradient, and what of the loss is the constant."""
    answers = []
    for options in TRIPLETS:
        for number, (labels, each, dimension) in enumerate(SHAPES):
            features = paddle.to_tensor(values((labels * each, dimension), 10 + number), stop_gradient=False)
            target = paddle.to_tensor(np.repeat(np.arange(labels), each))
            loss = TripletAngularMarginLoss(**options)({"features": features}, target)["TripletAngularMarginLoss"]
            loss.backward()
            answers.append({"loss": float(loss), "gradient": features.grad.numpy()})
    return answers


def cross_entropies() -> list[dict[str, object]]:
    answers = []
    for epsilon in (0.1, None):
        logits = paddle.to_tensor(values((5, 7), 20, -4, 4), stop_gradient=False)
        loss = CELoss(epsilon=epsilon)(logits, paddle.to_tensor([0, 6, 3, 3, 1]))["CELoss"]
        loss.backward()
        answers.append({"loss": float(loss), "gradient": logits.grad.numpy()})
    return answers


def schedules() -> dict[str, list[float]]:
    """Rates of each step of (epochs, steps an epoch, warm-up epochs)."""
    answers = {}
    for epochs, steps, warm in [(10, 7, 2), (6, 5, 0), (4, 3, 1)]:
        scheduler = Cosine(epochs, steps, 0.06, warmup_epoch=warm)()
        rates = []
        for _ in range(epochs * steps):
            rates.append(float(scheduler()))
            scheduler.step()
        answers[f"{epochs} {steps} {warm}"] = rates
    return answers


class Labelled(paddle.io.Dataset):
    def __init__(self, labels: list[int]) -> None:
        self.labels = labels

    def __getitem__(self, index: int) -> int:
        return index

    def __len__(self) -> int:
        return len(self.labels)


def sampler() -> dict[str, object]:
    """Lengths of an epoch, and how often labels and pictures are drawn."""
    lengths = {}
    for rows, ranks in [(1000, 1), (1000, 8), (1001, 8), (257, 1), (256, 1), (5_561_305, 1), (5_561_305, 8)]:
        # What the base class computes, without a list of rows.
        dataset = SimpleNamespace(labels=[0] * 4)
        with patch.object(Labelled, "__len__", lambda _, rows=rows: rows):
            made = paddle.io.DistributedBatchSampler(Labelled(dataset.labels), 256, num_replicas=ranks, rank=0, drop_last=False)
            lengths[f"{rows} {ranks}"] = len(made)
    # Twenty labels of 1 to 5 pictures; those numbered 4 to 7 and 12 to 13 four times as likely.
    labels = [label for label in range(20) for _ in range(1 + label % 5)]
    np.random.seed(5)
    chosen = PKSampler(
        Labelled(labels), 16, 4, drop_last=False, sample_method="id_avg_prob", id_list=[4, 7, 12, 13], ratio=[4, 4], total_epochs=1
    )
    counts, repeats, batches = np.zeros(20), 0, 0
    for _ in range(600):
        for batch in chosen:
            batches += 1
            drawn = np.array(labels)[batch].reshape(4, 4)
            assert (drawn == drawn[:, :1]).all() and len(set(drawn[:, 0])) == 4
            counts[drawn[:, 0]] += 1
            repeats += sum(len(set(row)) < 4 for row, label in zip(np.array(batch).reshape(4, 4), drawn[:, 0]) if label % 5 >= 3)
    return {"lengths": lengths, "frequencies": counts / counts.sum(), "repeats where there are enough": int(repeats)}


def ranked(query: int, gallery: int, labels: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.RandomState(seed)
    return (
        values((query, 6), seed), rng.randint(0, labels, query), values((gallery, 6), seed + 1), rng.randint(0, labels, gallery),
    )


def metrics() -> list[dict[str, float]]:
    return [measured(*ranked(*case)) for case in RANKINGS]


def watched() -> list[dict[str, float]]:
    """With cameras: what has a query's label and camera does not count. All similarities are above 0, as what is left out gets."""
    answers = []
    for case in RANKINGS:
        query, query_labels, gallery, gallery_labels = ranked(*case)
        rng = np.random.RandomState(case[3] + 2)
        cameras = rng.randint(0, 3, len(query)), rng.randint(0, 3, len(gallery))
        answers.append(measured(np.abs(query), query_labels, np.abs(gallery), gallery_labels, cameras))
    return answers


def measured(
    query: np.ndarray, query_labels: np.ndarray, gallery: np.ndarray, gallery_labels: np.ndarray,
    cameras: tuple[np.ndarray, ...] = (),
) -> dict[str, float]:
    found = {}
    for name, asked in (("recall@1", {"Recallk": {"topk": [1]}}), ("recall@5", {"Recallk": {"topk": [5]}}), ("mAP", {"mAP": {}})):
        engine = SimpleNamespace(
            config={"Global": {"print_batch_step": 1000}}, gallery_query_dataloader=None, is_rec=False, use_dali=False,
            eval_loss_func=True, model=Same(), gallery_dataloader=Batches(gallery, gallery_labels, *cameras[1:]),
            query_dataloader=Batches(query, query_labels, *cameras[:1]),
            eval_metric_func=build_metrics([asked]), auto_cast=lambda is_eval: nothing(),
        )
        found[name] = float(retrieval_eval(engine))
    return found


@contextmanager
def nothing() -> Iterator[None]:
    yield


class Same:
    """A model whose features are its input."""

    def eval(self) -> None:
        pass

    def __call__(self, x: paddle.Tensor) -> dict[str, paddle.Tensor]:
        return {"features": x}


class Batches:
    def __init__(self, vectors: np.ndarray, *labels: np.ndarray) -> None:
        self.vectors, self.labels, self.dataset = vectors.astype("float32"), labels, vectors

    def __len__(self) -> int:
        return 1

    def __iter__(self) -> Iterator[list[np.ndarray]]:
        yield [self.vectors, *self.labels]


def views() -> list[str]:
    """The training steps on a picture of 61 x 43, at 32 pixels, in hexadecimal."""
    answers = []
    for mirrored, top, left, angle in VIEWS:
        draws = iter([int(mirrored), top, left])
        with patch.object(random, "randint", lambda *_: next(draws)), patch.object(random, "uniform", lambda *_: angle), patch.object(
            np.random, "random", lambda: 1.0 if angle is None else 0.0
        ):
            view = picture(61, 43, 40)
            for step in (
                operators.ResizeImage(size=[SIDE, SIDE], interpolation="bilinear", backend="cv2", return_numpy=False),
                operators.RandFlipImage(flip_code=1), operators.Pad(padding=10, backend="cv2"),
                operators.RandCropImageV2(size=[SIDE, SIDE]),
                operators.RandomRotation(prob=0.5, degrees=90, interpolation="bilinear"),
                operators.ResizeImage(size=[SIDE, SIDE], interpolation="bilinear", backend="cv2", return_numpy=False),
            ):
                view = np.asarray(step(view))
        answers.append(view.astype("uint8").tobytes().hex())
    return answers


def chances() -> dict[str, object]:
    """The ranges that chance chooses from: of the mirror, of the crop's top and left, of the angle."""
    asked: list[tuple[float, float]] = []

    def drawn(low: float, high: float) -> float:
        asked.append((low, high))
        return low

    with patch.object(random, "randint", drawn), patch.object(random, "uniform", drawn), patch.object(np.random, "random", lambda: 0.0):
        view = np.zeros((SIDE, SIDE, 3), np.uint8)
        for step in (
            operators.RandFlipImage(flip_code=1), operators.Pad(padding=10, backend="cv2"), operators.RandCropImageV2(size=[SIDE, SIDE]),
            operators.RandomRotation(prob=0.5, degrees=90, interpolation="bilinear"),
        ):
            view = np.asarray(step(view))
    return {"mirror": asked[0], "top": asked[1], "left": asked[2], "angle": asked[3]}


def evaluated() -> dict[str, object]:
    """The evaluation's steps on pictures that grow and shrink: every 97th value after normalizing."""
    answers = {}
    for width, height in [(61, 43), (300, 20), (640, 480)]:
        view = picture(width, height, 41)
        for step in (
            operators.ResizeImage(size=[SIDE, SIDE], interpolation="bilinear", backend="cv2", return_numpy=False),
            operators.NormalizeImage(scale="1.0/255.0", mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225], order="hwc"),
        ):
            view = np.asarray(step(view))
        answers[f"{width} {height}"] = view.ravel()[::97]
    return answers


PARTS = {
    "network": network, "initialisation": initialisation, "undecayed": undecayed, "triplets": triplets, "crossEntropies": cross_entropies,
    "schedules": schedules, "sampler": sampler, "metrics": metrics, "watched": watched, "views": views, "chances": chances, "evaluated": evaluated,
}
