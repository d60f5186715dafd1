"""Wrong backward passes of many layers, which the rules had not seen when they were counted first."""

import torch

from plaingrad import Module, Parameter

from .layers import entering, normal

CASES: list = []
case = entering(CASES)
X = normal(5, 4)


@case((), (X,), ["missing-factor"])
class LearnedSlopeNoMask(Module):
    def __init__(self):
        self.slope = Parameter(torch.tensor(0.3))

    def forward(self, x):
        positive = x > 0
        y = torch.where(positive, x, self.slope.value * x)
        self.save((x, positive), y)
        return y

    def backward(self, dy):
        x, positive = self.restore(dy)
        self.slope.grad += (dy * x).sum()
        return torch.where(positive, dy, self.slope.value * dy)


@case((), (X,), ["wrong-derivative", "missing-term"])
class SoftsignNotSquared(Module):
    def forward(self, x):
        d = 1 + x.abs()
        y = x / d
        self.save(d, y)
        return y

    def backward(self, dy):
        d = self.restore(dy)
        return dy / d


@case((), (torch.rand(5, 4, generator=torch.Generator().manual_seed(5)) * 0.8 + 0.1,), ["wrong-derivative"])
class LogitTimesForOver(Module):
    def forward(self, x):
        y = torch.log(x) - torch.log(1 - x)
        self.save(x, y)
        return y

    def backward(self, dy):
        x = self.restore(dy)
        return dy * x * (1 - x)


class Cell(Module):
    def forward(self, i, f, g, o, c0):
        i, f, o, g = torch.sigmoid(i), torch.sigmoid(f), torch.sigmoid(o), torch.tanh(g)
        c = f * c0 + i * g
        t = torch.tanh(c)
        y = o * t
        self.save((i, f, g, o, c0, t), y)
        return y


GATES = tuple(normal(4, 3) for _ in range(5))


@case((), GATES, ["missing-derivative"])
class CellWithoutTanh(Cell):
    def backward(self, dy):
        i, f, g, o, c0, t = self.restore(dy)
        dc = dy * o
        di, df, do = dc * g * i * (1 - i), dc * c0 * f * (1 - f), dy * t * o * (1 - o)
        return di, df, dc * i * (1 - g * g), do, dc * f


@case((), GATES, ["swapped-factors", "wrong-derivative-argument"])
class CellWithGatesExchanged(Cell):
    def backward(self, dy):
        i, f, g, o, c0, t = self.restore(dy)
        dc = dy * o * (1 - t * t)
        di, df, do = dc * g * i * (1 - i), dc * c0 * f * (1 - f), dy * t * o * (1 - o)
        return di, df, dc * i * (1 - g * g), do, dc * i


@case((), (normal(4, 3), normal(4, 3)), ["missing-factor"])
class ResetGateWithoutState(Module):
    def forward(self, r, h):
        s = torch.sigmoid(r)
        n = torch.tanh(s * h)
        self.save((s, h, n), n)
        return n

    def backward(self, dn):
        s, _h, n = self.restore(dn)
        da = dn * (1 - n * n)
        return da * s * (1 - s), da * s


@case((), (X,), ["missing-term"])
class HighwayWithoutCarry(Module):
    def __init__(self):
        self.w = Parameter(normal(4, 4))
        self.u = Parameter(normal(4, 4))

    def forward(self, x):
        t, h = torch.sigmoid(x @ self.w.value), torch.relu(x @ self.u.value)
        y = t * h + (1 - t) * x
        self.save((x, t, h), y)
        return y

    def backward(self, dy):
        x, t, h = self.restore(dy)
        dt = dy * (h - x) * t * (1 - t)
        dh = dy * t * (h > 0)
        self.w.grad += x.T @ dt
        self.u.grad += x.T @ dh
        return dt @ self.w.value.T + dh @ self.u.value.T


@case((), (X,), ["missing-term"])
class WeightNormLengthHeldConstant(Module):
    def __init__(self):
        self.v = Parameter(normal(3, 4))
        self.g = Parameter(normal(3))

    def forward(self, x):
        length = self.v.value.norm(dim=1, keepdim=True)
        u = self.v.value / length
        y = x @ (self.g.value[:, None] * u).T
        self.save((x, u, length), y)
        return y

    def backward(self, dy):
        x, u, length = self.restore(dy)
        dw = dy.T @ x
        self.g.grad += (dw * u).sum(1)
        self.v.grad += dw * self.g.value[:, None] / length
        return dy @ (self.g.value[:, None] * u)


