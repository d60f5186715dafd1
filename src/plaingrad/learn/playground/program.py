"""The Python program that trains what the playground shows, to the same bits."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from plaingrad import nn
from plaingrad.learn.playground.choices import ACTIVATIONS, LOSSES, RULES, SOURCES
from plaingrad.learn.playground.network import loss_options, rule_options
from plaingrad.learn.playground.problem import ordered
from plaingrad.learn.playground.run import Run
from plaingrad.learn.playground.state import State, to_fragment

CODE_OF_FEATURES = {
    "x1": "x[:, 0]",
    "x2": "x[:, 1]",
    "x1^2": "x[:, 0].square()",
    "x2^2": "x[:, 1].square()",
    "x1*x2": "x[:, 0] * x[:, 1]",
    "sin(x1)": "torch.sin(math.pi * x[:, 0])",
    "sin(x2)": "torch.sin(math.pi * x[:, 1])",
}

CODE_OF_INITS = {
    "xavier_uniform": "init.xavier_uniform_(module.weight.value)",
    "xavier_normal": "init.xavier_normal_(module.weight.value)",
    "kaiming_uniform": 'init.kaiming_uniform_(module.weight.value, nonlinearity="relu")',
    "kaiming_normal": 'init.kaiming_normal_(module.weight.value, nonlinearity="relu")',
    "orthogonal": "init.orthogonal_(module.weight.value)",
    "normal": "init.normal_(module.weight.value, 0.0, 0.5)",
    "zeros": "init.zeros_(module.weight.value)",
}

NO_GRADIENT = "model.zero_grad()\n"

STEP = """\
model.zero_grad()
loss(model(x), {targets})
model.backward(loss.backward())
{penalty}optimizer.step()
"""

GUARDED = """\
(flat,) = optimizer.storages
before = flat.value.clone()
if value.isfinite() and flat.grad.isfinite().all():
    optimizer.step()
    if flat.value.isfinite().all():
        return
flat.value.copy_(before)  # a batch whose numbers are not finite is passed over
"""

PENALTY = """\
for module in model.modules():
    if isinstance(module, nn.Linear):
        weight = module.weight
        weight.grad.add_({l1!r} * weight.value.sign() + {l2!r} * weight.value)
"""


def program(run: Run) -> str:
    """A program that trains the run's network as far as it has come, with all that was done on the way."""
    origin = run.current()
    parts = [_head(origin), _data(origin, run), _network(origin, run), _training(origin, run), _end(run)]
    return "\n".join(parts)


def _head(state: State) -> str:
    imported = "import math\n\n" if any("sin" in name for name in state.features) else ""
    return f'''"""A network from plaingrad's playground. This opens it there:

plaingrad playground "#{to_fragment(state)}"
"""

{imported}import torch

from plaingrad import data, init, nn, optim

torch.set_num_threads(1)
torch.set_grad_enabled(False)
'''


def _data(state: State, run: Run) -> str:
    """The rows, their features, and the two parts."""
    frame = run.problem.frame
    if state.table is not None:
        rows = f"rows = torch.tensor([\n{_lines(ordered(state.table, state.features))}])"
    elif SOURCES[state.data].make is None:
        rows = "rows = torch.zeros(0, 3)"
    else:
        rows = _drawn(state)
    painted = f"painted = [\n{_lines(list(map(list, state.points)))}]"
    targets = "part[:, -1].long()" if run.problem.classes else "part[:, -1:]"
    return f'''
# The data: two coordinates and the label in each row
{rows}
{painted}


def features(points):
    """What the network gets of points."""
    x = (points - torch.tensor({frame.centre.tolist()})) / torch.tensor({frame.half.tolist()})
    return {_feature_code(run)}


def parts():
    """The training data and the test data."""
    whole = torch.cat([rows, torch.tensor(painted)]) if painted else rows
    order = torch.randperm(len(whole), generator=torch.Generator().manual_seed({state.data_seed}))
    count = min(max(1, round({state.train_share!r} * len(whole))), len(whole) - 1)
    both = whole[order[:count]], whole[order[count:]]
    return [data.Dataset(features(part[:, :-1]), {targets}) for part in both]


train, test = parts()
'''


def _drawn(state: State) -> str:
    source = SOURCES[state.data]
    assert source.make is not None
    more = f", classes={state.classes}" if source.has_classes else ""
    arguments = f"{state.samples}, {state.noise * source.half!r}, seed={state.data_seed}{more}"
    name = f"data.{source.make.__name__}"
    if state.data == "hills":
        name = "hills"
    labels = "made.targets.view(len(made), 1).float()"
    call = f"made = {name}({arguments})\nrows = torch.cat([made.inputs, {labels}], 1)"
    return f"from plaingrad.learn.playground.choices import hills\n\n{call}" if name == "hills" else call


def _feature_code(run: Run) -> str:
    frame = run.problem.frame
    if frame.functions:
        return f"torch.stack([{', '.join(CODE_OF_FEATURES[name] for name in frame.names)}], 1)"
    return f"x[:, {[frame.columns.index(name) for name in frame.names]}]"


def _network(state: State, run: Run) -> str:
    modules = "".join(f"        {line},\n" for line in _modules(state, run))
    first = ""
    if state.init != "default":
        first = f"""    for module in model.modules():
        if isinstance(module, nn.Linear):
            {CODE_OF_INITS[state.init]}
            module.bias.value.zero_()
"""
    options = "".join(f", {name}={value!r}" for name, value in rule_options(state.optimizer).items())
    of_loss = ", ".join(f"{name}={value!r}" for name, value in loss_options(state).items())
    rule = RULES[state.optimizer["name"]][0].__name__
    return f"""
# The network, the loss and the update rule
with init.drawing_from(torch.Generator().manual_seed({state.seed})):
    model = nn.Sequential(
{modules}    )
{first}model.generator = torch.Generator().manual_seed({state.seed})
loss = nn.{LOSSES[state.loss_name].kind.__name__}({of_loss})
optimizer = optim.{rule}(model.parameters(){options})
"""


