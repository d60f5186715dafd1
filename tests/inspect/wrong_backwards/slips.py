"""Wrong backward passes of a few kinds, in several layers each: outputs, windows, kernels, masks."""

import torch
from torch.nn import functional as F

from plaingrad import Module, Parameter

from .layers import entering, normal

CASES: list = []
case = entering(CASES)
X = normal(5, 4)


SHIFTED = ["wrong-derivative", "wrong-derivative-argument"]


@case((), (X,), SHIFTED)
class EluOutputForExponential(Module):
    def forward(self, x):
        y = torch.where(x > 0, x, torch.exp(x) - 1)
        self.save((x, y), y)
        return y

    def backward(self, dy):
        x, y = self.restore(dy)
        return dy * torch.where(x > 0, torch.ones_like(x), y)


@case((), (X,), SHIFTED)
class EluOfPartsOutputForExponential(Module):
    alpha = 1.3

    def forward(self, x):
        y = x.clamp(min=0) + self.alpha * torch.expm1(x.clamp(max=0))
        self.save(y, y)
        return y

    def backward(self, dy):
        y = self.restore(dy)
        dx = dy.clone()
        dx[y < 0] = (dy * y)[y < 0]
        return dx


@case((), (X,), SHIFTED)
class EluOfTorchOutputForExponential(Module):
    alpha = 0.8

    def forward(self, x):
        y = F.elu(x, self.alpha)
        self.save(y, y)
        return y

    def backward(self, dy):
        y = self.restore(dy)
        return torch.where(y > 0, dy, dy * y)


@case((), (X,), ["wrong-derivative-argument"])
class WrittenSigmoidInputForOutput(Module):
    def forward(self, x):
        y = 1 / (1 + torch.exp(-x))
        self.save(x, y)
        return y

    def backward(self, dy):
        x = self.restore(dy)
        return dy * x * (1 - x)


@case((), (X,), ["wrong-derivative-argument"])
class WrittenTanhInputForOutput(Module):
    def forward(self, x):
        e = torch.exp(2 * x)
        y = (e - 1) / (e + 1)
        self.save(x, y)
        return y

    def backward(self, dy):
        x = self.restore(dy)
        return dy * (1 - x**2)


@case((), (X,), ["wrong-derivative-argument"])
class DenseWrittenSigmoidInputForOutput(Module):
    def __init__(self):
        self.weight = Parameter(normal(4, 3))

    def forward(self, x):
        a = x @ self.weight.value
        y = torch.reciprocal(torch.exp(-a) + 1)
        self.save((x, a), y)
        return y

    def backward(self, dy):
        x, a = self.restore(dy)
        da = dy * a * (1 - a)
        self.weight.grad += x.T @ da
        return da @ self.weight.value.T


OVERLAP = ["duplicates-lost", "missing-term"]


@case((), (normal(2, 7),), OVERLAP)
class WindowMeansAssigned(Module):
    def forward(self, x):
        y = torch.stack([x[:, i : i + 3].mean(1) for i in range(0, 5, 2)], 1)
        self.save(x, y)
        return y

    def backward(self, dy):
        x = self.restore(dy)
        dx = torch.zeros_like(x)
        for i in range(3):
            dx[:, 2 * i : 2 * i + 3] = dy[:, i : i + 1] / 3
        return dx


@case((), (normal(2, 3, 8),), OVERLAP)
class TapsAssigned(Module):
    def __init__(self):
        self.weight = Parameter(normal(2, 3, 3))

    def forward(self, x):
        y = F.conv1d(x, self.weight.value)
        self.save(x, y)
        return y

    def backward(self, dy):
        x = self.restore(dy)
        dx = torch.zeros_like(x)
        n = dy.shape[2]
        for k in range(3):
            self.weight.grad[:, :, k] += torch.einsum("not,nct->oc", dy, x[:, :, k : k + n])
            dx[:, :, k : k + n].copy_(torch.einsum("oc,not->nct", self.weight.value[:, :, k], dy))
        return dx


@case((), (normal(2, 2, 6, 6),), OVERLAP)
class OverlappingPoolAssigned(Module):
    def forward(self, x):
        y = F.avg_pool2d(x, 3, 1)
        self.save(x.shape, y)
        return y

    def backward(self, dy):
        dx = dy.new_zeros(self.restore(dy))
        for n in range(dx.shape[0]):
            for c in range(dx.shape[1]):
                for i in range(dy.shape[2]):
                    for j in range(dy.shape[3]):
                        dx[n, c, i : i + 3, j : j + 3] = dy[n, c, i, j] / 9
        return dx


@case((), (normal(2, 2, 6),), ["transposed"])
class SameConvolutionOfUpstream(Module):
    def __init__(self):
        self.weight = Parameter(normal(2, 2, 3))

    def forward(self, x):
        y = F.conv1d(x, self.weight.value, padding=1)
        self.save(x, y)
        return y

    def backward(self, dy):
        x = self.restore(dy)
        self.weight.grad += F.conv1d(x.transpose(0, 1), dy.transpose(0, 1), padding=1).transpose(0, 1)
        return F.conv1d(dy, self.weight.value.transpose(0, 1), padding=1)


