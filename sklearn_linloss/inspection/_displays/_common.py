"""What the displays share: axes, the model inside an estimator, names."""

import numpy as np
from scipy import sparse
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted


def axes_for(ax, grid, caller, count=1, size=None):
    """The figure and an array of `count` axes: those given, or new ones."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(f"{caller} needs matplotlib; please install it.") from error
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


def dense(X):
    """An array of the values of an array, a sparse matrix or a data frame."""
    return X.toarray() if sparse.issparse(X) else np.array(X)


def final_step(estimator):
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


def coefficients_of(model):
    """A dense row for each class; of two the first has minus that of the second."""
    coef = dense(model.coef_)
    return np.vstack([-coef, coef]) if len(coef) == 1 else coef


def names_for(model, class_names):
    """Names of the classes as text: those given, or the labels."""
    if class_names is None:
        class_names = model.classes_
    if len(class_names) != len(model.classes_):
        raise ValueError(
            f"There are {len(model.classes_)} classes, but {len(class_names)} "
            "class_names."
        )
    return [str(name) for name in class_names]


def feature_names_of(estimator):
    """Names of what the classifier inside gets, as far as anything knows them."""
    names = None
    while True:
        if isinstance(estimator, Pipeline):
            try:
                names = estimator[:-1].get_feature_names_out(names)
            except (AttributeError, ValueError):  # a transformer does not tell
                names = None
            estimator = estimator[-1]
        elif hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        else:
            break
    if names is None:
        names = getattr(estimator, "feature_names_in_", None)
    if names is None:
        names = [f"feature {j}" for j in range(estimator.coef_.shape[1])]
    return names


def by_name(given, name_of):
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
        raise ValueError("The list or dict is empty: there is nothing to draw.")
    return named
