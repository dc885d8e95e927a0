"""Scores of a search, and which of its points are one model."""

from typing import Any, Self

import numpy as np
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from ... import losses
from ..._base import LinearLossClassifier
from ..._cv_base import LinearLossClassifierCV
from ..._orbits import at_unit_margin, find_orbits
from ..._typing import Array
from ._common import axes_for


class ValidationSurfaceDisplay:
    """Mean scores of a search over the penalty's strength and the margin.

    Points of the grid that are the same model but for its scale are joined by lines:
    their scores are the same. It is recommended to use :meth:`from_estimator`. The
    parameters are kept as attributes.

    Parameters
    ----------
    alphas : ndarray of shape (n_alphas,)
        The strengths, growing.
    deltas : ndarray of shape (n_deltas,) or None
        The margins, growing; None where the search has one or none.
    mean_scores : ndarray of shape (n_alphas, n_deltas) or (n_alphas,)
        The mean scores, nan where the search has no point.
    standard_errors : ndarray of the shape of `mean_scores`
        Their standard errors.
    models : ndarray of shape (n_alphas, n_deltas), default=None
        A number for each model, -1 where the search has no point.
    chosen : tuple of int, default=None
        Indices of the chosen point in `mean_scores`.
    score_name : str, default="score"
        What is shown.

    Attributes
    ----------
    surface_ : matplotlib QuadMesh or None
        The scores over both parameters.
    model_lines_ : list of matplotlib Line2D
        A line for each model with two points or more, by its number.
    line_ : matplotlib Line2D or None
        The scores over the strength alone.
    band_ : matplotlib PolyCollection or None
        One standard error to both sides of them.
    chosen_ : matplotlib Line2D or None
        The mark at the chosen point.
    colorbar_ : matplotlib Colorbar or None
        The scale of the surface.
    ax_ : matplotlib Axes
        The axes.
    figure_ : matplotlib Figure
        The figure.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_linloss import SVMClassifierCV
    >>> from sklearn_linloss.inspection import ValidationSurfaceDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> search = SVMClassifierCV(alphas=[0.01, 0.1], deltas=[0.1, 1.0]).fit(X, y)
    >>> display = ValidationSurfaceDisplay.from_estimator(search)
    >>> len(display.model_lines_)
    1
    """

    def __init__(
        self,
        *,
        alphas: Array,
        deltas: Array | None,
        mean_scores: Array,
        standard_errors: Array,
        models: Array | None = None,
        chosen: tuple[int, ...] | None = None,
        score_name: str = "score",
    ) -> None:
        self.alphas = alphas
        self.deltas = deltas
        self.mean_scores = mean_scores
        self.standard_errors = standard_errors
        self.models = models
        self.chosen = chosen
        self.score_name = score_name

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        metric: str | None = None,
        join_models: bool = True,
        cmap: Any = "viridis",
        ax: Any = None,
    ) -> Self:
        """Draw the scores of a fitted search.

        Parameters
        ----------
        estimator : estimator
            A fitted :class:`~sklearn.model_selection.GridSearchCV`, or
            :class:`~sklearn_linloss.SVMClassifierCV` or
            :class:`~sklearn_linloss.SoftmaxClassifierCV`. Of its parameters one is
            `alpha`, alone or at the end as in ``svm__alpha``, and another one may be
            `delta`; all others are held at the chosen point. A strength of zero has no
            place on the axis and is left out.
        metric : str, default=None
            Which of several scores; None is the one that the search chose by.
        join_models : bool, default=True
            Whether to join the points that share a model.
        cmap : str or matplotlib Colormap, default="viridis"
            Colours of the surface.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : ValidationSurfaceDisplay
            The display.

        Raises
        ------
        ValueError
            If the estimator is no search, if it has no `alpha` or several, or if the
            metric is unknown.
        """
        check_is_fitted(estimator)
        results = getattr(estimator, "cv_results_", None)
        if not isinstance(results, dict) or "params" not in results:
            raise ValueError(
                f"{type(estimator).__name__} is not a search over a grid: it has no "
                "cv_results_."
            )
        metric = _metric(estimator, results, metric)
        points = results["params"]
        alpha_name = _parameter(points, "alpha")
        delta_name = _parameter(points, "delta")
        if alpha_name is None:
            raise ValueError("The search has no parameter alpha.")
        best = getattr(estimator, "best_index_", None)
        if best is None:
            best = int(np.argmin(results[f"rank_test_{metric}"]))
        axes_of_grid = (alpha_name, delta_name)
        shown = [
            k
            for k, point in enumerate(points)
            if alpha_name in point
            and point[alpha_name] > 0.0
            and _same_others(point, points[best], axes_of_grid)
        ]
        if not shown:
            raise ValueError("The search has no point with a positive alpha to show.")
        alphas, i = np.unique(
            [points[k][alpha_name] for k in shown], return_inverse=True
        )
        deltas, at = None, (i,)
        if delta_name is not None and all(delta_name in points[k] for k in shown):
            deltas, j = np.unique(
                [points[k][delta_name] for k in shown], return_inverse=True
            )
            at = (i, j)
            if len(deltas) == 1:
                deltas, at = None, (i,)
        shape = (len(alphas),) if deltas is None else (len(alphas), len(deltas))
        mean, error = np.full(shape, np.nan), np.full(shape, np.nan)
        mean[at] = results[f"mean_test_{metric}"][shown]
        deviation = np.asarray(results[f"std_test_{metric}"])[shown]
        error[at] = deviation / np.sqrt(estimator.n_splits_)
        numbers = None
        if join_models and deltas is not None:
            found = _models(estimator, points, shown, axes_of_grid)
            if found is not None:
                numbers = np.full(shape, -1)
                numbers[at] = found
        chosen = None
        if best in shown:
            chosen = tuple(int(index[shown.index(best)]) for index in at)
        display = cls(
            alphas=alphas,
            deltas=deltas,
            mean_scores=mean,
            standard_errors=error,
            models=numbers,
            chosen=chosen,
            score_name=f"mean {_score_name(estimator, metric)} over "
            f"{estimator.n_splits_} folds",
        )
        return display.plot(cmap=cmap, ax=ax)

    def plot(self, *, cmap: Any = "viridis", ax: Any = None) -> Self:
        """Draw.

        Parameters
        ----------
        cmap : str or matplotlib Colormap, default="viridis"
            Colours of the surface.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : ValidationSurfaceDisplay
            The display.
        """
        self.figure_, (self.ax_,) = axes_for(ax, (1, 1), "ValidationSurfaceDisplay")
        self.surface_ = self.line_ = self.band_ = self.chosen_ = self.colorbar_ = None
        self.model_lines_: list[Any] = []
        self.ax_.set(xscale="log", xlabel="alpha (strength of the penalty)")
        if self.deltas is None:
            self._plot_curve()
        else:
            self._plot_surface(cmap)
        return self

    def _plot_curve(self):
        (self.line_,) = self.ax_.plot(self.alphas, self.mean_scores, marker=".")
        self.band_ = self.ax_.fill_between(
            self.alphas,
            self.mean_scores - self.standard_errors,
            self.mean_scores + self.standard_errors,
            alpha=0.2,
            linewidth=0.0,
            color=self.line_.get_color(),
            label="one standard error",
        )
        if self.chosen is not None:
            self._mark(self.alphas[self.chosen[0]], self.mean_scores[self.chosen])
        self.ax_.set_ylabel(self.score_name)
        self.ax_.legend()

    def _plot_surface(self, cmap):
        self.ax_.set(yscale="log", ylabel="delta (margin)")
        self.surface_ = self.ax_.pcolormesh(
            _edges(self.alphas), _edges(self.deltas), self.mean_scores.T, cmap=cmap
        )
        numbers = [] if self.models is None else np.unique(self.models)
        for number in numbers:
            i, j = np.nonzero(self.models == number)
            if number < 0 or len(i) < 2:
                continue
            self.model_lines_ += self.ax_.plot(
                self.alphas[i],
                self.deltas[j],
                color="white",
                linewidth=1.0,
                marker="o",
                markersize=3.0,
            )
        if self.model_lines_:
            self.model_lines_[0].set_label("the same model, up to scale")
        if self.chosen is not None:
            i, j = self.chosen
            self._mark(self.alphas[i], self.deltas[j])
        self.colorbar_ = self.figure_.colorbar(
            self.surface_, ax=self.ax_, label=self.score_name
        )
        if self.chosen is not None or self.model_lines_:
            # Inside it would hide points, and the lines are white.
            self.ax_.legend(
                facecolor="0.6",
                loc="upper center",
                bbox_to_anchor=(0.5, -0.2),
                ncols=2,
                fontsize="small",
            )

    def _mark(self, x, y):
        (self.chosen_,) = self.ax_.plot(
            [x],
            [y],
            marker="*",
            markersize=14,
            markerfacecolor="red",
            markeredgecolor="white",
            linestyle="none",
            label="chosen",
            zorder=4,
        )


