"""Wrong backward passes of larger layers, and of functions."""

import math

import torch

from plaingrad import Module, Parameter

from .layers import Drop, Smax, normal

CASES: list = []


def case(arguments, inputs, kinds):
    """Enter the class below as a row of CASES."""

    def entered(cls):
        CASES.append((cls, arguments, inputs, kinds))
        return cls

    return entered


class MLP(Module):
    def __init__(self):
        self.w1 = Parameter(normal(5, 3) * 0.5)
        self.b1 = Parameter(normal(5) * 0.5)
        self.w2 = Parameter(normal(2, 5) * 0.5)
        self.b2 = Parameter(normal(2) * 0.1)

    def forward(self, x):
        a = x @ self.w1.value.T + self.b1.value
        h = torch.tanh(a)
        y = h @ self.w2.value.T + self.b2.value
        self.save((x, a, h), y)
        return y


@case((), (normal(4, 3),), ["missing-derivative"])
class MlpNoTanh(MLP):
    def backward(self, dy):
        x, _a, h = self.restore(dy)
        self.w2.grad += dy.T @ h
        self.b2.grad += dy.sum(0)
        da = dy @ self.w2.value
        self.w1.grad += da.T @ x
        self.b1.grad += da.sum(0)
        return da @ self.w1.value


@case((), (normal(4, 3),), ["wrong-derivative-argument"])
class MlpArg(MLP):
    def backward(self, dy):
        x, a, h = self.restore(dy)
        self.w2.grad += dy.T @ h
        self.b2.grad += dy.sum(0)
        da = dy @ self.w2.value * (1 - a**2)
        self.w1.grad += da.T @ x
        self.b1.grad += da.sum(0)
        return da @ self.w1.value


@case(
    (),
    (normal(4, 3),),
    [
        "missing-derivative",
        "missing-term",
        "wrong-derivative-argument",
        "wrong-derivative",
        "swapped-factors",
        "missing-factor",
    ],
)
class MlpW2WrongAct(MLP):
    def backward(self, dy):
        x, a, h = self.restore(dy)
        self.w2.grad += dy.T @ a
        self.b2.grad += dy.sum(0)
        da = dy @ self.w2.value * (1 - h**2)
        self.w1.grad += da.T @ x
        self.b1.grad += da.sum(0)
        return da @ self.w1.value


@case((), (normal(4, 3),), ["missing-upstream"])
class SmaxNoUp(Smax):
    def backward(self, dy):
        s = self.restore(dy)
        return s * (1 - s)


@case((), (normal(4, 3),), ["missing-term"])
class SmaxNoSum(Smax):
    def backward(self, dy):
        s = self.restore(dy)
        return s * dy


@case((), (normal(4, 3),), ["missing-factor", "missing-derivative"])
class SmaxNoS(Smax):
    def backward(self, dy):
        s = self.restore(dy)
        return dy - (dy * s).sum(-1, keepdim=True)


@case((), (normal(4, 3),), ["mean-for-sum", "wrong-factor"])
class SmaxMean(Smax):
    def backward(self, dy):
        s = self.restore(dy)
        return s * (dy - (dy * s).mean(-1, keepdim=True))


@case((), (normal(4, 3),), ["wrong-axis"])
class SmaxAxis0(Smax):
    def backward(self, dy):
        s = self.restore(dy)
        return s * (dy - (dy * s).sum(0, keepdim=True))


@case((), (normal(4, 3),), ["missing-factor"])
class SmaxInner(Smax):
    def backward(self, dy):
        s = self.restore(dy)
        return s * (dy - dy.sum(-1, keepdim=True))


@case((), (normal(4, 3),), ["wrong-factor"])
class Pow3(Module):
    def forward(self, x):
        y = x**3
        self.save(x, y)
        return y

    def backward(self, dy):
        x = self.restore(dy)
        return dy * 2 * x**2


@case((), (normal(4, 3),), ["wrong-derivative"])
class Pow3b(Module):
    def forward(self, x):
        y = x**3
        self.save(x, y)
        return y

    def backward(self, dy):
        x = self.restore(dy)
        return dy * 3 * x**3


