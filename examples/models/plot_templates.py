"""
What a linear classifier looks for
==================================

The coefficients of each class, drawn as an image, are a template: red pixels speak for
the digit, blue ones against it. A weak penalty lets single pixels decide, in patterns
that fit these very samples; a strong one leaves smooth strokes, here at the cost of
accuracy.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sklearn_linloss import SoftmaxClassifier
from sklearn_linloss.inspection import ClassTemplateDisplay

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X / 16.0, y, stratify=y, random_state=0
)

figure = plt.figure(figsize=(12, 3.8), layout="constrained")
rows = figure.subfigures(2, 1)
for row, alpha in zip(rows, [1e-5, 1e-1], strict=True):
    model = SoftmaxClassifier(alpha=alpha, tol=1e-3).fit(X_train, y_train)
    ClassTemplateDisplay.from_estimator(
        model, image_shape=(8, 8), ax=row.subplots(1, 10)
    )
    row.suptitle(f"alpha = {alpha:g}, test accuracy {model.score(X_test, y_test):.3f}")

plt.show()
