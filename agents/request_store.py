"""Stores the requests of one transaction: each is asked once, resolved once, recorded on both streams and saved."""

import json
import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db.models import Q
from django.db.models.functions import Length

from accounts import audit
from accounts.actor import Actor
from accounts.audit import Action, Deed
from agents import models
from agents.changes import AgentChanges, agent_stream, record_for
from agents.events import AgentEvent, Request, Resolution, ResolutionReport, StatusReport
from agents.models import Agent, Status
from agents.requests import Answer, RequestFields, RequestKind, ResolutionOutcome
from streams import log
from streams.database import IN_ONE_QUERY, in_chunks
from streams.log import Writer
from streams.protocol import clock
from streams.protocol.clock import timestamp
from streams.protocol.messages import Code, ProtocolError
from workspaces.events import Change

MAX_OPEN = 100  # open requests of one agent
STATE_BYTES = 65_536  # of open requests in one state, which must fit one WebSocket frame


@dataclass(frozen=True, slots=True)
class GivenAnswer:
    """A user's answer to a request."""

    agent_id: uuid.UUID
    request_id: str
    answer: Answer
    actor: Actor


class RequestStore:
    """The requests of agents locked by the transaction, so that no other asks or answers at the same time."""

    def __init__(self, changes: AgentChanges) -> None:
        self._changes = changes
        self._known: defaultdict[uuid.UUID, dict[str, models.Request]] = defaultdict(dict)
        self._new: list[models.Request] = []
        self._resolved: list[models.Request] = []
        self._deeds: list[Deed] = []

    def load(self, agent_id: uuid.UUID, named: Sequence[str] = ()) -> None:
        """Read the agent's open requests, and those named. Payloads are read when needed."""
        for some in in_chunks(list(named)) if named else [[]]:
            wanted = Q(outcome="") | Q(request_id__in=some)
            for row in models.Request.objects.filter(wanted, agent=agent_id).order_by("pk").defer("payload"):
                self._known[agent_id].setdefault(row.request_id, row)

    def open(self, agent_id: uuid.UUID) -> list[models.Request]:
        return [row for row in self._known[agent_id].values() if not row.outcome]

    def check_room(self, agent_id: uuid.UUID, events: Iterable[AgentEvent]) -> None:
        """Raise ProtocolError (INVALID_MESSAGE) if the agent would have too many open requests."""
        known = set(self._known[agent_id])
        waiting = {row.request_id for row in self.open(agent_id)}
        for event in events:
            match event:
                case Request() if event.request_id not in known:
                    known.add(event.request_id)
                    waiting.add(event.request_id)
                case ResolutionReport():
                    waiting.discard(event.request_id)
            if len(waiting) > MAX_OPEN:
                raise ProtocolError(Code.INVALID_MESSAGE, f"expected at most {MAX_OPEN} open requests per agent")

    def ask(self, writer: Writer, agent: Agent, request: Request, producer: str) -> None:
        """Record a producer's request; a known one changes nothing."""
        if request.request_id in self._known[agent.pk]:
            return
        seq = writer.append(agent_stream(agent.pk), request.type, request.encode(agent.pk))
        row = models.Request(
            agent=agent,
            request_id=request.request_id,
            kind=request.kind,
            title=request.title,
            payload=request.fields,
            producer=producer,
            expires_at=request.expires_at,
            created_at=clock.as_datetime(writer.time),
            seq=seq,
        )
        self._known[agent.pk][row.request_id] = row
        self._new.append(row)
        record_for(writer, agent, request, Change.AGENT_REQUEST)
        reason = RequestKind(row.kind).reason
        self._changes.set_status(writer, agent, StatusReport(status=Status.WAITING, reason=reason))

    def report(self, writer: Writer, agent: Agent, report: ResolutionReport) -> None:
        """Record a producer's resolution of its request. Changes nothing unless the request is open."""
        row = self._known[agent.pk].get(report.request_id)
        if row is not None and not row.outcome:
            self._resolve(writer, agent, row, Resolution(**report.model_dump()))

    def withdraw(self, writer: Writer, agent: Agent, producers: Collection[str]) -> int:
        """Withdraw the requests of lost producers while the agent continues under another. Returns how many."""
        left = [row for row in self.open(agent.pk) if row.producer in producers]
        for row in left:
            self._resolve(writer, agent, row, _withdrawn(row))
        return len(left)

    def withdraw_all(self, writer: Writer, agent: Agent) -> None:
        """Withdraw the requests of an agent that has ended. Doesn't change its status."""
        for row in self.open(agent.pk):
            self._resolve(writer, agent, row, _withdrawn(row), goes_on=False)

    def expire(self, writer: Writer, agent: Agent) -> int:
        """Expire the agent's overdue requests. Returns how many."""
        late = [row for row in self.open(agent.pk) if _is_late(row, writer)]
        for row in late:
            self._expire(writer, agent, row)
        return len(late)

    def answer(self, writer: Writer, given: GivenAnswer) -> dict[str, Any]:
        """Record the first answer to a request, and return the resolution.

        Raises ProtocolError: NOT_FOUND, CONFLICT with the resolution, INVALID_MESSAGE, TOO_LARGE. An overdue
        request expires instead.
        """
        agent = self._changes.agents.get(given.agent_id)
        row = self._known[given.agent_id].get(given.request_id)
        if agent is None or row is None:
            raise not_found(given.request_id)
        if not row.outcome and _is_late(row, writer):
            self._expire(writer, agent, row)
        if row.outcome:
            if not _is_repeated(row, given):
                raise conflict(row)
        else:
            RequestFields.model_validate_json(row.payload).check(given.answer)
            resolution = Resolution(
                request_id=row.request_id,
                outcome=ResolutionOutcome.ANSWERED,
                by=given.actor.name,
                **given.answer.model_dump(),
            )
            resolution.check_size()
            self._resolve(writer, agent, row, resolution, by=given.actor)
        return resolution_state(row)

    def _expire(self, writer: Writer, agent: Agent, row: models.Request) -> None:
        late = Resolution(request_id=row.request_id, outcome=ResolutionOutcome.EXPIRED)
        self._resolve(writer, agent, row, late)

    def _resolve(
        self,
        writer: Writer,
        agent: Agent,
        row: models.Request,
        resolution: Resolution,
        *,
        by: Actor | None = None,
        goes_on: bool = True,
    ) -> None:
        """Resolve an open request. After the last one, an agent that is still waiting is set to running."""
        row.outcome, row.resolution = resolution.outcome, resolution.fields
        row.answered_by_id, row.resolved_at = by.user_id if by else None, clock.as_datetime(writer.time)
        if row.pk is not None:
            self._resolved.append(row)
        if by is not None:
            detail = {"agentId": str(agent.pk), "requestId": row.request_id, "option": resolution.option or ""}
            self._deeds.append(Deed(Action.ANSWERED, agent.workspace_id, agent.name, detail, by))
        writer.append(agent_stream(agent.pk), resolution.type, resolution.encode(agent.pk))
        record_for(writer, agent, resolution, Change.AGENT_REQUEST_RESOLVED)
        if goes_on and agent.status == Status.WAITING and not self.open(agent.pk):
            self._changes.set_status(writer, agent, StatusReport(status=Status.RUNNING))

    def save(self) -> None:
        audit.record_many(self._deeds)
        models.Request.objects.bulk_create(self._new, batch_size=IN_ONE_QUERY)
        fields = ["outcome", "resolution", "answered_by", "resolved_at"]
        models.Request.objects.bulk_update(self._resolved, fields, batch_size=IN_ONE_QUERY)


