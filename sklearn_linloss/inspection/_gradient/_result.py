"""What a check of a gradient found, and how it is printed."""

from dataclasses import dataclass, field

import numpy as np

_ROWS_SHOWN = 5


@dataclass(frozen=True, eq=False, repr=False)
class GradientCheck:
    """What `check_gradient` found. Printed, it shows the worst coordinates.

    Attributes
    ----------
    coordinates : ndarray of shape (n_checked,)
        Positions in the entries of W followed by those of b.
    names : list of str
        The same as indices, such as ``"W[2, 0]"`` and ``"b[1]"``.
    analytic : ndarray of shape (n_checked,)
        The gradient under test.
    numerical : ndarray of shape (n_checked,)
        Centred differences.
    relative_error : ndarray of shape (n_checked,)
        ``|analytic - numerical| / max(|analytic|, |numerical|)``, and 0 for 0/0.
    is_kink : ndarray of shape (n_checked,), bool
        Whether the interval of the difference holds a kink: a margin at zero, or a
        coefficient at zero under L1. Where the loss of a function is not given, those
        of its kinks are found at which the difference is off: its slopes on both
        sides differ, and do not approach each other as the step shrinks.
    agrees : ndarray of shape (n_checked,), bool
        Whether the relative error is at most `tol`, or the difference no larger than
        the kinks and the rounding of the differences explain.
    value : float
        The value under test.
    reference_value : float or None
        The value of the reference objective, if that was asked.
    value_agrees : bool
        Whether it is finite, and that of the reference.
    tol : float
        Largest relative error.
    parts : dict of str to GradientCheck
        The same for the "data" and the "penalty" alone. Empty for a callable.
    """

    coordinates: np.ndarray
    names: list
    analytic: np.ndarray
    numerical: np.ndarray
    relative_error: np.ndarray
    is_kink: np.ndarray
    agrees: np.ndarray
    value: float
    reference_value: float | None
    value_agrees: bool
    tol: float
    parts: dict = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether all coordinates, the value and the parts agree."""
        return bool(
            self.agrees.all()
            and self.value_agrees
            and all(part.passed for part in self.parts.values())
        )

    def __repr__(self) -> str:
        lines = [
            f"Gradient check {'passed' if self.passed else 'FAILED'}: {self._verdict()}"
        ]
        if not self.value_agrees:
            against = ""
            if self.reference_value is not None:
                against = f", that of the reference {self.reference_value:.8g}"
            lines.append(f"The value is {self.value:.8g}{against}.")
        for name, part in self.parts.items():
            lines.append(
                f"The {name} alone {'passed' if part.passed else 'FAILED'}: "
                f"{part._verdict()}"
            )
        lines.append(f"{'':12}{'analytic':>14}{'numerical':>14}{'relative error':>16}")
        for i in self._worst_first()[:_ROWS_SHOWN]:
            row = (
                f"{self.names[i]:12}{self.analytic[i]:14.6g}{self.numerical[i]:14.6g}"
                f"{self.relative_error[i]:16.1e}  {self._note(i)}"
            )
            lines.append(row.rstrip())
        return "\n".join(lines)

    def _verdict(self):
        n_checked, n_wrong = len(self.agrees), np.count_nonzero(~self.agrees)
        kinks = np.count_nonzero(self.is_kink)
        at_a_kink = f", {kinks} at a kink" if kinks else ""
        if n_wrong:
            return f"{n_wrong} of {n_checked} coordinates differ{at_a_kink}."
        notes = [self._note(i) for i in range(n_checked)]
        excused = {
            "at a kink": notes.count("kink"),
            "in rounding": notes.count("rounding"),
        }
        n_close = n_checked - sum(excused.values())
        if n_close == n_checked:
            return f"{n_checked} coordinates agree to {self.tol:g}."
        others = "".join(f", {n} {why}" for why, n in excused.items() if n)
        return f"{n_close} of {n_checked} agree to {self.tol:g}{others}."

    def _worst_first(self):
        # NaN sorts last, as the largest.
        return np.lexsort((self.relative_error, ~self.agrees))[::-1]

    def _note(self, i):
        if not self.agrees[i]:
            return "differs"
        if self.relative_error[i] <= self.tol:
            return ""
        return "kink" if self.is_kink[i] else "rounding"
