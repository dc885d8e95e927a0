"""How coefficients and intercepts lie in one flat vector."""

import numpy as np


class Layout:
    """The flat vector `theta` of an objective, and what its entries are.

    Coefficients come first, in the order in which the design reads them, then the
    intercepts. The numbers it goes by are those of the objective, which inherits it.
    """

    def pack(self, W, b):
        """Flat vector of the user's coefficients and intercepts (n_rows,)."""
        W = W if self.columns is None else W[:, self.columns.places]
        return self.join(W if self.design.scale is None else W / self.design.scale, b)

    def join(self, W, b):
        """The same from the coefficients (n_rows, n_features) of the columns of X."""
        theta = np.empty(self.size)
        self.coefficients(theta)[:] = W
        if self.fit_intercept:
            theta[self.n_penalised :] = b
            if self.mean is not None:
                theta[self.n_penalised :] += W @ self.mean
        return theta

    def unpack(self, theta):
        """Coefficients and intercepts, as the user knows them."""
        W, b = self._unscaled(theta)
        return self._of_all_columns(W), b

    def stored(self, theta):
        """The same as they are stored, in the precision of X."""
        W, b = self._unscaled(theta)
        if len(b) > 1:
            # A common constant changes no loss.
            b = b - b.mean()
        dtype = self.design.dtype
        W = np.ascontiguousarray(W, dtype=dtype)
        return self._of_all_columns(W), b.astype(dtype)

    def _unscaled(self, theta):
        """Those of the user, of the columns that are in use."""
        W, b = self.parts(theta)
        free = self.penalty.free_features
        if len(free) and self.n_rows > 1:
            W = W.copy()
            W[:, free] -= W[:, free].mean(axis=0)  # a common part changes no loss
        return W if self.design.scale is None else W * self.design.scale, b

    def _of_all_columns(self, W):
        return W if self.columns is None else self.columns.fill(W)

    def parts(self, theta):
        """Coefficients (a view) of the columns of X as they are, and intercepts."""
        W, b = self._split(theta)
        if self.mean is not None:
            b = b - W @ self.mean
        return W, b

    def penalised(self, theta):
        """The penalised part of `theta`, a flat view."""
        return theta[: self.n_penalised]

    def intercepts(self, theta):
        """The unpenalised part of `theta`, a view; empty without an intercept."""
        return theta[self.n_penalised :]

    def matrix(self, theta):
        """The coefficients in `theta` as a matrix of `matrix_shape`, a view."""
        return self.penalised(theta).reshape(self.matrix_shape)

    def arrays(self, theta):
        """`matrix`, and the intercepts as one row or none: views that kernels take."""
        return self.matrix(theta), self.intercepts(theta).reshape(-1, self.n_rows)

    def coefficients(self, theta):
        """The same as (n_rows, n_features), a view."""
        matrix = self.matrix(theta)
        return matrix.T if self.design.features_first else matrix

    def per_feature(self, values):
        """`values` of shape (n_features,) laid out along `weights`."""
        if self.design.features_first:
            return np.repeat(values, self.n_rows)
        return np.tile(values, self.n_rows)

    def feature_values(self, weights):
        """The inverse of `per_feature`."""
        return self.coefficients(weights)[0]

    def coordinates(self, places):
        """Classes and features of penalised coefficients."""
        if self.design.features_first:
            features, classes = np.divmod(places, self.n_rows)
        else:
            classes, features = np.divmod(places, self.n_features)
        return classes, features

    def places(self, classes, features):
        """The inverse of `coordinates`."""
        if self.design.features_first:
            return features * self.n_rows + classes
        return classes * self.n_features + features

    def class_mean(self, theta):
        """`theta` with every class in the place of their mean: what changes no loss of
        three or more classes.
        """
        mean = np.empty_like(theta)
        W = self.coefficients(theta)
        self.coefficients(mean)[:] = W.mean(axis=0, keepdims=True)
        if self.fit_intercept:
            self.intercepts(mean)[:] = self.intercepts(theta).mean()
        return mean

    def by_classes(self, matrix):
        """A view of a matrix over `theta` with entry (j, k, l) for classes k and l of
        feature j, without the intercepts.
        """
        leading = matrix[: self.n_penalised, : self.n_penalised]
        leading = leading.reshape(self.matrix_shape * 2)
        labels = "jkjl->jkl" if self.design.features_first else "kjlj->jkl"
        return np.einsum(labels, leading)

    def _split(self, theta):
        b = self.intercepts(theta) if self.fit_intercept else np.zeros(self.n_rows)
        return self.coefficients(theta), b
