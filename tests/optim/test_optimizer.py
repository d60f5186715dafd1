"""Groups, flat storage, state and messages: what all update rules share."""

from __future__ import annotations

import copy
import inspect
import io
import pickle
import re
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from sklearn.neural_network._stochastic_optimizers import AdamOptimizer

from optim.rules import NAMES, Pair, double, without_unknown
from plaingrad import Parameter, nn, optim

every_rule = pytest.mark.parametrize("name", NAMES)

NON_NEGATIVE = "a finite number of at least 0"

# Options with which every rule remembers all it can.
MEMORY: dict[str, dict[str, Any]] = {
    "SGD": {"momentum": 0.9, "dampening": 0.1},
    "Adam": {"amsgrad": True},
    "AdamW": {"amsgrad": True},
    "RMSprop": {"momentum": 0.5, "centered": True},
    "Adagrad": {"lr_decay": 0.1},
    "Adamax": {},
    "NAdam": {},
    "RAdam": {"betas": (0.9, 0.95)},
    "Adadelta": {},
    "Rprop": {},
    "ASGD": {"lambd": 0.1, "t0": 2},
    "Adafactor": {},
    "Muon": {},
}


def pair(name: str, groups: list[dict[str, Any]] | None = None, clip_norm: float | None = None) -> Pair:
    return Pair(name, {"lr": 0.05, **MEMORY[name]}, groups, clip_norm=clip_norm)


def parameters(*sizes: int) -> list[Parameter]:
    return [Parameter(torch.ones(size)) for size in sizes]


def values(optimizer: optim.Optimizer) -> torch.Tensor:
    return torch.cat([storage.value for storage in optimizer.storages])


# Groups


def test_options_of_a_group_override_the_defaults() -> None:
    first, second = parameters(2, 3)
    optimizer = optim.SGD([{"params": first}, {"params": [second], "lr": 0.5}], lr=0.1, momentum=0.9)
    assert [group["lr"] for group in optimizer.param_groups] == [0.1, 0.5]
    assert [group["momentum"] for group in optimizer.param_groups] == [0.9, 0.9]
    assert [group["params"] for group in optimizer.param_groups] == [[first], [second]]


def test_a_parameter_that_is_given_twice_is_updated_once() -> None:
    (shared,) = parameters(1)
    optimizer = optim.SGD([shared, shared], lr=0.5)
    shared.grad = torch.ones(1)
    optimizer.step()
    assert shared.value.tolist() == [0.5]


def test_parameters_may_come_from_an_iterator() -> None:
    given = parameters(2, 3)
    assert optim.SGD(parameter for parameter in given).param_groups[0]["params"] == given


def test_the_options_show() -> None:
    shown = repr(optim.SGD([{"params": parameters(1)}, {"params": parameters(1), "lr": 2.0}], lr=0.1))
    assert shown.splitlines()[0].startswith("SGD(lr=0.1, ")
    assert shown.splitlines()[1].startswith("SGD(lr=2.0, ")
    assert "weight_decay=0" in shown


# Flat storage


@every_rule
def test_parameters_stay_views_of_one_buffer(name: str) -> None:
    both = pair(name)
    (storage,) = both.ours.storages
    for _ in range(2):
        both.step()
        both.ours.zero_grad()
    assert both.ours.storages == [storage]
    flat = torch.cat([parameter.value.reshape(-1) for parameter in both.parameters])
    assert torch.equal(storage.value, flat)
    for parameter in both.parameters:
        assert parameter.value.untyped_storage().data_ptr() == storage.value.data_ptr()
        assert parameter.grad.untyped_storage().data_ptr() == storage.grad.data_ptr()


def test_zero_grad_reaches_every_group() -> None:
    given = parameters(2, 3)
    optimizer = optim.Adam([{"params": given[:1]}, {"params": given[1:]}])
    for parameter in given:
        parameter.grad = torch.ones_like(parameter.grad)
    optimizer.zero_grad()
    assert not any(parameter.grad.any() for parameter in given)


