"""Copying between the terminals."""

import asyncio
import os
import select

from agentstream.terminal.relay import Relay

from .scripted import within


def test_after_its_end_what_is_typed_is_left_for_the_shell() -> None:
    async def go() -> None:
        source, typed = os.pipe()
        sink = os.open(os.devnull, os.O_WRONLY)
        seen: list[bytes] = []
        relay = Relay(source, sink, seen.append)
        relay.start()
        os.write(typed, b"x")
        while not seen:
            await asyncio.sleep(0)
        relay.close()
        relay.start()  # as after something was inserted
        os.write(typed, b"y")
        for _ in range(10):
            await asyncio.sleep(0)
        assert select.select([source], [], [], 0)[0]
        assert seen == [b"x"]

    within(30, go())


def test_what_is_inserted_comes_between_two_reads_and_after_what_waits() -> None:
    async def go() -> None:
        source, typed = os.pipe()
        shown, sink = os.pipe()
        os.set_blocking(sink, False)
        relay = Relay(source, sink, lambda data: None)
        relay.start()
        filled = b""
        while not filled or select.select([], [sink], [], 0)[1]:
            filled += b"x" * os.write(typed, b"x" * 4096)
            await asyncio.sleep(0)
        task = asyncio.create_task(relay.insert(b"<inserted>"))
        got = b""
        while not got.endswith(b"<inserted>"):
            while select.select([shown], [], [], 0)[0]:
                got += os.read(shown, 65536)
            await asyncio.sleep(0)
        await task
        assert got.removesuffix(b"<inserted>").strip(b"x") == b""
        relay.close()

    within(30, go())
