"""More wrong backward passes of many layers, counted before the rules were looked at again."""

import math

import torch

from plaingrad import Module, Parameter

from .layers import entering, normal

CASES: list = []
case = entering(CASES)
X = normal(5, 4)


@case((), (X * 3,), ["missing-term"])
class HardSwishOnePath(Module):
    def forward(self, x):
        s = (x + 3).clamp(0, 6) / 6
        y = x * s
        self.save(s, y)
        return y

    def backward(self, dy):
        s = self.restore(dy)
        return dy * s


@case((), (X,), ["passes-upstream", "missing-factor", "missing-derivative"])
class SoftShrinkNoMask(Module):
    edge = 0.4

    def forward(self, x):
        y = torch.where(x.abs() > self.edge, x - self.edge * torch.sign(x), torch.zeros_like(x))
        self.save(y, y)
        return y

    def backward(self, dy):
        self.restore(dy)
        return dy


@case((), (X,), ["wrong-factor"])
class BellNoTwo(Module):
    def forward(self, x):
        y = torch.exp(-x * x)
        self.save((x, y), y)
        return y

    def backward(self, dy):
        x, y = self.restore(dy)
        return -dy * x * y


@case((), (X,), ["wrong-derivative-argument"])
class ArctangentOfOutput(Module):
    def forward(self, x):
        y = torch.atan(x)
        self.save(y, y)
        return y

    def backward(self, dy):
        y = self.restore(dy)
        return dy / (1 + y * y)


@case((), (X,), ["wrong-derivative", "wrong-derivative-argument"])
class LogSigmoidOutputForSigmoid(Module):
    def forward(self, x):
        y = -torch.log(1 + torch.exp(-x))
        self.save(y, y)
        return y

    def backward(self, dy):
        y = self.restore(dy)
        return dy * (1 - y)


@case((), (normal(6, 2), normal(6, 2), normal(6, 1).abs()), ["missing-factor"])
class WeightedSquaresNoWeights(Module):
    differentiable = ("p",)

    def forward(self, p, t, w):
        loss = (w * (p - t) ** 2).mean()
        self.save((p, t), loss)
        return loss

    def backward(self, dl):
        p, t = self.restore(dl)
        return dl * 2 * (p - t) / p.numel(), None, None


@case((), (normal(8).sigmoid(), (normal(8) > 0).float()), ["missing-term"])
class DiceDivisorHeldConstant(Module):
    differentiable = ("p",)

    def forward(self, p, t):
        total = p.sum() + t.sum()
        loss = 1 - 2 * (p * t).sum() / total
        self.save((t, total), loss)
        return loss

    def backward(self, dl):
        t, total = self.restore(dl)
        return -2 * dl * t / total, None


@case((), (X,), ["missing-factor"])
class FrozenStatisticsNoDeviation(Module):
    def __init__(self):
        self.gamma = Parameter(normal(4))

    def forward(self, x):
        mean, std = torch.tensor([0.1, -0.2, 0.3, 0.0]), torch.tensor([0.5, 1.5, 2.0, 0.7])
        n = (x - mean) / std
        y = self.gamma.value * n
        self.save(n, y)
        return y

    def backward(self, dy):
        n = self.restore(dy)
        self.gamma.grad += (dy * n).sum(0)
        return dy * self.gamma.value


@case((), (X,), ["missing-factor", "missing-derivative"])
class UnitSumNoSign(Module):
    def forward(self, x):
        total = x.abs().sum(1, keepdim=True)
        y = x / total
        self.save((y, total), y)
        return y

    def backward(self, dy):
        y, total = self.restore(dy)
        return (dy - (dy * y).sum(1, keepdim=True)) / total


@case((), (normal(3, 4, 2), normal(3, 4, 2)), ["mean-for-sum"])
class ScoreBiasMean(Module):
    def __init__(self):
        self.bias = Parameter(normal(4, 4))

    def forward(self, q, k):
        p = torch.softmax(q @ k.mT + self.bias.value, -1)
        self.save((q, k, p), p)
        return p

    def backward(self, dp):
        q, k, p = self.restore(dp)
        ds = p * (dp - (dp * p).sum(-1, keepdim=True))
        self.bias.grad += ds.mean(0)
        return ds @ k, ds.mT @ q


@case((), (normal(2, 3, 3), normal(2, 3, 3), normal(2, 3, 3)), ["transposed"])
class LinearAttentionKeys(Module):
    def forward(self, q, k, v):
        m = k.mT @ v
        y = q @ m
        self.save((q, k, v, m), y)
        return y

    def backward(self, dy):
        q, k, v, m = self.restore(dy)
        dm = q.mT @ dy
        return dy @ m.mT, v @ dm, k @ dm


