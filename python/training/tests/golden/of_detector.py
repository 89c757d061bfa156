"""What PaddleDetection's own code answers: backbone, losses, SimOTA, schedule, cycle-EMA, crops and colours. Run by make_golden.py."""

from unittest.mock import patch

import numpy as np
import paddle
from inputs import BATCHES, BOXES, COLOURS, CROPS, levels, picture, values, weight_of
from PIL import Image
from ppdet.data.transform.operators import RandomCrop, RandomDistort, RandomFlip
from ppdet.modeling.assigners.simota_assigner import SimOTAAssigner
from ppdet.modeling.backbones.lcnet import LCNet
from ppdet.modeling.bbox_utils import bbox2distance
from ppdet.modeling.heads.gfl_head import Integral
from ppdet.modeling.heads.pico_head import PicoFeat
from ppdet.modeling.heads.simota_head import OTAVFLHead
from ppdet.modeling.losses.gfocal_loss import DistributionFocalLoss
from ppdet.modeling.losses.iou_loss import GIoULoss
from ppdet.modeling.losses.varifocal_loss import VarifocalLoss
from ppdet.modeling.necks.csp_pan import CSPPAN
from ppdet.optimizer.ema import ModelEMA
from ppdet.optimizer.optimizer import CosineDecay, LearningRate, LinearWarmup

STRIDES = (8, 16, 32, 64)
BINS = 8


def backbone() -> dict[str, object]:
    """LCNet x 0.5 on 64 pixels in inference: every 17th value of its maps."""
    model = LCNet(scale=0.5)
    for name, value in model.state_dict().items():
        value.set_value(weight_of(name, value.shape).astype("float32"))
    model.eval()
    maps = model({"image": paddle.to_tensor(values((2, 3, 64, 64), 50).astype("float32"))})
    return {"maps": [one.numpy().ravel()[::17] for one in maps]}


def undecayed() -> dict[str, object]:
    """Parameters of the backbone whose own regularizer is 0; and whether neck and head have any that is."""
    found = {}
    feat = PicoFeat(feat_in=16, feat_out=16, num_convs=2, num_fpn_stride=4, share_cls_reg=True)
    for name, layer in (("backbone", LCNet(scale=0.25)), ("neck", CSPPAN([16, 32, 64], 16, num_features=4)), ("head", feat)):
        parameters = list(layer.named_parameters())
        left_out = [n for n, p in parameters if p.regularizer is not None and p.regularizer._coeff == 0]
        found[name] = {"left out": left_out if name == "backbone" else len(left_out), "of": len(parameters)}
    return found


def initialisation() -> dict[str, dict[str, float]]:
    """Standard deviations of the larger filters that a network begins with, by name, of neck and head by shape."""
    paddle.seed(3)
    feat = PicoFeat(feat_in=64, feat_out=64, num_convs=2, num_fpn_stride=4, share_cls_reg=True)
    neck = CSPPAN([128, 256, 512], 64, kernel_size=3, num_features=4, use_depthwise=True)
    parts = {"backbone": LCNet(scale=1.0), "neck": neck, "head": feat}
    return {
        part: {
            name if part == "backbone" else str(p.shape): float(p.std())
            for name, p in layer.named_parameters() if p.ndim == 4 and p.numel() > 1500
        }
        for part, layer in parts.items()
    }


def varifocals() -> dict[str, object]:
    logits = paddle.to_tensor(values((12, 1), 60, -4, 4), stop_gradient=False)
    target = np.where(values((12, 1), 61) > 0, np.abs(values((12, 1), 62)), 0.0)
    loss = VarifocalLoss(use_sigmoid=True, iou_weighted=True)(logits, paddle.to_tensor(target), avg_factor=3.0)
    loss.backward()
    return {"loss": float(loss), "gradient": logits.grad.numpy().ravel()}


def pairs(seed: int) -> np.ndarray:
    """Corner boxes, some of which lie apart."""
    corner, sides = values((9, 2), seed, 0, 10), values((9, 2), seed + 1, 1, 8)
    return np.concatenate([corner, corner + sides], 1)


def gious() -> dict[str, object]:
    predicted = paddle.to_tensor(pairs(70), stop_gradient=False)
    loss = GIoULoss(loss_weight=1.0)(predicted, paddle.to_tensor(pairs(72)))
    loss.sum().backward()
    return {"losses": loss.numpy().ravel(), "gradient": predicted.grad.numpy()}


def distribution_focals() -> dict[str, object]:
    """Distances beyond the last bin are clipped a tenth before it."""
    logits = paddle.to_tensor(values((6, 4, BINS), 80, -2, 2), stop_gradient=False)
    points = paddle.to_tensor(values((6, 2), 81, 3, 5))
    boxes = paddle.to_tensor(np.concatenate([values((6, 2), 82, -6, 3), values((6, 2), 83, 5, 14)], 1))
    distances = bbox2distance(points, boxes, BINS - 1)
    loss = DistributionFocalLoss(loss_weight=1.0)(
        logits.reshape([-1, BINS]), distances.reshape([-1]), weight=paddle.ones([24], dtype="float64"), avg_factor=4.0
    )
    loss.backward()
    return {"loss": float(loss), "gradient": logits.grad.numpy().reshape(6, -1)[:, ::3]}


