"""Wrong backward passes of losses."""

import torch

from plaingrad import nn

from .layers import entering, normal

CASES: list = []
case = entering(CASES)


def one(dloss):
    return 1.0 if dloss is None else dloss


class CrossEntropy(nn.Loss):
    def forward(self, prediction, target):
        p = torch.softmax(prediction, 1)
        n = torch.arange(len(target))
        loss = -torch.log(p[n, target]).mean()
        self.save((p, target), loss)
        return loss

    def backward(self, dloss=None):
        p, target = self.restore(dloss)
        d = p.clone()
        d[torch.arange(len(target)), target] -= 1
        return one(dloss) * d / len(target)


CLASSES = torch.tensor([0, 2, 1, 2])


@case((), (normal(4, 3), CLASSES), ["missing-upstream"])
class CrossEntropyNoUpstream(CrossEntropy):
    def backward(self, dloss=None):
        p, target = self.restore(dloss)
        d = p.clone()
        d[torch.arange(len(target)), target] -= 1
        return d / len(target)


@case((), (normal(4, 3), CLASSES), ["wrong-factor"])
class CrossEntropyByElements(CrossEntropy):
    def backward(self, dloss=None):
        p, target = self.restore(dloss)
        d = p - torch.eye(p.shape[1], dtype=p.dtype)[target]
        return one(dloss) * d / d.numel()


@case((), (normal(4, 3), CLASSES), ["wrong-axis"])
class CrossEntropyTransposedIndex(CrossEntropy):
    """Takes the 1 from every row of the class's columns."""

    def backward(self, dloss=None):
        p, target = self.restore(dloss)
        d = p.clone()
        d[:, target] -= 1
        return one(dloss) * d / len(target)


class Smoothed(nn.Loss):
    def __init__(self):
        super().__init__()
        self.e = 0.2

    def forward(self, prediction, target):
        logp = prediction - torch.logsumexp(prediction, 1, keepdim=True)
        nll = -logp[torch.arange(len(target)), target]
        uniform = -logp.mean(1)
        loss = ((1 - self.e) * nll + self.e * uniform).mean()
        self.save((logp, target), loss)
        return loss

    def backward(self, dloss=None):
        logp, target = self.restore(dloss)
        n, c = logp.shape
        hot = torch.zeros_like(logp)
        hot[torch.arange(n), target] = 1
        p = torch.exp(logp)
        return one(dloss) / n * ((1 - self.e) * (p - hot) + self.e * (p - 1 / c))


@case((), (normal(4, 3), CLASSES), ["missing-term"])
class SmoothedOnlyNll(Smoothed):
    def backward(self, dloss=None):
        logp, target = self.restore(dloss)
        n, _c = logp.shape
        hot = torch.zeros_like(logp)
        hot[torch.arange(n), target] = 1
        return one(dloss) / n * (1 - self.e) * (torch.exp(logp) - hot)


class Kl(nn.Loss):
    """KL(target || exp(prediction)), the mean over the batch."""

    def forward(self, prediction, target):
        loss = (target * (torch.log(target) - prediction)).sum() / len(target)
        self.save(target, loss)
        return loss

    def backward(self, dloss=None):
        target = self.restore(dloss)
        return -one(dloss) * target / len(target)


@case((), (torch.log_softmax(normal(4, 3), 1), torch.softmax(normal(4, 3), 1)), ["wrong-sign"])
class KlSign(Kl):
    def backward(self, dloss=None):
        target = self.restore(dloss)
        return one(dloss) * target / len(target)


class Huber(nn.Loss):
    delta = 0.7

    def forward(self, prediction, target):
        e = prediction - target
        small = 0.5 * e * e
        big = self.delta * (e.abs() - 0.5 * self.delta)
        loss = torch.where(e.abs() <= self.delta, small, big).mean()
        self.save(e, loss)
        return loss

    def backward(self, dloss=None):
        e = self.restore(dloss)
        return one(dloss) * e.clamp(-self.delta, self.delta) / e.numel()


@case((), (normal(4, 3), normal(4, 3)), ["wrong-derivative"])
class HuberSquare(Huber):
    """The gradient of the square everywhere."""

    def backward(self, dloss=None):
        e = self.restore(dloss)
        return one(dloss) * e / e.numel()


@case((), (normal(4, 3), normal(4, 3)), ["wrong-factor", "missing-factor"])
class HuberNoDelta(Huber):
    """The sign, not delta times the sign."""

    def backward(self, dloss=None):
        e = self.restore(dloss)
        d = torch.where(e.abs() <= self.delta, e, torch.sign(e))
        return one(dloss) * d / e.numel()


class Hinge(nn.Loss):
    def forward(self, prediction, target):
        m = (1 - target * prediction).clamp(min=0)
        loss = m.mean()
        self.save((m, target), loss)
        return loss

    def backward(self, dloss=None):
        m, target = self.restore(dloss)
        return -one(dloss) * target * (m > 0) / m.numel()


