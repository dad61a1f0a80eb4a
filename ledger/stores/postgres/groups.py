"""Groups: a few threads, each with its connection, run waiting units and commit them in groups.

Knows no table. A group is one transaction and one commit; each unit in it is a
savepoint. The first unit of a group may wait for locks of others; a later one that
meets a lock is undone and begins another group, so that groups never wait for each
other in a circle.
"""

import threading
from collections import deque
from collections.abc import Callable
from itertools import count
from typing import Any, Final, Generic, TypeVar

import psycopg
from psycopg import errors

from ledger.store import StorageAway, StorageDead, StorageFull
from ledger.stores.callers import Callers, Job, Raised, answer
from ledger.stores.postgres.leases import Fenced, Lease
from ledger.stores.postgres.transaction import PostgresTx
from ledger.stores.postgres.worker import Again, Lost, Worker, pause

R = TypeVar("R")
T = TypeVar("T", bound=PostgresTx)

ATTEMPTS_MAX: Final = 8
"""How often a unit is begun before its caller hears that the database is too busy."""
PAUSE_MS: Final = 4
"""Before a second attempt; each later one may pause up to twice as long."""


class Groups(Generic[T]):
    """Runs units on `connections` threads; serves any event loop.

    `spread(n)` returns a whole number below *n*, by chance: what failed together
    shall not try again together.
    """

    def __init__(
        self,
        *,
        connect: Callable[[], "psycopg.Connection[Any]"],
        tx: Callable[["psycopg.Connection[Any]"], T],
        lease: Lease,
        spread: Callable[[int], int],
        connections: int,
        group_max: int,
    ) -> None:
        self._spread = spread
        self._group_max = group_max
        numbers = count()
        self._workers = [Worker(connect, tx, lease, numbers) for _ in range(connections)]
        self._jobs: deque[Job[T]] = deque()
        self._changed = threading.Condition()
        self._stopped = False
        self._failed: str | None = None
        self._callers: Callers[T] = Callers(self._put)
        self._threads = [
            threading.Thread(target=self._main, args=(worker,), name="ledger-group", daemon=True)
            for worker in self._workers
        ]

    @property
    def failed(self) -> str | None:
        """Why no unit can be run any more, or None."""
        return self._failed

    def start(self) -> None:
        """Start the threads."""
        for thread in self._threads:
            thread.start()

    async def run(self, unit: Callable[[T], R]) -> R:
        """See `ledger.store.Store.run`."""
        if self._stopped or self._failed is not None:
            raise StorageDead(self._failed or "the store is closed")
        return await self._callers.run(unit)

    def fail(self, sentence: str) -> None:
        """End the store: whoever waits, and whoever comes, hears why."""
        with self._changed:
            self._failed = self._failed or sentence
            self._changed.notify_all()

    def close(self) -> None:
        """Take no more units. Does not block; called in the loop that runs units."""
        self._callers.flush()
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def join(self) -> None:
        """Wait until the units that were taken are finished. Blocks."""
        for thread in self._threads:
            thread.join()

    def _put(self, jobs: list[Job[T]]) -> None:
        with self._changed:
            self._jobs.extend(jobs)
            self._changed.notify(1 + len(jobs) // self._group_max)

    def _take(self) -> list[Job[T]]:
        """Wait for units; none when there will be no more."""
        with self._changed:
            while not self._jobs and not self._stopped:
                self._changed.wait()
            jobs: list[Job[T]] = []
            while self._jobs and len(jobs) < self._group_max and not (jobs and self._jobs[0].alone):
                jobs.append(self._jobs.popleft())
                if jobs[0].alone:
                    break
            return jobs

    def _main(self, worker: "Worker[T]") -> None:
        while jobs := self._take():
            if jobs[0].attempts:
                pause(self._spread(PAUSE_MS << jobs[0].attempts))
            self._finish(jobs, self._outcomes(worker, jobs))
        worker.close()

    def _outcomes(self, worker: "Worker[T]", jobs: list[Job[T]]) -> list[Any]:
        if self._failed is not None:
            return [Raised(StorageDead(self._failed)) for _ in jobs]
        try:
            return worker.group(jobs)
        except Lost as lost:
            return [Again(lost, counts=True) for _ in jobs]
        except StorageAway as away:
            return [Raised(StorageAway(str(away))) for _ in jobs]
        except StorageFull as full:
            return [Raised(StorageFull(str(full))) for _ in jobs]
        except (Fenced, StorageDead) as end:
            self.fail(str(end))
        except BaseException as error:
            self.fail(f"a writer failed: {error!r}")
        return [Raised(StorageDead(str(self._failed))) for _ in jobs]

    def _finish(self, jobs: list[Job[T]], outcomes: list[Any]) -> None:
        """Answer what is decided; what is to be run again goes first."""
        again = []
        for index, (job, decided) in enumerate(zip(jobs, outcomes, strict=True)):
            if not isinstance(decided, Again):
                continue
            job.attempts += decided.counts
            job.alone = decided.alone
            if job.attempts < ATTEMPTS_MAX:
                again.append(job)
            elif isinstance(decided.error, errors.UniqueViolation):
                outcomes[index] = Raised(decided.error)
            else:
                outcomes[index] = Raised(StorageAway(f"the database is too busy: {decided.why}"))
        done = [pair for pair in zip(jobs, outcomes, strict=True) if not isinstance(pair[1], Again)]
        answer([job for job, _ in done], [decided for _, decided in done])
        if again:
            with self._changed:
                self._jobs.extendleft(reversed(again))
                self._changed.notify(1)
