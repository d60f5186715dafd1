"""Wrong backward passes besides the usual ones: normalisation, shapes, the contract."""

import math
import random

import torch

from plaingrad import Module, Parameter, nn

from .layers import BN, LN, X43, Drop, Lin, Rel, Sig, Smax, Tan, normal

CASES: list = []


def case(arguments, inputs, kinds):
    """Enter the class below as a row of CASES."""

    def entered(cls):
        CASES.append((cls, arguments, inputs, kinds))
        return cls

    return entered


@case((), (X43,), ["missing-term"])
class BNNoMeanVar(BN):
    def backward(self, dy):
        _x, xh, inv, _v, _mu = self.restore(dy)
        self.gamma.grad += (dy * xh).sum(0)
        self.beta.grad += dy.sum(0)
        return dy * self.gamma.value * inv


@case((), (X43,), ["missing-term"])
class LNNoMean(LN):
    def backward(self, dy):
        _x, xh, inv, _v, _mu = self.restore(dy)
        self.gamma.grad += (dy * xh).sum(0)
        self.beta.grad += dy.sum(0)
        g = dy * self.gamma.value
        return inv * (g - xh * (g * xh).mean(-1, keepdim=True))


@case((), (X43,), ["missing-factor"])
class LNNoGamma(LN):
    def backward(self, dy):
        _x, xh, inv, _v, _mu = self.restore(dy)
        self.gamma.grad += (dy * xh).sum(0)
        self.beta.grad += dy.sum(0)
        g = dy
        return inv * (g - g.mean(-1, keepdim=True) - xh * (g * xh).mean(-1, keepdim=True))


@case((), (X43,), ["wrong-axis"])
class LNAxis(LN):
    def backward(self, dy):
        _x, xh, inv, _v, _mu = self.restore(dy)
        self.gamma.grad += (dy * xh).sum(0)
        self.beta.grad += dy.sum(0)
        g = dy * self.gamma.value
        return inv * (g - g.mean(0, keepdim=True) - xh * (g * xh).mean(0, keepdim=True))


@case((), (normal(3, 3),), ["wrong-axis"])
class BNAxis(BN):
    def backward(self, dy):
        _x, xh, inv, _v, _mu = self.restore(dy)
        self.gamma.grad += (dy * xh).sum(1)
        self.beta.grad += dy.sum(0)
        g = dy * self.gamma.value
        return inv * (g - g.mean(0) - xh * (g * xh).mean(0))


@case((), (X43,), ["wrong-factor", "mean-for-sum"])
class BNSumForMean(BN):
    def backward(self, dy):
        _x, xh, inv, _v, _mu = self.restore(dy)
        self.gamma.grad += (dy * xh).sum(0)
        self.beta.grad += dy.sum(0)
        g = dy * self.gamma.value
        return inv * (g - g.sum(0) - xh * (g * xh).sum(0))


@case((), (X43,), ["missing-constant"])
class LNEpsVar(LN):
    def backward(self, dy):
        x, xh, inv, v, mu = self.restore(dy)
        self.gamma.grad += (dy * xh).sum(0)
        self.beta.grad += dy.sum(0)
        g = dy * self.gamma.value
        dv = (g * (x - mu) * -0.5 * v**-1.5).sum(-1, keepdim=True)
        dx = g * inv + dv * 2 * (x - mu) / 3
        return dx - (g * inv).mean(-1, keepdim=True)


@case((), (X43,), ["redrawn"])
class Redraw(Drop):
    def backward(self, dy):
        m = self.restore(dy)
        m = (torch.rand_like(dy) > self.p).to(dy.dtype)
        return dy * m / (1 - self.p)


@case((), (X43,), ["wrong-derivative-argument"])
class TanX(Tan):
    def backward(self, dy):
        x, _y = self.restore(dy)
        return dy * (1 - x * x)


@case((), (X43,), ["wrong-derivative-argument"])
class TanUp(Tan):
    def backward(self, dy):
        _x, _y = self.restore(dy)
        return dy * (1 - dy**2)


@case((), (X43,), ["wrong-derivative", "wrong-sign"])
class TanPlus(Tan):
    def backward(self, dy):
        _x, y = self.restore(dy)
        return dy * (1 + y * y)


@case((), (X43,), ["wrong-derivative-argument"])
class SigX(Sig):
    def backward(self, dy):
        x, _s = self.restore(dy)
        return dy * x * (1 - x)


