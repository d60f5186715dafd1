from __future__ import annotations

import pytest
import torch

from plaingrad import ModuleError, nn

SHAPES = {
    "Dropout1d": [(7, 5, 3), (7, 3)],
    "Dropout2d": [(7, 5, 3, 2), (7, 5, 2)],
    "Dropout3d": [(7, 5, 3, 2, 2), (7, 5, 2, 2)],
}


@pytest.mark.filterwarnings("ignore:dropout2d")
@pytest.mark.parametrize(("name", "size"), [(name, size) for name, sizes in SHAPES.items() for size in sizes])
def test_the_same_seed_drops_the_same_channels_as_torch(name: str, size: tuple[int, ...]) -> None:
    ours, theirs, x = getattr(nn, name)(0.4), getattr(torch.nn, name)(0.4), torch.randn(size)
    torch.manual_seed(7)
    y, after = ours(x), torch.rand(1)
    torch.manual_seed(7)
    assert torch.equal(y, theirs(x))
    assert torch.equal(torch.rand(1), after), "drew more or fewer random numbers"


def test_its_own_generator_is_drawn_from() -> None:
    layer, x = nn.Dropout2d(), torch.ones(4, 8, 2, 2)
    layer.generator = torch.Generator().manual_seed(5)
    before = torch.get_rng_state()
    first = layer(x)
    layer.generator.manual_seed(5)
    assert torch.equal(layer(x), first)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(("name", "axes"), [("Dropout1d", 4), ("Dropout2d", 2), ("Dropout3d", 3)])
def test_an_input_that_does_not_fit(name: str, axes: int) -> None:
    for layer in (getattr(nn, name)(), getattr(nn, name)().eval()):
        with pytest.raises(ModuleError, match=r"expected input \(batch, channels, .* or \(.*\), got \(2"):
            layer(torch.ones([2] * axes))