@case((), (normal(2, 3, 4),), ["not-summed", "missing-term"])
class NearestUpsamplingOneOfTwo(Module):
    def forward(self, x):
        y = x.repeat_interleave(2, 2)
        self.save(None, y)
        return y

    def backward(self, dy):
        self.restore(dy)
        return dy[:, :, ::2].clone()


@case((), (X,), ["missing-term"])
class SquaresBesideForgotten(Module):
    def forward(self, x):
        y = torch.cat([x, x * x], 1)
        self.save(x, y)
        return y

    def backward(self, dy):
        x = self.restore(dy)
        return dy[:, : x.shape[1]].clone()


@case((), (normal(3, 5, 2),), ["missing-factor"])
class MaskedMeanNoMask(Module):
    def forward(self, x):
        mask = (torch.arange(5) < 3).to(x.dtype)[:, None]
        y = (x * mask).sum(1) / mask.sum()
        self.save(mask, y)
        return y

    def backward(self, dy):
        mask = self.restore(dy)
        return (dy / mask.sum())[:, None].expand(len(dy), 5, -1)


@case((), (normal(5, 3), normal(5, 3), normal(5, 3)), ["wrong-sign"])
class TripletAnchorSign(Module):
    def forward(self, a, p, n):
        margin = ((a - p) ** 2).sum(1) - ((a - n) ** 2).sum(1) + 1
        loss = torch.relu(margin).mean()
        self.save((a, p, n, margin), loss)
        return loss

    def backward(self, dl):
        a, p, n, margin = self.restore(dl)
        g = (dl * (margin > 0) / len(a))[:, None]
        return 2 * g * ((a - p) + (a - n)), -2 * g * (a - p), 2 * g * (a - n)


@case(
    (), (normal(6), torch.tensor([0.0, 2, 1, 3, 1, 0])), ["wrong-derivative-argument", "missing-derivative"]
)
class PoissonOfLogRate(Module):
    differentiable = ("x",)

    def forward(self, x, t):
        loss = (torch.exp(x) - t * x).mean()
        self.save((x, t), loss)
        return loss

    def backward(self, dl):
        x, t = self.restore(dl)
        return dl * (x - t) / len(x), None


@case((), (normal(6), normal(6).abs() + 0.4), ["missing-term"])
class GaussianVarianceOnePath(Module):
    def forward(self, d, v):
        loss = 0.5 * (torch.log(v) + d * d / v).mean()
        self.save((d, v), loss)
        return loss

    def backward(self, dl):
        d, v = self.restore(dl)
        return dl * d / v / len(d), dl * 0.5 / v / len(d)


@case((), (X,), ["wrong-factor", "missing-factor"])
class TemperatureForgotten(Module):
    temperature = 2.5

    def forward(self, x):
        p = torch.softmax(x / self.temperature, 1)
        self.save(p, p)
        return p

    def backward(self, dy):
        p = self.restore(dy)
        return p * (dy - (p * dy).sum(1, keepdim=True))


@case((), (normal(3, 5, 4),), ["mean-for-sum"])
class PositionsMean(Module):
    def __init__(self):
        self.position = Parameter(normal(5, 4))

    def forward(self, x):
        y = x + self.position.value
        self.save(None, y)
        return y

    def backward(self, dy):
        self.restore(dy)
        self.position.grad += dy.mean(0)
        return dy


@case((), (X,), ["wrong-derivative-argument", "missing-derivative"])
class GainOfInputs(Module):
    def __init__(self):
        self.gain = Parameter(normal(4))

    def forward(self, x):
        c = x - x.mean(1, keepdim=True)
        r = torch.rsqrt(c.pow(2).mean(1, keepdim=True) + 1e-5)
        n = c * r
        y = n * self.gain.value
        self.save((x, n, r), y)
        return y

    def backward(self, dy):
        x, n, r = self.restore(dy)
        self.gain.grad += (dy * x).sum(0)
        g = dy * self.gain.value
        return r * (g - g.mean(1, keepdim=True) - n * (g * n).mean(1, keepdim=True))


