"""Requests: the first answer wins, exactly once, and everyone is notified."""

import asyncio
import json
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agents.request_store import MAX_OPEN, STATE_BYTES
from tests.agents.requests import Desk, Json, desk_of, permission, question
from tests.chaos.cluster import Cluster
from tests.support.viewer import viewer


@pytest.fixture(scope="module")
def crowd(pair: Cluster) -> Desk:
    return desk_of(pair)


@pytest.fixture
def desk(crowd: Desk) -> Desk:
    """A new agent with the same people."""
    agent_id = crowd.root.agent(crowd.workspace_id, f"agent {uuid.uuid4()}")["id"]
    return Desk(crowd.root, crowd.other, crowd.workspace_id, agent_id, crowd.tokens, crowd.names)


def in_seconds(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


# Asking


def test_a_request_appears_in_full_on_both_streams_and_in_both_states(desk: Desk, pair: Cluster) -> None:
    asked = permission("r1", body="*please*", expiresAt="2090-01-01T00:00:00+01:00")
    told = {**asked, "expiresAt": "2089-12-31T23:00:00.000Z"}

    async def scenario() -> None:
        async with viewer(pair.servers[1].ws_url, desk.root.token) as board:
            await board.subscribe("workspace", desk.workspace_id)
            created = await asyncio.to_thread(desk.ask, asked)
            assert created == {**told, "createdAt": created["createdAt"]}
            first, second = [event["payload"] for event in await board.events(2)]
            assert (first["change"], first["data"]) == ("agent_request", {"agentId": desk.agent_id, **told})
            assert second["data"]["status"] == "waiting"
            state = (await board.subscribe("workspace", desk.workspace_id))["payload"]["state"]
            [agent] = [agent for agent in state["agents"] if agent["id"] == desk.agent_id]
            assert agent["requests"] == [created]
            alone = await board.subscribe("agent", desk.agent_id)
            assert alone["payload"]["state"]["requests"] == [created]

    asyncio.run(scenario())
    assert desk.events("agent:request") == [{"agentId": desk.agent_id, **told}]
    assert desk.state()["requests"] == [desk.get("r1")]


def test_asking_again_changes_nothing_and_is_accepted(desk: Desk) -> None:
    for n in (1, 2):
        assert desk.publish(("agent:request", permission("r1", title=f"Title {n}")), n=n).data["n"] == n
    created = desk.ask(permission("r1", title="Title 3"))
    assert created["title"] == "Title 1"
    assert len(desk.events("agent:request")) == 1
    desk.answer(desk.person("ann"), "r1", option="yes")
    assert desk.ask(permission("r1"))["resolution"]["option"] == "yes"
    assert (desk.open(), desk.status()) == ([], ("running", None))


def test_a_request_without_an_id_gets_one(desk: Desk) -> None:
    asked = {key: value for key, value in permission("").items() if key != "requestId"}
    assert desk.open() == [] and desk.ask(asked)["requestId"] == desk.open()[0]


def test_an_open_request_makes_the_agent_wait_and_the_last_resolved_lets_it_run(desk: Desk) -> None:
    desk.publish(("agent:request", permission("r1")), ("agent:request", {**question("r2")}))
    assert desk.status() == ("waiting", "awaiting_approval")
    desk.answer(desk.person("ann"), "r1", option="no")
    assert desk.status() == ("waiting", "awaiting_approval")
    desk.answer(desk.person("ann"), "r2", answers={"color": ["red"], "sizes": ["blue", "mine"]})
    assert desk.status() == ("running", None)
    desk.publish(("agent:request", question("r3")), producer="q")
    assert desk.status() == ("waiting", "awaiting_input")


def test_a_producer_may_override_the_status(desk: Desk) -> None:
    desk.publish(("agent:request", permission("r1")), ("agent:status", {"status": "error"}))
    desk.answer(desk.person("ann"), "r1", option="yes")
    assert desk.status() == ("error", None)


# Answering


def test_when_two_people_answer_at_once_on_two_processes_one_of_them_wins(desk: Desk) -> None:
    rounds = 12
    desk.publish(*(("agent:request", permission(f"r{i}")) for i in range(rounds)))
    people = [("ann", "yes", False), ("bob", "no", True)]
    with ThreadPoolExecutor(len(people)) as threads:
        for i in range(rounds):
            asked = [
                threads.submit(desk.answer, desk.person(who, elsewhere=elsewhere), f"r{i}", option=option)
                for who, option, elsewhere in people
            ]
            answers = [each.result() for each in asked]
            assert sorted(answer.status for answer in answers) == [200, 409]
            [won] = [index for index, answer in enumerate(answers) if answer.status == 200]
            lost = answers[1 - won].data
            assert (lost["code"], lost["resolution"]) == ("CONFLICT", answers[won].data["resolution"])
            assert lost["resolution"]["by"] == desk.names[people[won][0]]
            assert lost["resolution"]["option"] == people[won][1]
    assert sorted(desk.outcomes()) == sorted((f"r{i}", "answered") for i in range(rounds))
    resolved = {told["requestId"]: told for told in desk.workspace_changes("agent_request_resolved")}
    assert all(told == resolved[told["requestId"]] for told in desk.events("agent:request_resolved"))


def test_the_same_users_identical_retry_is_success_and_stored_once(desk: Desk) -> None:
    desk.ask(question("r1"))
    answers = {"color": ["red"], "sizes": ["blue", "red"]}
    first = desk.answer(desk.person("ann"), "r1", answers=answers)
    again = desk.answer(desk.person("ann", elsewhere=True), "r1", answers=answers)
    assert (first.status, first.data) == (again.status, again.data) == (200, first.data)
    assert desk.outcomes() == [("r1", "answered")]
    other = desk.answer(desk.person("ann"), "r1", answers={**answers, "color": ["blue"]})
    assert (other.status, other.data["resolution"]) == (409, first.data["resolution"])


def test_anothers_retry_of_the_same_answer_is_a_conflict(desk: Desk) -> None:
    desk.ask(permission("r1"))
    assert desk.answer(desk.person("ann"), "r1", option="yes").status == 200
    late = desk.answer(desk.person("bob"), "r1", option="yes")
    assert (late.status, late.data["resolution"]["by"]) == (409, desk.names["ann"])


def test_an_answer_over_the_websocket_is_confirmed_and_a_late_one_learns_who_was_first(
    desk: Desk, pair: Cluster
) -> None:
    desk.ask(permission("r1"))

    async def scenario() -> None:
        payload = {"agentId": desk.agent_id, "requestId": "r1", "option": "yes", "text": "go on"}
        async with viewer(pair.servers[1].ws_url, desk.tokens["ann"]) as ann:
            answered = await ann.ask("answer:agent", payload, id=7)
            assert (answered["type"], answered["id"]) == ("answered", 7)
            resolution = answered["payload"].pop("resolution")
            assert answered["payload"] == {"agentId": desk.agent_id, "requestId": "r1"}
            assert resolution["by"] == desk.names["ann"] and resolution["text"] == "go on"
        async with viewer(pair.ws_urls[0], desk.tokens["bob"]) as bob:
            for _ in range(60):  # late answers don't count as bad messages
                refused = await bob.ask("answer:agent", payload)
            assert refused["type"] == "error"
            assert (refused["payload"]["code"], refused["payload"]["resolution"]) == ("CONFLICT", resolution)

    asyncio.run(scenario())


def test_viewers_can_see_requests_but_not_answer(desk: Desk, pair: Cluster) -> None:
    desk.ask(permission("r1"))
    vera = desk.person("vera")
    assert vera.get(f"/agents/{desk.agent_id}/requests/r1").status == 200
    assert desk.answer(vera, "r1", option="yes").status == 403

    async def scenario() -> None:
        async with viewer(pair.ws_urls[0], desk.tokens["vera"]) as one:
            refused = await one.ask("answer:agent", {"agentId": desk.agent_id, "requestId": "r1", "option": "yes"})
            assert refused["payload"]["code"] == "FORBIDDEN"

    asyncio.run(scenario())
    assert desk.open() == ["r1"]


def test_a_text_that_says_yes_resolves_nothing(desk: Desk) -> None:
    desk.ask(permission("r1"))
    assert desk.person("ann").post(f"/agents/{desk.agent_id}/input", {"content": "yes"}).status == 201
    assert (desk.open(), desk.outcomes()) == (["r1"], [])


def test_an_answer_given_while_the_producer_is_away_reaches_it_when_it_returns(desk: Desk, pair: Cluster) -> None:
    """The producer is killed after asking; its next run finds the resolution in the stream, after its position."""
    published = desk.publish(("agent:request", permission("r1")))
    assert desk.answer(desk.person("bob"), "r1", option="no", text="not on a Friday").status == 200

    async def next_run() -> Json:
        async with viewer(pair.servers[1].ws_url, desk.root.token) as producer:
            await producer.subscribe("agent", desk.agent_id, since=published.data["seq"] - 1)
            while True:
                [event] = await producer.events(1)
                if event["type"] == "agent:request_resolved":
                    payload: Json = event["payload"]
                    return payload

    told = asyncio.run(next_run())
    assert told == {
        "agentId": desk.agent_id,
        "requestId": "r1",
        "outcome": "answered",
        "option": "no",
        "text": "not on a Friday",
        "by": desk.names["bob"],
    }
    assert desk.publish(("agent:request", permission("r1")), n=2).status == 200
    assert desk.open() == [], "asking again asks nobody twice"


# Other ends


def test_after_its_time_a_request_has_expired_by_the_servers_clock(desk: Desk) -> None:
    desk.ask(permission("r1", expiresAt=in_seconds(0.3)))
    assert desk.until_resolved("r1")["outcome"] == "expired"
    late = desk.answer(desk.person("ann"), "r1", option="yes")
    assert (late.status, late.data["resolution"]["outcome"]) == (409, "expired")
    assert (desk.outcomes(), desk.status()) == ([("r1", "expired")], ("running", None))


def test_an_answer_racing_with_the_expiry_is_either_stored_or_refused(desk: Desk) -> None:
    count = 10
    desk.publish(*(("agent:request", permission(f"r{i}", expiresAt=in_seconds(0.8 + i * 0.05))) for i in range(count)))

    def answer(i: int) -> int:
        time.sleep(max(0.0, 0.75 + i * 0.05 - (time.monotonic() - began)))
        return desk.answer(desk.person("ann", elsewhere=bool(i % 2)), f"r{i}", option="yes").status

    began = time.monotonic()
    with ThreadPoolExecutor(count) as threads:
        statuses = list(threads.map(answer, range(count)))
    for i, status in enumerate(statuses):
        assert desk.until_resolved(f"r{i}")["outcome"] == {200: "answered", 409: "expired"}[status]
    assert sorted(name for name, _ in desk.outcomes()) == sorted(f"r{i}" for i in range(count))


@pytest.mark.parametrize("outcome", ["answered_elsewhere", "withdrawn"])
def test_a_producer_can_settle_its_request_only_while_it_is_open(desk: Desk, outcome: str) -> None:
    desk.publish(("agent:request", permission("r1")))
    settled = {"requestId": "r1", "outcome": outcome, "option": "yes", "by": "somebody else"}
    assert desk.publish(("agent:request_resolved", settled), n=2).status == 200
    other = "withdrawn" if outcome == "answered_elsewhere" else "answered_elsewhere"
    assert desk.publish(("agent:request_resolved", {**settled, "outcome": other}), n=3).status == 200
    assert desk.publish(("agent:request_resolved", {**settled, "requestId": "unknown"}), n=4).status == 200
    assert desk.outcomes() == [("r1", outcome)]
    assert "by" not in desk.get("r1")["resolution"], "who answered is the server's to say"
    assert desk.answer(desk.person("ann"), "r1", option="yes").data["resolution"]["outcome"] == outcome


def test_a_request_asked_and_settled_in_one_publication_is_recorded_in_order(desk: Desk) -> None:
    desk.publish(
        ("agent:request", permission("r1")),
        ("agent:request_resolved", {"requestId": "r1", "outcome": "withdrawn"}),
    )
    told = [event["type"] for event in desk.root.get(f"/agents/{desk.agent_id}/events").data["events"]]
    assert told == ["agent:request", "agent:status", "agent:request_resolved", "agent:status"]
    assert (desk.open(), desk.status()) == ([], ("running", None))


def test_when_the_agent_terminates_its_requests_are_withdrawn(desk: Desk) -> None:
    desk.publish(("agent:request", permission("r1")), ("agent:request", permission("r2")))
    ended = {"exitCode": 0, "reason": "completed"}
    desk.publish(("agent:status", {"status": "finished"}), ("agent:terminated", ended), n=3)
    assert desk.outcomes() == [("r1", "withdrawn"), ("r2", "withdrawn")]
    assert desk.status() == ("finished", None)
    assert desk.answer(desk.person("ann"), "r1", option="yes").status == 409


@pytest.mark.parametrize(
    ("reason", "status", "needs"),
    [
        ("completed", ("finished", "completed"), "turn"),
        ("user_stopped", ("finished", "user_stopped"), "turn"),
        ("error", ("error", "process_error"), "failed"),
        ("lost", ("offline", "lost"), "lost"),
    ],
)
def test_an_agent_that_ended_waits_for_nobody_even_if_its_producer_reports_no_status(
    desk: Desk, reason: str, status: tuple[str, str], needs: str
) -> None:
    for n, begun in ((1, ("agent:request", permission("r1"))), (3, ("agent:status", {"status": "running"}))):
        desk.publish(begun, ("agent:terminated", {"exitCode": None, "reason": reason}), n=n)
        assert desk.status() == status
        assert desk.root.get(f"/agents/{desk.agent_id}").data["needs"] == needs
    assert desk.outcomes() == [("r1", "withdrawn")]


def test_waiting_calls_end_when_the_agent_is_deleted(desk: Desk) -> None:
    desk.ask(permission("r1"))
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(desk.root.get, f"/agents/{desk.agent_id}/requests/r1?wait=10")
        time.sleep(0.3)
        desk.root.call("DELETE", f"/agents/{desk.agent_id}")
        assert waiting.result().status == 404


# Waiting over HTTP


def test_whoever_asks_over_http_waits_for_the_answer_on_any_process(desk: Desk) -> None:
    with ThreadPoolExecutor(2) as threads:
        asking = threads.submit(
            desk.other.post, f"/agents/{desk.agent_id}/requests?wait=15", permission("deploy/1", kind="plan")
        )
        while not desk.open():
            time.sleep(0.05)
        watching = threads.submit(desk.root.get, f"/agents/{desk.agent_id}/requests/deploy/1?wait=15")
        began = time.monotonic()
        desk.answer(desk.person("ann"), "deploy/1", option="yes")
        asked, watched = asking.result(), watching.result()
    assert time.monotonic() - began < 5
    assert asked.data["resolution"]["option"] == watched.data["resolution"]["option"] == "yes"
    assert (asked.status, watched.status) == (201, 200)


def test_a_wait_ends_after_its_time_with_the_request_still_open(desk: Desk) -> None:
    desk.ask(permission("r1"))
    began = time.monotonic()
    waited = desk.root.get(f"/agents/{desk.agent_id}/requests/r1?wait=0.5")
    assert time.monotonic() - began >= 0.5
    assert (waited.status, "resolution" in waited.data) == (200, False)
    assert desk.root.get(f"/agents/{desk.agent_id}/requests/r1?wait=61").status == 400
    assert desk.root.get(f"/agents/{desk.agent_id}/requests/nobody?wait=1").status == 404


def test_requests_are_listed_in_pages(desk: Desk) -> None:
    desk.publish(*(("agent:request", permission(f"r{i}")) for i in range(5)))
    desk.answer(desk.person("ann"), "r0", option="yes")
    path = f"/agents/{desk.agent_id}/requests"
    everything = desk.root.get(f"{path}?open=false&limit=3").data
    assert ([each["requestId"] for each in everything["requests"]], everything["more"]) == (["r0", "r1", "r2"], True)
    rest = desk.root.get(f"{path}?open=false&since={everything['requests'][-1]['seq']}").data
    assert ([each["requestId"] for each in rest["requests"]], rest["more"]) == (["r3", "r4"], False)
    assert [each["requestId"] for each in desk.root.get(path).data["requests"]] == ["r1", "r2", "r3", "r4"]


# Limits and bad input


def test_an_agent_has_a_bounded_number_of_open_requests(desk: Desk) -> None:
    assert desk.publish(*(("agent:request", permission(f"r{i}")) for i in range(MAX_OPEN))).status == 200
    refused = desk.publish(("agent:request", permission("more")), n=MAX_OPEN + 1)
    assert (refused.status, refused.data["code"]) == (400, "INVALID_MESSAGE")
    settled = {"requestId": "r0", "outcome": "withdrawn"}
    events = (("agent:request_resolved", settled), ("agent:request", permission("more")))
    assert desk.publish(*events, n=MAX_OPEN + 1).status == 200


def test_a_state_stays_small_and_says_how_many_requests_it_omits(desk: Desk) -> None:
    body = "x" * (STATE_BYTES // 4)
    desk.publish(*(("agent:request", permission(f"r{i}", body=body)) for i in range(6)))
    state = desk.state()
    assert ([each["requestId"] for each in state["requests"]], state["moreRequests"]) == (["r0", "r1", "r2"], 3)
    assert all(each["body"] == body for each in state["requests"])
    assert len(desk.root.get(f"/agents/{desk.agent_id}/requests").data["requests"]) == 6


def test_the_action_to_permit_is_stored_unchanged(desk: Desk) -> None:
    hostile = {
        "nothing": None,
        "list": [None, {"deep": {"er": None}}, 1.5, -0.0, 2**60, True],
        "text": "<script>alert(1)</script>\u202e \u2028 \x1b[31m \\u0000 \\",
        "": {"__proto__": {"a": 1}},
        "code": '{"[' * 20_000,
    }
    desk.ask(permission("r1", tool={"name": "<b>", "input": hostile, "unknown": 1}))
    assert json.dumps(desk.get("r1")["tool"]) == json.dumps({"name": "<b>", "input": hostile})


OPTION = {"id": "yes", "label": "Yes", "effect": "allow"}
DEEP: Any = "x"
for _ in range(150):
    DEEP = {"a": DEEP}


def _with_input(text: bytes) -> bytes:
    return b'{"kind":"input","title":"x","tool":{"name":"x","input":{"a":%b}}}' % text


BAD_REQUESTS: list[tuple[str, Json | bytes, int]] = [
    ("no object", b"[1]", 400),
    ("no JSON", b"{", 400),
    ("an unknown kind", permission("r", kind="dance"), 400),
    ("no title", permission("r", title=""), 400),
    ("a long title", permission("r", title="x" * 501), 400),
    ("an empty id", permission(""), 400),
    ("a long id", permission("r" * 101), 400),
    ("NUL in the id", permission("r\0"), 400),
    ("NUL in the title", permission("r", title="\0"), 400),
    ("NUL in the body", permission("r", body="\0"), 400),
    ("NUL in the tool's input", permission("r", tool={"name": "x", "input": {"a": ["\0"]}}), 400),
    ("NUL in a key of it", permission("r", tool={"name": "x", "input": {"\\\0": 1}}), 400),
    ("a list for an input", permission("r", tool={"name": "x", "input": []}), 400),
    ("an infinite number", _with_input(b"1e400"), 400),
    ("NaN", _with_input(b"NaN"), 400),
    ("a number of 5,000 digits", _with_input(b"9" * 5000), 400),
    ("nothing but empty lists", _with_input(b"[" + b"[]," * 40_000 + b"[]]"), 413),
    ("deeper than any tool", _with_input(b'{"a":' * 5000 + b"1" + b"}" * 5000), 400),
    ("no options", permission("r", options=[]), 400),
    ("the same option twice", permission("r", options=[OPTION, OPTION]), 400),
    ("an effect that is none", permission("r", options=[{**OPTION, "effect": "maybe"}]), 400),
    ("21 options", permission("r", options=[{**OPTION, "id": str(i)} for i in range(21)]), 400),
    ("options for an input", permission("r", kind="input"), 400),
    ("questions for a permission", permission("r", questions=question("r")["questions"]), 400),
    ("the same question twice", question("r", questions=question("r")["questions"][:1] * 2), 400),
    ("11 questions", question("r", questions=[{"id": str(i), "question": "?"} for i in range(11)]), 400),
    ("a time without a zone", permission("r", expiresAt="2030-01-01T00:00:00"), 400),
    ("a time that is a number", permission("r", expiresAt=1_900_000_000), 400),
    ("a time before time", permission("r", expiresAt="0001-01-01T00:00:00+14:00"), 400),
    ("a time after time", permission("r", expiresAt="9999-12-31T23:59:59-14:00"), 400),
    ("a quarter of a megabyte", permission("r", body="x" * 245_760), 413),
    ("a megabyte", permission("r", body="x" * 1_000_000), 413),
]  # fmt: skip


@pytest.mark.parametrize(("body", "status"), [row[1:] for row in BAD_REQUESTS], ids=[row[0] for row in BAD_REQUESTS])
def test_a_bad_request_is_refused_and_nobody_is_asked(desk: Desk, body: Json | bytes, status: int) -> None:
    refused = desk.root.post(f"/agents/{desk.agent_id}/requests", body)
    assert refused.status == status, refused
    assert refused.data["message"]
    assert (desk.events(), desk.open(), desk.status()) == ([], [], ("idle", None))


def test_a_deeply_nested_input_that_is_accepted_is_returned(desk: Desk) -> None:
    desk.ask(permission("r1", tool={"name": "x", "input": DEEP}))
    assert desk.get("r1")["tool"]["input"] == DEEP


BAD_ANSWERS: list[tuple[str, Json, Json]] = [
    ("nothing", permission("r"), {}),
    ("an option that is none", permission("r"), {"option": "maybe"}),
    ("a text for a permission", permission("r"), {"text": "yes"}),
    ("answers for a permission", permission("r"), {"option": "yes", "answers": {"a": ["b"]}}),
    ("a number for an option", permission("r"), {"option": 1}),
    ("NUL in the text", permission("r"), {"option": "yes", "text": "\0"}),
    ("a question left out", question("r"), {"answers": {"color": ["red"]}}),
    ("an unknown question", question("r"), {"answers": {"color": ["red"], "sizes": ["red"], "x": ["y"]}}),
    ("an unknown choice", question("r"), {"answers": {"color": ["green"], "sizes": ["red"]}}),
    ("two where one is asked", question("r"), {"answers": {"color": ["red", "blue"], "sizes": ["red"]}}),
    ("none", question("r"), {"answers": {"color": [], "sizes": ["red"]}}),
    ("white space for a text", question("r"), {"answers": {"color": ["red"], "sizes": [" "]}}),
    ("only a text for questions", question("r"), {"text": "red"}),
    ("an empty input", {"requestId": "r", "kind": "input", "title": "?", "options": []}, {"text": " "}),
]


@pytest.mark.parametrize(("request_", "answer"), [row[1:] for row in BAD_ANSWERS], ids=[row[0] for row in BAD_ANSWERS])
def test_an_answer_that_does_not_fit_is_refused_and_the_request_stays_open(
    desk: Desk, request_: Json, answer: Json
) -> None:
    desk.ask(request_)
    refused = desk.answer(desk.person("ann"), "r", **answer)
    assert (refused.status, refused.data["code"]) == (400, "INVALID_MESSAGE"), refused
    assert (desk.open(), desk.outcomes()) == (["r"], [])


def test_an_answer_that_would_not_fit_an_event_is_refused(desk: Desk) -> None:
    desk.ask({"requestId": "r", "kind": "input", "title": "?", "options": []})
    assert desk.answer(desk.person("ann"), "r", text="x" * 245_760).status == 413
    assert desk.answer(desk.person("ann"), "r", text="x" * 60_000).status == 200


def test_an_answer_to_an_unknown_request_is_not_found(desk: Desk) -> None:
    for request_id in ("unknown", "%00", "x" * 200):
        refused = desk.answer(desk.person("ann"), request_id, option="yes")
        assert (refused.status, refused.data["code"]) in ((404, "NOT_FOUND"), (400, "INVALID_MESSAGE")), refused


@pytest.mark.parametrize("outcome", ["answered", "expired", "dance"])
def test_a_producer_may_not_answer_its_own_request(desk: Desk, outcome: str) -> None:
    desk.publish(("agent:request", permission("r1")))
    refused = desk.publish(("agent:request_resolved", {"requestId": "r1", "outcome": outcome}), n=2)
    assert (refused.status, refused.data["code"]) == (400, "INVALID_MESSAGE")
    assert desk.open() == ["r1"]
