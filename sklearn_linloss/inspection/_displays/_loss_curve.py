"""The objective along fits."""

from typing import Any, Literal, Self

import numpy as np

from ..._typing import Array
from ._common import axes_for, by_name, final_step

# Iterations of these solvers see as many rows as there are.
_COUNTING_EPOCHS = ("saga", "sdca", "sgd")
_ROUNDING = 1e-9


class LossCurveDisplay:
    """The objective along one or several fits.

    It is recommended to use :meth:`from_estimator`. The parameters are kept as
    attributes.

    Parameters
    ----------
    loss_curves : dict of str to ndarray of shape (n_iter + 1,)
        The full objective at the start and after each iteration, by the name of the
        fit; None for a stream, whose full objective is unknown.
    batch_loss_curves : dict of str to ndarray of shape (n_updates,), default=None
        The objective on each mini-batch, for the fits that recorded it.
    validation_loss_curves : dict of str to ndarray of shape (n_iter + 1,), default=None
        The mean validation loss, for the fits that recorded it.
    lower_bound : float, default=None
        The number that is subtracted from the objectives.
    xlabel : str, default="iteration"
        What an iteration is.

    Attributes
    ----------
    lines_ : dict of str to matplotlib Line2D
        The full objectives.
    batch_lines_ : dict of str to matplotlib Line2D
        The objectives on mini-batches.
    validation_lines_ : dict of str to matplotlib Line2D
        The validation losses.
    ax_ : matplotlib Axes
        The axes.
    figure_ : matplotlib Figure
        The figure.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_linloss import SoftmaxClassifier
    >>> from sklearn_linloss.inspection import LossCurveDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> models = [SoftmaxClassifier(solver=s).fit(X, y) for s in ("newton", "lbfgs")]
    >>> display = LossCurveDisplay.from_estimator(models, excess_over="certificate")
    >>> list(display.lines_)
    ['newton', 'lbfgs']
    """

    def __init__(
        self,
        *,
        loss_curves: dict[str, Array | None],
        batch_loss_curves: dict[str, Array] | None = None,
        validation_loss_curves: dict[str, Array] | None = None,
        lower_bound: float | None = None,
        xlabel: str = "iteration",
    ) -> None:
        self.loss_curves = loss_curves
        self.batch_loss_curves = batch_loss_curves
        self.validation_loss_curves = validation_loss_curves
        self.lower_bound = lower_bound
        self.xlabel = xlabel

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        excess_over: float | Literal["certificate"] | None = None,
        log_scale: bool | Literal["auto"] = "auto",
        batches: bool = True,
        ax: Any = None,
    ) -> Self:
        """Draw the curves that fits have recorded.

        Parameters
        ----------
        estimator : estimator, list of estimators or dict of str to estimator
            Fitted :class:`~sklearn_linloss.SVMClassifier` or
            :class:`~sklearn_linloss.SoftmaxClassifier`, or pipelines and searches that
            end in one. Without a dict they are named after their solvers.
        excess_over : float or "certificate", default=None
            Draw by how much the objectives exceed this number, which is the optimum or
            a lower bound of it; "certificate" takes the largest ``objective_ * (1 -
            gap_)``. The fits must then be of one problem. The losses on mini-batches
            and validation data are then not drawn, because they may lie below.
        log_scale : bool or "auto", default="auto"
            Whether the losses are on a logarithmic axis; "auto" does that for an
            excess.
        batches : bool, default=True
            Whether to draw the objectives on the mini-batches of "sgd".
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : LossCurveDisplay
            The display.

        Raises
        ------
        ValueError
            If an estimator has no curve, or if the lower bound is above a curve.
        """
        models = by_name(estimator, _solver_name)
        models = {name: final_step(model)[0] for name, model in models.items()}
        for name, model in models.items():
            if not hasattr(model, "n_iter_") or not (
                hasattr(model, "loss_curve_") or hasattr(model, "batch_loss_curve_")
            ):
                raise ValueError(
                    f"{name!r} recorded no loss curve; {type(model).__name__} is not "
                    "an SVMClassifier or a SoftmaxClassifier."
                )
        solvers = {getattr(model, "solver_", None) for model in models.values()}
        counts_epochs = {solver in _COUNTING_EPOCHS for solver in solvers}
        display = cls(
            loss_curves={
                name: getattr(model, "loss_curve_", None)
                for name, model in models.items()
            },
            batch_loss_curves=_recorded(models, "batch_loss_curve_") if batches else {},
            validation_loss_curves=_recorded(models, "validation_loss_curve_"),
            lower_bound=_lower_bound(models, excess_over),
            xlabel=" or ".join(
                word
                for word, wanted in (("epoch", True), ("step", False))
                if wanted in counts_epochs
            ),
        )
        return display.plot(log_scale=log_scale, ax=ax)

    def plot(
        self, *, log_scale: bool | Literal["auto"] = "auto", ax: Any = None
    ) -> Self:
        """Draw.

        Parameters
        ----------
        log_scale : bool or "auto", default="auto"
            Whether the losses are on a logarithmic axis; "auto" does that for an
            excess.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : LossCurveDisplay
            The display.

        Raises
        ------
        ValueError
            If the lower bound is above a curve.
        """
        excess = self.lower_bound is not None
        curves = {
            name: self._minus_bound(name, curve)
            for name, curve in self.loss_curves.items()
            if curve is not None
        }
        self.figure_, (self.ax_,) = axes_for(ax, (1, 1), "LossCurveDisplay")
        self.lines_, self.batch_lines_, self.validation_lines_ = {}, {}, {}
        for name in self.loss_curves:
            color = None
            if name in curves:
                curve = curves[name]
                (line,) = self.ax_.plot(range(len(curve)), curve, label=name, zorder=3)
                self.lines_[name] = line
                color = line.get_color()
            if excess:
                continue
            seen = (self.batch_loss_curves or {}).get(name)
            if seen is not None:
                epochs = len(curves[name]) - 1 if name in curves else 1
                (self.batch_lines_[name],) = self.ax_.plot(
                    np.arange(len(seen)) * (epochs / len(seen)),
                    seen,
                    color=color,
                    alpha=0.35,
                    linewidth=0.8,
                    label=f"{name}, mini-batches",
                )
            held_out = (self.validation_loss_curves or {}).get(name)
            if held_out is not None:
                (self.validation_lines_[name],) = self.ax_.plot(
                    range(len(held_out)),
                    held_out,
                    color=color,
                    linestyle="--",
                    label=f"{name}, validation loss",
                )
        if excess if log_scale == "auto" else log_scale:
            self.ax_.set_yscale("log", nonpositive="mask")
        self.ax_.set_xlabel(self.xlabel)
        self.ax_.set_ylabel("objective above its lower bound" if excess else "loss")
        self.ax_.legend(loc="upper right")
        return self

    def _minus_bound(self, name, curve):
        curve = np.asarray(curve, dtype=np.float64)
        if self.lower_bound is None:
            return curve
        excess = curve - self.lower_bound
        if excess.min() < -_ROUNDING * abs(self.lower_bound):
            raise ValueError(
                f"The objective of {name!r} falls to {curve.min():.6g}, below the "
                f"lower bound {self.lower_bound:.6g}, which belongs to another problem."
            )
        return np.maximum(excess, 0.0)


def _solver_name(estimator):
    model, _ = final_step(estimator)
    return getattr(model, "solver_", type(model).__name__)


def _recorded(models, attribute):
    """Those of the curves that exist."""
    return {
        name: getattr(model, attribute)
        for name, model in models.items()
        if hasattr(model, attribute)
    }


def _lower_bound(models, excess_over):
    if excess_over is None:
        return None
    if excess_over != "certificate":
        return float(excess_over)
    bounds = [
        model.objective_ * (1.0 - model.gap_)
        for model in models.values()
        if np.isfinite(getattr(model, "gap_", np.nan))
    ]
    if not bounds:
        raise ValueError(
            "excess_over='certificate' needs a fit with a duality gap: not a stream, "
            "and alpha > 0."
        )
    return max(bounds)
