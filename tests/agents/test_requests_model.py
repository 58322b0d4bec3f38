"""Whatever happens to requests in whatever order, each is asked once and resolved at most once, and all agree on it.

Hypothesis drives the real services on a real database; only the clock is its own. After each step what the streams were
told, what is stored, and what both subscriptions would get is compared with what the contract says (`expected`).
"""

import contextlib
import json
import uuid
from collections.abc import Sequence
from typing import Any
from unittest import mock

import pytest
from django.contrib.auth.models import User
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from accounts.actor import Actor
from agents.changes import agent_stream
from agents.events import AgentEvent, Output, Request, ResolutionReport, StatusReport, Terminated
from agents.kinds import AgentKind, AgentSection
from agents.maintenance import expire_due, forget_trimmed
from agents.models import Agent, Status, SupersededLease
from agents.models import Request as StoredRequest
from agents.publications import Publication, Published
from agents.request_store import GivenAnswer
from agents.requests import Answer, Option, RequestKind, ResolutionOutcome
from agents.services import AgentService
from streams.log.retention import trim_stream
from streams.models import Event
from streams.protocol import clock
from streams.protocol.messages import ProtocolError
from tests.agents.expected import LEASE, ExpectedAgent, RefusedError, Run, Told
from workspaces.services import WorkspaceService, workspace_stream

AGENTS = 2
START = 1_800_000_000_000  # milliseconds since 1970
USERS = ("ann", "bob")
REASONS = {RequestKind.PERMISSION: "awaiting_approval", RequestKind.QUESTION: "awaiting_input"}
OPTIONS = [Option(id="yes", label="Yes", effect="allow"), Option(id="no", label="No", effect="deny")]

