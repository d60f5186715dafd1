"""Networks of PyTorch with a forward of their own, taken over."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

import plaingrad
from plaingrad.interop import from_torch
from plaingrad.nn import Graph

CONTEXT, WIDTH, WORDS = 6, 8, 11


class ResidualBlock(torch.nn.Module):
    def __init__(self, channels: int, out: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = torch.nn.Conv2d(channels, out, 3, stride, 1, bias=False)
        self.bn1 = torch.nn.BatchNorm2d(out)
        self.relu = torch.nn.ReLU(inplace=True)
        self.conv2 = torch.nn.Conv2d(out, out, 3, 1, 1, bias=False)
        self.bn2 = torch.nn.BatchNorm2d(out)
        self.downsample = None
        if stride != 1 or channels != out:
            shortcut = torch.nn.Conv2d(channels, out, 1, stride, bias=False)
            self.downsample = torch.nn.Sequential(shortcut, torch.nn.BatchNorm2d(out))

    def forward(self, x: Tensor) -> Tensor:
        identity = x
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        if self.downsample is not None:
            identity = self.downsample(x)
        y += identity
        return self.relu(y)


class ResNet18(torch.nn.Module):
    """The layout of K. He and others, 2015, with fewer channels."""

    def __init__(self, channels: int = 4) -> None:
        super().__init__()
        self.conv1 = torch.nn.Conv2d(3, channels, 7, 2, 3, bias=False)
        self.bn1 = torch.nn.BatchNorm2d(channels)
        self.relu = torch.nn.ReLU(inplace=True)
        self.maxpool = torch.nn.MaxPool2d(3, 2, 1)
        widths = [channels, channels, 2 * channels, 4 * channels, 8 * channels]
        for k, (before, after) in enumerate(itertools.pairwise(widths), 1):
            first = ResidualBlock(before, after, 1 if k == 1 else 2)
            setattr(self, f"layer{k}", torch.nn.Sequential(first, ResidualBlock(after, after)))
        self.avgpool = torch.nn.AdaptiveAvgPool2d((1, 1))
        self.fc = torch.nn.Linear(widths[-1], 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(torch.flatten(self.avgpool(x), 1))


class UNet(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.down = torch.nn.Conv2d(1, 4, 3, padding=1)
        self.bottom = torch.nn.Conv2d(4, 8, 3, padding=1)
        self.up = torch.nn.ConvTranspose2d(8, 4, 2, 2)
        self.out = torch.nn.Conv2d(8, 1, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        skipped = functional.relu(self.down(x))
        below = functional.relu(self.bottom(functional.max_pool2d(skipped, 2)))
        return self.out(torch.cat([self.up(below), skipped], dim=1))


class Towers(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.user = torch.nn.Sequential(torch.nn.Linear(5, 8), torch.nn.ReLU(), torch.nn.Linear(8, 4))
        self.item = torch.nn.Embedding(7, 4)
        self.scale = torch.nn.Parameter(torch.tensor(0.5))

    def forward(self, user: Tensor, item: Tensor) -> Tensor:
        left = functional.normalize(self.user(user), dim=-1)
        right = functional.normalize(self.item(item), dim=-1)
        return (left * right).sum(-1) * self.scale.exp()


class OwnLayerNorm(torch.nn.Module):
    def __init__(self, width: int, bias: bool) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(width))
        self.bias = torch.nn.Parameter(torch.zeros(width)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        return functional.layer_norm(x, self.weight.shape, self.weight, self.bias, 1e-5)


class CausalAttention(torch.nn.Module):
    def __init__(self, heads: int, fused: bool) -> None:
        super().__init__()
        self.c_attn = torch.nn.Linear(WIDTH, 3 * WIDTH)
        self.c_proj = torch.nn.Linear(WIDTH, WIDTH)
        self.heads, self.fused = heads, fused
        mask = torch.tril(torch.ones(CONTEXT, CONTEXT)).view(1, 1, CONTEXT, CONTEXT)
        if not fused:
            self.register_buffer("mask", mask)

    def forward(self, x: Tensor) -> Tensor:
        batch, time, width = x.size()
        size = width // self.heads
        q, k, v = self.c_attn(x).split(WIDTH, dim=2)
        q = q.view(batch, time, self.heads, size).transpose(1, 2)
        k = k.view(batch, time, self.heads, size).transpose(1, 2)
        v = v.view(batch, time, self.heads, size).transpose(1, 2)
        if self.fused:
            y = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        else:
            scores = (q @ k.transpose(-2, -1)) * (1.0 / math.sqrt(WIDTH // self.heads))
            scores = scores.masked_fill(self.mask[:, :, :time, :time] == 0, float("-inf"))
            y = functional.softmax(scores, dim=-1) @ v
        return self.c_proj(y.transpose(1, 2).contiguous().view(batch, time, width))


class Block(torch.nn.Module):
    def __init__(self, heads: int, fused: bool) -> None:
        super().__init__()
        self.ln_1 = OwnLayerNorm(WIDTH, bias=True)
        self.attn = CausalAttention(heads, fused)
        self.ln_2 = OwnLayerNorm(WIDTH, bias=False)
        self.mlp = torch.nn.Sequential(
            torch.nn.Linear(WIDTH, 2 * WIDTH), torch.nn.GELU(), torch.nn.Linear(2 * WIDTH, WIDTH)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class GPT(torch.nn.Module):
    """A small GPT whose output layer has the weights of its table of words."""

    def __init__(self, fused: bool = False) -> None:
        super().__init__()
        self.wte = torch.nn.Embedding(WORDS, WIDTH)
        self.wpe = torch.nn.Embedding(CONTEXT, WIDTH)
        self.h = torch.nn.ModuleList([Block(2, fused) for _ in range(2)])
        self.ln_f = OwnLayerNorm(WIDTH, bias=True)
        self.lm_head = torch.nn.Linear(WIDTH, WORDS, bias=False)
        self.lm_head.weight = self.wte.weight

    def forward(self, words: Tensor) -> Tensor:
        _, time = words.size()
        positions = torch.arange(0, time, dtype=torch.long, device=words.device)
        x = self.wte(words) + self.wpe(positions)
        for block in self.h:
            x = block(x)
        return self.lm_head(self.ln_f(x))


class Standardized(torch.nn.Conv2d):
    """Weight standardization (S. Qiao and others, 2019)."""

    def forward(self, x: Tensor) -> Tensor:
        w = self.weight - self.weight.mean(dim=[1, 2, 3], keepdim=True)
        spread = w.reshape(w.shape[0], -1).std(1).view(-1, 1, 1, 1) + 1e-5
        return functional.conv2d(x, w / spread, self.bias, self.stride, self.padding)


class Equalized(torch.nn.Module):
    """Equalized learning rate (T. Karras and others, 2018)."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.randn(out, channels))
        self.bias = torch.nn.Parameter(torch.randn(out))

    def forward(self, x: Tensor) -> Tensor:
        return functional.linear(x, self.weight * (2 / math.sqrt(self.weight.shape[1])), self.bias * 2)


