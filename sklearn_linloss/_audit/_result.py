"""What an audit returns: numbers, the proof of them, and a text that says both."""

from dataclasses import dataclass
from html import escape
from os import PathLike
from typing import Self

import numpy as np

from ..verification import read, seal

_NUMBERS = "objective", "bound", "gap", "intercept_gain", "stationarity"


@dataclass(frozen=True, eq=False)
class Optimum:
    """The certified optimum, beside a model that was audited.

    Attributes
    ----------
    objective : float
        That of the optimum.
    gap : float
        Its own relative duality gap.
    coef : ndarray of shape (n_rows, n_features)
        Coefficients, as a classifier's `coef_`.
    intercept : ndarray of shape (n_rows,)
        Intercepts, as a classifier's `intercept_`.
    largest_probability_change : float
        Largest difference that a probability of a sample would make; nan for losses
        that have no probabilities.
    changed_predictions : int
        Samples that would get another label.
    """

    objective: float
    gap: float
    coef: np.ndarray
    intercept: np.ndarray
    largest_probability_change: float
    changed_predictions: int


@dataclass(frozen=True, eq=False, repr=False)
class Certificate:
    """A model's objective, a proven lower bound, and the proof.

    Attributes
    ----------
    model : str
        Name of the model that was audited.
    objective : float
        F at the model, on the data that were given.
    bound : float
        A number that no model of this problem has an objective below; nan without a
        penalty.
    gap : float
        ``(objective - bound) / objective``: the part of the objective that can be saved
        at most.
    best_intercept : ndarray of shape (n_rows,)
        The best intercept for the same coefficients.
    intercept_gain : float
        By how much the objective would fall with that intercept.
    stationarity : float
        Largest entry of the smallest subgradient of F at the model; for the hinge that
        of the subgradient that the dual variables of the proof make. Zero at the
        optimum.
    optimum : Optimum or None
        With ``improve=True``. It is not saved.
    arrays : dict of str to ndarray
        What is saved: these numbers, the parameters of the objective, the dual point, a
        hash of the data, the versions of the packages that made it.
    """

    model: str
    objective: float
    bound: float
    gap: float
    best_intercept: np.ndarray
    intercept_gain: float
    stationarity: float
    optimum: Optimum | None
    arrays: dict

    @classmethod
    def of(cls, arrays: dict, optimum: Optimum | None = None) -> Self:
        """A certificate of arrays by their names, which lack the seal or have it.

        Parameters
        ----------
        arrays : dict of str to ndarray
            As `verify` reads them.
        optimum : Optimum, default=None
            What to compare with.

        Returns
        -------
        certificate : Certificate
            With these arrays, and the seal.
        """
        arrays = {name: np.asarray(array) for name, array in arrays.items()}
        arrays.setdefault("seal", np.asarray(seal(arrays)))
        return cls(
            str(arrays["model"]),
            best_intercept=arrays["best_intercept"],
            optimum=optimum,
            arrays=arrays,
            **{name: float(arrays[name]) for name in _NUMBERS},
        )

    def save(self, path: str | PathLike) -> None:
        """Write it to a file, for `load` and `verify`.

        Parameters
        ----------
        path : str or path
            The file, in NumPy's format npz and without pickles; it gets the suffix
            ``.npz`` where it has none.
        """
        np.savez_compressed(path, **self.arrays)

    @classmethod
    def load(cls, path: str | PathLike) -> Self:
        """Read one from a file.

        Parameters
        ----------
        path : str or path
            A file that `save` has written.

        Returns
        -------
        certificate : Certificate
            As it was saved; `verify` tells whether it holds.
        """
        return cls.of(read(path))

    def __str__(self):
        rows = self._rows()
        width = max(len(name) for name, _ in rows)
        lines = [f"{name:{width}}  {value}" for name, value in rows]
        return "\n".join([self.model, self._verdict(), *lines])

    __repr__ = __str__

    def _repr_html_(self):
        rows = "".join(
            f"<tr><th style='text-align: left'>{escape(name)}</th>"
            f"<td style='text-align: left'>{escape(value)}</td></tr>"
            for name, value in self._rows()
        )
        return (
            f"<p><strong>{escape(self.model)}</strong><br>{escape(self._verdict())}</p>"
            f"<table>{rows}</table>"
        )

    def _verdict(self):
        if np.isnan(self.bound):
            return "Without a penalty there is no lower bound; see the stationarity."
        saved = f"{100.0 * self.gap:.3g} %"
        return f"At most {saved} of the objective can be saved by any other model."

    def _rows(self):
        """Names and values for a reader."""
        c = self.arrays
        terms = [f"{c['loss']}", f"alpha={float(c['alpha']):.6g}"]
        terms += [f"l1_ratio={float(c['l1_ratio']):g}"] if c["l1_ratio"] else []
        terms += ["delta={:g}".format(float(c["delta"]))] if c["delta"] else []
        terms += ["grouped"] if c["grouped"] else []
        rows = [
            ("problem", ", ".join(terms)),
            ("objective", f"{self.objective:.10g}"),
            ("lower bound", f"{self.bound:.10g}"),
            ("relative gap", f"{self.gap:.2e}"),
            ("stationarity", f"{self.stationarity:.2e}"),
        ]
        if c["fit_intercept"]:
            rows.append(("best intercept saves", f"{self.intercept_gain:.2e}"))
        if self.optimum is not None:
            rows += self._rows_of_optimum(self.optimum)
        return rows

    def _rows_of_optimum(self, best):
        value = f"{best.objective:.10g}, with a gap of {best.gap:.1e}"
        change = f"{best.largest_probability_change:.2e}"
        rows = [("optimum", value)]
        if not np.isnan(best.largest_probability_change):
            rows.append(("largest change of a probability", change))
        return rows + [("changed predictions", f"{best.changed_predictions}")]
