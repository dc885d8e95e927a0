"""The worker's side: blocks of rows, and all arrays that have a number for each row.

A shard is an actor. It carries out the calls of a round on each of its blocks, keeps
the arrays that they make, and returns sums over its rows.
"""

import operator
from copy import copy
from typing import NamedTuple

import numpy as np
from distributed import get_worker
from distributed.protocol import to_serialize
from distributed.utils import sync
from joblib import effective_n_jobs

from .._design import design_of
from .._empty_model import Totals
from .._objective import Objective
from .._solvers._sgd import advance
from .._solvers._sgd_stream import Stream
from ._blocks import pairs_of, survey


class Kept(NamedTuple):
    """Stands for an array, or a function, that shards keep under a number.

    Attributes
    ----------
    number : int
    epoch : int
        The one of `Parts` in which it was made.
    """

    number: int
    epoch: int


class Call(NamedTuple):
    """A call of a method of the objective of each block, or of a function of arrays.

    Attributes
    ----------
    what : str
        Name of the method, or "numpy." or "operator." and that of a function.
    args : tuple
        Numbers, arrays of the model's size, and `Kept`.
    keep : dict
        Which of the results are kept, under which number.
    reduce : str
        How the results of blocks become one: "sum" or "min"; "nothing" where there is
        no answer.
    """

    what: str
    args: tuple
    keep: dict
    reduce: str


class Large(NamedTuple):
    """Stands for an answer that a shard has, to be summed among the workers.

    Attributes
    ----------
    place : int
        Among the answers of the round.
    """

    place: int


class PartsLostError(Exception):
    """A worker is gone, and with it arrays that had a number for each row."""


class Selection(NamedTuple):
    """Some of the folds that samples were divided into, or all samples.

    Attributes
    ----------
    fold : int or None
        None stands for all samples.
    inside : bool
        Whether it is the samples of this fold, and not those of the others.
    """

    fold: int | None = None
    inside: bool = False


ALL = Selection()


class Plan(NamedTuple):
    """What all blocks of a fit have in common.

    Attributes
    ----------
    classes, by_class : ndarrays of shape (n_classes,)
        Labels that count, and the weights of their classes.
    total_weight, mean_weight : float
        Of all samples, those of their classes included.
    dtype : dtype
        Of X.
    n_jobs : int or None
        Threads of each worker; None means those that Dask gives it.
    rows : Selection
        Which samples take part.
    """

    classes: np.ndarray
    by_class: np.ndarray
    total_weight: float
    mean_weight: float
    dtype: np.dtype
    n_jobs: int | None
    rows: Selection


class Moments(NamedTuple):
    """Weighted mean and variance of each feature, and the weight they stand for."""

    weight: float
    mean: np.ndarray
    variance: np.ndarray

    @staticmethod
    def pool(several):
        """Those of all samples from those of disjoint ones."""
        several = [each for each in several if each is not None]
        if not several:
            return None
        total = sum(each.weight for each in several)
        parts = [each.weight / total for each in several]
        pairs = list(zip(parts, several, strict=True))
        mean = sum(part * each.mean for part, each in pairs)
        variance = sum(
            part * (each.variance + (each.mean - mean) ** 2) for part, each in pairs
        )
        return Moments(total, mean, variance)


