"""What dual points move from class to class, and how that is changed."""

import numpy as np

from . import _kernels


class Flows:
    """The flows of an objective, which inherits it, by the numbers that it goes by."""

    def class_flows(self, pull):
        """flows[k, j] = sum of pull[i, j] over the samples of class k, for j != k.

        `pull` holds pi_i * a_i. In the one-row form the single flow of a class goes to
        the other class.
        """
        if self.n_rows == 1:
            mass = np.bincount(self.y, weights=np.abs(pull[:, 0]), minlength=2)
            return np.diag(mass)[::-1].T
        flows = self._sums_by_class(self.y, pull)
        np.fill_diagonal(flows, 0.0)
        return flows

    def leeway(self, pull):
        """pi_i times what a_ij can rise or fall by, for j != y[i], where it is free."""
        leeway = np.empty_like(pull)
        for rows, some in self._leeway_blocks(pull):
            leeway[rows] = some
        return leeway

    def leeway_flows(self, pull):
        """`class_flows` of the leeway."""
        if self.n_rows == 1:
            return self.class_flows(self.leeway(pull))
        flows = np.zeros((self.n_classes, self.n_classes))
        for rows, some in self._leeway_blocks(pull):
            _kernels.add_by_class(some, self.y[rows], flows)
        np.fill_diagonal(flows, 0.0)
        return flows

    def _leeway_blocks(self, pull):
        """Slices of the samples, and the leeway of each."""
        for rows in self.design.row_blocks(pull.itemsize * self.n_rows):
            share, dual = self.share[rows, None], np.abs(pull[rows])
            dual /= share
            if self.n_rows > 1:
                dual[np.arange(len(dual)), self.y[rows]] = 0.0
            leeway = self.loss.leeway(dual)
            leeway *= share
            yield rows, leeway

    def use_leeway(self, pull, part):
        """Add part[y[i], j] times the leeway to what flows to class j, in place.

        The true class is left to `adjust_flows`.
        """
        if self.n_rows == 1:
            # From class 0 to class 1, and back.
            part = np.array([[part[0, 1]], [-part[1, 0]]])
        for rows, some in self._leeway_blocks(pull):
            some *= part[self.y[rows]]
            pull[rows] += some

    def adjust_flows(self, pull, factor, shift):
        """Scale and shift what flows between classes, in place.

        pull[i, j] becomes pull[i, j] * factor[k, j] + pi_i * shift[k, j] with k = y[i],
        for j != k. Returns the largest scale that leaves the result in the domain of
        the conjugates.
        """
        largest, largest_sum = _kernels.adjust_flows(
            self.vector_form(pull), self.y, self.share, factor, shift
        )
        size = self.loss.dual_size(largest, largest_sum)
        return 1.0 / size if size > 0.0 else np.inf

    def _sums_by_class(self, y, rows):
        """Sums of the rows of an array over the samples of each class."""
        total = np.zeros((self.n_classes, rows.shape[1]))
        _kernels.add_by_class(rows, y, total)
        return total
