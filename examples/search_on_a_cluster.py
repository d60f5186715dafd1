"""A grid of settings, each judged by cross-validation, on all cores of a laptop or on a cluster.

The script is the same everywhere: scikit-learn's search asks joblib for workers, and joblib asks Dask. The
page "A search on a cluster" of the documentation has the commands for SLURM and Kubernetes.

    python examples/search_on_a_cluster.py                        # on this machine
    python examples/search_on_a_cluster.py --cluster slurm --workers 20
    python examples/search_on_a_cluster.py --scheduler tcp://host:8786
"""

import argparse
import time

from dask.distributed import Client, LocalCluster
from joblib import parallel_config
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV

from plaingrad.estimators import MLPClassifier

GRID = {
    "hidden_layer_sizes": [(32,), (64,), (32, 32), (64, 64)],
    "alpha": [1e-4, 1e-2],
    "learning_rate_init": [1e-3, 3e-3],
}


def cluster(kind: str, workers: int):
    """Workers of one core each, wherever they are."""
    if kind == "slurm":
        from dask_jobqueue import SLURMCluster  # pip install dask-jobqueue

        made = SLURMCluster(cores=1, memory="2GB", walltime="01:00:00")
        made.scale(workers)
        return made
    if kind == "kubernetes":
        from dask_kubernetes.operator import KubeCluster  # pip install dask-kubernetes

        return KubeCluster(name="plaingrad", image="registry/plaingrad:latest", n_workers=workers)
    return LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None)


def main() -> None:
    parser = argparse.ArgumentParser(description="a search on a cluster")
    parser.add_argument("--cluster", choices=["local", "slurm", "kubernetes"], default="local")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--scheduler", help="of a cluster that runs already")
    parser.add_argument("--quick", action="store_true", help="four settings on few digits")
    arguments = parser.parse_args()

    X, y = load_digits(return_X_y=True)
    grid = GRID
    if arguments.quick:
        X, y, grid = X[:300], y[:300], {"hidden_layer_sizes": [(8,), (16,)], "alpha": [1e-4, 1e-2]}
    search = GridSearchCV(
        MLPClassifier(random_state=0, early_stopping=True, n_iter_no_change=2 if arguments.quick else 10),
        grid,
        cv=3,
    )
    with Client(arguments.scheduler or cluster(arguments.cluster, arguments.workers)) as client:
        client.wait_for_workers(1)
        start = time.perf_counter()
        with parallel_config(backend="dask"):
            search.fit(X, y)
        seconds = time.perf_counter() - start
        workers = len(client.nthreads())
    settings = len(search.cv_results_["params"])
    print(f"{settings} settings in {seconds:.1f} s by {workers} workers")
    print(f"best: {search.best_params_}, accuracy {search.best_score_:.4f}")


if __name__ == "__main__":  # workers import this file
    main()
