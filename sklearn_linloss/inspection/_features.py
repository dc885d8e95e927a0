"""Which features speak most for each class."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ._displays._common import coefficients_of, feature_names_of, final_step, names_for


@dataclass(frozen=True)
class FeatureTable:
    """The features with the largest coefficients of each class.

    Printed, it is a table. ``pandas.DataFrame(table.rows, columns=table.columns)`` is a
    data frame of it.

    Attributes
    ----------
    class_names : list of str of length n_classes
        Names of the classes.
    features : list of n_classes lists of str
        Names of the features of each class, those that speak for it first, the
        strongest at the top; then those against it, the strongest at the bottom.
    coefs : list of n_classes ndarrays of float
        Their coefficients, which fall from the first to the last.
    """

    class_names: list[str]
    features: list[list[str]]
    coefs: list[np.ndarray]

    columns: ClassVar[tuple[str, str, str]] = ("class", "feature", "coefficient")

    @property
    def rows(self) -> list[tuple[str, str, float]]:
        """A tuple of class, feature and coefficient for each line of the table."""
        return [
            (class_name, feature, float(coef))
            for class_name, features, coefs in zip(
                self.class_names, self.features, self.coefs, strict=True
            )
            for feature, coef in zip(features, coefs, strict=True)
        ]

    def __str__(self) -> str:
        lines = [
            self.columns,
            *((name, feature, f"{coef:.4g}") for name, feature, coef in self.rows),
        ]
        first, second, third = (
            max(len(line[k]) for line in lines) for k in range(len(self.columns))
        )
        return "\n".join(
            f"{name:{first}}  {feature:{second}}  {coef:>{third}}"
            for name, feature, coef in lines
        )


def top_features(
    estimator: Any,
    *,
    n_features: int = 10,
    n_against: int = 0,
    feature_names: Sequence[Any] | np.ndarray | None = None,
    class_names: Sequence[Any] | np.ndarray | None = None,
) -> FeatureTable:
    """List the features that speak most for each class, by their coefficients.

    One more unit of a feature adds its coefficient to the score of the class. Only
    features of the same unit can be compared by that: scale them, or take counts of
    words.

    Parameters
    ----------
    estimator : estimator
        A fitted linear classifier, or a pipeline or search that ends in one.
    n_features : int, default=10
        How many features to take for each class, of the largest positive coefficients.
        A class with fewer of them has fewer.
    n_against : int, default=0
        How many to take against it, of the most negative coefficients.
    feature_names : array-like of str of shape (n_features_in,), default=None
        Names of the features that the classifier gets. None takes those that the
        transformers before it give, for example the words of a vectorizer, or the
        columns of the data frame that it was fitted to.
    class_names : array-like of str of shape (n_classes,), default=None
        Names, in the order of `classes_`; None takes `classes_`. Two classes have one
        row of coefficients, which is that of the second; the first has its negative.

    Returns
    -------
    table : FeatureTable
        The features and their coefficients, class by class.

    Raises
    ------
    ValueError
        If a number is negative, or if the names are not as many as the features or the
        classes.

    See Also
    --------
    FeaturesDisplay : The same as a picture.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklearn_linloss import SoftmaxClassifier
    >>> from sklearn_linloss.inspection import top_features
    >>> iris = load_iris(as_frame=True)
    >>> model = make_pipeline(StandardScaler(), SoftmaxClassifier(alpha=0.1, tol=1e-9))
    >>> model = model.fit(iris.data, iris.target_names[iris.target])
    >>> print(top_features(model, n_features=1, n_against=1))
    class       feature            coefficient
    setosa      sepal width (cm)         0.463
    setosa      petal length (cm)      -0.6884
    versicolor  sepal length (cm)       0.1044
    versicolor  sepal width (cm)       -0.4039
    virginica   petal width (cm)        0.7828
    virginica   sepal width (cm)      -0.05913
    """
    if n_features < 0 or n_against < 0:
        raise ValueError(
            "n_features and n_against must not be negative, got "
            f"{n_features} and {n_against}."
        )
    model, _ = final_step(estimator)
    coef = coefficients_of(model)
    if feature_names is None:
        feature_names = feature_names_of(estimator)
    if len(feature_names) != coef.shape[1]:
        raise ValueError(
            f"There are {coef.shape[1]} features, but {len(feature_names)} "
            "feature_names."
        )
    features, coefs = [], []
    for row in coef:
        falling = np.argsort(-row, kind="stable")
        positive, negative = int((row > 0.0).sum()), int((row < 0.0).sum())
        against = min(n_against, negative)
        chosen = np.concatenate(
            [falling[: min(n_features, positive)], falling[len(row) - against :]]
        )
        features.append([str(feature_names[j]) for j in chosen])
        coefs.append(row[chosen])
    return FeatureTable(names_for(model, class_names), features, coefs)