def head() -> OTAVFLHead:
    """PicoDet's published head, its losses and its assigner; the layers are not needed."""
    made = OTAVFLHead.__new__(OTAVFLHead)
    paddle.nn.Layer.__init__(made)
    made.num_classes = made.cls_out_channels = 1
    made.fpn_stride, made.reg_max, made.cell_offset, made.use_sigmoid = list(STRIDES), BINS - 1, 0.5, True
    made.loss_vfl = VarifocalLoss(use_sigmoid=True, iou_weighted=True, loss_weight=1.0)
    made.loss_dfl = DistributionFocalLoss(loss_weight=0.25)
    made.loss_bbox = GIoULoss(loss_weight=2.0)
    made.assigner = SimOTAAssigner(candidate_topk=10, iou_weight=6, num_classes=1)
    made.distribution_project = Integral(BINS - 1)
    return made


def whole_losses() -> list[dict[str, object]]:
    """Assignment, parts of the loss and its gradient for each batch."""
    answers = []
    for seed, given in BATCHES:
        made = head()
        owners: list[list[int]] = []
        assign = made.assigner.__class__.__call__

        def kept(self, *arguments):
            count, label, weight, target = assign(self, *arguments)
            truth = arguments[3].numpy()
            owners.append([
                int(np.abs(truth - row).sum(1).argmin()) if one == 0 else -1 for one, row in zip(label, np.asarray(target))
            ] if len(truth) else [-1] * len(label))
            return count, label, weight, target

        raw = [paddle.to_tensor(one.astype("float32"), stop_gradient=False) for one in levels(seed)]
        truth = [paddle.to_tensor(np.array(boxes, "float32").reshape(-1, 4)) for boxes in given]
        meta = {
            "im_id": paddle.zeros([2, 1]), "gt_bbox": truth, "gt_class": [paddle.zeros([len(one), 1], dtype="int32") for one in truth],
        }
        with patch.object(SimOTAAssigner, "__call__", kept):
            losses = made.get_loss(([one[:, :1] for one in raw], [one[:, 1:] for one in raw]), meta)
        sum(losses.values()).backward()
        answers.append({
            "parts": {name: float(value) for name, value in losses.items()},
            "owners": [{str(cell): owner for cell, owner in enumerate(one) if owner >= 0} for one in owners],
            "gradients": [one.grad.numpy().ravel()[::61] for one in raw],
        })
    return answers


def schedules() -> dict[str, list[float]]:
    """Rates of (epochs, steps an epoch, warm-up steps)."""
    answers = {}
    for epochs, steps, warm in [(4, 10, 8), (3, 7, 5)]:
        schedulers = [CosineDecay(max_epochs=epochs), LinearWarmup(start_factor=0.1, steps=warm)]
        scheduler = LearningRate(base_lr=0.4, schedulers=schedulers)(steps)
        rates = []
        for _ in range(epochs * steps):
            rates.append(float(scheduler()))
            scheduler.step()
        answers[f"{epochs} {steps} {warm}"] = rates
    return answers


def averages() -> list[float]:
    """A weight that grows by its own rule, averaged with a cycle of 3: what is measured after every second of 24 steps."""
    layer = paddle.nn.Linear(1, 1, bias_attr=False)
    average = ModelEMA(layer, decay=0.9998, ema_decay_type="threshold", cycle_epoch=3)
    answers = []
    for step in range(24):
        layer.weight.set_value(np.array([[1.0 + 0.5 * step + (step % 3)]], "float32"))
        average.update()
        if step % 2:
            answers.append(float(average.apply()["weight"].numpy().ravel()[0]))
    return answers


def crops() -> list[dict[str, object]]:
    """Of each window: which boxes stay, and where."""
    answers = []
    for x1, y1, x2, y2 in CROPS:
        boxes, kept = RandomCrop()._crop_box_with_center_constraint(BOXES, np.array([x1, y1, x2, y2], np.float32))
        answers.append({"kept": kept, "boxes": boxes[kept]})
    return answers


def flipped() -> object:
    return RandomFlip().apply_bbox(BOXES.copy(), 61)


def colours() -> list[str]:
    """Each of the four distortions with a given strength, on a picture of 12 x 9, in hexadecimal."""
    answers = []
    for name, strength in COLOURS:
        draws = iter([1.0, strength])
        with patch.object(np.random, "uniform", lambda *_: next(draws)):
            made = getattr(RandomDistort(), f"apply_{name}")(Image.fromarray(picture(12, 9, 41)))
        answers.append(np.asarray(made).astype(np.uint8).tobytes().hex())
    return answers


PARTS = {
    "backbone": backbone, "undecayed": undecayed, "initialisation": initialisation, "varifocal": varifocals, "giou": gious,
    "distributionFocal": distribution_focals,
    "losses": whole_losses, "schedules": schedules, "averages": averages, "crops": crops, "flipped": flipped, "colours": colours,
}