def _modules(state: State, run: Run) -> Iterator[str]:
    width = len(run.problem.frame.names)
    for layer in state.layers:
        yield f"nn.Linear({width}, {layer.units})"
        activation = ACTIVATIONS[layer.activation or state.activation]
        if activation is not None:
            yield f"nn.{activation.__name__}()"
        dropout = state.dropout if layer.dropout is None else layer.dropout
        if dropout:
            yield f"nn.Dropout({dropout!r})"
        width = layer.units
    yield f"nn.Linear({width}, {len(run.problem.classes) or 1})"


def _training(state: State, run: Run) -> str:
    targets = _target_code(run, "t")
    step = STEP.format(targets=targets, penalty="".join(_penalty(state)))
    if not state.actions and not run.has_diverged:
        return f"""
# Training: {state.trained} batches, in an order of its own in each epoch
batch = epoch = 0
while batch < {state.trained}:
    for x, t in train.batches({state.batch_size}, shuffle=True, seed={state.seed} + epoch):
        if batch == {state.trained}:
            break
{_indented(step, 8)}        batch += 1
    epoch += 1
"""
    changing = STEP.format(targets=targets, penalty=_changing_penalty())
    if run.has_diverged:
        changing = f"value = {changing.partition(NO_GRADIENT)[2]}".replace("optimizer.step()\n", GUARDED)
        changing = NO_GRADIENT + changing
    return f'''
# Training: {state.trained} batches, in an order of its own in each epoch, with what was changed on the way
batch = epoch = done = 0
batch_size, l1, l2 = {state.batch_size}, {state.l1!r}, {state.l2!r}


def step(x, t):
    """Make a step of training on a batch."""
{_indented(changing, 4)}

def train_until(last):
    """Train until so many batches are done."""
    global batch, epoch, done
    while batch < last:
        if done >= len(train):
            epoch, done = epoch + 1, 0
        order = torch.randperm(len(train), generator=torch.Generator().manual_seed({state.seed} + epoch))
        rows = order[done : done + batch_size]
        step(train.inputs[rows], train.targets[rows])
        batch, done = batch + 1, done + len(rows)


{"".join(_changes(state, run))}train_until({state.trained})
'''


def _penalty(state: State) -> Iterator[str]:
    if state.l1 or state.l2:
        yield PENALTY.format(l1=state.l1, l2=state.l2)


def _changing_penalty() -> str:
    return "if l1 or l2:\n" + _indented(PENALTY.replace("{l1!r}", "l1").replace("{l2!r}", "l2"), 4)


def _changes(state: State, run: Run) -> Iterator[str]:
    """A statement for each action, after the training until then."""
    paths = [stage.path for stage in run.stages]
    at = 0
    for when, action in state.actions:
        if when > at:
            yield f"train_until({when})\n"
            at = when
        yield from _change(action, paths)


def _change(action: dict[str, Any], paths: list[str]) -> Iterator[str]:
    kind = action["type"]
    if kind == "edit":
        layer = f"model[{paths[action['layer']]}]"
        if action["from"] is None:
            yield f"{layer}.bias.value[{action['to']}] = {action['value']!r}\n"
        else:
            yield f"{layer}.weight.value[{action['to']}, {action['from']}] = {action['value']!r}\n"
    elif kind == "change":
        fields = action["state"]
        for name in ("batch_size", "l1", "l2"):
            if name in fields:
                yield f"{name} = {fields[name]!r}\n"
        if "optimizer" in fields:
            yield f"optimizer.param_groups[0].update({rule_options(fields['optimizer'])!r})\n"
    elif kind == "walk":
        yield f"step(train.inputs[[{action['sample']}]], train.targets[[{action['sample']}]])\n"
    else:
        if kind == "paint":
            yield f"painted += {json.dumps(action['points'])}\n"
        else:
            x, y, radius = (action[name] for name in ("x", "y", "radius"))
            inside = f"(p[0] - {x!r}) ** 2 + (p[1] - {y!r}) ** 2 > {radius!r} ** 2"
            yield f"painted = [p for p in painted if {inside}]\n"
        yield "train, test = parts()\nif done:\n    epoch, done = epoch + 1, 0\n"


def _end(run: Run) -> str:
    score = ""
    if run.problem.classes:
        score = 'print(f"accuracy {(outputs.argmax(1) == test.targets).float().mean().item():.4f}")\n'
    return f"""
# How good it is on data that it has not seen
model.eval()
outputs = model(test.inputs)
print(f"test loss {{loss(outputs, {_target_code(run, "test.targets")}).item():.6f}}")
{score}"""


def _target_code(run: Run, name: str) -> str:
    is_one_hot = run.problem.classes and not isinstance(run.loss, nn.CrossEntropyLoss)
    return f"torch.eye({len(run.problem.classes)})[{name}]" if is_one_hot else name


def _indented(text: str, spaces: int) -> str:
    return "".join(f"{' ' * spaces}{line}\n" if line else "\n" for line in text.splitlines())


def _lines(rows: list[list[float]]) -> str:
    return "".join(f"    {row},\n" for row in rows)