class Normalized(torch.nn.Module):
    """Batch normalization as a function of parameters and buffers of its own."""

    def __init__(self, channels: int, affine: bool = True, biased: bool = True) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.rand(channels)) if affine else None
        self.bias = torch.nn.Parameter(torch.randn(channels)) if affine and biased else None
        self.register_buffer("running_mean", torch.randn(channels))
        self.register_buffer("running_var", torch.rand(channels) + 0.5)

    def forward(self, x: Tensor) -> Tensor:
        weights = self.weight, self.bias
        return functional.batch_norm(
            x, self.running_mean, self.running_var, *weights, self.training, 0.2, 1e-3
        )


class FreeWeights(torch.nn.Module):
    """Functions with weights that are computed, or have names of their own."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm, self.last = Standardized(3, 4, 3), torch.nn.BatchNorm2d(4), Equalized(3, 2)
        self.kernel = torch.nn.Parameter(torch.randn(4, 2, 3, 3))
        self.slope, self.scale = torch.nn.Parameter(torch.rand(4)), torch.nn.Parameter(torch.rand(4))

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(functional.prelu(self.first(x), self.slope))
        x = functional.group_norm(functional.dropout(x, 0.0, self.training), 2, self.scale)
        x = functional.conv_transpose2d(x, torch.cat([self.kernel, -self.kernel], 1)[:, 1:] * 0.5)
        x = functional.instance_norm(x)
        most, _ = torch.maximum(x, x * self.slope[0].view(1)).max(1, keepdim=True)
        return self.last((x + most).mean((2, 3)))


class Of(torch.nn.Module):
    """A function as a network, with a parameter and a buffer that it may use."""

    def __init__(self, function: Callable[[Any, Tensor], Any]) -> None:
        super().__init__()
        self.function = function
        self.linear = torch.nn.Linear(4, 4)
        self.w = torch.nn.Parameter(torch.randn(4, 4))
        self.register_buffer("b", torch.rand(4) + 0.5)

    def forward(self, x: Tensor) -> Any:
        return self.function(self, x)


NETWORKS: dict[str, tuple[Callable[[], torch.nn.Module], tuple[Tensor, ...]]] = {
    # Two images that end at 1 x 1 would be normalized over two numbers: gradients of rounding alone.
    "ResNet18": (ResNet18, (torch.randn(2, 3, 64, 64),)),
    "UNet": (UNet, (torch.randn(2, 1, 8, 8),)),
    "Towers": (Towers, (torch.randn(3, 5), torch.randint(7, (3,)))),
    "GPT": (GPT, (torch.randint(WORDS, (2, 5)),)),
    "GPT fused": (lambda: GPT(fused=True), (torch.randint(WORDS, (2, 5)),)),
}

FUNCTIONS: dict[str, Callable[[Any, Tensor], Any]] = {
    "operators": lambda m, x: -((2 * x + 1 - x / m.b) ** 2) @ m.w.T,
    "reversed operators": lambda m, x: 1 / (3 - x.abs() - 5) + 2**x,
    "stack": lambda m, x: torch.stack([x, m.linear(x)], 1).mean(1),
    "chunk": lambda m, x: x.chunk(2, -1)[0] * x.chunk(2, -1)[1],
    "split": lambda m, x: x.split([1, 3], dim=1)[1],
    "index": lambda m, x: x[:, 1:3] * x[0, None, -2:],
    "einsum": lambda m, x: torch.einsum("bi,ij->bj", x, m.w),
    "view": lambda m, x: x.view(x.shape[0], 2, -1).permute(1, 0, 2).reshape(-1, 2),
    "squeeze": lambda m, x: x.unsqueeze(1).expand(-1, 3, -1).sum(dim=1).unsqueeze(0).squeeze(0),
    "statistics": lambda m, x: (x - x.mean(-1, keepdim=True)) / torch.sqrt(x.var(-1, keepdim=True) + 1e-5),
    "maximum": lambda m, x: x.max(dim=1)[0] + x.amax(1) + x.max(),
    "minimum": lambda m, x: x.min(dim=1).values + x.amin(1) + x.min() + x.min(1, keepdim=True)[0].sum(),
    "greater and less": lambda m, x: torch.max(x, m.b) * torch.minimum(x, m.linear(x)) + torch.maximum(x, x),
    "deviation": lambda m, x: x.std(1) + x.std(dim=0).sum() + x.std(),
    "product and sum": lambda m, x: torch.addmm(m.b, x, m.w, alpha=0.5),
    "scaled scores": lambda m, x: (x @ x.transpose(-2, -1)) * (1.0 / math.sqrt(x.size(-1))),
    "size of another": lambda m, x: x.reshape(-1).view(x.shape).unflatten(1, (2, 2)),
    "constants": lambda m, x: x * torch.arange(4.0) + torch.ones(4),
    "draws in no mode": lambda m, x: functional.rrelu(functional.dropout(x, 0.5, training=False)),
    "norm": lambda m, x: x.norm(dim=-1) + torch.norm(x, p=1, dim=1),
    "elementwise": lambda m, x: x.exp().log1p().clamp(0.1, 2.0).sqrt() + torch.log(x.abs() + 1).pow(2),
    "where": lambda m, x: torch.where(x > 0, x, 0.1 * x).masked_fill(x < -1, 0.0),
    "bmm": lambda m, x: torch.bmm(x.unsqueeze(1), x.unsqueeze(2)).flatten(1),
    "functional": lambda m, x: functional.gelu(functional.leaky_relu(x, 0.2), approximate="tanh"),
    "norms without weights": lambda m, x: functional.layer_norm(x, (4,)) * functional.rms_norm(x, (4,)),
    "groups without weights": lambda m, x: functional.group_norm(x, 2, eps=1e-3),
    "weights": lambda m, x: functional.linear(x, m.w, m.b) + functional.linear(x, m.linear.weight),
    "dropout": lambda m, x: functional.dropout(x, 0.0, m.training),
    "pad": lambda m, x: functional.pad(x.unsqueeze(1), (1, 2), mode="replicate"),
    "several outputs": lambda m, x: (m.linear(x), (x.sum(), x * 2)),
    "loss": lambda m, x: functional.mse_loss(m.linear(x), m.b.expand(3, 4)),
    "softmax": lambda m, x: functional.log_softmax(x, 1) + x.softmax(-1) + torch.tanh(x).sigmoid(),
}


ADDED = ("num_batches_tracked", "_tensor_constant0", "_tensor_constant1")
"""Buffers that the original need not have: of functions, and for tensors that its code makes."""


def flat(nest: Any) -> list[Any]:
    return [each for entry in nest for each in flat(entry)] if isinstance(nest, tuple) else [nest]


def assert_same(network: torch.nn.Module, inputs: tuple[Tensor, ...], training: bool) -> Graph:
    """Outputs, all gradients and buffers are the original's, under the same names."""
    network.double().train(training)
    graph = from_torch(network)
    assert isinstance(graph, Graph)
    if not training:
        graph.eval(saving=True)
    doubles = [x.double() if x.is_floating_point() else x for x in inputs]
    leaves = [x.clone().requires_grad_() if x.is_floating_point() else x for x in doubles]
    theirs = network(*leaves)
    ours = graph.forward(*doubles)
    torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-11, check_dtype=True)
    dys = [torch.randn_like(y) for y in flat(theirs)]
    torch.autograd.backward(flat(theirs), dys)

    def arranged(nest: Any, left: list[Tensor]) -> Any:
        return tuple(arranged(each, left) for each in nest) if isinstance(nest, tuple) else left.pop(0)

    shaped = arranged(theirs, dys)
    returned = graph.backward(*(shaped if isinstance(shaped, tuple) else (shaped,)))
    for leaf, dx in zip(leaves, returned if isinstance(returned, tuple) else (returned,)):
        if leaf.requires_grad:
            torch.testing.assert_close(dx, leaf.grad, rtol=1e-9, atol=1e-11)
    named = dict(network.named_parameters())
    for name, parameter in graph.named_parameters():
        torch.testing.assert_close(parameter.grad, named[name].grad, rtol=1e-9, atol=1e-10)
    buffers = dict(network.named_buffers())
    for name, buffer in graph.named_buffers():
        if name in buffers or not name.endswith(ADDED):
            torch.testing.assert_close(buffer.value, buffers[name])
    return graph


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("name", NETWORKS)
def test_networks_give_the_same(name: str, training: bool, tmp_path: Path) -> None:
    make, inputs = NETWORKS[name]
    network = make()
    graph = assert_same(network, inputs, training)
    assert [name for name, _ in graph.named_parameters()] == [name for name, _ in network.named_parameters()]
    assert graph.state_dict().keys() == network.state_dict().keys()
    plaingrad.save(graph.eval(), tmp_path / "model.safetensors")
    loaded = plaingrad.read_file(tmp_path / "model.safetensors").module
    doubles = [x.double() if x.is_floating_point() else x for x in inputs]
    torch.testing.assert_close(loaded.forward(*doubles), graph.forward(*doubles), rtol=0, atol=0)
    assert len(loaded.parameters()) == len(graph.parameters())


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_operators_and_methods_give_the_same(name: str) -> None:
    network = Of(FUNCTIONS[name])
    graph = assert_same(network, (torch.randn(3, 4),), training=True)
    assert {name for name, _ in graph.named_parameters()} <= {name for name, _ in network.named_parameters()}


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
def test_weights_that_are_computed_or_have_names_of_their_own(training: bool, tmp_path: Path) -> None:
    network, x = FreeWeights(), torch.randn(3, 3, 6, 6)
    graph = assert_same(network, (x,), training)
    assert graph.state_dict().keys() == network.state_dict().keys()
    plaingrad.save(graph.eval(), tmp_path / "model.safetensors")
    loaded = plaingrad.load(tmp_path / "model.safetensors")
    torch.testing.assert_close(loaded.forward(x.double()), network.eval()(x.double()).detach())


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("size", [(5, 4), (5, 4, 3), (2, 4, 3, 2), (2, 4, 2, 3, 2)])
def test_batch_norm_as_a_function(size: tuple[int, ...], training: bool) -> None:
    network = torch.nn.Sequential(Normalized(4), Normalized(4, affine=False))
    assert_same(network, (torch.randn(size),), training)
    with pytest.raises(ValueError, match=r"expected batch_norm with .* the weight, bias, running_mean and"):
        from_torch(torch.nn.Sequential(Normalized(4, biased=False)))


