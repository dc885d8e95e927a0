"""What a step on a model of the objective sees: data part, proximal term, line search.

The model of a smooth loss is the loss itself. That of the hinge is its augmented
Lagrangian, whose formulas `_newton.py` has.
"""

import numpy as np

from .._certificate import maximize_concave
from ._common import feature_metric
from ._newton_rules import RULES
from ._pair_products import avoids_matrix


def model_of(f, pull=None, width=0.0):
    """The model of the data part of an objective, with pi_i times first multipliers of
    the hinge where there are such, and the width of its augmented Lagrangian, in
    margins.
    """
    model = (AugmentedHinge if f.loss.of_slacks else SmoothModel)(f)
    if pull is not None:
        model.start_from(pull, width)
    return model


class Anchor:
    """A proximal term, strength / 2 * |theta - point|^2 in the features' metric.

    It keeps coefficients bounded that the penalty does not. There may be a linear term,
    slope @ (theta - point), too.
    """

    def __init__(self, f, point, slope=None):
        self.metric = feature_metric(f)
        self.point = point
        self.strength = 0.0
        self._slope = slope

    @property
    def acts(self):
        """Whether it is not zero everywhere."""
        return self.strength > 0.0 or self._slope is not None

    def value(self, theta):
        """Value of the terms at `theta`."""
        shift = theta - self.point
        value = 0.5 * self.strength * (self.metric * shift) @ shift
        return value if self._slope is None else value + self._slope @ shift

    def gradient(self, theta):
        """Gradient of the terms at `theta`."""
        gradient = self.strength * self.metric * (theta - self.point)
        return gradient if self._slope is None else gradient + self._slope


class SmoothModel:
    """The model of the softmax: the loss itself."""

    proximal = 0.0
    damps, stuck, ends_exactly = True, False, False

    def __init__(self, f):
        self._f = f

    def expand(self, scores):
        """Value of the data part, its gradient in the scores, and the second
        derivatives as `add_pair_grams` takes them.
        """
        return self._f.expand(scores)

    def along(self, scores, change):
        """Value of the data part at scores + t * change, and its derivative, as a
        function of t.
        """
        return self._f.loss_on_line(scores, change)

    def start_from(self, pull, width):
        """Do nothing: the model has no multipliers."""

    def let_go(self):
        """Nothing: what `expand` gives is the caller's."""

    let_go_of_second = let_go

    def pull(self, scores):
        """None: the certificate then takes the gradient of the loss."""
        return None

    def worth_certifying(self, decrement, gap, far):
        """Whether a certificate may end the fit: only near the optimum."""
        return not far

    def advance(self, decrement, length, gap):
        """Nothing changes between the steps."""
        return False

    def widen(self, infeasible, slackness):
        """It has no width."""
        return False

    def balance(self, infeasible, slackness):
        """Nothing changes between the steps here, either."""
        return False


