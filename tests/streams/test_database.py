"""Database work in threads: what errors mean, and batches in which no item can fail another."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from django.db import DataError, Error, InterfaceError, OperationalError, ProgrammingError, connection
from django.db.utils import IntegrityError

from streams.database import Batcher, NotMigratedError, UnavailableError, classify, in_thread

# What errors mean


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("SELECT * FROM streams_novelty", NotMigratedError),
        ("SELECT novelty FROM streams_stream", NotMigratedError),
        ("INSERT INTO streams_stream (novelty) VALUES (1)", NotMigratedError),
        ("SELEC", OperationalError),
        ("SELECT no_such_function()", OperationalError),
        ("INSERT INTO streams_stream (name, head, floor) VALUES (NULL, 0, 0)", IntegrityError),
    ],
)
def test_a_statement_that_can_never_work_is_not_an_outage(statement: str, expected: type[Exception]) -> None:
    def work() -> None:
        with connection.cursor() as cursor:
            cursor.execute(statement)

    async def scenario() -> None:
        with ThreadPoolExecutor(1) as executor, pytest.raises(expected):
            await in_thread(executor, work)

    asyncio.run(scenario())


def sqlite(code: int) -> Exception:
    cause = sqlite3.OperationalError("it failed")
    cause.sqlite_errorcode = code
    return cause


@pytest.mark.parametrize(
    ("error", "cause", "expected"),
    [
        (OperationalError("connection refused"), psycopg.OperationalError(), UnavailableError),
        (OperationalError('database "x" does not exist'), psycopg.errors.InvalidCatalogName(), UnavailableError),
        (OperationalError("deadlock detected"), psycopg.errors.DeadlockDetected(), UnavailableError),
        (OperationalError("terminating connection"), psycopg.errors.AdminShutdown(), UnavailableError),
        (InterfaceError("connection already closed"), psycopg.InterfaceError(), UnavailableError),
        (ProgrammingError('relation "x" does not exist'), psycopg.errors.UndefinedTable(), NotMigratedError),
        (ProgrammingError('column "x" does not exist'), psycopg.errors.UndefinedColumn(), NotMigratedError),
        (ProgrammingError("function x() does not exist"), psycopg.errors.UndefinedFunction(), ProgrammingError),
        (DataError("invalid byte sequence"), psycopg.errors.CharacterNotInRepertoire(), DataError),
        (IntegrityError("duplicate key"), psycopg.errors.UniqueViolation(), IntegrityError),
        (OperationalError("database is locked"), sqlite(sqlite3.SQLITE_BUSY), UnavailableError),
        (OperationalError("database or disk is full"), sqlite(sqlite3.SQLITE_FULL), UnavailableError),
        (OperationalError("unable to open database file"), sqlite(sqlite3.SQLITE_CANTOPEN), UnavailableError),
        (OperationalError("too many SQL variables"), sqlite(sqlite3.SQLITE_ERROR), OperationalError),
    ],
    ids=lambda value: str(value) if isinstance(value, Error) else "",
)
def test_only_temporary_errors_are_outages(error: Any, cause: Exception, expected: type[Exception]) -> None:
    error.__cause__ = cause
    assert type(classify(error)) is expected


# Batches


class Work:
    """Doubles numbers, in batches that can be held up; fails as a whole where one of them is in `poison`."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.poison: dict[int, Exception] = {}
        self.go_on = threading.Event()
        self.go_on.set()

    def __call__(self, items: Sequence[int]) -> Sequence[int | Exception]:
        self.go_on.wait(5)
        self.batches.append(list(items))
        for item in items:
            if item in self.poison:
                raise self.poison[item]
        return [ValueError("odd") if item % 2 else item * 2 for item in items]


@pytest.fixture
def executor() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as executor:
        yield executor


def run(
    work: Work, executor: ThreadPoolExecutor, scenario: Callable[[Batcher[int, int]], Coroutine[Any, Any, None]]
) -> None:
    async def with_batcher() -> None:
        await asyncio.wait_for(scenario(Batcher(work, executor, limit=3)), 10)

    asyncio.run(with_batcher())


@pytest.fixture
def work() -> Work:
    return Work()


def test_calls_during_a_batch_share_the_next(work: Work, executor: ThreadPoolExecutor) -> None:
    async def scenario(double: Batcher[int, int]) -> None:
        work.go_on.clear()
        first = asyncio.ensure_future(double(2))
        await asyncio.sleep(0)  # it has begun
        others = asyncio.gather(*(double(number) for number in (4, 6, 8, 10)))
        work.go_on.set()
        assert await first == 4
        assert await others == [8, 12, 16, 20]
        assert work.batches == [[2], [4, 6, 8], [10]]

    run(work, executor, scenario)


def test_an_idle_batcher_starts_again(work: Work, executor: ThreadPoolExecutor) -> None:
    async def scenario(double: Batcher[int, int]) -> None:
        assert await double(2) == 4
        assert await double(4) == 8
        assert work.batches == [[2], [4]]

    run(work, executor, scenario)


def test_a_result_that_is_an_exception_reaches_its_own_caller_alone(work: Work, executor: ThreadPoolExecutor) -> None:
    async def scenario(double: Batcher[int, int]) -> None:
        one, two = await asyncio.gather(double(1), double(2), return_exceptions=True)
        assert isinstance(one, ValueError)
        assert two == 4
        assert work.batches == [[1, 2]]

    run(work, executor, scenario)


def test_an_item_that_fails_its_batch_fails_alone(work: Work, executor: ThreadPoolExecutor) -> None:
    work.poison[4] = IntegrityError("bad")

    async def scenario(double: Batcher[int, int]) -> None:
        two, four, six = await asyncio.gather(double(2), double(4), double(6), return_exceptions=True)
        assert (two, six) == (4, 12)
        assert isinstance(four, IntegrityError)
        assert work.batches == [[2, 4, 6], [2], [4], [6]]

    run(work, executor, scenario)


def test_in_an_outage_items_are_not_retried_one_by_one(work: Work, executor: ThreadPoolExecutor) -> None:
    work.poison[4] = OperationalError("connection refused")

    async def scenario(double: Batcher[int, int]) -> None:
        outcomes = await asyncio.gather(double(2), double(4), return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [UnavailableError, UnavailableError]
        assert work.batches == [[2, 4]]
        work.poison.clear()
        assert await double(4) == 8

    run(work, executor, scenario)


def test_a_cancelled_caller_does_not_affect_the_others(work: Work, executor: ThreadPoolExecutor) -> None:
    async def scenario(double: Batcher[int, int]) -> None:
        work.go_on.clear()
        gone, stays = asyncio.ensure_future(double(2)), asyncio.ensure_future(double(4))
        await asyncio.sleep(0)
        gone.cancel()
        work.go_on.set()
        assert await stays == 8
        assert gone.cancelled()

    run(work, executor, scenario)
