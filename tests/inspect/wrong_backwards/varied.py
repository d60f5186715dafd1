"""Wrong backward passes of functions, losses and normalisations, written before the rules were looked at."""

import math

import torch

from plaingrad import Module, Parameter

from .layers import entering, normal

CASES: list = []
case = entering(CASES)
X = normal(5, 4)
POSITIVE = normal(5, 4).abs() + 0.5


@case((), (normal(5, 3), normal(5, 3)), ["swapped-factors", "transposed"])
class BilinearOtherOperandFirst(Module):
    def __init__(self):
        self.weight = Parameter(normal(2, 3, 3))

    def forward(self, a, b):
        y = torch.einsum("ni,oij,nj->no", a, self.weight.value, b)
        self.save((a, b), y)
        return y

    def backward(self, dy):
        a, b = self.restore(dy)
        self.weight.grad += torch.einsum("no,ni,nj->oij", dy, b, a)
        da = torch.einsum("no,oij,nj->ni", dy, self.weight.value, b)
        db = torch.einsum("no,oij,ni->nj", dy, self.weight.value, a)
        return da, db


@case((), (X,), ["missing-factor", "wrong-derivative-argument"])
class LowRankInputForHidden(Module):
    def __init__(self):
        self.a = Parameter(normal(4, 4))
        self.b = Parameter(normal(4, 2))

    def forward(self, x):
        h = x @ self.a.value
        y = h @ self.b.value
        self.save((x, h), y)
        return y

    def backward(self, dy):
        x, _h = self.restore(dy)
        self.b.grad += x.T @ dy
        dh = dy @ self.b.value.T
        self.a.grad += x.T @ dh
        return dh @ self.a.value.T


@case((), (X,), ["missing-term"])
class TiedWeightOnce(Module):
    def __init__(self):
        self.weight = Parameter(normal(4, 3) * 0.5)

    def forward(self, x):
        h = torch.tanh(x @ self.weight.value)
        y = h @ self.weight.value.T
        self.save((x, h), y)
        return y

    def backward(self, dy):
        x, h = self.restore(dy)
        da = dy @ self.weight.value * (1 - h**2)
        self.weight.grad += x.T @ da
        return da @ self.weight.value.T


@case((), (normal(3, 5, 4),), ["mean-for-sum"])
class SequenceBiasMeanOverTime(Module):
    def __init__(self):
        self.weight = Parameter(normal(4, 2))
        self.bias = Parameter(normal(2))

    def forward(self, x):
        y = x @ self.weight.value + self.bias.value
        self.save(x, y)
        return y

    def backward(self, dy):
        x = self.restore(dy)
        self.weight.grad += x.flatten(0, 1).T @ dy.flatten(0, 1)
        self.bias.grad += dy.sum(0).mean(0)
        return dy @ self.weight.value.T


@case((), (X,), ["missing-factor", "wrong-factor"])
class EluNoAlpha(Module):
    alpha = 1.5

    def forward(self, x):
        y = torch.where(x > 0, x, self.alpha * (torch.exp(x) - 1))
        self.save(x, y)
        return y

    def backward(self, dy):
        x = self.restore(dy)
        return dy * torch.where(x > 0, torch.ones_like(x), torch.exp(x))


@case((), (X,), ["wrong-derivative", "missing-term"])
class LeakyAsRelu(Module):
    slope = 0.2

    def forward(self, x):
        y = torch.where(x > 0, x, self.slope * x)
        self.save(x, y)
        return y

    def backward(self, dy):
        x = self.restore(dy)
        return dy * (x > 0)


@case((), (X,), ["wrong-derivative"])
class SoftplusOneDerivativeTooMany(Module):
    def forward(self, x):
        y = torch.log1p(torch.exp(x))
        self.save(x, y)
        return y

    def backward(self, dy):
        x = self.restore(dy)
        s = torch.sigmoid(x)
        return dy * s * (1 - s)


@case((), (X,), ["missing-term"])
class GeluNoDensity(Module):
    def forward(self, x):
        cdf = 0.5 * (1 + torch.erf(x / math.sqrt(2)))
        y = x * cdf
        self.save(cdf, y)
        return y

    def backward(self, dy):
        cdf = self.restore(dy)
        return dy * cdf


@case((), (X,), ["passes-upstream", "missing-derivative", "missing-factor"])
class HardtanhNoMask(Module):
    def forward(self, x):
        y = x.clamp(-0.7, 0.7)
        self.save(x, y)
        return y

    def backward(self, dy):
        self.restore(dy)
        return dy


