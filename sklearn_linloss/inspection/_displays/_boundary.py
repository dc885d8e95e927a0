"""Regions of the classes over two features."""

import inspect
from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from ..._typing import Array, ArrayLike, Matrix
from ._common import axes_for, dense, final_step, names_for


class BoundaryDisplay:
    """Decision regions over two features, with the margins of a support vector machine.

    The lines are where two classes tie for the best score, and where the best is ahead
    of all others by `delta`. Samples of a support vector machine that are not ahead by
    more than that are circled: the others could be left out of the fit. It is
    recommended to use :meth:`from_estimator`. The parameters are kept as attributes.

    Parameters
    ----------
    xx0, xx1 : ndarrays of shape (grid_resolution, grid_resolution)
        The grid.
    leads : ndarray of shape (n_classes, grid_resolution, grid_resolution)
        The score of each class minus the best other one; for two classes plus and minus
        the decision function.
    X : ndarray of shape (n_samples, 2)
        Samples.
    y : ndarray of shape (n_samples,)
        Indices of their classes.
    class_names : list of str of length n_classes
        Names of the classes.
    delta : float or None, default=None
        The margin; None where the loss has none.
    support : ndarray of bool of shape (n_samples,), default=None
        Which samples to circle.
    feature_names : list of str of length 2, default=("feature 0", "feature 1")
        Names of the features.

    Attributes
    ----------
    regions_ : sklearn.inspection.DecisionBoundaryDisplay
        The regions.
    boundaries_, margins_ : list of matplotlib QuadContourSet
        The lines, for each class whose region has some; for two classes those of the
        decision function.
    samples_ : list of matplotlib PathCollection
        The samples of each class.
    support_ : matplotlib PathCollection or None
        The circles.
    ax_ : matplotlib Axes
        The axes.
    figure_ : matplotlib Figure
        The figure.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_linloss import SVMClassifier
    >>> from sklearn_linloss.inspection import BoundaryDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> model = SVMClassifier(alpha=0.01).fit(X[:, 2:], y)
    >>> display = BoundaryDisplay.from_estimator(model, X[:, 2:], y)
    >>> len(display.samples_)
    3
    """

    def __init__(
        self,
        *,
        xx0: Array,
        xx1: Array,
        leads: Array,
        X: Array,
        y: Array,
        class_names: Sequence[str],
        delta: float | None = None,
        support: Array | None = None,
        feature_names: Sequence[str] = ("feature 0", "feature 1"),
    ) -> None:
        self.xx0 = xx0
        self.xx1 = xx1
        self.leads = leads
        self.X = X
        self.y = y
        self.class_names = class_names
        self.delta = delta
        self.support = support
        self.feature_names = feature_names

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Matrix,
        y: ArrayLike,
        *,
        class_names: Sequence[Any] | None = None,
        tolerance: float = 1e-2,
        grid_resolution: int = 300,
        ax: Any = None,
    ) -> Self:
        """Draw a fitted classifier and samples.

        Parameters
        ----------
        estimator : estimator
            A fitted classifier of two features, or a pipeline or search that ends in
            one. The picture is in the features that the pipeline gets.
        X : {array-like, sparse matrix} of shape (n_samples, 2)
            Samples, for example those of the fit.
        y : array-like of shape (n_samples,)
            Their labels.
        class_names : array-like of str of shape (n_classes,), default=None
            Names, in the order of `classes_`; None takes `classes_`.
        tolerance : float, default=1e-2
            Samples whose lead exceeds `delta` by at most this fraction count as support
            vectors too, since fits are optimal up to their `tol` only.
        grid_resolution : int, default=300
            Points of the grid in each direction.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : BoundaryDisplay
            The display.

        Raises
        ------
        ValueError
            If there are not two features, if `y` has labels that the estimator does not
            know, or if the names are not as many as the classes.
        """
        model, _ = final_step(estimator)
        classes = model.classes_
        values = dense(X)
        if values.ndim != 2 or values.shape[1] != 2:
            raise ValueError(
                f"X must have exactly two features, got the shape {values.shape}."
            )
        y = np.asarray(y)
        if y.shape != values.shape[:1]:
            raise ValueError(
                f"X has {len(values)} samples, but y has the shape {y.shape}."
            )
        unknown = np.setdiff1d(y, classes)
        if len(unknown):
            raise ValueError(f"y contains labels that the estimator lacks: {unknown}.")
        class_names = names_for(model, class_names)
        codes = np.searchsorted(classes, y)
        values = values.astype(np.float64)
        low, high = values.min(axis=0), values.max(axis=0)
        around = 0.08 * np.where(high > low, high - low, 1.0)
        xx0, xx1 = np.meshgrid(
            *np.linspace(low - around, high + around, grid_resolution).T
        )
        grid = _like(X, np.column_stack([xx0.ravel(), xx1.ravel()]))
        leads = _leads(estimator.decision_function(grid))
        delta, support = getattr(model, "delta", None), None
        if delta is not None:
            own = _leads(estimator.decision_function(X))[codes, np.arange(len(codes))]
            support = own <= delta * (1.0 + tolerance)
        names = getattr(X, "columns", ("feature 0", "feature 1"))
        display = cls(
            xx0=xx0,
            xx1=xx1,
            leads=leads.reshape(-1, *xx0.shape),
            X=values,
            y=codes,
            class_names=class_names,
            delta=delta,
            support=support,
            feature_names=[str(name) for name in names],
        )
        return display.plot(ax=ax)

    def plot(self, *, ax: Any = None) -> Self:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : BoundaryDisplay
            The display.
        """
        self.figure_, (self.ax_,) = axes_for(ax, (1, 1), "BoundaryDisplay")
        from matplotlib.colors import ListedColormap
        from matplotlib.lines import Line2D
        from sklearn.inspection import DecisionBoundaryDisplay

        n_classes = len(self.class_names)
        colors = [f"C{k % 10}" for k in range(n_classes)]
        accepted = inspect.signature(DecisionBoundaryDisplay).parameters
        count = {"n_classes": n_classes} if "n_classes" in accepted else {}
        self.regions_ = DecisionBoundaryDisplay(
            xx0=self.xx0,
            xx1=self.xx1,
            response=self.leads.argmax(axis=0),
            xlabel=self.feature_names[0],
            ylabel=self.feature_names[1],
            **count,
        ).plot("pcolormesh", ax=self.ax_, alpha=0.25, zorder=-1)
        # How it takes colours depends on the version of scikit-learn.
        self.regions_.surface_.set(
            cmap=ListedColormap(colors), clim=(-0.5, n_classes - 0.5)
        )
        ours = self.leads if n_classes > 2 else self.leads[1:]
        self.boundaries_ = self._contours(ours, [0.0], "-")
        self.margins_ = []
        if self.delta is not None:
            levels = [self.delta] if n_classes > 2 else [-self.delta, self.delta]
            self.margins_ = self._contours(ours, levels, "--")
        self.samples_ = [
            self.ax_.scatter(
                *self.X[self.y == k].T,
                s=18,
                color=color,
                edgecolor="white",
                linewidth=0.4,
                label=name,
                zorder=3,
            )
            for k, (name, color) in enumerate(
                zip(self.class_names, colors, strict=True)
            )
        ]
        self.support_ = None
        if self.support is not None:
            self.support_ = self.ax_.scatter(
                *self.X[self.support].T,
                s=70,
                facecolor="none",
                edgecolor="black",
                linewidth=0.8,
                label="support vectors",
                zorder=4,
            )
        handles = [*self.samples_]
        tie = "score = 0" if n_classes == 2 else "tie of the best two"
        handles.append(Line2D([], [], color="black", label=tie))
        if self.delta is not None:
            ahead = "score = ±{:g}" if n_classes == 2 else "ahead by {:g}"
            label = ahead.format(self.delta)
            handles += [
                Line2D([], [], color="black", linestyle="--", label=label),
                self.support_,
            ]
        # The best place takes long to find over so many cells.
        self.ax_.legend(handles=handles, fontsize="small", loc="upper left")
        return self

    def _contours(self, leads, levels, style):
        """Lines at the levels that occur; matplotlib warns of others."""
        drawn = []
        for lead in leads:
            present = [level for level in levels if lead.min() < level < lead.max()]
            if present:
                drawn.append(
                    self.ax_.contour(
                        self.xx0,
                        self.xx1,
                        lead,
                        levels=present,
                        colors="black",
                        linestyles=style,
                        linewidths=1.0,
                    )
                )
        return drawn


def _leads(scores):
    """The score of each class minus the best of the others, (n_classes, n_samples)."""
    if scores.ndim == 1:
        return np.stack([-scores, scores])
    ordered = np.sort(scores, axis=1)
    best_other = np.where(
        np.arange(scores.shape[1]) == scores.argmax(axis=1)[:, None],
        ordered[:, -2:-1],
        ordered[:, -1:],
    )
    return (scores - best_other).T


def _like(X, values):
    """Values in a data frame like X, or as they are."""
    if hasattr(X, "iloc"):
        return type(X)(values, columns=X.columns)
    if hasattr(X, "columns"):
        return type(X)(values, schema=list(X.columns), orient="row")
    return values
