"""Publications: reading them from JSON without blocking the event loop, and storing many in one transaction.

A publication that is refused doesn't affect the others in its transaction.
"""

import re
import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any

import msgspec
from django.db import transaction
from msgspec import Meta, Raw

from accounts import audit
from accounts.actor import Actor
from accounts.audit import Action, Deed
from agents import leases
from agents.attachments import note_named
from agents.changes import AgentChanges, agent_stream
from agents.events import (
    AgentEvent,
    Context,
    Input,
    Output,
    Plan,
    Request,
    ResolutionReport,
    Session,
    Signal,
    StatusReport,
    Terminated,
    Usage,
    parse_event,
)
from agents.models import Agent, Status
from agents.progress_store import ProgressStore
from agents.recency import find_archived, find_homes, note_heard
from agents.request_store import RequestStore
from agents.states import agent_state
from streams.conf import conf
from streams.log import Writer
from streams.protocol import clock
from streams.protocol.limits import Turn
from streams.protocol.messages import BIGINT, Code, ProtocolError, brief, decode
from workspaces.events import Change
from workspaces.quotas import Committed, Tally
from workspaces.services import record

BUSY = (Status.RUNNING, Status.WAITING)  # never the status of an agent whose process has ended
ALWAYS_TAKEN = (Signal, StatusReport, Terminated)  # if sent without a producer
PRODUCER = r"[\x21-\x7e]{1,64}"


@dataclass(frozen=True)
class Publication:
    """Events for one agent. With a producer, `n` is the number of the first; the others follow it.

    `lease` renews the producer's lease on the agent, which `agent:terminated` from the same producer ends. `actor` is
    who sends input or a signal, for the audit log; each publication of a batch has its own.
    """

    agent_id: uuid.UUID
    events: Sequence[AgentEvent]
    producer: str | None = None
    n: int = 1
    lease: bool = False
    actor: Actor | None = None

    @cached_property
    def stream(self) -> str:
        return agent_stream(self.agent_id)

    @property
    def last_n(self) -> int:
        return self.n + len(self.events) - 1

    @property
    def changes_agent(self) -> bool:
        kinds = StatusReport | Context | Terminated | Request | ResolutionReport | Session | Plan | Usage
        return self.lease or any(isinstance(event, kinds) for event in self.events)

    @property
    def deals_with_requests(self) -> bool:
        return any(isinstance(event, Request | ResolutionReport | Terminated) for event in self.events)

    @property
    def deals_with_sessions(self) -> bool:
        return any(isinstance(event, Session | Usage | Terminated) for event in self.events)

    @property
    def renews(self) -> bool:
        # A retry of the final events must not revive a runner that has ended.
        return self.lease and not any(isinstance(event, Terminated) for event in self.events)


@dataclass(frozen=True, slots=True)
class Published:
    """What has been stored: the producer's highest number (0 without one), the last event's seq, and the seconds until
    the lease expires, if one was renewed."""

    agent_id: uuid.UUID
    n: int
    seq: int
    lease: float | None = None


class Item(msgspec.Struct, frozen=True):
    """One event of a publication; `n` counts the events of its producer from 1."""

    n: Annotated[int, Meta(ge=1, le=BIGINT)]
    type: str
    payload: Annotated[Raw, Meta(extra_json_schema={"type": "object"})]


class PublishPayload(msgspec.Struct, frozen=True):
    """Payload of `publish:agent`, and the body of `POST /api/agents/{id}/events`."""

    producer: Annotated[str, Meta(extra_json_schema={"pattern": PRODUCER})]
    events: list[Item]
    lease: Annotated[bool, Meta(description="renews the runner's lease; events may then be empty")] = False


async def read_publication(agent_id: uuid.UUID, text: bytes | Raw) -> Publication:
    """A publication from its JSON text. Raises ProtocolError (INVALID_JSON, INVALID_MESSAGE, TOO_LARGE)."""
    payload = decode(PublishPayload, text)
    return await _publication(agent_id, payload.producer, payload.events, payload.lease)


async def read_lines(agent_id: uuid.UUID, producer: str, text: bytes) -> Publication:
    """A publication from NDJSON, one event per line. Raises ProtocolError like `read_publication`."""
    _check_count(text.count(b"\n"))
    lines = [line for line in text.split(b"\n") if line.strip()]
    items = [decode(Item, line, f"events.{index}") for index, line in enumerate(lines)]
    return await _publication(agent_id, producer, items, lease=False)


