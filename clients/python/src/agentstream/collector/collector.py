"""The collector: notices the interactive agents of this machine and reports each of them."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from agentstream.api import Api
from agentstream.collector.config import Config, Reporting
from agentstream.collector.connected import ConnectedTools
from agentstream.collector.hooks import AlreadyRunning, HookEvent, HookSpool, hook_folder
from agentstream.collector.positions import Positions, state_path
from agentstream.collector.process import Process
from agentstream.collector.reported import Place, Reported
from agentstream.collector.source import Running, Source
from agentstream.collector.sources import sources
from agentstream.concurrency import beat
from agentstream.credentials import TOKEN_VARIABLE
from agentstream.errors import Refused
from agentstream.identity import agent_key, agent_name
from agentstream.labels import describe_folder, labels
from agentstream.reconnection import persistently
from agentstream.redaction import Redactor
from agentstream.redaction.publication import redacted_labels
from agentstream.sharing import SharedConnection

log = logging.getLogger("agentstream")

TICK_SECONDS = 0.5
# Hooks may be called before their process is noticed.
KEPT_SECONDS = 30.0
MAX_KEPT = 1_000
MAX_SEATS = 500  # processes in one folder


@dataclass
class Collector:
    """Reports this machine's agents until it is cancelled."""

    config: Config
    token: str = field(repr=False)
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)

    def __post_init__(self) -> None:
        self._api = Api(self.config.url, self.token, self.config.insecure)
        self._connection = SharedConnection(self.config.url, self.token)
        self._redactor = Redactor({**self.environment, TOKEN_VARIABLE: self.token})
        self._spool = HookSpool(hook_folder(self.environment))
        self._positions = Positions.load(state_path(self.environment))
        self._sources = sources(self.environment)
        self._connected = ConnectedTools.of(self.environment)
        self._began = time.time()
        self._reported: dict[Process, Reported[Any]] = {}
        self._known: dict[Process, tuple[Source[Any], asyncio.Task[None]]] = {}
        self._keys: dict[str, Process] = {}
        self._kept: list[HookEvent] = []

    async def run(self) -> None:
        """Never returns. Raises `AlreadyRunning` if another collector of this user runs."""
        with self._spool.collecting():
            async with self._connection, asyncio.TaskGroup() as tasks:
                self._finish_earlier(tasks)
                while True:
                    self._tick(tasks)
                    await beat(TICK_SECONDS)

    def _tick(self, tasks: asyncio.TaskGroup) -> None:
        events = self._spool.take()
        for source in self._sources:
            for event in events:
                source.hear(event)
            self._look(source, tasks)
        self._route([*self._kept, *events])

    def _look(self, source: Source[Any], tasks: asyncio.TaskGroup) -> None:
        alive: set[Process] = set()
        for running in source.look() if source.tool in self._connected else ():
            alive.add(running.process)
            if running.process not in self._known:
                self._known[running.process] = source, tasks.create_task(self._report(source, running))
            elif reported := self._reported.get(running.process):
                reported.see(running)
        for process, (theirs, task) in list(self._known.items()):
            if theirs is source and process not in alive:
                if task.done():
                    del self._known[process]
                elif reported := self._reported.get(process):
                    reported.gone(clean=source.has_quit(process))

    def _route(self, events: list[HookEvent]) -> None:
        """Give each event to its agent; those of agents that aren't noticed yet are kept for a while."""
        sessions = {reported.running.session: reported for reported in self._reported.values()}
        self._kept.clear()
        for event in events:
            if reported := sessions.get(event.session):
                reported.hook(event, event.at < self._began)
            elif not event.asks and time.time() - event.at < KEPT_SECONDS and len(self._kept) < MAX_KEPT:
                self._kept.append(event)

    async def _report(self, source: Source[Any], running: Running) -> None:
        try:
            if place := await self._place(source, running):
                reported = Reported(running, source, *place, self._spool, self._positions, self._backfill_after)
                self._reported[running.process] = reported
                await reported.run()
        except* Refused as refused:
            log.error("%s: the server refuses its events: %s", running.cwd, refused.exceptions[0])
        except* OSError as failed:
            log.error("%s: %s", running.cwd, failed.exceptions[0])
        finally:
            self._reported.pop(running.process, None)
            self._keys = {key: holder for key, holder in self._keys.items() if holder != running.process}

    def _finish_earlier(self, tasks: asyncio.TaskGroup) -> None:
        """Report what agents said last that ended while no collector ran; the next look finds them gone."""
        tools = {source.tool: source for source in self._sources}
        for key, seat in self._positions.seats.items():
            source = tools.get(key.partition(":")[0])
            if source and not seat.ended and not seat.process.is_alive:
                task = tasks.create_task(self._report(source, source.remembered(seat)))
                self._known[seat.process] = source, task

    @property
    def _backfill_after(self) -> float:
        """What was said before this moment is not published, in seconds since 1970."""
        hours = self.config.backfill_hours
        return self._began - 3_600 * hours if hours else float("inf")

    async def _place(self, source: Source[Any], running: Running) -> tuple[Place, Reporting] | None:
        """Where to report an agent, and what; None if its folder is ignored. Raises `Refused`."""
        described, remote = await describe_folder(running.cwd, self.environment)
        reporting = self.config.reporting(running.cwd, remote)
        if reporting is None:
            return None
        key, number = self._seat(source, running, described["host"])
        workspace = await persistently(lambda: self._api.workspace(reporting.workspace))
        described = redacted_labels(self._redactor, described)
        about = described | labels({"tool": source.tool, "toolVersion": running.version, "session": running.session})
        agent = await persistently(lambda: self._api.register(workspace.id, key, agent_name(described, number), about))
        newest = await persistently(lambda: self._api.newest(agent.id))
        return Place(self._api, self._connection, workspace.id, agent.id, key, newest, self._redactor), reporting

    def _seat(self, source: Source[Any], running: Running, host: str) -> tuple[str, int]:
        """The agent's key: the one it had before, else the first of its folder that no other process has."""
        numbers = range(1, MAX_SEATS + 1)
        keys = [(agent_key(source.tool, host, running.cwd, number), number) for number in numbers]
        held = [one for one in keys if self._held(one[0]) == running.process]
        free = [one for one in keys if self._held(one[0]) is None]
        key, number = (held or free)[0]
        self._keys[key] = running.process
        return key, number

    def _held(self, key: str) -> Process | None:
        """The process that has a key now, or had it and may still run."""
        if process := self._keys.get(key):
            return process
        seat = self._positions.seats.get(key)
        return None if seat is None or seat.ended else seat.process


def collect(config: Config, token: str) -> int:
    """Run the collector until SIGINT or SIGTERM. Returns the exit code. Raises ValueError if another one runs."""
    try:
        asyncio.run(_collect(Collector(config, token)))
    except AlreadyRunning as running:
        raise ValueError(str(running)) from None
    return 0


async def _collect(collector: Collector) -> None:
    task = asyncio.ensure_future(collector.run())
    for signal_ in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(signal_, task.cancel)
    with suppress(asyncio.CancelledError):
        await task
