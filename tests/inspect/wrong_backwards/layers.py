"""Right forwards, whose backwards learners write wrong."""

import torch

from plaingrad import Module, Parameter

GENERATOR = torch.Generator().manual_seed(0)


def normal(*shape: int) -> torch.Tensor:
    """Other numbers at each call, the same in every run."""
    return torch.randn(shape, generator=GENERATOR)


def entering(cases: list):
    """A decorator that enters a class as a row of these cases."""

    def case(arguments, inputs, kinds):
        def entered(cls):
            cases.append((cls, arguments, inputs, kinds))
            return cls

        return entered

    return case


X43 = normal(4, 3)


class Lin(Module):
    def __init__(self, i=3, o=2):
        self.weight = Parameter(torch.randn(o, i) * 0.5)
        self.bias = Parameter(torch.randn(o) * 0.1)

    def forward(self, x):
        y = x @ self.weight.value.T + self.bias.value
        self.save(x, y)
        return y


class Sig(Module):
    def forward(self, x):
        s = torch.sigmoid(x)
        self.save((x, s), s)
        return s


class Tan(Module):
    def forward(self, x):
        y = torch.tanh(x)
        self.save((x, y), y)
        return y


class Rel(Module):
    def forward(self, x):
        y = x.clamp(min=0)
        self.save(x, y)
        return y


class Smax(Module):
    def forward(self, x):
        s = torch.softmax(x, -1)
        self.save(s, s)
        return s


class LN(Module):
    eps = 0.01

    def __init__(self, f=3):
        self.gamma = Parameter(torch.rand(f) + 0.5)
        self.beta = Parameter(torch.randn(f))

    def forward(self, x):
        mu = x.mean(-1, keepdim=True)
        v = ((x - mu) ** 2).mean(-1, keepdim=True)
        inv = 1 / torch.sqrt(v + self.eps)
        xh = (x - mu) * inv
        y = xh * self.gamma.value + self.beta.value
        self.save((x, xh, inv, v, mu), y)
        return y


class BN(Module):
    eps = 0.01

    def __init__(self, f=3):
        self.gamma = Parameter(torch.rand(f) + 0.5)
        self.beta = Parameter(torch.randn(f))

    def forward(self, x):
        mu = x.mean(0)
        v = ((x - mu) ** 2).mean(0)
        inv = 1 / torch.sqrt(v + self.eps)
        xh = (x - mu) * inv
        y = xh * self.gamma.value + self.beta.value
        self.save((x, xh, inv, v, mu), y)
        return y


class Drop(Module):
    p = 0.5

    def forward(self, x):
        m = (torch.rand_like(x) > self.p).to(x.dtype)
        y = x * m / (1 - self.p)
        self.save(m, y)
        return y
