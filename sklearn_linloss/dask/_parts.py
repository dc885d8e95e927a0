"""The driver's side: shards on workers, rounds of calls, and what to do without one.

Blocks are results of tasks, which the scheduler computes again where they are lost. The
shard of a worker is an actor made of the blocks that are there, so that no row moves.
Its arrays are lost with the worker.
"""

from contextlib import suppress
from dataclasses import dataclass
from time import monotonic, sleep
from uuid import uuid4

import numpy as np
from distributed import Actor, CancelledError, SchedulerPlugin

from ._collections import blocks_of, client_of
from ._shard import Call, Kept, Large, PartsLostError, Shard, combine


@dataclass(frozen=True)
class Rules:
    """How long to wait, in seconds, and how often to begin again."""

    patience: float = 30.0  # without any worker, or for the scheduler to notice a loss
    look: float = 2.0  # between two looks at which workers there are
    pause: float = 0.1  # before another attempt
    losses: int = 10  # of workers in a fit, at most
    # Numbers of the rows of a worker, up to which ten further step lengths (10 ns a
    # number and length) take less time than the two rounds (2.7 ms) that they spare.
    few: float = 5e4
    large: float = 1e6  # bytes of a sum that is made among the workers


RULES = Rules()


class ClusterError(RuntimeError):
    """A fit cannot go on: workers are out of reach, or data are gone."""


class _RehearsedError(Exception):
    """A question has been noted, and its answer is not there yet."""


class _KeepsShards(SchedulerPlugin):
    """Has adaptive clusters close workers without shards only.

    They close what is idle, and the work of actors is no task: a worker with a shard
    looks idle in the middle of a fit.
    """

    idempotent = True

    def valid_workers_downscaling(self, scheduler, workers):
        return [worker for worker in workers if not any(map(_is_shard, worker.actors))]


def _is_shard(task):
    return str(task.key).startswith(f"{Shard.__name__}-")


def opened(client, X, y, sample_weight):
    """The partitions of collections as `Parts`, to be closed."""
    client = client_of(client)
    return Parts(client, client.compute(blocks_of(X, y, sample_weight)))