@every_rule
def test_moving_the_model_moves_the_optimizer(name: str) -> None:
    model = nn.Sequential(nn.Linear(3, 2, bias=False), nn.ReLU(), nn.Linear(2, 1, bias=False))
    optimizer = getattr(optim, name)(model.parameters(), **MEMORY[name])

    def step() -> None:
        optimizer.zero_grad()
        assert not any(parameter.grad.any() for parameter in model.parameters())
        for parameter in model.parameters():
            parameter.grad = torch.linspace(-1, 2, parameter.grad.numel()).reshape(parameter.grad.shape)
        optimizer.step()

    step()
    before = [{name: entry.clone() for name, entry in each.items()} for each in memory(optimizer)]
    model.to(torch.float64)
    optimizer.zero_grad()
    for moved, kept in zip(memory(optimizer), before):
        assert {entry.dtype for entry in moved.values()} == {torch.float64}
        for key in kept:
            torch.testing.assert_close(moved[key], kept[key].double(), rtol=0, atol=0)
    old = [parameter.value.clone() for parameter in model.parameters()]
    step()
    for parameter, value in zip(model.parameters(), old):
        assert parameter.value.dtype == torch.float64
        assert not torch.equal(parameter.value, value)
    assert optimizer.storages[0].parameters == model.parameters()


def test_two_optimizers_may_share_parameters_in_different_groupings() -> None:
    given = parameters(1, 1)
    whole = optim.SGD(given, lr=1.0)
    apart = optim.SGD([{"params": given[1:], "lr": 10.0}, {"params": given[:1]}], lr=100.0)
    for optimizer in (whole, apart, whole):
        for parameter in given:
            parameter.grad = torch.ones(1)
        optimizer.step()
    assert [parameter.value.item() for parameter in given] == [1.0 - 102, 1.0 - 12]


def memory(optimizer: optim.Optimizer) -> list[dict[str, torch.Tensor]]:
    """The tensors that the rule remembers of each parameter."""
    return [
        {key: entry for key, entry in state.items() if isinstance(entry, torch.Tensor)}
        for state in optimizer.state.values()
    ]


# Copies


@every_rule
@pytest.mark.parametrize("how", ["deepcopy", "pickle", "torch.save"])
def test_a_copy_continues_alone(name: str, how: str) -> None:
    both = pair(name, [{}, {"lr": 0.01}])
    both.step()
    together = (both.parameters, both.ours)
    if how == "deepcopy":
        copied = copy.deepcopy(together)
    elif how == "pickle":
        copied = pickle.loads(pickle.dumps(together))
    else:
        file = io.BytesIO()
        torch.save(together, file)
        file.seek(0)
        copied = torch.load(file, weights_only=False)
    before = values(both.ours).clone()
    original, optimizer = both.parameters, both.ours
    both.parameters, both.ours = copied
    assert both.parameters[0] is both.ours.param_groups[0]["params"][0]
    for _ in range(3):
        both.step()
    both.assert_equal()
    assert torch.equal(values(optimizer), before)
    assert torch.equal(original[0].value, optimizer.storages[0].value[:6].view(3, 2))


def test_a_pickled_parameter_does_not_carry_the_whole_buffer() -> None:
    given = [Parameter(torch.zeros(1)), Parameter(torch.zeros(100_000))]
    optim.SGD(given)
    assert len(pickle.dumps(given[0])) < 10_000


# State


@every_rule
def test_a_state_dict_continues_identically(name: str) -> None:
    groups = [{}, without_unknown(name, {"lr": 0.01, "weight_decay": 0.1})]
    both = pair(name, groups, clip_norm=1.0)
    both.step()
    file = io.BytesIO()
    torch.save(both.ours.state_dict(), file)
    file.seek(0)
    state = torch.load(file, weights_only=True)
    others = [Parameter(parameter.value.clone()) for parameter in both.parameters]
    other = getattr(optim, name)([{"params": others[::2]}, {"params": others[1::2]}], lr=1.0)
    other.load_state_dict(state)
    for _ in range(3):
        both.step()
        for mine, gradient in zip(others, both.gradients):
            mine.grad = gradient
        other.step()
    both.assert_equal()
    for mine, parameter in zip(others, both.parameters):
        assert torch.equal(mine.value, parameter.value)
    assert other.clip_norm == 1.0
    assert [group["lr"] for group in other.param_groups] == [0.05, 0.01]