@case((), (X,), ["wrong-derivative-argument"])
class SwishOutputForInput(Module):
    def forward(self, x):
        s = 1 / (1 + torch.exp(-x))
        y = x * s
        self.save((x, s, y), y)
        return y

    def backward(self, dy):
        _x, s, y = self.restore(dy)
        return dy * (s + y * s * (1 - s))


@case((), (X,), ["wrong-sign"])
class SigmoidFromExponentialSign(Module):
    def forward(self, x):
        e = torch.exp(-x)
        y = 1 / (1 + e)
        self.save(e, y)
        return y

    def backward(self, dy):
        e = self.restore(dy)
        return -dy * e / (1 + e) ** 2


@case((), (normal(5, 6),), ["missing-factor"])
class GluGateWithoutOperand(Module):
    def forward(self, x):
        a, b = x.chunk(2, -1)
        s = torch.sigmoid(b)
        y = a * s
        self.save((a, s), y)
        return y

    def backward(self, dy):
        _a, s = self.restore(dy)
        return torch.cat([dy * s, dy * s * (1 - s)], -1)


@case((), (X,), ["wrong-factor"])
class SquaredReluNoTwo(Module):
    def forward(self, x):
        r = torch.relu(x)
        y = r * r
        self.save(r, y)
        return y

    def backward(self, dy):
        r = self.restore(dy)
        return dy * r


@case((), (X,), ["wrong-derivative-argument"])
class SineOfOutput(Module):
    def forward(self, x):
        y = torch.sin(x)
        self.save(y, y)
        return y

    def backward(self, dy):
        y = self.restore(dy)
        return dy * torch.cos(y)


@case((), (normal(6, 3), normal(6, 3)), ["missing-upstream"])
class AbsoluteErrorNoUpstream(Module):
    def forward(self, p, t):
        d = p - t
        loss = d.abs().mean()
        self.save(d, loss)
        return loss

    def backward(self, dl):
        d = self.restore(dl)
        g = torch.sign(d) / d.numel()
        return g, -g


@case((), (normal(6, 3) * 2, normal(6, 3)), ["wrong-derivative", "missing-factor"])
class HuberAsSquare(Module):
    delta = 0.8

    def forward(self, p, t):
        d = p - t
        square, line = 0.5 * d**2, self.delta * (d.abs() - 0.5 * self.delta)
        loss = torch.where(d.abs() < self.delta, square, line).mean()
        self.save(d, loss)
        return loss

    def backward(self, dl):
        d = self.restore(dl)
        g = dl * d / d.numel()
        return g, -g


@case((), (normal(6), normal(6).sigmoid()), ["wrong-derivative"])
class LogitLossWithSigmoidTwice(Module):
    differentiable = ("z",)

    def forward(self, z, t):
        loss = (z.clamp(min=0) - z * t + torch.log1p(torch.exp(-z.abs()))).mean()
        self.save((z, t), loss)
        return loss

    def backward(self, dl):
        z, t = self.restore(dl)
        s = torch.sigmoid(z)
        return dl * (s - t) * s * (1 - s) / len(z), None


@case((), (normal(6, 3), torch.tensor([0, 2, 1, 1, 0, 2])), ["wrong-factor"])
class CrossEntropyOverClasses(Module):
    def forward(self, z, t):
        logp = z - z.logsumexp(-1, keepdim=True)
        loss = -logp[torch.arange(len(t)), t].mean()
        self.save((logp, t), loss)
        return loss

    def backward(self, dl):
        logp, t = self.restore(dl)
        g = logp.exp()
        g[torch.arange(len(t)), t] -= 1
        return dl * g / logp.shape[1], None


@case(
    (),
    (torch.tensor([2.0, -0.5, 0.3, -1.5, -2.0, 0.4]), torch.tensor([1.0, -1, 1, 1, -1, -1])),
    ["missing-factor", "missing-derivative"],
)
class HingeNoMask(Module):
    differentiable = ("s",)

    def forward(self, s, t):
        margin = 1 - t * s
        loss = margin.clamp(min=0).mean()
        self.save((margin, t), loss)
        return loss

    def backward(self, dl):
        _margin, t = self.restore(dl)
        return -dl * t / len(t), None


@case((), (normal(5, 3), normal(5, 3)), ["missing-term"])
class CosineNormsHeldConstant(Module):
    def forward(self, a, b):
        na, nb = a.norm(dim=-1, keepdim=True), b.norm(dim=-1, keepdim=True)
        y = (a * b).sum(-1, keepdim=True) / (na * nb)
        self.save((a, b, na, nb), y)
        return y

    def backward(self, dy):
        a, b, na, nb = self.restore(dy)
        return dy * b / (na * nb), dy * a / (na * nb)