@case((), (X43,), ["missing-factor", "wrong-derivative"])
class SigHalf(Sig):
    def backward(self, dy):
        _x, s = self.restore(dy)
        return dy * s


@case((), (X43,), ["missing-factor", "wrong-derivative"])
class SigHalf2(Sig):
    def backward(self, dy):
        _x, s = self.restore(dy)
        return dy * (1 - s)


@case((3, 3), (X43,), ["overwrites"])
class LinAssign(Lin):
    def backward(self, dy):
        x = self.restore(dy)
        self.weight.grad = dy.T @ x
        self.bias.grad = dy.sum(0)
        return dy @ self.weight.value


@case((), (X43,), ["not-summed"])
class LinNoSum(Lin):
    def backward(self, dy):
        x = self.restore(dy)
        self.weight.grad += dy.T @ x
        self.bias.grad += dy
        return dy @ self.weight.value


@case((), (X43,), ["not-summed"])
class LinFirst(Lin):
    def backward(self, dy):
        x = self.restore(dy)
        self.weight.grad += dy.T @ x
        self.bias.grad += dy[0]
        return dy @ self.weight.value


@case((), (X43,), ["mean-for-sum"])
class LinMean(Lin):
    def backward(self, dy):
        x = self.restore(dy)
        self.weight.grad += dy.T @ x
        self.bias.grad += dy.mean(0)
        return dy @ self.weight.value


@case((), (X43,), ["mean-for-sum", "wrong-factor"])
class LinMeanW(Lin):
    def backward(self, dy):
        x = self.restore(dy)
        self.weight.grad += dy.T @ x / len(x)
        self.bias.grad += dy.sum(0)
        return dy @ self.weight.value


@case((), (X43,), ["over-summed"])
class LinSumAll(Lin):
    def backward(self, dy):
        x = self.restore(dy)
        self.weight.grad += dy.T @ x
        self.bias.grad += dy.sum()
        return dy @ self.weight.value


@case((3, 2), (X43,), ["transposed"])
class LinTRect(Lin):
    def backward(self, dy):
        x = self.restore(dy)
        self.weight.grad += dy.T @ x
        self.bias.grad += dy.sum(0)
        return dy @ self.weight.value.T


@case((3, 2), (X43,), ["transposed"])
class LinGradTRect(Lin):
    def backward(self, dy):
        x = self.restore(dy)
        self.weight.grad += x.T @ dy
        self.bias.grad += dy.sum(0)
        return dy @ self.weight.value


@case((3, 2), (X43,), ["transposed", "swapped-factors"])
class LinOrder(Lin):
    def backward(self, dy):
        x = self.restore(dy)
        self.weight.grad += x @ dy.T
        self.bias.grad += dy.sum(0)
        return dy @ self.weight.value


@case((), (X43,), ["mutates"])
class OutOver(Rel):
    def forward(self, x):
        y = x.clamp(min=0)
        self.save(x.clone(), y)
        self.keep = y
        return y

    def backward(self, dy):
        x = self.restore(dy)
        o = self.keep
        o.zero_()
        o += dy * (x > 0)
        return o


@case((), (X43,), ["mutates"])
class TanOut(Module):
    def forward(self, x):
        y = torch.tanh(x)
        self.save(y, y)
        return y

    def backward(self, dy):
        y = self.restore(dy)
        return y.mul_(-y).add_(1).mul_(dy)


@case((), (X43,), ["mutates"])
class DyMut(Rel):
    def backward(self, dy):
        x = self.restore(dy)
        dy[x < 0] = 0
        return dy


@case((), (X43,), ["uses-autograd"])
class Auto(Tan):
    def backward(self, dy):
        x, y = self.restore(dy)
        with torch.enable_grad():
            x = x.clone().requires_grad_()
            y = torch.tanh(x)
            return torch.autograd.grad(y, x, dy)[0]


@case((), (X43,), ["uses-autograd"])
class Auto2(Tan):
    def backward(self, dy):
        x, _y = self.restore(dy)
        return torch.func.vjp(torch.tanh, x)[1](dy)[0]


@case((), (X43,), ["uses-autograd"])
class Auto3(Tan):
    def backward(self, dy):
        x, y = self.restore(dy)
        with torch.enable_grad():
            x = x.clone().requires_grad_()
            y = torch.tanh(x)
            y.backward(dy)
        return x.grad


@case((), (X43,), ["uses-autograd"])
class Auto4(Tan):
    def backward(self, dy):
        x, _y = self.restore(dy)
        return torch.func.jvp(torch.tanh, (x,), (dy,))[1]