@case((), (X,), ["overwrites"])
class BiasAssigned(Module):
    def __init__(self):
        self.bias = Parameter(normal(4))

    def forward(self, x):
        y = torch.relu(x + self.bias.value)
        self.save(y > 0, y)
        return y

    def backward(self, dy):
        dx = dy * self.restore(dy)
        self.bias.grad = dx.sum(0)
        return dx


@case((), (X,), ["missing-factor"])
class AffineSlopeWithoutInput(Module):
    def __init__(self):
        self.a = Parameter(normal(4))
        self.b = Parameter(normal(4))

    def forward(self, x):
        y = self.a.value * x + self.b.value
        self.save(x, y)
        return y

    def backward(self, dy):
        self.restore(dy)
        self.a.grad += dy.sum(0)
        self.b.grad += dy.sum(0)
        return dy * self.a.value


@case((), (normal(5, 3), normal(5, 3)), ["wrong-sign"])
class DistanceBothAlike(Module):
    def forward(self, a, b):
        y = (a - b).pow(2).sum(1).sqrt()
        self.save((a, b, y), y)
        return y

    def backward(self, dy):
        a, b, y = self.restore(dy)
        g = (dy / y)[:, None] * (a - b)
        return g, g.clone()


@case((), (normal(4, 3), normal(4, 3)), ["wrong-axis"])
class OuterProductOtherAxis(Module):
    def forward(self, a, b):
        y = a[:, :, None] * b[:, None, :]
        self.save((a, b), y)
        return y

    def backward(self, dy):
        a, b = self.restore(dy)
        return (dy * b[:, None, :]).sum(1), (dy * a[:, :, None]).sum(1)


@case((), (X,), ["transposed"])
class PermutationNotInverted(Module):
    order = (2, 0, 3, 1)

    def forward(self, x):
        y = x[:, list(self.order)]
        self.save(None, y)
        return y

    def backward(self, dy):
        self.restore(dy)
        return dy[:, list(self.order)]


@case((), (normal(6, 5),), ["wrong-derivative"])
class DropoutOfTheOthers(Module):
    keep = 0.7

    def forward(self, x):
        dropped = torch.rand_like(x) > self.keep
        y = x * (~dropped) / self.keep
        self.save(dropped, y)
        return y

    def backward(self, dy):
        dropped = self.restore(dy)
        return dy * dropped / self.keep


@case((), (X,), ["wrong-factor"])
class ParabolaNoTwo(Module):
    def __init__(self):
        self.a = Parameter(normal(4))
        self.b = Parameter(normal(4))

    def forward(self, x):
        y = self.a.value * x**2 + self.b.value * x
        self.save(x, y)
        return y

    def backward(self, dy):
        x = self.restore(dy)
        self.a.grad += (dy * x**2).sum(0)
        self.b.grad += (dy * x).sum(0)
        return dy * (self.a.value * x + self.b.value)


@case((), (normal(5, 2), normal(5, 2)), ["wrong-factor"])
class LogCoshNotDivided(Module):
    def forward(self, p, t):
        d = p - t
        loss = torch.log(torch.cosh(d)).mean()
        self.save(d, loss)
        return loss

    def backward(self, dl):
        d = self.restore(dl)
        g = dl * torch.tanh(d)
        return g, -g


@case((), (normal(3, 4, 5),), ["wrong-axis"])
class GroupMeanOfChannelsAlone(Module):
    def forward(self, x):
        c = x - x.mean((1, 2), keepdim=True)
        self.save(None, c)
        return c

    def backward(self, dy):
        self.restore(dy)
        return dy - dy.mean((0, 2), keepdim=True)


@case((), (X,), ["missing-factor"])
class SlopeOfSwishWithoutInput(Module):
    def __init__(self):
        self.beta = Parameter(normal(4))

    def forward(self, x):
        s = torch.sigmoid(self.beta.value * x)
        y = x * s
        self.save((x, s), y)
        return y

    def backward(self, dy):
        x, s = self.restore(dy)
        ds = dy * x * s * (1 - s)
        self.beta.grad += ds.sum(0)
        return dy * s + ds * self.beta.value


@case((), (normal(3, 4, 2),), ["mean-for-sum", "wrong-factor"])
class SumOverTimeDivided(Module):
    def forward(self, x):
        y = x.sum(1)
        self.save(x.shape, y)
        return y

    def backward(self, dy):
        shape = self.restore(dy)
        return (dy / shape[1])[:, None].expand(shape)
