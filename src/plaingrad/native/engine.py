"""The native engine: whole epochs in one call of compiled code."""

from __future__ import annotations

import ctypes
import math
import time
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import Tensor

from plaingrad.native.call import WHOLE, Array, Call, workspace
from plaingrad.native.compile.builder import BuildError
from plaingrad.native.compile.cache import library
from plaingrad.native.lower import NotLoweredError, Program, lower_training
from plaingrad.native.lower.rules import OPTIONS, lower_rule
from plaingrad.native.task import Engine, EpochLoss, Task
from plaingrad.optim.common.segment import Segment, accumulator
from plaingrad.parameter import Buffer, Parameter

SECONDS_PER_CALL = 0.2  # of training, after which Ctrl-C is heard
OF_USE = ("_index", "_root", "_outline", "_own", "_has_fast_path")  # fields set by whoever uses a network
ROWS_PER_CALL = 65_536  # of evaluation, for the same


class NativeEngine:
    """Runs a task's epochs by a program made for it.

    Args:
        task: what to do.
        eager: runs the same task where the program was made for something else.
        program: what `lower_training` makes of the task, if that is known.
        reason: why it is this engine.
        verbose: whether to say so if compiling takes long.

    Raises:
        NotLoweredError: something in it is not known to the kernels.
        BuildError: the program cannot be compiled.
    """

    def __init__(
        self,
        task: Task,
        eager: Engine,
        program: Program | None = None,
        reason: str = "",
        verbose: bool = False,
    ) -> None:
        self.name, self.reason, self.verbose = "native", reason, verbose
        self.task, self.eager = task, eager
        self.inputs, self.targets = task.data.inputs.contiguous(), task.data.targets.contiguous()
        self.weights = None if task.weights is None else task.weights.contiguous()
        self.steps = -(-len(self.inputs) // task.batch_size)
        self.steps_per_call = 1  # until it is known how long a step takes
        self.original = description(task)
        self._prepare(program or lower_training(task))
        self._taken()  # which refuses what the program cannot count

    def _prepare(self, program: Program) -> None:
        self.program = program
        self.learned = {tensor for tensor, number in zip(program.tensors, program.groups) if number >= 0}
        self.frozen = self._frozen()
        loaded = library(program.source, self.verbose)
        self.run = loaded.train
        self.run.argtypes, self.run.restype = [WHOLE, WHOLE], WHOLE
        self.evaluate = loaded.evaluate
        self.evaluate.argtypes, self.evaluate.restype = [WHOLE, WHOLE], None
        loaded.size.restype = WHOLE
        self.memory, self.address = workspace(loaded.size())
        masks = self.task.masks
        self.drawn = [masks.modules.index(dropout) for dropout in program.dropouts]
        self.keys = Array([masks.keys[j] for j in self.drawn], np.uint64)
        self.numbers = Array(program.numbers, float)
        self.known: Any = None

    def run_epochs(self, orders: Tensor | None, count: int) -> list[EpochLoss]:
        """See `Engine.run_epochs`.

        Eagerly, if an option has become one that the kernels do not know, or if the network or its loss is
        not as it was at first: who changes them once may do so in every epoch, and would wait for a compiler
        each time.
        """
        task, optimizer = self.task, self.task.optimizer
        if description(task) != self.original:
            return self._eagerly(orders, count)
        try:
            if self._changed():
                self._prepare(lower_training(task, self.program.threads))
            self._taken()
            rates, options = self._plan(count)
        except (BuildError, NotLoweredError):
            return self._eagerly(orders, count)
        losses, penalties = np.zeros((2, count))
        counted = np.zeros(count, np.int64)
        call = Call(
            inputs=self.inputs.data_ptr(),
            targets=self.targets.data_ptr(),
            weights=None if self.weights is None else self.weights.data_ptr(),
            order=None if orders is None else orders.data_ptr(),
            samples=len(self.inputs),
            numbers=self.numbers.address,
            options=options.ctypes.data,
            options_stride=row_stride(options),
            rates=rates.ctypes.data,
            rates_stride=row_stride(rates),
            clip_norm=optimizer.clip_norm or 0.0,
            keys=self.keys.address,
            losses=losses.ctypes.data,
            penalties=penalties.ctypes.data,
            counted_samples=counted.ctypes.data,
        )
        done, goal = 0, count * self.steps
        while done < goal:
            stop = int(min(done + self.steps_per_call, goal, self._round_end(done)))
            done = self._call(call, done, stop)
            if done < stop:  # an epoch's loss was not finite
                break
            updates = (done - 1) % self.steps + 1
            if task.round is not None and updates % task.round.updates == 0:
                task.round.end(updates)
        sums = zip(losses.tolist(), penalties.tolist(), counted.tolist())
        return [EpochLoss.of(*each) for each in islice(sums, -(-done // self.steps))]

    def _round_end(self, done: int) -> float:
        """The step that ends the round, or the epoch, in which these are done; infinity without rounds."""
        if self.task.round is None:
            return math.inf
        within, size = done % self.steps, self.task.round.updates
        return done - within + min((within // size + 1) * size, self.steps)

    def _eagerly(self, orders: Tensor | None, count: int) -> list[EpochLoss]:
        self.name = "native and eager"
        return self.eager.run_epochs(orders, count)

    def outputs(self, inputs: Tensor) -> Tensor:
        """See `Engine.outputs`. Eagerly, if the program was made for something else."""
        alike = (inputs.dtype, inputs.layout, inputs.shape[1:]) == (
            self.inputs.dtype,
            self.inputs.layout,
            self.inputs.shape[1:],
        )
        if (
            not (alike and self.program.evaluates)
            or self._changed()
            or description(self.task) != self.original
        ):
            return self.eager.outputs(inputs)
        dtype = self.program.tensors[0].value.dtype
        outputs = torch.empty(len(inputs), self.program.columns, dtype=dtype)
        # Over threads a row's bits depend on where its call begins and ends: by sizes alone, not by time.
        inputs, size = inputs.contiguous(), self.task.batch_size
        count = max(1, ROWS_PER_CALL // size) * size
        call = Call(tensors=self._tensors())
        for first in range(0, len(inputs), count):
            call.samples = min(count, len(inputs) - first)
            call.inputs, call.outputs = (row_address(each, first) for each in (inputs, outputs))
            self.evaluate(self.address, ctypes.addressof(call))
        return outputs

    def _changed(self) -> bool:
        """True unless the optimizer's options or the frozen parameters are those of the program."""
        try:
            options = lower_rule(self.task.optimizer)[1], self.task.optimizer.clip_norm is not None
        except NotLoweredError:
            return True
        return options != (self.program.flags, self.program.clipped) or self._frozen() != self.frozen

    def _frozen(self) -> list[bool]:
        return [tensor.frozen for tensor in self.program.tensors if isinstance(tensor, Parameter)]

    def _call(self, call: Call, begin: int, end: int) -> int:
        """Do these steps, or those up to the end of an epoch whose loss is not finite; the last one done."""
        task, taken = self.task, self._taken()
        states = [[segment.state for segment in segments] for segments in self._segments()]
        before = [[dict(state) for state in group] for group in states]
        call.tensors = self._tensors()
        draws = Array([task.masks.draws[j] for j in self.drawn], np.int64)
        counts = Array(taken, np.int64)
        call.begin, call.end, call.draws, call.taken = begin, end, draws.address, counts.address
        start = time.perf_counter()
        done = self.run(self.address, ctypes.addressof(call))
        seconds = time.perf_counter() - start
        self.steps_per_call = max(1, int((done - begin) * SECONDS_PER_CALL / max(seconds, 1e-9)))
        for j in self.drawn:
            task.masks.draws[j] += done - begin
        for group, entries, steps in zip(states, before, taken):
            for state, remembered in zip(group, entries):
                if not call.updates:  # a rule remembers nothing before its first update
                    state.clear()
                    state.update(remembered)
                elif self.program.rule.count:
                    state["step"] = steps + call.updates
        return done

    def _plan(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        """All groups' learning rates and options for each step, or once for all; a schedule of steps goes on.

        Raises:
            NotLoweredError: an option is 0 in some of the steps, so the rule has not the same terms in all.
        """
        task, groups = self.task, self.task.optimizer.param_groups
        schedule, rule = task.schedule, self.program.rule
        steps = 1 if schedule is None else count * self.steps
        numbers: list[float] = []
        before = [dict(group) for group in groups]
        schedule_before = {} if schedule is None else schedule.state_dict()
        for _ in range(steps):
            for group in groups:
                numbers.append(group["lr"])
                numbers += rule.options(group)
            if schedule is not None:
                schedule.step()
        plan = np.array(numbers, dtype=float).reshape(steps, len(groups), -1)
        rates, options = np.ascontiguousarray(plan[..., 0]), np.zeros((steps, len(groups), OPTIONS))
        options[..., : plan.shape[2] - 1] = plan[..., 1:]
        if (options == options[0]).all():
            return rates, options[:1]
        if ((options == 0) != (options[0] == 0)).any():
            assert schedule is not None
            schedule.load_state_dict(schedule_before)
            for group, options_before in zip(groups, before):
                group.update(options_before)
            raise NotLoweredError("options of the update rule that become 0 within an epoch")
        return rates, options

    def _segments(self) -> list[list[Segment]]:
        """The parameters of each group that the program updates, in the optimizer's segments."""
        return self.task.optimizer.select(lambda params: [parameter in self.learned for parameter in params])

    def _taken(self) -> list[int]:
        """The number of steps of each group's rule; 0 or 1 for one that asks only whether it is the first.

        Raises:
            NotLoweredError: they differ within a group.
        """
        rule, taken = self.program.rule, []
        for segments, group in zip(self._segments(), self.task.optimizer.param_groups):
            states = [segment.state for segment in segments]
            if rule.count:
                steps = {state.get("step", 0) for state in states}
            else:
                names = rule.states(group)
                steps = {int(all(name in state for name in names)) for state in states}
            if len(steps) > 1:
                raise NotLoweredError("parameters of one group that have been updated more and less often")
            taken.append(max(steps, default=0))
        return taken

    def _tensors(self) -> int:
        """The address of the addresses of all tensors."""
        optimizer, rule = self.task.optimizer, self.program.rule
        segments = self._segments()
        for selected, group in zip(segments, optimizer.param_groups):
            for segment in selected:
                for name, start in rule.states(group).items():
                    accumulator(segment.state, name, segment.value, start)
        known = [tensor.value.data_ptr() for tensor in self.program.tensors]
        known += [
            entry.data_ptr()
            for selected in segments
            for segment in selected
            for entry in tensors_of(segment.state)
        ]
        if known != self.known:
            self.known, self.addresses = known, Array(self._addresses(segments), np.uint64)
        return self.addresses.address

    def _addresses(self, segments: list[list[Segment]]) -> list[int]:
        optimizer, rule = self.task.optimizer, self.program.rule
        owners = {
            parameter: segment
            for selected in segments
            for segment in selected
            for parameter in segment.parameters
        }
        addresses = []
        for tensor, number in zip(self.program.tensors, self.program.groups):
            addresses.append(tensor.value.data_ptr())
            if number >= 0:
                assert isinstance(tensor, Parameter)
                segment = owners[tensor]
                offset = tensor.value.data_ptr() - segment.value.data_ptr()
                names = rule.states(optimizer.param_groups[number])
                addresses += [segment.state[name].data_ptr() + offset for name in names]
        return addresses


def description(task: Task) -> list[dict[str, Any]]:
    """The fields of the modules of a task's network and loss, but for the numbers that training changes.

    A module or tensor is meant by its identity; of the loss's buffers, the numbers count.
    """
    modules = [*task.model.modules(), *task.loss.modules()]
    fields = [
        {name: described(value) for name, value in vars(module).items() if name not in OF_USE}
        for module in modules
    ]
    buffers = [field for field in vars(task.loss).values() if isinstance(field, Buffer)]
    return [*fields, {"numbers": [buffer.value.tolist() for buffer in buffers]}]


def described(value: Any) -> Any:
    """Something that is equal as long as a module's field is the same."""
    return value if isinstance(value, (bool, int, float, str, tuple)) else id(value)


def row_stride(rows: np.ndarray) -> int:
    """The number of elements from one row to the next; 0 if there is a single row, which is for all steps."""
    return rows[0].size if len(rows) > 1 else 0


def row_address(tensor: Tensor, row: int) -> int:
    """The address of a row of a contiguous tensor."""
    return tensor.data_ptr() + row * tensor[0].nbytes


def tensors_of(state: dict[str, Any]) -> list[Tensor]:
    """The tensors among an optimizer's state."""
    return [entry for entry in state.values() if isinstance(entry, Tensor)]
