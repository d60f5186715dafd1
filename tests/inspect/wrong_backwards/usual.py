"""Wrong backward passes as learners write them.

Each row of CASES: the class, its constructor arguments, inputs, and the kinds of which the checker's first
mistake must have one.
"""

import torch

from plaingrad import Module, Parameter, nn

from .layers import BN, LN, X43, Drop, Lin, Rel, Sig, Smax, Tan, normal


class SigNoUp(Sig):
    def backward(self, dy):
        _x, s = self.restore(dy)
        return s * (1 - s)


class SwishPart(Module):
    def forward(self, x):
        s = torch.sigmoid(x)
        y = x * s
        self.save((x, s), y)
        return y

    def backward(self, dy):
        x, s = self.restore(dy)
        return s + dy * x * s * (1 - s)


class LinBNoUp(Lin):
    def backward(self, dy):
        x = self.restore(dy)
        self.weight.grad += dy.T @ x
        self.bias.grad += torch.ones_like(self.bias.value)
        return dy @ self.weight.value


class LinMeanAll(Lin):
    def backward(self, dy):
        x = self.restore(dy)
        self.weight.grad += dy.T @ x
        self.bias.grad += dy.mean()
        return dy @ self.weight.value


class SigSign(Sig):
    def backward(self, dy):
        _x, s = self.restore(dy)
        return dy * s * (s - 1)


class SmaxSign(Smax):
    def backward(self, dy):
        s = self.restore(dy)
        return s * (dy + (dy * s).sum(-1, keepdim=True))


class LinTSq(Lin):
    def backward(self, dy):
        x = self.restore(dy)
        self.weight.grad += dy.T @ x
        self.bias.grad += dy.sum(0)
        return dy @ self.weight.value.T


class LinGradTSq(Lin):
    def backward(self, dy):
        x = self.restore(dy)
        self.weight.grad += x.T @ dy
        self.bias.grad += dy.sum(0)
        return dy @ self.weight.value


class MatmulT(Module):
    def forward(self, a, b):
        y = a @ b
        self.save((a, b), y)
        return y

    def backward(self, dy):
        a, b = self.restore(dy)
        return (dy @ b.mT, dy @ a.mT)


class SigTwice(Sig):
    def backward(self, dy):
        _x, s = self.restore(dy)
        t = torch.sigmoid(s)
        return dy * t * (1 - t)


class TanNoSquare(Tan):
    def backward(self, dy):
        _x, y = self.restore(dy)
        return dy * (1 - y)


class ReluWrongSide(Rel):
    def backward(self, dy):
        x = self.restore(dy)
        return dy * (x < 0)


class LinCopy(Lin):
    def backward(self, dy):
        x = self.restore(dy)
        self.weight.grad.copy_(dy.T @ x)
        self.bias.grad += dy.sum(0)
        return dy @ self.weight.value


class ResNoSkip(Module):
    def forward(self, x):
        t = torch.tanh(x)
        y = x + t
        self.save(t, y)
        return y

    def backward(self, dy):
        t = self.restore(dy)
        return dy * (1 - t * t)


class EmbDup(Module):
    def __init__(self):
        self.table = Parameter(torch.randn(4, 3))

    def forward(self, i):
        y = self.table.value[i]
        self.save(i, y)
        return y

    def backward(self, dy):
        i = self.restore(dy)
        self.table.grad[i] += dy
        return


class ReluInplaceX(Module):
    def forward(self, x):
        x[x < 0] = 0
        self.save(x > 0, x)
        return x

    def backward(self, dy):
        m = self.restore(dy)
        return dy * m


class LinUpdates(Lin):
    def backward(self, dy):
        x = self.restore(dy)
        self.weight.grad += dy.T @ x
        self.bias.grad += dy.sum(0)
        dx = dy @ self.weight.value
        self.weight.value -= 0.1 * self.weight.grad
        return dx


class LinAxisRect(Lin):
    def backward(self, dy):
        x = self.restore(dy)
        self.weight.grad += dy.T @ x
        self.bias.grad += dy.sum(1)
        return dy @ self.weight.value


class SmaxAll(Smax):
    def backward(self, dy):
        s = self.restore(dy)
        return s * (dy - (dy * s).sum())


class LNEps(LN):
    def backward(self, dy):
        x, xh, inv, v, mu = self.restore(dy)
        self.gamma.grad += (dy * xh).sum(0)
        self.beta.grad += dy.sum(0)
        inv = 1 / torch.sqrt(v)
        xh = (x - mu) * inv
        g = dy * self.gamma.value
        return inv * (g - g.mean(-1, keepdim=True) - xh * (g * xh).mean(-1, keepdim=True))


