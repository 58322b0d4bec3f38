"""Database access from an event loop: in threads, in shared batches, with one classification of errors."""

import asyncio
import logging
import sqlite3
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Generic, ParamSpec, TypeVar, cast

from django.db import DatabaseError, InterfaceError, OperationalError, connection, connections
from django.db.migrations.executor import MigrationExecutor

from streams.conf import conf
from streams.protocol.messages import Code, ProtocolError

logger = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")
Item = TypeVar("Item")
Result = TypeVar("Result")
Work = Callable[[Sequence[Item]], Sequence[Result | Exception]]

IN_ONE_QUERY = 500  # values: databases limit the parameters of a query
CLOSE_SECONDS = 5.0  # for all threads of a pool to end
MISSING_IN_POSTGRESQL = {"42P01", "42703"}  # SQLSTATE: undefined_table, undefined_column
MISSING_IN_SQLITE = ("no such table", "no such column", "has no column named")


class UnavailableError(ProtocolError):
    """The database cannot be reached, or is too busy. Trying again later may help."""

    def __init__(self) -> None:
        super().__init__(Code.UNAVAILABLE, "the database is unavailable; try again later")


class NotMigratedError(ProtocolError):
    """The database has not been migrated to this version."""

    def __init__(self, pending: Sequence[str] = ()) -> None:
        listed = f" ({', '.join(pending)})" if pending else ""
        super().__init__(Code.UNAVAILABLE, f"the database has pending migrations{listed}: run manage.py migrate")


def in_chunks(values: list[Item]) -> Iterator[list[Item]]:
    """`values` in pieces of at most IN_ONE_QUERY."""
    for start in range(0, len(values), IN_ONE_QUERY):
        yield values[start : start + IN_ONE_QUERY]


def require_migrated() -> None:
    """Raise NotMigratedError if migrations are pending. Tolerates a database that can't be reached yet."""
    try:
        executor = MigrationExecutor(connection)
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except OperationalError as error:
        logger.warning("cannot check for pending migrations: %s", str(error).strip())
        return
    finally:
        connection.close()
    if plan:
        raise NotMigratedError([f"{migration.app_label}.{migration.name}" for migration, _ in plan])


def classify(error: DatabaseError | InterfaceError) -> Exception:
    """Classify an error: NotMigratedError, UnavailableError, or itself if it is a defect or bad data.

    Integrity, data and programming errors are not outages: trying again would fail again.
    """
    text = str(error).strip().replace("\n", " ")
    if _lacks_table(error, text):
        logger.error("the database has pending migrations: %s", text)
        return NotMigratedError()
    if isinstance(error, OperationalError | InterfaceError) and not _is_bad_sql(error):
        logger.warning("database unavailable: %s", text)
        return UnavailableError()
    return error


def _lacks_table(error: Exception, text: str) -> bool:
    if getattr(error.__cause__, "sqlstate", None) in MISSING_IN_POSTGRESQL:
        return True
    return _is_bad_sql(error) and any(part in text for part in MISSING_IN_SQLITE)


def _is_bad_sql(error: Exception) -> bool:
    """Whether SQLite rejected the statement itself; its driver reports that as an operational error, too."""
    return getattr(error.__cause__, "sqlite_errorcode", None) == sqlite3.SQLITE_ERROR


async def in_thread(executor: Executor, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run `function`, which may use the database, in a thread. Raises UnavailableError and NotMigratedError."""

    def call() -> R:
        try:
            return function(*args, **kwargs)
        except (DatabaseError, InterfaceError) as error:
            meaning = classify(error)
            if meaning is error:
                raise
            raise meaning from None
        finally:
            connection.close_if_unusable_or_obsolete()

    return await asyncio.get_running_loop().run_in_executor(executor, call)


class Batcher(Generic[Item, Result]):
    """Calls `work` with all items that arrived during the last call: no timer, no delay when idle.

    `work` takes a list of items and returns their results in the same order; a result that is an exception is raised
    to its own caller only. If `work` itself raises something unexpected, its items are retried one by one, so that no
    item can make another fail. Belongs to the event loop it is first used in.
    """

    def __init__(self, work: Work[Item, Result], executor: Executor, limit: int) -> None:
        self._work = work
        self._executor = executor
        self._limit = limit
        self._waiting: list[tuple[Item, asyncio.Future[Result]]] = []
        self._task: asyncio.Task[None] | None = None

    def __call__(self, item: Item) -> Awaitable[Result]:
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        return future

    async def _run(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[: self._limit], self._waiting[self._limit :]
                results = await self._results([item for item, _ in batch])
                for (_, future), result in zip(batch, results, strict=True):
                    _settle(future, result)
        finally:
            self._task = None

    async def _results(self, items: Sequence[Item]) -> Sequence[Result | Exception]:
        try:
            return await in_thread(self._executor, self._work, items)
        except (UnavailableError, NotMigratedError) as error:
            return [error] * len(items)  # affects all items
        except Exception as error:
            if len(items) == 1:
                return [error]
            logger.warning("retrying %d items one by one because their batch failed: %s", len(items), error)
        results: list[Result | Exception] = []
        for item in items:
            results += await self._results([item])
        return results


def _settle(future: "asyncio.Future[Result]", result: Result | Exception) -> None:
    if future.done():
        return  # its caller no longer waits
    if isinstance(result, Exception):
        future.set_exception(result)
    else:
        future.set_result(result)


class Database:
    """One event loop's threads for the database, and the batches they work on.

    One thread writes: a second would only wait for the first's locks. All methods raise UnavailableError,
    NotMigratedError, and whatever the function raises.
    """

    def __init__(self) -> None:
        self.readers = ThreadPoolExecutor(conf().READ_THREADS, thread_name_prefix="stream-reader")
        self.writer = ThreadPoolExecutor(1, thread_name_prefix="stream-writer")
        self._batchers: dict[Any, Batcher[Any, Any]] = {}

    async def read(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a function that reads the database."""
        return await in_thread(self.readers, function, *args, **kwargs)

    async def write(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a function that changes the database."""
        return await in_thread(self.writer, function, *args, **kwargs)

    def read_together(self, work: Work[Item, Result], item: Item, limit: int) -> Awaitable[Result]:
        """The result of `work` for `item`, batched with concurrent calls; up to `limit` items at once."""
        return self._batcher(work, self.readers, limit)(item)

    def write_together(self, work: Work[Item, Result], item: Item, limit: int) -> Awaitable[Result]:
        """As `read_together`, for work that changes the database: up to `limit` items share a transaction."""
        return self._batcher(work, self.writer, limit)(item)

    def _batcher(self, work: Work[Item, Result], executor: Executor, limit: int) -> Batcher[Item, Result]:
        batcher = self._batchers.get(work)
        if batcher is None:
            batcher = self._batchers[work] = Batcher(work, executor, limit)
        return cast("Batcher[Item, Result]", batcher)

    async def close(self) -> None:
        """End the threads and their connections after their pending work."""
        for pool, threads in ((self.readers, conf().READ_THREADS), (self.writer, 1)):
            everyone = threading.Barrier(threads)  # no thread takes two of these, so each closes its own connection
            await asyncio.gather(*(asyncio.wrap_future(pool.submit(_close, everyone)) for _ in range(threads)))
            pool.shutdown(wait=False)


def _close(everyone: threading.Barrier) -> None:
    connections.close_all()
    with suppress(threading.BrokenBarrierError):
        everyone.wait(CLOSE_SECONDS)
