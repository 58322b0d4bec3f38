"""What producers publish: read from JSON in slices that hold no event loop for long, and stored, many publications in
one transaction, each on its own terms."""

import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Annotated, Any

import msgspec
from django.db import transaction
from msgspec import Meta, Raw

from accounts import audit
from accounts.actor import Actor
from accounts.audit import Action, Deed
from agents.events import AgentEvent, Context, Input, Signal, StatusChange, StatusReport, Terminated, parse_event
from agents.models import Agent, Status
from agents.recency import find_archived, find_homes, note_heard
from streams.conf import conf
from streams.log import Writer
from streams.protocol import clock
from streams.protocol.clock import timestamp
from streams.protocol.limits import Turn
from streams.protocol.messages import BIGINT, Code, ProtocolError, brief, decode, stream_name
from workspaces.events import Change
from workspaces.quotas import Tally
from workspaces.services import record, workspace_stream

ALWAYS_TAKEN = (Signal, StatusReport, Terminated)  # without a producer
PRODUCER = r"[\x21-\x7e]{1,64}"


def agent_stream(agent_id: uuid.UUID) -> str:
    return stream_name("agent", agent_id)


def agent_state(agent: Agent) -> dict[str, Any]:
    """An agent as the API and subscribers get it."""
    state: dict[str, Any] = {
        "id": str(agent.pk),
        "workspaceId": str(agent.workspace_id),
        "name": agent.name,
        "labels": agent.labels,
        "status": agent.status,
        "contextLevel": agent.context_level,
        "createdAt": timestamp(clock.as_milliseconds(agent.created_at)),
        "updatedAt": timestamp(clock.as_milliseconds(agent.updated_at)),
    }
    optional = {
        "key": agent.key,
        "reason": agent.reason or None,
        "tokensUsed": agent.tokens_used,
        "tokensLimit": agent.tokens_limit,
    }
    return state | {key: value for key, value in optional.items() if value is not None}