@case((), (normal(4, 3),), ["wrong-derivative", "wrong-sign"])
class Sin(Module):
    def forward(self, x):
        y = torch.sin(x)
        self.save(x, y)
        return y

    def backward(self, dy):
        x = self.restore(dy)
        return dy * torch.sin(x)


@case((), (normal(4, 3),), ["wrong-sign"])
class Cos(Module):
    def forward(self, x):
        y = torch.cos(x)
        self.save(x, y)
        return y

    def backward(self, dy):
        x = self.restore(dy)
        return dy * torch.sin(x)


@case((), (normal(4, 3),), ["wrong-derivative-argument"])
class ExpY(Module):
    def forward(self, x):
        y = torch.exp(x)
        self.save((x, y), y)
        return y

    def backward(self, dy):
        x, _y = self.restore(dy)
        return dy * x


@case((), (normal(4, 3),), ["wrong-derivative-argument"])
class Softplus(Module):
    def forward(self, x):
        y = torch.log1p(torch.exp(x))
        self.save((x, y), y)
        return y

    def backward(self, dy):
        _x, y = self.restore(dy)
        return dy * torch.sigmoid(y)


@case((), (normal(4, 3),), ["wrong-derivative"])
class Softplus2(Module):
    def forward(self, x):
        y = torch.nn.functional.softplus(x)
        self.save((x, y), y)
        return y

    def backward(self, dy):
        x, _y = self.restore(dy)
        return dy * torch.tanh(x)


@case((), (normal(4, 3),), ["missing-term"])
class Leaky(Module):
    slope = 0.1

    def forward(self, x):
        y = torch.where(x > 0, x, self.slope * x)
        self.save(x, y)
        return y

    def backward(self, dy):
        x = self.restore(dy)
        return dy * (x > 0)


@case((), (normal(4, 3),), ["missing-factor", "wrong-factor", "missing-derivative"])
class Leaky2(Module):
    slope = 0.1

    def forward(self, x):
        y = torch.where(x > 0, x, self.slope * x)
        self.save(x, y)
        return y

    def backward(self, dy):
        x = self.restore(dy)
        return torch.where(x > 0, dy, dy * (1 - self.slope))


@case((), (normal(4, 3),), ["not-summed"])
class Center(Module):
    def __init__(self):
        self.b = Parameter(normal(1, 3))

    def forward(self, x):
        y = x * self.b.value
        self.save(x, y)
        return y

    def backward(self, dy):
        x = self.restore(dy)
        self.b.grad += (dy * x)[:1]
        return dy * self.b.value


@case((), (normal(4, 3),), ["missing-factor"])
class Scale(Module):
    def __init__(self):
        self.g = Parameter(torch.rand(3) + 0.5)

    def forward(self, x):
        y = x * self.g.value
        self.save(x, y)
        return y

    def backward(self, dy):
        self.restore(dy)
        self.g.grad += dy.sum(0)
        return dy * self.g.value


@case((), (normal(4, 3),), ["missing-factor", "passes-upstream"])
class Scale2(Module):
    def __init__(self):
        self.g = Parameter(torch.rand(3) + 0.5)

    def forward(self, x):
        y = x * self.g.value
        self.save(x, y)
        return y

    def backward(self, dy):
        x = self.restore(dy)
        self.g.grad += (dy * x).sum(0)
        return dy


@case((), (normal(4, 3),), ["swapped-factors"])
class Scale3(Module):
    def __init__(self):
        self.g = Parameter(torch.rand(3) + 0.5)

    def forward(self, x):
        y = x * self.g.value
        self.save(x, y)
        return y

    def backward(self, dy):
        x = self.restore(dy)
        self.g.grad += (dy * x).sum(0)
        return dy * x


@case((), (normal(4, 3),), ["wrong-derivative", "wrong-sign"])
class DivB(Module):
    def __init__(self):
        self.g = Parameter(torch.rand(3) + 0.5)

    def forward(self, x):
        y = x / self.g.value
        self.save(x, y)
        return y

    def backward(self, dy):
        x = self.restore(dy)
        self.g.grad += (dy * x / self.g.value).sum(0)
        return dy / self.g.value


