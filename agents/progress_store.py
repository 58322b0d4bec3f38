"""The sessions, plans and usage of agents in one transaction: recorded on their streams and saved."""

import json
import uuid
from collections import defaultdict
from collections.abc import Collection, Sequence
from enum import StrEnum
from typing import Any

from django.db.models import OuterRef, Subquery

from agents.changes import agent_stream
from agents.events import AgentEvent, Plan, Session, Terminated, Usage
from agents.models import Agent, Progress
from agents.models import Session as StoredSession
from agents.progress import SessionChange
from agents.upsert import upsert
from agents.usage_store import UsageStore
from streams.database import in_chunks
from streams.log import Writer
from streams.protocol import clock
from workspaces.events import Change
from workspaces.services import record

RUN = "run:"  # begins the name of a session that is a producer's run
REPLACED = "replaced"  # the outcome of a session that was replaced by another
KEPT = ["payload", "first_seq", "changed_seq", "last_seq", "started_at", "ended_at", "outcome"]

ProgressEvent = Session | Plan | Usage


class ProgressStore:
    """The sessions, plans and usage of agents locked by the transaction."""

    def __init__(self) -> None:
        self._sessions: defaultdict[uuid.UUID, dict[str, StoredSession]] = defaultdict(dict)
        self._current: dict[uuid.UUID, StoredSession | None] = {}
        self._changed: dict[int, StoredSession] = {}  # by identity: new ones have no key yet
        self._usage: UsageStore | None = None  # created when a publication reports usage
        self._told: dict[str, dict[uuid.UUID, str]] = {"plan": {}, "usage": {}}

    def load(self, agent_id: uuid.UUID, events: Sequence[AgentEvent]) -> None:
        """Read the sessions that the events name, and the agent's current one."""
        named = {event.session for event in events if isinstance(event, Session | Usage) and event.session}
        known = self._sessions[agent_id]
        missing = sorted(named - known.keys())
        for some in in_chunks(missing):
            for row in StoredSession.objects.filter(agent=agent_id, name__in=some):
                known[row.name] = row
        if used := [event for event in events if isinstance(event, Usage)]:
            self._usage = self._usage or UsageStore()
            self._usage.load(agent_id, {event.session for event in used if event.session})
        if agent_id not in self._current:
            newest = StoredSession.objects.filter(agent=agent_id).order_by("-changed_seq").first()
            self._current[agent_id] = newest and known.setdefault(newest.name, newest)

    def record(self, writer: Writer, agent: Agent, event: ProgressEvent, producer: str = "") -> None:
        """Record an event passed to `load` before. Usage without a session counts for the agent's current one or, if
        there is none, for the producer's run."""
        if isinstance(event, Session):
            event = self._completed(agent, event)
        seq = writer.append(agent_stream(agent.pk), event.type, event.encode(agent.pk))
        match event:
            case Session():
                self._change(writer, agent, event, seq)
            case Plan():
                self._told["plan"][agent.pk] = event.fields
            case Usage():
                if agent.pk not in self._told["usage"]:  # workspaces hear of it once per transaction
                    record(writer, agent.workspace_id, Change.AGENT_USAGE, {"agentId": str(agent.pk)})
                self._told["usage"][agent.pk] = event.fields
                self._count(writer, agent, event, producer)

    def _count(self, writer: Writer, agent: Agent, event: Usage, producer: str) -> None:
        current = self._current[agent.pk]
        assert self._usage is not None
        name = event.session or (current.name if current and not current.outcome else f"{RUN}{producer}")
        self._usage.load(agent.pk, [name])
        row = self._sessions[agent.pk].get(name)
        model = event.model or (json.loads(row.payload).get("model") if row else None) or ""
        self._usage.record(agent.pk, name, clock.as_datetime(writer.time).date(), model, event)

    def end(self, writer: Writer, agent: Agent, end: Terminated) -> None:
        """End the agent's current session with its process."""
        row = self._current[agent.pk]
        if row is not None and row.outcome in ("", SessionChange.ENDED):
            self._close(writer, row, end.reason, writer.head(agent_stream(agent.pk)))

    def _completed(self, agent: Agent, event: Session) -> Session:
        """The event with its session's earlier fields, so that it is the agent's whole `session` state."""
        row = self._sessions[agent.pk].get(event.session)
        return Session.model_validate(json.loads(row.payload) | event.state()) if row else event

    def _change(self, writer: Writer, agent: Agent, event: Session, seq: int) -> None:
        before = self._current[agent.pk]
        row = self._sessions[agent.pk].get(event.session)
        now = clock.as_datetime(writer.time)
        if before is not None and before is not row and not before.outcome:
            self._close(writer, before, REPLACED, seq - 1)
        if row is None:
            row = StoredSession(agent=agent, name=event.session, first_seq=seq, started_at=now)
            self._sessions[agent.pk][row.name] = row
        row.payload = event.fields
        row.changed_seq, row.last_seq, row.ended_at, row.outcome = seq, None, None, ""
        self._current[agent.pk] = row
        self._changed[id(row)] = row
        if event.change is SessionChange.ENDED:
            self._close(writer, row, SessionChange.ENDED, seq)

    def _close(self, writer: Writer, row: StoredSession, outcome: StrEnum | str, seq: int) -> None:
        row.outcome, row.last_seq, row.ended_at = str(outcome), seq, clock.as_datetime(writer.time)
        self._changed[id(row)] = row

    def save(self) -> None:
        if self._changed:
            upsert(StoredSession, self._changed.values(), ["agent", "name"], KEPT)
        for field, told in self._told.items():
            if told:
                rows = [Progress(agent_id=pk, **{field: told[pk]}) for pk in sorted(told)]
                upsert(Progress, rows, ["agent"], [field])
        if self._usage is not None:
            self._usage.save()


def progress_of(agent_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, dict[str, Any]]:
    """The parts of agents' states that lists omit: `session`, `plan` and `usage`, where known."""
    newest = StoredSession.objects.filter(agent=OuterRef("pk")).order_by("-changed_seq")
    agents = Agent.objects.filter(pk__in=agent_ids).annotate(session=Subquery(newest.values("payload")[:1]))
    rows = agents.values_list("pk", "session", "progress__plan", "progress__usage")
    return {
        pk: {name: json.loads(text) for name, text in zip(("session", "plan", "usage"), texts, strict=True) if text}
        for pk, *texts in rows
    }
