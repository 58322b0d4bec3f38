"""Deleting an agent with a long history keeps no publisher waiting: its events are removed later, in small steps."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from agents.changes import agent_stream
from agents.models import Agent
from agents.services import AgentService
from streams import log
from streams.log.retention import STEP_EVENTS, trim
from streams.models import Event, Stream
from workspaces.services import WorkspaceService

pytestmark = pytest.mark.django_db(transaction=True)

HISTORY = 3_200


class Removals:
    """The number of rows deleted by each statement."""

    def __init__(self) -> None:
        self.counts: list[int] = []

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        result = execute(sql, params, many, context)
        if sql.startswith("DELETE"):
            self.counts.append(context["cursor"].rowcount)
        return result


@pytest.fixture
def agent() -> Agent:
    agent = AgentService.create(WorkspaceService.create("Team").pk, "old")
    with log.writing([agent_stream(agent.pk)]) as writer:
        for _ in range(HISTORY):
            writer.append(agent_stream(agent.pk), "agent:output", "{}")
    return agent


@pytest.mark.parametrize("whole_workspace", [False, True])
def test_the_transaction_that_deletes_removes_no_events(agent: Agent, whole_workspace: bool) -> None:
    removals = Removals()
    with connection.execute_wrapper(removals):
        if whole_workspace:
            WorkspaceService.delete(agent.workspace_id)
        else:
            AgentService.delete(agent.pk)
    assert sum(removals.counts) < 10
    assert not Agent.objects.exists()
    assert log.spans([agent_stream(agent.pk)]) == {}, "gone at once"
    assert Event.objects.filter(type="agent:output").count() == HISTORY


def test_its_events_are_removed_in_steps_between_which_others_write(
    agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    AgentService.delete(agent.pk)
    waited: list[bool] = []
    monkeypatch.setattr("time.sleep", lambda seconds: waited.append(connection.in_atomic_block))
    removals = Removals()
    with connection.execute_wrapper(removals):
        assert trim() == HISTORY
    assert max(removals.counts) <= STEP_EVENTS
    assert waited == [False] * (HISTORY // STEP_EVENTS + 1), "after each step, with nothing locked"
    assert not Event.objects.filter(type="agent:output").exists()
    assert not Stream.objects.filter(name__startswith="dropped").exists()


def test_a_recreated_agent_has_none_of_the_old_history(agent: Agent) -> None:
    AgentService.delete(agent.pk)
    again = AgentService.create(agent.workspace_id, "old")
    assert log.spans([agent_stream(again.pk)])[agent_stream(again.pk)].head == 0
