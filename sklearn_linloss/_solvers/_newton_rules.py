"""The numbers by which Newton's method decides, in the order of its stages."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Rules:
    """Numbers by the stage that uses them; 0013 is a decision in docs/adr/."""

    # -- 1. the first multipliers ----------------------------------------------------
    # Samples from which the hinge starts by ascent. With a few dozen, a fit of repeated
    # rows would differ from one of weighted rows (benchmarks/NOTES.md).
    ascent_from: int = 100
    # Samples times coefficients from which smooth losses start by ascent: without a
    # model to start from, and with one, from which conjugate gradients gain more
    # (0008).
    large: float = 1e5
    large_if_warm: float = 3e6
    # No ascent comes first where a Newton step costs at most so many times two passes
    # over X: of the softmax, divided by the rows of coefficients, and of the squared
    # hinge (0022).
    cheap: float = 55.0
    cheap_by_slacks: float = 200.0
    # Where one costs more than that, quasi-Newton steps on the squared hinge replace
    # about so many of them, which is what their metric may cost (0058).
    replaced_matrices: float = 12.0
    # Where the mean squared weight of the samples is more than so many times the
    # squared mean, the ascent of a smooth loss pays before quasi-Newton steps only
    # (0022).
    heavy: float = 4.0
    ascent_if_small: int = 10  # largest number of its iterations, below `large`
    ascent_if_large: int = 100  # the same from `large` on
    # The ascent ends once the relative gap is below `gap` and `least` iterations are
    # made, unless `patience` more would lead to the tolerance at its present rate. The
    # gap of a smooth loss falls so steadily that its size need not be asked for (0009).
    hinge_gap: float = 0.1
    hinge_least: int = 3
    hinge_patience: int = 20
    smooth_gap: float = np.inf
    smooth_least: int = 8
    smooth_patience: int = 30
    # Where the matrix of all coefficients is too large, and exact steps go by pairs:
    # the largest number of active ones, whose matrix takes 92 MB; `least` and
    # `patience`, in units of the ascent that takes as long as a step; and the time of
    # an operation in the factor divided by that of one in the ascent (0013).
    most_pairs: int = 3400
    least_steps: float = 4.0
    patience_steps: float = 20.0
    flop: float = 0.5
    # The same on CSR, where an iteration has many epochs of few entries (0062).
    flop_by_entries: float = 0.05
    # `least` and `patience` for the hinge where quasi-Newton steps go on (0018).
    secant_least: int = 5
    secant_patience: int = 150
    # Where the classes can be separated, the ascent of a smooth loss is not left for
    # quasi-Newton steps, which meet a kink every few hundredths of their length (0018).
    # That of the hinge goes on to this gap, and for so many iterations at least (0020).
    separated_gap: float = 0.5
    separated_least: int = 20
    # Exact steps take over once the active pairs are fewer than this part of
    # `most_pairs` (0018), or than all of them where the classes can be separated
    # (0021).
    few: float = 0.3
    # Products with stored entries of active pairs that an exact step takes (0066).
    products_of_step: float = 200.0
    gradient_steps: int = 300  # before interior points, of the hinge with L1 (0045)
    least_if_failed: int = 100  # quasi-Newton steps after exact ones met too many pairs
    # Under next to no penalty: the overlap of rows in units of one row, below which
    # ascent alone solves the hinges, and the iterations after which it is left where
    # the gap is above `hinge_gap` (0050).
    apart: float = 10.0
    ascent_alone: int = 300
    # Steps of the hinge with L1 and L2 after which interior points follow (0051).
    many_with_l1: int = 10
    # Sampled losses lead to the minimum of a smooth loss where a sample of so many rows
    # for each coefficient, and of so many at least, is at most this part of all (0063).
    sampled_per_coefficient: float = 20.0
    fewest_sampled: float = 2000.0
    most_sampled: float = 0.4
    # -- 2. the model: widths in margins ---------------------------------------------
    first_width: float = 10.0  # close to least squares: many pairs are active (0003)
    # From 0.1 to 1 there is no difference beyond noise, except that on usps 0.1 is best
    # (benchmarks/NOTES.md).
    width_after_ascent: float = 0.3
    width_after_sample: float = 0.3  # a third or three times that: the same (0057)
    width_after_fit: float = 0.03  # with the multipliers of an earlier fit
    smallest_width: float = 0.01
    # Where no matrix of all coefficients is made, widths are larger the smaller the
    # multipliers are: once the mean of the largest one of each sample is below this
    # (0021).
    small_multipliers: float = 0.1
    # Proximal strength over width / delta^2: that is, at a width of one margin, the
    # curvature of the augmented hinge with all pairs active. With 1e-6 fewer fits of
    # hostile data converged (benchmarks/NOTES.md).
    proximal: float = 1e-8
    # -- 3. the direction ------------------------------------------------------------
    small_system: int = 300  # coefficients, below which a factor is always used
    # The cost of an exact step, in gradients, up to which it is better than steps of
    # quasi-Newton type where there is no dual ascent: of the softmax (0026), and of the
    # squared hinge and the hinge, which take more of those steps (0043).
    replaced_secants: float = 50.0
    replaced_by_slacks: float = 150.0
    replaced_by_kinks: float = 250.0
    cg_steps: float = 25.0  # of conjugate gradients, about as many as solve a system
    by_pairs_below: float = 0.8  # active pairs a coefficient
    most_cancelled: float = 1e8  # largest entry of the matrix of pairs (0014)
    # The ridge where there is no L2, divided by the norm of the gradient; with 1, a
    # free intercept took five times the steps (benchmarks/NOTES.md). And its smallest
    # value, divided by the total curvature.
    damping: float = 0.1
    smallest_damping: float = 1e-10
    least_damping: float = 1e-6  # after short steps, over the total curvature
    # Its largest value: beyond the total curvature a step is one of gradient descent.
    most_damping: float = 1e6
    more: float = 4.0  # factor by which that damping rises and falls
    # Steps of the softmax in a row that do not descend, as on features of a size at
    # which no digits are left of the others: another solver goes on.
    most_idle: int = 30
    # -- 4. the step length ----------------------------------------------------------
    short: float = 0.2  # below it steps are damped, or the width grows (0009)
    long: float = 0.5  # below it the inner problem is not solved (0003)
    rounding: float = 1e-12  # of the objective; a smaller gap is taken for zero
    # -- 5. the stop, and 6. the multipliers -----------------------------------------
    exact: float = 1e-13  # predicted descent over the objective, where tiny data end
    tiny: float = 1e4  # samples times coefficients, below which data are tiny
    inner_accuracy: float = 0.1  # predicted descent over the gap; less is worse (0014)
    inner_steps: int = 20  # Newton steps after which the multipliers move in any case
    widening: float = 2.0  # factor of the width after a short step
    # Factors of the width when the multipliers move: after `inner_steps` that did not
    # minimise the augmented Lagrangian, and after few or some steps that did.
    width_if_unsolved: float = 3.0
    few_steps: int = 3
    width_after_few: float = 0.3
    some_steps: int = 6
    width_after_some: float = 0.5
    # Quasi-Newton steps between moves of the multipliers, and the power of the ratio
    # of the gap's parts by which the width then changes (0018).
    least_balanced: int = 2
    most_balanced: int = 10
    balance: float = 0.1
    # Ratio above which the width grows at first, and up to what, in its units (0054).
    unbalanced: float = 100.0
    widest_at_first: float = 1e3
    # Number of short steps after which the squared hinge is stuck. On tiny data it is
    # large, since plain steps end there at full precision.
    stuck: int = 3
    stuck_if_tiny: int = 200


RULES = Rules()
