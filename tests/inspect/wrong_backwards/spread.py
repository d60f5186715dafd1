"""Wrong backward passes that leave parts out, spread sums, or go along another axis."""

import torch

from plaingrad import Module, Parameter

from .layers import entering, normal

CASES: list = []
case = entering(CASES)
STATE = (normal(4, 3), (normal(4, 2), normal(4, 2)))


class SeqLinear(Module):
    def __init__(self, i=3, o=2):
        self.weight = Parameter(normal(i, o))
        self.bias = Parameter(normal(o))

    def forward(self, x):
        y = x @ self.weight.value + self.bias.value
        self.save(x, y)
        return y

    def backward(self, dy):
        x = self.restore(dy)
        self.weight.grad += torch.einsum("nti,nto->io", x, dy)
        self.bias.grad += dy.sum((0, 1))
        return dy @ self.weight.value.T


@case((), (normal(4, 5, 3),), ["missing-term", "not-summed"])
class SeqLinearFirstStep(SeqLinear):
    def backward(self, dy):
        x = self.restore(dy)
        for t in range(1, x.shape[1]):
            self.weight.grad += x[:, t].T @ dy[:, t]
        self.bias.grad += dy.sum((0, 1))
        return dy @ self.weight.value.T


class LstmCell(Module):
    def __init__(self, i=3, h=2):
        self.w = Parameter(normal(i, 4 * h))
        self.u = Parameter(normal(h, 4 * h))
        self.b = Parameter(normal(4 * h))

    def forward(self, x, state):
        h, c = state
        i, f, g, o = (x @ self.w.value + h @ self.u.value + self.b.value).chunk(4, 1)
        i, f, g, o = torch.sigmoid(i), torch.sigmoid(f), torch.tanh(g), torch.sigmoid(o)
        c2 = f * c + i * g
        tc = torch.tanh(c2)
        h2 = o * tc
        self.save((x, h, c, i, f, g, o, tc), (h2, c2))
        return h2, c2

    def backward(self, dh2, dc2):
        x, h, c, i, f, g, o, tc = self.restore(dh2, dc2)
        dh2 = torch.zeros_like(tc) if dh2 is None else dh2
        dc = dh2 * o * (1 - tc**2)
        if dc2 is not None:
            dc = dc + dc2
        da = torch.cat(
            [dc * g * i * (1 - i), dc * c * f * (1 - f), dc * i * (1 - g**2), dh2 * tc * o * (1 - o)], 1
        )
        self.w.grad += x.T @ da
        self.u.grad += h.T @ da
        self.b.grad += da.sum(0)
        return da @ self.w.value.T, (da @ self.u.value.T, dc * f)


@case((), STATE, ["missing-term", "missing-upstream"])
class LstmNoCell(LstmCell):
    def backward(self, dh2, dc2):
        x, h, c, i, f, g, o, tc = self.restore(dh2, dc2)
        dh2 = torch.zeros_like(tc) if dh2 is None else dh2
        dc = dh2 * o * (1 - tc**2)
        da = torch.cat(
            [dc * g * i * (1 - i), dc * c * f * (1 - f), dc * i * (1 - g**2), dh2 * tc * o * (1 - o)], 1
        )
        self.w.grad += x.T @ da
        self.u.grad += h.T @ da
        self.b.grad += da.sum(0)
        return da @ self.w.value.T, (da @ self.u.value.T, dc * f)


class WeightNorm(Module):
    def __init__(self, i=4, o=3):
        self.v = Parameter(normal(o, i))
        self.g = Parameter(normal(o, 1))

    def forward(self, x):
        norm = self.v.value.norm(dim=1, keepdim=True)
        u = self.v.value / norm
        y = x @ (self.g.value * u).T
        self.save((x, u, norm), y)
        return y

    def backward(self, dy):
        x, u, norm = self.restore(dy)
        dw = dy.T @ x
        self.g.grad += (dw * u).sum(1, keepdim=True)
        du = dw * self.g.value
        self.v.grad += (du - u * (du * u).sum(1, keepdim=True)) / norm
        return dy @ (self.g.value * u)


