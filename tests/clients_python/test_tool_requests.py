"""A tool asks, people answer, the tool gets the answer: once, despite faults of server, connection or runner."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.support.api import Api, Response
from tests.support.server import LiveServer
from tests.support.waiting import eventually

from .command import running, wait_for
from .place import Place

LEASE = 2.0

# What Claude Code prints and reads when it was started with --input-format stream-json and asks for a permission.
CLAUDE = """
import json, sys
def say(**event): print(json.dumps(event), flush=True)
def speak(text): say(type="assistant", message={"role": "assistant", "content": [{"type": "text", "text": text}]})
wish = {"subtype": "can_use_tool", "tool_name": "Bash", "input": {"command": "make deploy"}, "tool_use_id": "t1"}
say(type="control_request", request_id="r1", request=wish)
with open(sys.argv[1], "a") as file:
    for line in sys.stdin:
        told = json.loads(line)
        if told["type"] == "control_response":
            answer = told["response"]["response"]
            file.write(answer["behavior"] + answer.get("message", "") + ";")
            file.flush()
            speak("I was told: " + answer["behavior"] + "; ")
            say(type="result", subtype="success", is_error=False, result="")
        else:
            speak("A note: " + told["message"]["content"] + "; ")
    file.write("end;")
"""

Tool = tuple[str, ...]


@pytest.fixture
def told(tmp_path: Path) -> Path:
    """What the tool was told."""
    return tmp_path / "told"


@pytest.fixture
def tool(tmp_path: Path, told: Path) -> Tool:
    (tmp_path / "claude").write_text(CLAUDE)
    named = ("claude", "--input-format", "stream-json", "--output-format", "stream-json")
    return (sys.executable, str(tmp_path / "claude"), str(told), *named)


@pytest.fixture(scope="module")
def forgetful(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server with short leases."""
    with LiveServer(tmp_path_factory.mktemp("forgetful"), STREAM_LEASE=str(LEASE)) as server:
        yield server


def run(place: Place, tool: Tool) -> Any:
    return running(place, *tool, options=("--adapter", "claude"))


def requests_where(place: Place, holds: Callable[[list[dict[str, Any]]], bool]) -> list[dict[str, Any]]:
    """The agent's requests, resolved ones too, once that holds."""
    api = Api(place.url, place.token)
    found: list[dict[str, Any]] = []

    def look() -> bool:
        found[:] = api.get(f"/agents/{place.agent}/requests?open=false").data["requests"]
        return holds(found)

    eventually(look, otherwise=lambda: found)
    return found


def asked(place: Place, count: int = 1) -> str:
    """The id of the last of so many requests, once they are asked and it is open."""
    found = requests_where(place, lambda found: len(found) == count and "resolution" not in found[-1])
    id_: str = found[-1]["requestId"]
    return id_


def answer(place: Place, request_id: str, **given: Any) -> Response:
    return Api(place.url, place.token).post(f"/agents/{place.agent}/requests/{request_id}/answer", given)


def wait_told(told: Path, words: str) -> None:
    eventually(lambda: told.exists() and words in told.read_text(), otherwise=lambda: "the tool was not told")


def test_a_permission_is_asked_and_the_answer_passed_on(place: Place, tool: Tool, told: Path) -> None:
    with run(place, tool):
        request_id = asked(place)
        [request] = requests_where(place, bool)
        assert request["tool"] == {"name": "Bash", "toolCallId": "t1", "input": {"command": "make deploy"}}
        agent = Api(place.url, place.token).get(f"/agents/{place.agent}").data
        assert (agent["status"], agent["reason"]) == ("waiting", "awaiting_approval")
        assert answer(place, request_id, option="deny", text="not today").status == 200
        wait_told(told, "denynot today;")
        wait_for(place, "I was told: deny")


def test_if_two_people_answer_at_once_the_tool_gets_the_first_answer(place: Place, tool: Tool, told: Path) -> None:
    with run(place, tool), ThreadPoolExecutor(2) as people:
        request_id = asked(place)
        answers = [people.submit(answer, place, request_id, option=option) for option in ("allow", "deny")]
        given = {option: future.result() for option, future in zip(("allow", "deny"), answers, strict=True)}
        [first] = [option for option, response in given.items() if response.status == 200]
        [late] = [response for response in given.values() if response.status == 409]
        assert late.data["resolution"]["option"] == first
        wait_for(place, "I was told")
        Api(place.url, place.token).post(f"/agents/{place.agent}/input", {"content": "done"})
        wait_for(place, "A note: done")
    assert told.read_text().startswith({"allow": "allow;", "deny": "denyA person denied this.;"}[first])
    assert place.text().count("I was told") == 1