class Shard:
    """The blocks of a worker.

    Parameters
    ----------
    numbers : list of int
        Places of the blocks among all.
    *blocks : Block
    """

    def __init__(self, numbers, *blocks):
        self._numbers, self._blocks = numbers, blocks
        self._folds = [None] * len(blocks)
        self._rows, self._objectives, self._kept = [], [], {}

    def survey(self, rows):
        """What the driver has to know of each block, and its number.

        `rows` is a `Selection`.
        """
        blocks = map(survey, self._selected(rows))
        return list(zip(self._numbers, blocks, strict=True))

    def divide(self, labels, seen, folds_of):
        """Divide the samples into folds.

        Parameters
        ----------
        labels : ndarray of shape (n_labels,)
            All that occur.
        seen : ndarray of shape (n_blocks, n_labels)
            How many samples of each label are in the blocks before each of all.
        folds_of : callable
            Places of samples among those of their label -> their folds.
        """
        self._folds = [
            folds_of(_places_by_label(np.searchsorted(labels, block.y), seen[number]))
            for number, block in zip(self._numbers, self._blocks, strict=True)
        ]

    def prepare(self, plan):
        """Encode labels and weights, and leave out what does not count."""
        self._rows, self._plan, self._objectives, self._kept = [], plan, [], {}
        # An actor's methods run in one thread: the others are free.
        default = get_worker().state.nthreads
        n_threads = default if plan.n_jobs is None else effective_n_jobs(plan.n_jobs)
        for X, y, weight, _ in self._selected(plan.rows):
            codes = np.searchsorted(plan.classes, y)
            known = plan.classes[np.minimum(codes, len(plan.classes) - 1)] == y
            if not known.all():
                X, codes, weight = X[known], codes[known], weight[known]
            if len(codes) == 0:
                self._rows.append(None)
                continue
            design = design_of(X.astype(plan.dtype, copy=False), n_threads)
            weight = weight * plan.by_class[codes]
            self._rows.append((design, codes.astype(np.intp), weight))

    def totals(self):
        """What the empty model depends on; None without samples."""
        blocks = [rows for rows in self._rows if rows is not None]
        n_classes = len(self._plan.classes)
        several = [
            Totals.of(design.rows(slice(None)), codes, weight, n_classes)
            for design, codes, weight in blocks
        ]
        return Totals.pool(several) if several else None

    def hits(self, model, rows):
        """Labels of samples of a `Selection`, those that a model predicts, and the
        number and the weight of the samples of each such pair.
        """
        return [pairs_of(block, model) for block in self._selected(rows)]

    def moments(self):
        """Those of the features over all blocks; None without samples."""
        return Moments.pool(
            Moments(weight.sum(), *design.moments(weight / weight.sum()))
            for design, _, weight in filter(None, self._rows)
        )

    def begin(self, terms):
        """Take the terms of an objective, and forget what was kept for another."""
        self._kept = {}
        self._objectives = [
            Objective(*rows, **terms, total_weight=self._plan.total_weight)
            for rows in filter(None, self._rows)
        ]

    def stream(self, place, before, terms, options):
        """A pass of SGD over the block at a place among those of this worker.

        Parameters
        ----------
        place : int
        before : tuple
            What the pass over the block before returned: the stream, which is None at
            the first block of all, and the coefficients and intercepts.
        terms : dict
            Of an objective.
        options : Options

        Returns
        -------
        after : tuple
            The same now.
        """
        if self._rows[place] is None:
            return before
        stream, start = before
        design, codes, weight = self._rows[place]
        if stream is not None:
            centre = False if stream.centre is None else stream.centre
            terms = {**terms, "centre": centre}
        f = Objective(design, codes, weight, **terms)
        if stream is None:
            stream = Stream(f, f.pack(*start), options)
        else:
            stream.follow(f, options)
        advance(f, stream, weight / self._plan.mean_weight)
        f, theta = stream.model(f)
        return stream, f.unpack(theta)

    def update(self, place, model, classes):
        """A model of the local class after `partial_fit` of the block at a place."""
        X, y, weight, _ = self._blocks[place]
        if len(y) == 0:
            return model
        # Where workers are threads, it is the one that was sent.
        return copy(model).partial_fit(X, y, classes, weight)

    def _selected(self, rows):
        """The blocks with some of their samples."""
        if rows.fold is None:
            return self._blocks
        marks = [(folds == rows.fold) == rows.inside for folds in self._folds]
        return [
            block._replace(X=block.X[some], y=block.y[some], weight=block.weight[some])
            for block, some in zip(self._blocks, marks, strict=True)
        ]

    def execute(self, calls, largest):
        """Carry out calls in turn, and return the answers of those that have one: of
        sums with more than `largest` bytes a `Large`.
        """
        answers, self._large = [], {}
        for call in calls:
            if call.what == "forget":
                for number in call.args:
                    self._kept.pop(number, None)
                continue
            answer = None
            for block in range(len(self._objectives)):
                result = self._carry_out(call, block)
                if call.reduce != "nothing":
                    answer = combine([answer, result], call.reduce)
            if call.reduce == "sum" and getattr(answer, "nbytes", 0) > largest:
                self._large[len(answers)] = answer
                answer = Large(len(answers))
            if call.reduce != "nothing":
                answers.append(answer)
        return answers

    def absorb(self, place, address, key):
        """Add the large answer of the shard of another worker to one's own."""
        worker = get_worker()

        async def fetch():
            # What `Actor` does, but that it waits for ever where that worker is lost.
            return await worker.rpc(address).actor_execute(
                function="hand_over", actor=key, args=[to_serialize(place)], kwargs={}
            )

        try:
            reply = sync(worker.loop, fetch)
        except OSError as error:
            raise PartsLostError(address) from error
        self._large[place] = self._large[place] + reply["result"]

    def hand_over(self, place):
        """A large answer, which is kept no longer."""
        return self._large.pop(place)

    def _carry_out(self, call, place):
        """What a call gives on one block, without what is kept."""
        args = [
            self._kept[each.number][place] if isinstance(each, Kept) else _own(each)
            for each in call.args
        ]
        results = _function(call.what, self._objectives[place])(*args)
        several = isinstance(results, tuple)
        results = results if several else (results,)
        for which, number in call.keep.items():
            self._kept.setdefault(number, {})[place] = results[which]
        rest = [each for k, each in enumerate(results) if k not in call.keep]
        return rest[0] if len(rest) == 1 else rest


def _places_by_label(codes, first):
    """The place of each sample among those of its label, the first of which has the
    place `first`.
    """
    order = np.argsort(codes, kind="stable")
    counts = np.bincount(codes, minlength=len(first))
    places = np.empty(len(codes), np.intp)
    places[order] = np.arange(len(codes)) - np.repeat(counts.cumsum() - counts, counts)
    return places + first[codes]


def _function(name, objective):
    module, _, function = name.rpartition(".")
    home = {"": objective, "numpy": np, "operator": operator}[module]
    return getattr(home, function)


def _own(argument):
    """An array that came over the wire, as one that may be written to: compiled code
    is made for such.
    """
    if isinstance(argument, np.ndarray) and not argument.flags.writeable:
        return argument.copy()
    return argument


def combine(results, reduce):
    """One result for those of several blocks or shards; None where there are none."""
    results = [each for each in results if each is not None]
    if not results:
        return None
    if isinstance(results[0], list):
        columns = zip(*results, strict=True)
        return [combine(column, reduce) for column in columns]
    return min(results) if reduce == "min" else sum(results[1:], start=results[0])