class BNEpsG(BN):
    def backward(self, dy):
        x, xh, inv, v, mu = self.restore(dy)
        self.gamma.grad += (dy * (x - mu) / torch.sqrt(v)).sum(0)
        self.beta.grad += dy.sum(0)
        g = dy * self.gamma.value
        return inv * (g - g.mean(0) - xh * (g * xh).mean(0))


class BNNoVar(BN):
    def backward(self, dy):
        _x, xh, inv, _v, _mu = self.restore(dy)
        self.gamma.grad += (dy * xh).sum(0)
        self.beta.grad += dy.sum(0)
        g = dy * self.gamma.value
        return inv * (g - g.mean(0))


class DropNoScale(Drop):
    def backward(self, dy):
        m = self.restore(dy)
        return dy * m


class DropIdentity(Drop):
    def backward(self, dy):
        self.restore(dy)
        return dy


class DropSwap(Drop):
    p = 0.3

    def backward(self, dy):
        m = self.restore(dy)
        return dy * m / self.p


class SmaxDiag(Smax):
    def backward(self, dy):
        s = self.restore(dy)
        return dy * s * (1 - s)


class NoReturn(Tan):
    def backward(self, dy):
        _x, y = self.restore(dy)
        dy * (1 - y * y)


class FieldState(Tan):
    def forward(self, x):
        self.y = torch.tanh(x)
        self.save(None, self.y)
        return self.y

    def backward(self, dy):
        self.restore(dy)
        return dy * (1 - self.y**2)


class AbsNoSign(Module):
    def forward(self, x):
        y = x.abs()
        self.save(x, y)
        return y

    def backward(self, dy):
        self.restore(dy)
        return dy


class AddBroadcast(Module):
    def forward(self, a, b):
        y = a + b
        self.save(None, y)
        return y

    def backward(self, dy):
        self.restore(dy)
        return (dy, dy)


class MseNoN(nn.MSELoss):
    def backward(self, *a):
        return super().backward(*a) * 12


class CeNoTarget(nn.CrossEntropyLoss):
    def forward(self, p, t):
        self.p = p
        return super().forward(p, t)

    def backward(self, *a):
        super().backward(*a)
        return torch.softmax(self.p, -1) / len(self.p)


CASES = [
    (SigNoUp, (), (X43,), ["missing-upstream"]),
    (SwishPart, (), (X43,), ["missing-upstream"]),
    (LinBNoUp, (), (X43,), ["missing-upstream"]),
    (LinMeanAll, (), (X43,), ["mean-for-sum", "wrong-axis"]),
    (SigSign, (), (X43,), ["wrong-sign"]),
    (SmaxSign, (), (X43,), ["wrong-sign"]),
    (LinTSq, (3, 3), (X43,), ["transposed"]),
    (LinGradTSq, (3, 3), (X43,), ["transposed"]),
    (MatmulT, (), (normal(2, 3, 4), normal(2, 4, 3)), ["swapped-factors", "transposed"]),
    (SigTwice, (), (X43,), ["wrong-derivative-argument"]),
    (TanNoSquare, (), (X43,), ["wrong-derivative", "wrong-derivative-argument"]),
    (ReluWrongSide, (), (X43,), ["wrong-derivative", "wrong-derivative-argument", "wrong-sign"]),
    (LinCopy, (), (X43,), ["overwrites"]),
    (ResNoSkip, (), (X43,), ["missing-term"]),
    (EmbDup, (), (torch.tensor([0, 2, 2, 1]),), ["duplicates-lost", "missing-term"]),
    (ReluInplaceX, (), (X43,), ["mutates"]),
    (LinUpdates, (), (X43,), ["mutates"]),
    (LinAxisRect, (3, 2), (normal(4, 3),), ["wrong-axis"]),
    (SmaxAll, (), (X43,), ["wrong-axis", "over-summed"]),
    (LNEps, (), (X43,), ["missing-constant"]),
    (BNEpsG, (), (X43,), ["missing-constant"]),
    (BNNoVar, (), (X43,), ["missing-term"]),
    (DropNoScale, (), (normal(6, 5),), ["wrong-factor", "missing-factor"]),
    (DropIdentity, (), (normal(6, 5),), ["passes-upstream", "missing-derivative"]),
    (DropSwap, (), (normal(6, 5),), ["wrong-factor"]),
    (SmaxDiag, (), (X43,), ["missing-term"]),
    (NoReturn, (), (X43,), ["returns-nothing"]),
    (FieldState, (), (X43,), ["stale-state"]),
    (AbsNoSign, (), (X43,), ["passes-upstream", "missing-derivative"]),
    (AddBroadcast, (), (normal(4, 3), normal(4, 1)), ["not-summed"]),
    (MseNoN, (), (normal(4, 3), normal(4, 3)), ["wrong-factor"]),
    (CeNoTarget, (), (normal(4, 3), torch.tensor([0, 1, 2, 1])), ["missing-term"]),
]