class RMSNorm(Module):
    def __init__(self):
        self.gain = Parameter(normal(4).abs() + 0.5)

    def forward(self, x):
        r = torch.rsqrt((x * x).mean(-1, keepdim=True) + 1e-3)
        n = x * r
        y = n * self.gain.value
        self.save((x, r, n), y)
        return y


@case((), (X,), ["missing-term"])
class RMSNormRootHeldConstant(RMSNorm):
    def backward(self, dy):
        _x, r, n = self.restore(dy)
        self.gain.grad += (dy * n).sum(0)
        return dy * self.gain.value * r


@case((), (X,), ["wrong-factor"])
class RMSNormSumForMean(RMSNorm):
    def backward(self, dy):
        _x, r, n = self.restore(dy)
        self.gain.grad += (dy * n).sum(0)
        g = dy * self.gain.value
        return r * (g - n * (g * n).sum(-1, keepdim=True))


@case((), (X,), ["wrong-axis"])
class UnitLengthOverBatch(Module):
    def forward(self, x):
        n = x.norm(dim=-1, keepdim=True)
        y = x / n
        self.save((y, n), y)
        return y

    def backward(self, dy):
        y, n = self.restore(dy)
        return (dy - y * (dy * y).sum(0, keepdim=True)) / n


@case((), (normal(2, 3, 4, 4),), ["mean-for-sum"])
class ImageNormBetaMean(Module):
    def __init__(self):
        self.gamma = Parameter(normal(3))
        self.beta = Parameter(normal(3))

    def forward(self, x):
        mean, var = x.mean((0, 2, 3), keepdim=True), x.var((0, 2, 3), keepdim=True, unbiased=False)
        r = 1 / torch.sqrt(var + 1e-5)
        n = (x - mean) * r
        y = n * self.gamma.value[:, None, None] + self.beta.value[:, None, None]
        self.save((n, r), y)
        return y

    def backward(self, dy):
        n, r = self.restore(dy)
        self.gamma.grad += (dy * n).sum((0, 2, 3))
        self.beta.grad += dy.mean((0, 2, 3))
        g = dy * self.gamma.value[:, None, None]
        m = g.mean((0, 2, 3), keepdim=True)
        return r * (g - m - n * (g * n).mean((0, 2, 3), keepdim=True))


@case((), (X,), ["missing-factor"])
class LayerNormWithoutDeviation(Module):
    def forward(self, x):
        c = x - x.mean(-1, keepdim=True)
        r = 1 / torch.sqrt((c**2).mean(-1, keepdim=True) + 1e-5)
        n = c * r
        self.save((n, r), n)
        return n

    def backward(self, dy):
        n, _r = self.restore(dy)
        return dy - dy.mean(-1, keepdim=True) - n * (dy * n).mean(-1, keepdim=True)


@case((), (X,), ["mean-for-sum"])
class LogSoftmaxMean(Module):
    def forward(self, x):
        y = x - torch.logsumexp(x, -1, keepdim=True)
        self.save(y, y)
        return y

    def backward(self, dy):
        y = self.restore(dy)
        return dy - torch.exp(y) * dy.mean(-1, keepdim=True)


@case((), (X,), ["mean-for-sum"])
class ScaleMean(Module):
    def __init__(self):
        self.scale = Parameter(torch.tensor(1.3))

    def forward(self, x):
        y = self.scale.value * x
        self.save(x, y)
        return y

    def backward(self, dy):
        x = self.restore(dy)
        self.scale.grad += (dy * x).mean()
        return dy * self.scale.value


@case((), (POSITIVE,), ["missing-factor"])
class PowerWithoutLogarithm(Module):
    def __init__(self):
        self.power = Parameter(normal(4))

    def forward(self, x):
        y = x**self.power.value
        self.save((x, y), y)
        return y

    def backward(self, dy):
        x, y = self.restore(dy)
        self.power.grad += (dy * y).sum(0)
        return dy * self.power.value * y / x


@case((), (X,), ["missing-term", "passes-upstream"])
class CentreMeanHeldConstant(Module):
    def forward(self, x):
        y = x - x.mean(0)
        self.save(None, y)
        return y

    def backward(self, dy):
        self.restore(dy)
        return dy


@case((), (X,), ["mutates"])
class RectifierChangesUpstream(Module):
    def forward(self, x):
        y = torch.relu(x)
        self.save(x <= 0, y)
        return y

    def backward(self, dy):
        dead = self.restore(dy)
        dy[dead] = 0
        return dy
