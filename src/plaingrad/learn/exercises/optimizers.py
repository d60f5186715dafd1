r"""SGD with momentum, and Adam.

Write the steps of two update rules. Each gets parameters, which are pairs of a value and a gradient, and
changes the values in place; gradients stay as they are.

.. math::
    \text{Momentum:} \quad & v \leftarrow \mu v + g, \qquad \theta \leftarrow \theta - \eta v \\
    \text{Adam:} \quad & m \leftarrow \beta_1 m + (1 - \beta_1)\, g, \qquad
        s \leftarrow \beta_2 s + (1 - \beta_2)\, g^2, \\
        & \hat m = \frac{m}{1 - \beta_1^t}, \qquad \hat s = \frac{s}{1 - \beta_2^t}, \qquad
        \theta \leftarrow \theta - \eta\, \frac{\hat m}{\sqrt{\hat s} + \epsilon}

Shapes: a value, its gradient g, and the state v, m and s have the same.

Example, which ``python -m doctest optimizers.py`` tries::

    >>> import torch
    >>> parameter = Parameter(torch.tensor([1.0]))
    >>> rule = Momentum([parameter], lr=0.1, momentum=0.9)
    >>> for _ in range(2):
    ...     parameter.grad[:] = 0.5
    ...     rule.step()
    ...     print(parameter.value)
    tensor([0.9500])
    tensor([0.8550])
    >>> parameter = Parameter(torch.tensor([1.0]))
    >>> rule = Adam([parameter], lr=0.1, betas=(0.9, 0.99), eps=1e-8)
    >>> for grad in (0.5, 5.0):
    ...     parameter.grad[:] = grad
    ...     rule.step()
    ...     print(parameter.value)
    tensor([0.9000])
    tensor([0.8195])

Source: D. Kingma, J. Ba, "Adam: a method for stochastic optimization", 2015.
"""

from __future__ import annotations

import torch

from plaingrad.parameter import Parameter


class Momentum:
    """Stochastic gradient descent with momentum."""

    def __init__(self, parameters: list[Parameter], lr: float, momentum: float) -> None:
        self.parameters, self.lr, self.momentum = parameters, lr, momentum
        self.velocities = [torch.zeros_like(value) for value, _ in parameters]

    def step(self) -> None:
        """Change every value once."""
        for (value, grad), v in zip(self.parameters, self.velocities):
            # --- blank velocity: change v in place, as the first equation says
            v.mul_(self.momentum).add_(grad)
            # --- end
            # --- blank descent: change value in place, from self.lr and v
            value.sub_(self.lr * v)
            # --- end


class Adam:
    """Steps of adaptive size."""

    def __init__(
        self, parameters: list[Parameter], lr: float, betas: tuple[float, float], eps: float
    ) -> None:
        self.parameters, self.lr, self.betas, self.eps = parameters, lr, betas, eps
        self.means = [torch.zeros_like(value) for value, _ in parameters]
        self.squares = [torch.zeros_like(value) for value, _ in parameters]
        self.t = 0

    def step(self) -> None:
        """Change every value once."""
        self.t += 1
        beta1, beta2 = self.betas
        for (value, grad), m, s in zip(self.parameters, self.means, self.squares):
            # --- blank moments: change m and s in place
            m.mul_(beta1).add_((1 - beta1) * grad)
            s.mul_(beta2).add_((1 - beta2) * grad**2)
            # --- end
            # --- blank correction: m_hat and s_hat, from m, s, beta1, beta2 and self.t
            m_hat = m / (1 - beta1**self.t)
            s_hat = s / (1 - beta2**self.t)
            # --- end
            # --- blank adaptive: change value in place, from self.lr, m_hat, s_hat and self.eps
            value.sub_(self.lr * m_hat / (s_hat.sqrt() + self.eps))
            # --- end


# --- teacher

TOPIC = "optimisation"
PARTS = {"Momentum": 2, "Adam": 3}
HINTS = [
    "v.mul_(...) and v.add_(...) change v in place; v = ... would only give another tensor the name v.",
    "Both rules walk down: they subtract. Adam divides by a root, so eps is added after the root is taken.",
    "v.mul_(self.momentum).add_(grad), and then value.sub_(self.lr * v)",
    "m.mul_(beta1).add_((1 - beta1) * grad), and likewise s with beta2 and grad ** 2",
    "m_hat = m / (1 - beta1 ** self.t), and value.sub_(self.lr * m_hat / (s_hat.sqrt() + self.eps))",
]
WRONG = [
    ("the velocity before is forgotten", "velocity", "v.copy_(grad)", ["missing-term"]),
    ("it walks up instead of down", "descent", "value.add_(self.lr * v)", ["wrong-sign"]),
    (
        "the gradient is weighed with 1 - momentum",
        "velocity",
        "v.mul_(self.momentum).add_((1 - self.momentum) * grad)",
        ["wrong-factor"],
    ),
    ("the gradient in place of the velocity", "descent", "value.sub_(self.lr * grad)", ["missing-term"]),
    ("the value is not changed in place", "descent", "value = value - self.lr * v", ["returns-nothing"]),
    ("the correction is left out", "correction", "m_hat, s_hat = m, s", ["missing-factor"]),
    (
        "the correction does not follow the step",
        "correction",
        "m_hat, s_hat = m / (1 - beta1), s / (1 - beta2)",
        ["missing-factor"],
    ),
    (
        "the betas are exchanged",
        "moments",
        "m.mul_(beta2).add_((1 - beta2) * grad)\ns.mul_(beta1).add_((1 - beta1) * grad**2)",
        ["swapped-factors"],
    ),
    (
        "the gradient is not squared",
        "moments",
        "m.mul_(beta1).add_((1 - beta1) * grad)\ns.mul_(beta2).add_((1 - beta2) * grad.abs())",
        ["missing-factor"],
    ),
    (
        "the root is left out",
        "adaptive",
        "value.sub_(self.lr * m_hat / (s_hat + self.eps))",
        ["wrong-derivative"],
    ),
    (
        "eps is under the root",
        "adaptive",
        "value.sub_(self.lr * m_hat / (s_hat + self.eps).sqrt())",
        ["wrong-derivative-argument"],
    ),
    (
        "it adds the step of Adam",
        "adaptive",
        "value.add_(self.lr * m_hat / (s_hat.sqrt() + self.eps))",
        ["wrong-sign"],
    ),
]
CASES = [("Momentum", (0.1, 0.8), ["4,3", "5"]), ("Adam", (0.1, (0.8, 0.95), 1e-3), ["4,3", "5"])]
