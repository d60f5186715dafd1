"""Wrong backward passes of normalisation."""

import torch

from plaingrad import Buffer, Module, Parameter

from .layers import entering, normal

CASES: list = []
case = entering(CASES)


class RmsNorm(Module):
    eps = 0.05

    def __init__(self, f=4):
        self.gamma = Parameter(torch.rand(f) + 0.5)

    def forward(self, x):
        r = torch.rsqrt((x * x).mean(-1, keepdim=True) + self.eps)
        y = x * r * self.gamma.value
        self.save((x, r), y)
        return y

    def backward(self, dy):
        x, r = self.restore(dy)
        self.gamma.grad += (dy * x * r).sum(0)
        g = dy * self.gamma.value
        return r * g - x * r**3 * (g * x).mean(-1, keepdim=True)


@case((), (normal(3, 4),), ["missing-term"])
class RmsNoProjection(RmsNorm):
    def backward(self, dy):
        x, r = self.restore(dy)
        self.gamma.grad += torch.sum(dy * x * r, dim=0)
        return dy * self.gamma.value * r


@case((), (normal(3, 4),), ["missing-constant"])
class RmsNoEps(RmsNorm):
    def backward(self, dy):
        x, r = self.restore(dy)
        rms = x.pow(2).mean(-1, keepdim=True).sqrt()
        self.gamma.grad += (dy * x * r).sum(0)
        g = dy * self.gamma.value
        return g / rms - x * (g * x).mean(-1, keepdim=True) / rms**3


class GroupNorm(Module):
    def __init__(self, c=4, groups=2):
        self.gamma = Parameter(torch.rand(c) + 0.5)
        self.beta = Parameter(normal(c))
        self.groups = groups

    def forward(self, x):
        n, c, length = x.shape
        z = x.reshape(n, self.groups, -1)
        m = z.mean(-1, keepdim=True)
        inv = torch.rsqrt(((z - m) ** 2).mean(-1, keepdim=True) + 1e-5)
        xh = ((z - m) * inv).reshape(n, c, length)
        y = xh * self.gamma.value[:, None] + self.beta.value[:, None]
        self.save((xh, inv), y)
        return y

    def backward(self, dy):
        xh, inv = self.restore(dy)
        self.gamma.grad += (dy * xh).sum((0, 2))
        self.beta.grad += dy.sum((0, 2))
        n, c, length = dy.shape
        g = (dy * self.gamma.value[:, None]).reshape(n, self.groups, -1)
        z = xh.reshape(n, self.groups, -1)
        dx = inv * (g - g.mean(-1, keepdim=True) - z * (g * z).mean(-1, keepdim=True))
        return dx.reshape(n, c, length)


@case((), (normal(2, 4, 3),), ["missing-upstream"])
class GroupNormGamma(GroupNorm):
    def backward(self, dy):
        xh, inv = self.restore(dy)
        self.gamma.grad += xh.sum((0, 2))
        self.beta.grad += dy.sum((0, 2))
        n, c, length = dy.shape
        g = (dy * self.gamma.value[:, None]).reshape(n, self.groups, -1)
        z = xh.reshape(n, self.groups, -1)
        dx = inv * (g - g.mean(-1, keepdim=True) - z * (g * z).mean(-1, keepdim=True))
        return dx.reshape(n, c, length)


@case((), (normal(2, 4, 3),), ["wrong-axis"])
class GroupNormAsLayer(GroupNorm):
    """The means run over the positions of a channel, not over its group."""

    def backward(self, dy):
        xh, inv = self.restore(dy)
        self.gamma.grad += (dy * xh).sum((0, 2))
        self.beta.grad += dy.sum((0, 2))
        n, c, length = dy.shape
        g = dy * self.gamma.value[:, None]
        g, z = g.reshape(n, self.groups, -1, length), xh.reshape(n, self.groups, -1, length)
        dx = inv[..., None] * (g - g.mean(-1, keepdim=True) - z * (g * z).mean(-1, keepdim=True))
        return dx.reshape(n, c, length)


class InstanceNorm(Module):
    def forward(self, x):
        m = x.mean((2, 3), keepdim=True)
        inv = torch.rsqrt(((x - m) ** 2).mean((2, 3), keepdim=True) + 1e-5)
        y = (x - m) * inv
        self.save((y, inv), y)
        return y

    def backward(self, dy):
        y, inv = self.restore(dy)
        m1 = dy.mean((2, 3), keepdim=True)
        m2 = (dy * y).mean((2, 3), keepdim=True)
        return inv * (dy - m1 - y * m2)


@case((), (normal(2, 3, 2, 3),), ["wrong-axis", "over-summed"])
class InstanceNormBatch(InstanceNorm):
    def backward(self, dy):
        y, inv = self.restore(dy)
        m1 = dy.mean((0, 2, 3), keepdim=True)
        m2 = (dy * y).mean((0, 2, 3), keepdim=True)
        return inv * (dy - m1 - y * m2)


