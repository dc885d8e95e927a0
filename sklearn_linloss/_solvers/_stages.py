"""Which stages of Newton's method pay for an objective, by counts of operations."""

from . import _costs
from ._conjugate_gradients import ClassBlocks, blocks_are_small
from ._metric import RULES as METRIC
from ._newton_rules import RULES
from ._pair_products import avoids_matrix, by_entries
from ._registry import RULES as LIMITS
from ._registry import too_large
from ._systems import by_products


def iterations_pay(f):
    """Whether conjugate gradients solve Newton's systems for less than a factor."""
    if f.design.in_parts or not f.loss.twice_differentiable:
        return False
    if not f.penalty.is_smooth or f.penalty.convexity == 0.0:
        return False
    n, d, size = f.n_samples, f.n_features, f.size
    if size < RULES.small_system:
        # Blind to the number of samples, so that weighted and repeated rows take the
        # same way.
        return False
    iterations = RULES.cg_steps * _costs.gradient(n, size) + ClassBlocks.cost(f)
    return _costs.newton_matrix(n, d, f.n_rows, size) > iterations


def secants_pay(f):
    """Whether quasi-Newton steps solve what no Newton step can afford."""
    if not f.penalty.is_smooth or f.penalty.convexity == 0.0:
        return False
    if f.n_features > LIMITS.newton_features:
        return False
    if f.design.only_products:
        return f.size > LIMITS.newton_largest or not _matrix_pays(f)
    if f.loss.of_slacks:
        replaced = f.loss.smooth or by_entries(f)
        return avoids_matrix(f) or (replaced and _matrix_is_dear(f))
    return f.size >= RULES.small_system and not blocks_are_small(f)


def _matrix_pays(f):
    """Whether a matrix costs less than the quasi-Newton steps that it replaces, where
    X offers products only.
    """
    steps = RULES.replaced_secants
    if f.loss.of_slacks:
        steps = RULES.replaced_by_slacks if f.loss.smooth else RULES.replaced_by_kinks
    replaced = steps * _costs.gradient(f.n_samples, f.size)
    matrix = _costs.newton_matrix(f.n_samples, f.n_features, f.n_rows, f.size)
    return matrix <= max(replaced, LIMITS.negligible_flops)


def products_pay(f):
    """Whether exact steps on the hinges go by products with the stored entries."""
    return by_entries(f) and secants_pay(f)


def _matrix_is_dear(f):
    """Whether Newton steps on a hinge cost more, by their matrices, than steps by
    products, or quasi-Newton steps and their metric.
    """
    metric = 0.0
    if not by_entries(f):
        metric = _costs.metric(f.n_samples, f.n_features, f.design.n_stored)
    limit = RULES.cheap_by_slacks * two_passes(f) + metric / RULES.replaced_matrices
    return matrix_cost(f) > max(limit, LIMITS.negligible_flops)


def matrix_cost(f):
    """Operations for a matrix of second derivatives, and a factor of it."""
    n, d = f.n_samples, f.n_features
    if by_products(f):
        return _costs.newton_matrix_by_products(n, f.design.n_stored, f.n_rows, f.size)
    if f.loss.of_slacks and f.n_rows > 1:
        return _costs.slack_matrix(n, d, f.size)
    return _costs.newton_matrix(n, d, f.n_rows, f.size)


def metric_cost(f):
    """Operations for the metric that quasi-Newton steps begin with."""
    n, d, stored = f.n_samples, f.n_features, f.design.n_stored
    if d <= METRIC.sketched_from:
        return _costs.metric(n, d, stored)
    return _costs.sketch(d, stored, METRIC.rank)


def two_passes(f):
    """Operations for scores and their adjoint, by the entries that are stored."""
    stored = f.design.n_stored / (f.n_samples * f.n_features)
    return stored * _costs.gradient(f.n_samples, f.size)


def ascent_pays(f, warm):
    """Whether to start with stage 1."""
    if f.penalty.convexity == 0.0 or f.design.only_products:
        return False
    if not f.penalty.is_uniform:
        return False
    if not f.loss.smooth:
        return f.n_samples >= RULES.ascent_from or only_by_pairs(f)
    if warm and iterations_pay(f):
        return f.n_samples * f.size >= RULES.large_if_warm
    if not is_large(f) or _steps_are_cheap(f):
        return False
    # Heavy rows slow the ascent of all others.
    heavy = f.n_samples * (f.share @ f.share) > RULES.heavy
    return secants_pay(f) or not heavy


def _steps_are_cheap(f):
    """Whether a few Newton steps on a smooth loss cost less than to prepare them."""
    if iterations_pay(f) or secants_pay(f) or not f.penalty.is_smooth:
        return False
    limit = RULES.cheap_by_slacks if f.loss.of_slacks else RULES.cheap / f.n_rows
    return matrix_cost(f) <= limit * two_passes(f)


def only_by_pairs(f):
    """Whether the hinge has no matrix but that of few active pairs."""
    return not f.loss.smooth and too_large(f.size, f.n_samples * max(f.n_rows - 1, 1))


def lacks_matrix(f):
    """Whether no Newton step is possible but one on few active pairs."""
    if not f.loss.smooth:
        return only_by_pairs(f)
    by_l2 = f.penalty.is_smooth and f.penalty.convexity > 0.0
    return f.loss.of_slacks and by_l2 and avoids_matrix(f)


def has_matrix(f):
    """Whether one serves the Newton steps of a loss of slacks at any model."""
    return f.loss.of_slacks and not lacks_matrix(f)


def is_large(f):
    """Whether passes over X cost more than the calls that make them."""
    return f.n_samples * f.size >= RULES.large


def rows_can_be_drawn(f):
    """Whether rows can be chosen, and a penalty holds the models of few of them."""
    penalty, design = f.penalty, f.design
    held = penalty.is_smooth and penalty.is_uniform and penalty.convexity > 0.0
    # On stored entries alone ascent costs less.
    by_rows = design.counts_from_centre and not design.only_products
    return held and by_rows and not design.in_parts


def samples_pay(f):
    """Whether sampled losses lead to the minimum of a smooth loss of three classes or
    more: their samples are small beside all rows.
    """
    slacks = f.loss.of_slacks
    known = f.loss.twice_differentiable or (slacks and f.loss.delta > 0.0)
    if not (f.n_rows > 1 and f.loss.smooth and known and rows_can_be_drawn(f)):
        return False
    least = max(RULES.sampled_per_coefficient * f.size, RULES.fewest_sampled)
    tall = least <= RULES.most_sampled * f.n_samples
    return tall and f.size <= LIMITS.newton_largest and not secants_pay(f)
