"""The training and prediction that the classifier and the regressor share."""

from __future__ import annotations

import copy
import dataclasses
from typing import Any, ClassVar

import numpy as np
import torch
from scipy.sparse import issparse
from sklearn.callback import CallbackSupportMixin, with_callbacks
from sklearn.utils import check_random_state, column_or_1d
from sklearn.utils.validation import check_is_fitted, validate_data

from plaingrad.errors import InputError
from plaingrad.estimators import version
from plaingrad.estimators.attributes import FittedAttributes, assign, examples_of
from plaingrad.estimators.codes import NO_CODES, Codes
from plaingrad.estimators.convergence import SklearnCallbacks
from plaingrad.estimators.levels import Levels, expect_numbers
from plaingrad.estimators.networks import new_networks
from plaingrad.estimators.parameters import (
    CONSTRAINTS,
    expect_lbfgs_heeds,
    expect_own_callbacks,
    expect_repeatable,
    expect_same_shape,
    shape,
    warn_ignored,
)
from plaingrad.estimators.prediction import Predictor, predictor_for
from plaingrad.estimators.private import fit_context
from plaingrad.estimators.saved import SaveMixin
from plaingrad.estimators.state import FittedState, Record, all_or_nothing, state_from_attributes
from plaingrad.estimators.targets import NumberTargets, Part, Targets, expect_as_before
from plaingrad.estimators.training import Training, checked_weights, split


