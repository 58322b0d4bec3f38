"""What is known of agents that report something, without a query for those heard of lately: whether they are archived,
and their workspaces."""

import time
import uuid
from collections.abc import Collection
from typing import Final

from django.db import connection

from agents.models import Agent
from streams import log

GET_HOMES = "SELECT id, workspace_id FROM agents_agent WHERE id IN ({})"
GET_ARCHIVED = "SELECT id FROM agents_agent WHERE archived_at IS NOT NULL AND id IN ({})"
# Far less than any AGENT_ARCHIVE_DAYS that makes sense: who was heard of in this time is not archived yet.
HEARD_SECONDS = 600.0
MAX_HEARD = 50_000

_heard_until: Final[dict[uuid.UUID, float]] = {}  # by agent: until when (monotonic) nobody needs to ask about it


_homes: Final[dict[uuid.UUID, uuid.UUID]] = {}  # an agent never moves to another workspace


def find_homes(agent_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, uuid.UUID]:
    """The workspaces of those agents that exist. Asks the database only about those not met before."""
    key = Agent._meta.pk
    unknown = [key.get_db_prep_value(pk, connection) for pk in agent_ids if pk not in _homes]
    if len(_homes) > MAX_HEARD:
        _homes.clear()
        unknown = [key.get_db_prep_value(pk, connection) for pk in agent_ids]
    _homes.update({uuid.UUID(str(pk)): uuid.UUID(str(home)) for pk, home in log.select(GET_HOMES, unknown)})
    return {pk: _homes[pk] for pk in agent_ids if pk in _homes}


def find_archived(agent_ids: Collection[uuid.UUID]) -> set[uuid.UUID]:
    """Which of these are archived; mostly none. Asks the database only about those not heard of lately."""
    now = time.monotonic()
    key = Agent._meta.pk
    given = [key.get_db_prep_value(pk, connection) for pk in agent_ids if _heard_until.get(pk, 0.0) < now]
    return {uuid.UUID(str(found)) for (found,) in log.select(GET_ARCHIVED, given)}


def note_heard(agent_ids: Collection[uuid.UUID]) -> None:
    """Remember that these have committed events at this moment, so that they can't be archived for some time."""
    if len(_heard_until) > MAX_HEARD:
        _heard_until.clear()
    until = time.monotonic() + HEARD_SECONDS
    _heard_until.update(dict.fromkeys(agent_ids, until))