@every_rule
def test_a_state_dict_is_independent_on_the_way_out_and_in(name: str) -> None:
    both = pair(name)
    both.step()
    state = both.ours.state_dict()
    kept = copy.deepcopy(state)
    both.step()
    assert same(state, kept)
    both.ours.load_state_dict(state)
    both.step()
    assert same(state, kept)


def same(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def test_a_loaded_state_takes_the_dtype_of_the_parameters() -> None:
    single, double = parameters(3), [Parameter(torch.ones(3, dtype=torch.float64))]
    source, target = optim.Adam(double), optim.Adam(single)
    double[0].grad = torch.ones(3, dtype=torch.float64)
    source.step()
    target.load_state_dict(source.state_dict())
    assert target.state[single[0]]["exp_avg"].dtype == torch.float32
    single[0].grad = torch.ones(3)
    target.step()


def changed(state: dict[str, Any], path: list[Any], value: Any) -> dict[str, Any]:
    state = copy.deepcopy(state)
    place: Any = state
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return state


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (["more"], 1, "Adam: expected a state with clip_norm, param_groups and state, got"),
        (["state"], [], "Adam: expected a state of 2 parameter groups, got"),
        (["clip_norm"], -1, "Adam: expected clip_norm to be a finite number above 0 or None, got -1"),
        (["param_groups", 1, "alpha"], 1, "Adam param_groups[1]: expected a state with ['lr', "),
        (
            ["param_groups", 0, "lr"],
            -2,
            f"Adam param_groups[0]: expected lr to be {NON_NEGATIVE}, got -2",
        ),
        (
            ["param_groups", 1, "shapes"],
            [(4,)],
            "Adam param_groups[1]: expected parameters of shapes [(3,)], got [(4,)]",
        ),
        (
            ["state", 1, 0, "state", "exp_avg"],
            torch.ones(4),
            "Adam param_groups[1]: expected 'exp_avg' of shape (3,), got (4,)",
        ),
        (
            ["state", 1, 0, "parameters"],
            2,
            "Adam param_groups[1]: expected a state of 1 parameters, got [2]",
        ),
    ],
)
def test_a_state_that_does_not_fit_changes_nothing(path: list[Any], value: Any, message: str) -> None:
    given = parameters(2, 3)
    optimizer = optim.Adam([{"params": given[0]}, {"params": given[1]}], lr=0.5)
    for parameter in given:
        parameter.grad = torch.ones_like(parameter.value)
    optimizer.step()
    before = optimizer.state_dict()
    wrong = changed(changed(before, ["param_groups", 0, "eps"], 0.25), path, value)
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        optimizer.load_state_dict(wrong)
    assert same(optimizer.state_dict(), before)


