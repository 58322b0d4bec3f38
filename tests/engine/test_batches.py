"""Of the items that share a batch, only the failing one fails, whatever its error."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import DatabaseError, DataError, IntegrityError, InterfaceError, OperationalError
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.database import Batcher, UnavailableError
from streams.protocol.messages import Code, ProtocolError

RAISED = st.sampled_from(
    [DataError, DatabaseError, IntegrityError, KeyError, ValueError, RuntimeError, UnicodeEncodeError, RecursionError]
)
ITEMS = st.lists(st.tuples(st.integers(), st.none() | RAISED, st.booleans()), min_size=1, max_size=40)

pytestmark = pytest.mark.django_db(transaction=True)


def error(kind: type[Exception], number: int) -> Exception:
    return kind("utf-8", "", 0, 1, str(number)) if kind is UnicodeEncodeError else kind(str(number))


def work(items: Sequence[tuple[int, type[Exception] | None, bool]]) -> list[int | Exception]:
    """Doubles each number. An item with an exception fails with it: by itself, or, when it is `loud`, with all others
    of its batch, as a bad value in a shared query does."""
    for number, kind, loud in items:
        if kind is not None and loud:
            raise error(kind, number)
    return [number * 2 if kind is None else error(kind, number) for number, kind, _ in items]


@settings(max_examples=100, deadline=None, derandomize=True, database=None)
@given(ITEMS, st.integers(1, 10))
def test_only_the_failing_item_fails(items: list[tuple[int, type[Exception] | None, bool]], limit: int) -> None:
    async def scenario() -> list[Any]:
        with ThreadPoolExecutor(1) as executor:
            batcher = Batcher(work, executor, limit)
            return await asyncio.gather(*map(batcher, items), return_exceptions=True)

    for (number, kind, _), outcome in zip(items, asyncio.run(scenario()), strict=True):
        if kind is None:
            assert outcome == number * 2
        else:
            assert type(outcome) is kind
            assert str(number) in str(outcome)


@pytest.mark.parametrize("outage", [OperationalError("gone"), InterfaceError("closed")])
def test_an_outage_affects_all_items_and_is_not_retried_item_by_item(outage: Exception) -> None:
    calls: list[int] = []

    def away(items: Sequence[int]) -> list[int]:
        calls.append(len(items))
        raise outage

    async def scenario() -> list[Any]:
        with ThreadPoolExecutor(1) as executor:
            return await asyncio.gather(*map(Batcher(away, executor, 100), range(50)), return_exceptions=True)

    assert {type(each) for each in asyncio.run(scenario())} == {UnavailableError}
    assert calls == [50]


def test_a_result_that_is_an_exception_is_raised_only_to_its_caller() -> None:
    def refuse_odd(items: Sequence[int]) -> list[int | Exception]:
        return [ProtocolError(Code.INVALID_MESSAGE, str(item)) if item % 2 else item for item in items]

    async def scenario() -> list[Any]:
        with ThreadPoolExecutor(1) as executor:
            return await asyncio.gather(*map(Batcher(refuse_odd, executor, 7), range(20)), return_exceptions=True)

    found = asyncio.run(scenario())
    assert found[::2] == list(range(0, 20, 2))
    assert all(isinstance(each, ProtocolError) and each.message == str(i) for i, each in enumerate(found) if i % 2)
