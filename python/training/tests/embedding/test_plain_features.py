"""The features that stay a part of the embedding, and runs whose heads are averaged in one form."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from sightline_training.embedding.commands import _mean
from sightline_training.embedding.embedder import FEATURES, LiteEmbedder, fold_neck
from sightline_training.embedding.plain_features import keep_features
from sightline_training.embedding.training_state import save_checkpoint


def head(seed: int) -> LiteEmbedder:
    """A network with a head as after training."""
    torch.manual_seed(seed)
    model = LiteEmbedder().eval()
    model.neck.weight.data.uniform_(0.5, 2)
    model.neck.running_mean.normal_()
    model.neck.running_var.uniform_(0.5, 2)
    return model


def embedded(model: LiteEmbedder, pooled: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        return model.neck(model.projection(pooled))


def test_a_folded_neck_changes_nothing() -> None:
    model, pooled = head(1), torch.rand(20, FEATURES)
    before = embedded(model, pooled)
    fold_neck(model)
    assert torch.allclose(embedded(model, pooled), before, atol=1e-5)
    assert torch.allclose(model.projection(pooled), before, atol=1e-5)


@pytest.mark.parametrize("share", [0.2, 0.7])
def test_inner_products_are_the_two_parts_weighed_by_their_shares(share: float) -> None:
    model, pooled = head(2), torch.rand(60, FEATURES)
    of_head, of_features = (part @ part.T for part in (embedded(model, pooled), pooled))
    expected = (1 - share) * of_head / of_head.diag().mean() + share * of_features / of_features.diag().mean()
    keep_features(model, pooled, share)
    actual = embedded(model, pooled)
    assert torch.allclose(actual @ actual.T, expected, atol=1e-3)


def test_a_share_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="between 0 and 1, not 1.5"):
        keep_features(head(1), torch.rand(9, FEATURES), 1.5)


def test_the_mean_of_runs_is_the_mean_of_what_their_heads_say(tmp_path: Path) -> None:
    pooled = F.relu(torch.randn(10, FEATURES))
    models = {name: head(seed) for seed, name in enumerate(("a", "b"))}
    for name, model in models.items():
        (tmp_path / name).mkdir()
        save_checkpoint(tmp_path / name / "final.pt", model.state_dict())
    mean = LiteEmbedder().eval()
    mean.load_state_dict(_mean([(tmp_path / "a", 1.0), (tmp_path / "b", 3.0)], "lite"))
    for model in models.values():
        fold_neck(model)
    first, other = models["a"], models["b"]
    # The other one's head counts as much as its weight says, whatever its size.
    as_large = (first.projection.weight.norm() / other.projection.weight.norm()).item()
    expected = 0.25 * embedded(first, pooled) + 0.75 * as_large * embedded(other, pooled)
    assert torch.allclose(embedded(mean, pooled), expected, atol=1e-4)
