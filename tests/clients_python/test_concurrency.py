"""Waiting with a limit, and being cancelled at the worst moment."""

import asyncio

import pytest
from agentstream.concurrency import Notifier, within
from agentstream.connection import Connection
from websockets.asyncio.server import ServerConnection

from .scripted import answer, scripted
from .scripted import within as at_most


async def value(text: str, seconds: float = 0.0) -> str:
    await asyncio.sleep(seconds)
    return text


def test_work_in_time_is_returned_and_late_work_is_cancelled() -> None:
    async def go() -> None:
        assert await within(5, value("a")) == "a"
        assert await within(None, value("b")) == "b"
        late = asyncio.ensure_future(value("c", 60))
        with pytest.raises(asyncio.TimeoutError):
            await within(0.01, late)
        assert late.cancelled()
        with pytest.raises(ZeroDivisionError):
            await within(5, fail())

    at_most(5, go())


async def fail() -> None:
    raise ZeroDivisionError


def test_a_cancellation_counts_even_if_the_result_arrives_at_that_moment() -> None:
    async def go() -> None:
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        waiting = asyncio.ensure_future(within(60, future))
        await asyncio.sleep(0.01)
        future.set_result("now")
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    at_most(5, go())


def test_a_frame_that_arrives_during_a_cancellation_goes_to_the_next_caller() -> None:
    async def two(websocket: ServerConnection) -> None:
        for number in (1, 2):
            await websocket.recv()
            await websocket.send(answer("pong", number))
        await websocket.wait_closed()

    async def go() -> None:
        async with scripted(two) as url, await Connection.open(url, "token") as connection:
            for number in (1, 2):
                waiting = asyncio.ensure_future(connection.receive())
                await connection.send("{}", number)
                while not (connection._receiving and connection._receiving.done()):
                    await asyncio.sleep(0)
                waiting.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await waiting
                assert [message["id"] for message in await connection.receive()] == [number]

    at_most(5, go())


def test_a_notification_between_the_call_and_the_first_step_of_a_wait_is_not_missed() -> None:
    async def go() -> None:
        notifier = Notifier()
        waiting = asyncio.ensure_future(notifier.wait())
        notifier.notify()
        await waiting

    at_most(5, go())
