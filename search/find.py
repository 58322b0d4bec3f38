"""Runs a query over everything the caller may see at this moment."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import OperationalError, connection, transaction
from django.db.models import QuerySet
from django.db.models.functions import Lower

from accounts.identity import Identity
from agents.models import Agent
from agents.search import mentions, with_label_text, with_labels
from search.texts import Snippet, snippet
from search.words import Term, for_postgresql, for_sqlite, parse
from streams.protocol import clock
from streams.protocol.messages import Code, ProtocolError
from workspaces.access import visible_workspaces

SECONDS = 3.0  # after which a search is stopped
CHECK_EVERY = 10_000  # SQLite instructions between two checks of the clock
MAX_AGENTS = 20  # returned that match by name or label

SELECT = """
    SELECT e.id, e.agent_id, e.seq, e.type, e.time, e.text
    FROM {source} JOIN streams_stream s ON s.id = e.stream_id
    WHERE {match} AND e.seq > s.floor AND e.agent_id IN ({agents}) {more}
    ORDER BY {order} DESC LIMIT %s
"""
SOURCES = {
    "sqlite": (
        "search_words CROSS JOIN search_entry e ON e.id = search_words.rowid",
        "search_words MATCH %s",
        "search_words.rowid",
    ),
    "postgresql": ("search_entry e", "e.words @@ to_tsquery('simple', %s)", "e.id"),
}


@dataclass(frozen=True)
class SearchQuery:
    """What to search for, and where. `before` is where the previous page ended."""

    q: str
    workspace: uuid.UUID | None = None
    agent: uuid.UUID | None = None
    labels: Sequence[str] = ()
    types: Sequence[str] = ()
    since: datetime | None = None
    until: datetime | None = None
    before: int | None = None
    limit: int = 20

    @property
    def narrowed(self) -> bool:
        """Whether it searches output only."""
        return bool(self.types or self.since or self.until or self.before)


@dataclass(frozen=True)
class Found:
    """A piece of output that matches. Newer ones have a greater `id`."""

    id: int
    agent: Agent
    seq: int
    type: str
    time: int
    snippet: Snippet


@dataclass(frozen=True)
class Results:
    """Agents whose names or labels match, matching output, and where the next page of output begins."""

    agents: list[Agent]
    entries: list[Found]
    next: int | None


def find(query: SearchQuery, identity: Identity) -> Results:
    """The matches for `query` that `identity` may see, newest output first.

    Raises ProtocolError: INVALID_MESSAGE for a malformed query, UNAVAILABLE for one that takes too long.
    """
    terms = parse(query.q)
    agents = _agents(query, identity)
    named = [] if query.narrowed else _named(agents, terms)
    rows = _rows(query, terms, agents)
    page = rows[: query.limit]
    known = {agent.pk: agent for agent in Agent.objects.filter(pk__in={_uuid(row[1]) for row in page})}
    entries = [
        Found(pk, known[_uuid(agent_id)], seq, type_, time, snippet(text, terms))
        for pk, agent_id, seq, type_, time, text in page
        if _uuid(agent_id) in known
    ]
    return Results(named, entries, page[-1][0] if len(rows) > len(page) else None)


def _agents(query: SearchQuery, identity: Identity) -> QuerySet[Agent]:
    """The agents that may be searched."""
    limits = identity.limits
    agents = Agent.objects.filter(workspace__in=visible_workspaces(identity.id, limits).order_by().values("pk"))
    if query.workspace is not None:
        agents = agents.filter(workspace=query.workspace)
    if query.agent is not None:
        agents = agents.filter(pk=query.agent)
    agents = with_labels(agents, query.labels)
    if limits is not None and limits.agents:
        rows = agents.values_list("pk", "workspace_id", "name")
        agents = agents.filter(pk__in=[pk for pk, home, name in rows if limits.for_agent(home, name)])
    return agents


def _named(agents: QuerySet[Agent], terms: Sequence[Term]) -> list[Agent]:
    """The agents whose names or labels match all terms."""
    agents = with_label_text(agents)
    for term in terms:
        for word in term.words:
            agents = agents.exclude(mentions(word)) if term.without else agents.filter(mentions(word))
    return list(agents.order_by(Lower("name"))[:MAX_AGENTS])


def _rows(query: SearchQuery, terms: list[Term], agents: QuerySet[Agent]) -> list[Any]:
    source, match, order = SOURCES[connection.vendor]
    words = for_sqlite(terms) if connection.vendor == "sqlite" else for_postgresql(terms)
    try:
        allowed, allowed_parameters = agents.order_by().values("pk").query.sql_with_params()
    except EmptyResultSet:  # there are no agents to search
        return []
    more, more_parameters = "", list[Any]()
    for condition, given in (
        (f"{order} < %s", query.before),
        ("e.time >= %s", query.since and clock.as_milliseconds(query.since)),
        ("e.time <= %s", query.until and clock.as_milliseconds(query.until)),
    ):
        if given is not None:
            more, more_parameters = f"{more} AND {condition}", [*more_parameters, given]
    if query.types:
        more += f" AND e.type IN ({', '.join(['%s'] * len(query.types))})"
        more_parameters += query.types
    statement = SELECT.format(source=source, match=match, agents=allowed, more=more, order=order)
    return _select(statement, [words, *allowed_parameters, *more_parameters, query.limit + 1])


def _select(statement: str, parameters: list[Any]) -> list[Any]:
    """The rows of a query. Raises ProtocolError (UNAVAILABLE) after SECONDS."""
    try:
        if connection.vendor == "sqlite":
            return _select_in_sqlite(statement, parameters)
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL statement_timeout = {int(SECONDS * 1000)}")
            cursor.execute(statement, parameters)
            return list(cursor.fetchall())
    except OperationalError as error:
        if "interrupted" in str(error) or getattr(error.__cause__, "sqlstate", None) == "57014":
            raise ProtocolError(
                Code.UNAVAILABLE,
                "the search took too long: expected rarer words, or a workspace, an agent or a time range",
            ) from None
        raise


def _select_in_sqlite(statement: str, parameters: list[Any]) -> list[Any]:
    deadline = clock.now() + SECONDS * 1000
    with connection.cursor() as cursor:
        connection.connection.set_progress_handler(lambda: clock.now() > deadline, CHECK_EVERY)
        try:
            cursor.execute(statement, parameters)
            return list(cursor.fetchall())
        finally:
            connection.connection.set_progress_handler(None, 0)


def _uuid(stored: uuid.UUID | str) -> uuid.UUID:
    return stored if isinstance(stored, uuid.UUID) else uuid.UUID(stored)
