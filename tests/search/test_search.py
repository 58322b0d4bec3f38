"""Search: everyone finds the retained output that they may see, with its position."""

import json
import time
import urllib.request
import uuid
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from tests.support.api import Api, agent_of
from tests.support.server import LiveServer
from tests.support.waiting import eventually

DEADLINE = 30.0


@dataclass
class Desk:
    """An agent in its own workspace, and a unique word."""

    api: Api
    workspace: str
    agent: str
    word: str

    def publish(self, *events: dict[str, Any], producer: str = "p") -> None:
        items = [
            {"n": n, "type": event.pop("type", "agent:output"), "payload": event} for n, event in enumerate(events, 1)
        ]
        published = self.api.post(f"/agents/{self.agent}/events", {"producer": producer, "events": items})
        assert published.status == 200, published


@pytest.fixture
def desk(root: Api) -> Desk:
    workspace, agent = agent_of(root)
    return Desk(root, workspace, agent, f"w{uuid.uuid4().hex[:10]}")


def ask(api: Api, q: str, **more: Any) -> Any:
    answer = api.get(f"/search?{urlencode({'q': q, **more}, doseq=True)}")
    assert answer.status == 200, answer
    return answer.data


def found(api: Api, q: str, count: int, **more: Any) -> list[dict[str, Any]]:
    """The results, once there are as many."""
    deadline = time.monotonic() + DEADLINE
    while len(results := ask(api, q, **more)["results"]) != count:
        assert time.monotonic() < deadline, results
        time.sleep(0.05)
    return list(results)


def test_output_is_found_with_its_place_and_a_snippet(desk: Desk) -> None:
    desk.publish({"content": "before"}, {"content": f"The build FAILED in {desk.word}, line 7"})
    [result] = found(desk.api, f"failed {desk.word}", 1)
    assert (result["agentId"], result["workspaceId"], result["seq"], result["type"]) == (
        desk.agent, desk.workspace, 2, "agent:output"
    )  # fmt: skip
    text, matches = result["snippet"]["text"], result["snippet"]["matches"]
    assert [text[start:end] for start, end in matches] == ["FAILED", desk.word]
    assert ask(desk.api, f'"failed {desk.word}"')["results"] == []
    assert len(ask(desk.api, f'"in {desk.word}"')["results"]) == 1
    assert len(ask(desk.api, f"{desk.word[:6]}*", agent=desk.agent)["results"]) == 1
    assert ask(desk.api, f"{desk.word} -build")["results"] == []


def test_a_word_is_found_across_the_chunks_of_a_message(desk: Desk) -> None:
    half, rest = desk.word[:5], desk.word[5:]
    chunk = {"messageId": "m", "isStreaming": True}
    desk.publish({"content": f"so {half}", **chunk}, {"content": rest, **chunk})
    found(desk.api, desk.word, 1)
    desk.publish({"content": f"{rest} and", "messageId": "m"}, {"content": desk.word}, producer="q")
    newest, message = found(desk.api, f"{desk.word}*", 2, agent=desk.agent)
    assert (newest["seq"], message["seq"]) == (4, 1)


def test_text_from_tools_errors_people_and_requests_is_found(desk: Desk) -> None:
    word = desk.word
    desk.publish(
        {"content": "", "kind": "tool_call", "toolName": "bash", "toolInput": {"command": f"rm {word}"}},
        {"type": "agent:error", "error": {"code": "E", "message": f"no {word}"}},
        {"type": "agent:request", "requestId": "r", "kind": "input", "title": f"May I {word}?"},
    )
    assert desk.api.post(f"/agents/{desk.agent}/input", {"content": f"stop {word}"}).status == 201
    types = [result["type"] for result in found(desk.api, word, 4)]
    assert types == ["agent:input", "agent:request", "agent:error", "agent:output"]
    assert [result["seq"] for result in ask(desk.api, word, type=["agent:error"])["results"]] == [2]
    assert len(ask(desk.api, word, type=["agent:error", "agent:input"])["results"]) == 2