@case(
    (),
    (
        torch.tensor([[0.3], [1.7], [-0.4], [2.2], [-1.9], [0.8]]),
        torch.tensor([[1.0], [1.0], [1.0], [-1.0], [-1.0], [1.0]]),
    ),
    ["missing-factor", "missing-derivative"],
)
class HingeNoMargin(Hinge):
    def backward(self, dloss=None):
        m, target = self.restore(dloss)
        return -one(dloss) * target / m.numel()


class Triplet(nn.Loss):
    differentiable = ("anchor", "positive", "negative")

    def forward(self, anchor, positive, negative):
        dp, dn = anchor - positive, anchor - negative
        m = ((dp * dp).sum(1) - (dn * dn).sum(1) + 2.0).clamp(min=0)
        loss = m.mean()
        self.save((dp, dn, m), loss)
        return loss

    def backward(self, dloss=None):
        dp, dn, m = self.restore(dloss)
        g = one(dloss) * (m > 0)[:, None] * 2 / len(m)
        return g * (dp - dn), -g * dp, g * dn


TRIPLE = (normal(5, 3), normal(5, 3), normal(5, 3))


@case((), TRIPLE, ["missing-term"])
class TripletAnchor(Triplet):
    def backward(self, dloss=None):
        dp, dn, m = self.restore(dloss)
        g = one(dloss) * (m > 0)[:, None] * 2 / len(m)
        return g * dp, -g * dp, g * dn


@case((), TRIPLE, ["wrong-sign"])
class TripletNegative(Triplet):
    def backward(self, dloss=None):
        dp, dn, m = self.restore(dloss)
        g = one(dloss) * (m > 0)[:, None] * 2 / len(m)
        return g * (dp - dn), -g * dp, -g * dn


class WeightedNll(nn.Loss):
    def forward(self, prediction, target):
        w = torch.tensor([0.5, 2.0, 1.5])[target]
        n = torch.arange(len(target))
        loss = -(w * prediction[n, target]).sum() / w.sum()
        self.save((prediction.shape, w, target), loss)
        return loss

    def backward(self, dloss=None):
        size, w, target = self.restore(dloss)
        d = w.new_zeros(size)
        d[torch.arange(len(target)), target] = -one(dloss) * w / w.sum()
        return d


@case((), (normal(4, 3), CLASSES), ["wrong-factor"])
class WeightedNllByN(WeightedNll):
    def backward(self, dloss=None):
        size, w, target = self.restore(dloss)
        d = w.new_zeros(size)
        d[torch.arange(len(target)), target] = -one(dloss) * w / len(w)
        return d


@case((), (normal(4, 3), CLASSES), ["missing-factor"])
class WeightedNllNoWeights(WeightedNll):
    def backward(self, dloss=None):
        size, w, target = self.restore(dloss)
        d = w.new_zeros(size)
        d[torch.arange(len(target)), target] = -one(dloss) / w.sum()
        return d


class Focal(nn.Loss):
    """Binary, of probabilities' logits; gamma 2."""

    def forward(self, prediction, target):
        p = torch.sigmoid(prediction)
        pt = torch.where(target > 0, p, 1 - p)
        loss = (-((1 - pt) ** 2) * torch.log(pt)).mean()
        self.save((pt, target), loss)
        return loss

    def backward(self, dloss=None):
        pt, target = self.restore(dloss)
        dpt = 2 * (1 - pt) * torch.log(pt) - (1 - pt) ** 2 / pt
        sign = torch.where(target > 0, 1.0, -1.0)
        return one(dloss) * dpt * pt * (1 - pt) * sign / pt.numel()


@case((), (normal(5, 2), (normal(5, 2) > 0).double()), ["missing-term"])
class FocalConstantWeight(Focal):
    def backward(self, dloss=None):
        pt, target = self.restore(dloss)
        dpt = -((1 - pt) ** 2) / pt
        sign = torch.where(target > 0, 1.0, -1.0)
        return one(dloss) * dpt * pt * (1 - pt) * sign / pt.numel()


@case((), (normal(5, 2), (normal(5, 2) > 0).double()), ["wrong-sign"])
class FocalNoSign(Focal):
    """The sign of the negatives is forgotten."""

    def backward(self, dloss=None):
        pt, _target = self.restore(dloss)
        dpt = 2 * (1 - pt) * torch.log(pt) - (1 - pt) ** 2 / pt
        return one(dloss) * dpt * pt * (1 - pt) / pt.numel()


class BceProbability(nn.Loss):
    """Of probabilities, with a sigmoid inside."""

    def forward(self, prediction, target):
        p = torch.sigmoid(prediction)
        loss = -(target * torch.log(p) + (1 - target) * torch.log(1 - p)).mean()
        self.save((p, target), loss)
        return loss

    def backward(self, dloss=None):
        p, target = self.restore(dloss)
        dp = -target / p + (1 - target) / (1 - p)
        return one(dloss) * dp * p * (1 - p) / p.numel()


@case((), (normal(4, 2), torch.sigmoid(normal(4, 2))), ["missing-derivative"])
class BceNoSigmoid(BceProbability):
    def backward(self, dloss=None):
        p, target = self.restore(dloss)
        dp = -target / p + (1 - target) / (1 - p)
        return one(dloss) * dp / p.numel()
