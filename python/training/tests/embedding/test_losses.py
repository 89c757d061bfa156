"""The losses agree with slow, obvious versions of their definitions."""

import math

import pytest
import torch
from torch import Tensor

from sightline_training.embedding.losses import similarity_distillation, triplet_angular_margin


def cosine(a: Tensor, b: Tensor) -> float:
    return float((a * b).sum() / (a.norm() * b.norm()))


def slow_triplet(features: Tensor, labels: list[int]) -> float:
    """reference.md in words: hardest positive and negative by cosine, margin 0.5, 0.1 times the absolute hinges."""
    total = 0.0
    for i, anchor in enumerate(features):
        positive = min(cosine(anchor, other) for j, other in enumerate(features) if labels[j] == labels[i])
        negative = max(cosine(anchor, other) for j, other in enumerate(features) if labels[j] != labels[i])
        total += max(0.0, negative + 0.5 - positive)
        total += 0.1 * (max(0.0, 0.8 - positive) + max(0.0, negative - 0.4))
    return total / len(features)


def slow_distillation(features: Tensor, teacher: Tensor, labels: list[int], temperature: float) -> float:
    total = 0.0
    for i in range(len(features)):
        others = [j for j in range(len(features)) if labels[j] != labels[i]]
        student = [math.exp(cosine(features[i], features[j]) / temperature) for j in others]
        taught = [math.exp(cosine(teacher[i], teacher[j]) / temperature) for j in others]
        for s, t in zip(student, taught, strict=True):
            p, q = t / sum(taught), s / sum(student)
            total += p * math.log(p / q)
    return total / len(features)


@pytest.mark.parametrize("seed", range(5))
def test_triplet_angular_margin_is_what_its_definition_says(seed: int) -> None:
    torch.manual_seed(seed)
    labels = [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]
    features = torch.randn(12, 4, dtype=torch.float64) * 5
    expected = slow_triplet(features, labels)
    assert float(triplet_angular_margin(features, torch.tensor(labels))) == pytest.approx(expected, abs=1e-9)


def test_triplet_is_zero_and_flat_once_every_bound_is_met() -> None:
    features = torch.tensor([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0]], requires_grad=True)
    loss = triplet_angular_margin(features, torch.tensor([0, 0, 1, 1]))
    loss.backward()
    assert loss.item() == 0 and features.grad is not None and features.grad.abs().max() == 0


def test_triplet_pulls_the_positive_in_and_pushes_the_negative_away() -> None:
    features = torch.tensor([[1.0, 0.0], [0.6, 0.8], [0.9, 0.5], [-0.5, 1.0]], requires_grad=True)
    labels = torch.tensor([0, 0, 1, 1])
    before = triplet_angular_margin(features, labels)
    before.backward()
    moved = (features - 0.01 * features.grad).detach()
    assert triplet_angular_margin(moved, labels) < before


@pytest.mark.parametrize("temperature", [0.1, 0.5])
def test_distillation_is_the_divergence_over_the_pictures_of_other_labels(temperature: float) -> None:
    torch.manual_seed(1)
    labels = [0, 0, 1, 1, 2, 2]
    features, teacher = torch.randn(6, 5, dtype=torch.float64), torch.randn(6, 7, dtype=torch.float64)
    expected = slow_distillation(features, teacher, labels, temperature)
    actual = similarity_distillation(features, teacher, torch.tensor(labels), temperature)
    assert float(actual) == pytest.approx(expected, abs=1e-9)


def test_distillation_is_zero_for_a_student_that_is_its_teacher() -> None:
    teacher = torch.randn(8, 16)
    labels = torch.arange(8) // 2
    assert float(similarity_distillation(3 * teacher, teacher, labels)) == pytest.approx(0, abs=1e-6)