def test_another_rules_state_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^SGD param_groups\[0\]: expected a state with \['lr', 'momentum'"):
        optim.SGD(parameters(2)).load_state_dict(optim.Adam(parameters(2)).state_dict())


# Messages


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("SGD", {"lr": -0.1}, f"lr to be {NON_NEGATIVE}, got -0.1"),
        ("SGD", {"lr": "0.1"}, f"lr to be {NON_NEGATIVE}, got '0.1'"),
        ("SGD", {"lr": float("nan")}, f"lr to be {NON_NEGATIVE}, got nan"),
        ("SGD", {"lr": float("inf")}, f"lr to be {NON_NEGATIVE}, got inf"),
        ("SGD", {"momentum": -1}, f"momentum to be {NON_NEGATIVE}, got -1"),
        ("SGD", {"dampening": None}, "dampening to be a finite number, got None"),
        ("SGD", {"weight_decay": -1}, f"weight_decay to be {NON_NEGATIVE}, got -1"),
        ("SGD", {"maximize": 1}, "maximize to be True or False, got 1"),
        ("SGD", {"nesterov": None}, "nesterov to be True or False, got None"),
        ("SGD", {"nesterov": True}, "nesterov with a momentum above 0 and a dampening of 0, got 0 and 0"),
        (
            "SGD",
            {"nesterov": True, "momentum": 0.9, "dampening": 0.5},
            "nesterov with a momentum above 0 and a dampening of 0, got 0.9 and 0.5",
        ),
        ("SGD", {"clip_norm": 0}, "clip_norm to be a finite number above 0 or None, got 0"),
        ("Adam", {"betas": (0.9, 1.0)}, "betas to be two numbers in [0, 1), got (0.9, 1.0)"),
        ("Adam", {"betas": (-0.1, 0.9)}, "betas to be two numbers in [0, 1), got (-0.1, 0.9)"),
        ("Adam", {"betas": 0.9}, "betas to be two numbers in [0, 1), got 0.9"),
        ("Adam", {"betas": (0.9,)}, "betas to be two numbers in [0, 1), got (0.9,)"),
        ("Adam", {"eps": -1}, f"eps to be {NON_NEGATIVE}, got -1"),
        ("Adam", {"amsgrad": 2}, "amsgrad to be True or False, got 2"),
        ("Adam", {"decoupled_weight_decay": 2}, "decoupled_weight_decay to be True or False, got 2"),
        ("AdamW", {"weight_decay": -1}, f"weight_decay to be {NON_NEGATIVE}, got -1"),
        ("RMSprop", {"alpha": 1.5}, "alpha to be a number in [0, 1], got 1.5"),
        ("RMSprop", {"eps": -1}, f"eps to be {NON_NEGATIVE}, got -1"),
        ("RMSprop", {"momentum": -1}, f"momentum to be {NON_NEGATIVE}, got -1"),
        ("RMSprop", {"centered": 2}, "centered to be True or False, got 2"),
        ("Adagrad", {"lr_decay": -1}, f"lr_decay to be {NON_NEGATIVE}, got -1"),
        (
            "Adagrad",
            {"initial_accumulator_value": -1},
            f"initial_accumulator_value to be {NON_NEGATIVE}, got -1",
        ),
        ("Adagrad", {"eps": -1}, f"eps to be {NON_NEGATIVE}, got -1"),
        ("NAdam", {"momentum_decay": -1}, f"momentum_decay to be {NON_NEGATIVE}, got -1"),
        ("RAdam", {"betas": (0.9, 1)}, "betas to be two numbers in [0, 1), got (0.9, 1)"),
        ("Adadelta", {"rho": 2}, "rho to be a number in [0, 1], got 2"),
        (
            "Rprop",
            {"etas": (0.5, 0.9)},
            "etas to be two numbers, the first between 0 and 1 and the second above 1, got (0.5, 0.9)",
        ),
        (
            "Rprop",
            {"step_sizes": (2, 1)},
            "step_sizes to be two numbers of at least 0 in ascending order, got (2, 1)",
        ),
        ("ASGD", {"lambd": -1}, f"lambd to be {NON_NEGATIVE}, got -1"),
        ("Adafactor", {"beta2_decay": 0.8}, "beta2_decay to be a finite number of at most 0, got 0.8"),
        (
            "Adafactor",
            {"eps": (None, None)},
            "eps to be two numbers of at least 0, or None and such a number, got (None, None)",
        ),
        ("Adafactor", {"d": 0.5}, "d to be a finite number of at least 1, got 0.5"),
        ("Muon", {"ns_coefficients": (1, 2)}, "ns_coefficients to be three finite numbers, got (1, 2)"),
        ("Muon", {"ns_steps": 100}, "ns_steps to be a whole number from 0 to 99, got 100"),
        (
            "Muon",
            {"adjust_lr_fn": "x"},
            "adjust_lr_fn to be None or 'original' or 'match_rms_adamw', got 'x'",
        ),
        ("Muon", {}, "matrices, got Parameter(1,)"),
    ],
)
def test_options_out_of_range_are_refused(name: str, options: dict[str, Any], expected: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(f'{name}: expected {expected}')}$"):
        getattr(optim, name)(parameters(1), **options)


