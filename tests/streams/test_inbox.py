"""The server stops reading from a client that sends faster than it is answered."""

import asyncio
from types import SimpleNamespace

from streams.server.protocol import INBOX_MESSAGES, Inbox


class Transport:
    def __init__(self) -> None:
        self.reading = True

    def pauseProducing(self) -> None:  # noqa: N802 (Twisted's name)
        self.reading = False

    def resumeProducing(self) -> None:  # noqa: N802
        self.reading = True


def test_a_full_inbox_stops_the_reading_until_it_is_empty() -> None:
    async def scenario() -> None:
        transport = Transport()
        inbox = Inbox(SimpleNamespace(transport=transport))
        for number in range(INBOX_MESSAGES - 1):
            inbox.put_nowait({"number": number})
        assert transport.reading
        inbox.put_nowait({"number": INBOX_MESSAGES - 1})
        assert not transport.reading
        for number in range(INBOX_MESSAGES):
            assert not transport.reading
            assert (await inbox.get())["number"] == number
        assert transport.reading

    asyncio.run(scenario())


def test_a_waiting_reader_gets_the_next_message_even_after_a_cancellation() -> None:
    async def scenario() -> None:
        inbox = Inbox(SimpleNamespace(transport=None))
        impatient = asyncio.create_task(inbox.get())
        await asyncio.sleep(0)
        impatient.cancel()
        waiting = asyncio.create_task(inbox.get())
        await asyncio.sleep(0)
        inbox.put_nowait({"number": 1})
        inbox.put_nowait({"number": 2})
        assert (await waiting)["number"] == 1
        assert (await inbox.get())["number"] == 2

    asyncio.run(scenario())