@case((), (normal(5, 4),), ["missing-factor"])
class WeightNormRaw(WeightNorm):
    def backward(self, dy):
        x, u, norm = self.restore(dy)
        dw = dy.T @ x
        self.g.grad += (dw * self.v.value).sum(1, keepdim=True)
        du = dw * self.g.value
        self.v.grad += (du - u * (du * u).sum(1, keepdim=True)) / norm
        return dy @ (self.g.value * u)


@case((), STATE, ["wrong-derivative"])
class LstmCandidateSigmoid(LstmCell):
    def backward(self, dh2, dc2):
        x, h, c, i, f, g, o, tc = self.restore(dh2, dc2)
        dh2 = torch.zeros_like(tc) if dh2 is None else dh2
        dc2 = torch.zeros_like(tc) if dc2 is None else dc2
        dc = dc2 + dh2 * o * (1 - tc**2)
        di, df, dg, do = dc * g, dc * c, dc * i, dh2 * tc
        da = torch.cat([di * i * (1 - i), df * f * (1 - f), dg * g * (1 - g), do * o * (1 - o)], 1)
        self.w.grad += x.T @ da
        self.u.grad += h.T @ da
        self.b.grad += da.sum(0)
        return da @ self.w.value.T, (da @ self.u.value.T, dc * f)


class Conv2d(Module):
    """x: (batch, in, height, width), by unfold."""

    def __init__(self, i=2, o=3, k=2):
        self.weight = Parameter(normal(o, i, k, k))
        self.bias = Parameter(normal(o))

    def forward(self, x):
        k = self.weight.value.shape[-1]
        patches = x.unfold(2, k, 1).unfold(3, k, 1)
        y = torch.einsum("nihwab,oiab->nohw", patches, self.weight.value) + self.bias.value[:, None, None]
        self.save((x.shape, patches), y)
        return y

    def backward(self, dy):
        size, patches = self.restore(dy)
        self.weight.grad += torch.einsum("nihwab,nohw->oiab", patches, dy)
        self.bias.grad += dy.sum((0, 2, 3))
        dx = dy.new_zeros(size)
        k, (h, w) = self.weight.value.shape[-1], dy.shape[2:]
        for a in range(k):
            for b in range(k):
                dx[:, :, a : a + h, b : b + w] += torch.einsum(
                    "nohw,oi->nihw", dy, self.weight.value[:, :, a, b]
                )
        return dx


@case((), (normal(2, 2, 4, 5),), ["mean-for-sum"])
class Conv2dBiasMean(Conv2d):
    def backward(self, dy):
        size, patches = self.restore(dy)
        self.weight.grad += torch.einsum("nihwab,nohw->oiab", patches, dy)
        self.bias.grad += dy.mean((2, 3)).sum(0)
        dx = dy.new_zeros(size)
        k, (h, w) = self.weight.value.shape[-1], dy.shape[2:]
        for a in range(k):
            for b in range(k):
                dx[:, :, a : a + h, b : b + w] += torch.einsum(
                    "nohw,oi->nihw", dy, self.weight.value[:, :, a, b]
                )
        return dx