@dataclass(frozen=True)
class Publication:
    """Events for one agent. With a producer, `n` is the number of the first; the others follow it.

    `lease` renews the producer's lease on the agent, which `agent:terminated` from the same producer ends. `actor` is
    who sends input or a signal, for the audit log: what is stored together comes from many.
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
        return self.lease or any(isinstance(event, StatusReport | Context | Terminated) for event in self.events)

    @property
    def renews(self) -> bool:
        # Not even a retry of its last words brings back a runner that has ended.
        return self.lease and not any(isinstance(event, Terminated) for event in self.events)


@dataclass(frozen=True, slots=True)
class Published:
    """What has been stored: the producer's highest number (0 without one), the last event's seq, and for how many
    seconds the lease holds, if one was renewed."""

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
    lease: Annotated[bool, Meta(description="the agent's runner is there; events may then be empty")] = False


async def read_publication(agent_id: uuid.UUID, text: bytes | Raw) -> Publication:
    """A publication from its JSON text. Raises ProtocolError (INVALID_JSON, INVALID_MESSAGE, TOO_LARGE)."""
    payload = decode(PublishPayload, text)
    return await _publication(agent_id, payload.producer, payload.events, payload.lease)


async def read_lines(agent_id: uuid.UUID, producer: str, text: bytes) -> Publication:
    """A publication from NDJSON, an event a line. Raises ProtocolError like `read_publication`."""
    _check_count(text.count(b"\n"))
    lines = [line for line in text.split(b"\n") if line.strip()]
    items = [decode(Item, line, f"events.{index}") for index, line in enumerate(lines)]
    return await _publication(agent_id, producer, items, lease=False)


async def _publication(agent_id: uuid.UUID, producer: str, items: Sequence[Item], lease: bool) -> Publication:
    if not re.fullmatch(PRODUCER, producer):
        problem = f"producer: expected 1 to 64 visible characters of ASCII, got {brief(producer)}"
        raise ProtocolError(Code.INVALID_MESSAGE, problem)
    if not items and not lease:
        raise ProtocolError(Code.INVALID_MESSAGE, "events: expected at least one, or a lease to renew")
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
        event.encode(agent_id)  # too large is found out now, not in the middle of somebody's transaction
        events.append(event)
        await turn.passed_on()
    return events


class Store:
    """One transaction's work. Rows are locked in one order by everyone: agents by id, then streams by name."""

    def __init__(self, publications: Sequence[Publication]) -> None:
        self._publications = publications
        changing = {publication.agent_id for publication in publications if publication.changes_agent}
        changing |= find_archived({publication.agent_id for publication in publications if publication.events})
        rows = Agent.objects.select_for_update().filter(pk__in=changing).order_by("pk") if changing else ()
        self._agents = {agent.pk: agent for agent in rows}
        self._changed: set[uuid.UUID] = set()
        self._heard: set[uuid.UUID] = set()
        self._leased: set[uuid.UUID] = set()
        self._homes = find_homes({publication.agent_id for publication in publications if publication.events})
        self._tally = Tally()
        self._told: list[tuple[Publication, Input | Signal, int]] = []  # with the seq of each

    @property
    def stream_names(self) -> set[str]:
        names = {publication.stream for publication in self._publications}
        return names | {workspace_stream(agent.workspace_id) for agent in self._agents.values()}

    def run(self, writer: Writer) -> list[Published | ProtocolError]:
        """Store what is new in each publication. A refused one changes nothing and leaves the others alone.

        Raises OutdatedError where the transaction has to be run again.
        """
        writer.load_progress(
            [(item.stream, item.producer) for item in self._publications if item.producer and item.stream in writer]
        )
        outcomes = [self._publish(writer, publication) for publication in self._publications]
        self._tally.store()
        if self._told:
            audit.record_many(self._deeds())
        self._save(self._changed, ["status", "reason", "context_level", "tokens_used", "tokens_limit", "updated_at"])
        self._save(self._leased, ["lease_holder", "lease_until"])
        for pk in sorted(self._heard & self._agents.keys()):
            if self._agents[pk].archived_at is not None:
                restore(writer, self._agents[pk])
        transaction.on_commit(lambda: note_heard(self._heard))
        return outcomes

    def _deeds(self) -> list[Deed]:
        """What people have told agents, for the audit log."""
        agents = Agent.objects.filter(pk__in={publication.agent_id for publication, _, _ in self._told})
        known = {agent.pk: agent for agent in agents}
        return [_deed(known[publication.agent_id], publication, event, seq) for publication, event, seq in self._told]

    def _save(self, keys: set[uuid.UUID], fields: list[str]) -> None:
        if keys:
            Agent.objects.bulk_update([self._agents[pk] for pk in sorted(keys)], fields)

    def _publish(self, writer: Writer, publication: Publication) -> Published | ProtocolError:
        if publication.stream not in writer:
            return ProtocolError(Code.NOT_FOUND, f"there is no agent {publication.agent_id}")
        if publication.producer:
            return self._publish_numbered(writer, publication, publication.producer)
        if refused := self._refusal(publication):
            return refused
        self._store(writer, publication, publication.events)
        return Published(publication.agent_id, 0, writer.head(publication.stream))

    def _publish_numbered(self, writer: Writer, publication: Publication, producer: str) -> Published | ProtocolError:
        progress = writer.progress(publication.stream, producer)
        lease = conf().LEASE if publication.lease else None
        expected = progress.n + 1
        new = publication.last_n >= expected
        if publication.n > expected:
            return ProtocolError(
                Code.INVALID_MESSAGE, f"expected n {expected} next from this producer, got {publication.n}"
            )
        if new and (refused := self._refusal(publication)):
            return refused
        if publication.renews:
            self._lease(publication, clock.as_datetime(writer.time + int(conf().LEASE * 1000)))
        if not new:  # a retry: stored already
            return Published(publication.agent_id, progress.n, progress.seq, lease)
        self._store(writer, publication, publication.events[expected - publication.n :])
        writer.advance(publication.stream, producer, publication.last_n)
        return Published(publication.agent_id, publication.last_n, writer.head(publication.stream), lease)

    def _store(self, writer: Writer, publication: Publication, events: Sequence[AgentEvent]) -> None:
        self._heard.add(publication.agent_id)
        for event in events:
            self._record(writer, publication, event)

    def _refusal(self, publication: Publication) -> ProtocolError | None:
        """Why the publication's workspace takes no more today. What the server says itself, and a signal to an agent,
        which may be what stops it, are always taken."""
        if publication.producer is None and all(isinstance(event, ALWAYS_TAKEN) for event in publication.events):
            return None
        home = self._homes.get(publication.agent_id)
        return None if home is None else self._tally.admit(home)

    def _append(self, writer: Writer, agent_id: uuid.UUID, type_: str, text: str) -> None:
        writer.append(agent_stream(agent_id), type_, text)
        home = self._homes.get(agent_id)
        if home is not None:
            self._tally.add(home, text)

    def _record(self, writer: Writer, publication: Publication, event: AgentEvent) -> None:
        agent_id = publication.agent_id
        match event:
            case StatusReport():
                self._change_status(writer, self._agents[agent_id], event)
            case Context():
                self._change_context(writer, self._agents[agent_id], event)
            case _:
                self._append(writer, agent_id, event.type, event.encode(agent_id))
        if isinstance(event, Input | Signal):
            self._told.append((publication, event, writer.head(publication.stream)))
        # The end of a run, unless another has taken over. Without a producer it is the server's own word.
        if isinstance(event, Terminated) and publication.producer in (None, self._agents[agent_id].lease_holder):
            self._lease(publication, None)

    def _lease(self, publication: Publication, until: datetime | None) -> None:
        agent = self._agents[publication.agent_id]
        agent.lease_holder, agent.lease_until = publication.producer if until and publication.producer else "", until
        self._leased.add(agent.pk)

    def _change_status(self, writer: Writer, agent: Agent, report: StatusReport) -> None:
        if report.status == agent.status:
            return
        change = StatusChange(status=report.status, reason=report.reason, previous_status=Status(agent.status))
        agent.status, agent.reason = report.status, report.reason or ""
        self._changed_agent(writer, agent, change, Change.AGENT_STATUS)

    def _change_context(self, writer: Writer, agent: Agent, context: Context) -> None:
        agent.context_level = context.context_level
        agent.tokens_used, agent.tokens_limit = context.tokens_used, context.tokens_limit
        self._changed_agent(writer, agent, context, Change.AGENT_CONTEXT)

    def _changed_agent(self, writer: Writer, agent: Agent, event: AgentEvent, change: Change) -> None:
        agent.updated_at = clock.as_datetime(writer.time)
        self._changed.add(agent.pk)
        self._append(writer, agent.pk, event.type, event.encode(agent.pk))
        data = {"agentId": str(agent.pk), **event.model_dump(mode="json", by_alias=True, exclude_none=True)}
        record(writer, agent.workspace_id, change, data)


def _deed(agent: Agent, publication: Publication, event: Input | Signal, seq: int) -> Deed:
    """What somebody has told an agent; not in which words, which may be secret: the agent's stream has them."""
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
    """Bring a locked agent back from the archive: it has been heard of. Its workspace's stream must be locked."""
    agent.archived_at = None
    agent.save(update_fields=["archived_at"])
    record(writer, agent.workspace_id, Change.AGENT_ADDED, agent_state(agent))
