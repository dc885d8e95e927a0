"""Pictures of fits, models and searches, drawn with matplotlib.

Each display keeps the arrays that it draws; `plot` draws them and keeps the artists.
matplotlib is imported by `plot` alone.
"""

import inspect

import numpy as np
from scipy import sparse
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from .. import losses
from .._base import LinearLossClassifier
from .._cv import LinearLossClassifierCV
from .._orbits import at_unit_margin, find_orbits

__all__ = [
    "BoundaryDisplay",
    "ClassTemplateDisplay",
    "LossCurveDisplay",
    "LossDisplay",
    "RegularizationPathDisplay",
    "ValidationSurfaceDisplay",
]

_LOSSES = {loss.name: loss for loss in (losses.hinge, losses.squared_hinge)}
_LOSSES[losses.softmax.name] = losses.softmax
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
        The objective as each mini-batch saw it, of the fits that have that.
    validation_loss_curves : dict of str to ndarray of shape (n_iter + 1,), default=None
        The mean validation loss, of the fits that have that.
    lower_bound : float, default=None
        What to subtract from the objectives.
    xlabel : str, default="iteration"
        What an iteration is.

    Attributes
    ----------
    lines_ : dict of str to matplotlib Line2D
        The full objectives.
    batch_lines_ : dict of str to matplotlib Line2D
        What the mini-batches saw.
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
        loss_curves,
        batch_loss_curves=None,
        validation_loss_curves=None,
        lower_bound=None,
        xlabel="iteration",
    ):
        self.loss_curves = loss_curves
        self.batch_loss_curves = batch_loss_curves
        self.validation_loss_curves = validation_loss_curves
        self.lower_bound = lower_bound
        self.xlabel = xlabel

    @classmethod
    def from_estimator(
        cls, estimator, *, excess_over=None, log_scale="auto", batches=True, ax=None
    ):
        """Draw the curves that fits have recorded.

        Parameters
        ----------
        estimator : estimator, list of estimators or dict of str to estimator
            Fitted :class:`~sklearn_linloss.SVMClassifier` or
            :class:`~sklearn_linloss.SoftmaxClassifier`, or pipelines and searches that
            end in one. Without a dict they are named after their solvers.
        excess_over : float or "certificate", default=None
            Draw what the objectives exceed this optimum, or lower bound of it, by;
            "certificate" is the largest ``objective_ * (1 - gap_)``. The fits must
            then be of one problem. What mini-batches and validation data saw is not
            drawn: it may lie below.
        log_scale : bool or "auto", default="auto"
            Whether the losses are on a logarithmic axis; "auto" does that for an
            excess.
        batches : bool, default=True
            Whether to draw what the mini-batches of "sgd" saw.
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
        models = _by_name(estimator, _solver_name)
        models = {name: _final_step(model)[0] for name, model in models.items()}
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

    def plot(self, *, log_scale="auto", ax=None):
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
        self.figure_, (self.ax_,) = _axes(ax, (1, 1), "LossCurveDisplay")
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
                f"lower bound {self.lower_bound:.6g}: that belongs to another problem."
            )
        return np.maximum(excess, 0.0)


class ClassTemplateDisplay:
    """The coefficients of each class as an image.

    A sample scores high for a class where it is large as the class's coefficients are
    positive. It is recommended to use :meth:`from_estimator`. The parameters are kept
    as attributes.

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

    def __init__(self, *, templates, class_names, transformed=False):
        self.templates = templates
        self.class_names = class_names
        self.transformed = transformed

    @classmethod
    def from_estimator(
        cls,
        estimator,
        *,
        image_shape,
        class_names=None,
        scale="common",
        cmap="RdBu_r",
        ax=None,
    ):
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
        model, transformed = _final_step(estimator)
        coef = model.coef_
        coef = coef.toarray() if sparse.issparse(coef) else np.array(coef)
        if len(coef) == 1:
            coef = np.vstack([-coef, coef])
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
        if class_names is None:
            class_names = model.classes_
        if len(class_names) != len(coef):
            raise ValueError(
                f"There are {len(coef)} classes, but {len(class_names)} class_names."
            )
        display = cls(
            templates=coef.reshape(len(coef), *shape),
            class_names=[str(name) for name in class_names],
            transformed=transformed,
        )
        return display.plot(scale=scale, cmap=cmap, ax=ax)

    def plot(self, *, scale="common", cmap="RdBu_r", ax=None):
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
        self.figure_, self.axes_ = _axes(
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
    >>> path = linear_path(X - X.mean(axis=0), y, l1_ratio=1.0, alphas=4)
    >>> display = RegularizationPathDisplay.from_path(path, class_label=2)
    >>> [int(count) for count in display.count_lines_["path"].get_ydata()]
    [0, 1, 2, 4]
    """

    def __init__(self, *, alphas, coefs, feature_names, class_name):
        self.alphas = alphas
        self.coefs = coefs
        self.feature_names = feature_names
        self.class_name = class_name

    @classmethod
    def from_path(
        cls, path, *, class_label=None, feature_names=None, n_labelled=8, ax=None
    ):
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
        ValueError
            If a path lacks the class, if the paths or the names differ in the number of
            features, or if the number of axes is wrong.
        """
        paths = _by_name(path, lambda _: "path")
        alphas, coefs = {}, {}
        for name, each in paths.items():
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

    def plot(self, *, n_labelled=8, ax=None):
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
        self.figure_, self.axes_ = _axes(
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
    orbits : ndarray of shape (n_alphas, n_deltas), default=None
        A number for each model, -1 where the search has no point.
    chosen : tuple of int, default=None
        Indices of the chosen point in `mean_scores`.
    score_name : str, default="score"
        What is shown.

    Attributes
    ----------
    surface_ : matplotlib QuadMesh or None
        The scores over both parameters.
    orbit_lines_ : list of matplotlib Line2D
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
    >>> len(display.orbit_lines_)
    1
    """

    def __init__(
        self,
        *,
        alphas,
        deltas,
        mean_scores,
        standard_errors,
        orbits=None,
        chosen=None,
        score_name="score",
    ):
        self.alphas = alphas
        self.deltas = deltas
        self.mean_scores = mean_scores
        self.standard_errors = standard_errors
        self.orbits = orbits
        self.chosen = chosen
        self.score_name = score_name

    @classmethod
    def from_estimator(
        cls, estimator, *, metric=None, orbits=True, cmap="viridis", ax=None
    ):
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
        orbits : bool, default=True
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
                f"{type(estimator).__name__} is no search over a grid: it has no "
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
        alphas, i = np.unique([points[k][alpha_name] for k in shown], return_inverse=1)
        deltas, at = None, (i,)
        if delta_name is not None and all(delta_name in points[k] for k in shown):
            deltas, j = np.unique(
                [points[k][delta_name] for k in shown], return_inverse=1
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
        if orbits and deltas is not None:
            found = _orbits(estimator, points, shown, axes_of_grid)
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
            orbits=numbers,
            chosen=chosen,
            score_name=f"mean {_score_name(estimator, metric)} over "
            f"{estimator.n_splits_} folds",
        )
        return display.plot(cmap=cmap, ax=ax)

    def plot(self, *, cmap="viridis", ax=None):
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
        self.figure_, (self.ax_,) = _axes(ax, (1, 1), "ValidationSurfaceDisplay")
        self.surface_ = self.line_ = self.band_ = self.chosen_ = self.colorbar_ = None
        self.orbit_lines_ = []
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
        numbers = [] if self.orbits is None else np.unique(self.orbits)
        for number in numbers:
            i, j = np.nonzero(self.orbits == number)
            if number < 0 or len(i) < 2:
                continue
            self.orbit_lines_ += self.ax_.plot(
                self.alphas[i],
                self.deltas[j],
                color="white",
                linewidth=1.0,
                marker="o",
                markersize=3.0,
            )
        if self.orbit_lines_:
            self.orbit_lines_[0].set_label("the same model, up to scale")
        if self.chosen is not None:
            i, j = self.chosen
            self._mark(self.alphas[i], self.deltas[j])
        self.colorbar_ = self.figure_.colorbar(
            self.surface_, ax=self.ax_, label=self.score_name
        )
        if self.chosen is not None or self.orbit_lines_:
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

    def __init__(self, *, margins, values, slopes=None, delta=1.0):
        self.margins = margins
        self.values = values
        self.slopes = slopes
        self.delta = delta

    @classmethod
    def from_losses(
        cls,
        loss=("hinge", "squared_hinge", "softmax"),
        *,
        delta=1.0,
        margins=None,
        slopes=False,
        ax=None,
    ):
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

    def plot(self, *, ax=None):
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
        self.figure_, self.axes_ = _axes(
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
        xx0,
        xx1,
        leads,
        X,
        y,
        class_names,
        delta=None,
        support=None,
        feature_names=("feature 0", "feature 1"),
    ):
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
        estimator,
        X,
        y,
        *,
        class_names=None,
        tolerance=1e-2,
        grid_resolution=300,
        ax=None,
    ):
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
            A sample lies on the margin if it is off by at most this part of it: fits
            are optimal up to their `tol` only.
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
        model, _ = _final_step(estimator)
        classes = model.classes_
        values = X.toarray() if sparse.issparse(X) else np.asarray(X)
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
            raise ValueError(f"y has labels that the estimator lacks: {unknown}.")
        if class_names is None:
            class_names = classes
        if len(class_names) != len(classes):
            raise ValueError(
                f"There are {len(classes)} classes, but {len(class_names)} class_names."
            )
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
            class_names=[str(name) for name in class_names],
            delta=delta,
            support=support,
            feature_names=[str(name) for name in names],
        )
        return display.plot(ax=ax)

    def plot(self, *, ax=None):
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
        self.figure_, (self.ax_,) = _axes(ax, (1, 1), "BoundaryDisplay")
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


# -- what the displays share ------------------------------------------------------


def _axes(ax, grid, caller, count=1, size=None):
    """The figure and an array of `count` axes: those given, or new ones."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(f"{caller} draws with matplotlib; install that.") from error
    if ax is not None:
        axes = np.ravel(np.asarray(ax, dtype=object))
        if len(axes) != count:
            raise ValueError(f"{caller} needs {count} axes here, got {len(axes)}.")
        return axes[0].figure, axes
    rows, columns = grid
    figsize = None if size is None else (columns * size[0], rows * size[1])
    figure, axes = plt.subplots(*grid, figsize=figsize, layout="constrained")
    axes = np.ravel(axes)
    for spare in axes[count:]:
        spare.remove()
    return figure, axes[:count]


def _final_step(estimator):
    """The fitted classifier inside searches and pipelines, and whether it gets its
    features from a transformer.
    """
    transformed = False
    while True:
        if isinstance(estimator, Pipeline):
            check_is_fitted(estimator[-1])
            steps = [step for _, step in estimator.steps[:-1]]
            transformed |= any(step not in (None, "passthrough") for step in steps)
            estimator = estimator[-1]
        elif hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        else:
            break
    check_is_fitted(estimator)
    if not (hasattr(estimator, "coef_") and hasattr(estimator, "classes_")):
        raise ValueError(
            f"A linear classifier is needed, but {type(estimator).__name__} has no "
            "coef_ and classes_."
        )
    return estimator, transformed


def _by_name(given, name_of):
    """A dict of what is given alone, in a list or in a dict, with distinct names."""
    if isinstance(given, dict):
        named = dict(given)
    else:
        named = {}
        for each in given if isinstance(given, list | tuple) else [given]:
            name, count = name_of(each), 1
            while (name if count == 1 else f"{name} {count}") in named:
                count += 1
            named[name if count == 1 else f"{name} {count}"] = each
    if not named:
        raise ValueError("There is nothing to draw.")
    return named


def _solver_name(estimator):
    model, _ = _final_step(estimator)
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


def _line_styles(count):
    return [("-", "--", ":", "-.")[k % 4] for k in range(count)]


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


def _orbits(search, points, shown, names):
    """Numbers of the models at the points shown, or None where that is unknown."""
    if "orbit" in search.cv_results_:
        return np.asarray(search.cv_results_["orbit"])[shown]
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
            known[f"{prefix}loss"],
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
