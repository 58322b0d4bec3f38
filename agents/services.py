"""AgentService: every change of an agent or its stream goes through it."""

import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from types import MappingProxyType
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from accounts import audit
from accounts.actor import Actor
from accounts.audit import Action
from accounts.tokens import recheck_patterns
from agents import attachments, folding, inbox, leases, media
from agents.changes import agent_stream
from agents.events import AgentEvent, Outcome, StatusReport, Terminated, Updated
from agents.labels import Labels, merged
from agents.models import KEY_LENGTH, Agent, Attachment, Request, Status
from agents.publications import Publication, Published, Store, restore
from agents.request_store import GivenAnswer, RequestStore, changing_requests
from agents.states import agent_state
from streams import log
from streams.log import Writer
from streams.protocol import clock
from streams.protocol.messages import Code, ProtocolError
from streams.protocol.text import NAME_LENGTH, clean_name, without_nul
from streams.runtime import Runtime
from workspaces.events import Change
from workspaces.models import Workspace
from workspaces.quotas import Committed, OutdatedError
from workspaces.services import record, workspace_stream

Changes = Mapping[str, str | None]
NO_CHANGES: Changes = MappingProxyType({})
STALE = {"archived_at": None, "lease_until": None}  # agents to be archived once they have been silent long enough
COMMIT = 200  # publications that share a transaction at most


def expired() -> QuerySet[Agent]:
    """The agents whose leases have expired."""
    return Agent.objects.filter(lease_until__lt=clock.as_datetime(clock.now()))


def due_requests() -> QuerySet[Request]:
    """The open requests that are overdue."""
    return Request.objects.filter(outcome="", expires_at__lte=clock.as_datetime(clock.now()))


def _permit_any(name: str) -> None:
    """Permit any name."""


class _GoneError(Exception):
    """The agent has been deleted in the meantime."""


