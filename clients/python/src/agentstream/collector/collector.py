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
from hashlib import sha256

from agentstream.api import Api
from agentstream.collector.activity import Activity
from agentstream.collector.claude_process import Place, ReportedProcess
from agentstream.collector.claude_registry import ClaudeProcess, ClaudeRegistry, claude_home
from agentstream.collector.config import Config, Reporting
from agentstream.collector.hooks import AlreadyRunning, HookEvent, HookSpool, hook_folder
from agentstream.collector.positions import Positions, state_path
from agentstream.credentials import TOKEN_VARIABLE
from agentstream.errors import Refused
from agentstream.labels import describe_folder, labels
from agentstream.reconnection import persistently
from agentstream.redaction import Redactor
from agentstream.redaction.publication import redacted_labels

log = logging.getLogger("agentstream")

TICK_SECONDS = 0.5
# Hooks may be called before their process is noticed.
KEPT_SECONDS = 30.0
MAX_KEPT = 1_000
MAX_KEY = 200
MAX_NAME = 80
MAX_SEATS = 500  # processes in one folder

Identity = tuple[int, str]


@dataclass
class Collector:
    """Reports this machine's agents until it is cancelled."""

    config: Config
    token: str = field(repr=False)
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)

    def __post_init__(self) -> None:
        self._api = Api(self.config.url, self.token, self.config.insecure)
        self._redactor = Redactor({**self.environment, TOKEN_VARIABLE: self.token})
        self._spool = HookSpool(hook_folder(self.environment))
        self._positions = Positions.load(state_path(self.environment))
        self._home = claude_home(self.environment)
        self._registry = ClaudeRegistry(self._home)
        self._began = time.time()
        self._reported: dict[Identity, ReportedProcess] = {}
        self._known: set[Identity] = set()
        self._keys: dict[str, Identity] = {}
        self._kept: list[HookEvent] = []

    async def run(self) -> None:
        """Never returns. Raises `AlreadyRunning` if another collector of this user runs."""
        with self._spool.collecting():
            async with asyncio.TaskGroup() as tasks:
                self._finish_earlier(tasks)
                while True:
                    self._tick(tasks)
                    await asyncio.sleep(TICK_SECONDS)

    def _tick(self, tasks: asyncio.TaskGroup) -> None:
        alive: set[Identity] = set()
        listed: set[Identity] = set()
        for process in self._registry.processes():
            identity = (process.pid, process.started)
            listed.add(identity)
            if not process.is_alive:
                continue
            alive.add(identity)
            if identity not in self._known:
                self._known.add(identity)
                tasks.create_task(self._report(process))
            elif reported := self._reported.get(identity):
                reported.see(process)
        for identity in self._known - alive:
            if reported := self._reported.get(identity):
                reported.gone(clean=identity not in listed)
        self._route([*self._kept, *self._spool.take()])

    def _route(self, events: list[HookEvent]) -> None:
        """Give each event to its process; those of processes that aren't noticed yet are kept for a while."""
        sessions = {reported.process.session: reported for reported in self._reported.values()}
        self._kept.clear()
        for event in events:
            if reported := sessions.get(str(event.event.get("session_id"))):
                reported.hook(event, event.at < self._began)
            elif not event.asks and time.time() - event.at < KEPT_SECONDS and len(self._kept) < MAX_KEPT:
                self._kept.append(event)

    async def _report(self, process: ClaudeProcess, ended: bool = False) -> None:
        identity = (process.pid, process.started)
        try:
            if place := await self._place(process):
                reported = ReportedProcess(*place, self._home, self._spool, self._positions, self._backfill_after)
                self._reported[identity] = reported
                if ended:
                    reported.gone(clean=False)
                await reported.run()
        except* Refused as refused:
            log.error("%s: the server refuses its events: %s", process.cwd, refused.exceptions[0])
        except* OSError as failed:
            log.error("%s: %s", process.cwd, failed.exceptions[0])
        finally:
            self._reported.pop(identity, None)
            self._keys = {key: holder for key, holder in self._keys.items() if holder != identity}
            if ended or not process.is_alive:
                self._known.discard(identity)

    def _finish_earlier(self, tasks: asyncio.TaskGroup) -> None:
        """Report the ends of processes that ended while no collector ran, with what they said last."""
        for key, seat in self._positions.seats.items():
            process = ClaudeProcess(
                seat.pid, seat.started, seat.session, seat.cwd, Activity.IDLE, None, self._began, 0.0, "", None, ""
            )
            if not seat.ended and not process.is_alive and key.startswith("claude:"):
                self._known.add((seat.pid, seat.started))
                tasks.create_task(self._report(process, ended=True))

    @property
    def _backfill_after(self) -> float:
        """What was said before this moment is not published, in seconds since 1970."""
        hours = self.config.backfill_hours
        return self._began - 3_600 * hours if hours else float("inf")

    async def _place(self, process: ClaudeProcess) -> tuple[ClaudeProcess, Place, Reporting] | None:
        """Where to report a process, and what; None if its folder is ignored. Raises `Refused`."""
        described, remote = await describe_folder(process.cwd, self.environment)
        reporting = self.config.reporting(process.cwd, remote)
        if reporting is None:
            return None
        key, number = self._seat(process, described["host"])
        workspace = await persistently(lambda: self._api.workspace(reporting.workspace))
        described = redacted_labels(self._redactor, described)
        about = described | labels({"tool": "claude", "toolVersion": process.version, "session": process.session})
        agent = await persistently(lambda: self._api.register(workspace.id, key, _name(described, number), about))
        newest = await persistently(lambda: self._api.newest(agent.id))
        return process, Place(self._api, workspace.id, agent.id, key, newest, self._redactor), reporting

    def _seat(self, process: ClaudeProcess, host: str) -> tuple[str, int]:
        """The process's key: the one it had before, else the first of its folder that no other process has."""
        identity = (process.pid, process.started)
        keys = [(_key(host, process.cwd, number), number) for number in range(1, MAX_SEATS + 1)]
        held = [one for one in keys if self._held(one[0]) == identity]
        free = [one for one in keys if self._held(one[0]) is None]
        key, number = (held or free)[0]
        self._keys[key] = identity
        return key, number

    def _held(self, key: str) -> Identity | None:
        """The process that has a key now, or had it and may still run."""
        if identity := self._keys.get(key):
            return identity
        seat = self._positions.seats.get(key)
        return None if seat is None or seat.ended else (seat.pid, seat.started)


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


def _key(host: str, folder: str, number: int) -> str:
    key = f"claude:{host}:{folder}#{number}"
    if len(key) <= MAX_KEY:
        return key
    return f"claude:{host[:60]}:{sha256(folder.encode()).hexdigest()[:40]}#{number}"


def _name(described: Mapping[str, str], number: int) -> str:
    """Like ``site@main #2``."""
    folder = described.get("repo") or described["cwd"].rstrip("/").rpartition("/")[2] or "/"
    branch = described.get("branch")
    name = f"{folder}@{branch}" if branch else folder
    return name[:MAX_NAME] + (f" #{number}" if number > 1 else "")