async def _publication(agent_id: uuid.UUID, producer: str, items: Sequence[Item], lease: bool) -> Publication:
    if not re.fullmatch(PRODUCER, producer):
        problem = f"producer: expected 1 to 64 visible characters of ASCII, got {brief(producer)}"
        raise ProtocolError(Code.INVALID_MESSAGE, problem)
    if not items and not lease:
        raise ProtocolError(Code.INVALID_MESSAGE, "events: expected at least one event, or a lease to renew")
    _check_count(len(items))
    first = items[0].n if items else 1
    for offset, item in enumerate(items):
        if item.n != first + offset:
            raise ProtocolError(Code.INVALID_MESSAGE, f"events.{offset}.n: expected {first + offset}, got {item.n}")
    return Publication(agent_id, await _read_events(agent_id, items), producer, first, lease)


def _check_count(count: int) -> None:
    limit = conf().PUBLISH_EVENTS
    if count > limit:
        raise ProtocolError(Code.TOO_LARGE, f"expected at most {limit} events at once, got {count}")


async def _read_events(agent_id: uuid.UUID, items: Sequence[Item]) -> list[AgentEvent]:
    events: list[AgentEvent] = []
    turn = Turn()
    for index, item in enumerate(items):
        event = parse_event(item.type, item.payload, f"events.{index}")
        event.check_size()  # before the transaction that it shares
        events.append(event)
        await turn.passed_on()
    return events