def _metric(search, results, metric):
    if metric is None:
        metric = "score" if "mean_test_score" in results else search.refit
    if f"mean_test_{metric}" not in results:
        known = [
            name.removeprefix("mean_test_")
            for name in results
            if name.startswith("mean_test_")
        ]
        raise ValueError(f"metric must be among {known}, got {metric!r}.")
    return metric


def _score_name(search, metric):
    if metric != "score":
        return metric.replace("_", " ")
    if isinstance(search.scoring, str):
        return search.scoring.replace("_", " ")
    # None means the accuracy to ours, and the estimator's own score to others.
    is_ours = isinstance(search, LinearLossClassifierCV)
    return "accuracy" if is_ours and search.scoring is None else "score"


def _parameter(points, suffix):
    """The one parameter with this name at its end, or None."""
    names = {
        name for point in points for name in point if name.split("__")[-1] == suffix
    }
    if len(names) > 1:
        raise ValueError(
            f"The search has several parameters {suffix}: {sorted(names)}."
        )
    return names.pop() if names else None


def _same_others(point, other, names):
    """Whether two points have the same parameters besides those named."""
    point, other = (
        {name: value for name, value in each.items() if name not in names}
        for each in (point, other)
    )
    # nan, a value to impute, is equal to nothing.
    return point.keys() == other.keys() and all(
        value is other[name] or np.array_equal(value, other[name])
        for name, value in point.items()
    )


