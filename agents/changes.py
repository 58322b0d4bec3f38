"""Locks, changes, records and saves the agents of one transaction."""

import uuid
from collections.abc import Collection
from datetime import datetime

from agents.events import AgentEvent, Context, StatusChange, StatusReport
from agents.models import Agent, Status
from streams.log import Writer
from streams.protocol import clock
from streams.protocol.messages import stream_name
from workspaces.events import Change
from workspaces.services import record, workspace_stream

STATE_FIELDS = ["status", "reason", "status_seq", "context_level", "tokens_used", "tokens_limit", "updated_at"]
LEASE_FIELDS = ["lease_holder", "lease_until"]


def agent_stream(agent_id: uuid.UUID) -> str:
    return stream_name("agent", agent_id)


class AgentChanges:
    """Agents whose rows are locked, by id, before any stream."""

    def __init__(self, agent_ids: Collection[uuid.UUID]) -> None:
        rows = Agent.objects.select_for_update().filter(pk__in=agent_ids).order_by("pk") if agent_ids else ()
        self.agents = {agent.pk: agent for agent in rows}
        self._changed: set[uuid.UUID] = set()
        self._leased: set[uuid.UUID] = set()

    @property
    def workspace_streams(self) -> set[str]:
        return {workspace_stream(agent.workspace_id) for agent in self.agents.values()}

    @property
    def streams(self) -> set[str]:
        """The agents' streams, and those of their workspaces."""
        return {agent_stream(pk) for pk in self.agents} | self.workspace_streams

    def set_status(self, writer: Writer, agent: Agent, report: StatusReport) -> None:
        if report.status == agent.status:
            return
        change = StatusChange(status=report.status, reason=report.reason, previous_status=Status(agent.status))
        agent.status, agent.reason = report.status, report.reason or ""
        agent.status_seq = self._record(writer, agent, change)
        data = {"agentId": str(agent.pk), **change.state(), "statusSeq": agent.status_seq}
        record(writer, agent.workspace_id, Change.AGENT_STATUS, data)

    def set_context(self, writer: Writer, agent: Agent, context: Context) -> None:
        agent.context_level = context.context_level
        agent.tokens_used, agent.tokens_limit = context.tokens_used, context.tokens_limit
        self._record(writer, agent, context)
        record_for(writer, agent, context, Change.AGENT_CONTEXT)

    def set_lease(self, agent: Agent, holder: str, until: datetime | None) -> None:
        agent.lease_holder, agent.lease_until = holder, until
        self._leased.add(agent.pk)

    def _record(self, writer: Writer, agent: Agent, event: AgentEvent) -> int:
        """Append the event to the agent's stream and return its seq."""
        agent.updated_at = clock.as_datetime(writer.time)
        self._changed.add(agent.pk)
        return writer.append(agent_stream(agent.pk), event.type, event.encode(agent.pk))

    def save(self) -> None:
        for keys, fields in ((self._changed, STATE_FIELDS), (self._leased, LEASE_FIELDS)):
            if keys:
                Agent.objects.bulk_update([self.agents[pk] for pk in sorted(keys)], fields)


def record_for(writer: Writer, agent: Agent, event: AgentEvent, change: Change) -> None:
    """Also record an agent's event on its workspace's stream."""
    data = {"agentId": str(agent.pk), **event.state()}
    record(writer, agent.workspace_id, change, data)
