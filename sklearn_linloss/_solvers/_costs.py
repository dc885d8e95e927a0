"""What the parts of a fit cost, in floating-point operations: one model for all.

`n`, `d` and `n_rows` are the samples, features and rows of coefficients, `size` is the
number of coefficients with the intercepts.
"""

_SCATTERED = 10.0  # time of an operation on scattered numbers over one in a product


def gradient(n, size):
    """Scores and their adjoint: two passes over the samples."""
    return 4.0 * n * size


def newton_matrix(n, d, n_rows, size):
    """The second derivatives for all pairs of classes, and a factor of them."""
    pairs = max((n_rows - 1) / 2.0, 1.0)
    return size**3 / 3.0 + 2.0 * n * size * (d + 1) * pairs


def slack_matrix(n, d, size):
    """Matrix and factor for the hinges, whose wrong classes couple with the true one
    only.
    """
    return size**3 / 3.0 + 4.0 * n * size * (d + 1)


def newton_matrix_by_products(n, n_stored, n_rows, size):
    """Matrix and factor on CSR data, by products of its entries."""
    return size**3 / 3.0 + _SCATTERED * (n_rows * n_stored) ** 2 / n


def metric(n, d, n_stored):
    """The covariance of the features, and all of its eigenvectors."""
    return 10.0 * d**3 + 2.0 * n_stored**2 / n


def sketch(d, n_stored, rank):
    """The leading eigenvectors of the covariance."""
    return 10.0 * d * rank**2 + 4.0 * rank * n_stored


def pair_matrix(n_pairs, n_samples, d):
    """Matrix of the active pairs, of so many samples, and a factor of it."""
    return n_pairs**3 / 3.0 + n_samples**2 * d


def pairs_of_blocks(cost, d, n_rows):
    """How many active pairs make class blocks cost this much, inverses included."""
    return (cost / (2.0 * (d + 1) ** 2)) - n_rows * (d + 1)


def class_blocks(n, d, n_rows):
    """The second derivatives within classes, from `n` samples, and their inverses."""
    return 2.0 * n_rows * d**2 * (n + d)


def pair_product(n_pairs, d, n_rows):
    """A product with active pairs, and one with the shared metric."""
    return 8.0 * n_pairs * d + 4.0 * n_rows * d**2