class BaseMultilayerPerceptron(SaveMixin, FittedAttributes, CallbackSupportMixin):
    """The base of `MLPClassifier` and `MLPRegressor`; use one of them."""

    _parameter_constraints: ClassVar[dict[str, Any]] = CONSTRAINTS
    _numeric_targets: bool

    @all_or_nothing
    @with_callbacks
    @fit_context(prefer_skip_nested_validation=True)
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
            X: array, table or sparse matrix, shape ``(n_samples, n_features)``. A sparse matrix of at
                least 512 columns and at most a tenth of numbers other than 0 stays one, unless ``engine`` is
                "native".
            y: class labels or numbers, shape ``(n_samples,)`` or ``(n_samples, n_outputs)``.
            sample_weight: how much each sample counts, shape ``(n_samples,)``.
            X_val: data to measure after each epoch, instead of a part of ``X``.
            y_val: their labels or numbers.
            sample_weight_val: how much each of them counts for the score.

        Returns:
            The estimator itself.

        Raises:
            ValueError: data or parameters cannot be used, or the parameters became infinite.
        """
        if (X_val is None) != (y_val is None):
            present, missing = ("X_val", "y_val") if y_val is None else ("y_val", "X_val")
            raise InputError(f"{present} needs {missing}, got None")
        if sample_weight_val is not None and X_val is None:
            raise InputError("sample_weight_val needs X_val, got None")
        validation = None if X_val is None else (X_val, y_val, sample_weight_val)
        return self._fit(X, y, sample_weight, validation, incremental=False)

    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        validation: tuple[Any, Any, Any] | None,
        incremental: bool,
        classes: np.ndarray | None = None,
    ) -> Any:
        if self.solver == "lbfgs":
            expect_lbfgs_heeds(self, validated=validation is not None)
        expect_own_callbacks(self)
        expect_repeatable(self)
        continues = self.warm_start or incremental
        before = vars(self).get("state_") if continues else None
        if incremental and self.early_stopping:
            raise ValueError("partial_fit does not support early_stopping=True")
        if before is None:
            warn_ignored(self)
            levels = Levels.of(self._embedded() or (), X)
        else:
            levels = before.levels
        X, y = self._checked(X, y, levels, reset=before is None)
        if before is None:
            codes, targets = self._codes_of(X), self._new_targets(y, classes)
            if classes is not None:
                expect_as_before(targets, y)
            encoded = targets.encode(y)
        else:
            expect_same_shape(self, before.shape)
            codes = before.codes
            expect_as_before(before.targets, y, exactly=not incremental)
            targets = self._renewed(before.targets)
            encoded = targets.encode(y)
            if isinstance(targets, NumberTargets) and targets.link != before.targets.link:
                raise InputError(
                    f"loss: expected one with the output activation {before.targets.link!r} as before, got "
                    f"{targets.loss!r} with {targets.link!r}; use warm_start=False"
                )
        targets, weights = self._class_weighted(targets, checked_weights(sample_weight, X), y, incremental)
        random_state = check_random_state(self.random_state)
        if before is None:
            state = self._first_state(X, levels, codes, targets, random_state, continues)
        else:
            state = dataclasses.replace(before, targets=targets)
        self.state_ = state
        whole, held_out = Part(codes.apply(X), encoded, weights), None
        if validation is not None:
            held_out = self._validation(*validation)
        elif self.early_stopping and self.solver != "lbfgs":
            whole, held_out = split(self, state, whole, random_state)
        watching = None
        if getattr(self, "_skl_callbacks", None):
            data = {"estimator": self, "X": X, "y": y}
            watching = SklearnCallbacks(self._init_callback_context, data, self._snapshot)
        Training(self, state, whole, held_out, incremental, random_state, watching).run()
        return self

    def _new_targets(self, y: np.ndarray, classes: np.ndarray | None) -> Targets:
        """The targets of a first call; of all these classes, if they are named."""
        raise NotImplementedError

    def _renewed(self, targets: Any) -> Targets:
        """The targets of an earlier call with the parameters as they are now."""
        raise NotImplementedError

    def _class_weighted(
        self, targets: Any, weights: np.ndarray | None, y: np.ndarray, incremental: bool
    ) -> tuple[Targets, np.ndarray | None]:
        """The targets with the weights of their classes, and those of the samples."""
        return targets, weights

    def _first_state(
        self,
        X: Any,
        levels: Levels,
        codes: Codes,
        targets: Targets,
        random_state: np.random.RandomState,
        continues: bool,
    ) -> FittedState:
        """The state before any training: with attributes that were assigned, if it goes on from them."""
        values = self.__dict__.pop("_assigned", {})
        keeps = continues and "coefs_" in values
        source = np.random.RandomState(0) if keeps else random_state  # of numbers that are replaced
        dtype = torch.float32 if X.dtype == np.float32 else torch.float64
        state = FittedState(
            n_features=X.shape[1],
            feature_names=getattr(self, "feature_names_in_", None),
            levels=levels,
            codes=codes,
            targets=targets,
            shape=shape(self),
            modules=new_networks(self, X.shape[1], targets.n_outputs, codes, source, dtype),
            records=[Record() for _ in range(self.n_models)],
        )
        if keeps:
            assign(values, state, epochs=self.solver != "lbfgs")
        return state

    def _fitted_state(self) -> FittedState:
        """The state; made of the attributes that were assigned, if there is none yet."""
        check_is_fitted(self)
        if "state_" not in vars(self):
            self._make_state()
        state: FittedState = self.state_
        return state

    @all_or_nothing
    def _make_state(self) -> None:
        if self._embedded() is not None:
            raise InputError("coefs_ were assigned: with embedding, data to train on is needed too")
        X, y, classes = examples_of(self)
        targets = self._new_targets(y, classes)
        state = self._first_state(X, Levels.of((), X), NO_CODES, targets, np.random.RandomState(0), True)
        state.predictor = predictor_for(self, state.modules, targets.link, NO_CODES)
        self.state_, self.n_features_in_ = state, state.n_features

    def _embedded(self) -> Any:
        """The columns to embed; a network of the caller's own sees to its columns itself."""
        return self.embedding if self.module is None else None

    def _codes_of(self, X: Any) -> Codes:
        embedded = self._embedded()
        if embedded is None:
            return NO_CODES
        return Codes.of(embedded, X.toarray() if issparse(X) else X, getattr(self, "feature_names_in_", None))

    def _checked(self, X: Any, y: Any, levels: Levels, reset: bool) -> tuple[Any, np.ndarray]:
        X, y = self._validated(
            X, y, levels=levels, reset=reset, multi_output=True, y_numeric=self._numeric_targets
        )
        return X, column_or_1d(y, warn=True) if y.shape[1:] == (1,) else y

    def _validated(self, *data: Any, levels: Levels, reset: bool, **options: Any) -> Any:
        """The data as scikit-learn checks them, words replaced by codes."""
        X = levels.apply(data[0])
        kinds = (np.float64, np.float32)
        try:
            return validate_data(
                self, X, *data[1:], accept_sparse=["csr", "csc"], dtype=kinds, reset=reset, **options
            )
        except ValueError:
            expect_numbers(X, None if reset else getattr(self, "feature_names_in_", None))
            raise

    def _validation(self, X: Any, y: Any, sample_weight: Any) -> Part:
        state = self.state_
        try:
            X, y = self._checked(X, y, state.levels, reset=False)
            weights, inputs = checked_weights(sample_weight, X), state.codes.apply(X)
            expect_as_before(state.targets, y)
            return Part(inputs, state.targets.encode(y), weights)
        except ValueError as error:
            raise InputError(f"X_val, y_val: {error}") from error

    def _snapshot(self) -> dict[str, Any]:
        """The attributes with which a copy predicts by the networks as they are now."""
        state = self.state_
        modules = [module.eval() for module in copy.deepcopy(state.modules)]
        predictor = Predictor(modules, state.targets.link, state.codes, compiled=False)
        return {"state_": dataclasses.replace(state, modules=modules, predictor=predictor)}

    def __getstate__(self) -> dict[str, Any]:
        return version.marked(super().__getstate__())

    def __setstate__(self, attributes: dict[str, Any]) -> None:
        super().__setstate__(version.unmarked(type(self).__name__, attributes))
        if "modules_" in vars(self):  # of a pickle written before there was one object for the state
            self.state_ = state_from_attributes(self.__dict__)

    # The network's outputs

    def _outputs(self, X: Any) -> np.ndarray:
        """The predictions of all networks, averaged, shape ``(n_samples, n_outputs)``."""
        state = self._fitted_state()
        if not self._is_clean_array(X):
            X = self._validated(X, levels=state.levels, reset=False)
        assert state.predictor is not None
        return state.predictor(X)

    def _is_clean_array(self, X: Any) -> bool:
        """True for an array with nothing to convert or to complain of, which is soon seen."""
        return (
            type(X) is np.ndarray
            and X.dtype in (np.float64, np.float32)
            and X.ndim == 2
            and len(X) > 0
            and X.shape[1] == self.n_features_in_
            and not hasattr(self, "feature_names_in_")
            and bool(np.isfinite(X).all())
        )

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
