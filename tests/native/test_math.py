import math

import numpy as np
import pytest

from native.compiled import Functions

Wide = np.longdouble
REFERENCES = {
    "exp": np.exp,
    "expm1": np.expm1,
    "log": np.log,
    "log1p": np.log1p,
    "tanh": np.tanh,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "softplus": lambda x: np.logaddexp(x, Wide(0)),
    "erf": np.vectorize(math.erf, otypes=[Wide]),
    "sqrt": np.sqrt,
    "abs": np.abs,
}
SPECIAL = [
    0.0,
    -0.0,
    math.inf,
    -math.inf,
    math.nan,
    1000,
    -1000,
    -1,
    5e-324,
    -5e-324,
    1e-45,
    -1e-45,
    3e38,
    -3e38,
]


@pytest.fixture(scope="module")
def functions(tmp_path_factory: pytest.TempPathFactory) -> Functions:
    highway = {"sqrt": "Sqrt", "abs": "Abs"}
    calls = {name: f"plaingrad::{highway.get(name, name)}" for name in (*REFERENCES, "sign")}
    return Functions(calls, tmp_path_factory.mktemp("math"), "base/math.hpp")


def points(name: str, dtype: type) -> np.ndarray:
    """Arguments of all sizes, for which the result is a normal number."""
    rng = np.random.default_rng(1)
    top = math.log(float(np.finfo(dtype).max))
    count = 4000 if name == "erf" else 100_000
    tiny = rng.normal(size=count) * 10 ** rng.uniform(-20, 1, count)
    x = np.concatenate([rng.uniform(-4, 4, count), tiny, rng.uniform(-0.98 * top, 0.98 * top, count)])
    if name in ("log", "sqrt"):
        x = np.concatenate([np.abs(x), np.exp(x)])
    if name == "log1p":
        x = np.concatenate([x[x > -1], np.exp(x)])
    return x.astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", REFERENCES)
def test_is_within_units_in_the_last_place(functions: Functions, name: str, dtype: type) -> None:
    x = points(name, dtype)
    got, wanted = functions(name, x), REFERENCES[name](x.astype(Wide))
    units = np.abs(got.astype(Wide) - wanted) / np.spacing(np.abs(wanted).astype(dtype)).astype(Wide)
    assert np.isfinite(got).all()
    # math.erf, the reference of erf, is itself off by a unit.
    assert units.max() <= {"erf": 3, "sigmoid": 2.5}.get(name, 2)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", REFERENCES)
def test_knows_zeros_infinities_and_nan(functions: Functions, name: str, dtype: type) -> None:
    x = np.array(SPECIAL).astype(dtype)
    with np.errstate(all="ignore"):
        wanted = REFERENCES[name](x.astype(Wide)).astype(dtype)
    got = functions(name, x)
    np.testing.assert_allclose(got, wanted, rtol=4 * np.finfo(dtype).eps)
    if name in ("expm1", "tanh", "erf", "sqrt", "log1p"):
        np.testing.assert_array_equal(np.signbit(got[:2]), [False, True])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_exp_reaches_the_numbers_below_the_normal_ones(functions: Functions, dtype: type) -> None:
    info = np.finfo(dtype)
    x = np.linspace(math.log(float(info.smallest_subnormal)) - 2, math.log(float(info.tiny)), 500).astype(
        dtype
    )
    error = np.abs(functions("exp", x).astype(Wide) - np.exp(x.astype(Wide)))
    assert (error / Wide(info.smallest_subnormal)).max() <= 1


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sign_is_one_of_three(functions: Functions, dtype: type) -> None:
    np.testing.assert_array_equal(functions("sign", np.array([-2, -0.0, 0, 1e-30], dtype)), [-1, 0, 0, 1])
