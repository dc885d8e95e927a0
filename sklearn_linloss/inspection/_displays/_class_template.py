"""Coefficients as images."""

from collections.abc import Sequence
from typing import Any, Literal, Self

import numpy as np

from ..._typing import Array
from ._common import axes_for, coefficients_of, final_step, names_for


class ClassTemplateDisplay:
    """The coefficients of each class as an image.

    A sample has a high score for a class if it is large where the coefficients of that
    class are positive. It is recommended to use :meth:`from_estimator`. The parameters
    are kept as attributes.

    Parameters
    ----------
    templates : ndarray of shape (n_classes, height, width) or \
(n_classes, height, width, 3)
        The coefficients.
    class_names : list of str of length n_classes
        Titles.
    transformed : bool, default=False
        Whether the coefficients belong to features that a pipeline has transformed.

    Attributes
    ----------
    images_ : list of matplotlib AxesImage
        One for each class.
    colorbar_ : matplotlib Colorbar or None
        For one channel on the common scale.
    axes_ : ndarray of shape (n_classes,)
        The axes.
    figure_ : matplotlib Figure
        The figure.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_linloss import SoftmaxClassifier
    >>> from sklearn_linloss.inspection import ClassTemplateDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> model = SoftmaxClassifier(alpha=1.0, tol=1e-2).fit(X, y)
    >>> display = ClassTemplateDisplay.from_estimator(model, image_shape=(8, 8))
    >>> len(display.images_)
    10
    """

    def __init__(
        self, *, templates: Array, class_names: Sequence[str], transformed: bool = False
    ) -> None:
        self.templates = templates
        self.class_names = class_names
        self.transformed = transformed

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        image_shape: tuple[int, ...],
        class_names: Sequence[Any] | None = None,
        scale: Literal["common", "class"] = "common",
        cmap: Any = "RdBu_r",
        ax: Any = None,
    ) -> Self:
        """Draw the coefficients of a fitted classifier.

        Parameters
        ----------
        estimator : estimator
            A fitted linear classifier, or a pipeline or search that ends in one. Behind
            a pipeline's transformers the coefficients are those of the transformed
            features, for example of the scaled pixels.
        image_shape : tuple of int
            ``(height, width)`` of the image whose pixels are the features, row by row,
            or ``(height, width, 3)`` with red, green and blue. A model without
            intercept may have one feature more, a column of ones at the end, whose
            coefficients are not drawn.
        class_names : array-like of str of shape (n_classes,), default=None
            Titles, in the order of `classes_`; None takes `classes_`. Two classes have
            one row, which is drawn for the second and its negative for the first.
        scale : {"common", "class"}, default="common"
            Whether all classes share one range of colours or each has its own. Zero is
            in the middle of both.
        cmap : str or matplotlib Colormap, default="RdBu_r"
            Colours of images with one channel.
        ax : array-like of n_classes matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : ClassTemplateDisplay
            The display.

        Raises
        ------
        ValueError
            If the features do not fill the image, or if the names or axes are not as
            many as the classes.
        """
        model, transformed = final_step(estimator)
        coef = coefficients_of(model)
        shape = tuple(image_shape)
        if len(shape) not in (2, 3) or (len(shape) == 3 and shape[2] != 3):
            raise ValueError(
                "image_shape must be (height, width) or (height, width, 3), got "
                f"{shape}."
            )
        has_bias_column = coef.shape[1] == np.prod(shape) + 1
        if has_bias_column and not getattr(model, "fit_intercept", True):
            coef = coef[:, :-1]
        if np.prod(shape) != coef.shape[1]:
            kind = "transformed features" if transformed else "features"
            raise ValueError(
                f"image_shape={shape} has {np.prod(shape)} values, but there are "
                f"{coef.shape[1]} {kind}."
            )
        display = cls(
            templates=coef.reshape(len(coef), *shape),
            class_names=names_for(model, class_names),
            transformed=transformed,
        )
        return display.plot(scale=scale, cmap=cmap, ax=ax)

    def plot(
        self,
        *,
        scale: Literal["common", "class"] = "common",
        cmap: Any = "RdBu_r",
        ax: Any = None,
    ) -> Self:
        """Draw.

        Parameters
        ----------
        scale : {"common", "class"}, default="common"
            Whether all classes share one range of colours or each has its own.
        cmap : str or matplotlib Colormap, default="RdBu_r"
            Colours of images with one channel.
        ax : array-like of n_classes matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : ClassTemplateDisplay
            The display.

        Raises
        ------
        ValueError
            If `scale` is unknown, or if the axes are not as many as the classes.
        """
        if scale not in ("common", "class"):
            raise ValueError(f"scale must be 'common' or 'class', got {scale!r}.")
        n_classes = len(self.templates)
        columns = min(n_classes, 5)
        rows = -(-n_classes // columns)
        self.figure_, self.axes_ = axes_for(
            ax, (rows, columns), "ClassTemplateDisplay", n_classes, (1.7, 1.9)
        )
        largest = np.abs(self.templates).reshape(n_classes, -1).max(axis=1)
        if scale == "common":
            largest = np.full(n_classes, largest.max())
        # All zero is the middle of any range.
        largest = np.where(largest > 0.0, largest, 1.0)
        self.images_, self.colorbar_ = [], None
        for k, axes in enumerate(self.axes_):
            template, limit = self.templates[k], largest[k]
            if template.ndim == 3:
                image = axes.imshow((template / limit + 1.0) / 2.0)
            else:
                image = axes.imshow(template, cmap=cmap, vmin=-limit, vmax=limit)
            self.images_.append(image)
            axes.set(title=self.class_names[k], xticks=[], yticks=[])
        if scale == "common" and self.templates.ndim == 3:
            kind = "transformed pixel" if self.transformed else "pixel"
            self.colorbar_ = self.figure_.colorbar(
                self.images_[0], ax=list(self.axes_), label=f"coefficient of the {kind}"
            )
        return self