class Store:
    """One transaction's work. Every transaction locks rows in the same order: agents by id, then streams by name."""

    def __init__(self, publications: Sequence[Publication], committed: Committed | None = None) -> None:
        self._publications = publications
        changing = {publication.agent_id for publication in publications if publication.changes_agent}
        publishing = {publication.agent_id for publication in publications if publication.events}
        changing |= find_archived(publishing)
        self._changes = AgentChanges(changing)
        self._heard: set[uuid.UUID] = set()
        # By agent: the seq of each attachment's newest event.
        self._attached: defaultdict[uuid.UUID, dict[uuid.UUID, int]] = defaultdict(dict)
        self._homes = find_homes(publishing)
        self._tally = Tally(committed or Committed.known())
        self._told: list[tuple[Publication, Input | Signal, int]] = []  # with the seq of each
        self._used: list[RequestStore | ProgressStore] = []

    @cached_property
    def _requests(self) -> RequestStore:
        store = RequestStore(self._changes)
        self._used.append(store)
        return store

    @cached_property
    def _progress(self) -> ProgressStore:
        store = ProgressStore()
        self._used.append(store)
        return store

    @property
    def stream_names(self) -> set[str]:
        return {publication.stream for publication in self._publications} | self._changes.workspace_streams

    def run(self, writer: Writer) -> list[Published | ProtocolError]:
        """Store what is new in each publication. A refused one changes nothing and leaves the others alone.

        Raises OutdatedError where the transaction has to be run again.
        """
        writer.load_progress(
            [(item.stream, item.producer) for item in self._publications if item.producer and item.stream in writer]
        )
        outcomes = [self._publish(writer, publication) for publication in self._publications]
        if self._told:
            audit.record_many(self._deeds())
        self._changes.save()
        for store in self._used:
            store.save()
        for agent_id, named in self._attached.items():
            note_named(agent_id, named)
        for pk in sorted(self._heard & self._changes.agents.keys()):
            if self._changes.agents[pk].archived_at is not None:
                restore(writer, self._changes.agents[pk])
        self._tally.store()  # last, because it blocks the workspace's other publishers
        transaction.on_commit(lambda: note_heard(self._heard))
        return outcomes

    def _deeds(self) -> list[Deed]:
        """The inputs and signals that people sent, for the audit log."""
        agents = Agent.objects.filter(pk__in={publication.agent_id for publication, _, _ in self._told})
        known = {agent.pk: agent for agent in agents}
        return [_deed(known[publication.agent_id], publication, event, seq) for publication, event, seq in self._told]

    def _publish(self, writer: Writer, publication: Publication) -> Published | ProtocolError:
        try:
            return self._store(writer, publication)
        except ProtocolError as error:
            return error

    def _store(self, writer: Writer, publication: Publication) -> Published:
        """Raises ProtocolError before anything is changed."""
        name = publication.stream
        if name not in writer:
            raise ProtocolError(Code.NOT_FOUND, f"there is no agent {publication.agent_id}")
        events = publication.events
        lease = conf().LEASE if publication.lease else None
        if publication.producer:
            progress = writer.progress(name, publication.producer)
            expected = progress.n + 1
            if publication.n > expected:
                raise ProtocolError(
                    Code.INVALID_MESSAGE, f"expected n {expected} next from this producer, got {publication.n}"
                )
            if publication.last_n < expected:  # a retry that is already stored
                self._renew(writer, publication)
                return Published(publication.agent_id, progress.n, progress.seq, lease)
            events = events[expected - publication.n :]
        self._admit(publication)
        self._heard.add(publication.agent_id)
        if publication.deals_with_requests:
            self._load_requests(publication.agent_id, events)
        if publication.deals_with_sessions:
            self._progress.load(publication.agent_id, events)
        self._renew(writer, publication)
        self._count(publication.agent_id, events)
        for event in events:
            self._record(writer, publication, event)
        if publication.producer:
            writer.advance(name, publication.producer, publication.last_n)
            return Published(publication.agent_id, publication.last_n, writer.head(name), lease)
        return Published(publication.agent_id, 0, writer.head(name))

    def _admit(self, publication: Publication) -> None:
        """Raise ProtocolError (RATE_LIMITED) if the publication's workspace has used up its quota. The server's own
        reports, and signals, which may stop an agent, are always accepted."""
        if publication.producer is None and all(isinstance(event, ALWAYS_TAKEN) for event in publication.events):
            return
        home = self._homes.get(publication.agent_id)
        if home is not None:
            self._tally.admit(home)

    def _count(self, agent_id: uuid.UUID, events: Sequence[AgentEvent]) -> None:
        home = self._homes.get(agent_id)
        if home is not None:
            self._tally.add(home, len(events), sum(event.size for event in events))

    def _load_requests(self, agent_id: uuid.UUID, events: Sequence[AgentEvent]) -> None:
        """Read the requests that the events concern. Raises ProtocolError (INVALID_MESSAGE) for too many at once."""
        named = {event.request_id for event in events if isinstance(event, Request | ResolutionReport)}
        self._requests.load(agent_id, sorted(named))
        self._requests.check_room(agent_id, events)

    def _record(self, writer: Writer, publication: Publication, event: AgentEvent) -> None:
        match event:
            case StatusReport():
                self._changes.set_status(writer, self._agent(publication), event)
            case Context():
                self._changes.set_context(writer, self._agent(publication), event)
            case Request():
                self._requests.ask(writer, self._agent(publication), event, publication.producer or "")
            case ResolutionReport():
                self._requests.report(writer, self._agent(publication), event)
            case Session() | Plan() | Usage():
                self._progress.record(writer, self._agent(publication), event, publication.producer or "")
            case Terminated():
                self._end(writer, publication, event)
            case Output(attachments=[*files]):
                seq = writer.append(publication.stream, event.type, event.encode(publication.agent_id))
                self._attached[publication.agent_id] |= {file.id: seq for file in files}
            case _:
                writer.append(publication.stream, event.type, event.encode(publication.agent_id))
        if isinstance(event, Input | Signal):
            self._told.append((publication, event, writer.head(publication.stream)))

    def _agent(self, publication: Publication) -> Agent:
        return self._changes.agents[publication.agent_id]

    def _renew(self, writer: Writer, publication: Publication) -> None:
        if publication.renews and publication.producer:
            until = clock.as_datetime(writer.time + int(conf().LEASE * 1000))
            agent = self._agent(publication)
            if agent.lease_holder != publication.producer:
                leases.take_over(agent, publication.producer)
            self._changes.set_lease(agent, publication.producer, until)

    def _end(self, writer: Writer, publication: Publication, event: Terminated) -> None:
        """End a run. If another producer has taken over, its run continues. Without a producer, the server ends it."""
        agent, producer = self._agent(publication), publication.producer
        if producer in (None, agent.lease_holder):
            self._changes.set_lease(agent, "", None)
        replaced = producer if agent.lease_holder else None
        if replaced is None and agent.status in BUSY:
            self._changes.set_status(writer, agent, event.status_report)
        writer.append(publication.stream, event.type, event.encode(publication.agent_id))
        if replaced is not None:
            leases.end(agent, replaced)
            self._requests.withdraw(writer, agent, {replaced})
        else:
            leases.end(agent)
            self._requests.withdraw_all(writer, agent)
            self._progress.end(writer, agent, event)


def _deed(agent: Agent, publication: Publication, event: Input | Signal, seq: int) -> Deed:
    """An input or signal as an audit entry. The text of an input may be secret, so it isn't included."""
    detail: dict[str, Any] = {"agentId": str(agent.pk), "seq": seq}
    match event:
        case Input():
            action, detail["characters"] = Action.INPUT_SENT, len(event.content)
        case Signal(signal="interrupt"):
            action = Action.INTERRUPTED
        case Signal():
            action = Action.STOPPED
    return Deed(action, agent.workspace_id, agent.name, detail, publication.actor)


def restore(writer: Writer, agent: Agent) -> None:
    """Restore a locked agent from the archive, because it has published. Its workspace's stream must be locked."""
    agent.archived_at = None
    agent.save(update_fields=["archived_at"])
    record(writer, agent.workspace_id, Change.AGENT_ADDED, agent_state(agent))
