"""Coefficients along falling strengths of the penalty."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from ..._path import LinearPath
from ..._typing import Array
from ._common import axes_for, by_name


class RegularizationPathDisplay:
    """Coefficients, and how many are not zero, against the strength of the penalty.

    It is recommended to use :meth:`from_path`. The parameters are kept as attributes.

    Parameters
    ----------
    alphas : dict of str to ndarray of shape (n_alphas,)
        The strengths, by the name of the path.
    coefs : dict of str to ndarray of shape (n_alphas, n_features)
        The coefficients of one class.
    feature_names : list of str of length n_features
        Names of the features.
    class_name : str
        Name of the class.

    Attributes
    ----------
    lines_ : dict of str to list of n_features matplotlib Line2D
        The coefficients of each path.
    count_lines_ : dict of str to matplotlib Line2D
        The numbers of non-zero coefficients.
    axes_ : ndarray of shape (n_paths + 1,)
        The axes; the last one counts.
    figure_ : matplotlib Figure
        The figure.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_linloss import linear_path
    >>> from sklearn_linloss.inspection import RegularizationPathDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> path = linear_path(X - X.mean(axis=0), y, l1_ratio=1.0, alphas=4, eps=1e-3)
    >>> display = RegularizationPathDisplay.from_path(path, class_label=2)
    >>> [int(count) for count in display.count_lines_["path"].get_ydata()]
    [0, 1, 2, 4]
    """

    def __init__(
        self,
        *,
        alphas: dict[str, Array],
        coefs: dict[str, Array],
        feature_names: Sequence[str],
        class_name: str,
    ) -> None:
        self.alphas = alphas
        self.coefs = coefs
        self.feature_names = feature_names
        self.class_name = class_name

    @classmethod
    def from_path(
        cls,
        path: LinearPath | Sequence[LinearPath] | dict[str, LinearPath],
        *,
        class_label: Any = None,
        feature_names: Sequence[Any] | None = None,
        n_labelled: int = 8,
        ax: Any = None,
    ) -> Self:
        """Draw one or several paths.

        Parameters
        ----------
        path : LinearPath, list of LinearPath or dict of str to LinearPath
            What :func:`~sklearn_linloss.linear_path` returns; several are drawn side by
            side. A strength of zero has no place on the axis and is left out.
        class_label : label, default=None
            Whose coefficients to draw; None is the last class. Two classes have one
            row, which is drawn for the second and its negative for the first.
        feature_names : array-like of str of shape (n_features,), default=None
            Names of the features, for example the columns of a data frame.
        n_labelled : int, default=8
            How many features to colour and name, those with the largest coefficients;
            the others are grey.
        ax : array-like of n_paths + 1 matplotlib Axes, default=None
            Where to draw, the number of non-zeros last; None makes a figure.

        Returns
        -------
        display : RegularizationPathDisplay
            The display.

        Raises
        ------
        TypeError
            If something is no path.
        ValueError
            If a path lacks the class, if the paths or the names differ in the number of
            features, or if the number of axes is wrong.
        """
        paths = by_name(path, lambda _: "path")
        alphas, coefs = {}, {}
        for name, each in paths.items():
            if not hasattr(each, "coefs"):
                raise TypeError(
                    "Expected what linear_path returns, or several of those, got a "
                    f"{type(each).__name__}."
                )
            classes = each.classes
            label = classes[-1] if class_label is None else class_label
            found = np.flatnonzero(classes == label)
            if len(found) != 1:
                raise ValueError(
                    f"class_label={label!r} is not among the classes {classes}."
                )
            row, sign = int(found[0]), 1.0
            if each.coefs.shape[1] == 1:
                row, sign = 0, (-1.0, 1.0)[row]
            kept = each.alphas > 0.0
            alphas[name] = each.alphas[kept]
            coefs[name] = sign * each.coefs[kept, row]
        n_features = {coef.shape[1] for coef in coefs.values()}
        if len(n_features) > 1:
            raise ValueError(
                f"The paths have different numbers of features: {sorted(n_features)}."
            )
        (n_features,) = n_features
        if feature_names is None:
            feature_names = [f"feature {j}" for j in range(n_features)]
        if len(feature_names) != n_features:
            raise ValueError(
                f"There are {n_features} features, but {len(feature_names)} "
                "feature_names."
            )
        display = cls(
            alphas=alphas,
            coefs=coefs,
            feature_names=[str(name) for name in feature_names],
            class_name=str(label),
        )
        return display.plot(n_labelled=n_labelled, ax=ax)

    def plot(self, *, n_labelled: int = 8, ax: Any = None) -> Self:
        """Draw.

        Parameters
        ----------
        n_labelled : int, default=8
            How many features to colour and name, those with the largest coefficients;
            the others are grey.
        ax : array-like of n_paths + 1 matplotlib Axes, default=None
            Where to draw, the number of non-zeros last; None makes a figure.

        Returns
        -------
        display : RegularizationPathDisplay
            The display.

        Raises
        ------
        ValueError
            If the number of axes is wrong.
        """
        n_panels = len(self.coefs) + 1
        self.figure_, self.axes_ = axes_for(
            ax, (1, n_panels), "RegularizationPathDisplay", n_panels, (4.0, 3.6)
        )
        n_features = len(self.feature_names)
        largest = np.max([np.abs(coef).max(axis=0) for coef in self.coefs.values()], 0)
        labelled = np.argsort(-largest, kind="stable")[:n_labelled]
        colors = {j: f"C{k % 10}" for k, j in enumerate(labelled)}
        self.lines_, self.count_lines_ = {}, {}
        counts = self.axes_[-1]
        if ax is None:
            for axes in self.axes_[1:-1]:
                axes.sharey(self.axes_[0])
        for axes, (name, coef) in zip(self.axes_[:-1], self.coefs.items(), strict=True):
            alphas = self.alphas[name]
            self.lines_[name] = [
                axes.plot(
                    alphas,
                    coef[:, j],
                    color=colors.get(j, "0.8"),
                    linewidth=1.5 if j in colors else 0.8,
                    zorder=3 if j in colors else 2,
                )[0]
                for j in range(coef.shape[1])
            ]
            axes.set(ylabel=f"coefficient for class {self.class_name}", title=name)
            (self.count_lines_[name],) = counts.plot(
                alphas, (coef != 0.0).sum(axis=1), color="0.3", label=name
            )
        for line, style in zip(
            self.count_lines_.values(), _line_styles(len(self.coefs)), strict=True
        ):
            line.set_linestyle(style)
        for axes in self.axes_:
            axes.set(xscale="log", xlabel="alpha (strength of the penalty)")
        counts.set(
            ylim=(-0.02 * n_features, 1.05 * n_features),
            ylabel=f"non-zero coefficients for class {self.class_name}",
            title="non-zeros",
        )
        counts.yaxis.get_major_locator().set_params(integer=True)
        if len(self.coefs) > 1:
            counts.legend()
        lines = next(iter(self.lines_.values()))
        names = [self.feature_names[j] for j in labelled]
        handles = [lines[j] for j in labelled]
        if ax is None:
            self.figure_.legend(handles, names, loc="outside right upper")
        else:
            self.axes_[0].legend(handles, names, fontsize="small")
        return self


def _line_styles(count):
    return [("-", "--", ":", "-.")[k % 4] for k in range(count)]