class AugmentedHinge:
    """Stages 2 and 6 for the hinges, with an augmented Lagrangian.

    The model of the squared hinge is the loss itself (width 0), until steps stay short.

    Attributes
    ----------
    proximal : float
        Strength of the proximal term, positive where the L2 penalty is missing or
        negligible beside the curvature along the feature that varies most.
    damps : bool
        Whether damping follows short steps. Here a larger width does.
    """

    damps = False

    def __init__(self, f):
        self._f = f
        self._largest_variance = feature_metric(f).max()
        self._unit = f.loss.delta  # of the width
        self._width = 0.0 if f.loss.smooth else RULES.first_width * self._unit
        self._multipliers = None if f.loss.smooth else f.zero_rows()
        self._pull = self._second = None
        self._steps = 0
        self._short = 0

    @property
    def proximal(self):
        f = self._f
        if f.loss.delta == 0.0 or self._width == 0.0:
            return 0.0
        held = f.penalty.convexity / self._largest_variance
        return max(RULES.proximal * self._width / f.loss.delta**2 - held, 0.0)

    def start_from(self, pull, width):
        """Take multipliers, and a width in units of the margin.

        The multipliers of the squared hinge have no upper bound. Its unit is the
        margin over the mean of the largest multiplier of each sample. On large problems
        that of the hinge is the same where its multipliers are small.
        """
        f = self._f
        self._multipliers = f.multipliers(pull)
        size = f.mean_of_largest(self._multipliers)
        if not f.loss.smooth:
            large = avoids_matrix(f)
            size = min(size / RULES.small_multipliers, 1.0) if large else 1.0
        self._unit = f.loss.delta / size if size > 0.0 else f.loss.delta
        self._width = width * self._unit

    @property
    def stuck(self):
        """Whether the squared hinge needs multipliers."""
        most = RULES.stuck_if_tiny if self.ends_exactly else RULES.stuck
        return self._short >= most

    @property
    def ends_exactly(self):
        """Whether steps cost so little that the fit goes on to full precision, where
        weighted and repeated rows have the same model in all digits.
        """
        f = self._f
        plain = self._width == 0.0 and f.dtype == np.float64
        return plain and f.n_samples * f.size < RULES.tiny

    def expand(self, scores):
        """Value of the data part, its gradient in the scores, and the second
        derivatives as `add_pair_grams` takes them.
        """
        if self._pull is None:
            self._pull = self._f.zero_rows()
        if self._second is None:
            self._second = self._f.zero_rows()
        arrays = self._at_width(scores), self._pull, self._second
        value = self._f.augmented(scores, self._width, *arrays)
        return value, self._pull, self._second

    def along(self, scores, change):
        """Value of the data part at scores + t * change, and its derivative, as a
        function of t.
        """
        multipliers = self._at_width(scores)
        return self._f.augmented_on_line(scores, change, self._width, multipliers)

    def let_go(self):
        """Free the arrays that `expand` gave."""
        self._pull = self._second = None

    def let_go_of_second(self):
        """Free the second derivatives alone."""
        self._second = None

    def _at_width(self, scores):
        """The multipliers. A width of 0 takes any in their place: the scores, which are
        at hand.
        """
        return scores if self._width == 0.0 else self._multipliers

    def pull(self, scores):
        """The maximisers t, times pi_i: a dual point for the certificate."""
        return self.expand(scores)[1].copy()

    def worth_certifying(self, decrement, gap, far):
        """Whether a certificate may show something new: not far from the minimum of
        the augmented Lagrangian.
        """
        return not decrement > RULES.inner_accuracy * gap

    def advance(self, decrement, length, gap):
        """Stage 6: a <- t, once the augmented Lagrangian is minimised well enough.

        Returns whether the multipliers moved. The width follows the number of steps
        that the minimum took: with a narrow one a step meets many kinks, with a wide
        one the multipliers move more often. Called after `pull`.
        """
        f = self._f
        self._steps += 1
        if self._width == 0.0:
            self._short += length < RULES.short
            if self.stuck and f.penalty.convexity == 0.0:
                self.start_from(self._pull, RULES.width_after_ascent)
            return False
        solved = decrement <= RULES.inner_accuracy * gap and length >= RULES.long
        if length < RULES.short:
            self._width *= RULES.widening
        if not solved and self._steps < RULES.inner_steps:
            return False
        self._multipliers = f.multipliers(self._pull)
        if not solved:
            self._width *= RULES.width_if_unsolved
        elif self._steps <= RULES.few_steps:
            self._width *= RULES.width_after_few
        elif self._steps <= RULES.some_steps:
            self._width *= RULES.width_after_some
        self._width = max(self._width, RULES.smallest_width * self._f.loss.delta)
        self._steps = 0
        return True

    def widen(self, infeasible, slackness):
        """Whether the width was far too small for the multipliers, and has grown.

        The wider it is, the nearer the maximisers are to the multipliers, and the less
        infeasible. The arguments are as `balance` takes them.
        """
        balanced = infeasible <= RULES.unbalanced * slackness
        wide = self._width >= RULES.widest_at_first * self._unit
        if self._width == 0.0 or balanced or wide:
            return False
        self._width *= RULES.widening
        return True

    def balance(self, infeasible, slackness):
        """Stage 6 for steps that each gain little: a <- t, whether or not the augmented
        Lagrangian is minimised.

        `infeasible` and `slackness` are the parts of the gap that its minimum and the
        multipliers leave; the width changes so that they stay of one size. Returns
        whether the multipliers moved. Called after `expand`.
        """
        f = self._f
        self._steps += 1
        settled = infeasible <= slackness and self._steps >= RULES.least_balanced
        if self._width == 0.0 or not (settled or self._steps >= RULES.most_balanced):
            return False
        self._multipliers = f.multipliers(self._pull)
        ratio = infeasible / slackness if slackness > 0.0 else np.inf
        low, high = 1.0 / RULES.widening, RULES.widening
        self._width *= np.clip(ratio**RULES.balance, low, high)
        self._width = max(self._width, RULES.smallest_width * f.loss.delta)
        self._steps = 0
        return True


def line_search(f, model, anchor, theta, scores, value, move, change, decrement):
    """Length of a step along `move`, which is 1 near the optimum."""
    w, dw = f.penalised(theta), f.penalised(move)
    data_along = model.along(scores, change)

    def along(t):
        data, slope = data_along(t)
        at_t = w + t * dw
        if anchor.acts:
            data += anchor.value(theta + t * move)
            slope += anchor.gradient(theta + t * move) @ move
        slope += dw @ f.penalty.gradient(at_t)
        return -(data + f.penalty.value(at_t)), -slope

    start = -(value + f.penalty.value(w))
    decrement = max(decrement, 0.0)
    rounding = RULES.rounding * abs(start)
    if decrement <= rounding and along(1.0)[0] >= start - rounding:
        return 1.0  # rounding hides the descent, but the step is right
    length, _ = maximize_concave(
        along, np.inf, start, start + decrement, decrement, f.foresee
    )
    return length