@case((), (normal(2, 3, 4),), ["over-summed", "wrong-axis"])
class ChannelBiasOverAll(Module):
    def __init__(self):
        self.bias = Parameter(normal(3))

    def forward(self, x):
        y = torch.tanh(x + self.bias.value[:, None])
        self.save(y, y)
        return y

    def backward(self, dy):
        y = self.restore(dy)
        dx = dy * (1 - y * y)
        self.bias.grad += dx.sum()
        return dx


@case((), (normal(2, 2, 3, 5),), ["wrong-factor"])
class GlobalPoolOneSide(Module):
    def forward(self, x):
        y = x.mean((2, 3))
        self.save(x.shape, y)
        return y

    def backward(self, dy):
        shape = self.restore(dy)
        return (dy / shape[2])[:, :, None, None].expand(shape)


@case((), (normal(2, 4, 3),), ["transposed"])
class BothDirectionsFlipForgotten(Module):
    def forward(self, x):
        a, b = torch.cumsum(x, 1), torch.cumsum(x.flip(1), 1).flip(1)
        y = a + b
        self.save(None, y)
        return y

    def backward(self, dy):
        self.restore(dy)
        back = torch.cumsum(dy.flip(1), 1).flip(1)
        return back + torch.cumsum(dy.flip(1), 1)


@case((), (normal(3, 4, 2),), ["missing-term"])
class LastStepAlone(Module):
    def __init__(self):
        self.w = Parameter(normal(2, 3) * 0.5)
        self.u = Parameter(normal(3, 3) * 0.5)

    def forward(self, x):
        h = x.new_zeros(len(x), 3)
        for t in range(x.shape[1]):
            before, h = h, torch.tanh(x[:, t] @ self.w.value + h @ self.u.value)
        self.save((x, before, h), h)
        return h

    def backward(self, dh):
        x, before, h = self.restore(dh)
        da = dh * (1 - h * h)
        self.w.grad += x[:, -1].T @ da
        self.u.grad += before.T @ da
        dx = torch.zeros_like(x)
        dx[:, -1] = da @ self.w.value.T
        return dx


@case((), (torch.tensor([0, 3, 1, 3]),), ["wrong-factor", "missing-factor"])
class EmbeddingScaleForgotten(Module):
    def __init__(self):
        self.table = Parameter(normal(5, 6))

    def forward(self, index):
        y = self.table.value[index] * math.sqrt(6)
        self.save(index, y)
        return y

    def backward(self, dy):
        self.table.grad.index_add_(0, self.restore(dy), dy)


@case((), (X, normal(5, 4)), ["missing-factor", "passes-upstream"])
class ModulationWithoutInput(Module):
    def forward(self, x, g):
        y = (1 + g) * x
        self.save((x, g), y)
        return y

    def backward(self, dy):
        _x, g = self.restore(dy)
        return dy * (1 + g), dy


@case((), (X,), ["wrong-factor"])
class ScaledSkipUnscaled(Module):
    def forward(self, x):
        t = torch.tanh(x)
        y = (x + t) / math.sqrt(2)
        self.save(t, y)
        return y

    def backward(self, dy):
        t = self.restore(dy)
        return dy + dy * (1 - t * t) / math.sqrt(2)


@case((), (X, normal(5, 4).abs() + 0.5), ["wrong-derivative"])
class QuotientDivisorNotSquared(Module):
    def forward(self, a, b):
        y = a / b
        self.save((a, b), y)
        return y

    def backward(self, dy):
        a, b = self.restore(dy)
        return dy / b, -dy * a / b


@case((), (normal(4, 3),), ["missing-term"])
class GramOneFactor(Module):
    def forward(self, x):
        y = x @ x.T
        self.save(x, y)
        return y

    def backward(self, dy):
        x = self.restore(dy)
        return dy @ x


@case((), (normal(5, 4), normal(4).abs() + 0.3), ["missing-term"])
class WeightedMeanTotalHeldConstant(Module):
    def forward(self, x, w):
        y = (x * w).sum(1) / w.sum()
        self.save((x, w), y)
        return y

    def backward(self, dy):
        x, w = self.restore(dy)
        g = dy[:, None] / w.sum()
        return g * w, (g * x).sum(0)


@case((), (normal(3, 4, 2),), ["wrong-sign", "transposed"])
class RotationForwards(Module):
    def forward(self, x):
        angle = torch.arange(4.0).to(x.dtype)
        c, s = torch.cos(angle), torch.sin(angle)
        a, b = x[..., 0], x[..., 1]
        y = torch.stack([a * c - b * s, a * s + b * c], -1)
        self.save((c, s), y)
        return y

    def backward(self, dy):
        c, s = self.restore(dy)
        a, b = dy[..., 0], dy[..., 1]
        return torch.stack([a * c - b * s, a * s + b * c], -1)


@case((), (X,), ["mutates"])
class BackwardChangesInput(Module):
    def forward(self, x):
        y = torch.where(x > 0, x, 0.1 * x)
        self.save(x, y)
        return y

    def backward(self, dy):
        x = self.restore(dy)
        x[x > 0] = 1
        x[x <= 0] = 0.1
        return dy * x
