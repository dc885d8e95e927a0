"""Collections of Dask: what they are, and their partitions as blocks."""

import dask.array as da
import numpy as np
from dask import delayed, is_dask_collection
from distributed import Client, default_client

from ._blocks import make_block

__all__ = ["array_of", "blocks_of", "client_of", "is_dask_collection", "stand_in"]


def client_of(client):
    """The client to work with.

    Raises
    ------
    ValueError
        If there is none, or one that cannot be waited for.
    """
    if client is None:
        try:
            client = default_client()
        except ValueError:
            raise ValueError(
                "A fit on Dask collections needs a cluster: start a "
                "distributed.Client, or pass one as `client`."
            ) from None
    if not isinstance(client, Client):
        raise TypeError(f"client must be a distributed.Client, got {client!r}.")
    if client.asynchronous:
        raise ValueError("client must not be asynchronous: fit waits for its results.")
    return client


def is_frame(X):
    """Whether a collection is a dataframe of Dask."""
    return hasattr(X, "to_dask_array")


def stand_in(X):
    """One row of zeros with the names of the features, to check against.

    Raises
    ------
    ValueError
        If X has not two dimensions, or an unknown number of features.
    """
    if getattr(X, "ndim", None) != 2:
        raise ValueError(
            "Expected a collection of two dimensions for X, got one of "
            f"{getattr(X, 'ndim', 'unknown')}."
        )
    if np.isnan(X.shape[1]):
        raise ValueError("The number of features of X, its shape[1], is unknown.")
    row = np.zeros((1, X.shape[1]))
    if not is_frame(X):
        return row
    frame = X._meta.iloc[:0]
    return type(frame)(row, columns=frame.columns)


def array_of(X):
    """A collection as an array whose blocks have all features."""
    X = X.to_dask_array() if is_frame(X) else X
    return X if X.numblocks[1] == 1 else X.rechunk({1: -1})


def blocks_of(X, y, sample_weight):
    """The partitions as blocks, each a delayed value.

    Raises
    ------
    ValueError
        If the partitions do not match.
    """
    n_features = X.shape[1]
    partitions = _partitions(X if is_frame(X) else array_of(X))
    columns = [partitions]
    for name, other in (("y", y), ("sample_weight", sample_weight)):
        if other is None:
            columns.append([None] * len(partitions))
            continue
        if not is_dask_collection(other):
            raise TypeError(
                f"{name} must be a Dask collection with the partitions of X, got "
                f"{type(other).__name__}."
            )
        others = _partitions(_aligned(other, X))
        if len(others) != len(partitions):
            raise ValueError(
                f"{name} has {len(others)} partitions, but X has {len(partitions)}."
            )
        columns.append(others)
    make = delayed(make_block, pure=False)
    return [make(*each, n_features) for each in zip(*columns, strict=True)]


def _aligned(column, X):
    """Labels or weights in the chunks of X, where both are known to differ."""
    if is_frame(X) or is_frame(column):
        return column
    if column.ndim == 2 and column.shape[1] == 1:
        column = column[:, 0]
    known = not (np.isnan(X.shape[0]) or np.isnan(column.shape[0]))
    if known and X.shape[0] != column.shape[0]:
        raise ValueError(
            "Found input variables with inconsistent numbers of samples: "
            f"{[X.shape[0], column.shape[0]]}"
        )
    if known and column.chunks[0] != X.chunks[0]:
        column = column.rechunk({0: X.chunks[0]})
    return column


def _partitions(collection):
    """One delayed value for each partition."""
    if isinstance(collection, da.Array):
        return collection.to_delayed().ravel().tolist()
    # An optimised frame may read several files as one, where it needs few columns, and
    # then has other partitions than the next one.
    return list(collection.to_delayed(optimize_graph=False))
