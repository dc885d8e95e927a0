"""What a loss has to say of itself, and what follows from that in NumPy."""

import numpy as np


def _missing(name):
    """A method that a loss may leave out, and is then refused by."""

    def method(self, *args, **kwargs):
        raise NotImplementedError(f"The loss {self.name!r} does not define {name}.")

    method.is_missing = True
    return method


class Loss:
    """A loss L(s, y) of the scores s of a sample with true class y, at a margin.

    A new loss subclasses this one. It must define, for one sample a row and K >= 2
    columns of scores,

    - ``value(scores, y)``, of shape (n,),
    - ``gradient(scores, y)``, of the shape of the scores: any subgradient, without the
      entry of the true class, which is minus the sum of the others,
    - ``conjugate(dual, y)``: the conjugate at dual points a in its domain, and its
      derivative along a itself, both of shape (n,). Entries of a of wrong classes are
      not negative,
    - ``dual_size(largest, largest_sum)``: which of those points are in the domain;

    if it is smooth, ``curvature(n_classes, width)``, and if it is not, with `smooth`
    set to False,

    - ``smoothed(scores, y, width)``: value and gradient of a smooth loss that is
      smaller by at most a multiple of `width`, and whose gradients are in the domain.

    Sums over samples follow, in NumPy. Two classes are one row of scores in the fits,
    which is the score of class 1 beside a zero for class 0.

    Parameters
    ----------
    delta : float, default=1.0
        The margin, where the loss has one.

    Attributes
    ----------
    name : str
        What messages call it.
    smooth, twice_differentiable : bool
        Whether the gradient is Lipschitz-continuous, and differentiable in turn.
    of_slacks : bool
        Whether it is a `SlackLoss`.
    degree : int or None
        Where L is homogeneous in scores and margin together, of which degree.
    code : int or None
        What compiled kernels know it by.
    """

    name: str
    smooth = True
    twice_differentiable = of_slacks = False
    degree = code = None

    value = _missing("value")
    gradient = _missing("gradient")
    conjugate = _missing("conjugate")
    dual_size = _missing("dual_size")
    curvature = _missing("curvature")
    smoothed = _missing("smoothed")

    def __init__(self, delta=1.0):
        self.delta = float(delta)

    def __repr__(self):
        return f"<loss {self.name!r}>"

    def defines(self, *methods):
        """Whether it has said all of these of itself."""
        return not any(
            hasattr(getattr(type(self), name), "is_missing") for name in methods
        )

    def steepest(self, spread):
        """A bound on slopes in one score, where scores differ by at most `spread`."""
        return 1.0 + (self.curvature(2) * spread if self.smooth else 0.0)

    def largest_dual_sum(self, n_classes):
        """A bound of the sum of the dual variables of the wrong classes of a sample."""
        if not self.defines("dual_size"):
            return np.inf
        size = np.max(self.dual_size(np.array([1.0 / (n_classes - 1)]), np.ones(1)))
        return 1.0 / size if size > 0.0 else np.inf

    def leeway(self, dual):
        """By how much dual variables can move, where they do so for next to nothing: 0
        for those that are held at an end of the domain.
        """
        return dual if self.smooth else np.zeros_like(dual)

    def best_scores(self, mass):
        """The best scores of the classes without features, by the weights of the
        classes, up to a common constant; None where no formula is known.
        """
        return None

    def in_namespace(self, xp):
        """The loss as operations of an array API namespace.

        Only of losses with a `code`; `_namespace.py` has what they offer.
        """
        raise NotImplementedError

    # -- sums over samples -----------------------------------------------------------
    #
    # `scores` are (n, K) for K >= 3 and (n,) for two classes, `y` the class indices and
    # `share` the shares pi_i.

    def total(self, scores, y, share, width=0.0):
        """sum_i pi_i L_i; `width` > 0 smooths a loss that is not smooth."""
        return self.total_gradient(scores, y, share, np.empty_like(scores), width)

    def total_gradient(self, scores, y, share, gradient, width=0.0):
        """The same, with pi_i dL_i/dscores written to `gradient`."""
        rows = both_scores(scores)
        if width > 0.0 and not self.smooth:
            values, slopes = self.smoothed(rows, y, width)
        else:
            values, slopes = self.value(rows, y), self.gradient(rows, y)
        slopes = balanced(slopes, y)
        slopes *= share[:, None]
        gradient[:] = slopes if scores.ndim > 1 else slopes[:, 1]
        return float(share @ values)

    def hessian_product(self, scores, y, share, direction, out, width=0.0):
        """Write pi_i (Hessian of L_i) direction_i to `out`, here by differences."""
        step = 1e-6 * (1.0 + np.abs(scores).max()) / (np.abs(direction).max() or 1.0)
        ahead, behind = np.empty_like(scores), np.empty_like(scores)
        self.total_gradient(scores + step * direction, y, share, ahead, width)
        self.total_gradient(scores - step * direction, y, share, behind, width)
        out[:] = (ahead - behind) / (2.0 * step)

    def dual_value(self, pull, y, share):
        """-sum_i pi_i L_i*(scale * a_i) and its derivative, as a function of the scale.

        `pull` holds pi_i * a_i.
        """
        a = pull / (share if pull.ndim == 1 else share[:, None])
        a = a if a.ndim > 1 else np.column_stack([-a, a])

        def at(scale):
            values, slopes = self.conjugate(scale * a, y)
            return -float(share @ values), -float(share @ slopes) / scale

        return at

    def intercept_hessian(self, pull, y, share, sum_by_class):
        """Hessian of sum_i pi_i L_i in the intercepts, for a smooth loss: a bound here.

        `pull` is what `total_gradient` wrote, as (n, n_rows), and `sum_by_class` adds
        up the rows of such an array over the samples of each class.
        """
        n_rows = pull.shape[1]
        n_classes = n_rows if n_rows > 1 else 2
        return self.curvature(n_classes) * share.sum() * np.eye(n_rows)


def both_scores(scores):
    """Scores of all classes: a vector is those of class 1 beside zero."""
    if scores.ndim > 1:
        return scores
    return np.column_stack([np.zeros_like(scores), scores])


def balanced(gradient, y):
    """A gradient whose true class gets minus the sum of the others, in place.

    So it loses no digits.
    """
    rows = np.arange(len(y))
    gradient[rows, y] = 0.0
    gradient[rows, y] = -gradient.sum(axis=1)
    return gradient


def of_wrong_classes(dual, y):
    """Dual points with zero for the true class, and the sums of their rows."""
    others = dual.copy()
    others[np.arange(len(y)), y] = 0.0
    return others, others.sum(axis=1)
