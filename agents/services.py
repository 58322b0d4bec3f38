"""AgentService: the only door to a change of an agent or its stream."""

import uuid
from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from accounts import audit
from accounts.actor import Actor
from accounts.audit import Action
from accounts.text import clean_name
from accounts.tokens import recheck_patterns
from agents.events import AgentEvent, Outcome, StatusReport, Terminated
from agents.models import Agent, Status
from agents.publications import Publication, Published, Store, agent_stream
from streams import log
from streams.protocol import clock
from streams.protocol.clock import timestamp
from streams.protocol.messages import Code, ProtocolError
from streams.runtime import Runtime
from workspaces.events import Change
from workspaces.models import Workspace
from workspaces.services import record, workspace_stream

MAX_AGENTS = 400  # of one workspace: its state, which lists them, must fit one WebSocket frame
COMMIT = 200  # publications that share a transaction at most


def agent_state(agent: Agent) -> dict[str, Any]:
    """An agent as the API and subscribers get it."""
    state: dict[str, Any] = {
        "id": str(agent.pk),
        "workspaceId": str(agent.workspace_id),
        "name": agent.name,
        "status": agent.status,
        "contextLevel": agent.context_level,
        "createdAt": timestamp(clock.as_milliseconds(agent.created_at)),
        "updatedAt": timestamp(clock.as_milliseconds(agent.updated_at)),
    }
    optional = {"reason": agent.reason or None, "tokensUsed": agent.tokens_used, "tokensLimit": agent.tokens_limit}
    return state | {key: value for key, value in optional.items() if value is not None}


def expired() -> QuerySet[Agent]:
    """The agents whose leases have run out."""
    return Agent.objects.filter(lease_until__lt=clock.as_datetime(clock.now()))


class AgentService:
    """Changes agents. Every method is one transaction, recorded on the agent's stream and, where it shows there, on
    its workspace's. The log signals what was appended after the commit, so a rolled-back transaction is silent.

    The methods are for synchronous code in any thread; `apublish` and `areport` are for asynchronous code and share
    commits with whatever else arrives meanwhile. All raise ProtocolError: INVALID_MESSAGE or TOO_LARGE for values
    that will not do, NOT_FOUND for what does not exist, UNAVAILABLE while the database is away.
    """

    # Reports

    @staticmethod
    def report(agent_id: uuid.UUID, *events: AgentEvent) -> Published:
        """Record events once each time this is called."""
        return AgentService.publish(Publication(agent_id, events))

    @staticmethod
    async def areport(agent_id: uuid.UUID, *events: AgentEvent, actor: Actor | None = None) -> Published:
        """Likewise; `actor` is who sends input or a signal."""
        return await AgentService.apublish(Publication(agent_id, events, actor=actor))

    @staticmethod
    def publish(publication: Publication) -> Published:
        """Record a publication; with a producer, exactly once however often it is retried."""
        [outcome] = AgentService.publish_many([publication])
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    @staticmethod
    async def apublish(publication: Publication) -> Published:
        return await Runtime.current().database.write_together(AgentService.publish_many, publication, COMMIT)

    @staticmethod
    def publish_many(publications: Sequence[Publication]) -> list[Published | ProtocolError]:
        """Record publications in one transaction; each succeeds or is refused by itself."""
        with transaction.atomic():
            store = Store(publications)
            with log.writing(store.stream_names) as stream_writer:
                outcomes = store.run(stream_writer)
        return outcomes

    # Leases

    @staticmethod
    @transaction.atomic
    def end_lost() -> int:
        """Say of the agents whose leases have run out that their runners are lost; returns how many those were.

        Whoever does so first has done it: a lease is ended in the transaction that finds it run out.
        """
        lost = list(expired().select_for_update().order_by("pk").values_list("pk", flat=True)[:COMMIT])
        events = [StatusReport(status=Status.OFFLINE, reason="lost"), Terminated(reason=Outcome.LOST)]
        store = Store([Publication(pk, events) for pk in lost])
        with log.writing(store.stream_names) as stream_writer:
            store.run(stream_writer)
        return len(lost)

    # Agents

    @staticmethod
    def create(workspace_id: uuid.UUID, name: str) -> Agent:
        """Add an agent, idle, to a workspace."""
        with log.writing([workspace_stream(workspace_id)]) as stream_writer:
            if not Workspace.objects.filter(pk=workspace_id).exists():
                raise ProtocolError(Code.NOT_FOUND, f"there is no workspace {workspace_id}")
            if Agent.objects.filter(workspace=workspace_id).count() >= MAX_AGENTS:
                raise ProtocolError(Code.INVALID_MESSAGE, f"expected at most {MAX_AGENTS} agents in a workspace")
            agent = Agent(workspace_id=workspace_id, name=_free_name(workspace_id, name))
            agent.save(force_insert=True)
            log.open_stream(agent_stream(agent.pk))
            record(stream_writer, workspace_id, Change.AGENT_ADDED, agent_state(agent))
            _audit(Action.AGENT_CREATED, agent)
        return agent

    @staticmethod
    @transaction.atomic
    def rename(agent_id: uuid.UUID, name: str) -> Agent:
        """Give an agent another name."""
        agent = _lock(agent_id)
        with log.writing([workspace_stream(agent.workspace_id)]) as stream_writer:
            if name.strip() != agent.name:
                before, agent.name = agent.name, _free_name(agent.workspace_id, name)
                agent.updated_at = clock.as_datetime(stream_writer.time)
                agent.save(update_fields=["name", "updated_at"])
                record(stream_writer, agent.workspace_id, Change.AGENT_UPDATED, agent_state(agent))
                recheck_patterns(agent.workspace_id)
                _audit(Action.AGENT_RENAMED, agent, was=before)
        return agent

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


def _audit(action: Action, agent: Agent, **detail: str) -> None:
    detail = {"agentId": str(agent.pk), **detail}
    audit.record(action, workspace_id=agent.workspace_id, target=agent.name, detail=detail)


def _lock(agent_id: uuid.UUID) -> Agent:
    agent = Agent.objects.select_for_update().filter(pk=agent_id).first()
    if agent is None:
        raise ProtocolError(Code.NOT_FOUND, f"there is no agent {agent_id}")
    return agent


def _free_name(workspace_id: uuid.UUID, name: str) -> str:
    name = clean_name(name, "name")
    if Agent.objects.filter(workspace=workspace_id, name=name).exists():
        raise ProtocolError(Code.INVALID_MESSAGE, f"expected a name that no other agent here has, got {name!r}")
    return name