class Parts:
    """Blocks of rows on the workers of a cluster, as one.

    Parameters
    ----------
    client : distributed.Client
    blocks : list of Future
        Of `Block`.

    Attributes
    ----------
    n_rounds : int
        Rounds of calls so far.
    n_sent, n_received : int
        Bytes of them.
    epoch : int
        Grows where arrays are lost.
    """

    def __init__(self, client, blocks):
        self._client, self._blocks = client, blocks
        self._shards, self._futures, self._in_order = {}, [], []
        self._plugin = None
        # Arguments by method, in the order of their first calls.
        self._preparations = {}
        # Calls of the next round, those of them that want an answer, and the answers
        # that will be asked for later: their keys and places.
        self._waiting, self._wanted, self._expected = [], [], []
        self._foreseen, self._rehearses = {}, False
        self._count = self._losses = 0
        self.n_rounds = self.n_sent = self.n_received = self.epoch = 0

    # -- what fits ask -----------------------------------------------------------------

    def prepare(self, method, *args):
        """Call a method of all shards; new ones will be told what it was told last."""
        self.gather(method, *args)
        self._preparations[method] = args

    def gather(self, method, *args):
        """What a method of each shard returns, which changes nothing there."""
        return self._safely(lambda: self._of_all(method, *args))

    def updated(self, method, value, *args):
        """A value after a method has changed it for each block, as `on_each_block` has
        it, from the beginning where a worker is lost.
        """
        while True:
            with suppress(PartsLostError):
                self._safely(self._placed)
                return self.on_each_block(method, value, *args)

    def another(self):
        """Other shards of the same blocks."""
        return Parts(self._client, self._blocks)

    def new_number(self):
        """One under which shards keep nothing yet."""
        self._count += 1
        return self._count

    def key(self, name, *args):
        """What is equal for calls that give the same; None where that is unknown."""
        if any(isinstance(each, np.ndarray) for each in args):
            return None
        return name, *(getattr(each, "value", each) for each in args)

    def tell(self, name, *args, keep=None, reduce="nothing"):
        """Have a call carried out with the next round."""
        args = tuple(getattr(each, "kept", each) for each in args)
        if any(each.epoch != self.epoch for each in _kept(args)):
            raise PartsLostError
        self._waiting.append(Call(name, args, keep or {}, reduce))

    def forget(self, number):
        """Have something forgotten with the next round."""
        self._waiting.append(Call("forget", (number,), {}, "nothing"))

    def foresee(self, name, *args):
        """Have the answer to a call ready that will be asked for after the next one."""
        key = self.key(name, *args)
        self.tell(name, *args, reduce="sum")
        self._expected.append((key, len(self._wanted)))
        self._wanted.append(self._waiting[-1])

    def rehearse(self, function, points):
        """Foresee what a function of one number asks first at each of some points."""
        self._rehearses = True
        try:
            for point in points:
                with suppress(_RehearsedError):
                    function(point)
        finally:
            self._rehearses = False

    def has_few(self, n_numbers):
        """Whether a round takes longer than some sums over so many numbers."""
        return n_numbers <= RULES.few * len(self._shards)

    def want(self, name, *args, keep=None, reduce="sum"):
        """Have a call answered by the next round; returns its place in the answers."""
        self.tell(name, *args, keep=keep, reduce=reduce)
        self._wanted.append(self._waiting[-1])
        return len(self._wanted) - 1

    def ask(self, name, *args, keep=None, reduce="sum"):
        """The answer to a call over all rows: a round, unless it was foreseen."""
        if self._rehearses:
            self.foresee(name, *args)
            raise _RehearsedError
        key = self.key(name, *args)
        if key is not None and key in self._foreseen:
            # It may be changed by who asks for it.
            return self._foreseen.pop(key)
        place = self.want(name, *args, keep=keep, reduce=reduce)
        return self.answers()[place]

    def answers(self):
        """The answers to all calls that want one: a round."""
        calls, wanted, expected = _needed(self._waiting), self._wanted, self._expected
        self._waiting, self._wanted, self._expected = [], [], []
        new = {number for call in calls for number in call.keep.values()}
        used = {each.number for call in calls for each in _kept(call.args)}
        if used <= new:
            # Nothing of earlier rounds: it can be repeated.
            answers = self._safely(lambda: self._round(calls, wanted))
        else:
            try:
                answers = self._round(calls, wanted)
            except PartsLostError:
                self._replace()
                raise
        self._foreseen = {key: answers[place] for key, place in expected}
        return answers

    def on_each_block(self, method, first, *args):
        """Call a method of shards for one block after the other, in the order of the
        data, with what it returned for the block before in the place of `first`.

        Returns what it does for the last block.
        """
        try:
            for address, place in self._in_order:
                future = self._begin(address, method, place, first, *args)
                first = self._result(address, future)
        except PartsLostError:
            self._replace()
            raise
        return first

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Leave nothing on the cluster."""
        # Released futures would wait for the garbage collector, as actors hold them.
        self._client.cancel([*self._futures, *self._blocks])
        self._shards, self._futures, self._blocks = {}, [], []
        if self._plugin is not None:
            self._client.unregister_scheduler_plugin(self._plugin)
            self._plugin = None

    # -- rounds ------------------------------------------------------------------------

    def _round(self, calls, wanted):
        self.n_rounds += 1
        largest = RULES.large if len(self._blocks) > 1 else np.inf
        answers = self._of_all("execute", calls, largest)
        self.n_sent += len(answers) * sum(size_of(call.args) for call in calls)
        columns = [self._received(column) for column in zip(*answers, strict=True)]
        self.n_received += size_of(columns)
        return [
            combine(column, call.reduce)
            for column, call in zip(columns, wanted, strict=True)
        ]

    def _received(self, column):
        """The answers of all shards to a call, or the one sum of large answers, which
        goes up a tree of the workers.
        """
        large = [each for each in column if isinstance(each, Large)]
        if not large:
            return column
        place = large[0].place
        shards = [
            shard
            for shard, each in zip(self._shards.items(), column, strict=True)
            if each is not None
        ]
        while len(shards) > 1:
            half = (len(shards) + 1) // 2
            pairs = zip(shards, shards[half:], strict=False)
            self._all(
                [
                    (one, "absorb", place, other, shard.key)
                    for (one, _), (other, shard) in pairs
                ]
            )
            shards = shards[:half]
        return self._all([(shards[0][0], "hand_over", place)])

    def _of_all(self, method, *args):
        """What a method of each shard returns, in the order of their rows."""
        self._placed()
        return self._all([(address, method, *args) for address in self._shards])

    def _all(self, calls):
        """What calls of shards return: addresses, methods and arguments."""
        waiting = [(address, self._begin(address, *call)) for address, *call in calls]
        return [self._result(address, future) for address, future in waiting]

    def _placed(self):
        if not self._shards:
            self._place()

    def _begin(self, address, method, *args):
        """The future of a call of a shard."""
        try:
            call = getattr(self._shards[address], method)
        except RuntimeError as error:
            # The scheduler said that its worker is lost before it was asked.
            raise PartsLostError(address) from error
        return call(*args)

    def _result(self, address, future):
        while True:
            try:
                return future.result(timeout=RULES.look)
            except TimeoutError:
                if address not in self._client.nthreads():
                    raise PartsLostError(address) from None
            except Exception as error:
                if self._is_gone(address, error):
                    raise PartsLostError(address) from error
                raise

    def _is_gone(self, address, error):
        """Whether an error says that a worker was lost: the scheduler may notice later
        than the client.
        """
        if not isinstance(error, OSError | RuntimeError):
            return False
        end = monotonic() + RULES.patience
        while monotonic() < end:
            if address not in self._client.nthreads():
                return True
            if not isinstance(error, OSError):
                return False
            sleep(RULES.pause)
        return False

    def _safely(self, attempt):
        """Its result, on new shards where old ones are lost."""
        while True:
            try:
                return attempt()
            except PartsLostError:
                self._replace()

    # -- where the shards are ----------------------------------------------------------

    def _replace(self):
        """New shards for those that are lost."""
        self._waiting, self._wanted, self._expected = [], [], []
        self._foreseen, self.epoch = {}, self.epoch + 1
        self._losses += 1
        if self._losses > RULES.losses:
            raise ClusterError(
                f"Workers were lost {self._losses} times in one fit; see their logs, "
                "for example for a lack of memory."
            )
        end = monotonic() + RULES.patience
        while True:
            self._client.cancel(self._futures)
            self._shards, self._futures = {}, []
            try:
                for method, args in self._preparations.items():
                    self._of_all(method, *args)
                return
            except PartsLostError:
                if monotonic() > end:
                    raise ClusterError(
                        "Workers that have data of the fit are out of reach."
                    ) from None
                sleep(RULES.pause)

    def _place(self):
        """A shard on each worker that has blocks, of all blocks that it has."""
        self._in_order = []
        self._await(self._blocks)
        holders = self._client.who_has(self._blocks)
        of_worker, numbers = {}, {}
        for number, block in enumerate(self._blocks):
            addresses = holders.get(block.key, ())
            if not addresses:
                raise PartsLostError(block.key)
            # The same one for all blocks that several have.
            address = min(addresses)
            blocks = of_worker.setdefault(address, [])
            self._in_order.append((address, len(blocks)))
            blocks.append(block)
            numbers.setdefault(address, []).append(number)
        if self._plugin is None:
            self._plugin = f"{_KeepsShards.__name__}-{uuid4()}"
            self._client.register_plugin(_KeepsShards(), self._plugin)
        for address, blocks in of_worker.items():
            shard = self._client.submit(
                Shard,
                numbers[address],
                *blocks,
                actor=True,
                pure=False,
                workers=[address],
            )
            self._futures.append(shard)
        for address, future in zip(of_worker, self._futures, strict=True):
            self._await([future], address)
        # As the results of these futures, but for the client: those take the default.
        with self._client.as_current():
            self._shards = {
                address: Actor(Shard, address, future.key)
                for address, future in zip(of_worker, self._futures, strict=True)
            }

    def _await(self, futures, address=None):
        """Wait for tasks, as long as there is a worker that may do them."""
        for future in futures:
            self._await_one(future, address)
        for future in futures:
            if future.status in ("cancelled", "lost"):
                raise ClusterError(
                    "Data of the fit are gone: the worker that had them was lost, and "
                    "they are not the result of tasks that can be repeated."
                )
            if future.status == "error":
                error = future.exception()
                if address is not None and self._is_gone(address, error):
                    raise PartsLostError(address) from error
                raise error

    def _await_one(self, future, address):
        seen = monotonic()
        while True:
            try:
                future.exception(timeout=RULES.look)
                return
            except CancelledError:
                return
            except TimeoutError:
                workers = self._client.nthreads()
            if address is not None and address not in workers:
                raise PartsLostError(address)
            seen = monotonic() if workers else seen
            if monotonic() - seen > RULES.patience:
                raise ClusterError("The cluster has no workers.")


def _kept(args):
    return [each for each in args if isinstance(each, Kept)]


def _needed(calls):
    """Calls without those whose results are forgotten before another takes them."""
    needed, forgotten = [], set()
    for call in reversed(calls):
        used = {each.number for each in _kept(call.args)}
        made = set(call.keep.values())
        silent = call.reduce == "nothing" and made and not made & used
        if call.what == "forget":
            forgotten |= set(call.args)
        elif silent and made <= forgotten:
            continue
        forgotten -= used
        needed.append(call)
    return needed[::-1]


def size_of(value):
    """Bytes of the numbers in a call or an answer."""
    if isinstance(value, tuple | list):
        return sum(map(size_of, value))
    return value.nbytes if isinstance(value, np.ndarray) else 8
