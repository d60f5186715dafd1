"""Wrong backward passes of many layers, counted when the rules were finished."""

import torch

from plaingrad import Module, Parameter

from .layers import entering, normal

CASES: list = []
case = entering(CASES)
X = normal(5, 4)


@case((), (X,), ["wrong-derivative-argument"])
class SoftmaxOfInputs(Module):
    def forward(self, x):
        p = torch.softmax(x, 1)
        self.save(x, p)
        return p

    def backward(self, dp):
        x = self.restore(dp)
        return x * (dp - (dp * x).sum(1, keepdim=True))


@case((), (X,), ["missing-factor", "missing-derivative"])
class LogSumExpNotDivided(Module):
    def forward(self, x):
        e = torch.exp(x)
        y = torch.log(e.sum(1, keepdim=True))
        self.save(e, y)
        return y

    def backward(self, dy):
        e = self.restore(dy)
        return dy * e


@case((), (normal(6, 2), normal(6, 2)), ["wrong-sign"])
class SquaresTargetSign(Module):
    def forward(self, p, t):
        loss = ((p - t) ** 2).mean()
        self.save((p, t), loss)
        return loss

    def backward(self, dl):
        p, t = self.restore(dl)
        g = dl * 2 * (p - t) / p.numel()
        return g, g.clone()


@case((), (normal(3, 4, 2),), ["mean-for-sum"])
class SharedProductMean(Module):
    def __init__(self):
        self.w = Parameter(normal(2, 5))

    def forward(self, x):
        y = torch.tanh(torch.matmul(x, self.w.value))
        self.save((x, y), y)
        return y

    def backward(self, dy):
        x, y = self.restore(dy)
        da = dy * (1 - y * y)
        self.w.grad += (x.mT @ da).mean(0)
        return da @ self.w.value.T


@case((), (normal(3, 2, 5),), ["not-summed"])
class ChannelBiasOfOneSample(Module):
    def __init__(self):
        self.bias = Parameter(normal(2))

    def forward(self, x):
        y = x + self.bias.value[:, None]
        self.save(None, y)
        return y

    def backward(self, dy):
        self.restore(dy)
        self.bias.grad += dy[0].sum(-1)
        return dy


@case((), (normal(3, 8),), ["missing-factor", "missing-derivative"])
class RootPoolNotDivided(Module):
    def forward(self, x):
        windows = x.reshape(3, 4, 2)
        y = windows.pow(2).sum(-1).sqrt()
        self.save(windows, y)
        return y

    def backward(self, dy):
        windows = self.restore(dy)
        return (dy[..., None] * windows).reshape(3, 8)


@case((), (normal(3, 4, 2),), ["missing-derivative"])
class CarryWithoutTanh(Module):
    def __init__(self):
        self.w = Parameter(normal(2, 3) * 0.5)
        self.u = Parameter(normal(3, 3) * 0.5)

    def forward(self, x):
        states = [x.new_zeros(len(x), 3)]
        for t in range(x.shape[1]):
            states.append(torch.tanh(x[:, t] @ self.w.value + states[-1] @ self.u.value))
        self.save((x, states), states[-1])
        return states[-1]

    def backward(self, dh):
        x, states = self.restore(dh)
        dx = torch.zeros_like(x)
        for t in reversed(range(x.shape[1])):
            da = dh * (1 - states[t + 1] ** 2)
            self.w.grad += x[:, t].T @ da
            self.u.grad += states[t].T @ da
            dx[:, t] = da @ self.w.value.T
            dh = dh @ self.u.value.T
        return dx


@case((), (normal(4, 3), normal(4, 3), normal(4, 3)), ["wrong-sign"])
class UpdateGateTurned(Module):
    def forward(self, a, h, n):
        z = torch.sigmoid(a)
        y = (1 - z) * h + z * n
        self.save((z, h, n), y)
        return y

    def backward(self, dy):
        z, h, n = self.restore(dy)
        return dy * (h - n) * z * (1 - z), dy * (1 - z), dy * z


@case((), (normal(7).sigmoid(), (normal(7) > 0).float()), ["missing-term"])
class BinaryEntropyOneTerm(Module):
    differentiable = ("p",)

    def forward(self, p, t):
        loss = -(t * torch.log(p) + (1 - t) * torch.log(1 - p)).mean()
        self.save((p, t), loss)
        return loss

    def backward(self, dl):
        p, t = self.restore(dl)
        return -dl * t / p / len(p), None