def test_dropout_follows_the_mode() -> None:
    def drop(m: Any, x: Tensor) -> Tensor:
        x = functional.dropout(functional.dropout1d(x, 1.0, m.training), 1.0 if m.training else 0.0)
        p = 1.0 if m.training else 0.0
        return functional.scaled_dot_product_attention(x, x, 1 + x, dropout_p=p)

    graph, x = from_torch(Of(drop)), torch.randn(2, 3, 4)
    assert not graph.train().forward(x).any()
    torch.testing.assert_close(graph.eval().forward(x), Of(drop).eval()(x))


def test_the_traced_network_stays_as_it_was() -> None:
    network = Of(lambda m, x: x * torch.ones(4))
    network.linear.eval()
    before = dict(vars(network))
    from_torch(network)
    assert vars(network) == before
    assert (network.training, network.linear.training) == (True, False)


def test_frozen_parameters_stay_frozen() -> None:
    network = Towers()
    network.user[0].weight.requires_grad = False
    network.scale.requires_grad = False
    graph = from_torch(network)
    assert {name for name, p in graph.named_parameters() if p.frozen} == {"user.0.weight", "scale"}


@pytest.mark.parametrize(
    ("function", "problem"),
    [
        (lambda m, x: torch.fft.fft(x), "expected an operation that plaingrad knows, got 'fft_fft'"),
        (lambda m, x: x if x.sum() > 0 else -x, "expected a forward that does not depend on values"),
        (lambda m, x: x.cumsum(0), "expected an operation that plaingrad knows, got 'cumsum'"),
        (lambda m, x: functional.mse_loss(m.linear(x), x), "expected a target that nothing else uses"),
        (
            lambda m, x: functional.dropout(x, 0.5),
            "training=self.training for dropout, got True, which draws",
        ),
        (lambda m, x: x * (2.0 if m.training else 1.0), "got 2.0 in training and 1.0 in evaluation"),
        (lambda m, x: x * 2 if m.training else x, "the same steps in both modes, got 'mul' in training"),
        (lambda m, x: x * torch.rand(4), "expected a tensor that is the same each time"),
        (
            lambda m, x: functional.batch_norm(x, None, None, training=True),
            "expected batch_norm with training=",
        ),
        (
            lambda m, x: functional.batch_norm(x, m.b, m.b, m.linear.weight[0], None, m.training),
            "expected batch_norm with training=self.training and the weight, bias, running_mean",
        ),
        (lambda m, x: functional.layer_norm(x, (4,), x[0]), "the weight of layer_norm to be computed from"),
        (
            lambda m, x: functional.scaled_dot_product_attention(x, x, x, dropout_p=0.1),
            "expected dropout_p of 0 in evaluation, got 0.1",
        ),
    ],
)
def test_what_is_not_known_is_named_with_its_line(function: Any, problem: str) -> None:
    with pytest.raises(ValueError, match=problem) as refusal:
        from_torch(Of(function))
    assert "test_tracing.py" in str(refusal.value)