def test_agents_are_found_by_names_and_labels(desk: Desk) -> None:
    named = desk.api.agent(desk.workspace, f"Deploy {desk.word}")["id"]
    labels = {"labels": {"repo": f"org/{desk.word}"}}
    assert desk.api.call("PATCH", f"/agents/{desk.agent}", labels).status == 200
    assert {agent["agentId"] for agent in ask(desk.api, desk.word)["agents"]} == {named, desk.agent}
    assert [agent["agentId"] for agent in ask(desk.api, f"deploy {desk.word}")["agents"]] == [named]
    desk.publish({"content": desk.word})
    found(desk.api, desk.word, 1, label=f"repo:org/{desk.word}")
    assert ask(desk.api, desk.word, label="repo:other")["results"] == []


def test_a_search_can_be_narrowed_by_place_and_time_and_is_paged(desk: Desk) -> None:
    desk.publish(*({"content": f"{desk.word} {number}"} for number in range(5)))
    results = found(desk.api, desk.word, 5)
    at = results[2]["time"]
    assert [result["seq"] for result in results] == [5, 4, 3, 2, 1]
    assert ask(desk.api, desk.word, workspace=desk.workspace)["results"] == results
    assert ask(desk.api, desk.word, workspace=str(uuid.uuid4()))["results"] == []
    assert ask(desk.api, desk.word, agent=str(uuid.uuid4()))["results"] == []
    assert len(ask(desk.api, desk.word, **{"from": at, "to": at})["results"]) >= 1
    assert ask(desk.api, desk.word, **{"from": "2100-01-01T00:00:00Z"})["results"] == []
    assert ask(desk.api, desk.word, to="2000-01-01T00:00:00Z")["results"] == []
    pages = list[list[int]]()
    cursor = dict[str, Any]()
    while True:
        page = ask(desk.api, desk.word, limit=2, **cursor)
        pages.append([result["seq"] for result in page["results"]])
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert pages == [[5, 4], [3, 2], [1]]


def test_access_is_checked_at_the_time_of_the_search(live: LiveServer, desk: Desk) -> None:
    name = f"u{uuid.uuid4().hex[:8]}"
    stranger = Api(live.url, live.token(name))
    desk.publish({"content": desk.word})
    desk.api.agent(desk.workspace, f"named {desk.word}")
    found(desk.api, desk.word, 1)
    assert ask(stranger, desk.word) == {"agents": [], "results": [], "next": None}
    member = desk.api.post(f"/workspaces/{desk.workspace}/members", {"user": name, "role": "viewer"})
    assert (len(ask(stranger, desk.word)["results"]), len(ask(stranger, desk.word)["agents"])) == (1, 1)
    assert desk.api.call("DELETE", f"/workspaces/{desk.workspace}/members/{member.data['id']}").status == 204
    assert ask(stranger, desk.word)["results"] == []


