"""Run a command and show people what it prints."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import threading
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

from agentstream.adapters import Adapter
from agentstream.adapters.choice import AUTO, choose, program
from agentstream.api import Api
from agentstream.backoff import Backoff
from agentstream.errors import Refused, TryLater, Unreachable
from agentstream.messages import Ending, Failure, Message, Status, StatusChange, Terminated
from agentstream.process import Exit, NotStarted, Process, started
from agentstream.publisher import Publisher
from agentstream.pump import Pump, Tee

log = logging.getLogger("agentstream")

# How often to ask for the agent while the server does not answer: about 15 s, enough for a restart.
ATTEMPTS = 6
# A command that ends within these seconds after a signal passed on to it ended because of that signal.
STOPPING = 10.0

_FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class RunOptions:
    """What to run and where to show it.

    `url` is the server's HTTP base; `workspace` a slug, None for the only one the token's user can see; `name`
    that of the agent, made if there is none, None for that of the program. `adapter` is one of
    `agentstream.adapters.choice.NAMES`. `quiet` keeps the command's output from this program's own stdout and
    stderr.

    Raises ValueError for what cannot be right.
    """

    url: str
    token: str = field(repr=False)
    workspace: str | None
    name: str | None
    command: Sequence[str]
    quiet: bool = False
    adapter: str = AUTO

    def __post_init__(self) -> None:
        choose(self.adapter, self.command, "")
        Api(self.url, self.token)


async def run(options: RunOptions) -> int:
    """Run the command to its end; returns its exit code, 128 + n if signal n killed it, 127 if there is none.

    Everything is acknowledged by the server on return. SIGINT, SIGTERM and SIGHUP are passed on to the
    command when this runs in the main thread; the second SIGINT kills it. If the server refuses the events
    on the way, this is logged, and the command goes on unwatched.

    Raises `Refused` or `Unreachable`, before anything is started, when the agent cannot be found or made.
    """
    agent_id = await _patiently(options)
    async with _reporting(Publisher(options.url, options.token, agent_id, lease=True)) as report:
        adapter = choose(options.adapter, options.command, report.publisher.producer)
        return await Run(options, report, adapter).execute()


async def _patiently(options: RunOptions) -> str:
    backoff = Backoff()
    while True:
        try:
            return await _agent_id(options)
        except (Unreachable, TryLater) as failed:
            if backoff.attempt == ATTEMPTS:
                raise
            log.warning("%s; trying again", failed)
            await backoff.sleep()


async def _agent_id(options: RunOptions) -> str:
    api = Api(options.url, options.token)
    workspace = await api.workspace(options.workspace)
    return (await api.agent(workspace.id, options.name or program(options.command) or options.command[0])).id


@dataclass
class Report:
    """Sends what happens. A server that refuses it must not cost the person their running command."""

    publisher: Publisher
    _refused: bool = False

    async def send(self, message: Message) -> None:
        try:
            if not self._refused:
                await self.publisher.send(message)
        except Refused as refused:
            self.stop(refused)

    def stop(self, refused: Refused) -> None:
        """Say once why, and send no more."""
        if not self._refused:
            log.error("publishing has ended: %s", refused)
        self._refused = True


@asynccontextmanager
async def _reporting(publisher: Publisher) -> AsyncIterator[Report]:
    report = Report(publisher)
    try:
        async with publisher:
            yield report
    except Refused as refused:
        report.stop(refused)
    except asyncio.CancelledError:
        log.warning("stopped with %d events not acknowledged", publisher.pending)
        raise


@dataclass
class Run:
    """One run of the command."""

    options: RunOptions
    report: Report
    adapter: Adapter
    _signalled: float = float("-inf")
    _interrupts: int = 0
    _stopped: bool = False

    async def execute(self) -> int:
        """Start it, follow it, say how it ended; returns the exit code."""
        try:
            async with started(self.options.command, _environment()) as process:
                ended = await self._follow(process)
        except NotStarted as failed:
            log.error("%s", failed)
            await self.report.send(Failure("NOT_STARTED", str(failed)))
            ended = Exit(failed.code)
        await self._conclude(ended)
        return ended.code

    async def _follow(self, process: Process) -> Exit:
        send = self.report.send
        await send(StatusChange("running"))
        out, err = (None, None) if self.options.quiet else (1, 2)
        _, _, ended = await asyncio.gather(
            Pump(process, "stdout", self.adapter, Tee(out), send).run(),
            Pump(process, "stderr", self.adapter, Tee(err), send).run(),
            self._wait(process),
        )
        for message in self.adapter.close():
            await send(message)
        return ended

    async def _wait(self, process: Process) -> Exit:
        with self._signals_to(process):
            ended = await process.wait()
            self._stopped = time.monotonic() - self._signalled < STOPPING
            await process.end()
        return ended

    @contextmanager
    def _signals_to(self, process: Process) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        loop = asyncio.get_running_loop()
        before = {number: signal.getsignal(number) for number in _FORWARDED}
        # What was told to be ignored, as nohup does, the command inherits ignored: nothing to pass on.
        before = {number: handler for number, handler in before.items() if handler is not signal.SIG_IGN}
        for number in before:
            loop.add_signal_handler(number, self._forward, process, number)
        try:
            yield
        finally:
            for number, handler in before.items():
                loop.remove_signal_handler(number)
                signal.signal(number, handler)

    def _forward(self, process: Process, number: signal.Signals) -> None:
        self._signalled = time.monotonic()
        self._interrupts += number is signal.SIGINT
        process.signal(signal.SIGKILL if self._interrupts > 1 else number)

    async def _conclude(self, ended: Exit) -> None:
        status, reason, ending = self._outcome(ended)
        await self.report.send(StatusChange(status, reason))
        await self.report.send(Terminated(ended.code, ended.signal, ending))

    def _outcome(self, ended: Exit) -> tuple[Status, str, Ending]:
        if self._stopped:
            return "finished", "user_stopped", "user_stopped"
        if ended.code == 0:
            return "finished", "completed", "completed"
        return "error", "process_error", "error"


def _environment() -> dict[str, str]:
    # What an agent can read, it can print; its viewers must not get the runner's token.
    mine = {key: value for key, value in os.environ.items() if key != "AGENTSTREAM_TOKEN"}
    # Otherwise a Python program on a pipe shows nothing before it has written 8 KiB.
    return {**mine, "PYTHONUNBUFFERED": "1"}
