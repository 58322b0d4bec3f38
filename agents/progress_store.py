"""What agents are in the middle of, for one transaction: recorded on their streams, kept for their states, saved."""

import json
import uuid
from collections import defaultdict
from collections.abc import Collection
from enum import StrEnum
from typing import Any

from django.db.models import Model, OuterRef, Subquery

from agents.changes import agent_stream
from agents.events import Plan, Session, Terminated, Usage
from agents.models import Agent, Progress
from agents.models import Session as StoredSession
from agents.progress import SessionChange
from streams.log import Writer
from streams.protocol import clock

CHUNK = 500  # names in one query
REPLACED = "replaced"  # the outcome of a session in whose place another began
KEPT = ["payload", "first_seq", "changed_seq", "last_seq", "started_at", "ended_at", "outcome"]

ProgressEvent = Session | Plan | Usage


class ProgressStore:
    """Sessions, plans and usage of agents that the transaction has locked."""

    def __init__(self) -> None:
        self._sessions: defaultdict[uuid.UUID, dict[str, StoredSession]] = defaultdict(dict)
        self._current: dict[uuid.UUID, StoredSession | None] = {}
        self._changed: dict[int, StoredSession] = {}  # by identity: new ones have no key yet
        self._told: dict[str, dict[uuid.UUID, str]] = {"plan": {}, "usage": {}}

    def load(self, agent_id: uuid.UUID, named: Collection[str] = ()) -> None:
        """Read the sessions of these names, and the one that the agent is in."""
        known = self._sessions[agent_id]
        missing = sorted(set(named) - known.keys())
        for start in range(0, len(missing), CHUNK):
            for row in StoredSession.objects.filter(agent=agent_id, name__in=missing[start : start + CHUNK]):
                known[row.name] = row
        if agent_id not in self._current:
            newest = StoredSession.objects.filter(agent=agent_id).order_by("-changed_seq").first()
            self._current[agent_id] = newest and known.setdefault(newest.name, newest)

    def record(self, writer: Writer, agent: Agent, event: ProgressEvent) -> None:
        """Record an event; what was loaded must be all that it names."""
        if isinstance(event, Session):
            event = self._completed(agent, event)
        seq = writer.append(agent_stream(agent.pk), event.type, event.encode(agent.pk))
        match event:
            case Session():
                self._change(writer, agent, event, seq)
            case Plan():
                self._told["plan"][agent.pk] = event.fields
            case Usage():
                self._told["usage"][agent.pk] = event.fields

    def end(self, writer: Writer, agent: Agent, end: Terminated) -> None:
        """The agent's process has ended, and with it the session it was in."""
        row = self._current[agent.pk]
        if row is not None and row.outcome in ("", SessionChange.ENDED):
            self._close(writer, row, end.reason, writer.head(agent_stream(agent.pk)))

    def _completed(self, agent: Agent, event: Session) -> Session:
        """The event with what was told of its session before, so that it alone is the agent's state."""
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
        rows = list(self._changed.values())
        for row in rows:
            row.pk = None  # what tells whether it is there already is its name
        _upsert(StoredSession, rows, ["agent", "name"], KEPT)
        for field, told in self._told.items():
            _upsert(Progress, [Progress(agent_id=pk, **{field: told[pk]}) for pk in sorted(told)], ["agent"], [field])


def _upsert(model: type[Model], rows: list[Any], unique: list[str], fields: list[str]) -> None:
    if rows:
        model._default_manager.bulk_create(
            rows, update_conflicts=True, unique_fields=unique, update_fields=fields, batch_size=CHUNK
        )


def progress_of(agent_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, dict[str, Any]]:
    """What the agents' own states say beside what lists show: `session`, `plan`, `usage`, each where it is known."""
    newest = StoredSession.objects.filter(agent=OuterRef("pk")).order_by("-changed_seq")
    agents = Agent.objects.filter(pk__in=agent_ids).annotate(session=Subquery(newest.values("payload")[:1]))
    rows = agents.values_list("pk", "session", "progress__plan", "progress__usage")
    return {
        pk: {name: json.loads(text) for name, text in zip(("session", "plan", "usage"), texts, strict=True) if text}
        for pk, *texts in rows
    }
