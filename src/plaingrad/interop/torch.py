"""Networks from PyTorch and to it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor
from torch.nn.modules.lazy import LazyModuleMixin

from plaingrad.errors import InputError
from plaingrad.interop.tracing import traced
from plaingrad.module import Module
from plaingrad.nn.container.base import Container
from plaingrad.saving.arguments import LEFT_OUT, construct
from plaingrad.saving.build import CLASSES, Builder, build
from plaingrad.saving.describe import OURS, Library, describe, describe_in
from plaingrad.saving.holder import Holder


class Residual(torch.nn.Sequential):
    """The counterpart of `plaingrad.nn.Residual`, for which PyTorch has no class."""

    def forward(self, x: Tensor) -> Tensor:
        """The input plus the output of the modules, one after another."""
        return x + super().forward(x)


class Parallel(torch.nn.Sequential):
    """The counterpart of `plaingrad.nn.Parallel`, for which PyTorch has no class.

    Args:
        branches: the branches, or one ordered mapping from names to them.
        combine: ``"sum"`` or ``"concat"``.
        dim: the axis to concatenate along.
    """

    def __init__(self, *branches: Any, combine: str = "sum", dim: int = -1) -> None:
        super().__init__(*branches)
        self.combine = combine
        self.dim = dim

    def forward(self, x: Tensor) -> Tensor:
        """The outputs of the branches, summed or concatenated."""
        parts = [branch(x) for branch in self]
        return sum(parts[1:], parts[0]) if self.combine == "sum" else torch.cat(parts, self.dim)

    def extra_repr(self) -> str:
        """The arguments, for the printed network."""
        return f"combine={self.combine!r}, dim={self.dim}"


class ColumnEmbedding(torch.nn.Module):
    """The counterpart of `plaingrad.nn.ColumnEmbedding`, for which PyTorch has no class.

    Args:
        in_features: the number of columns.
        columns: for each column of codes, the number of codes and the size of their vectors.
        device: where the tables live.
        dtype: of the tables.
    """

    def __init__(
        self,
        in_features: int,
        columns: Mapping[int, tuple[int, int]],
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.in_features = in_features
        self.columns = dict(columns)
        self.passed = [column for column in range(in_features) if column not in columns]
        tables = {
            str(c): torch.nn.Embedding(*columns[c], device=device, dtype=dtype) for c in sorted(columns)
        }
        self.tables = torch.nn.ModuleDict(tables)

    def forward(self, x: Tensor) -> Tensor:
        """The columns without codes, and then the vectors of the codes."""
        vectors = [table(x[..., int(column)].long()) for column, table in self.tables.items()]
        return torch.cat([x[..., self.passed], *vectors], -1)


# By their names in plaingrad.nn.
THEIRS: dict[str, type[torch.nn.Module]] = {
    name: getattr(torch.nn, name) for name in CLASSES if hasattr(torch.nn, name)
} | {"Residual": Residual, "Parallel": Parallel, "ColumnEmbedding": ColumnEmbedding}


def from_torch(module: torch.nn.Module, inputs: Collection[str] = ()) -> Module:
    """The network of `plaingrad.nn` that computes what one of PyTorch does.

    Parameters, buffers, dtypes, names and the mode of each module, training or evaluation, are as they were;
    the numbers are copies, on the CPU. Parameters that do not require grad are frozen. ``inplace`` is left
    out, since it changes no result.

    Classes of torch.nn become those of the same name. A forward of one's own is traced by ``torch.fx`` and
    becomes a `plaingrad.nn.Graph`: the functions of torch.nn.functional that have a class become modules,
    operators, functions and methods of tensors the modules of `plaingrad.nn` for them. It is traced in both
    modes, and may differ in dropout alone. What such a forward does not use is left out. What it overwrites
    becomes a new tensor, which later operations use as the traced ones do.

    Args:
        module: made of classes of torch.nn that `plaingrad.nn` has too, returned by `to_torch`, or with a
            forward that can be traced: without branches or loops that depend on values.
        inputs: the names of arguments of such a forward that stay inputs though they have a default, which
            others take.

    Raises:
        ValueError: there is a module of another class, one with hooks, or one with arguments that plaingrad
            does not know, and the message names its path; or an operation that plaingrad does not know, and
            the message names its place in the source.
    """
    if not _is_known(module):
        graph = traced(module, _is_known, from_torch, inputs)
        graph.training = graph.saving = module.training
        return graph
    network = build(describe_in(TORCH, module))
    network.load_state_dict(module.state_dict())
    theirs = dict(TORCH.modules(module))
    for path, ours in OURS.modules(network):
        while path not in theirs:  # a module of ours where torch.nn has a function
            path = path.rpartition(".")[0]
        ours.training = ours.saving = theirs[path].training
    return network


def to_torch(module: Module | Holder) -> torch.nn.Module:
    """The network of `torch.nn` that computes what one of `plaingrad.nn` does.

    Parameters, buffers, dtypes, names and the mode of each module are as they were; the numbers are copies,
    on the CPU. Frozen parameters do not require grad. `plaingrad.nn.Residual`, `plaingrad.nn.Parallel` and
    `plaingrad.nn.ColumnEmbedding`, which torch.nn does not have, become small modules of this file.

    Args:
        module: made of classes of `plaingrad.nn` that `torch.nn` has too, of residuals and of branches; or a
            trained estimator of one such network, whose outputs are scores before they are probabilities.

    Raises:
        ValueError: there is a module of another class, or one that was changed after its
            construction; the message names its path.
    """
    if isinstance(module, Holder):
        module = module._single()
    network: torch.nn.Module = Builder(_make, None).network(describe(module))
    network.load_state_dict(module.state_dict())
    ours = dict(OURS.modules(module))
    for path, theirs in TORCH.modules(network):
        theirs.training = ours[path].training
    return network


def _make(
    layer: type[Module], children: dict[str, Any] | None, arguments: dict[str, Any], device: str | None
) -> torch.nn.Module:
    if layer.__name__ not in THEIRS:
        raise InputError("expected a class that torch.nn has too")
    maker = THEIRS[layer.__name__]
    if children is None or not issubclass(layer, Container):
        if len(getattr(layer, "axes", ())) == 1:  # some of torch.nn's classes take no tuple of one
            arguments = {
                name: value[0] if type(value) is tuple and len(value) == 1 else value
                for name, value in arguments.items()
            }
        return construct(layer, maker, arguments, device, children)
    container = maker(**arguments)
    for name, child in children.items():
        if hasattr(container, name):
            raise InputError(f"expected names of children that are free in torch.nn, got {name!r}")
        container.add_module(name, child)
    return container


def _is_known(module: torch.nn.Module) -> bool:
    """True if a module, with all that is in it, is of classes of plaingrad or at least of PyTorch."""
    return all(
        type(each) in TORCH.classes or type(each).__module__.startswith("torch.") for each in module.modules()
    )


def _refusal(module: torch.nn.Module) -> str | None:
    if isinstance(module, LazyModuleMixin):
        return "expected parameters with shapes, which a first forward gives"
    if type(module) not in TORCH.classes:
        return "expected a class of torch.nn that plaingrad.nn has too"
    hooked = module._forward_hooks or module._forward_pre_hooks
    return "expected no hooks, which plaingrad does not have" if hooked else None


def _view(module: torch.nn.Module) -> Any:
    """An object with the arguments of a module for its attributes, where torch keeps them elsewhere."""
    known: dict[str, Any] = {}
    if type(module) is torch.nn.MultiheadAttention:
        known = {
            name: getattr(module, name) for name in ("embed_dim", "num_heads", "dropout", "kdim", "vdim")
        }
        known |= {name: getattr(module, name) for name in ("add_zero_attn", "batch_first")}
        known |= {"bias": module.in_proj_bias is not None, "add_bias_kv": module.bias_k is not None}
    elif type(module) in (torch.nn.TransformerEncoderLayer, torch.nn.TransformerDecoderLayer):
        known = _of_layer(module)
    elif type(module) is torch.nn.Transformer:
        stacks = {"encoder": module.encoder, "decoder": module.decoder}
        if [type(each) for each in stacks.values()] != [
            torch.nn.TransformerEncoder,
            torch.nn.TransformerDecoder,
        ]:
            raise InputError("Transformer: expected no custom encoder or decoder")
        counts = {f"num_{name}_layers": each.num_layers for name, each in stacks.items()}
        known = _of_layer(module.encoder.layers[0]) | counts
    return SimpleNamespace(state_dict=module.state_dict, **known) if known else module


def _of_layer(layer: Any) -> dict[str, Any]:
    attention = layer.self_attn
    return {
        "d_model": attention.embed_dim,
        "nhead": attention.num_heads,
        "dim_feedforward": layer.linear1.out_features,
        "dropout": layer.dropout.p,
        "activation": getattr(layer.activation, "__name__", type(layer.activation).__name__),
        "layer_norm_eps": layer.norm1.eps,
        "batch_first": attention.batch_first,
        "norm_first": layer.norm_first,
        "bias": layer.linear1.bias is not None,
    }


TORCH = Library(
    # the last: weak references of recurrent layers to their parameters
    common=vars(torch.nn.Module()).keys() | LEFT_OUT | {"_flat_weight_refs"},
    classes={layer: name for name, layer in THEIRS.items()},
    # torch's own walk leaves out modules that it has met before
    children=lambda module: [(name, child) for name, child in module._modules.items() if child is not None],
    state=lambda module: module.state_dict(keep_vars=True),
    refusal=_refusal,
    make=_make,
    view=_view,
)
