"""The backends of joblib that tests train in: threads, processes, and real clusters on this machine.

A test names those that it runs in, `@in_backends("loky", "ray")`, and has the fixture ``backend``.
"""

from __future__ import annotations

import os
import secrets
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from tempfile import TemporaryDirectory

import pytest
from joblib.externals.loky import get_reusable_executor
from joblib.externals.loky.backend import resource_tracker

BACKENDS = ("loky", "threading", "dask", "ray")
TOKEN = secrets.token_hex()  # which Ray reads once in a process


def in_backends(*names: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("backend", names, indirect=True)


@pytest.fixture(scope="module")
def backend(request: pytest.FixtureRequest) -> Iterator[str]:
    """A backend whose workers live as long as the module's tests need it."""
    around = {"loky": loky, "threading": nullcontext, "dask": dask, "ray": ray}
    with around[request.param]():
        yield request.param


@contextmanager
def loky() -> Iterator[None]:
    yield
    get_reusable_executor().shutdown()


@contextmanager
def dask() -> Iterator[None]:
    """Run a cluster of Dask, of two worker processes."""
    distributed = pytest.importorskip("distributed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cluster = distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50
        )
        client = distributed.Client(cluster)
    try:
        yield
    finally:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            client.close()
            cluster.close()


@contextmanager
def ray() -> Iterator[None]:
    """Run a cluster of Ray on two cores, of which no process and no file is left."""
    psutil = pytest.importorskip("psutil")
    with pytest.MonkeyPatch.context() as patch, TemporaryDirectory(prefix="ray") as folder:
        patch.setenv("PYTHONPATH", os.pathsep.join(sys.path))  # where workers find the tests' modules
        patch.setenv("RAY_TMPDIR", folder)
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_AUTH_TOKEN", TOKEN)  # else Ray keeps one in the home folder
        ray = pytest.importorskip("ray", reason="Ray is not installed")
        pytest.importorskip("ray.util.joblib").register_ray()
        resource_tracker.ensure_running()  # joblib's, which stays
        others = set(psutil.Process().children())
        ray.init(
            num_cpus=2,
            object_store_memory=100_000_000,
            include_dashboard=False,
            logging_level="error",
            log_to_driver=False,
            _node_ip_address="127.0.0.1",
        )
        try:
            yield
        finally:
            own = set(psutil.Process().children(recursive=True)) - others
            ray.shutdown()
            assert not psutil.wait_procs(own, timeout=120)[1]