def test_a_token_finds_only_what_it_may_see(live: LiveServer, desk: Desk) -> None:
    desk.publish({"content": desk.word})
    other = Desk(desk.api, *agent_of(desk.api), desk.word)
    other.publish({"content": desk.word})
    found(desk.api, desk.word, 2)
    slug = next(one["slug"] for one in desk.api.get("/workspaces").data if one["id"] == desk.workspace)

    def limited(*limits: str) -> Api:
        return Api(live.url, live.run("createtoken", "root", "--scope", "watch", *limits))

    assert [one["agentId"] for one in ask(limited("--workspace", slug), desk.word)["results"]] == [desk.agent]
    assert ask(limited("--agents", "ci-*"), desk.word)["results"] == []
    assert len(ask(limited("--agents", "age*"), desk.word)["results"]) == 2


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("q=", "q: expected at least one word"),
        ("q=%26%26", "q: expected at least one word"),
        ("q=%22a", 'q: expected a closing "'),
        ("q=-a", "isn't excluded"),
        ("q=a*", "at least 2 characters before *"),
        ("q=" + "+".join("abcdefghijklm"), "at most 12 words, got 13"),
        ("q=" + "x" * 201, "at most 200 characters"),
        ("", "required"),
        ("q=a&workspace=w", "UUID"),
        ("q=a&agent=7", "UUID"),
        ("q=a&label=tool", "label: expected name:value"),
        ("q=a&from=yesterday", "datetime"),
        ("q=a&to=2026-01-01T00:00:00", "timezone"),
        ("q=a&cursor=-1", "greater than or equal to 0"),
        ("q=a&limit=51", "less than or equal to 50"),
        ("q=a%00b", "NUL"),
    ],
)
def test_a_bad_query_gets_a_clear_error(root: Api, query: str, expected: str) -> None:
    refused = root.get(f"/search?{query}")
    assert (refused.status, refused.data["code"]) == (400, "INVALID_MESSAGE")
    assert expected in refused.data["message"]


MEANINGFUL = [
    "a OR b", "NEAR(a b)", "text:a", "a^2", "{a} b", "'; DROP TABLE search_entry; --", "a & !b | c", "é\u202e<b>", "%a",
]  # fmt: skip


@pytest.mark.parametrize("q", MEANINGFUL)
def test_database_query_syntax_has_no_effect(root: Api, q: str) -> None:
    assert root.get(f"/search?q={quote(q)}").status == 200


def test_hostile_output_is_returned_as_text(desk: Desk) -> None:
    hostile = f"<img src=x onerror=alert(1)> \x1b[31m{desk.word}\x1b]8;;evil\x07 \0 \u202e"
    desk.publish({"content": hostile})
    [result] = found(desk.api, desk.word, 1)
    text = result["snippet"]["text"]
    assert "<img src=x onerror=alert(1)>" in text, "as it was written, for whoever shows text as text"
    assert "\x1b" not in text
    assert "\0" not in text
    json.dumps(result).encode()


def test_trimmed_output_is_not_found(live: LiveServer, desk: Desk) -> None:
    word = desk.word
    desk.publish(
        {"content": f"{word} first"},
        {"content": f"{word} se", "messageId": "m"},
        {"content": f"cond {word}end", "messageId": "m"},
        {"content": f"{word} last"},
    )
    found(desk.api, word, 3)
    trim = f"from streams.log.retention import trim_stream; trim_stream('agent.{desk.agent}', 2, 0, 100)"
    live.run("shell", "-v", "0", "-c", trim)
    assert [result["seq"] for result in ask(desk.api, word)["results"]] == [4], "not for a moment"
    found(desk.api, f"{word}end", 1)  # the end of the message is retained
    assert ask(desk.api, "first", agent=desk.agent)["results"] == []
    assert desk.api.call("DELETE", f"/agents/{desk.agent}").status == 204
    assert ask(desk.api, word)["results"] == []
    count = f"from search.models import Entry; print(Entry.objects.filter(agent_id='{desk.agent}').count())"
    eventually(lambda: live.run("shell", "-v", "0", "-c", count).splitlines()[-1] == "0")


def test_the_index_lags_visibly_and_catches_up(live: LiveServer, root: Api, desk: Desk) -> None:
    desk.publish(*({"content": f"{desk.word} {number}"} for number in range(300)))
    found(desk.api, f"{desk.word} 299", 1)

    def lag() -> float:
        request = urllib.request.Request(f"{live.url}/metrics", headers={"Authorization": f"Bearer {root.token}"})
        text = urllib.request.urlopen(request).read().decode()
        [line] = [line for line in text.splitlines() if line.startswith('agentstream_follower_lag{follower="search"}')]
        return float(line.split()[-1])

    eventually(lambda: lag() == 0)
