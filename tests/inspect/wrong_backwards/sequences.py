"""Wrong backward passes of layers over time and space, written before the rules were looked at."""

import math

import torch

from plaingrad import Module, Parameter

from .layers import entering, normal

CASES: list = []
case = entering(CASES)


class Attention(Module):
    def forward(self, q, k, v):
        scale = 1 / math.sqrt(q.shape[-1])
        p = torch.softmax(q @ k.mT * scale, -1)
        y = p @ v
        self.save((q, k, v, p, scale), y)
        return y


QKV = normal(2, 4, 3), normal(2, 4, 3), normal(2, 4, 3)


@case((), QKV, ["wrong-factor", "missing-factor"])
class AttentionQueryUnscaled(Attention):
    def backward(self, dy):
        q, k, v, p, scale = self.restore(dy)
        dv = p.mT @ dy
        dp = dy @ v.mT
        ds = p * (dp - (dp * p).sum(-1, keepdim=True))
        return ds @ k, ds.mT @ q * scale, dv


@case((), QKV, ["transposed"])
class AttentionKeyUntransposed(Attention):
    def backward(self, dy):
        q, k, v, p, scale = self.restore(dy)
        dv = p.mT @ dy
        dp = dy @ v.mT
        ds = p * (dp - (dp * p).sum(-1, keepdim=True)) * scale
        return ds @ k, ds @ q, dv


@case((), QKV, ["missing-derivative"])
class AttentionWithoutSoftmax(Attention):
    def backward(self, dy):
        q, k, v, p, scale = self.restore(dy)
        ds = dy @ v.mT * scale
        return ds @ k, ds.mT @ q, p.mT @ dy


@case((), (normal(2, 4, 3),), ["missing-term"])
class SelfAttentionValuesForgotten(Module):
    def forward(self, x):
        p = torch.softmax(x @ x.mT, -1)
        y = p @ x
        self.save((x, p), y)
        return y

    def backward(self, dy):
        x, p = self.restore(dy)
        dp = dy @ x.mT
        ds = p * (dp - (dp * p).sum(-1, keepdim=True))
        return ds @ x + ds.mT @ x


class Convolution(Module):
    """One channel, padded by hand, so that both orders of the kernel fit."""

    def __init__(self):
        self.kernel = Parameter(normal(3))

    def forward(self, x):
        padded = torch.nn.functional.pad(x, (1, 1))
        n = x.shape[1]
        y = sum(self.kernel.value[i] * padded[:, i : i + n] for i in range(3))
        self.save(padded, y)
        return y


@case((), (normal(3, 6),), ["transposed"])
class KernelNotReversed(Convolution):
    def backward(self, dy):
        padded = self.restore(dy)
        n = dy.shape[1]
        self.kernel.grad += torch.stack([(dy * padded[:, i : i + n]).sum() for i in range(3)])
        wide = torch.nn.functional.pad(dy, (1, 1))
        return sum(self.kernel.value[i] * wide[:, i : i + n] for i in range(3))


@case((), (normal(2, 2, 5, 5),), ["missing-term", "duplicates-lost"])
class PatchGradientsAssigned(Module):
    def __init__(self):
        self.weight = Parameter(normal(3, 2, 2, 2))

    def forward(self, x):
        h, w = x.shape[2] - 1, x.shape[3] - 1
        y = x.new_zeros(len(x), 3, h, w)
        for i in range(h):
            for j in range(w):
                patch = x[:, :, i : i + 2, j : j + 2]
                y[:, :, i, j] = torch.tensordot(patch, self.weight.value, ([1, 2, 3], [1, 2, 3]))
        self.save(x, y)
        return y

    def backward(self, dy):
        x = self.restore(dy)
        dx = torch.zeros_like(x)
        for i in range(dy.shape[2]):
            for j in range(dy.shape[3]):
                g = dy[:, :, i, j]
                patch = x[:, :, i : i + 2, j : j + 2]
                self.weight.grad += torch.tensordot(g, patch, ([0], [0]))
                dx[:, :, i : i + 2, j : j + 2] = torch.tensordot(g, self.weight.value, ([1], [0]))
        return dx


@case((), (normal(2, 3, 4),), ["mean-for-sum"])
class PointwiseConvolutionBiasMean(Module):
    def __init__(self):
        self.weight = Parameter(normal(2, 3))
        self.bias = Parameter(normal(2))

    def forward(self, x):
        y = torch.einsum("oc,nct->not", self.weight.value, x) + self.bias.value[:, None]
        self.save(x, y)
        return y

    def backward(self, dy):
        x = self.restore(dy)
        self.weight.grad += torch.einsum("not,nct->oc", dy, x)
        self.bias.grad += dy.mean(2).sum(0)
        return torch.einsum("oc,not->nct", self.weight.value, dy)