class MaxPool2d(Module):
    def forward(self, x):
        n, c, h, w = x.shape
        windows = x.reshape(n, c, h // 2, 2, w // 2, 2)
        y = windows.amax((3, 5))
        self.save((windows, y), y)
        return y

    def backward(self, dy):
        windows, y = self.restore(dy)
        mask = windows == y[:, :, :, None, :, None]
        d = mask * dy[:, :, :, None, :, None]
        n, c, h, _, w, _ = windows.shape
        return d.reshape(n, c, 2 * h, 2 * w)


@case((), (normal(2, 2, 4, 4),), ["missing-factor", "missing-derivative"])
class MaxPoolEverywhere(MaxPool2d):
    def backward(self, dy):
        self.restore(dy)
        return dy.repeat_interleave(2, 2).repeat_interleave(2, 3)


class ChannelBias(Module):
    def __init__(self, c=3):
        self.bias = Parameter(normal(c, 1))

    def forward(self, x):
        y = torch.exp(x + self.bias.value)
        self.save(y, y)
        return y

    def backward(self, dy):
        y = self.restore(dy)
        self.bias.grad += (dy * y).sum((0, 2))[:, None]
        return dy * y


@case((), (normal(2, 3, 4),), ["over-summed"])
class ChannelBiasAll(ChannelBias):
    def backward(self, dy):
        y = self.restore(dy)
        dx = dy * y
        self.bias.grad += dx.sum()
        return dx


class Softmax1(Module):
    """Over the second of three axes."""

    def forward(self, x):
        s = torch.softmax(x, 1)
        self.save((x, s), s)
        return s

    def backward(self, dy):
        _x, s = self.restore(dy)
        return s * (dy - (dy * s).sum(1, keepdim=True))


@case((), (normal(2, 3, 4),), ["wrong-axis"])
class Softmax1Last(Softmax1):
    def backward(self, dy):
        _x, s = self.restore(dy)
        inner = torch.einsum("nct,nct->nc", dy, s)
        return s * (dy - inner[:, :, None])


@case((), (normal(2, 3, 4),), ["missing-factor"])
class Softmax1NoOuter(Softmax1):
    def backward(self, dy):
        _x, s = self.restore(dy)
        return dy * s - (dy * s).sum(1, keepdim=True)


class LogSoftmax(Module):
    def forward(self, x):
        y = x - torch.logsumexp(x, 1, keepdim=True)
        self.save(y, y)
        return y

    def backward(self, dy):
        y = self.restore(dy)
        return dy - torch.exp(y) * dy.sum(1, keepdim=True)


@case((), (normal(4, 3),), ["missing-factor"])
class LogSoftmaxNoProbability(LogSoftmax):
    def backward(self, dy):
        self.restore(dy)
        return dy - dy.sum(1, keepdim=True)


class Cosine(Module):
    def forward(self, a, b):
        na, nb = a.norm(dim=1, keepdim=True), b.norm(dim=1, keepdim=True)
        y = (a * b).sum(1, keepdim=True) / (na * nb)
        self.save((a, b, na, nb, y), y)
        return y

    def backward(self, dy):
        a, b, na, nb, y = self.restore(dy)
        return dy * (b / (na * nb) - y * a / na**2), dy * (a / (na * nb) - y * b / nb**2)


@case((), (normal(4, 3), normal(4, 3)), ["missing-factor", "wrong-derivative"])
class CosineNoSquare(Cosine):
    def backward(self, dy):
        a, b, na, nb, y = self.restore(dy)
        return dy * (b / (na * nb) - y * a / na), dy * (a / (na * nb) - y * b / nb**2)


class LogSumExp(Module):
    def forward(self, x):
        y = torch.logsumexp(x, 1)
        self.save((x, y), y)
        return y

    def backward(self, dy):
        x, y = self.restore(dy)
        return dy[:, None] * torch.exp(x - y[:, None])


@case((), (normal(4, 3),), ["missing-factor", "missing-derivative"])
class LogSumExpNoNormaliser(LogSumExp):
    """exp(x), not divided by its sum."""

    def backward(self, dy):
        x, _y = self.restore(dy)
        return dy.unsqueeze(1) * torch.exp(x)


class Flip(Module):
    def forward(self, x):
        y = x.flip(1)
        self.save(None, y)
        return y

    def backward(self, dy):
        self.restore(dy)
        return dy.flip(1)


@case((), (normal(3, 4),), ["wrong-axis"])
class FlipRows(Flip):
    def backward(self, dy):
        self.restore(dy)
        return torch.flip(dy, dims=[0])


class Weighed(Module):
    """The mean of vectors by weights of their own."""

    def forward(self, a, x):
        y = (a.unsqueeze(2) * x).sum(1)
        self.save((a, x), y)
        return y

    def backward(self, dy):
        a, x = self.restore(dy)
        return (dy.unsqueeze(1) * x).sum(2), dy.unsqueeze(1) * a.unsqueeze(2)


@case((), (normal(3, 4), normal(3, 4, 2)), ["not-summed"])
class WeighedUnsummed(Weighed):
    def backward(self, dy):
        a, x = self.restore(dy)
        return dy.unsqueeze(1) * x, dy.unsqueeze(1) * a.unsqueeze(2)