@case((), (X43,), ["uses-autograd"])
class Auto5(Tan):
    def backward(self, dy):
        x, _y = self.restore(dy)
        with torch.autograd.forward_ad.dual_level():
            dual = torch.autograd.forward_ad.make_dual(x, dy)
            return torch.autograd.forward_ad.unpack_dual(torch.tanh(dual)).tangent


@case((), (X43,), ["uses-autograd"])
class Auto6(Tan):
    def backward(self, dy):
        _x, y = self.restore(dy)
        return torch.ops.aten.tanh_backward(dy, y)


@case((), (X43,), ["uses-autograd"])
class Auto7(Tan):
    def backward(self, dy):
        _x, y = self.restore(dy)
        return torch.ops.aten.tanh_backward.default(dy, y)


@case((), (X43,), ["endless"])
class Endless(Tan):
    def backward(self, dy):
        _x, _y = self.restore(dy)
        while True:
            pass


@case((), (X43,), ["random-forward"])
class Rand(Module):
    def forward(self, x):
        y = x * random.random()
        self.save(None, y)
        return y

    def backward(self, dy):
        self.restore(dy)
        return dy


@case((), (X43,), ["missing-derivative", "passes-upstream"])
class ExpNo(Module):
    def forward(self, x):
        y = torch.exp(x) * 2
        self.save(x, y)
        return y

    def backward(self, dy):
        self.restore(dy)
        return 2 * dy


@case((), (X43,), ["wrong-sign"])
class DivSign(Module):
    def forward(self, a):
        y = 1 / (1 + a * a)
        self.save((a, y), y)
        return y

    def backward(self, dy):
        a, y = self.restore(dy)
        return dy * 2 * a * y * y


@case((), (X43,), ["wrong-factor"])
class SqNo2(Module):
    def forward(self, a):
        y = a * a
        self.save(a, y)
        return y

    def backward(self, dy):
        a = self.restore(dy)
        return dy * a


@case((), (X43, normal(4, 3)), ["swapped-factors"])
class MulSwap(Module):
    def forward(self, a, b):
        y = a * b
        self.save((a, b), y)
        return y

    def backward(self, dy):
        a, b = self.restore(dy)
        return dy * a, dy * b


@case((), (X43, normal(3)), ["not-summed"])
class MulBroad(Module):
    def forward(self, a, b):
        y = a * b
        self.save((a, b), y)
        return y

    def backward(self, dy):
        a, b = self.restore(dy)
        return dy * b, dy * a


@case((), (X43,), ["missing-term"])
class SqUse(Module):
    def forward(self, a):
        y = a * torch.sigmoid(a)
        self.save((a, torch.sigmoid(a)), y)
        return y

    def backward(self, dy):
        a, s = self.restore(dy)
        return dy * a * s * (1 - s)


@case((), (X43,), ["missing-term"])
class L2(Module):
    def forward(self, x):
        n = (x * x).sum(-1, keepdim=True).sqrt()
        y = x / n
        self.save((x, n), y)
        return y

    def backward(self, dy):
        _x, n = self.restore(dy)
        return dy / n


@case((), (normal(2, 5, 3),), ["missing-term"])
class RNN(Module):
    def __init__(self):
        self.w = Parameter(normal(3, 3) * 0.5)
        self.u = Parameter(normal(3, 3) * 0.5)

    def forward(self, x):
        h = [torch.zeros(len(x), 3, dtype=x.dtype)]
        for t in range(x.shape[1]):
            h.append(torch.tanh(x[:, t] @ self.w.value + h[-1] @ self.u.value))
        self.save((x, h), h[-1])
        return h[-1]

    def backward(self, dy):
        x, h = self.restore(dy)
        dx = torch.zeros_like(x)
        da = dy * (1 - h[-1] ** 2)
        self.w.grad += x[:, -1].T @ da
        self.u.grad += h[-2].T @ da
        dx[:, -1] = da @ self.w.value.T
        return dx


@case((), (normal(2, 3, 4), normal(2, 3, 4)), ["wrong-factor", "missing-factor"])
class Scores(Module):
    def forward(self, q, k):
        y = q @ k.mT / math.sqrt(q.shape[-1])
        self.save((q, k), y)
        return y

    def backward(self, dy):
        q, k = self.restore(dy)
        return dy @ k, dy.mT @ q


@case((), (normal(2, 3, 4),), ["missing-term"])
class Gram(Module):
    def forward(self, q):
        y = q @ q.mT
        self.save(q, y)
        return y

    def backward(self, dy):
        q = self.restore(dy)
        return dy @ q