@case((), (normal(4, 3),), ["missing-constant"])
class StdEps(Module):
    def forward(self, x):
        s = x.std(-1, keepdim=True)
        y = x / (s + 0.05)
        self.save((x, s), y)
        return y

    def backward(self, dy):
        x, s = self.restore(dy)
        c = x - x.mean(-1, keepdim=True)
        return dy / s - (dy * x).sum(-1, keepdim=True) / s**2 * c / s / 2


@case((), (normal(4, 3),), ["missing-constant"])
class LogEps(Module):
    def forward(self, x):
        y = torch.log(x.abs() + 1e-2)
        self.save(x, y)
        return y

    def backward(self, dy):
        x = self.restore(dy)
        return dy / x


@case((), (normal(2, 3, 4), normal(2, 4, 5)), ["transposed", "swapped-factors", "wrong-shape"])
class BmmT(Module):
    def forward(self, a, b):
        y = a @ b
        self.save((a, b), y)
        return y

    def backward(self, dy):
        a, b = self.restore(dy)
        return dy @ b, a.mT @ dy


@case((), (normal(3, 3), normal(3, 3)), ["transposed"])
class MmNoT(Module):
    def forward(self, a, b):
        y = a @ b
        self.save((a, b), y)
        return y

    def backward(self, dy):
        a, b = self.restore(dy)
        return dy @ b.T, a @ dy


@case((), (normal(3, 3), normal(3, 3)), ["swapped-factors", "transposed"])
class MmOrder(Module):
    def forward(self, a, b):
        y = a @ b
        self.save((a, b), y)
        return y

    def backward(self, dy):
        a, b = self.restore(dy)
        return b.T @ dy, dy @ a.T


@case((), (normal(4, 3),), ["redrawn"])
class DropF(Module):
    def forward(self, x):
        m = torch.bernoulli(torch.full_like(x, 0.5))
        y = x * m * 2
        self.save(m, y)
        return y

    def backward(self, dy):
        self.restore(dy)
        return dy * torch.bernoulli(torch.full_like(dy, 0.5)) * 2


@case((), (normal(6, 5),), ["wrong-factor"])
class DropP(Drop):
    p = 0.3

    def backward(self, dy):
        m = self.restore(dy)
        return dy * m * (1 - self.p)


@case((), (normal(6, 5),), ["missing-factor", "passes-upstream", "wrong-factor"])
class DropNoMask(Drop):
    p = 0.3

    def backward(self, dy):
        self.restore(dy)
        return dy / (1 - self.p)


@case((), (normal(6, 5),), ["wrong-derivative", "missing-factor", "wrong-factor"])
class DropInv(Drop):
    p = 0.3

    def backward(self, dy):
        m = self.restore(dy)
        return dy * (1 - m) / (1 - self.p)


@case((), (normal(2, 6),), ["wrong-factor"])
class Pool(Module):
    def forward(self, x):
        y = x.view(2, 3, 2).mean(-1)
        self.save(x, y)
        return y

    def backward(self, dy):
        self.restore(dy)
        return dy.repeat_interleave(2, -1)


@case(
    (),
    (normal(2, 6),),
    ["missing-term", "missing-factor", "duplicates-lost", "wrong-derivative", "missing-derivative"],
)
class MaxP(Module):
    def forward(self, x):
        v, i = x.view(2, 3, 2).max(-1)
        self.save((x, i), v)
        return v

    def backward(self, dy):
        _x, _i = self.restore(dy)
        return dy.repeat_interleave(2, -1)


@case((), (normal(4, 3),), ["wrong-axis"])
class Cumsum(Module):
    def forward(self, x):
        y = x.cumsum(1)
        self.save(x, y)
        return y

    def backward(self, dy):
        self.restore(dy)
        return dy.flip(0).cumsum(0).flip(0)


@case((), (normal(4, 3),), ["missing-term", "missing-derivative"])
class Res2(Module):
    def forward(self, x):
        y = x + torch.tanh(x) * torch.sigmoid(x)
        self.save(x, y)
        return y

    def backward(self, dy):
        x = self.restore(dy)
        t, s = torch.tanh(x), torch.sigmoid(x)
        return dy + dy * (1 - t * t) * s


