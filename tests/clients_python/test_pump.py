"""Reading a command's output to its last byte."""

import asyncio
import os
from typing import cast

import pytest
from agentstream import pump
from agentstream.adapters.text import TextAdapter
from agentstream.messages import Message, Output
from agentstream.process import Process, Stdio, running_process
from agentstream.pump import Pump, Tee
from agentstream.report import Report

from .scripted import within as at_most


class EndsWhileGivenUp:
    """A command's output; the command writes its last line and ends at the moment when a read is given up."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._stdout = process.stdout

    async def read(self, n: int) -> bytes:
        try:
            return await self._stdout.read(n)
        except asyncio.CancelledError:
            if not self._process.over:
                assert self._process.stdin
                await self._process.stdin.write(b"bye\n")
                await self._process.wait()
                await self._process.end()
            raise


class Kept:
    """The published messages."""

    remaining = None

    def __init__(self) -> None:
        self.text = ""

    async def send(self, message: Message) -> None:
        assert isinstance(message, Output)
        self.text += message.content


async def nothing() -> None:
    """For text, nothing follows from what was read."""


def test_the_last_line_of_a_command_that_ends_while_a_read_is_given_up_is_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pump, "ORPHAN_READ_SECONDS", 0.2)

    async def go() -> None:
        command = ["sh", "-c", 'read line; echo "$line"']
        async with running_process(command, dict(os.environ), Stdio(pty=False, stdin=True)) as process:
            process.stdout = cast("asyncio.StreamReader", EndsWhileGivenUp(process))
            kept = Kept()
            await Pump(process, "stdout", TextAdapter("run"), Tee(None), cast("Report", kept), nothing).run()
            assert kept.text == "bye\n"

    at_most(20, go())
