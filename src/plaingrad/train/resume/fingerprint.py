"""The fingerprint of a run: what must be the same for it to go on."""

from __future__ import annotations

import functools
import hashlib
import re
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from plaingrad.contract.nest import tensors
from plaingrad.data import Dataset
from plaingrad.data.batches import Batches
from plaingrad.data.shard import rank_and_size
from plaingrad.module import Module
from plaingrad.optim import Schedule
from plaingrad.parameter import shape
from plaingrad.train.callbacks import Callback
from plaingrad.train.preparation import Training
from plaingrad.train.randomness import DrawnSeed

WHOLE = 2**28  # bytes of a tensor that are read whole; of a larger one, pieces of this size in sum
PIECES = 1024
DIGEST = re.compile("[0-9a-f]{64}")
SHARE = "share of the data in the first of "  # so many processes; with another number it is another share


def fingerprint(training: Training) -> dict[str, str]:
    """Everything that the steps of a run depend on but for its initial numbers, as text by name."""
    data, held_out = training.data, training.validation
    size = rank_and_size()[1]
    is_share = size > 1 and any(callback.shares_data for callback in training.callbacks)
    is_part = is_share or training.stream is not None
    other_part = isinstance(held_out, Batches) or (is_share and held_out is not None)
    own = [data.inputs, data.targets, training.weights, held_out and vars(held_out)]
    share = {f"{SHARE}{size}": digest(own)} if is_share and training.stream is None else {}
    return {
        **components(training),
        "metrics": ", ".join(training.metrics),
        "epochs": str(training.run.epochs),
        "batch_size": "of the batches" if training.stream else str(training.batch_size),
        "steps_per_epoch": str(training.stream.steps if training.stream else None),
        "gradient_accumulation_steps": str(training.batches_per_update),
        "weight_decay_per": "sample" if training.decay_per_sample else "batch",
        "shuffle": described(training.shuffle),
        "seed": str(None if isinstance(training.seed, DrawnSeed) else training.seed),
        "engine": training.engine,
        "training data": outline(data) if is_part else digest((data.inputs, data.targets)),
        "sample_weight": str(training.weights is not None) if is_part else digest(training.weights),
        "validation": "another part" if other_part else digest(held_out and vars(held_out)),
        **share,
    }


def components(training: Training) -> dict[str, str]:
    """The part of a fingerprint that training itself may change, such as a learning rate."""
    optimizer = training.optimizer
    sizes = [len(group["params"]) for group in optimizer.param_groups]
    return {
        "network": f"{readable(training.model)} {layout(training.model)}",
        "loss": f"{readable(training.loss)} {digest(training.loss.state_dict())}",
        "optimizer": f"{readable(optimizer)} {sizes}",
        "schedule": described(training.schedule),
        "callbacks": ", ".join(words(each) for each in training.callbacks if not each.only_looks),
    }


def difference(expected: Mapping[str, str], actual: Mapping[str, str]) -> str | None:
    """The first entry in which two fingerprints differ, in words; None if they are alike."""
    for name in {**expected, **actual}:
        if name.startswith(SHARE) and not (name in expected and name in actual):
            continue
        before, now = expected.get(name, ""), actual.get(name, "")
        if before != now:
            is_short = len(before) + len(now) < 100 and not DIGEST.search(before + now)
            return f"other {name} ({now}, was {before})" if is_short else f"other {name}"
    return None


def words(callback: Callback) -> str:
    """The class of a callback, with the settings that its printed form has."""
    kind = type(callback)
    return kind.__name__ if kind.__repr__ is object.__repr__ else readable(callback)


def described(value: Any) -> str:
    """Settings in words: of a schedule those that its steps do not change, of a function its code."""
    if isinstance(value, Schedule):
        progress = {*value.saved, "optimizer"}
        fields = {name: described(field) for name, field in vars(value).items() if name not in progress}
        return f"{type(value).__name__} {fields}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return str([described(each) for each in value])
    if isinstance(value, functools.partial):
        return f"{described(value.func)} of {described(value.args)} {readable(value.keywords)}"
    if isinstance(value, (types.FunctionType, types.MethodType)):
        return f"function {hashlib.sha256(code_of(value.__code__).encode()).hexdigest()}"
    return readable(value)


def code_of(constant: Any) -> str:
    """The instructions and constants of a function, and of those in it, without their lines."""
    if isinstance(constant, frozenset):  # whose order is another one in each process
        return str(sorted(map(repr, constant)))
    if not isinstance(constant, types.CodeType):
        return repr(constant)
    return f"{constant.co_code.hex()} {constant.co_names} {[*map(code_of, constant.co_consts)]}"


def readable(value: Any) -> str:
    """The printed form without addresses of objects, which are others in each process."""
    return re.sub(r" at 0x[0-9a-f]+", "", str(value))


def layout(model: Module) -> str:
    """The name, shape, dtype and freezing of each parameter and buffer, in short."""
    fields = [
        (name, shape(field.value), str(field.value.dtype), getattr(field, "frozen", False))
        for name, field in model._named_state()
    ]
    return hashlib.sha256(repr(fields).encode()).hexdigest()


def outline(batch: Dataset) -> str:
    """The shapes and dtypes of a batch; which samples it has may change from process to process."""
    layouts = [(shape(each)[1:], each.dtype) for each in tensors((batch.inputs, batch.targets))]
    return f"batches of {layouts}"


def digest(nest: Any) -> str:
    """A hash of the numbers, shapes and dtypes of all tensors in a nest."""
    result = hashlib.sha256()
    for tensor in tensors(nest):
        result.update(f"{tuple(tensor.shape)} {tensor.dtype} {tensor.layout}".encode())
        for part in parts(tensor):
            add(part, result.update)
    return result.hexdigest()


def parts(tensor: Tensor) -> list[Tensor]:
    """The dense tensors of which one consists."""
    if tensor.layout is torch.sparse_csr:
        return [tensor.crow_indices(), tensor.col_indices(), tensor.values()]
    if tensor.layout is torch.sparse_coo:
        return [tensor._indices(), tensor._values()]
    return [tensor]


def add(tensor: Tensor, update: Callable[[Any], object]) -> None:
    """Hash a dense tensor; of a large one, which may be on a disk, evenly spaced pieces."""
    flat = tensor.detach().contiguous().reshape(-1).view(torch.uint8)
    size = len(flat)
    piece = size if size <= WHOLE else WHOLE // PIECES
    starts = [0] if piece == size else [i * (size - piece) // (PIECES - 1) for i in range(PIECES)]
    for start in starts:
        update(flat[start : start + piece].cpu().numpy().data)