@contextmanager
def changing_requests(
    named: Mapping[uuid.UUID, Sequence[str]],
) -> Iterator[tuple[Writer, Collection[Agent], RequestStore]]:
    """Locks these agents, with their open requests and those named; on leaving, saves what has changed."""
    changes = AgentChanges(named.keys())
    requests = RequestStore(changes)
    with log.writing(changes.streams) as writer:
        for agent_id in changes.agents:
            requests.load(agent_id, named[agent_id])
        yield writer, changes.agents.values(), requests
        requests.save()
        changes.save()


def _withdrawn(row: models.Request) -> Resolution:
    return Resolution(request_id=row.request_id, outcome=ResolutionOutcome.WITHDRAWN)


def _is_late(row: models.Request, writer: Writer) -> bool:
    return row.expires_at is not None and row.expires_at <= clock.as_datetime(writer.time)


def _is_repeated(row: models.Request, given: GivenAnswer) -> bool:
    """Whether the same user has already given this answer."""
    if row.outcome != ResolutionOutcome.ANSWERED or row.answered_by_id != given.actor.user_id:
        return False
    return Answer.model_validate_json(row.resolution) == given.answer


def not_found(request_id: str) -> ProtocolError:
    return ProtocolError(Code.NOT_FOUND, f"the agent has no request {request_id!r}")


def conflict(row: models.Request) -> ProtocolError:
    """The error for answering a request that is resolved."""
    how = row.outcome.replace("_", " ")
    return ProtocolError(Code.CONFLICT, f"the request is already {how}", {"resolution": resolution_state(row)})


# Requests as JSON


def resolution_state(row: models.Request) -> dict[str, Any]:
    """A request's resolution as the API returns it."""
    assert row.resolved_at is not None
    found: dict[str, Any] = json.loads(row.resolution)
    return found | {"resolvedAt": timestamp(clock.as_milliseconds(row.resolved_at))}


def request_state(row: models.Request) -> dict[str, Any]:
    """A request as the API and subscriptions return it."""
    state: dict[str, Any] = json.loads(row.payload)
    state["createdAt"] = timestamp(clock.as_milliseconds(row.created_at))
    return state | {"resolution": resolution_state(row)} if row.outcome else state


def open_requests(**agents: Any) -> dict[uuid.UUID, dict[str, Any]]:
    """The open requests in the states of agents that have any: `requests`, oldest first, and in `moreRequests` how many
    are omitted to bound each state's size. `agents` filters the requests by agent."""
    found: defaultdict[uuid.UUID, dict[str, Any]] = defaultdict(lambda: {"requests": []})
    room: defaultdict[uuid.UUID, int] = defaultdict(lambda: STATE_BYTES)
    rows = models.Request.objects.filter(outcome="", **agents).order_by("pk")
    fitting: list[int] = []
    for pk, agent_id, size in rows.values_list("pk", "agent_id", Length("payload")):  # in characters
        if size <= room[agent_id]:
            room[agent_id] -= size
            fitting.append(pk)
        else:
            _leave_out(found[agent_id])
    room.clear()
    for some in in_chunks(fitting):
        for row in models.Request.objects.filter(pk__in=some).order_by("pk"):
            size = len(row.payload.encode())
            if size <= room[row.agent_id]:
                room[row.agent_id] -= size
                found[row.agent_id]["requests"].append(request_state(row))
            else:
                _leave_out(found[row.agent_id])
    return found


def _leave_out(state: dict[str, Any]) -> None:
    state["moreRequests"] = state.get("moreRequests", 0) + 1