@case((), (normal(2, 2, 4, 4),), ["wrong-factor"])
class AveragePoolNotDivided(Module):
    def forward(self, x):
        n, c, h, w = x.shape
        y = x.reshape(n, c, h // 2, 2, w // 2, 2).mean((3, 5))
        self.save(None, y)
        return y

    def backward(self, dy):
        self.restore(dy)
        return dy.repeat_interleave(2, 2).repeat_interleave(2, 3)


@case((), (normal(2, 2, 6),), ["missing-factor", "missing-derivative"])
class MaxPoolToAll(Module):
    def forward(self, x):
        n, c, t = x.shape
        windows = x.reshape(n, c, t // 3, 3)
        y = windows.amax(-1)
        self.save(windows == y[..., None], y)
        return y

    def backward(self, dy):
        mask = self.restore(dy)
        return dy[..., None].expand(mask.shape).flatten(2)


@case((), (normal(3, 5, 2),), ["wrong-factor"])
class GlobalMeanByBatch(Module):
    def forward(self, x):
        y = x.mean(1)
        self.save(x.shape, y)
        return y

    def backward(self, dy):
        shape = self.restore(dy)
        return (dy / shape[0])[:, None, :].expand(shape)


class Step(Module):
    def __init__(self):
        self.w = Parameter(normal(3, 2) * 0.5)
        self.u = Parameter(normal(3, 3) * 0.5)
        self.b = Parameter(normal(3) * 0.5)

    def forward(self, x, h):
        y = torch.tanh(x @ self.w.value.T + h @ self.u.value.T + self.b.value)
        self.save((x, h, y), y)
        return y


@case((), (normal(4, 2), normal(4, 3)), ["transposed"])
class StepRecurrentTransposed(Step):
    def backward(self, dy):
        x, h, y = self.restore(dy)
        da = dy * (1 - y * y)
        self.w.grad += da.T @ x
        self.u.grad += da.T @ h
        self.b.grad += da.sum(0)
        return da @ self.w.value, da @ self.u.value.T


@case((), (normal(4, 2), normal(4, 3)), ["wrong-derivative-argument", "missing-term"])
class StepNewStateForOld(Step):
    def backward(self, dy):
        x, _h, y = self.restore(dy)
        da = dy * (1 - y * y)
        self.w.grad += da.T @ x
        self.u.grad += da.T @ y
        self.b.grad += da.sum(0)
        return da @ self.w.value, da @ self.u.value


@case((), (normal(3, 4, 2),), ["missing-term"])
class UnrolledWithoutCarry(Module):
    def __init__(self):
        self.w = Parameter(normal(2, 3) * 0.5)
        self.u = Parameter(normal(3, 3) * 0.5)

    def forward(self, x):
        states = [x.new_zeros(len(x), 3)]
        for t in range(x.shape[1]):
            states.append(torch.tanh(x[:, t] @ self.w.value + states[-1] @ self.u.value))
        y = torch.stack(states[1:], 1)
        self.save((x, states), y)
        return y

    def backward(self, dy):
        x, states = self.restore(dy)
        dx = torch.zeros_like(x)
        for t in reversed(range(x.shape[1])):
            da = dy[:, t] * (1 - states[t + 1] ** 2)
            self.w.grad += x[:, t].T @ da
            self.u.grad += states[t].T @ da
            dx[:, t] = da @ self.w.value.T
        return dx


@case((), (normal(4, 3), normal(4, 3), normal(4, 3)), ["wrong-sign"])
class GateAddsForSubtracts(Module):
    def forward(self, z, h, n):
        s = torch.sigmoid(z)
        y = s * h + (1 - s) * n
        self.save((s, h, n), y)
        return y

    def backward(self, dy):
        s, h, n = self.restore(dy)
        return dy * (h + n) * s * (1 - s), dy * s, dy * (1 - s)


@case((), (normal(3, 5),), ["transposed"])
class RunningSumForwards(Module):
    def forward(self, x):
        y = torch.cumsum(x, 1)
        self.save(None, y)
        return y

    def backward(self, dy):
        self.restore(dy)
        return torch.cumsum(dy, 1)


@case((), (torch.tensor([[0, 3, 3], [1, 4, 2]]),), ["wrong-factor"])
class BagNotDivided(Module):
    def __init__(self):
        self.table = Parameter(normal(5, 2))

    def forward(self, index):
        y = self.table.value[index].mean(1)
        self.save(index, y)
        return y

    def backward(self, dy):
        index = self.restore(dy)
        for column in index.T:
            self.table.grad.index_add_(0, column, dy)


@case((), (torch.tensor([[0, 1, 1], [3, 2, 1]]),), ["duplicates-lost", "missing-term"])
class RowsPutOnce(Module):
    def __init__(self):
        self.table = Parameter(normal(4, 2))

    def forward(self, index):
        y = self.table.value[index]
        self.save(index, y)
        return y

    def backward(self, dy):
        index = self.restore(dy)
        g = torch.zeros_like(self.table.value)
        g.index_put_((index,), dy)
        self.table.grad += g


@case((), (normal(6, 5),), ["wrong-factor"])
class DropoutScaleInverted(Module):
    keep = 0.6

    def forward(self, x):
        mask = torch.rand(x.shape, dtype=x.dtype) < self.keep
        y = x * mask / self.keep
        self.save(mask, y)
        return y

    def backward(self, dy):
        mask = self.restore(dy)
        return dy * mask * self.keep