@case((), (normal(4, 3), normal(4, 3)), ["wrong-sign"])
class Mse0(Module):
    def forward(self, p, t):
        y = ((p - t) ** 2).mean()
        self.save((p, t), y)
        return y

    def backward(self, dy):
        p, t = self.restore(dy)
        return dy * 2 * (t - p) / p.numel(), -dy * 2 * (p - t) / p.numel()


@case((), (normal(4, 3), normal(4, 3)), ["wrong-factor"])
class Mse1(Module):
    def forward(self, p, t):
        y = ((p - t) ** 2).mean()
        self.save((p, t), y)
        return y

    def backward(self, dy):
        p, t = self.restore(dy)
        return dy * 2 * (p - t) / len(p), -dy * 2 * (p - t) / p.numel()


@case((), (normal(4, 3), normal(4, 3)), ["returns-nothing"])
class RetNone2(Module):
    def forward(self, p, t):
        y = p * t
        self.save((p, t), y)
        return y

    def backward(self, dy):
        _p, t = self.restore(dy)
        return dy * t, None


@case((), (normal(4, 3),), ["over-summed", "wrong-shape"])
class SumShape(Module):
    def forward(self, x):
        y = x * 2
        self.save(x, y)
        return y

    def backward(self, dy):
        self.restore(dy)
        return (2 * dy).sum(0)


@case((), (normal(4, 3),), ["wrong-axis"])
class BiasAx(Module):
    def __init__(self):
        self.b = Parameter(normal(1, 3))

    def forward(self, x):
        y = x + self.b.value
        self.save(None, y)
        return y

    def backward(self, dy):
        self.restore(dy)
        self.b.grad += dy.sum(1, keepdim=True)[:1]
        return dy * 1


@case((), (torch.tensor([0, 1, 1, 3]),), ["duplicates-lost"])
class EmbIdx(Module):
    def __init__(self):
        self.t = Parameter(normal(5, 2))

    def forward(self, i):
        y = torch.nn.functional.embedding(i, self.t.value)
        self.save(i, y)
        return y

    def backward(self, dy):
        i = self.restore(dy)
        g = torch.zeros_like(self.t.value)
        g[i] = dy
        self.t.grad += g
        return


@case((), (torch.tensor([0, 1, 1, 3]),), ["wrong-factor", "mean-for-sum"])
class EmbMean(Module):
    def __init__(self):
        self.t = Parameter(normal(5, 2))

    def forward(self, i):
        y = self.t.value[i]
        self.save(i, y)
        return y

    def backward(self, dy):
        i = self.restore(dy)
        self.t.grad.index_add_(0, i, dy / len(i))
        return


class Attn(Module):
    def forward(self, q, k, v):
        s = q @ k.mT / math.sqrt(q.shape[-1])
        a = torch.softmax(s, -1)
        y = a @ v
        self.save((q, k, v, a), y)
        return y

    def back(self, dy, q, k, v, a, scale=True, soft=True):
        dv = a.mT @ dy
        da = dy @ v.mT
        ds = a * (da - (da * a).sum(-1, keepdim=True)) if soft else a * da
        if scale:
            ds = ds / math.sqrt(q.shape[-1])
        return ds @ k, ds.mT @ q, dv


@case((), (normal(2, 3, 4), normal(2, 3, 4), normal(2, 3, 4)), ["wrong-factor", "missing-factor"])
class AttnNoScale(Attn):
    def backward(self, dy):
        return self.back(dy, *self.restore(dy), scale=False)


@case((), (normal(2, 3, 4), normal(2, 3, 4), normal(2, 3, 4)), ["missing-term"])
class AttnNoSoft(Attn):
    def backward(self, dy):
        return self.back(dy, *self.restore(dy), soft=False)


@case((), (normal(2, 3, 3), normal(2, 3, 3), normal(2, 3, 3)), ["transposed"])
class AttnKT(Attn):
    def backward(self, dy):
        q, k, v, a = self.restore(dy)
        dq, dk, dv = self.back(dy, q, k, v, a)
        return dq, dk.mT, dv


@case((), (normal(2, 3, 3), normal(2, 3, 3), normal(2, 3, 3)), ["transposed"])
class AttnVT(Attn):
    def backward(self, dy):
        q, k, v, a = self.restore(dy)
        dq, dk, _dv = self.back(dy, q, k, v, a)
        return dq, dk, a @ dy
