"""Whom plaingrad is compared with: a file for each form in which a library is used.

A library's first form is the usual one, which its documentation teaches. The others are what an expert would
write to have these very networks trained fast.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np

    from benchmarks.workloads import Workload


class Contender(Protocol):
    """Trains one workload, again and again from the same start.

    It is made from a workload, its data ``x`` and ``y``, and the start: weight (outputs, inputs) and bias of
    each layer. What can be done once, such as building the network, is done there and is not timed.
    """

    def train(self, epochs: int, shuffle: bool) -> None:
        """Train from the start, with a fresh optimizer; return when all is computed, the loss too."""
        ...

    def weights(self) -> list[np.ndarray]:
        """The weights reached, in the form of the start."""
        ...


@dataclass(frozen=True)
class Form:
    """One way to use a library.

    Args:
        library: whose form it is.
        path: module and class; the module is imported in a process of its own.
        description: what a reader of the results has to know about it.
        any_cpu: MKL takes the widest kernels of the processor, whoever made it (`benchmarks.mkl`).
        flops: the most floating-point operations of a step with which the form is tried.
        threads: for it; None for as many as the race lets everyone have.
    """

    library: str
    path: str
    description: str
    any_cpu: bool = False
    flops: float = float("inf")
    threads: int | None = None

    def suits(self, workload: Workload) -> bool:
        """Whether the form is meant for networks of this size."""
        return workload.flops <= self.flops

    def load(self) -> Callable[..., Contender]:
        """The class."""
        import importlib

        module, name = self.path.split(":")
        return getattr(importlib.import_module(f"benchmarks.contenders.{module}"), name)


OURS, OURS_ALONE = "plaingrad", "plaingrad, one thread"
EAGER, HAND, JAX, JAX_EXPERT = "PyTorch eager", "PyTorch by hand", "JAX", "JAX, expert"
EAGER_ANY, TEN_STEPS = "PyTorch eager, any CPU", "PyTorch, ten steps compiled"
CONTENDERS = {
    OURS: Form("plaingrad", "plaingrad_fit:PlaingradFit", "one call of `fit`, timed as a whole."),
    OURS_ALONE: Form(
        "plaingrad", "plaingrad_fit:PlaingradFit", "the same, where others have more.", threads=1
    ),
    EAGER: Form(
        "PyTorch",
        "pytorch_eager:Eager",
        "the usual loop; the optimizer with `fused=True`, the fastest of its three forms; data shuffled once "
        "an epoch.",
    ),
    EAGER_ANY: Form("PyTorch", "pytorch_eager:Eager", "the same, with MKL's widest kernels.", any_cpu=True),
    "torch.compile": Form(
        "PyTorch",
        "pytorch_compiled:OneStep",
        "loss, gradients (`torch.func`) and update in one compiled function, several times faster than "
        "compiling the usual loop's step; default mode, for the others concern GPUs.",
    ),
    TEN_STEPS: Form(
        "PyTorch",
        "pytorch_compiled:TenSteps",
        "ten such steps in one compiled function with the C++ wrapper, and MKL's widest kernels; for the "
        "smaller networks, where the time between products counts.",
        any_cpu=True,
        flops=1e7,
    ),
    HAND: Form(
        "PyTorch",
        "pytorch_by_hand:ByHand",
        "gradients written out, all results into buffers by `out=`, parameters in one flat tensor, "
        "`torch._fused_adam_`, MKL's widest kernels.",
        any_cpu=True,
    ),
    JAX: Form(
        "JAX",
        "jax_epoch:JaxEpoch",
        "an epoch is one jitted `lax.scan` with optax; the data are permuted within by "
        "`jax.random.permutation`, the parameters donated, at batch 1 unrolled by 4.",
    ),
    JAX_EXPERT: Form(
        "JAX",
        "jax_epochs:JaxEpochs",
        "ten epochs in one jit, their orders drawn by numpy, each batch gathered inside the scan.",
    ),
    "numpy by hand": Form(
        "numpy",
        "numpy_by_hand:ByHand",
        "gradients written out, all results into buffers by `out=`, Adam over one flat array.",
    ),
    "Numba": Form(
        "Numba",
        "numba_loop:NumbaLoop",
        "loops over samples and weights, the sizes constants of the compiler; without blocking, so for the "
        "smaller networks.",
        flops=3e7,
    ),
    "scikit-learn": Form(
        "scikit-learn",
        "sklearn_mlp:SklearnMLP",
        "`MLPClassifier`, and for the squared error `MLPRegressor`, without its default penalty.",
    ),
    "Keras (JAX)": Form(
        "Keras", "keras_fit:KerasFit", "`model.fit` on JAX, `jit_compile=True`, up to 32 steps per execution."
    ),
}


def forms(library: str) -> list[str]:
    """The names of a library's forms, the usual one first."""
    return [name for name, form in CONTENDERS.items() if form.library == library]


PEERS = list(dict.fromkeys(form.library for form in CONTENDERS.values() if form.library != OURS))