class AgentService:
    """Changes agents. Every method is one transaction, recorded on the agent's stream and, where it shows there, on
    its workspace's. The log signals what was appended after the commit, so a rolled-back transaction is silent.

    The methods are for synchronous code in any thread; `apublish` and `areport` are for asynchronous code and share
    commits with concurrent calls. All raise ProtocolError: INVALID_MESSAGE or TOO_LARGE for invalid
    values, NOT_FOUND for what doesn't exist, UNAVAILABLE while the database is down.
    """

    # Reports

    @staticmethod
    def report(agent_id: uuid.UUID, *events: AgentEvent) -> Published:
        """Record events; calling this twice records them twice."""
        return AgentService.publish(Publication(agent_id, events))

    @staticmethod
    async def areport(agent_id: uuid.UUID, *events: AgentEvent, actor: Actor | None = None) -> Published:
        """As `report`; `actor` is who sends input or a signal."""
        return await AgentService.apublish(Publication(agent_id, events, actor=actor))

    @staticmethod
    def publish(publication: Publication) -> Published:
        """Record a publication; with a producer, exactly once despite retries."""
        [outcome] = AgentService.publish_many([publication])
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    @staticmethod
    async def apublish(publication: Publication) -> Published:
        return await Runtime.current().database.write_together(AgentService.publish_many, publication, COMMIT)

    @staticmethod
    def publish_many(publications: Sequence[Publication]) -> list[Published | ProtocolError]:
        """Record publications in one transaction. Each succeeds or is refused independently."""
        committed = Committed.known()
        while True:
            try:
                with transaction.atomic():
                    store = Store(publications, committed)
                    with log.writing(store.stream_names) as stream_writer:
                        return store.run(stream_writer)
            except OutdatedError:
                pass  # rolled back; each round knows more about what other processes have stored

    # Leases

    @staticmethod
    @transaction.atomic
    def end_lost() -> int:
        """Report the agents whose leases have expired as lost. Returns how many.

        Safe on several servers: a lease ends in the transaction that finds it expired.
        """
        lost = list(expired().select_for_update().order_by("pk").values_list("pk", flat=True)[:COMMIT])
        events = [StatusReport(status=Status.OFFLINE, reason="lost"), Terminated(reason=Outcome.LOST)]
        store = Store([Publication(pk, events) for pk in lost])
        with log.writing(store.stream_names) as stream_writer:
            store.run(stream_writer)
        return len(lost)

    @staticmethod
    @transaction.atomic
    def withdraw_lapsed() -> int:
        """Withdraw the requests of producers whose superseded leases have expired. Returns how many requests.

        Safe on several servers.
        """
        late = set(leases.lapsed().order_by("until").values_list("agent_id", flat=True)[:COMMIT])
        with changing_requests(dict.fromkeys(late, ())) as (stream_writer, agents, requests):
            return sum(requests.withdraw(stream_writer, agent, leases.end_lapsed(agent)) for agent in agents)

    # Requests

    @staticmethod
    async def aanswer(given: GivenAnswer) -> dict[str, Any]:
        """Answer a request, and return its resolution. The first answer wins; a retry by the same user gets the same
        resolution. Raises ProtocolError (CONFLICT, with the resolution) for other answers, and after expiry."""
        return await Runtime.current().database.write_together(AgentService.answer_many, given, COMMIT)

    @staticmethod
    @transaction.atomic
    def answer_many(answers: Sequence[GivenAnswer]) -> list[dict[str, Any] | ProtocolError]:
        """Record answers in one transaction. Each is recorded or refused independently."""
        named = defaultdict[uuid.UUID, list[str]](list)
        for given in answers:
            named[given.agent_id].append(given.request_id)
        with changing_requests(named) as (stream_writer, _, requests):
            return [_answered(requests, stream_writer, given) for given in answers]

    @staticmethod
    @transaction.atomic
    def expire_requests() -> int:
        """Expire overdue requests. Returns how many. Safe on several servers."""
        late = set(due_requests().order_by("expires_at").values_list("agent_id", flat=True)[:COMMIT])
        with changing_requests(dict.fromkeys(late, ())) as (stream_writer, agents, requests):
            return sum(requests.expire(stream_writer, agent) for agent in agents)

    # Attachments

    @staticmethod
    @transaction.atomic
    def attach(agent_id: uuid.UUID, name: str, media_type: str, size: int) -> Attachment:
        """Create the row for a file. Raises ProtocolError (TOO_LARGE) if the agent or its workspace has no room."""
        agent = _lock(agent_id)
        count, total = attachments.used(agent_id)
        if count >= settings.AGENT_ATTACHMENTS or total + size > settings.AGENT_ATTACHMENT_BYTES:
            expected = f"at most {settings.AGENT_ATTACHMENTS} attachments of {settings.AGENT_ATTACHMENT_BYTES} bytes"
            raise ProtocolError(
                Code.TOO_LARGE, f"expected {expected} per agent, got {count + 1} of {total + size} bytes"
            )
        total = attachments.used_in_workspace(agent.workspace_id)
        if total + size > settings.WORKSPACE_ATTACHMENT_BYTES:
            expected = f"at most {settings.WORKSPACE_ATTACHMENT_BYTES} bytes of attachments per workspace"
            raise ProtocolError(Code.TOO_LARGE, f"expected {expected}, got {total + size}")
        name = media.clean_name(name, media_type)
        now = clock.as_datetime(clock.now())
        return Attachment.objects.create(agent=agent, name=name, media_type=media_type, size=size, created_at=now)

    @staticmethod
    @transaction.atomic
    def give_up_attachments(agent_id: uuid.UUID) -> int:
        """Detach attachments that no event references any more. Returns how many."""
        return attachments.give_up(agent_id)

    # Sessions and usage

    @staticmethod
    @transaction.atomic
    def fold(agent_id: uuid.UUID) -> int:
        """Merge what is stored of an agent's oldest sessions. Returns how many rows; 0 once there is nothing left."""
        return folding.fold(_lock(agent_id).pk)

    # Agents

    @staticmethod
    def create(workspace_id: uuid.UUID, name: str, labels: Changes = NO_CHANGES) -> Agent:
        """Add an idle agent to a workspace."""
        with _adding(workspace_id) as stream_writer:
            return _add(stream_writer, workspace_id, _free_name(workspace_id, name), labels, name_chosen=True)

    @staticmethod
    def register(
        workspace_id: uuid.UUID,
        key: str,
        name: str | None = None,
        labels: Changes = NO_CHANGES,
        permit: Callable[[str], None] = _permit_any,
    ) -> tuple[Agent, bool]:
        """The agent with this key, and whether it is new. A known one gets the labels merged into its own, and the
        name unless a person has chosen another. Concurrent registrations of a key get the same agent.

        `permit` raises for names that the caller may not use.
        """
        key = _clean_key(key)
        wanted = clean_name(name, "name") if name is not None else None
        while True:
            known = Agent.objects.filter(workspace=workspace_id, key=key).values_list("pk", flat=True).first()
            if known is not None:
                with suppress(_GoneError):
                    return AgentService._register_again(known, wanted, labels, permit), False
            with _adding(workspace_id) as stream_writer:
                if not Agent.objects.filter(workspace=workspace_id, key=key).exists():
                    unique = _numbered_name(workspace_id, wanted or _name_from(key))
                    permit(unique)
                    return _add(stream_writer, workspace_id, unique, labels, key=key), True

    @staticmethod
    @transaction.atomic
    def _register_again(
        agent_id: uuid.UUID, wanted: str | None, labels: Changes, permit: Callable[[str], None]
    ) -> Agent:
        agent = Agent.objects.select_for_update().filter(pk=agent_id).first()
        if agent is None:
            raise _GoneError
        permit(agent.name)
        renamed = wanted is not None and not agent.name_chosen and not _is_numbered(agent.name, wanted)
        name = _numbered_name(agent.workspace_id, wanted) if wanted is not None and renamed else agent.name
        permit(name)
        return _update(agent, name, merged(agent.labels, labels))

    @staticmethod
    @transaction.atomic
    def update(agent_id: uuid.UUID, name: str | None = None, labels: Changes = NO_CHANGES) -> Agent:
        """Rename an agent on behalf of a person, and merge `labels` into its own; None removes a label."""
        agent = _lock(agent_id)
        if name is not None and name.strip() != agent.name:
            agent.name_chosen = True
            return _update(agent, _free_name(agent.workspace_id, name), merged(agent.labels, labels))
        return _update(agent, agent.name, merged(agent.labels, labels))

    @staticmethod
    @transaction.atomic
    def archive(agent_ids: Sequence[uuid.UUID], silent_since: datetime) -> int:
        """Archive those of these agents that have been silent since then and aren't running. Returns how many."""
        locked = Agent.objects.select_for_update().filter(pk__in=agent_ids, **STALE).filter(updated_at__lt=silent_since)
        agents = {agent_stream(agent.pk): agent for agent in locked.order_by("pk") if agent.status != Status.RUNNING}
        names = {workspace_stream(agent.workspace_id) for agent in agents.values()}
        with log.writing({*agents, *names}) as stream_writer:
            limit = clock.as_milliseconds(silent_since)
            spans = log.spans(list(agents))
            silent = [agent for name, agent in agents.items() if name in spans and (spans[name].time or 0) < limit]
            for agent in silent:
                data = {"agentId": str(agent.pk), "archived": True}
                record(stream_writer, agent.workspace_id, Change.AGENT_REMOVED, data)
            now = clock.as_datetime(stream_writer.time)
            Agent.objects.filter(pk__in=[agent.pk for agent in silent]).update(archived_at=now)
        return len(silent)

    @staticmethod
    def mark_seen(user_id: int, agent_id: uuid.UUID, seq: int) -> int:
        """Record how far a user has seen an agent's stream; see `inbox.mark_seen`."""
        return inbox.mark_seen(user_id, agent_id, seq)

    @staticmethod
    def dismiss(user_id: int, agent_id: uuid.UUID, seq: int) -> int:
        """Record that a user has dismissed the status set by the event `seq`; see `inbox.dismiss`."""
        return inbox.dismiss(user_id, agent_id, seq)

    @staticmethod
    @transaction.atomic
    def delete(agent_id: uuid.UUID) -> None:
        """Delete an agent and its stream."""
        agent = _lock(agent_id)
        stream = agent_stream(agent_id)
        with log.writing([stream, workspace_stream(agent.workspace_id)]) as stream_writer:
            agent.delete()
            _audit(Action.AGENT_DELETED, agent, agentId=str(agent_id))
            record(stream_writer, agent.workspace_id, Change.AGENT_REMOVED, {"agentId": str(agent_id)})
        log.drop_streams([stream])