RUNS = settings(
    max_examples=8, stateful_step_count=40, derandomize=True, deadline=None, database=None,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip

agent_index = st.integers(0, AGENTS - 1)
ids = st.sampled_from(["r1", "r2", "r3", "r4", "r5"])
lifetimes = st.sampled_from([None, 6_000, 6_000, 6_000, -1])  # milliseconds
asks = st.tuples(st.just("ask"), ids, st.sampled_from(sorted(REASONS)), lifetimes)
events = st.one_of(
    asks,
    asks,
    asks,
    st.tuples(st.just("settle"), ids, st.sampled_from(["answered_elsewhere", "withdrawn"])),
    st.tuples(st.just("status"), st.sampled_from(["running", "waiting", "error", "finished"])),
    st.tuples(st.just("terminated")),
    st.tuples(st.just("output")),
)
producers = st.sampled_from(["p", "q", None])
publications = st.tuples(agent_index, producers, st.lists(events, min_size=1, max_size=3), st.booleans(), st.booleans())
answers = st.tuples(st.sampled_from(["yes", "yes", "no", "maybe"]), st.sampled_from(USERS))


class Requests(RuleBasedStateMachine):
    """A workspace with two agents, two runs of each, programs that ask over HTTP, and two people."""

    users: dict[str, int] = {}  # ids by name

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self._stack = contextlib.ExitStack()
        for clock_of in ("protocol.clock", "log.log"):
            self._stack.enter_context(mock.patch(f"streams.{clock_of}.now", self._now))
        workspace = WorkspaceService.create(str(uuid.uuid4()))
        self.workspace_id = workspace.pk
        self.ids = [AgentService.create(workspace.pk, f"agent {index}").pk for index in range(AGENTS)]
        self.expected = [ExpectedAgent() for _ in self.ids]
        self._read = dict.fromkeys([workspace_stream(workspace.pk), *map(agent_stream, self.ids)], 0)
        self._news(workspace_stream(workspace.pk))

    def teardown(self) -> None:
        self._stack.close()

    def _now(self) -> int:
        return self.now

    # Producers

    @initialize(first=asks, second=asks)
    def start(self, first: Told, second: Told) -> None:
        """Hypothesis leaves rules out of many of its runs; without requests they would come to nothing."""
        self.publish([(0, "p", [first, second], True, False), (0, "q", [second], True, False)])

    @rule(wanted=st.lists(publications, min_size=1, max_size=3))
    def publish(self, wanted: Sequence[tuple[int, str | None, list[Told], bool, bool]]) -> None:
        """Several publications share a transaction; one may begin with what its producer has published before."""
        given: list[Publication] = []
        results: list[tuple[int, int]] = []
        for index, producer, new, leased, repeated in wanted:
            expected = self.expected[index]
            told = [self._timed(event) for event in new]
            run = expected.runs.get(producer, Run()) if producer else Run()
            sent = [*run.last, *told] if repeated else told
            first = run.n + 1 - (len(run.last) if repeated else 0)
            lease = leased and producer is not None
            given.append(self._publication(index, producer, sent, first, lease))
            expected.publish(producer, told, lease and ("terminated",) not in sent, self.now)
            results.append((expected.runs[producer].n if producer else 0, expected.seq))
        self._published(given, results)

    @rule(index=agent_index, producer=st.sampled_from(["p", "q"]), repeated=st.booleans())
    def renew(self, index: int, producer: str, repeated: bool) -> None:
        """A run renews its lease; perhaps it repeats its last publication, whose answer got lost."""
        expected = self.expected[index]
        run = expected.runs.get(producer, Run())
        sent = run.last if repeated else []
        if ("terminated",) not in sent:
            expected.renew(producer, self.now)
        self._published(
            [self._publication(index, producer, sent, run.n + 1 - len(sent), lease=True)], [(run.n, run.seq)]
        )

    def _timed(self, event: Told) -> Told:
        """A request with a time to expire at, in place of one from now."""
        match event:
            case ("ask", id_, kind, after):
                return ("ask", id_, REASONS[kind], None if after is None else self.now + after)
            case _:
                return event

    def _publication(
        self, index: int, producer: str | None, told: Sequence[Told], first: int, lease: bool
    ) -> Publication:
        return Publication(self.ids[index], [_event(event) for event in told], producer, first, lease)

    @staticmethod
    def _published(given: Sequence[Publication], results: Sequence[tuple[int, int]]) -> None:
        stored = AgentService.publish_many(given)
        assert all(isinstance(each, Published) for each in stored), stored
        assert [(each.n, each.seq) for each in stored if isinstance(each, Published)] == list(results)

    # People

    @rule(index=agent_index, which=st.integers(0, 3), wanted=st.lists(answers, min_size=1, max_size=3))
    def answer(self, index: int, which: int, wanted: Sequence[tuple[str, str]]) -> None:
        """People answer one request at once: in one transaction, as answers that arrive together are."""
        expected = self.expected[index]
        known = [*(each.id for each in expected.open), *expected.requests, "unknown"]
        id_ = known[which % len(known)]
        given, results = [], []
        for option, user in wanted:
            actor = Actor(self.users[user], user, "session")
            given.append(GivenAnswer(self.ids[index], id_, Answer(option=option), actor))
            try:
                results.append(expected.answer(id_, option, user, self.now))
            except RefusedError as refused:
                results.append(refused.args)
        found = AgentService.answer_many(given)
        assert [(x.code,) if isinstance(x, ProtocolError) else _resolution(x) for x in found] == results

    # The server

    @rule(
        seconds=st.sampled_from([0, 1, 6, 6, LEASE // 2_000, LEASE // 1_000 + 1]),
        living=st.lists(st.tuples(agent_index, st.sampled_from(["p", "q"])), max_size=2),
        busy=st.booleans(),
    )
    def pass_time(self, seconds: int, living: Sequence[tuple[int, str]], busy: bool) -> None:
        """The server does what is due, once though several processes look, unless it has yet to come to that."""
        self.now += seconds * 1_000
        for index, producer in living:
            self.renew(index, producer, repeated=False)
        if busy:
            return
        for _ in range(2):
            AgentService.end_lost()
            AgentService.withdraw_lapsed()
            expire_due()
        for expected in self.expected:
            expected.pass_time(self.now)

    @rule(index=agent_index, keep=st.integers(1, 12))
    def trim(self, index: int, keep: int) -> None:
        trim_stream(agent_stream(self.ids[index]), keep, 0, 10_000)
        forget_trimmed()
        self.expected[index].trim(keep)
        for expected in self.expected:
            expected.trim(expected.seq)

    # What holds

    @invariant()
    def streams_are_told_what_happens_and_nothing_else(self) -> None:
        shown = self._news(workspace_stream(self.workspace_id))
        for pk, expected in zip(self.ids, self.expected, strict=True):
            told = self._news(agent_stream(pk))
            assert told == [event for seq, event in self._new_of(expected) if seq > expected.floor]
            assert [event[1:] for event in shown if event[0] == str(pk)] == expected.shown
            expected.told, expected.shown = [], []

    @staticmethod
    def _new_of(expected: ExpectedAgent) -> list[tuple[int, Told]]:
        return list(enumerate(expected.told, expected.seq - len(expected.told) + 1))

    @invariant()
    def what_is_stored_and_both_states_agree(self) -> None:
        agents = {pk: json.loads(state.text) for pk, state in AgentKind().states(self.ids).items()}
        listed = map(json.loads, AgentSection().states([self.workspace_id])[self.workspace_id])
        board = {uuid.UUID(state["id"]): state for state in listed}
        for pk, expected in zip(self.ids, self.expected, strict=True):
            rows = StoredRequest.objects.filter(agent=pk).order_by("pk")
            stored = [(row.request_id, row.seq, _resolution(json.loads(row.resolution or "{}"))) for row in rows]
            assert stored == [
                (asked.id, asked.seq, asked.resolution or (None,) * 3) for asked in expected.requests.values()
            ]
            for state in (agents[pk], board[pk]):
                assert (state["status"], state.get("reason", "")) == expected.status
                assert [request["requestId"] for request in state["requests"]] == [each.id for each in expected.open]
            agent = Agent.objects.get(pk=pk)
            leases = dict(SupersededLease.objects.filter(agent=pk).values_list("producer", "until"))
            assert agent.lease_holder not in leases
            if agent.lease_until is not None:
                leases[agent.lease_holder] = agent.lease_until
            assert {producer: clock.as_milliseconds(until) for producer, until in leases.items()} == expected.leases
            assert agent.lease_holder == expected.holder

    def _news(self, stream: str) -> list[Told]:
        """What a stream has been told since it was last asked."""
        found = Event.objects.filter(stream__name=stream, seq__gt=self._read[stream]).order_by("seq")
        rows = list(found.values_list("seq", "type", "payload"))
        if rows:
            self._read[stream] = rows[-1][0]
        return [_told(type_, json.loads(payload)) for _, type_, payload in rows]


def _event(told: Told) -> AgentEvent:
    match told:
        case ("ask", id_, reason, expires):
            [kind] = [kind for kind, known in REASONS.items() if known == reason]
            moment = None if expires is None else clock.timestamp(expires)
            fields = {"request_id": id_, "kind": kind, "title": "?", "options": OPTIONS, "expires_at": moment}
            return Request(**fields)
        case ("settle", id_, outcome):
            return ResolutionReport(request_id=id_, outcome=ResolutionOutcome(outcome))  # type: ignore[arg-type]
        case ("status", status):
            return StatusReport(status=Status(status))
        case ("terminated",):
            return Terminated()
        case _:
            return Output(content="…")


def _told(type_: str, payload: dict[str, Any]) -> Told:
    """An event as `expected` has it; of a workspace's stream, after the id of its agent."""
    if type_ == "workspace:updated":
        change, data = payload["change"], payload["data"]
        return (data.get("agentId"), *_told(change.replace("agent_", "agent:", 1), data))
    match type_.removeprefix("agent:"):
        case "request":
            return ("request", payload["requestId"])
        case "request_resolved":
            return ("request_resolved", payload["requestId"], *_resolution(payload))
        case "status":
            return ("status", payload["status"], payload.get("reason", ""))
        case other:
            return (other,)


def _resolution(found: dict[str, Any]) -> tuple[str | None, str | None, str | None]:
    return found.get("outcome"), found.get("option"), found.get("by")


@pytest.mark.django_db(transaction=True)
def test_a_request_is_resolved_at_most_once_and_all_agree_whatever_happens() -> None:
    Requests.users = {name: User.objects.create(username=name).pk for name in USERS}
    run: Any = run_state_machine_as_test
    run(Requests, settings=RUNS)