@case((), (normal(2, 3, 2, 3),), ["missing-factor"])
class InstanceNormNoY(InstanceNorm):
    """The last term lacks the normalised input."""

    def backward(self, dy):
        y, inv = self.restore(dy)
        m1 = dy.mean((2, 3), keepdim=True)
        m2 = (dy * y).mean((2, 3), keepdim=True)
        return inv * (dy - m1 - m2)


class BatchNorm(Module):
    eps = 1e-3

    def __init__(self, c=3):
        self.gamma = Parameter(torch.rand(c) + 0.5)
        self.beta = Parameter(normal(c))
        self.mean = Buffer(torch.zeros(c))

    def forward(self, x):
        m = x.mean(0)
        if self.training:
            self.mean.value = 0.9 * self.mean.value + 0.1 * m.detach()
        d = x - m
        var = (d * d).mean(0)
        inv = 1 / torch.sqrt(var + self.eps)
        y = self.gamma.value * d * inv + self.beta.value
        self.save((x, d, inv), y)
        return y

    def step(self, x, d, inv, dy):
        n = len(x)
        dd = dy * self.gamma.value
        dvar = (dd * d).sum(0) * -0.5 * inv**3
        dmean = -(dd * inv).sum(0)
        return dd * inv + dvar * 2 * d / n + dmean / n

    def backward(self, dy):
        x, d, inv = self.restore(dy)
        self.gamma.grad += (dy * d * inv).sum(0)
        self.beta.grad += dy.sum(0)
        return self.step(x, d, inv, dy)


@case((), (normal(5, 3),), ["wrong-factor"])
class BatchNormHalf(BatchNorm):
    """The 2 of the square is left out."""

    def step(self, x, d, inv, dy):
        n = len(x)
        dd = dy * self.gamma.value
        dvar = (dd * d).sum(0) * -0.5 * inv**3
        dmean = -(dd * inv).sum(0)
        return dd * inv + dvar * d / n + dmean / n


@case((), (normal(5, 3),), ["wrong-sign"])
class BatchNormSign(BatchNorm):
    def step(self, x, d, inv, dy):
        n = len(x)
        dd = dy * self.gamma.value
        dvar = (dd * d).sum(0) * 0.5 * inv**3
        dmean = -(dd * inv).sum(0)
        return dd * inv + dvar * 2 * d / n + dmean / n


@case((), (normal(5, 3),), ["stale-state", "wrong-derivative-argument"])
class BatchNormRunning(BatchNorm):
    """Takes the running mean in backward, which was moved."""

    def backward(self, dy):
        x, d, inv = self.restore(dy)
        self.gamma.grad += (dy * (x - self.mean.value) * inv).sum(0)
        self.beta.grad += dy.sum(0)
        return self.step(x, d, inv, dy)


class LayerNorm(Module):
    eps = 1e-2

    def __init__(self, f=4):
        self.gamma = Parameter(torch.rand(f) + 0.5)
        self.beta = Parameter(normal(f))

    def forward(self, x):
        m = x.mean(-1, keepdim=True)
        v = x.var(-1, keepdim=True, unbiased=False)
        xh = (x - m) / torch.sqrt(v + self.eps)
        y = xh * self.gamma.value + self.beta.value
        self.save((xh, v), y)
        return y

    def backward(self, dy):
        xh, v = self.restore(dy)
        self.gamma.grad += (dy * xh).sum(0)
        self.beta.grad += dy.sum(0)
        g = dy * self.gamma.value
        centred = g - g.mean(-1, keepdim=True) - xh * (g * xh).mean(-1, keepdim=True)
        return centred / torch.sqrt(v + self.eps)


@case((), (normal(3, 4),), ["missing-factor"])
class LayerNormNoGamma(LayerNorm):
    def backward(self, dy):
        xh, v = self.restore(dy)
        self.gamma.grad += (dy * xh).sum(0)
        self.beta.grad += dy.sum(0)
        g = dy
        centred = g - g.mean(-1, keepdim=True) - xh * (g * xh).mean(-1, keepdim=True)
        return centred / torch.sqrt(v + self.eps)


@case((), (normal(3, 4),), ["missing-derivative", "wrong-derivative"])
class LayerNormVariance(LayerNorm):
    """Divides by the variance, not by its root."""

    def backward(self, dy):
        xh, v = self.restore(dy)
        self.gamma.grad += (dy * xh).sum(0)
        self.beta.grad += dy.sum(0)
        g = dy * self.gamma.value
        centred = g - g.mean(-1, keepdim=True) - xh * (g * xh).mean(-1, keepdim=True)
        return centred / (v + self.eps)
