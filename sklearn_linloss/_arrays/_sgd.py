"""An epoch of SGD with Nesterov's momentum, as the kernel `sgd_epoch_dense` has it.

The iterate is on the device for the time of an epoch; only numbers that belong to an
update are on the host.
"""

from typing import NamedTuple

import numpy as np


class Samples(NamedTuple):
    """What has a number for each sample.

    Attributes
    ----------
    design : Arrays
    true : array of shape (n, K), bool
    weight : array of shape (n,), float64
    squares : array of shape (n,), float64, or an empty ndarray
        As `SgdPass` has them.
    """

    design: object
    true: object
    weight: object
    squares: object

    def batch(self, rows, centre, dtype):
        """Centred rows of X in a precision, `true`, and parts of the mean weight."""
        xp = self.design.xp
        Z = self.design.some(rows, dtype) - centre
        part = xp.astype(xp.take(self.weight, rows, axis=0), Z.dtype, copy=False)
        return Z, xp.take(self.true, rows, axis=0), part / rows.shape[0]

    def held(self, rows, values, slopes, part, reach):
        """The parts of rows, less where a step of `reach` would overstep their loss."""
        if self.squares.shape[0] == 0:
            return part
        xp = self.design.xp
        squares = xp.take(self.squares, rows, axis=0)
        squares = xp.astype(squares, slopes.dtype, copy=False)
        step = reach * part * squares * xp.sum(slopes * slopes, axis=1)
        too_far = step > values
        return xp.where(too_far, part * values / xp.where(too_far, step, 1.0), part)


class _Iterate:
    """Numbers, their velocity and their mean, on the device."""

    def __init__(self, design, numbers, velocity, mean, metric):
        self._design, self._local = design, (numbers, velocity, mean)
        self.numbers, self._velocity, self._mean = map(design.own, self._local)
        self._metric = design.own(metric)

    def step(self, gradient, rate, decay, momentum, kink, blend):
        """One step of Nesterov's momentum, with weight decay and soft thresholding."""
        xp, metric = self._design.xp, self._metric
        shrink, push = 1.0 - decay * metric, rate * metric * gradient
        v = momentum * shrink * self._velocity - push
        w = shrink * self.numbers + momentum * v - push
        if kink > 0.0:
            threshold = kink * metric
            w = w - xp.minimum(xp.maximum(w, -threshold), threshold)
        self._velocity, self.numbers = v, w
        if blend > 0.0:
            self._mean = self._mean + blend * (w - self._mean)

    def bring_back(self):
        """Write what there is now to the arrays of the host."""
        there = self.numbers, self._velocity, self._mean
        for array, local in zip(there, self._local, strict=True):
            local[:] = self._design.host(array)


def run_epoch(f, samples, centre, pass_, state):
    """A pass over the batches of `pass_`, with changes to `state`, a `SgdState`.

    Parameters
    ----------
    f : ArrayObjective
    samples : Samples
    centre : ndarray of shape (n_features,)
    pass_ : SgdPass
        Whose order and squares are arrays of the library.
    state : SgdState
    """
    design, xp, dtype = f.design, f.design.xp, state.W.dtype
    l1, l2, momentum = f.penalty.l1, f.penalty.l2, pass_.momentum
    centre = design.own(centre.astype(dtype))
    metric, basis = design.own(pass_.metric), design.own(pass_.basis)
    damping = design.own(pass_.damping)
    W = _Iterate(design, state.W, state.W_velocity, state.W_mean, pass_.metric)
    b = _Iterate(
        design, state.b, state.b_velocity, state.b_mean, np.ones(f.n_rows, dtype)
    )
    b_scale = float(pass_.b_scale)
    reaches = _reaches(pass_.rates, momentum, l2, state.response)
    losses = []
    for t, rate in enumerate(map(float, pass_.rates)):
        rows = pass_.order[int(pass_.cuts[t]) : int(pass_.cuts[t + 1])]
        Z, true, part = samples.batch(rows, centre, dtype)
        scores = xp.matmul(Z, W.numbers.T)
        if len(state.b):
            scores = scores + b.numbers
        values, slopes = f.slopes(scores, true)
        penalty = xp.sum((l1 + 0.5 * l2 * xp.abs(W.numbers)) * xp.abs(W.numbers))
        losses.append(xp.sum(part * values) + penalty)
        part = samples.held(rows, values, slopes, part, float(pass_.row_reaches[t]))
        pull = slopes * part[:, None]
        gradient = xp.matmul(pull.T, Z)
        if len(pass_.damping):
            whole = metric * (gradient + l2 * W.numbers)
            along = xp.matmul(whole, basis.T) * damping
            gradient = gradient - xp.matmul(along, basis)
        blend, reach = float(pass_.blends[t]), reaches[t]
        W.step(gradient, rate, reach * l2, momentum, reach * l1, blend)
        if len(state.b):
            slope = xp.sum(pull, axis=0)[None, :]
            b.step(slope, rate * b_scale, 0.0, momentum, 0.0, blend)
    W.bring_back()
    b.bring_back()
    state.batch_losses[:] = design.host(xp.stack(losses))


def _reaches(rates, momentum, l2, response):
    """How far each update moves a weight with a constant slope of minus one.

    Over that distance penalties act, as the kernel explains; `response` is the velocity
    that such a slope has brought about, before and after.
    """
    c, reaches = float(response[0]), []
    for rate in map(float, rates):
        reach = momentum * momentum * c + (1.0 + momentum) * rate
        reach /= 1.0 + momentum * momentum * l2 * c
        c = (1.0 - reach * l2) * momentum * c + rate
        reaches.append(reach)
    response[0] = c
    return reaches
