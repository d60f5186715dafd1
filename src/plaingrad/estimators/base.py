"""What the classifier and the regressor share: parameters, training, and the network's outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, _fit_context
from sklearn.callback import CallbackSupportMixin, with_callbacks
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state, column_or_1d
from sklearn.utils.validation import check_is_fitted, validate_data

from plaingrad import init
from plaingrad.data.finite import all_finite
from plaingrad.estimators.arrays import SharedArrays
from plaingrad.estimators.codes import NO_CODES, Codes
from plaingrad.estimators.continuity import (
    all_or_nothing,
    expect_heeded,
    expect_same_networks,
    hidden_sizes,
    shape,
)
from plaingrad.estimators.convergence import Record
from plaingrad.estimators.lbfgs import expect_plain
from plaingrad.estimators.levels import Levels, naming_words
from plaingrad.estimators.networks import initialize, linear_layers, multilayer_perceptron, network_from
from plaingrad.estimators.parameters import CONSTRAINTS
from plaingrad.estimators.protocol import expect_own
from plaingrad.estimators.saved import SaveMixin
from plaingrad.estimators.training import NOT_FINITE, Part, batch_size, checked_weights, predictor, train
from plaingrad.module import Module


class BaseMultilayerPerceptron(SaveMixin, CallbackSupportMixin, BaseEstimator):
    """What `MLPClassifier` and `MLPRegressor` share; use one of them."""

    _parameter_constraints: ClassVar[dict[str, Any]] = CONSTRAINTS
    n_outputs_: int
    out_activation_: str

    def _keep(self, arguments: Mapping[str, Any]) -> None:
        """Store the constructor's arguments under their names, as scikit-learn expects."""
        for name, value in arguments.items():
            if name != "self":
                setattr(self, name, value)

    @all_or_nothing
    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> Any:
        """Train a network.

        Args:
            X: array, table or sparse matrix (which is made dense), shape ``(n_samples, n_features)``.
            y: class labels or numbers, shape ``(n_samples,)`` or ``(n_samples, n_outputs)``.
            sample_weight: how much each sample counts, shape ``(n_samples,)``.
            X_val: data to measure after each epoch, instead of a part of ``X``.
            y_val: what belongs to them.
            sample_weight_val: how much each of them counts for the score.

        Returns:
            The estimator itself.

        Raises:
            ValueError: data or parameters cannot be used, or the parameters became infinite.
        """
        if (X_val is None) != (y_val is None):
            given, missing = ("X_val", "y_val") if y_val is None else ("y_val", "X_val")
            raise ValueError(f"{given} needs {missing}, got None")
        if sample_weight_val is not None and X_val is None:
            raise ValueError("sample_weight_val needs X_val, got None")
        validation = None if X_val is None else (X_val, y_val, sample_weight_val)
        return self._fit(X, y, sample_weight, validation, incremental=False)

    def _fit(self, X: Any, y: Any, sample_weight: Any, validation: Any, incremental: bool) -> Any:
        if self.solver == "lbfgs":
            expect_plain(self, validation)
        expect_own(self.callbacks)
        first = not hasattr(self, "modules_") or not (self.warm_start or incremental)
        if incremental and self.early_stopping:
            raise ValueError("partial_fit does not support early_stopping=True")
        if first:
            expect_heeded(self)
            coded = self.embedding if self.module is None else None
            self._levels = Levels.of(() if coded is None else coded, X)
        X, y = given = self._checked(X, y, reset=first)
        if first:
            self._find_codes(X)
            encoded, self._columns = self._encoded(y, incremental), y.shape[1:]
        else:
            expect_same_networks(self)
            encoded = self._encoded_as_before(y, incremental)
        weights = self._class_weighted(checked_weights(sample_weight, X), y, incremental)
        self._random_state = check_random_state(self.random_state)
        if first:
            self._initialize(X)
        whole = Part(self._codes.apply(X), encoded, weights)
        held_out = None
        if validation is not None:
            held_out = self._validation(*validation)
        elif self.early_stopping and self.solver != "lbfgs":
            whole, held_out = self._split(whole)
        if first:
            self._records = [Record() for _ in self.modules_]
        for record in self._records:
            record.go_on(self.early_stopping, held_out is not None)
        own = self.modules_[0].parameters()[0].value.dtype
        try:
            for module in self.modules_:
                module.to(self._training_dtype(own, len(whole)))
            train(self, whole, held_out, incremental, given)
        finally:
            for module in self.modules_:
                module.to(own)
        if not all(all_finite(p.value) for module in self.modules_ for p in module.parameters()):
            raise ValueError(NOT_FINITE)
        self._predictor = predictor(self)
        return self

    def _training_dtype(self, own: torch.dtype, samples: int) -> torch.dtype:
        """Single precision for mini-batches, beside whose noise its rounding is nothing."""
        batches = self.solver != "lbfgs" and batch_size(self, samples) < samples
        if self.dtype == "auto":
            return torch.float32 if batches else own
        return torch.float32 if self.dtype == "float32" else torch.float64

    def _checked(self, X: Any, y: Any, reset: bool) -> tuple[Any, np.ndarray]:
        X = self._levels.apply(X)
        with naming_words(X):
            X, y = validate_data(
                self,
                X,
                y,
                accept_sparse=["csr", "csc"],
                multi_output=True,
                y_numeric=self._numeric_targets,
                dtype=(np.float64, np.float32),
                reset=reset,
            )
        return X, column_or_1d(y, warn=True) if y.shape[1:] == (1,) else y

    def _validation(self, X: Any, y: Any, sample_weight: Any) -> Part:
        try:
            X, y = self._checked(X, y, reset=False)
            weights = checked_weights(sample_weight, X)
            return Part(self._codes.apply(X), self._encoded_as_before(y, incremental=True), weights)
        except ValueError as error:
            raise ValueError(f"X_val, y_val: {error}") from error

    def _encoded_as_before(self, y: Any, incremental: bool) -> np.ndarray:
        """Targets of a network that is there already."""
        if y.shape[1:] != self._columns:
            expected, got = (
                f"{columns[0]} columns" if columns else "one" for columns in (self._columns, y.shape[1:])
            )
            raise ValueError(f"y: expected targets of {expected} as before, got {got}")
        link = self.out_activation_
        encoded = self._encoded(y, incremental)
        if self.out_activation_ != link:
            raise ValueError(
                f"loss: expected one with the output activation {link!r} as before, got {self.loss!r} with "
                f"{self.out_activation_!r}; use warm_start=False"
            )
        return encoded

    def _split(self, whole: Part) -> tuple[Part, Part]:
        """Hold a part of the data out, as scikit-learn draws it."""
        stratify = whole.encoded if self._stratifies and self.n_outputs_ == 1 else None
        parts = [whole.X, whole.encoded, *([] if whole.weights is None else [whole.weights])]
        state, share = self._random_state, self.validation_fraction
        drawn = train_test_split(*parts, random_state=state, test_size=share, stratify=stratify)
        rest, held_out = Part(*drawn[::2]), Part(*drawn[1::2])
        if len(held_out) < 2:
            raise ValueError(
                "The validation set is too small. Increase 'validation_fraction' or the size of your dataset."
            )
        return rest, held_out

    def _find_codes(self, X: Any) -> None:
        if self.embedding is None or self.module is not None:
            self._codes = NO_CODES
            return
        whole = X.toarray() if issparse(X) else X
        self._codes = Codes.of(self.embedding, whole, getattr(self, "feature_names_in_", None))

    def _initialize(self, X: Any) -> None:
        """Make the networks anew."""
        self._shaped = shape(self)
        sizes = [X.shape[1], *hidden_sizes(self), self.n_outputs_]
        dtype = torch.float32 if X.dtype == np.float32 else torch.float64
        with init.drawing_from(torch.Generator()):  # layers draw, and then get other numbers
            self.modules_ = [self._network(sizes, dtype).eval() for _ in range(self.n_models)]
        self._optimizers: list[Any] = []
        self.n_layers_ = len(linear_layers(self.modules_[0].modules())) + 1

    def _network(self, sizes: Sequence[int], dtype: torch.dtype) -> Module:
        if self.module is None:
            first = None
            if self._codes.tables:
                first = self._codes.module(sizes[0], self._random_state, dtype)
                sizes = [first.out_features, *sizes[1:]]
            network: Module = multilayer_perceptron(
                sizes,
                self.activation,
                first=first,
                dropout=self.dropout,
                normalization=self.normalization,
                dtype=dtype,
            )
            initialize(network, self.activation, self._random_state)
            return network
        return network_from(self.module, sizes[0], sizes[-1], self._random_state, dtype)

    # The network's outputs

    def _outputs(self, X: Any) -> np.ndarray:
        """The predictions of all networks, averaged, shape ``(n_samples, n_outputs)``."""
        check_is_fitted(self)
        if not self._plain(X):
            X = self._levels.apply(X)
            with naming_words(X):
                kinds = (np.float64, np.float32)
                X = validate_data(self, X, accept_sparse=["csr", "csc"], dtype=kinds, reset=False)
        return self._predictor(X)

    def _plain(self, X: Any) -> bool:
        """Whether there is nothing to convert or to complain of, which is soon seen of an array."""
        return (
            type(X) is np.ndarray
            and X.dtype in (np.float64, np.float32)
            and X.ndim == 2
            and len(X) > 0
            and X.shape[1] == self.n_features_in_
            and not hasattr(self, "feature_names_in_")
            and bool(np.isfinite(X).all())
        )

    @property
    def module_(self) -> Module:
        """The trained network; the first, if there are several."""
        return self.modules_[0]

    @property
    def coefs_(self) -> list[np.ndarray]:
        """The weights of the linear layers, each ``(n_inputs, n_outputs)``; they can be written to."""
        return self._shared("coefs_", [layer.weight.value.T for layer in self._layers()])

    @coefs_.setter
    def coefs_(self, values: Sequence[np.ndarray]) -> None:
        self.coefs_[:] = values

    @property
    def intercepts_(self) -> list[np.ndarray]:
        """The biases of the linear layers, each ``(n_outputs,)``; they can be written to."""
        biased = [layer.bias.value for layer in self._layers() if layer.bias is not None]
        return self._shared("intercepts_", biased)

    @intercepts_.setter
    def intercepts_(self, values: Sequence[np.ndarray]) -> None:
        self.intercepts_[:] = values

    def _shared(self, name: str, values: Sequence[torch.Tensor]) -> SharedArrays:
        if hasattr(self, "_predictor"):
            self._predictor.exposed = True
        return SharedArrays(name, [value.numpy() for value in values])

    def _layers(self) -> list[Any]:
        if not hasattr(self, "modules_"):
            raise AttributeError(f"this {type(self).__name__} has not been fitted")
        return linear_layers(self.modules_[0].modules())

    def _check_solver(self) -> bool:
        if self.solver == "lbfgs":
            raise AttributeError(
                "partial_fit is only available for stochastic optimizers. lbfgs is not stochastic."
            )
        return True

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