def _models(search, points, shown, names):
    """Numbers of the models at the points shown, or None where that is unknown."""
    if "model" in search.cv_results_:
        return np.asarray(search.cv_results_["model"])[shown]
    alpha_name, delta_name = names
    step = alpha_name.rpartition("__")[0]
    prefix = f"{step}__" if step else ""
    if delta_name != f"{prefix}delta":
        return None
    known = clone(search.estimator).set_params(**points[shown[0]]).get_params()
    model = known[step] if step else search.estimator
    if not isinstance(model, LinearLossClassifier):
        return None
    unit = [
        at_unit_margin(
            getattr(losses, known[f"{prefix}loss"]).at_margin(),
            points[k][alpha_name],
            known[f"{prefix}l1_ratio"],
            points[k][delta_name],
        )
        for k in shown
    ]
    return find_orbits(*np.array(unit).T)[0]


def _edges(values):
    """Borders of cells around values, halfway between them on a logarithmic axis."""
    logs = np.log(values)
    if len(logs) == 1:
        return np.exp(logs[0] + np.array([-0.5, 0.5]))
    middles = (logs[1:] + logs[:-1]) / 2.0
    first, last = 2.0 * logs[0] - middles[0], 2.0 * logs[-1] - middles[-1]
    return np.exp(np.r_[first, middles, last])
