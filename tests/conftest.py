"""What all tests share."""

import os
from collections.abc import Iterator
from pathlib import Path

# The tests run side by side, one process for each core; threads of their own would only be in the way, and so
# would those of the commands that they start.
os.environ["OMP_NUM_THREADS"] = "1"

import hypothesis
import jaxtyping
import matplotlib
import pytest
import torch
from hypothesis.internal.conjecture import providers

from backends import backend as backend

matplotlib.use("Agg")
TESTS = Path(__file__).parent
# The folders whose tests use layers that others test. Checking the annotations of every call would take
# longer there than all the rest.
UNANNOTATED = {"bad", "cli", "edges", "estimators", "inspect", "interop", "native", "saving", "tables"}
# Less optimisation takes half of the time.
QUICK_COMPILER = """sh -c 'exec c++ "$@" -O1' c++"""
# A test fails because of a change, never because the machine is busy or the examples are new.
hypothesis.settings.register_profile("plaingrad", deadline=None, derandomize=True)
hypothesis.settings.load_profile("plaingrad")
# Nor because of which modules other tests have imported, whose constants hypothesis would draw too.
providers._get_local_constants = providers.Constants
# "pytest --hypothesis-profile=random" draws new ones.
hypothesis.settings.register_profile("random", deadline=None, derandomize=False)
# Planted faults need to be noticed only: what fails is not made smaller.
noticing = (hypothesis.Phase.explicit, hypothesis.Phase.generate)
hypothesis.settings.register_profile("planted", deadline=None, phases=noticing)
hypothesis.settings.register_profile("planted_new", deadline=None, phases=noticing, derandomize=False)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the documentation, which takes longest, lest one process waits for the other in the end."""
    items.sort(key=lambda item: item.path.name != "test_docs.py")


def pytest_collectstart(collector: pytest.Collector) -> None:
    """Let what a file draws as it is imported be the same, whichever files came before it."""
    if isinstance(collector, pytest.Module):
        torch.manual_seed(0)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Let each test draw the same numbers, whichever ran before it, and check annotations where it should."""
    torch.manual_seed(0)
    unannotated = UNANNOTATED & set(item.path.relative_to(TESTS).parts)
    jaxtyping.config.update("jaxtyping_disable", bool(unannotated))


@pytest.fixture(scope="session", autouse=True)
def compiled_networks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep compiled networks in one place for all processes of the session, and none for the next.

    They are optimised less than usual; a test that wants the real flags removes the variable CXX.
    """
    place = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        place = place.parent
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PLAINGRAD_CACHE", str(place / "compiled"))
        patch.setenv("CXX", QUICK_COMPILER)
        yield


@pytest.fixture(scope="session", autouse=True)
def patient_naming() -> Iterator[None]:
    """Give the search for the names of mistakes three times as long as usual: the machine may be busy."""
    with pytest.MonkeyPatch.context() as patch:
        for module in ("check", "naming.namer"):
            patch.setattr(f"plaingrad.inspect.gradients.{module}.SECONDS", 5.0)
        yield


@pytest.fixture
def without_annotations() -> Iterator[None]:
    """A module's own checks must do without those of its annotations, which only the tests switch on."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)