@case((), (normal(2, 2, 5, 5),), ["transposed"])
class KernelReversedForNothing(Module):
    def __init__(self):
        self.weight = Parameter(normal(3, 2, 2, 2))

    def forward(self, x):
        y = F.conv2d(x, self.weight.value)
        self.save(x, y)
        return y

    def backward(self, dy):
        x = self.restore(dy)
        self.weight.grad += F.conv2d(x.transpose(0, 1), dy.transpose(0, 1)).transpose(0, 1)
        return F.conv_transpose2d(dy, self.weight.value.flip(2, 3))


@case((), (normal(3, 6),), ["transposed"])
class KernelGradientReversed(Module):
    def __init__(self):
        self.kernel = Parameter(normal(3))

    def forward(self, x):
        y = x.unfold(1, 3, 1) @ self.kernel.value
        self.save(x, y)
        return y

    def backward(self, dy):
        x = self.restore(dy)
        self.kernel.grad += torch.stack([(x[:, 2 - k : 6 - k] * dy).sum() for k in range(3)])
        dx = torch.zeros_like(x)
        for k in range(3):
            dx[:, k : k + 4] += dy * self.kernel.value[k]
        return dx


@case((), (X,), ["missing-factor", "missing-derivative"])
class ScaledRectifierNoMask(Module):
    def forward(self, x):
        y = 3 * torch.where(x > 0, x, torch.zeros_like(x))
        self.save(x, y)
        return y

    def backward(self, dy):
        self.restore(dy)
        return 3 * dy


@case((), (X,), ["missing-factor", "wrong-derivative"])
class EluExponentialEverywhere(Module):
    def forward(self, x):
        y = torch.where(x > 0, x, torch.exp(x) - 1)
        self.save(x, y)
        return y

    def backward(self, dy):
        x = self.restore(dy)
        return dy * torch.exp(x)


@case((), (X,), ["missing-factor"])
class MaskedScoresNoMask(Module):
    def __init__(self):
        self.weight = Parameter(normal(4, 4))

    def forward(self, x):
        s = x @ self.weight.value
        dead = torch.arange(4) % 2 == 0
        y = torch.tanh(s).masked_fill(dead, 0)
        self.save((x, torch.tanh(s)), y)
        return y

    def backward(self, dy):
        x, t = self.restore(dy)
        ds = dy * (1 - t * t)
        self.weight.grad += x.T @ ds
        return ds @ self.weight.value.T


@case((), (X,), SHIFTED)
class LogSoftmaxOutputForProbabilities(Module):
    def forward(self, x):
        y = F.log_softmax(x, 1)
        self.save(y, y)
        return y

    def backward(self, dy):
        y = self.restore(dy)
        return dy - y * dy.sum(1, keepdim=True)


@case((), (normal(6, 3), torch.tensor([0, 2, 1, 1, 0, 2])), SHIFTED)
class LikelihoodOfLogarithms(Module):
    def forward(self, z, t):
        logp = z - torch.log(torch.exp(z).sum(1, keepdim=True))
        loss = -logp[torch.arange(len(t)), t].mean()
        self.save((logp, t), loss)
        return loss

    def backward(self, dl):
        logp, t = self.restore(dl)
        onehot = F.one_hot(t, logp.shape[1])
        return dl * (logp - onehot) / len(t), None


@case((), (normal(4, 4),), ["wrong-axis"])
class LogSumExpAlongTheBatch(Module):
    def forward(self, x):
        y = x.logsumexp(1, keepdim=True)
        self.save(x, y)
        return y

    def backward(self, dy):
        x = self.restore(dy)
        return dy * x.softmax(0)


@case((), (normal(5, 4),), ["wrong-derivative", "missing-factor"])
class ClampWithOneBound(Module):
    def forward(self, x):
        y = x.clamp(-0.5, 0.5)
        self.save(x, y)
        return y

    def backward(self, dy):
        x = self.restore(dy)
        return dy * (x < 0.5)


@case((), (normal(4, 3), normal(4, 3)), ["swapped-factors"])
class CosineReturnsTheGradientsInTurn(Module):
    def forward(self, a, b):
        na, nb = a.norm(dim=1, keepdim=True), b.norm(dim=1, keepdim=True)
        y = (a * b).sum(1, keepdim=True) / (na * nb)
        self.save((a, b, na, nb, y), y)
        return y

    def backward(self, dy):
        a, b, na, nb, y = self.restore(dy)
        da = dy * (b / (na * nb) - y * a / na**2)
        db = dy * (a / (na * nb) - y * b / nb**2)
        return db, da


@case((), (normal(3, 4), normal(5, 4), normal(5, 2)), ["missing-term"])
class AttentionByTheDiagonal(Module):
    def forward(self, q, k, v):
        p = (q @ k.mT / 2).softmax(-1)
        y = p @ v
        self.save((q, k, v, p), y)
        return y

    def backward(self, dy):
        q, k, v, p = self.restore(dy)
        ds = p * (1 - p) * (dy @ v.mT) / 2
        return ds @ k, ds.mT @ q, p.mT @ dy


@case((), (normal(3, 4),), ["missing-factor"])
class ScaleWithoutTheNorm(Module):
    def __init__(self):
        self.scale = Parameter(normal(4))

    def forward(self, x):
        r = (x.square().mean(-1, keepdim=True) + 1e-5).rsqrt()
        y = x * r * self.scale.value
        self.save((x, r), y)
        return y

    def backward(self, dy):
        x, r = self.restore(dy)
        self.scale.grad += (dy * x).sum(0)
        d = dy * self.scale.value
        return r * d - x * r**3 * (d * x).mean(-1, keepdim=True)
