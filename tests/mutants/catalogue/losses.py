"""Faults in losses."""

from pathlib import Path

from mutants.fault import Fault, planted

TABLE = "tests/conformance/test_conformance.py"
EDGES = "tests/conformance/edges"


def loss(file: str, name: str, *changes: tuple[str, str]) -> list[Fault]:
    """Faults of one loss, near its row of the conformance table and its own tests."""
    names = f"{name} or test_{Path(file).stem}"
    return planted(f"nn/loss/{file}", [TABLE, EDGES, "tests/nn/loss", "-k", names], *changes)


FAULTS = [
    *loss("regression.py", "MSELoss", ("(2 * self.upstream(", "(1 * self.upstream(")),
    *loss(
        "huber.py", "HuberLoss", ("difference.sub(clipped, alpha=0.5)", "difference.sub(clipped, alpha=1)")
    ),
    *loss(
        "huber.py", "SmoothL1Loss", ("if self.beta else difference.sign()", "if self.beta else difference")
    ),
    *loss("poisson.py", "PoissonNLLLoss", ("torch.where(t > 1, term", "torch.where(t >= 0.5, term")),
    *loss("quantile.py", "QuantileLoss", ("1 - q, q)", "q, 1 - q)")),
    *loss(
        "bce.py",
        "BCE",
        (".clamp(min=1e-12)", ".clamp(min=1e-6)"),
        ("log_no = (-p).log1p().clamp(min=-100)", "log_no = (-p).log1p()"),
        ("slope = pull * x.sigmoid() - yes", "slope = x.sigmoid() - yes"),
    ),
    *loss(
        "cross_entropy.py",
        "CrossEntropyLoss",
        ("(1 - e) * q + e / classes", "(1 - e) * q + e"),
        ("            dx.masked_fill_(dmass_sum == 0, 0)\n", "            pass\n"),
        ("x - x.amax(axis, keepdim=True) if", "x if"),
    ),
    *loss(
        "margin.py",
        "SoftMarginLoss or HingeEmbeddingLoss or MarginRankingLoss",
        ("narrow(-t * m.sigmoid()", "narrow(t * m.sigmoid()"),
        ("far & (short >= 0)", "far & (short >= 1)"),
        ("return dinput1, -dinput1", "return dinput1, dinput1"),
    ),
    *loss(
        "triplet.py",
        "TripletMarginLoss or TripletMarginWithDistanceLoss",
        ("-d_an - d_pn[0])", "-d_an)"),
        (".clamp(min=1)\n", "\n"),
        ("dn2 + dn3, dtype", "dn2, dtype"),
    ),
    *planted(
        "nn/common/pnorm.py",
        [TABLE, "tests/nn/loss/test_triplet.py", "-k", "Triplet or norms"],
        ("pow(p - 1)", "pow(p)"),
        (".masked_fill(x == 0, 0)", ""),
    ),
    *loss(
        "ctc.py",
        "CTCLoss",
        ("may_skip = labels[:, 2:] != labels[:, :-2]", "may_skip = labels[:, 2:] != self.blank"),
        ("clamp(min=1).to(x.dtype) if self.is_mean", "clamp(min=2).to(x.dtype) if self.is_mean"),
        ("dx.scatter_add_(2,", "dx.scatter_(2,"),
        ("(state == last) | (state == last - 1)", "state == last"),
    ),
    *loss("cosine.py", "CosineEmbeddingLoss", ("cosine * x / xx", "cosine * x / yy")),
    *loss(
        "kl.py",
        "KLDivLoss",
        ("dq = (gap + 1) * dlosses", "dq = gap * dlosses"),
        ("count = len(x) if", "count = x.numel() if"),
    ),
    *loss(
        "gaussian.py",
        "GaussianNLLLoss",
        ("share - dp * (difference / v)", "share - dp"),
        ("return dprediction, -dprediction, dvar", "return dprediction, dprediction, dvar"),
    ),
    *loss(
        "rows.py",
        "MultiMarginLoss or MultiLabelMarginLoss or MultiLabelSoftMarginLoss",
        ("weighed(slope, self.p * factor", "weighed(slope, factor"),
        ("(y >= 0).cumprod(1)", "(y >= 0).long()"),
        ("(x.sigmoid() - t) / max(x.shape[-1], 1)", "(x.sigmoid() - t)"),
    ),
    *loss(
        "adaptive.py",
        "AdaptiveLogSoftmaxWithLoss",
        ("g - widen(dloss) / len(entries)", "g + widen(dloss) / len(entries)"),
        ("(log_p.exp() * -g)", "(log_p.exp() * g)"),
        ("dx = dx.index_add(0, members,", "dx.index_add(0, members,"),
    ),
    *loss(
        "linear_cross_entropy.py",
        "LinearCrossEntropyLoss",
        ("weight.grad.add_(dz.T @ widen(rows))", "weight.grad.copy_(dz.T @ widen(rows))"),
        ("bias.grad.add_(dz.sum(0))", "bias.grad.add_(dz.mean(0))"),
        ("count += n", "count = n"),
    ),
    *loss("nll.py", "NLLLoss", ("= -self.upstream(dloss, count)", "= self.upstream(dloss, count)")),
    *loss("classes.py", "CrossEntropyLoss", ("mask = target != self.ignored", "mask = target >= 0")),
    *loss(
        "reduction.py",
        "Loss",
        ("share = 1 / count if count else 0.0", "share = 1 / count"),
        ("(weight * x).masked_fill_(weight == 0, 0)", "weight * x"),
        ("return low <= least.item() and greatest.item() <= high", "return low <= least.item()"),
    ),
]