SHARED = Parameter(torch.ones(2))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ([], "SGD: expected at least one parameter, got none"),
        ([{"params": []}], "SGD: expected at least one parameter, got none"),
        ([torch.ones(2)], "SGD: expected instances of Parameter, got a Tensor"),
        (
            torch.nn.Linear(1, 1).parameters(),
            "SGD: expected instances of Parameter, got a parameter of torch.nn, which torch.optim trains",
        ),
        ([{"lr": 0.1}], "SGD: expected a dict with 'params', got {'lr': 0.1}"),
        ([{"params": parameters(1)}, 3], "SGD param_groups[1]: expected a dict with 'params', got 3"),
        (
            [{"params": parameters(1)}, {"params": parameters(1), "lr": -1}],
            "SGD param_groups[1]: expected lr to be a finite number of at least 0, got -1",
        ),
        (
            [{"params": parameters(1), "rate": 1}],
            "SGD: expected options among ['lr', 'momentum', 'dampening', 'weight_decay', 'nesterov', "
            "'maximize'], got ['rate']",
        ),
        (
            [{"params": SHARED}, {"params": [SHARED]}],
            "SGD param_groups[1]: expected each parameter in one group, got Parameter(2,) in two",
        ),
    ],
)
def test_parameters_that_cannot_be_used_are_refused(params: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        optim.SGD(params)
    assert SHARED.storage is None


def test_a_group_cannot_ask_a_rule_for_what_it_never_does() -> None:
    group = {"params": Parameter(torch.ones(1, 1)), "maximize": True}
    with pytest.raises(ValueError, match=r"^Muon: expected maximize to be False, got True$"):
        optim.Muon([group])


def test_a_rule_for_sparse_gradients_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^SparseAdam: expected sparse gradients, but all are dense here"):
        optim.SparseAdam(parameters(2), lr=0.1)


def test_a_rule_without_an_update_says_so() -> None:
    given = parameters(1)
    given[0].grad = torch.ones(1)
    with pytest.raises(NotImplementedError, match="Optimizer has no update"):
        optim.Optimizer(given, lr=0.1).step()


@pytest.mark.parametrize("twin", [copy.deepcopy, lambda both: pickle.loads(pickle.dumps(both))])
def test_a_copy_made_after_the_parameters_moved_goes_on_alike(twin: Any) -> None:
    model = nn.Linear(3, 2, dtype=torch.float64)
    optimizer = optim.Adam(model.parameters())
    for _, grad in model.parameters():
        grad.fill_(1.0)
    optimizer.step()
    model.to(torch.float32)
    other, others = twin((model, optimizer))
    for rule in (optimizer, others):
        rule.step()
    for (value, _), (copied, _) in zip(model.parameters(), other.parameters()):
        assert torch.equal(value, copied)


def test_numbers_may_be_those_of_numpy() -> None:
    optimizer = optim.SGD(parameters(2), lr=np.float32(0.5), momentum=np.float64(0.9))
    assert optim.StepLR(optimizer, np.int64(3)).get_last_lr() == [0.5]
    with pytest.raises(
        ValueError, match=re.escape("SGD: expected lr to be a finite number of at least 0, got True")
    ):
        optim.SGD(parameters(2), lr=True)


def test_with_epsilon_hat_adam_is_that_of_scikit_learn() -> None:
    generator = torch.Generator().manual_seed(0)
    start, *grads = torch.randn(31, 5, generator=generator, dtype=torch.float64)
    parameter, theirs = Parameter(start.clone()), [start.numpy().copy()]
    ours = optim.Adam([parameter], lr=0.01, eps=0.1, epsilon_hat=True)
    other = AdamOptimizer(theirs, learning_rate_init=0.01, epsilon=0.1)
    for grad in grads:
        parameter.grad = grad
        ours.step()
        other.update_params(theirs, [grad.numpy()])
    torch.testing.assert_close(parameter.value, torch.from_numpy(theirs[0]), rtol=1e-12, atol=0)
    assert not torch.allclose(parameter.value, start)


RATES = [(rule, "lr") for rule in NAMES if rule != "Adafactor"]
PENALTIES = [
    (rule, "weight_decay")
    for rule in ("SGD", "Adam", "RMSprop", "Adagrad", "Adamax", "NAdam", "RAdam", "Adadelta", "ASGD")
]


@pytest.mark.parametrize(("rule", "option"), RATES + PENALTIES)
def test_what_the_dtype_cannot_hold_is_told_by_name(rule: str, option: str) -> None:
    single, wide = (Parameter(torch.ones(3, 1, dtype=dtype)) for dtype in (torch.float32, torch.float64))
    single.has_grad = wide.has_grad = True
    optimizer = getattr(optim, rule)([single], **{option: 1e300})
    told = f"{rule}: expected options that float32 can hold, got {option}=1e+300"
    with pytest.raises(ValueError, match=f"^{re.escape(told)}$"):
        optimizer.step()
    getattr(optim, rule)([wide], **{option: 1e300}).step()


# Closures, and groups that come later


def test_a_closure_computes_the_gradients_and_its_value_is_returned() -> None:
    (parameter,) = parameters(2)
    optimizer = optim.SGD([parameter], lr=0.5)

    def closure() -> float:
        optimizer.zero_grad()
        parameter.grad = torch.tensor([1.0, 2.0])
        return 7.0

    assert optimizer.step(closure) == 7.0
    assert parameter.value.tolist() == [0.5, 0.0]
    assert optimizer.step() is None


@every_rule
def test_a_group_may_be_added(name: str) -> None:
    both = pair(name)
    late, tensor = Parameter(torch.ones(3, 1, dtype=torch.float64)), torch.ones(3, 1, dtype=torch.float64)
    both.step()
    both.ours.add_param_group({"params": [late], "lr": 0.5})
    both.theirs.add_param_group({"params": [tensor], "lr": 0.5})
    for _ in range(3):
        tensor.grad = None
        both.step()
        late.grad = tensor.grad = both.normal((3, 1))
        both.ours.step()
        with double():
            both.theirs.step()
    both.assert_equal()
    torch.testing.assert_close(late.value, tensor, rtol=1e-10, atol=1e-10)


def test_a_group_that_cannot_be_added_changes_nothing() -> None:
    held = parameters(1)
    optimizer = optim.SGD(held)
    for group, message in [
        ({"params": held}, r"expected each parameter in one group, got Parameter\(1,\) in two"),
        ({"params": parameters(1), "lr": -1}, f"expected lr to be {NON_NEGATIVE}, got -1"),
    ]:
        with pytest.raises(ValueError, match=rf"^SGD param_groups\[1\]: {message}$"):
            optimizer.add_param_group(group)
    assert len(optimizer.param_groups) == len(optimizer.storages) == len(optimizer.segments) == 1


# Options


@pytest.mark.parametrize("name", [*NAMES, "LBFGS"])
def test_options_are_documented_in_the_order_of_the_signature(name: str) -> None:
    rule = getattr(optim, name)
    section = re.search(r"Args:\n(.*?)\n\n", rule.__doc__, re.DOTALL)
    assert section is not None
    assert re.findall(r"^\s+(\w+): \S.*\.$", section[1], re.MULTILINE) == list(
        inspect.signature(rule).parameters
    )


@pytest.mark.parametrize(
    ("base", "annotations", "values", "message"),
    [
        (optim.Optimizer, {"beta": float}, {"beta": 0.9}, "beta = .*, or a ClassVar if .*, got 0.9"),
        (optim.Optimizer, {"beta": float}, {}, "beta = .*, or a ClassVar if .*, got no value"),
        (optim.Adam, {"eps": float}, {"eps": 0.5}, "eps = .*, got 0.5"),
        (optim.Adam, {"eps": ClassVar[float]}, {"eps": 0.5}, "eps = .*, got 0.5"),
        (optim.Adam, {}, {"eps": 0.5}, "eps = .*, got 0.5"),
    ],
)
def test_an_option_that_is_not_declared_as_one_is_refused(
    base: type, annotations: dict[str, Any], values: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=f"^Rule: expected {message}$"):
        type("Rule", (base,), {"__annotations__": annotations, **values})


def test_a_rule_may_have_constants() -> None:
    class Rule(optim.Adam):
        needs_shapes = True
        power: ClassVar[int] = 2

    assert Rule.options == optim.Adam.options
    assert Rule.needs_shapes


def test_options_belong_to_groups_alone() -> None:
    optimizer = optim.AdamW(parameters(1), 0.5, (0.8, 0.9))
    assert not any(hasattr(optimizer, name) for name in optimizer.options)
    assert optimizer.defaults["betas"] == (0.8, 0.9)
    with pytest.raises(TypeError, match="decoupled_weight_decay"):
        optim.AdamW(parameters(1), decoupled_weight_decay=False)
