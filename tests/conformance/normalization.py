"""Rows of the conformance table: normalisation."""

import torch
from hypothesis import strategies as st

from conformance.case import Arguments, Case, Inputs, normal, sizes
from plaingrad import nn

batches = st.integers(2, 5)
eps = st.sampled_from([1e-5, 1e-3, 0.5])


def batched(arguments: Arguments, *axes: int) -> st.SearchStrategy[Inputs]:
    """A batch with so many axes behind the channels, of more than one value per channel."""
    features = arguments["num_features"]
    return st.one_of(
        *[st.tuples(normal(batches, features, *[sizes] * rest)) for rest in axes],
        *[st.tuples(normal(1, features, batches, *[sizes] * (rest - 1))) for rest in axes if rest],
    )


def trailing(arguments: Arguments) -> st.SearchStrategy[Inputs]:
    shape = arguments["normalized_shape"]
    shape = [shape] if isinstance(shape, int) else shape
    return st.one_of(*[st.tuples(normal(*[sizes] * leading, *shape)) for leading in range(4)])


def samples(arguments: Arguments, axes: int) -> st.SearchStrategy[Inputs]:
    """A sample or a batch with so many axes behind the channels, of more than one value per channel."""
    features = arguments["num_features"]
    rest = [batches, *[sizes] * (axes - 1)]
    return st.one_of(st.tuples(normal(features, *rest)), st.tuples(normal(sizes, features, *rest)))


def instance_norm(name: str, axes: int) -> Case:
    return Case(
        ours=getattr(nn, name),
        theirs=getattr(torch.nn, name),
        arguments=st.fixed_dictionaries(
            {"num_features": sizes},
            optional={
                "eps": eps,
                "momentum": st.sampled_from([None, 0.0, 0.1, 1.0]),
                "affine": st.booleans(),
                "track_running_stats": st.booleans(),
                "bias": st.booleans(),
            },
        ),
        inputs=lambda arguments: samples(arguments, axes),
    )


def batch_norm(name: str, *axes: int) -> Case:
    return Case(
        ours=getattr(nn, name),
        theirs=getattr(torch.nn, name),
        arguments=st.fixed_dictionaries(
            {
                "num_features": sizes,
                "eps": eps,
                "momentum": st.sampled_from([None, 0.0, 0.1, 1.0]),
                "affine": st.booleans(),
                "track_running_stats": st.booleans(),
                "bias": st.booleans(),
            }
        ),
        inputs=lambda arguments: batched(arguments, *axes),
    )


@st.composite
def groups(draw: st.DrawFn) -> Arguments:
    count = draw(st.integers(1, 3))
    given = draw(
        st.fixed_dictionaries({}, optional={"eps": eps, "affine": st.booleans(), "bias": st.booleans()})
    )
    return {"num_groups": count, "num_channels": count * draw(st.integers(1, 3)), **given}


def grouped(arguments: Arguments) -> st.SearchStrategy[Inputs]:
    channels = arguments["num_channels"]
    return st.one_of(*[st.tuples(normal(batches, channels, *[sizes] * rest)) for rest in range(4)])


responses = st.fixed_dictionaries(
    {"size": st.integers(1, 6)},
    optional={
        "alpha": st.sampled_from([1e-4, 0.5, 2.0]),
        "beta": st.sampled_from([0.75, 0.5, 1.0, 2.0]),
        "k": st.sampled_from([1.0, 0.3, 2.0]),
    },
)


class TorchCrossMapLRN2d(torch.nn.CrossMapLRN2d):
    """torch.nn's outputs, with their own gradients, which its backward does not compute."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        channels, radius = input.shape[1], (self.size - 1) // 2
        c, j = torch.arange(channels).unsqueeze(1), torch.arange(channels)
        counts = ((c - j).abs() <= radius) | ((j == 0) & (c > radius))
        squares = (input.unsqueeze(1) ** 2).masked_fill(~counts[:, :, None, None], 0).sum(2)
        return input * (self.k + self.alpha / self.size * squares) ** -self.beta


CASES = [
    batch_norm("BatchNorm1d", 0, 1),
    batch_norm("BatchNorm2d", 2),
    batch_norm("BatchNorm3d", 3),
    batch_norm("SyncBatchNorm", 0, 1, 2, 3),
    instance_norm("InstanceNorm1d", 1),
    instance_norm("InstanceNorm2d", 2),
    instance_norm("InstanceNorm3d", 3),
    Case(
        ours=nn.LayerNorm,
        theirs=torch.nn.LayerNorm,
        arguments=st.fixed_dictionaries(
            {
                "normalized_shape": st.one_of(sizes, st.lists(sizes, min_size=1, max_size=3)),
                "eps": eps,
                "elementwise_affine": st.booleans(),
                "bias": st.booleans(),
            }
        ),
        inputs=trailing,
    ),
    Case(
        ours=nn.RMSNorm,
        theirs=torch.nn.RMSNorm,
        arguments=st.fixed_dictionaries(
            {"normalized_shape": st.one_of(sizes, st.lists(sizes, min_size=1, max_size=3))},
            optional={"eps": st.none() | eps, "elementwise_affine": st.booleans()},
        ),
        inputs=trailing,
    ),
    Case(ours=nn.GroupNorm, theirs=torch.nn.GroupNorm, arguments=groups(), inputs=grouped),
    Case(
        ours=nn.LocalResponseNorm,
        theirs=torch.nn.LocalResponseNorm,
        arguments=responses,
        inputs=lambda _: st.one_of(*[st.tuples(normal(sizes, *[sizes] * rest)) for rest in (2, 3, 4)]),
    ),
    Case(
        ours=nn.CrossMapLRN2d,
        theirs=TorchCrossMapLRN2d,
        arguments=responses,
        inputs=lambda _: st.tuples(normal(sizes, st.integers(1, 7), sizes, sizes)),
    ),
]
