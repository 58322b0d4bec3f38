"""Reports one interactive agent to the server, from when it is noticed until it has ended."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Generic
from uuid import uuid4

from agentstream.api import Api
from agentstream.collector.config import Reporting
from agentstream.collector.detail import Detail, limited, limited_labels
from agentstream.collector.feed import Feed
from agentstream.collector.hooks import HookEvent, HookSpool
from agentstream.collector.positions import Positions, Seat
from agentstream.collector.source import Found, Source, Transcript
from agentstream.commands import Forgotten, Input, Resolved, Signal, commands
from agentstream.concurrency import beat, within
from agentstream.errors import NotFound, Refused
from agentstream.messages import Context, Message, Output, Plan, StatusChange, Terminated, Usage
from agentstream.outbox import Outbox
from agentstream.publisher import Publisher
from agentstream.reconnection import persistently
from agentstream.redaction import Redactor
from agentstream.redaction.publication import redacted_labels
from agentstream.requests import Resolution
from agentstream.sharing import SharedConnection

log = logging.getLogger("agentstream")

# How long the end of a process waits for its last words.
LAST_WORDS_SECONDS = 5.0
LABELS_SECONDS = 2.0
LOOK_SECONDS = 2.0
# Clocks of processes are read to the hundredth of a second, at best.
EARLY_SECONDS = 0.5
# How long ago something may have been written that is found now.
LATE_SECONDS = 10.0
CANNOT_TYPE = "This agent runs in a terminal of its own: text and signals from here can't reach it.\n"
TOO_LATE = "It had been answered in the terminal by then, so the answer from here doesn't count.\n"


@dataclass
class Place:
    """Where an agent is reported: the server's API and the connection to it that all agents share, the agent's id and
    key, the newest event when it was registered, and what removes secrets from everything published."""

    api: Api
    connection: SharedConnection
    workspace_id: str
    agent_id: str
    key: str
    newest: int
    redactor: Redactor


@dataclass
class Reported(Generic[Found]):
    """One running agent of a tool, and the agent that it is reported as."""

    running: Found
    source: Source[Found]
    place: Place
    reporting: Reporting
    spool: HookSpool
    positions: Positions
    backfill_after: float
    _feeds: dict[Path, Feed] = field(default_factory=dict)
    _reading: list[asyncio.Task[None]] = field(default_factory=list)
    _gone: asyncio.Event = field(default_factory=asyncio.Event)
    _clean: bool = True
    _refused: Refused | None = None
    _told_labels: dict[str, str] = field(default_factory=dict)
    _newest: dict[str, Message] = field(default_factory=dict)

    def __post_init__(self) -> None:
        seat = self.positions.seats.get(self.place.key)
        known = seat is not None and seat.process == self.running.process
        self.agent = self.source.agent(str(uuid4()), seat.session if seat and known else "")
        self._outbox = Outbox(producer=self.agent.run)
        self._publisher = self._publish(self._outbox, lease=True)

    async def run(self) -> None:
        """Report until the process has ended and the server has everything. Raises an ExceptionGroup of `Refused`."""
        async with self._publisher, asyncio.TaskGroup() as self._tasks:
            background = [self._tasks.create_task(task) for task in (self._listen(), self._follow(), self._label())]
            self.see(self.running)
            await self._gone.wait()
            if self._refused:
                raise self._refused
            await self._finish()
            for task in (*background, *self._reading):
                task.cancel()

    def see(self, running: Found) -> None:
        """The source has looked at it."""
        self.running = running
        self._catch_up()
        self._put(self.agent.see(running))
        self._take_seat()
        for event in self.agent.asking:
            if not self.spool.waits(event):
                self._put(self.agent.unanswerable(event))
                self.spool.forget(event)
        self._deliver()

    def hook(self, event: HookEvent, is_old: bool = False) -> None:
        """A hook of the session was called; `is_old` is whether that was before this collector started."""
        if event.asks and self.reporting.detail is Detail.STATUS:
            self.spool.answer(event, "")  # what it asks must not leave the machine
            return
        is_new = event.asks and not self.agent.knows(event)
        self._put(self.agent.hook(event))
        self._deliver()
        if is_new and is_old:
            self._reading.append(self._tasks.create_task(self._answered_meanwhile(self.agent.request_id(event))))

    def gone(self, clean: bool) -> None:
        """It has ended; `clean` is whether by itself."""
        self._clean = clean
        self._gone.set()

    async def _finish(self) -> None:
        """Report the end, after the last words. The server may be away: the seat says so until it has everything."""
        with suppress(asyncio.TimeoutError):
            self._look_for_transcripts()
            await within(LAST_WORDS_SECONDS, asyncio.gather(*(feed.caught_up() for feed in self._feeds.values())))
        for feed in self._feeds.values():
            await feed.flush()
        await self._publisher.room()
        self._catch_up()
        self._put(self.agent.gone())
        self._deliver()
        if self._clean:
            self._put((StatusChange("finished", "completed"), Terminated(0)))
        else:
            self._put((StatusChange("offline", "lost"), Terminated(None, None, "lost")))
        await self._publisher.flush()
        self._take_seat(ended=True)

    def _take_seat(self, ended: bool = False) -> None:
        running = self.running
        seat = Seat(running.process, running.cwd, running.session, ended)
        self.positions.put_seat(self.place.key, seat)

    def _put(self, messages: Iterable[Message]) -> None:
        try:
            for message in messages:
                if told := limited(message, self.reporting.detail):
                    self._queue(told)
        except Refused as refused:
            self._refused = refused
            self._gone.set()

    def _queue(self, message: Message) -> None:
        """While the server is away for long, only the newest is kept of what replaces itself."""
        match message:
            case StatusChange() | Context() | Plan() if self._outbox.full:
                self._newest[message.type] = message
            case Usage(session) if self._outbox.full:
                self._newest[f"{message.type} {session}"] = message
            case _:
                self._publisher.put(message)

    def _catch_up(self) -> None:
        newest = [*self._newest.values()]
        self._newest.clear()
        self._put(newest)

    def _deliver(self) -> None:
        """Give hooks their answers; one that doesn't read yet gets it the next time."""
        left = []
        for event, text in self.agent.answers:
            if not self.spool.waits(event):
                if text:
                    self._publisher.put(Output(TOO_LATE, "system"))
            elif not self.spool.answer(event, text):
                left.append((event, text))
        self.agent.answers[:] = left

    async def _listen(self) -> None:
        """What people do on the page."""
        place = self.place
        async for command in commands(place.api, place.agent_id, place.newest, self.agent.requests, place.connection):
            match command:
                case Resolved(request_id, resolution):
                    self._put(self.agent.resolved(request_id, resolution))
                    self._deliver()
                case Forgotten(request_id):
                    self._put(self.agent.requests.repeat(request_id))
                case Input() | Signal():
                    self._publisher.put(Output(CANNOT_TYPE, "system"))

    async def _answered_meanwhile(self, request_id: str) -> None:
        """The request may have been answered while no collector ran."""
        await self._publisher.flush()
        with suppress(NotFound):
            found = await persistently(lambda: self.place.api.request(self.place.agent_id, request_id))
            if "resolution" in found:
                self._put(self.agent.resolved(request_id, Resolution.of(found["resolution"])))
                self._deliver()

    # Transcripts

    async def _follow(self) -> None:
        """Publish each transcript of the agent, as it appears."""
        while True:
            self._look_for_transcripts()
            await beat(LOOK_SECONDS)

    def _look_for_transcripts(self) -> None:
        for transcript in self.source.transcripts(self.running, self._feeds):
            if transcript.path not in self._feeds:
                feed = self._feeds[transcript.path] = self._feed(transcript)
                self._reading.append(self._tasks.create_task(feed.run()))

    def _feed(self, transcript: Transcript) -> Feed:
        detail = self.reporting.detail
        path = transcript.path
        return Feed(
            path,
            f"{self.source.tool} {self.place.agent_id} {path.name} {detail.value}",
            self.positions,
            lambda producer: self._publish(Outbox(producer=producer)),
            transcript.translator,
            lambda record: self._put(self.agent.heard(record, transcript)),
            lambda message: limited(message, detail),
            self._since,
        )

    def _since(self) -> float:
        """Nothing from before this moment is published, because the agent began or the user connected then. A moment in
        the future doesn't count: the clock has been set back."""
        now = time.time()
        moments = (self.running.began - EARLY_SECONDS, self.positions.since)
        past = [moment for moment in moments if moment <= now]
        return min(max(past, default=now - LATE_SECONDS), self.backfill_after)

    def _publish(self, outbox: Outbox, lease: bool = False) -> Publisher:
        api = self.place.api
        # Each message must be one event, because a feed's events have the same numbers every time.
        return Publisher(
            api.url,
            api.token,
            self.place.agent_id,
            lease=lease,
            insecure=api.insecure,
            outbox=outbox,
            redact=self.place.redactor,
            complete=True,
            connection=self.place.connection,
        )

    async def _label(self) -> None:
        """Keep the agent's labels up to date."""
        place = self.place
        while True:
            await beat(LABELS_SECONDS)
            if (labels := limited_labels(self.agent.labels, self.reporting.detail)) != self._told_labels:
                found = {"title": None, **redacted_labels(self.place.redactor, labels)}
                with suppress(Refused):
                    await persistently(partial(place.api.register, place.workspace_id, place.key, labels=found))
                self._told_labels = labels
