"""The generated source, whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from textwrap import indent
from typing import Any

from plaingrad.data.sparse import is_sparse
from plaingrad.module import Module
from plaingrad.native.call import layout_checks
from plaingrad.native.lower.layers import Shape, lower_layers
from plaingrad.native.lower.losses import lower_loss
from plaingrad.native.lower.rules import OPTIONS, LoweredRule, lower_rule
from plaingrad.native.lower.source import ELEMENTS, INDICES, NotLoweredError, Source, sizes
from plaingrad.native.lower.sparsity import mostly_zero
from plaingrad.native.task import Task
from plaingrad.nn import Dropout
from plaingrad.parameter import Buffer, Parameter


@dataclass(frozen=True)
class Program:
    """A generated C++ training program and its call arguments.

    Attributes:
        source: the text to compile.
        tensors: the parameters and buffers in the order in which the network visits them.
        groups: for each of them the number of its group in the optimizer, or -1: it is frozen, or in none.
        dropouts: the modules that draw, in order.
        rule: the optimizer's rule.
        flags: what the rule was compiled for.
        clipped: whether the gradient's norm is bounded.
        numbers: the loss's.
        threads: over how many a batch is split.
        columns: of the network's outputs.
        evaluates: whether it gives the outputs in evaluation mode too.
    """

    source: str
    tensors: list[Parameter | Buffer]
    groups: list[int]
    dropouts: list[Dropout]
    rule: LoweredRule
    flags: dict[str, bool]
    clipped: bool
    numbers: list[float]
    threads: int
    columns: int
    evaluates: bool


def lower_training(task: Task, threads: int = 1) -> Program:
    """The program that trains as the task says, each batch split over so many threads.

    Raises:
        NotLoweredError: something in it is not known to the kernels.
    """
    data, optimizer = task.data, task.optimizer
    if hooks := [*task.batch_begin, *task.batch_end]:
        raise NotLoweredError(f"{class_of(hooks[0])} is called before or after each batch")
    if task.update_begin:
        raise NotLoweredError(f"{class_of(task.update_begin[0])} is called before each update")
    if task.schedule is not None and task.schedule.needs_metric:
        raise NotLoweredError(f"{type(task.schedule).__name__} wants the loss of each batch")
    groups = {
        parameter: i
        for i, group in enumerate(optimizer.param_groups)
        for parameter in group["params"]
        if not parameter.frozen
    }
    if not data.inputs.is_floating_point() and data.inputs.dtype not in INDICES:
        raise NotLoweredError(f"inputs of {data.inputs.dtype}")
    if is_sparse(data.inputs):
        raise NotLoweredError("inputs that are a sparse matrix")
    source = Source(groups, mostly_zero(data.inputs), INDICES.get(data.inputs.dtype, ""))
    element = element_type(task.model)
    rule, flags = lower_rule(optimizer)
    types, columns = lower_network(task.model, tuple(data.inputs.shape[1:]), source)
    loss = lower_loss(task.loss, data, columns, source)
    clipped = optimizer.clip_norm is not None
    decay_per_sample = task.decay_per_sample and flags["weight_decay"]
    setting = [
        f"typedef {element} T;",
        f"static constexpr int rows = {-(-task.batch_size // threads)};",
        f"static constexpr int groups = {len(optimizer.param_groups)}, options = {OPTIONS};",
        f"static constexpr bool training = true, deferred = {str(clipped or threads > 1).lower()};",
        f"static constexpr bool decay_per_sample = {str(decay_per_sample).lower()};",
        f"typedef {source.instance(rule.name, element, source.numbers(flags))} Rule;",
    ]
    title = f"{type(task.loss).__name__}, {type(optimizer).__name__}, {element}, batches of {task.batch_size}"
    run = f"Trainer<Setting, Network, {loss.type}>"
    if threads > 1:
        source.headers.add("run/team.hpp")
        title += f" over {threads} threads"
        named = sizes("TeamSizes", slices=threads, rows=task.batch_size)
        run = f"Team<Setting, Network, {loss.type}, {named}>"
    text = written(described(task.model), title, source, setting, types, run)
    numbered = [groups.get(t, -1) if isinstance(t, Parameter) else -1 for t in source.tensors]
    return Program(
        text,
        source.tensors,
        numbered,
        source.dropouts,
        rule,
        flags,
        clipped,
        loss.numbers,
        threads,
        columns,
        source.evaluates,
    )


def class_of(hook: Callable[..., Any]) -> str:
    """The class of the callback whose method this is."""
    return type(getattr(hook, "__self__", hook)).__name__


def element_type(model: Module) -> str:
    """The C++ type of the numbers."""
    parameters = model.parameters()
    dtypes = {parameter.value.dtype for parameter in parameters}
    if len(dtypes) != 1 or dtypes - ELEMENTS.keys():
        raise NotLoweredError(f"parameters of {' and '.join(sorted(map(str, dtypes))) or 'no dtype'}")
    elsewhere = {str(p.value.device) for p in parameters if p.value.device.type != "cpu"}
    if elsewhere:
        raise NotLoweredError(f"parameters on {' and '.join(sorted(elsewhere))}")
    return ELEMENTS[dtypes.pop()]


def lower_network(model: Module, shape: Shape, source: Source) -> tuple[list[str], int]:
    """The C++ types of a network's layers, and the number of columns that it gives for a sample."""
    types, output = lower_layers(model, shape, source)
    if len(output) != 1 or not types:
        raise NotLoweredError(f"a network whose output for a sample has the shape {output}")
    return types, output[0]


def described(model: Module) -> str:
    """A network in a line: its layers' sizes and names."""
    text = " ".join(repr(model).split())
    return text if len(text) <= 100 else f"{text[:97]}..."


def written(network: str, rest: str, source: Source, setting: list[str], types: list[str], run: str) -> str:
    """The source text from its parts."""
    members = indent("\n".join(setting), "    ")
    return f"""{opening(f"{network}; {rest}", source, "run/trainer.hpp")}
struct Setting {{
{members}
}};

using Network = {chained(types)};

using Run = {run};

{layout_checks()}

extern "C" Word size() {{ return sizeof(Run); }}
extern "C" Whole train(void* memory, Call* call) {{
    const unsigned before = flush_subnormals();
    const Whole done = object_at<Run>(memory).run(*call);
    restore_subnormals(before);
    return done;
}}
extern "C" void evaluate(void* memory, Call* call) {{ object_at<Run>(memory).evaluate(*call); }}
"""


def opening(title: str, source: Source, header: str) -> str:
    """The beginning of a source text: its title, the kernels' files, the constants."""
    headers = "".join(f'#include "{name}"\n' for name in sorted({*source.headers, header}))
    constants = "".join(f"struct {name} {text}\n" for text, name in source.constants.items())
    return f"// {title}\n{headers}\nusing namespace plaingrad;\n\n{constants}"


def chained(types: list[str]) -> str:
    """Layers one after another."""
    layers = indent(",\n".join(types), "    ")
    return f"Chain<\n{layers}>"
