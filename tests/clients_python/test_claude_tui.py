"""The real Claude Code in a terminal, started as always after `agentstream connect`."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.clients_python.place import Place
from tests.clients_python.recording.replies import Answer, Call, reply, text, thought
from tests.clients_python.tui import Person, person
from tests.support.waiting import eventually

pytestmark = [pytest.mark.node, pytest.mark.tmux]

QUESTION = {
    "question": "Which colour?",
    "header": "Colour",
    "multiSelect": False,
    "options": [{"label": "Red", "description": "warm"}, {"label": "Blue", "description": "cold"}],
}


def touch(name: str) -> Answer:
    return reply(text(f"I make {name}."), Call("Bash", {"command": f"touch {name}", "description": "Make a file"}))


@pytest.fixture
def people(tmp_path: Path, place: Place) -> Iterator[Callable[..., Person]]:
    """Makes a person who is connected; their home has a space and more than ASCII in its name."""
    with ExitStack() as stack:

        def make(*answers: Answer, connected: bool = True) -> Person:
            someone = stack.enter_context(person(tmp_path / "Zoë's home", place, answers))
            if connected:
                someone.agentstream("connect", "claude", "--workspace", place.slug, "--yes", "--no-service")
            return someone

        yield make


def test_a_session_appears_with_state_words_tools_and_context(people: Callable[..., Person]) -> None:
    someone = people(reply(thought("A greeting is due."), text("Hello ", "there.")))
    terminal = someone.claude()
    agent = eventually(someone.agents)[0]
    assert (agent["name"], agent["status"]) == ("the work", "idle")
    assert {"cwd", "host", "session", "toolVersion"} <= set(agent["labels"])
    terminal.type("Say hello")
    eventually(lambda: [one["content"] for one in someone.outputs()][-1:] == ["Hello there."])
    said = [(one["role"], one["kind"], one["content"]) for one in someone.outputs()]
    assert said == [
        ("user", "text", "Say hello"),
        ("assistant", "thinking", "A greeting is due."),
        ("assistant", "text", "Hello there."),
    ]
    eventually(lambda: someone.agent()["status"] == "idle" and someone.agent()["contextLevel"])
    terminal.type("/exit")
    eventually(lambda: someone.agent()["status"] == "finished")


def test_a_permission_answered_on_the_page_goes_on_in_the_terminal(people: Callable[..., Person]) -> None:
    someone = people(touch("made.txt"), reply(text("It is made.")))
    terminal = someone.claude()
    terminal.type("Make it")
    terminal.wait_for("Do you want to proceed?")
    request = someone.request()
    assert request["tool"]["input"]["command"] == "touch made.txt"
    assert someone.agent()["status"] == "waiting"
    assert someone.answer(request, option="allow") == 200
    terminal.wait_for("It is made.")
    assert (someone.work / "made.txt").exists()
    assert someone.answer(request, option="deny") == 409


def test_a_permission_denied_on_the_page_is_denied_in_the_terminal(people: Callable[..., Person]) -> None:
    someone = people(touch("made.txt"), reply(text("Then not.")))
    terminal = someone.claude()
    terminal.type("Make it")
    request = someone.request()
    assert someone.answer(request, option="deny", text="Not on a Friday") == 200
    terminal.wait_for("Then not.")
    assert not (someone.work / "made.txt").exists()
    eventually(lambda: any("Not on a Friday" in one["content"] for one in someone.outputs()))


def test_a_permission_answered_in_the_terminal_is_resolved_on_the_page(people: Callable[..., Person]) -> None:
    someone = people(touch("made.txt"), reply(text("It is made.")))
    terminal = someone.claude()
    terminal.type("Make it")
    request = someone.request()
    terminal.confirm("Do you want to proceed?")
    assert someone.resolution(request)["outcome"] == "answered_elsewhere"
    terminal.wait_for("It is made.")
    assert someone.answer(request, option="deny") == 409


def test_a_question_is_answered_on_the_page(people: Callable[..., Person]) -> None:
    someone = people(reply(Call("AskUserQuestion", {"questions": [QUESTION]})), reply(text("Blue it is.")))
    terminal = someone.claude()
    terminal.type("Paint it")
    request = someone.request()
    assert (request["kind"], request["questions"][0]["question"]) == ("question", "Which colour?")
    assert someone.answer(request, answers={"q1": ["o2"]}) == 200
    terminal.wait_for("Which colour? → Blue", "Blue it is.")


def test_escape_in_the_terminal_ends_the_turn_on_the_page(people: Callable[..., Person]) -> None:
    someone = people(touch("made.txt"))
    terminal = someone.claude()
    terminal.type("Make it")
    request = someone.request()
    terminal.wait_for("Do you want to proceed?")
    terminal.press("Escape")
    assert someone.resolution(request)["outcome"] == "answered_elsewhere"
    eventually(lambda: someone.agent()["status"] == "idle")


def test_a_killed_session_is_reported_as_lost_and_asks_nothing_any_more(people: Callable[..., Person]) -> None:
    someone = people(touch("made.txt"))
    terminal = someone.claude()
    terminal.type("Make it")
    request = someone.request()
    os.kill(terminal.pid, signal.SIGKILL)
    eventually(lambda: someone.agent()["status"] == "offline")
    assert someone.resolution(request)["outcome"] in ("withdrawn", "answered_elsewhere")


def test_a_cleared_session_goes_on_under_the_same_agent(people: Callable[..., Person]) -> None:
    someone = people(reply(text("First.")), reply(text("Second.")))
    terminal = someone.claude()
    terminal.type("One")
    terminal.wait_for("First.")
    terminal.type("/clear")
    time.sleep(1)
    terminal.type("Two")
    terminal.wait_for("Second.")
    eventually(lambda: [one["content"] for one in someone.outputs()][-1:] == ["Second."])
    sessions = someone.api.get(f"/agents/{someone.agent()['id']}/sessions").data
    assert len(sessions["sessions"] if isinstance(sessions, dict) else sessions) == 2


def test_a_collector_that_was_away_repeats_and_misses_nothing(people: Callable[..., Person]) -> None:
    someone = people(reply(text("First.")), reply(text("Second.")), reply(text("Third.")))
    terminal = someone.claude()
    for number, words in enumerate(("First.", "Second.", "Third.")):
        terminal.type(f"Go on {number}")
        terminal.wait_for(words)
        if number == 0:
            eventually(lambda: "First." in [one["content"] for one in someone.outputs()])
            os.kill(int((someone.home / ".local/state/agentstream/hooks/collector.pid").read_text()), signal.SIGKILL)
    someone.agentstream("connect", "claude", "--workspace", someone.place.slug, "--yes", "--no-service")
    eventually(lambda: "Third." in [one["content"] for one in someone.outputs()])
    said = [one["content"] for one in someone.outputs()]
    assert said == ["Go on 0", "First.", "Go on 1", "Second.", "Go on 2", "Third."]


def test_without_a_collector_the_agent_works_as_before(people: Callable[..., Person]) -> None:
    someone = people(touch("made.txt"), reply(text("It is made.")))
    os.kill(int((someone.home / ".local/state/agentstream/hooks/collector.pid").read_text()), signal.SIGKILL)
    terminal = someone.claude()
    terminal.type("Make it")
    terminal.confirm("Do you want to proceed?")
    terminal.wait_for("It is made.")
    assert "hook error" not in terminal.screen.lower()