@case((), (normal(5, 3).sigmoid(),), ["missing-term"])
class EntropyWithoutOne(Module):
    def forward(self, p):
        y = -(p * torch.log(p)).sum(1)
        self.save(p, y)
        return y

    def backward(self, dy):
        p = self.restore(dy)
        return -dy[:, None] * torch.log(p)


@case((), (normal(2, 3, 5),), ["missing-term"])
class InstanceVarianceHeldConstant(Module):
    def forward(self, x):
        var, mean = torch.var_mean(x, 2, keepdim=True, unbiased=False)
        r = torch.rsqrt(var + 1e-4)
        y = (x - mean) * r
        self.save(r, y)
        return y

    def backward(self, dy):
        r = self.restore(dy)
        return r * (dy - dy.mean(2, keepdim=True))


@case((), (X,), ["wrong-derivative"])
class MaximumToMinimum(Module):
    def forward(self, x):
        y = x.max(1, keepdim=True).values
        self.save(x, y)
        return y

    def backward(self, dy):
        x = self.restore(dy)
        return torch.zeros_like(x).scatter(1, x.argmin(1, keepdim=True), dy)


@case((), (normal(2, 3, 4), normal(2, 3, 4)), ["wrong-factor"])
class ScoresScaledUp(Module):
    def forward(self, q, k):
        p = torch.softmax(q @ k.mT / 2, -1)
        self.save((q, k, p), p)
        return p

    def backward(self, dp):
        q, k, p = self.restore(dp)
        ds = p * (dp - (dp * p).sum(-1, keepdim=True)) * 2
        return ds @ k, ds.mT @ q


@case((), (X,), ["wrong-sign"])
class SwishSecondTermSign(Module):
    def forward(self, x):
        s = torch.sigmoid(x)
        y = x * s
        self.save((x, s), y)
        return y

    def backward(self, dy):
        x, s = self.restore(dy)
        return dy * (s + x * s * (s - 1))


@case((), (X,), ["wrong-derivative"])
class SlopesExchanged(Module):
    slope = 0.15

    def forward(self, x):
        y = torch.where(x > 0, x, self.slope * x)
        self.save(x, y)
        return y

    def backward(self, dy):
        x = self.restore(dy)
        return torch.where(x > 0, self.slope * dy, dy)


@case((), (normal(6, 4),), ["missing-factor"])
class ResidualDropoutNoMask(Module):
    keep = 0.5

    def forward(self, x):
        t = torch.tanh(x)
        mask = (torch.rand_like(x) < self.keep).to(x.dtype) / self.keep
        y = x + t * mask
        self.save((t, mask), y)
        return y

    def backward(self, dy):
        t, _mask = self.restore(dy)
        return dy + dy * (1 - t * t)


@case((), (X,), ["wrong-derivative-argument"])
class WeightsOfPreactivation(Module):
    def __init__(self):
        self.w = Parameter(normal(4, 3))
        self.u = Parameter(normal(3, 2))

    def forward(self, x):
        a = x @ self.w.value
        h = torch.relu(a)
        y = h @ self.u.value
        self.save((x, a), y)
        return y

    def backward(self, dy):
        x, a = self.restore(dy)
        self.u.grad += a.T @ dy
        da = dy @ self.u.value.T * (a > 0)
        self.w.grad += x.T @ da
        return da @ self.w.value.T


@case((), (X,), ["wrong-derivative-argument"])
class SquaredSumOfInputs(Module):
    def forward(self, x):
        s = x.sum(1, keepdim=True)
        y = s * s
        self.save((x, s), y)
        return y

    def backward(self, dy):
        x, _s = self.restore(dy)
        return 2 * dy * x


@case((), (X,), ["missing-term"])
class LargestHeldConstant(Module):
    def forward(self, x):
        top = x.abs().amax(1, keepdim=True)
        y = x / top
        self.save(top, y)
        return y

    def backward(self, dy):
        return dy / self.restore(dy)


@case((), (normal(4, 3), normal(4, 3)), ["wrong-sign"])
class CrossProductOrder(Module):
    def forward(self, a, b):
        y = torch.linalg.cross(a, b)
        self.save((a, b), y)
        return y

    def backward(self, dy):
        a, b = self.restore(dy)
        return torch.linalg.cross(dy, b), torch.linalg.cross(dy, a)


@case((), (X,), ["wrong-sign"])
class DifferenceAdds(Module):
    def forward(self, x):
        y = x[:, 1:] - x[:, :-1]
        self.save(x, y)
        return y

    def backward(self, dy):
        dx = torch.zeros_like(self.restore(dy))
        dx[:, 1:] += dy
        dx[:, :-1] += dy
        return dx
