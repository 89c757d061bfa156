"""The networks have the published sizes, and deployment changes nothing that they say."""

import pytest
import torch
from torch import nn

from sightline_training.embedding.efficientnet_lite import EfficientNetLite, SameConv
from sightline_training.embedding.embedder import GeM, LiteEmbedder, start_as_pca
from sightline_training.embedding.macs import count_macs
from sightline_training.embedding.pplcnet_v2 import MultiKernelDepthwise, PPLCNetV2Embedder


def parameters(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


def statistics(model: nn.Module) -> int:
    return sum(v.numel() for name, v in model.state_dict().items() if "running_" in name)


def scramble(model: nn.Module) -> None:
    """Statistics and scales as after training: none at its neutral start."""
    for layer in model.modules():
        if isinstance(layer, (nn.BatchNorm1d, nn.BatchNorm2d)):
            nn.init.normal_(layer.running_mean, std=0.3)
            nn.init.uniform_(layer.running_var, 0.5, 2)
            nn.init.uniform_(layer.weight, 0.5, 1.5)
            if layer.bias.requires_grad:
                nn.init.normal_(layer.bias, std=0.3)


def test_pplcnet_v2_has_the_official_graphs_numbers() -> None:
    model = PPLCNetV2Embedder()
    deployed = model.deployed()
    assert parameters(model) == 4_622_848
    assert (parameters(deployed), statistics(deployed)) == (4_558_336, 17_280)
    assert round(count_macs(model, 224) / 1e6, 1) == 837.1
    assert round(count_macs(deployed, 224) / 1e6, 1) == 828.7


def test_pplcnet_v2_says_the_same_in_training_form_and_deployed() -> None:
    torch.manual_seed(0)
    model = PPLCNetV2Embedder()
    scramble(model)
    model.eval()
    x = torch.randn(2, 3, 224, 224)
    with torch.inference_mode():
        trained, deployed = (nn.functional.normalize(m(x), dim=1) for m in (model, model.deployed()))
    assert (trained - deployed).abs().max() < 1e-5


@pytest.mark.parametrize("stride, branches", [(1, 3), (2, 2)])
def test_depthwise_branches_merge_exactly_with_a_1x1_branch_at_stride_1_only(stride: int, branches: int) -> None:
    layer = MultiKernelDepthwise(6, 5, stride)
    assert len(layer.branches) == branches
    scramble(layer)
    layer.eval()
    x = torch.randn(2, 6, 14, 14)
    assert torch.allclose(layer(x), layer.merged()(x), atol=1e-5)


def test_only_the_second_block_of_the_last_stage_has_a_shortcut() -> None:
    assert [b.shortcut for b in PPLCNetV2Embedder().backbone.blocks] == [False] * 12 + [True]


def test_efficientnet_lite_has_the_published_sizes() -> None:
    # 4,652,008 and 6,092,072 with the classifier of 1,281,000.
    assert parameters(EfficientNetLite(0)) == 3_371_008
    assert parameters(EfficientNetLite(2)) == 4_811_072


@pytest.mark.parametrize("kernel", [3, 5])
def test_same_padding_at_stride_2_starts_one_later_than_symmetric_padding(kernel: int) -> None:
    layer = SameConv(1, 1, kernel, 2)
    nn.init.zeros_(layer.weight)
    # The filter that picks the first pixel of its window.
    layer.weight.data[0, 0, 0, 0] = 1
    x = torch.arange(64.0).view(1, 1, 8, 8)
    first = kernel // 2 - 1  # TensorFlow pads (k - 2) // 2 before at even sizes
    assert layer(x).shape == (1, 1, 4, 4)
    assert layer(x)[0, 0, 1, 1] == x[0, 0, 2 - first, 2 - first]


def test_gem_lies_between_the_mean_and_the_maximum() -> None:
    x = torch.rand(2, 5, 7, 7)
    assert torch.allclose(GeM(1.0)(x), x.mean(dim=(2, 3)), atol=1e-5)
    pooled = GeM(3.0)(x)
    assert (pooled > x.mean(dim=(2, 3))).all() and (pooled < x.amax(dim=(2, 3))).all()


def test_starting_as_pca_keeps_the_features_cosines_when_nothing_is_whitened() -> None:
    torch.manual_seed(0)
    model = LiteEmbedder(dimension=512).eval()
    features = torch.rand(100, 1280)  # 100 pictures span fewer than 512 components: nothing is lost
    start_as_pca(model, features, whitening=0.0)
    embeddings = model.neck(model.projection(features))
    centred = features - features.mean(dim=0)
    expected = nn.functional.cosine_similarity(centred[:, None], centred[None], dim=2)
    actual = nn.functional.cosine_similarity(embeddings[:, None], embeddings[None], dim=2)
    assert torch.allclose(actual, expected, atol=1e-3)


def test_starting_as_pca_of_few_pictures_is_not_drowned_by_rounding_errors() -> None:
    torch.manual_seed(0)
    model = LiteEmbedder(dimension=512).eval()
    # Twelve components have a variance, from 100 to 0.04; the other 500 only rounding errors.
    features = torch.randn(40, 12) * torch.logspace(1, -0.7, 12) @ torch.linalg.qr(torch.randn(1280, 12))[0].T + 3
    start_as_pca(model, features, whitening=0.5)
    centred = features.double() - features.double().mean(dim=0)
    _, deviations, directions = torch.linalg.svd(centred, full_matrices=False)
    expected = centred @ directions[:12].T / deviations[:12].sqrt()
    expected = nn.functional.normalize(expected, dim=1) @ nn.functional.normalize(expected, dim=1).T
    # What is not exactly one of these pictures, as a camera's view of it, still means the same.
    for shown in (features, features + 0.001 * torch.randn(features.shape)):
        embeddings = nn.functional.normalize(model.neck(model.projection(shown)), dim=1).double()
        assert (embeddings @ embeddings.T - expected).abs().max() < 0.02


def test_the_bnnecks_bias_is_not_trained() -> None:
    assert not LiteEmbedder().neck.bias.requires_grad and not PPLCNetV2Embedder().neck.bias.requires_grad
