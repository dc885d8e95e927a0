"""Losses against the margin of a sample."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from ... import losses
from ..._typing import Array, ArrayLike, LossName
from ._common import axes_for

_LOSSES = {loss.name: loss for loss in (losses.hinge, losses.squared_hinge)}
_LOSSES[losses.softmax.name] = losses.softmax


class LossDisplay:
    """The losses of one sample of two classes against its margin.

    The margin of a sample is the score of its class minus that of the other. It is
    recommended to use :meth:`from_losses`. The parameters are kept as attributes.

    Parameters
    ----------
    margins : ndarray of shape (n_margins,)
        The margins.
    values : dict of str to ndarray of shape (n_margins,)
        The losses, by their names.
    slopes : dict of str to ndarray of shape (n_margins,), default=None
        Their derivatives in the margin.
    delta : float, default=1.0
        The margin that the hinges ask for.

    Attributes
    ----------
    lines_ : dict of str to matplotlib Line2D
        The losses.
    slope_lines_ : dict of str to matplotlib Line2D
        Their derivatives.
    axes_ : ndarray of shape (1,) or (2,)
        The axes; with slopes the second one is theirs.
    figure_ : matplotlib Figure
        The figure.

    Examples
    --------
    >>> from sklearn_linloss.inspection import LossDisplay
    >>> display = LossDisplay.from_losses(["hinge"], margins=[0.0, 0.5, 1.0])
    >>> display.values["hinge"]
    array([1. , 0.5, 0. ])
    """

    def __init__(
        self,
        *,
        margins: Array,
        values: dict[str, Array],
        slopes: dict[str, Array] | None = None,
        delta: float = 1.0,
    ) -> None:
        self.margins = margins
        self.values = values
        self.slopes = slopes
        self.delta = delta

    @classmethod
    def from_losses(
        cls,
        loss: LossName | Sequence[LossName] = ("hinge", "squared_hinge", "softmax"),
        *,
        delta: float = 1.0,
        margins: ArrayLike | None = None,
        slopes: bool = False,
        ax: Any = None,
    ) -> Self:
        """Draw losses by their names.

        Parameters
        ----------
        loss : str or list of str, default=("hinge", "squared_hinge", "softmax")
            The losses.
        delta : float, default=1.0
            The margin that the hinges ask for, positive.
        margins : array-like of shape (n_margins,), default=None
            Where to draw; None is from ``-2 * delta`` to ``4 * delta``.
        slopes : bool, default=False
            Whether to draw the derivatives too, beside the losses: how hard a sample
            pulls at the scores.
        ax : matplotlib Axes or array-like of 2 of them, default=None
            Where to draw, two for slopes; None makes a figure.

        Returns
        -------
        display : LossDisplay
            The display.

        Raises
        ------
        ValueError
            If a loss is unknown, if `delta` is not positive, or if the number of axes
            is wrong.
        """
        names = [loss] if isinstance(loss, str) else list(loss)
        for name in names:
            if name not in _LOSSES:
                raise ValueError(f"loss must be among {sorted(_LOSSES)}, got {name!r}.")
        if not delta > 0.0:
            raise ValueError(f"delta must be positive, got {delta}.")
        if margins is None:
            # One of these points is delta, where the hinge has its kink.
            margins = np.linspace(-2.0 * delta, 4.0 * delta, 301)
        margins = np.array(margins, dtype=np.float64)
        scores = np.column_stack([np.zeros_like(margins), margins])
        true = np.ones(len(margins), dtype=np.intp)
        display = cls(
            margins=margins,
            values={name: _LOSSES[name].value(scores, true, delta) for name in names},
            slopes={
                name: _LOSSES[name].gradient(scores, true, delta)[:, 1]
                for name in names
            }
            if slopes
            else None,
            delta=delta,
        )
        return display.plot(ax=ax)

    def plot(self, *, ax: Any = None) -> Self:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes or array-like of 2 of them, default=None
            Where to draw, two for slopes; None makes a figure.

        Returns
        -------
        display : LossDisplay
            The display.

        Raises
        ------
        ValueError
            If the number of axes is wrong.
        """
        n_panels = 1 if self.slopes is None else 2
        self.figure_, self.axes_ = axes_for(
            ax, (1, n_panels), "LossDisplay", n_panels, (5.0, 4.0)
        )
        self.lines_ = self._plot_on(self.axes_[0], self.values, "loss")
        self.slope_lines_ = {}
        if self.slopes is not None:
            self.slope_lines_ = self._plot_on(
                self.axes_[1], self.slopes, "slope of the loss"
            )
        return self

    def _plot_on(self, axes, curves, ylabel):
        lines = {}
        for name, curve in curves.items():
            label = "-log p (softmax)" if name == "softmax" else name.replace("_", " ")
            (lines[name],) = axes.plot(self.margins, curve, label=label)
        axes.axvline(self.delta, color="0.6", linestyle=":", label="delta")
        axes.set(xlabel="margin: true score minus the other", ylabel=ylabel)
        axes.legend()
        return lines
