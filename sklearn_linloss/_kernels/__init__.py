"""All compiled code, by what it computes; `_jit.py` keeps it on disk.

Kernels see arrays and numbers, in the named tuples of `_arguments.py` where there are
many, and tell the losses apart by the codes of `_codes.py`.

Shapes: `scores` and `gradient` are (n, n_rows), where n_rows is K for K >= 3 classes
and 1 for two classes; `y` holds the class index of each sample and `weight` its
share pi_i of the total weight. One row is the margin form: with s = +1 for class 1
and -1 for class 0, a sample's loss depends on m = s * score. Sums run in float64.

`width` > 0 smooths the hinge: max_{0 <= a <= 1} a * slack - width / 2 * a^2 for each
slack (Y. Nesterov, "Smooth minimization of non-smooth functions", Mathematical
Programming 2005). The other losses ignore it.
"""

from ._arguments import (
    BlockSums,
    ColumnDescent,
    ColumnModel,
    CscColumns,
    CsrRows,
    DenseRows,
    Pairs,
    SagaPass,
    SagaState,
    SdcaPass,
    SdcaState,
    SgdPass,
    SgdPast,
    SgdState,
    Terms,
)
from ._codes import code_of
from ._interior import (
    aim_at_centre,
    aim_at_range,
    centre_pairs,
    move_pairs,
    pull_of_pairs,
    reach_of_pairs,
    weigh_pairs,
)
from ._losses import (
    add_by_class,
    adjust_flows,
    entropy,
    loss_gradient,
    loss_hessian,
    proximal_hinge,
    proximal_hinge_along,
)
from ._newton import (
    add_pair_grams,
    bend_pairs,
    csc_descent,
    csc_scores_of,
    csc_slopes_of,
    csr_bend_pairs,
    csr_second_moments,
    csr_second_moments_on,
    grouped_descent,
    pair_system,
    quadratic_descent,
)
from ._products import (
    csc_scores,
    csr_adjoint,
    csr_moments,
    csr_scores,
    csr_squared_norms,
    dense_adjoint,
    dense_loss_gradient,
    dense_moments,
    dense_scores,
)
from ._saga import saga_epoch_csr, saga_epoch_dense
from ._sdca import sdca_epoch_csr, sdca_epoch_dense, sdca_movable
from ._sgd import sgd_epoch_csr, sgd_epoch_dense
from ._sgd_rows import csr_sizes, sgd_rows_csr

__all__ = [
    "BlockSums",
    "ColumnDescent",
    "ColumnModel",
    "CscColumns",
    "CsrRows",
    "DenseRows",
    "Pairs",
    "SagaPass",
    "SagaState",
    "SdcaPass",
    "SdcaState",
    "SgdPass",
    "SgdPast",
    "SgdState",
    "Terms",
    "add_by_class",
    "add_pair_grams",
    "adjust_flows",
    "aim_at_centre",
    "aim_at_range",
    "bend_pairs",
    "centre_pairs",
    "code_of",
    "csc_descent",
    "csc_scores",
    "csc_scores_of",
    "csc_slopes_of",
    "csr_adjoint",
    "csr_bend_pairs",
    "csr_moments",
    "csr_scores",
    "csr_second_moments",
    "csr_second_moments_on",
    "csr_sizes",
    "csr_squared_norms",
    "dense_adjoint",
    "dense_loss_gradient",
    "dense_moments",
    "dense_scores",
    "entropy",
    "grouped_descent",
    "loss_gradient",
    "loss_hessian",
    "move_pairs",
    "pair_system",
    "proximal_hinge",
    "proximal_hinge_along",
    "pull_of_pairs",
    "quadratic_descent",
    "reach_of_pairs",
    "saga_epoch_csr",
    "saga_epoch_dense",
    "sdca_epoch_csr",
    "sdca_epoch_dense",
    "sdca_movable",
    "sgd_epoch_csr",
    "sgd_epoch_dense",
    "sgd_rows_csr",
    "weigh_pairs",
]
