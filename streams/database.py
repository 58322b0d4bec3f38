"""Sharing one piece of database work among everyone who asks while the last one runs."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import cache
from typing import Generic, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

from django.db import InterfaceError, OperationalError, connection

from streams.conf import conf
from streams.protocol.messages import Code, ProtocolError

logger = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")
Item = TypeVar("Item")
Result = TypeVar("Result")


@cache
def readers() -> Executor:
    """Threads that read the database for the sockets."""
    return ThreadPoolExecutor(conf().READ_THREADS, thread_name_prefix="stream-reader")


@cache
def writer() -> Executor:
    """The one thread that commits what producers publish: a second would only wait for the first's locks."""
    return ThreadPoolExecutor(1, thread_name_prefix="stream-writer")


async def in_thread(executor: Executor, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run `function`, which may use the database, in a thread of `executor`.

    Raises ProtocolError (UNAVAILABLE) where the database cannot be reached or is too busy.
    """

    def call() -> R:
        try:
            return function(*args, **kwargs)
        except (OperationalError, InterfaceError) as error:
            logger.warning("database unavailable: %s", str(error).strip().replace("\n", " "))
            raise ProtocolError(Code.UNAVAILABLE, "the database cannot be reached at the moment; try again") from None
        finally:
            connection.close_if_unusable_or_obsolete()

    return await asyncio.get_running_loop().run_in_executor(executor, call)


class Batcher(Generic[Item, Result]):
    """Calls `work` with whatever has been asked for while the last call ran: no timer, no delay when idle.

    `work` takes a list of items and returns their results in the same order; a result that is an exception is raised
    to its own caller alone, one that `work` raises is raised to all. Belongs to the event loop it is first used in.
    """

    def __init__(self, work: Callable[[Sequence[Item]], Sequence[Result | Exception]], executor: Executor, limit: int):
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
                await self._answer(batch)
        finally:
            self._task = None

    async def _answer(self, batch: list[tuple[Item, asyncio.Future[Result]]]) -> None:
        results: Sequence[Result | Exception]
        try:
            results = await in_thread(self._executor, self._work, [item for item, _ in batch])
        except Exception as error:
            results = [error] * len(batch)
        for (_, future), result in zip(batch, results, strict=True):
            if future.done():
                continue  # its caller has gone
            if isinstance(result, Exception):
                future.set_exception(result)
            else:
                future.set_result(result)


class LoopBatchers(Generic[Item, Result]):
    """A Batcher for each event loop that asks, for work that is shared by a whole process."""

    def __init__(self, work: Callable[[Sequence[Item]], Sequence[Result | Exception]], limit: int) -> None:
        self._work = work
        self._limit = limit
        self._batchers: WeakKeyDictionary[asyncio.AbstractEventLoop, Batcher[Item, Result]] = WeakKeyDictionary()

    def __call__(self, item: Item, executor: Callable[[], Executor]) -> Awaitable[Result]:
        """Ask for `item`; the loop's first question takes the executor."""
        loop = asyncio.get_running_loop()
        if loop not in self._batchers:
            self._batchers[loop] = Batcher(self._work, executor(), self._limit)
        return self._batchers[loop](item)
