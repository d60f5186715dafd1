"""What is done around every forward and backward."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from plaingrad import Module, ModuleError, Parameter, nn, optim


class Product(Module):
    """The product of two inputs, either of which may be given by keyword."""

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        y = a * b
        self.save((a, b), y)
        return y

    def backward(self, dy: Tensor) -> tuple[Tensor, Tensor]:
        a, b = self.restore(dy)
        return dy * b, dy * a


class Nested(Module):
    """An output, and a state of two parts, one of them absent."""

    def forward(self, x: Tensor) -> tuple[Tensor, tuple[Tensor, None]]:
        y = (2 * x, (3 * x, None))
        self.save(None, y)
        return y

    def backward(self, dy: Tensor | None, dstate: tuple[Tensor | None, None]) -> Tensor:
        self.restore(dy, dstate)
        dh, _ = dstate
        zero = torch.zeros(2, dtype=torch.float64)
        return 2 * (zero if dy is None else dy) + 3 * (zero if dh is None else dh)


class Block(Module):
    """A composite with fields, which saves nothing itself."""

    def __init__(self) -> None:
        self.first, self.second = nn.Linear(3, 4), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.second.forward(self.first.forward(x))

    def backward(self, dy: Tensor) -> Tensor:
        return self.first.backward(self.second.backward(dy))


class Skipping(Block):
    """The same with a way around, so that its backward cannot do without a gradient."""

    def __init__(self) -> None:
        self.first, self.second = nn.Linear(3, 4), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return x + super().forward(x)

    def backward(self, dy: Tensor) -> Tensor:
        return dy + super().backward(dy)


class Failing(Module):
    """Goes through a layer, and then fails."""

    def __init__(self, error: Exception) -> None:
        self.inner, self.error = nn.Linear(3, 3), error

    def forward(self, x: Tensor) -> Tensor:
        self.save(x, self.inner.forward(x))
        raise self.error

    def backward(self, dy: Tensor) -> Tensor:
        return self.inner.backward(self.restore(dy))


def leftovers(model: Module) -> int:
    return sum(len(module._saved) for module in model.modules())


def normal(*size: int) -> Tensor:
    return torch.randn(*size, dtype=torch.float64)


# Outputs and their gradients


def test_missing_gradients_of_outputs_are_none() -> None:
    for grads, expected in [
        ((torch.ones(2).double(),), 2.0),
        ((torch.ones(2).double(), None), 2.0),
        ((None, (torch.ones(2).double(), None)), 3.0),
        ((None, (torch.ones(2).double(),)), 3.0),
        ((torch.ones(2).double(), (torch.ones(2).double(), None)), 5.0),
    ]:
        module = Nested()
        module.forward(normal(2))
        assert module.backward(*grads).tolist() == [expected, expected], grads


def test_a_composite_that_saves_nothing_may_miss_gradients_too() -> None:
    class Around(Module):
        def __init__(self) -> None:
            self.inner = Nested()

        def forward(self, x: Tensor) -> Any:
            return self.inner.forward(x)

        def backward(self, dfirst: Tensor, dnested: Any) -> Tensor:
            return self.inner.backward(dfirst, dnested)

    module, dy = Around(), normal(2)
    module.forward(normal(2))
    assert torch.equal(module.backward(dy), 2 * dy)
    assert leftovers(module) == 0


@pytest.mark.parametrize("wrapped", [lambda y: [y], lambda y: (y, [y]), lambda y: {"y": y}])
def test_outputs_in_other_collections_than_tuples_are_refused(wrapped: Any) -> None:
    class Wrapping(Module):
        def forward(self, x: Tensor) -> Any:
            self.save(x, wrapped(x))
            return wrapped(x)

    with pytest.raises(
        ModuleError, match=r"^Wrapping\(\): expected outputs as a tensor, or tuples of these, got a"
    ):
        Wrapping().forward(normal(2))


@pytest.mark.parametrize(
    ("grads", "problem"),
    [
        ((torch.ones(3).double(),), "expected output gradient (2,) of torch.float64, got (3,)"),
        (
            (None, (torch.ones(2),)),
            "expected output gradient (2,) of torch.float64, got (2,) of torch.float32",
        ),
        ((None, (None, torch.ones(2))), "expected no gradient for an output that is none, got (2,)"),
        ((None, torch.ones(2)), "expected 2 output gradients, got (2,)"),
        ((None, None, torch.ones(2)), "expected 2 output gradients, got 3"),
    ],
)
def test_gradients_of_another_structure_are_refused(grads: Any, problem: str) -> None:
    module = Nested()
    module.forward(normal(2))
    with pytest.raises(ModuleError) as caught:
        module.restore(*grads)
    assert problem in str(caught.value)
    assert leftovers(module) == 1


def test_the_old_form_of_save_says_what_to_write() -> None:
    module = Nested()
    with pytest.raises(ModuleError, match=r"save\(state, outputs\), all outputs as one tuple"):
        module.save(None, normal(2), normal(2))


@pytest.mark.parametrize("kind", [Block, Skipping, lambda: nn.Residual(nn.Linear(3, 3), nn.Tanh())])
def test_without_any_gradient_the_state_is_dropped_and_nothing_is_added(kind: Any) -> None:
    model, x = kind(), torch.randn(5, 3)
    y = model.forward(x)
    once = leftovers(model)
    model.forward(x)
    assert model.backward(None) is None
    assert leftovers(model) == once
    assert not any(parameter._grad.any() for parameter in model.parameters())
    assert model.backward(torch.ones_like(y)).shape == x.shape
    assert leftovers(model) == 0


def test_what_is_dropped_is_none_for_each_argument() -> None:
    product = Product()
    product.forward(normal(2), b=normal(2))
    assert product.backward(None) == (None, None)


def test_a_network_that_begins_with_integers_can_go_backward() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Embedding(5, 2))
    y = model.forward(torch.randint(5, (4, 3)))
    assert model.backward(torch.ones_like(y)) is None
    assert leftovers(model) == 0


def test_keywords_reach_forward() -> None:
    product, a, b = Product(), normal(2), normal(2)
    assert torch.equal(product(a, b=b), a * b)
    chained = nn.Sequential(Product(), nn.Identity())
    assert torch.equal(chained(a, b=b), a * b)
    da, db = chained.backward(torch.ones(2).double())
    assert torch.equal(da, b)
    assert torch.equal(db, a)


# Errors


def test_an_error_names_every_module_around_it() -> None:
    model = nn.Sequential(nn.Identity(), Block())
    with pytest.raises(ModuleError) as caught:
        model.forward(torch.zeros(8, 2))
    assert str(caught.value).startswith("Sequential[1].Block[first] Linear(3, 4): expected input (*, 3)")
    model.forward(torch.zeros(8, 3))
    with pytest.raises(ModuleError) as caught:
        model.backward(torch.zeros(8, 3))
    assert str(caught.value).startswith("Sequential[1].Block[second] Linear(4, 2): expected output gradient")


def test_an_error_of_pytorch_names_the_module() -> None:
    with pytest.raises(
        ModuleError, match=r"^Sequential\[0\] Product\(\): The size of tensor a \(3\) must match"
    ):
        nn.Sequential(Product()).forward(torch.zeros(3), b=torch.zeros(2))


def test_a_module_used_twice_is_named_by_both_positions() -> None:
    layer = nn.Linear(3, 4)
    with pytest.raises(ModuleError, match=r"^Sequential\[0 or 2\] Linear"):
        nn.Sequential(layer, nn.Identity(), layer).forward(torch.zeros(2, 3))


@pytest.mark.parametrize("error", [ValueError("no"), RuntimeError("no"), KeyboardInterrupt()])
def test_a_failed_forward_leaves_no_state(error: Any) -> None:
    model = nn.Sequential(nn.Linear(3, 3), Failing(error))
    model[0].forward(torch.zeros(2, 3))
    with pytest.raises((ValueError, KeyboardInterrupt)):
        model.forward(torch.zeros(2, 3))
    assert [len(module._saved) for module in model.modules()] == [0, 1, 0, 0]


def test_a_loss_that_nothing_used_adds_nothing() -> None:
    class WithAuxiliary(Module):
        """A layer, and a loss of what it gives."""

        def __init__(self) -> None:
            self.layer, self.loss = nn.Linear(3, 2), nn.MSELoss()

        def forward(self, x: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
            y = self.layer.forward(x)
            return self.loss.forward(y, target), y

        def backward(self, dloss: Tensor | None, dy: Tensor | None) -> tuple[Tensor, None]:
            parts = [each for each in (self.loss.backward(dloss), dy) if each is not None]
            return self.layer.backward(sum(parts)), None

    module, x, target, dy = WithAuxiliary(), torch.randn(4, 3), torch.randn(4, 2), torch.randn(4, 2)
    module.forward(x, target)
    module.backward(None, dy)
    assert torch.equal(module.layer.bias.grad, dy.sum(0))
    assert leftovers(module) == 0


def test_a_missing_gradient_of_a_single_output_drops_the_state() -> None:
    model = nn.Sequential(nn.Linear(3, 2), nn.Tanh())
    model.forward(torch.randn(4, 3))
    assert model.backward() is None
    assert leftovers(model) == 0
    model.forward(torch.randn(4, 3))
    with pytest.raises(ModuleError, match="expected 1 output gradients, got 2"):
        model.backward(torch.ones(4, 2), torch.ones(4, 2))


# PyTorch's recording


def test_pytorch_does_not_record_a_backward_nor_keep_a_graph() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Tanh(), nn.PReLU(), Block().second)
    x = torch.randn(5, 3, requires_grad=True)
    y = model.forward(x)
    assert y.requires_grad is x.requires_grad  # forward leaves the caller's mode alone
    dx = model.backward(torch.randn(5, 2, requires_grad=True))
    assert not dx.requires_grad
    assert not any(tensor.requires_grad for pair in model.parameters() for tensor in pair)


class Listing(Module):
    """Keeps its state in collections."""

    def forward(self, x: Tensor) -> Tensor:
        y = x * x
        self.save([x, {"y": y}, ("text", [y])], y)
        return y

    def backward(self, dy: Tensor) -> Tensor:
        x, named, (_, (y,)) = self.restore(dy)
        assert not any(tensor.requires_grad for tensor in (x, named["y"], y))
        return 2 * x * dy


def test_state_in_collections_is_detached_and_watched_for_changes() -> None:
    module, x = Listing(), normal(3).requires_grad_()
    assert module.forward(x).requires_grad
    assert module.backward(normal(3)).shape == (3,)
    y = module.forward(x.detach())
    y.mul_(2)
    with pytest.raises(ModuleError, match="got a tensor changed in place"):
        module.backward(normal(3))


@pytest.mark.parametrize("change", [lambda x: x.add_(1), lambda x: x[0].zero_(), lambda x: x.t().mul_(2)])
def test_a_saved_tensor_that_was_changed_is_refused(change: Any) -> None:
    layer, x = nn.Linear(3, 2), torch.randn(5, 3)
    y = layer.forward(x)
    change(x)
    with pytest.raises(ModuleError, match=r"^Linear\(3, 2\): expected the saved state as forward left it"):
        layer.backward(torch.ones_like(y))


def test_tensors_of_inference_mode_are_taken() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh())
    with torch.inference_mode():
        x = torch.randn(2, 3)
        y = model.forward(x)
        assert model.backward(torch.ones_like(y)).shape == (2, 3)
    y = model.forward(x)
    assert model.backward(torch.ones_like(y)).shape == (2, 3)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_a_copy_takes_its_own_state_for_unchanged(copied: Any) -> None:
    layer, x = nn.Linear(3, 2), torch.randn(5, 3)
    x += 1
    layer.forward(x)
    twin = copied(layer)
    x += 1
    assert twin.backward(torch.ones(5, 2)).shape == (5, 3)


def test_forwards_that_are_never_undone_are_told_in_the_end() -> None:
    layer = nn.Identity()
    for _ in range(9_999):
        layer.forward(torch.zeros(1))
    with pytest.warns(RuntimeWarning, match=r"Identity\(\): 10,000 forwards were saved without a backward"):
        layer.forward(torch.zeros(1))


# Watching


def test_a_watcher_sees_every_call_once_and_in_order() -> None:
    model, seen = nn.Sequential(nn.SELU(), Skipping()), []

    def watcher(module: Module, name: str, run: Any, *arguments: Any, **options: Any) -> Any:
        seen.append((type(module).__name__, name))
        return run(*arguments, **options)

    with model.watched(watcher):
        model.backward(model.forward(torch.randn(2, 3)))
    inside = ["Skipping", "Linear", "Linear"]
    assert [name for name, call in seen if call == "forward"] == ["Sequential", "SELU", *inside]
    assert [name for name, call in seen if call == "backward"] == ["Sequential", *inside, "SELU"]
    model.backward(model.forward(torch.randn(2, 3)))
    assert len(seen) == 10


def test_watchers_nest_and_may_change_what_passes() -> None:
    layer = nn.Identity()

    def adding(module: Module, name: str, run: Any, x: Tensor) -> Tensor:
        return run(x) + 1

    def doubling(module: Module, name: str, run: Any, x: Tensor) -> Tensor:
        return 2 * run(x)

    with layer.watched(adding), layer.watched(doubling):
        assert layer.forward(torch.tensor(3.0)) == 8
        assert copy.deepcopy(layer).forward(torch.tensor(3.0)) == 3
    assert layer.forward(torch.tensor(3.0)) == 3


def test_a_module_that_calls_itself_is_one_call() -> None:
    class Halving(Module):
        def forward(self, x: Tensor, times: int) -> Tensor:
            return x if times == 0 else self.forward(x / 2, times - 1)

    seen = []
    module = Halving()
    with module.watched(lambda module, name, run, *given: seen.append(name) or run(*given)):
        assert module.forward(torch.tensor(8.0), 3) == 1
    assert seen == ["forward"]


def test_threads_may_predict_with_one_module() -> None:
    model, x = nn.Sequential(nn.Linear(3, 3), nn.Tanh()).eval(), torch.randn(4, 3)
    expected, found = model.forward(x), []

    def predict() -> None:
        found.extend(model.forward(x) for _ in range(50))

    threads = [threading.Thread(target=predict) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 200
    assert all(torch.equal(y, expected) for y in found)


def test_a_frozen_parameter_gets_no_gradient_whatever_a_backward_adds() -> None:
    class Scale(Module):
        def __init__(self) -> None:
            self.factor = Parameter(torch.tensor(2.0))

        def forward(self, x: Tensor) -> Tensor:
            self.save(x, x)
            return x * self.factor.value

        def backward(self, dy: Tensor) -> Tensor:
            self.factor.grad += (self.restore(dy) * dy).sum()
            return dy * self.factor.value

    scale = Scale()
    assert scale.freeze() is scale
    scale.backward(scale.forward(torch.ones(3)))
    assert scale.factor.grad == 0
    scale.unfreeze()
    scale.backward(scale.forward(torch.ones(3)))
    assert scale.factor.grad == 6


@pytest.mark.parametrize("error", [RuntimeError, IndexError])
def test_an_error_of_pytorch_s_own_gets_its_place(error: type[Exception]) -> None:
    class Failing(Module):
        def forward(self, x: Tensor) -> Tensor:
            raise error("of a kernel")

    with pytest.raises(ModuleError, match=r"^Sequential\[1\] Failing\(\): of a kernel$"):
        nn.Sequential(nn.Tanh(), Failing())(torch.zeros(2))


# What subclasses and collections rely on


class Doubled(Module):
    """A loss around a loss, which hands on the gradient that it is given, or not given."""

    def __init__(self) -> None:
        self.inner = nn.MSELoss()

    def forward(self, prediction: Tensor, target: Tensor) -> Tensor:
        return 2 * self.inner.forward(prediction, target)

    def backward(self, dloss: Tensor | None = None) -> Tensor:
        return 2 * self.inner.backward(dloss)


def test_a_loss_needs_no_gradient_and_takes_it_for_one() -> None:
    loss, p, t = Doubled(), normal(3), normal(3)
    for grads in ((), (torch.ones(()).double(),)):
        loss.forward(p, t)
        torch.testing.assert_close(loss.backward(*grads), 4 / 3 * (p - t))
    loss.forward(p, t)
    torch.testing.assert_close(loss.backward(dloss=torch.ones(()).double()), 4 / 3 * (p - t))


def test_gradients_may_be_given_by_name() -> None:
    layer, x, dy = nn.Linear(3, 2), torch.randn(4, 3), torch.randn(4, 2)
    layer.forward(x)
    expected = layer.backward(dy)
    layer.forward(x)
    assert torch.equal(layer.backward(dy=dy), expected)


class Acted(nn.Linear):
    """Has its own module behind what it inherits."""

    def __init__(self) -> None:
        super().__init__(2, 2)
        self.act = nn.Tanh()

    def forward(self, x: Tensor) -> Tensor:
        return self.act.forward(super().forward(x))

    def backward(self, dy: Tensor) -> Tensor:
        return super().backward(self.act.backward(dy))


def test_what_is_dropped_is_the_whole_forward_and_no_other() -> None:
    module, x, dy = Acted(), torch.randn(4, 2), torch.randn(4, 2)
    module.forward(x)
    expected = module.backward(dy)
    module.zero_grad()
    module.forward(x)
    module.forward(x + 1)
    module.backward(None)
    assert torch.equal(module.backward(dy), expected)
    assert leftovers(module) == 0


def test_a_copy_keeps_the_states_of_composites() -> None:
    model = nn.Sequential(nn.Linear(3, 2))
    model.forward(torch.randn(4, 3))
    twin = copy.deepcopy(model)
    twin.backward(torch.randn(4, 2))
    assert leftovers(twin) == 0


class Two(Module):
    """Two outputs, as a named tuple or as a plain one."""

    def forward(self, x: Tensor) -> Any:
        y = (2 * x, 3 * x)
        self.save(None, y)
        return y

    def backward(self, da: Tensor | None, db: Tensor | None) -> Tensor:
        self.restore(da, db)
        return 2 * (0 if da is None else da) + 3 * (0 if db is None else db)


class Join(Module):
    def forward(self, pair: tuple[Tensor, Tensor]) -> Tensor:
        y = pair[0] * pair[1]
        self.save(pair, y)
        return y

    def backward(self, dy: Tensor) -> tuple[Tensor, Tensor]:
        a, b = self.restore(dy)
        return dy * b, dy * a


def test_several_outputs_pass_through_a_sequential() -> None:
    x, one = normal(3), torch.ones(3).double()
    model = nn.Sequential(nn.Identity(), Two())
    model.forward(x)
    assert model.backward(one, one).tolist() == [5, 5, 5]
    model = nn.Sequential(Two(), Join())
    model.forward(x)
    torch.testing.assert_close(model.backward(one), 12 * x)


def test_an_error_of_another_kind_has_a_note_of_its_place() -> None:
    class Failing(Module):
        def forward(self, x: Tensor) -> Tensor:
            raise TypeError("no")

    with pytest.raises(TypeError, match="no") as caught:
        nn.Sequential(Failing()).forward(torch.zeros(1))
    assert caught.value.__notes__ == ["in Failing()", "in Sequential(Failing)"]


def test_a_name_that_the_contract_needs_is_refused() -> None:
    class Adversarial(Module):
        def __init__(self) -> None:
            self.generator = nn.Linear(2, 2)

    with pytest.raises(ModuleError, match=r"expected a torch.Generator in 'generator', got a Linear"):
        Adversarial()


@pytest.mark.parametrize(
    "add",
    [
        lambda model, layer: model.append(layer),
        lambda model, layer: model[0].append(layer),
        lambda model, layer: setattr(model, "last", layer),
        lambda model, layer: setattr(model, "extra", nn.Sequential(layer)),
    ],
)
def test_a_module_added_later_takes_over_the_generator(add: Any) -> None:
    model, generator, layer = nn.Sequential(nn.ModuleList()), torch.Generator(), nn.Dropout()
    model.last = nn.Tanh()
    model.generator = generator
    model.parameters()
    add(model, layer)
    assert layer.generator is generator


def test_a_layer_that_fails_after_saving_keeps_nothing() -> None:
    class Late(Module):
        def forward(self, x: Tensor) -> Tensor:
            self.save(x, x)
            if x.sum() < 0:
                raise ValueError("negative")
            return x

    layer = Late()
    layer.forward(torch.ones(2))
    with pytest.raises(ValueError, match="negative"):
        layer.forward(-torch.ones(2))
    assert leftovers(layer) == 1


def test_the_backward_of_a_single_layer_is_not_recorded() -> None:
    layer = nn.Linear(3, 2)
    y = layer.forward(torch.randn(4, 3))
    dx = layer.backward(torch.randn_like(y, requires_grad=True))
    assert not dx.requires_grad
    assert not layer.weight.grad.requires_grad


@pytest.mark.parametrize(("wrong", "got"), [(None, "None"), (2.5, "a float"), ([1.0], "a list")])
@pytest.mark.parametrize("kind", [nn.ReLU, partial(nn.Linear, 2, 3), partial(nn.LayerNorm, 2)])
def test_what_is_no_tensor_is_refused_with_its_place(
    without_annotations: None, kind: Any, wrong: Any, got: str
) -> None:
    network = nn.Sequential(kind(), nn.Linear(2, 3))
    with pytest.raises(ModuleError, match=rf"^Sequential\[.\] .*: expected a tensor, got {got}$"):
        network(wrong)


class Unready(Module):
    """Its forward has a fault of its own, whatever it is given."""

    options: Any = None

    def forward(self, x: Tensor, mask: Any = None) -> Tensor:
        if self.options == "raised":
            raise AttributeError("the widget is not set up")
        return x * self.options.scale


@pytest.mark.parametrize(
    ("options", "message"), [("raised", "the widget is not set up"), (None, "has no attribute 'scale'")]
)
def test_a_fault_of_forward_is_not_taken_for_one_of_its_input(options: Any, message: str) -> None:
    module = Unready()
    module.options = options
    with pytest.raises(AttributeError, match=message):
        module(torch.ones(2), None)


def test_a_state_from_another_process_lies_below_those_of_this_one(tmp_path: Path) -> None:
    network = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    x, dy = torch.randn(3, 2), torch.randn(3, 2)
    network(x)
    code = "import sys, pickle; from plaingrad import nn; import torch\n"
    code += "network = pickle.load(open(sys.argv[1], 'rb'))\n"
    code += "network(torch.zeros(1, 2)); network.backward(None)\n"
    code += "torch.save(network.backward(torch.load(sys.argv[2])), sys.argv[2])"
    files = tmp_path / "network", tmp_path / "gradient"
    files[0].write_bytes(pickle.dumps(network))
    torch.save(dy, files[1])
    subprocess.run([sys.executable, "-c", code, *map(str, files)], check=True)
    assert torch.equal(torch.load(files[1]), network.backward(dy))


def test_a_refused_gradient_leaves_a_composite_another_try() -> None:
    class Pair(Module):
        def __init__(self) -> None:
            self.inside = nn.Linear(3, 2)

        def forward(self, x: Tensor) -> tuple[Tensor, None]:
            return self.inside.forward(x), None

        def backward(self, dy: Tensor, nothing: None) -> Tensor:
            return self.inside.backward(dy)

    pair = Pair()
    pair(torch.ones(1, 3))
    with pytest.raises(ModuleError, match="expected output gradient"):
        pair.backward(torch.ones(3, 3))
    assert pair.backward(torch.ones(1, 2)).shape == (1, 3)


def test_a_loss_drops_an_entry_for_each_differentiable_argument() -> None:
    class Distance(nn.Loss):
        differentiable = ("a", "b")

        def forward(self, a: Tensor, b: Tensor, scale: Tensor) -> Tensor:
            loss = (scale * (a - b)).sum()
            self.save(scale, loss)
            return loss

        def backward(self, dloss: Tensor | None = None) -> tuple[Tensor, Tensor]:
            scale = self.restore(dloss)
            return scale, -scale

    distance = Distance()
    for given, entries in (((), 2), ((None,), 2)):
        distance(torch.ones(2), torch.zeros(2), torch.ones(2))
        assert len(distance.backward(*given)) == entries


@pytest.mark.parametrize(
    ("make", "sizes"),
    {
        "Linear": (lambda: nn.Linear(3, 2), (4, 3)),
        "PReLU": (nn.PReLU, (4, 3)),
        "LayerNorm": (lambda: nn.LayerNorm(3), (4, 3)),
        "BatchNorm1d": (lambda: nn.BatchNorm1d(3), (4, 3)),
        "Conv2d": (lambda: nn.Conv2d(2, 3, 2), (1, 2, 4, 4)),
        "LSTMCell": (lambda: nn.LSTMCell(3, 2), (4, 3)),
        "a composite": (Block, (4, 3)),
        "a lazy one": (lambda: nn.LazyLinear(2), (4, 3)),
    }.values(),
)
def test_an_update_between_forward_and_backward_is_refused(make: Any, sizes: tuple[int, ...]) -> None:
    layer, x = make().to(torch.float64), torch.randn(sizes, dtype=torch.float64)
    y = layer(x)
    dys = tuple(map(torch.ones_like, y)) if isinstance(y, tuple) else (torch.ones_like(y),)
    with torch.no_grad():
        for _, parameter in layer.named_parameters():
            parameter.value -= 0.1
    with pytest.raises(ModuleError, match="expected the parameters as forward left them"):
        layer.backward(*dys)
    layer.zero_grad()
    layer(x)
    layer.backward(*dys)


def test_parameters_may_be_flattened_and_copied_between_forward_and_backward() -> None:
    layer, x = Block(), torch.randn(4, 3)
    twin = copy.deepcopy(layer)
    dx = twin.backward(torch.ones_like(twin(x)))
    y = layer(x)
    optim.SGD(layer.parameters(), lr=0.1)
    other = pickle.loads(pickle.dumps(copy.deepcopy(layer)))
    assert torch.equal(other.backward(torch.ones_like(y)), dx)
    assert torch.equal(layer.backward(torch.ones_like(y)), dx)


def test_embeddings_that_shorten_their_vectors_are_in_nobody_s_way() -> None:
    """Though their table shares a buffer with the layers that have gone forward before."""

    class Towers(Module):
        def __init__(self) -> None:
            self.first, self.second = nn.Embedding(4, 2, max_norm=0.1), nn.Embedding(4, 2, max_norm=0.1)
            self.weigh = nn.Linear(2, 3)

        def forward(self, a: Tensor, b: Tensor) -> Tensor:
            return self.weigh(self.first(a)) + self.weigh(self.second(b))

        def backward(self, dy: Tensor) -> tuple[None, None]:
            self.second.backward(self.weigh.backward(dy))
            self.first.backward(self.weigh.backward(dy))
            return None, None

    towers = Towers()
    optim.SGD(towers.parameters(), lr=0.1)
    y = towers(torch.tensor([0, 1]), torch.tensor([2, 1]))
    towers.backward(torch.ones_like(y))
    assert towers.first.weight.value[:2].norm(dim=1).max() <= 0.1 + 1e-6
    assert towers.first.weight.grad.any(1).tolist() == [True, True, False, False]