def _answered(requests: RequestStore, writer: Writer, given: GivenAnswer) -> dict[str, Any] | ProtocolError:
    try:
        return requests.answer(writer, given)
    except ProtocolError as error:
        return error


def _audit(action: Action, agent: Agent, **detail: str) -> None:
    detail = {"agentId": str(agent.pk), **detail}
    audit.record(action, workspace_id=agent.workspace_id, target=agent.name, detail=detail)


def _lock(agent_id: uuid.UUID) -> Agent:
    agent = Agent.objects.select_for_update().filter(pk=agent_id).first()
    if agent is None:
        raise ProtocolError(Code.NOT_FOUND, f"there is no agent {agent_id}")
    return agent


@contextmanager
def _adding(workspace_id: uuid.UUID) -> Iterator[Writer]:
    """Locks the workspace's stream, so that agents are added one at a time."""
    with log.writing([workspace_stream(workspace_id)]) as stream_writer:
        if not Workspace.objects.filter(pk=workspace_id).exists():
            raise ProtocolError(Code.NOT_FOUND, f"there is no workspace {workspace_id}")
        if Agent.objects.filter(workspace=workspace_id).count() >= settings.WORKSPACE_AGENTS:
            raise ProtocolError(
                Code.INVALID_MESSAGE, f"expected at most {settings.WORKSPACE_AGENTS} agents per workspace"
            )
        yield stream_writer


