"""Finds which publishing agents are archived and where they belong, without querying those that published recently."""

import time
import uuid
from collections.abc import Collection

from django.db import connection

from agents.models import Agent
from streams import log
from streams.runtime import Runtime

GET_HOMES = "SELECT id, workspace_id FROM agents_agent WHERE id IN ({})"
GET_ARCHIVED = "SELECT id FROM agents_agent WHERE archived_at IS NOT NULL AND id IN ({})"
# Far less than any sensible AGENT_ARCHIVE_DAYS: an agent that published within this time can't be archived.
HEARD_SECONDS = 600.0
MAX_HEARD = 50_000


class Heard:
    """The agents that published recently, and the workspaces of agents, which never change."""

    def __init__(self) -> None:
        self._until: dict[uuid.UUID, float] = {}  # by agent, monotonic
        self.homes: dict[uuid.UUID, uuid.UUID] = {}

    def unknown(self, agent_ids: Collection[uuid.UUID]) -> list[uuid.UUID]:
        """Those of `agent_ids` that have not published recently."""
        now = time.monotonic()
        return [pk for pk in agent_ids if self._until.get(pk, 0.0) < now]

    def add(self, agent_ids: Collection[uuid.UUID]) -> None:
        if len(self._until) > MAX_HEARD:
            self._until.clear()
            self.homes = {}
        self._until.update(dict.fromkeys(agent_ids, time.monotonic() + HEARD_SECONDS))


def find_homes(agent_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, uuid.UUID]:
    """The workspaces of the agents that exist. Queries only agents not seen before."""
    runtime = Runtime.of_process()
    homes = {} if runtime is None else runtime.part(Heard).homes
    key = Agent._meta.pk
    unknown = [key.get_db_prep_value(pk, connection) for pk in agent_ids if pk not in homes]
    homes.update({uuid.UUID(str(pk)): uuid.UUID(str(home)) for pk, home in log.select(GET_HOMES, unknown)})
    return {pk: homes[pk] for pk in agent_ids if pk in homes}


def find_archived(agent_ids: Collection[uuid.UUID]) -> set[uuid.UUID]:
    """Which of these agents are archived. Queries only those that have not published recently; mostly none."""
    runtime = Runtime.of_process()
    asked = agent_ids if runtime is None else runtime.part(Heard).unknown(agent_ids)
    key = Agent._meta.pk
    values = [key.get_db_prep_value(pk, connection) for pk in asked]
    return {uuid.UUID(str(found)) for (found,) in log.select(GET_ARCHIVED, values)}


def note_heard(agent_ids: Collection[uuid.UUID]) -> None:
    """Remember that these agents have just committed events, so they can't be archived for a while."""
    runtime = Runtime.of_process()
    if runtime is not None:
        runtime.part(Heard).add(agent_ids)
