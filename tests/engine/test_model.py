"""Whatever happens in whatever order, a cursor delivers events without gaps, repetition or disorder.

Hypothesis drives the real engine (consumer, session, connection, hub, feed, windows, reader, page cache) on a loop
with a virtual clock. Beneath it are an in-memory log that may be slow or fail in any way, and a channel layer that
loses, repeats and reorders messages, and may hang. Each client checks every message as it comes; once nothing is on its
way and a round of the clock has passed, what it holds is compared with the log.
"""

import contextlib
import uuid
from collections.abc import Callable
from typing import Any
from unittest import mock

from channels.layers import channel_layers
from django.db import DataError, OperationalError
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from streams.conf import conf
from streams.database import NotMigratedError, UnavailableError
from streams.hub.hub import JOIN_SECONDS
from streams.runtime import Runtime
from tests.engine.client import Client, time_of
from tests.engine.fakes import INSTANT, ROOMY, Answers, Layer, Log, Message, Person, ProbeKind, Stream
from tests.engine.virtual import VirtualLoop

STREAMS = 2
CLIENTS = 4
PAGE = 4  # events in a page of the log, so that few events make many pages
WINDOW = 6  # events in a feed's window, few for the same reason

FAILURES = [None, UnavailableError, NotMigratedError, DataError, OperationalError, ZeroDivisionError]
HANGING = (Answers.NEVER, Answers.NEVER_THOUGH_DONE)