def _add(
    writer: Writer,
    workspace_id: uuid.UUID,
    name: str,
    labels: Changes,
    *,
    key: str | None = None,
    name_chosen: bool = False,
) -> Agent:
    agent = Agent(workspace_id=workspace_id, name=name, name_chosen=name_chosen, key=key, labels=merged({}, labels))
    agent.save(force_insert=True)
    log.open_stream(agent_stream(agent.pk))
    record(writer, workspace_id, Change.AGENT_ADDED, agent_state(agent))
    _audit(Action.AGENT_CREATED, agent)
    return agent


def _update(agent: Agent, name: str, labels: Labels) -> Agent:
    """Store a locked agent's new name and labels, and record them on its stream and its workspace's."""
    if (name, labels) == (agent.name, agent.labels):
        return agent
    stream = agent_stream(agent.pk)
    with log.writing([stream, workspace_stream(agent.workspace_id)]) as stream_writer:
        before, agent.name, agent.labels = agent.name, name, labels
        if name != before:
            recheck_patterns(agent.workspace_id)
            _audit(Action.AGENT_RENAMED, agent, was=before)
        agent.updated_at = clock.as_datetime(stream_writer.time)
        agent.save(update_fields=["name", "name_chosen", "labels", "updated_at"])
        event = Updated(name=name, labels=labels)
        stream_writer.append(stream, event.type, event.encode(agent.pk))
        if agent.archived_at is None:
            record(stream_writer, agent.workspace_id, Change.AGENT_UPDATED, agent_state(agent))
        else:
            restore(stream_writer, agent)
    return agent


def _clean_key(key: str) -> str:
    key = without_nul(key).strip()
    if not 1 <= len(key) <= KEY_LENGTH:
        raise ProtocolError(Code.INVALID_MESSAGE, f"key: expected 1 to {KEY_LENGTH} characters, got {len(key)}")
    return key


def _name_from(key: str) -> str:
    """The name of an agent registered with only a key."""
    printable = "".join(character if character.isprintable() else " " for character in key)
    return printable[:NAME_LENGTH].strip() or "agent"


def _is_numbered(name: str, wanted: str) -> bool:
    """Whether `name` is `wanted`, possibly with a number appended because that name was taken."""
    stem, _, number = name.rpartition(" ")
    return name == wanted or (number.isdecimal() and stem == wanted[: NAME_LENGTH - 8])


def _numbered_name(workspace_id: uuid.UUID, wanted: str) -> str:
    """`wanted`, with a number appended if another agent has that name."""
    stem = wanted[: NAME_LENGTH - 8]
    taken = set(Agent.objects.filter(workspace=workspace_id, name__startswith=stem).values_list("name", flat=True))
    if wanted not in taken:
        return wanted
    return next(f"{stem} {i}" for i in range(2, len(taken) + 3) if f"{stem} {i}" not in taken)


def _free_name(workspace_id: uuid.UUID, name: str) -> str:
    name = clean_name(name, "name")
    if Agent.objects.filter(workspace=workspace_id, name=name).exists():
        raise ProtocolError(
            Code.INVALID_MESSAGE, f"expected a name that no other agent in the workspace has, got {name!r}"
        )
    return name
