"""Bars of the features that speak most for each class."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from .._features import top_features
from ._common import axes_for, final_step


class FeaturesDisplay:
    """The largest coefficients of each class, as bars with the names of the features.

    It is recommended to use :meth:`from_estimator`. The parameters are kept as
    attributes.

    Parameters
    ----------
    class_names : list of str of length n_classes
        Titles.
    features : list of n_classes lists of str
        Names of the features, from the top down.
    coefs : list of n_classes ndarrays
        Their coefficients.
    transformed : bool, default=False
        Whether the coefficients belong to features that a pipeline has transformed.

    Attributes
    ----------
    bars_ : list of matplotlib BarContainer
        One for each class.
    axes_ : ndarray of shape (n_classes,)
        The axes.
    figure_ : matplotlib Figure
        The figure.

    See Also
    --------
    top_features : The same as a table.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklearn_linloss import SoftmaxClassifier
    >>> from sklearn_linloss.inspection import FeaturesDisplay
    >>> X, y = load_wine(return_X_y=True, as_frame=True)
    >>> model = make_pipeline(StandardScaler(), SoftmaxClassifier(alpha=0.1))
    >>> display = FeaturesDisplay.from_estimator(model.fit(X, y), n_features=2)
    >>> display.features[0]
    ['proline', 'alcohol']
    """

    def __init__(
        self,
        *,
        class_names: Sequence[str],
        features: Sequence[Sequence[str]],
        coefs: Sequence[np.ndarray],
        transformed: bool = False,
    ) -> None:
        self.class_names = class_names
        self.features = features
        self.coefs = coefs
        self.transformed = transformed

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        n_features: int = 10,
        n_against: int = 0,
        feature_names: Sequence[Any] | np.ndarray | None = None,
        class_names: Sequence[Any] | np.ndarray | None = None,
        ax: Any = None,
    ) -> Self:
        """Draw the largest coefficients of a fitted classifier.

        Parameters
        ----------
        estimator : estimator
            A fitted linear classifier, or a pipeline or search that ends in one.
        n_features : int, default=10
            How many features to draw for each class, of the largest positive
            coefficients. A class with fewer of them has fewer bars.
        n_against : int, default=0
            How many to draw against it, of the most negative coefficients.
        feature_names : array-like of str of shape (n_features_in,), default=None
            Names of the features that the classifier gets; None takes those that the
            transformers before it give, or the columns of its data frame.
        class_names : array-like of str of shape (n_classes,), default=None
            Titles, in the order of `classes_`; None takes `classes_`.
        ax : array-like of n_classes matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : FeaturesDisplay
            The display.

        Raises
        ------
        ValueError
            If a number is negative, or if the names or the axes are not as many as the
            features or the classes.
        """
        table = top_features(
            estimator,
            n_features=n_features,
            n_against=n_against,
            feature_names=feature_names,
            class_names=class_names,
        )
        _, transformed = final_step(estimator)
        display = cls(
            class_names=table.class_names,
            features=table.features,
            coefs=table.coefs,
            transformed=transformed,
        )
        return display.plot(ax=ax)

    def plot(self, *, ax: Any = None) -> Self:
        """Draw.

        Parameters
        ----------
        ax : array-like of n_classes matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : FeaturesDisplay
            The display.

        Raises
        ------
        ValueError
            If the axes are not as many as the classes.
        """
        n_classes = len(self.class_names)
        columns = min(n_classes, 4)
        longest = max((len(names) for names in self.features), default=0)
        self.figure_, self.axes_ = axes_for(
            ax,
            (-(-n_classes // columns), columns),
            "FeaturesDisplay",
            n_classes,
            (3.0, 0.9 + 0.22 * longest),
        )
        self.bars_ = []
        for k, axes in enumerate(self.axes_):
            places = range(len(self.coefs[k]))
            colors = ["C0" if coef > 0.0 else "C3" for coef in self.coefs[k]]
            self.bars_.append(axes.barh(places, self.coefs[k], color=colors))
            axes.set_yticks(places, self.features[k], fontsize="small")
            axes.invert_yaxis()
            axes.axvline(0.0, color="0.5", linewidth=0.8)
            axes.set_title(self.class_names[k])
        kind = "transformed feature" if self.transformed else "feature"
        label = f"coefficient of the {kind}"
        if ax is None:
            self.figure_.supxlabel(label, fontsize="medium")
        else:
            for axes in self.axes_:
                axes.set_xlabel(label)
        return self
