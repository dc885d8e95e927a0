"""What the classifiers that choose their parameters do on collections of Dask."""

import time
from dataclasses import dataclass
from functools import partial
from itertools import chain
from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import validate_data

from .._compat import accepts_sample_weight, fit_context, scores_labels_only
from .._cv_base import LinearLossClassifierCV
from .._problem import check_class_weight
from .._search import Run
from .._solvers._clock import Clock
from .._warn import warn
from ._blocks import Pairs
from ._collections import is_dask_collection, stand_in
from ._parts import ClusterError, opened
from ._path import Follower, largest_strength
from ._predictions import PredictsOnDask, pairs_of_collections
from ._problem import count, divide, problem_of, refuse_unserved
from ._shard import Selection


class SearchOnDask(PredictsOnDask, LinearLossClassifierCV):
    """Searches on collections; on local data those of the local class.

    A subclass names it before that class.
    """

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: Any, sample_weight: Any = None, **params: Any) -> Self:
        """Choose the parameters, and fit the model with them on all data.

        Parameters
        ----------
        X : dask.array or dask.dataframe of shape (n_samples, n_features)
            Training data, whose partitions are computed once and stay where they are.
            Local data are searched locally.
        y : dask.array or dask.dataframe of shape (n_samples,)
            Class labels, in partitions like those of X.
        sample_weight : dask.array or dask.dataframe of shape (n_samples,), default=None
            Weights of the samples, in the fits and in the scores, if the scorer takes
            them. Samples of weight zero are left out.
        **params : dict
            As of the local class, with local data only.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If the data or parameters are invalid or not supported. The estimator is
            then as it was before the call.
        RuntimeError
            If data are lost with a worker and cannot be computed again.
        """
        if not is_dask_collection(X):
            return super().fit(X, y, sample_weight, **params)
        before = self.__dict__.copy()
        try:
            return self._fit_collection(X, y, sample_weight, params)
        except BaseException:
            self.__dict__.clear()
            self.__dict__.update(before)
            raise

    def score(self, X: Any, y: Any, sample_weight: Any = None, **params: Any) -> float:
        """Score of the chosen model, by `scoring`.

        Parameters
        ----------
        X : collection or array-like of shape (n_samples, n_features)
            Samples.
        y : collection or array-like of shape (n_samples,)
            Their labels.
        sample_weight : collection or array-like of shape (n_samples,), default=None
            Their weights.
        **params : dict
            As of the local class, with local data only.

        Returns
        -------
        score : float
            The accuracy by default.
        """
        if not is_dask_collection(X):
            return super().score(X, y, sample_weight, **params)
        scorer = _checked(self._scorer())
        pairs = pairs_of_collections(self, X, y, sample_weight)
        return _score(scorer, pairs, weighted=sample_weight is not None)

    def to_local(self) -> Any:
        """The search as an estimator of the local class.

        Returns
        -------
        search : SVMClassifierCV or SoftmaxClassifierCV
            With the same parameters, and the attributes of the fit.
        """
        search = super().to_local()
        if hasattr(search, "best_estimator_") and isinstance(
            search.best_estimator_, PredictsOnDask
        ):
            search.best_estimator_ = search.best_estimator_.to_local()
        return search

    def _fit_collection(self, X, y, sample_weight, params):
        split_params, _, score_params = self._route(sample_weight, params)
        n_folds, scorer = self._n_folds(split_params), _checked(self._scorer())
        refuse_unserved(self)
        if self.preprocessor is not None:
            raise ValueError(
                "preprocessor is for local data: transform the collection before."
            )
        model = self._new_model()
        for each in (self, model):
            validate_data(each, stand_in(X), reset=True)
        with opened(self.client, X, y, sample_weight) as parts:
            census = count(parts)
            _check_folds(n_folds, census)
            check_class_weight(self.class_weight, census.all_labels)
            divide(parts, census, partial(_remainder, n_folds))
            grid = self._grid(model, partial(_largest, parts, census, model))
            run = RunOnDask(
                model,
                preprocessor=None,
                scorer=scorer,
                counts_hits=False,
                preprocessor_params={},
                score_params=score_params,
                error_score=self.error_score,
                labels=census.labels,
                room=self._room(n_folds),
            )
            folds = [run.fold(grid, parts, fold, fold) for fold in range(n_folds)]
            self._take_folds(grid, folds, model)
            if self.refit:
                start = time.perf_counter()
                model.set_params(**self.best_params_)
                self._take_best(model._fit_parts(parts, Clock(self.max_time)))
                self.refit_time_ = time.perf_counter() - start
        return self

    def _n_folds(self, split_params):
        """Into how many folds to divide the samples of each label."""
        given = [name for name, each in split_params.items() if each is not None]
        if given:
            raise ValueError(f"{given[0]} is not supported on Dask collections.")
        n_folds = 5 if self.cv is None else self.cv
        if not isinstance(n_folds, Integral):
            raise ValueError(
                f"On Dask collections cv is the number of folds or None, got {n_folds}."
            )
        return int(n_folds)


@dataclass
class RunOnDask(Run):
    """What folds of rows on workers have in common; their data are `Parts`."""

    hopeless: ClassVar[tuple] = (ClusterError,)

    def _prepare(self, data, train):
        rows, model = Selection(train, inside=False), self.model
        problem = problem_of(data, count(data, rows), model.class_weight, None, rows)
        model.classes_ = problem.classes
        return model, Follower(model, problem), None, (None,) * 3

    def _test_part(self, model, preprocessor, data, test):
        return data, Selection(test, inside=True)

    def _score(self, fitted, parts, rows):
        of_shards = parts.gather("hits", fitted.to_local(), rows)
        pairs = Pairs.join(chain(*of_shards))
        return _score(self.scorer, pairs, weighted="sample_weight" in self.score_params)


class _Echo(ClassifierMixin, BaseEstimator):
    """A fitted classifier that predicts what it is given."""

    def __init__(self, classes):
        self.classes = self.classes_ = classes

    def predict(self, labels):
        """The labels."""
        return labels


def _score(scorer, pairs, weighted):
    """What a scorer of labels says of pairs of labels and predicted ones."""
    weight = pairs.weight if weighted else pairs.number
    echo = _Echo(np.union1d(pairs.true, pairs.predicted))
    return scorer(echo, pairs.predicted, pairs.true, sample_weight=weight)


def _checked(scorer):
    """A scorer, if it can be told labels that many samples share."""
    if not (scores_labels_only(scorer) and accepts_sample_weight(scorer)):
        raise ValueError(
            "On Dask collections scoring must be a scorer of predicted labels that "
            "takes sample weights, such as 'accuracy' or 'balanced_accuracy'."
        )
    return scorer


def _largest(parts, census, model, mixes):
    """Where the paths of some `l1_ratios` begin."""
    problem = problem_of(parts, census, model.class_weight, None)
    return [largest_strength(problem, model, mix)[0] for mix in mixes]


def _remainder(n_folds, places):
    """The folds of samples at these places among those of their label."""
    return places % n_folds


def _check_folds(n_folds, census):
    """As the splitters of scikit-learn do, of classes that have few samples."""
    sizes = census.counts.sum(axis=0)
    if sizes.max() < n_folds:
        raise ValueError(
            f"cv={n_folds} cannot be greater than the number of members in each class."
        )
    if sizes.min() < n_folds:
        warn(
            f"The least populated class in y has only {sizes.min()} members, which is "
            f"less than cv={n_folds}.",
            UserWarning,
        )
