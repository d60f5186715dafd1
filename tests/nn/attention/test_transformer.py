"""Transformers: activations, stacks, causal masks, and what is refused."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from plaingrad import nn
from plaingrad.interop import from_torch, to_torch
from plaingrad.saving.build import build
from plaingrad.saving.describe import describe

close = {"rtol": 1e-9, "atol": 1e-11}
X = torch.randn(3, 2, 4, dtype=torch.float64)


@pytest.mark.parametrize("norm_first", [True, False])
def test_an_activation_may_be_a_module(norm_first: bool) -> None:
    options = {"dropout": 0.0, "norm_first": norm_first, "dtype": torch.float64}
    ours = nn.TransformerEncoderLayer(4, 2, 8, activation=nn.PReLU(dtype=torch.float64), **options)
    theirs = torch.nn.TransformerEncoderLayer(4, 2, 8, activation=torch.nn.PReLU().double(), **options)
    ours.load_state_dict(theirs.state_dict())
    leaf = X.clone().requires_grad_()
    y, dy = theirs(leaf), torch.randn_like(X)
    torch.testing.assert_close(ours(X), y.detach(), **close)
    dx, dslope = torch.autograd.grad(y, [leaf, theirs.activation.weight], dy)
    torch.testing.assert_close(ours.backward(dy), dx, **close)
    torch.testing.assert_close(ours.activation.weight.grad, dslope, **close)


def test_a_causal_mask_hides_what_comes_later() -> None:
    mask = nn.Transformer.generate_square_subsequent_mask(3, dtype=torch.float64)
    assert torch.equal(mask, torch.nn.Transformer.generate_square_subsequent_mask(3, dtype=torch.float64))
    network = nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 8, dtype=torch.float64), 2).eval()
    later = X.clone()
    later[2] += 1
    y, other = (network(x, mask=mask, is_causal=True) for x in (X, later))
    torch.testing.assert_close(y[:2], other[:2], **close)
    assert not torch.allclose(y[2], other[2])


def test_copies_of_a_layer_begin_alike_and_are_apart() -> None:
    layer = nn.TransformerDecoderLayer(4, 2, 8)
    network = nn.TransformerDecoder(layer, 2)
    first, second = network.layers
    assert torch.equal(first.linear1.weight.value, second.linear1.weight.value)
    first.linear1.weight.value.zero_()
    assert second.linear1.weight.value.any()
    assert layer.linear1.weight.value.any()


class Doubled(nn.TransformerEncoder):
    """An encoder of one's own."""

    def forward(self, src: Tensor, mask: Tensor | None = None, *rest: object) -> Tensor:
        return 2 * super().forward(src, mask)

    def backward(self, dy: Tensor) -> tuple[Tensor | None, ...]:
        return super().backward(2 * dy)


def test_an_encoder_may_be_one_s_own() -> None:
    options = {"dropout": 0.0, "dtype": torch.float64}
    own = Doubled(nn.TransformerEncoderLayer(4, 2, 8, **options), 1)
    network = nn.Transformer(4, 2, 1, 1, 8, custom_encoder=own, **options)
    assert network.encoder is own
    y = network(X, X)
    torch.testing.assert_close(y, network.eval().decoder(X, own(X)), **close)


def whole() -> nn.Module:
    return nn.Transformer(4, 2, 2, 1, 8, activation="gelu", batch_first=True, norm_first=True)


NETWORKS = {
    "stack": lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 8), 2, nn.LayerNorm(4)),
    "without a norm": lambda: nn.TransformerDecoder(nn.TransformerDecoderLayer(4, 2, 8, bias=False), 3),
    "whole": whole,
    "inside": lambda: nn.Sequential(nn.Linear(3, 4), nn.TransformerEncoderLayer(4, 1, 8, 0.3)),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_descriptions_and_torch_s_networks_give_the_same_network(name: str) -> None:
    network = NETWORKS[name]()
    for again in (build(describe(network)), from_torch(to_torch(network))):
        assert describe(again) == describe(network)
        assert list(again.state_dict()) == list(network.state_dict())
    assert list(to_torch(network).state_dict()) == list(network.state_dict())


def test_more_layers_than_a_file_may_ask_for_are_refused() -> None:
    description = describe(NETWORKS["stack"]())
    description["arguments"]["num_layers"] = 10**9
    with pytest.raises(ValueError, match="expected num_layers to be an integer up to 1,000"):
        build(description)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.TransformerEncoderLayer(4, 2, activation="tanh"), "expected activation"),
        (lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2), 0), "expected num_layers"),
        (lambda: nn.Transformer(4, 2)(X, X[..., :3]), "expected src and tgt"),
        (lambda: nn.Transformer(4, 2)(X, X[:, :1]), "expected src and tgt"),
        (lambda: describe(nn.TransformerEncoderLayer(4, 2, activation=nn.SiLU())), "expected activation"),
    ],
)
def test_what_does_not_fit_is_refused(make: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