@case((), (torch.rand(4, 3) + 0.1,), ["wrong-factor"])
class Log2(Module):
    def forward(self, x):
        y = torch.log2(x)
        self.save(x, y)
        return y

    def backward(self, dy):
        return dy / self.restore(dy)


@case((), (torch.rand(4, 3) + 0.1,), ["missing-derivative", "passes-upstream"])
class SqrtId(Module):
    def forward(self, x):
        y = torch.sqrt(x + 1e-3)
        self.save(x, y)
        return y

    def backward(self, dy):
        self.restore(dy)
        return dy


@case((), (torch.zeros(4, 3),), ["not-finite"])
class NF(Module):
    def forward(self, x):
        y = torch.tanh(x)
        self.save((x, y), y)
        return y

    def backward(self, dy):
        x, y = self.restore(dy)
        return dy * y / x * (1 - y * y)


@case((), (normal(4, 3),), ["passes-upstream", "missing-term"])
class LogSm(Module):
    def forward(self, x):
        y = torch.log_softmax(x, -1)
        self.save(y, y)
        return y

    def backward(self, dy):
        self.restore(dy)
        return dy


@case((), (normal(4, 3),), ["over-summed", "wrong-axis"])
class LogSmAx(Module):
    def forward(self, x):
        y = torch.log_softmax(x, -1)
        self.save(y, y)
        return y

    def backward(self, dy):
        y = self.restore(dy)
        return dy - y.exp() * dy.sum(0, keepdim=True)


@case((), (normal(4, 3),), ["missing-upstream"])
class LogSm3(Module):
    def forward(self, x):
        y = torch.log_softmax(x, -1)
        self.save(y, y)
        return y

    def backward(self, dy):
        y = self.restore(dy)
        return dy - y.exp()


@case((), (normal(4, 3),), ["wrong-shape", "wrong-axis", "not-summed"])
class SmKeep(Smax):
    def backward(self, dy):
        s = self.restore(dy)
        return s * (dy - (dy * s).sum(-1))


@case((), (normal(3, 3),), ["wrong-axis", "wrong-shape"])
class SmKeepSq(Smax):
    def backward(self, dy):
        s = self.restore(dy)
        return s * (dy - (dy * s).sum(-1))


@case((), (normal(4, 3),), ["stale-state"])
class First(Module):
    def forward(self, x):
        if not hasattr(self, "y"):
            self.y = torch.tanh(x)
        y = torch.tanh(x)
        self.save(None, y)
        return y

    def backward(self, dy):
        self.restore(dy)
        return dy * (1 - self.y**2)


@case((), (normal(4, 3),), ["wrong-factor"])
class MeanNoN(Module):
    def forward(self, x):
        y = x.mean(1)
        self.save(x, y)
        return y

    def backward(self, dy):
        x = self.restore(dy)
        return dy[:, None].expand_as(x).clone()


@case((), (normal(4, 3),), ["missing-upstream"])
class MeanNoUp(Module):
    def forward(self, x):
        y = x.mean(1)
        self.save(x, y)
        return y

    def backward(self, dy):
        x = self.restore(dy)
        return torch.ones_like(x) / 3


@case((), (normal(4, 3), normal(4, 3)), ["wrong-sign"])
class SubSign(Module):
    def forward(self, a, b):
        y = a - b
        self.save(None, y)
        return y

    def backward(self, dy):
        self.restore(dy)
        return dy, dy


@case((), (normal(4, 3), normal(4, 3)), ["wrong-sign"])
class MseSign(nn.MSELoss):
    def backward(self, *a):
        return -super().backward(*a)


@case((), (normal(4, 3), torch.tensor([0, 1, 2, 1])), ["wrong-factor"])
class CeN(nn.CrossEntropyLoss):
    def backward(self, *a):
        return super().backward(*a) * 4


@case((), (normal(4, 3), normal(4, 3)), ["wrong-factor", "missing-factor"])
class Mse2(nn.MSELoss):
    def backward(self, *a):
        return super().backward(*a) / 2


@case((), (torch.tensor([0, 2, 2, 1]),), ["overwrites", "duplicates-lost"])
class EmbAssign(Module):
    def __init__(self):
        self.table = Parameter(normal(4, 3))

    def forward(self, i):
        y = self.table.value[i]
        self.save(i, y)
        return y

    def backward(self, dy):
        i = self.restore(dy)
        self.table.grad[i] = dy
        return
