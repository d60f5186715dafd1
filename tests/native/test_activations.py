import math

import numpy as np
import pytest
import torch

from native.compiled import Functions
from plaingrad import nn
from plaingrad.module import Module
from plaingrad.native.activations import CONSTANTS, CppActivation, cpp_activation

inf = math.inf
MODULES = [
    nn.CELU(),
    nn.CELU(-0.7),
    nn.CELU(2.3),
    nn.ELU(),
    nn.ELU(-0.7),
    nn.ELU(0.0),
    nn.ELU(1.9),
    nn.GELU(),
    nn.GELU("tanh"),
    nn.Hardshrink(),
    nn.Hardshrink(-0.3),
    nn.Hardshrink(0.0),
    nn.Hardsigmoid(),
    nn.Hardswish(),
    nn.Hardtanh(),
    nn.Hardtanh(-0.3, inf),
    nn.Hardtanh(-inf, inf),
    nn.Identity(),
    nn.LeakyReLU(),
    nn.LeakyReLU(-0.6),
    nn.LeakyReLU(0.0),
    nn.LogSigmoid(),
    nn.Mish(),
    nn.ReLU(),
    nn.ReLU6(),
    nn.SELU(),
    nn.SiLU(),
    nn.Sigmoid(),
    nn.Softplus(),
    nn.Softplus(0.3, -1.0),
    nn.Softplus(-1.7, 2.0),
    nn.Softshrink(),
    nn.Softshrink(0.0),
    nn.Softsign(),
    nn.Tanh(),
    nn.Tanhshrink(),
    nn.Threshold(0.4, -2.0),
    nn.Threshold(-0.4, 7.0),
]
KINKS = [0.0, 0.3, 0.4, 0.5, 1.0, 3.0, 6.0, 20.0]


def constant(value: float) -> str:
    return value.hex() if math.isfinite(value) else f"{'-' if value < 0 else ''}__builtin_inf()"


@pytest.fixture(scope="module")
def functions(tmp_path_factory: pytest.TempPathFactory) -> Functions:
    calls, pairs, definitions = {}, {}, []
    for i, module in enumerate(MODULES):
        cpp = cpp_activation(module)
        assert cpp is not None
        fields = [f"static constexpr double {k} = {constant(v)};" for k, v in cpp.constants.items()]
        definitions.append(f"struct C{i} {{ {' '.join(fields)} }};")
        definitions.append(f"using A{i} = {cpp.name}{f'<C{i}>' if fields else ''};")
        saved = f"[](auto x) {{ if constexpr (A{i}::from_output) return A{i}::value(x); else return x; }}"
        calls[f"value{i}"] = f"A{i}::value"
        pairs[f"backward{i}"] = f"[](auto x, auto dy) {{ return A{i}::backward({saved}(x), dy); }}"
    folder = tmp_path_factory.mktemp("activations")
    return Functions(calls, folder, "layers/activation.hpp", "\n".join(definitions), pairs)


def points(dtype: type) -> np.ndarray:
    odd = [1000, 700, 100, 1e-10, 1e-310, 5e-324, 1e-40]
    right = np.concatenate([np.linspace(0, 40, 4001), KINKS, odd])
    return np.concatenate([right, -right]).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("module", MODULES, ids=repr)
def test_value_and_gradient_are_the_layer_s(functions: Functions, module: Module, dtype: type) -> None:
    x = points(dtype)
    dy = np.random.default_rng(3).normal(size=len(x)).astype(dtype)
    y = module(torch.from_numpy(x)).numpy()
    dx = module.backward(torch.from_numpy(dy)).numpy()
    i = MODULES.index(module)
    # The absolute part is for digits that either engine has lost in 1 - y^2, 1 + tanh and the like.
    eps = np.finfo(dtype).eps
    close = {"rtol": 1e-12 if dtype is np.float64 else 64 * eps, "atol": 32 * eps}
    np.testing.assert_allclose(functions(f"value{i}", x), y, **close)
    np.testing.assert_allclose(functions(f"backward{i}", x, dy), dx, **close)


@pytest.mark.parametrize("module", MODULES, ids=repr)
def test_nan_stays_nan(functions: Functions, module: Module) -> None:
    for dtype in (np.float32, np.float64):
        assert np.isnan(functions(f"value{MODULES.index(module)}", np.array([math.nan], dtype)))[0]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("module", MODULES, ids=repr)
def test_infinite_and_nan_gradients_are_the_layer_s(
    functions: Functions, module: Module, dtype: type
) -> None:
    """At corners, near them and far away.

    Where a slope nearly vanishes, either engine may have rounded it to 0, and infinity times 0 is no number.
    """
    right = np.array([*KINKS, 0.25, 0.7, 2.0, 4.0, 1000.0])
    points = np.array([*right, *-right, math.nan], dtype)
    module(torch.from_numpy(points))
    slope = module.backward(torch.ones(len(points), dtype=torch.from_numpy(points).dtype)).numpy()
    points = points[~((slope != 0) & (np.abs(slope) < 64 * np.finfo(dtype).eps))]
    x, dy = (grid.ravel() for grid in np.meshgrid(points, np.array([inf, -inf, math.nan], dtype)))
    module(torch.from_numpy(x))
    dx = module.backward(torch.from_numpy(dy)).numpy()
    compiled = functions(f"backward{MODULES.index(module)}", x, dy)
    lost = np.isnan(dx) & ~np.isnan(x) & ~np.isnan(dy)
    np.testing.assert_array_equal(compiled[~lost], dx[~lost])


def test_saturated_slopes_keep_their_digits(functions: Functions) -> None:
    x = np.linspace(-30, 30, 501)
    for module in MODULES:
        if isinstance(module, nn.LogSigmoid | nn.Softplus):
            module(torch.from_numpy(x))
            dx = module.backward(torch.ones(len(x), dtype=torch.float64)).numpy()
            compiled = functions(f"backward{MODULES.index(module)}", x, np.ones(len(x)))
            np.testing.assert_allclose(compiled, dx, rtol=1e-12)


def test_every_known_activation_is_among_the_modules() -> None:
    assert {type(module) for module in MODULES} == set(CONSTANTS)


def test_spells_constants_by_the_layer_s_names() -> None:
    assert cpp_activation(nn.GELU(approximate="tanh")) == CppActivation("GELUTanh")
    assert cpp_activation(nn.Hardtanh(-2.0, 3.0)) == CppActivation(
        "Hardtanh", {"min_val": -2.0, "max_val": 3.0}
    )


def test_spells_nothing_else() -> None:
    class Mine(nn.ReLU):
        pass

    assert [cpp_activation(module) for module in (Mine(), nn.PReLU(), nn.RReLU(), nn.Linear(1, 1))] == [
        None
    ] * 4