RUNS = settings(
    max_examples=200, stateful_step_count=50, derandomize=True, deadline=None, database=None,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip

stream_index = st.integers(0, STREAMS - 1)
client_index = st.integers(0, CLIENTS - 1)
any_index = st.integers(0, 1_000)
counts = st.integers(1, 3) | st.sampled_from([WINDOW + 1, 3 * WINDOW])


class Engine(RuleBasedStateMachine):
    """One server process, four clients, two streams."""

    def __init__(self) -> None:
        super().__init__()
        self.streams = [Stream(uuid.UUID(int=i + 1)) for i in range(STREAMS)]
        self.log = Log(self.streams)
        self.faults: list[str] = []  # what clients found wrong, and exceptions that nobody handled
        self.pending: list[Message] = []  # messages of the broker that are on their way
        self._stack = contextlib.ExitStack()
        self.loop = VirtualLoop()
        self.loop.set_exception_handler(lambda _, context: self.faults.append(str(context)))
        self.layer = Layer()
        before: Any = channel_layers.set("default", self.layer)
        # Had nobody used the real layer yet, None would stand in its place for all later tests.
        if before is None:
            self._stack.callback(channel_layers.backends.pop, "default")
        else:
            self._stack.callback(channel_layers.set, "default", before)
        for target, fake in self._fakes().items():
            self._stack.enter_context(mock.patch(target, fake))
        self.loop.run_until_complete(self._start())
        self.clients = [Client(self.loop, self.streams, self.faults) for _ in range(CLIENTS)]

    def _fakes(self) -> dict[str, Any]:
        return {
            "streams.log.spans": self.log.spans,
            "streams.log.read": self.log.read,
            "streams.log.times": self.log.times,
            "streams.log.snapshot": contextlib.nullcontext,
            "streams.database.in_thread": self.log.in_thread,
            "streams.hub.reader.PAGE_EVENTS": PAGE,
        }

    def teardown(self) -> None:
        try:
            self.everything_arrives()
        finally:
            self.loop.run_until_complete(self._close())
            self.loop.close()
            self._stack.close()

    @staticmethod
    async def _start() -> None:
        Runtime.start(kinds=[ProbeKind()], jobs=[], followers=[])

    async def _close(self) -> None:
        for client in self.clients:
            client.vanish()
        await Runtime.current().close()

    # The log and the broker

    @rule(index=stream_index, count=counts, carried=st.booleans())
    def append(self, index: int, count: int, carried: bool) -> None:
        """Events are committed; the message is on its way, with the events or without."""
        message = self.log.append(self.streams[index], count)
        self.pending.append(message if carried else {**message, "text": ""})

    @rule(index=any_index, keep=st.booleans())
    def deliver(self, index: int, keep: bool) -> None:
        """Any message of the broker arrives, early or late, perhaps not for the last time."""
        if self.pending:
            position = index % len(self.pending)
            self.layer.deliver(self.pending[position] if keep else self.pending.pop(position))

    @rule()
    def deliver_all(self) -> None:
        while self.pending:
            self.layer.deliver(self.pending.pop(0))

    @rule(index=any_index)
    def lose(self, index: int) -> None:
        if self.pending:
            self.pending.pop(index % len(self.pending))

    @rule(index=stream_index, keep=st.integers(0, 2 * WINDOW))
    def trim(self, index: int, keep: int) -> None:
        stream = self.streams[index]
        stream.floor = max(stream.floor, stream.head - keep)

    @rule(index=stream_index, lost=st.integers(1, 2 * WINDOW), rewritten=st.integers(0, 3 * WINDOW))
    def restore(self, index: int, lost: int, rewritten: int) -> None:
        """The database is put back to a backup, in a quiet moment, and perhaps written to soon.

        Not at once: an event that takes the number of a lost one before the hub has looked can't be told from it.
        """
        stream = self.streams[index]
        self.everything_arrives()
        del stream.times[max(stream.floor, stream.head - lost) :]
        stream.restored = True
        self.loop.pass_time(conf().POLL + 0.2)
        if rewritten:
            self.pending.append(self.log.append(stream, rewritten))

    # The clients

    @rule(who=client_index, index=stream_index, since=st.none() | st.integers(0, 40), at=st.booleans())
    def subscribe(self, who: int, index: int, since: int | None, at: bool) -> None:
        """From now on, from anywhere, or from beyond the newest; also when subscribed already (a rewind)."""
        stream = self.streams[index]
        known = since is not None and stream.floor < since <= stream.head
        self.clients[who].subscribe(stream, since, time_of(stream, since) if at and known and since else None)

    @rule(who=client_index, index=stream_index)
    def resume(self, who: int, index: int) -> None:
        """A client that has lost its connection comes back to where it was."""
        old, stream = self.clients[who], self.streams[index]
        view = old.views.get(str(stream.key))
        if view is not None:
            old.vanish()
            self.clients[who] = Client(self.loop, self.streams, self.faults)
            self.clients[who].subscribe(stream, view.seq, view.times[-1] if view.times else None)

    @rule(who=client_index, index=stream_index)
    def unsubscribe(self, who: int, index: int) -> None:
        self.clients[who].unsubscribe(self.streams[index])

    @rule(who=client_index, politely=st.booleans())
    def disconnect(self, who: int, politely: bool) -> None:
        client = self.clients[who]
        client.leave() if politely else client.vanish()
        self.clients[who] = Client(self.loop, self.streams, self.faults)

    @rule(who=client_index, room=st.integers(0, 3))
    def fill(self, who: int, room: int) -> None:
        """The reader takes so many more frames, and then no more."""
        self._drain(self.clients[who], room)

    @rule(who=client_index)
    def empty(self, who: int) -> None:
        self._drain(self.clients[who], ROOMY)

    @rule(who=client_index, index=stream_index, away=st.booleans())
    def fall_behind(self, who: int, index: int, away: bool) -> None:
        """More is written than the window holds while a reader stands still; perhaps it reads on in an outage."""
        self._drain(self.clients[who], 0)
        self.layer.deliver(self.log.append(self.streams[index], 2 * WINDOW))
        self.loop.pass_time(0.1)
        self.log.failure = UnavailableError if away else None
        self._drain(self.clients[who], 2)
        self.loop.pass_time(0.1)

    # The world

    @rule(seconds=st.sampled_from([0.0, 0.001, 0.02, 0.3, 1.1, 4.0, 15.0]))
    def wait(self, seconds: float) -> None:
        self.loop.pass_time(seconds)
        self._replace_the_stalled()

    @rule(latency=st.sampled_from([INSTANT, 0.01, 0.5, 3.0, 12.0]))
    def database_takes(self, latency: float) -> None:
        self.log.latency = latency

    @rule(failure=st.sampled_from(FAILURES))
    def database_raises(self, failure: Callable[[], Exception] | None) -> None:
        self.log.failure = failure

    @rule()
    def access_changes(self) -> None:
        """Word comes that the viewers' rights may have changed; they have not."""

        async def recheck() -> None:
            Runtime.current().hub.recheck([Person.id])

        self.loop.run_until_complete(recheck())

    @rule(answers=st.sampled_from(Answers))
    def channel_layer_answers(self, answers: Answers) -> None:
        """`group_add` and `group_discard` succeed, fail or hang."""
        self.layer.answers = answers

    def _drain(self, client: Client, room: int) -> None:
        async def drain() -> None:
            client.sink.drain(room)

        self.loop.run_until_complete(drain())

    def _replace_the_stalled(self) -> None:
        for who, client in enumerate(self.clients):
            if client.sink.code is not None:
                client.leave()
                self.clients[who] = Client(self.loop, self.streams, self.faults)

    @rule()
    def everything_arrives(self) -> None:
        """Nothing is on its way, readers read, everything answers: after a round of the clock nothing is missing."""
        self.pending.clear()
        self.log.failure, self.log.latency = None, INSTANT
        if self.layer.answers in HANGING:
            self.loop.pass_time(JOIN_SECONDS)  # for what was asked of the channel layer to be given up
        self.layer.answers = Answers.AT_ONCE
        for client in self.clients:
            self._drain(client, ROOMY)
        self.loop.pass_time(max(0.0, self.log.busy_until - self.loop.time()))  # what was asked before takes its time
        self._replace_the_stalled()
        self.loop.pass_time(conf().POLL + 0.2)
        assert not self.faults, self.faults
        for client in self.clients:
            self._complete(client)

    def _complete(self, client: Client) -> None:
        if client.task.done():
            client.task.result()
        assert not client.waiting, f"never answered: {client.waiting}"
        for stream in self.streams:
            view = client.views.get(str(stream.key))
            if view is None or str(stream.key) in client.refused:
                continue
            assert view.seq == stream.head, f"{stream.name} is at {stream.head}, the client at {view.seq}"
            retained = range(max(view.start, stream.floor) + 1, stream.head + 1)
            assert view.times[retained.start - view.start - 1 :] == [time_of(stream, seq) for seq in retained]


def test_a_cursor_delivers_without_gaps_whatever_happens(settings: Any) -> None:
    settings.STREAMS = {"WINDOW_EVENTS": WINDOW, "TRIM_EVERY": 1e9}
    run: Any = run_state_machine_as_test
    run(Engine, settings=RUNS)