@pytest.mark.parametrize("words", ["yes", "y", "allow", "no"])
def test_no_text_answers_a_permission(place: Place, tool: Tool, told: Path, words: str) -> None:
    with run(place, tool):
        request_id = asked(place)
        Api(place.url, place.token).post(f"/agents/{place.agent}/input", {"content": words})
        wait_for(place, f"A note: {words}")
        assert told.read_text() == ""
        assert answer(place, request_id, option="allow").status == 200
        wait_told(told, "allow;")


def test_an_answer_given_while_the_connection_is_down_takes_effect_once(
    mortal: LiveServer, mortal_place: Place, tool: Tool, told: Path
) -> None:
    place = mortal_place
    with run(place, tool) as process:
        request_id = asked(place)
        process.send_signal(signal.SIGSTOP)
        mortal.restart()
        assert answer(place, request_id, option="allow").status == 200
        process.send_signal(signal.SIGCONT)
        wait_told(told, "allow;")
        mortal.restart()
        Api(place.url, place.token).post(f"/agents/{place.agent}/input", {"content": "after it"})
        wait_for(place, "A note: after it")
        assert told.read_text() == "allow;"
    assert [event.type for event in place.history()].count("agent:request") == 1


def test_across_a_server_restart_nothing_is_asked_twice(
    mortal: LiveServer, mortal_place: Place, tool: Tool, told: Path
) -> None:
    with run(mortal_place, tool):
        request_id = asked(mortal_place)
        mortal.restart()
        assert asked(mortal_place) == request_id
        assert answer(mortal_place, request_id, option="allow").status == 200
        assert answer(mortal_place, request_id, option="allow").status == 200, "a retry is answered alike"
        wait_told(told, "allow;")


def test_a_runner_killed_between_answer_and_effect_leaves_the_answer_and_no_effect(
    place: Place, tool: Tool, told: Path
) -> None:
    with run(place, tool) as process:
        request_id = asked(place)
        process.send_signal(signal.SIGSTOP)
        assert answer(place, request_id, option="allow").status == 200
        process.kill()
        wait_told(told, "end;")
    assert told.read_text() == "end;", "its input ended, and nothing was permitted"
    [request] = requests_where(place, bool)
    assert request["resolution"]["outcome"] == "answered"
    with run(place, tool):
        again = asked(place, 2)
        assert again != request_id
        assert answer(place, again, option="allow").status == 200
        wait_told(told, "end;allow;")


def test_the_requests_of_a_killed_runner_are_withdrawn_by_the_next_run(place: Place, tool: Tool) -> None:
    with run(place, tool) as process:
        request_id = asked(place)
        process.kill()
        process.wait()
    with run(place, tool):
        again = asked(place, 2)
        assert answer(place, request_id, option="allow").data["resolution"]["outcome"] == "withdrawn"
        assert answer(place, again, option="allow").status == 200


def test_a_tool_that_ends_withdraws_its_requests(place: Place, tool: Tool) -> None:
    with running(place, *tool, options=("--adapter", "claude"), stdin=subprocess.PIPE) as process:
        asked(place)
        assert process.stdin
        process.stdin.close()
        process.stdin = None
        process.wait(20)
    [request] = requests_where(place, bool)
    assert request["resolution"]["outcome"] == "withdrawn"


def test_a_lost_lease_withdraws_the_request_and_a_runner_that_comes_back_asks_anew(
    forgetful: LiveServer, tool: Tool, told: Path
) -> None:
    place = Place.made(Api(forgetful.url, forgetful.token("root", "--superuser")))
    with run(place, tool) as process:
        request_id = asked(place)
        process.send_signal(signal.SIGSTOP)
        found = requests_where(place, lambda found: "resolution" in found[0])
        assert found[0]["resolution"]["outcome"] == "withdrawn"
        assert answer(place, request_id, option="allow").status == 409
        process.send_signal(signal.SIGCONT)
        again = asked(place, 2)
        assert answer(place, again, option="deny").status == 200
        wait_told(told, "denyA person denied this.;")
    assert told.read_text().count("deny") == 1
