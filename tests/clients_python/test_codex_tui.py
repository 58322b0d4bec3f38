"""The real Codex in a terminal, started as always after `agentstream connect`."""

import os
import signal
from collections.abc import Iterator

import pytest

from tests.clients_python.codex_tui import ALONE, CodexPerson, codex_person
from tests.clients_python.place import Place
from tests.clients_python.recording.replies import Call, reply, text, thought
from tests.clients_python.recording.terminal_scenes import ADDED, PLAN, asking
from tests.support.api import Api
from tests.support.waiting import eventually

pytestmark = [pytest.mark.node, pytest.mark.tmux]

DIALOG = "Would you like to run the following command?"


@pytest.fixture(scope="module")
def someone(tmp_path_factory: pytest.TempPathFactory, root: Api) -> Iterator[CodexPerson]:
    """Connected; their home has a space and more than ASCII in its name."""
    with codex_person(tmp_path_factory.mktemp("home") / "Zoë's home", Place.made(root)) as person:
        person.connect()
        yield person


@pytest.fixture(autouse=True)
def _one_after_the_other(someone: CodexPerson) -> Iterator[None]:
    yield
    someone.leave_all()


def test_a_session_appears_with_state_words_tools_and_context(someone: CodexPerson) -> None:
    terminal = someone.codex()
    agent = eventually(someone.agents)[0]
    assert (agent["name"], agent["status"]) == ("the work", "idle")
    someone.say(
        terminal,
        "Greet",
        reply(thought("A greeting is due."), Call("apply_patch", ADDED)),
        reply(Call("update_plan", {"plan": PLAN})),
        reply(text("Hello ", "there.")),
    )
    eventually(lambda: someone.said()[-1:] == ["Hello there."])
    told = [(one["role"], one["kind"], one.get("toolName")) for one in someone.outputs()]
    assert told[:4] == [
        ("user", "text", None),
        ("assistant", "thinking", None),
        ("tool", "tool_call", "apply_patch"),
        ("tool", "tool_result", "apply_patch"),
    ]
    (change,) = someone.outputs()[2]["changes"]
    assert (change["path"], "+hello\n+again" in change["patch"]) == ("note.txt", True)
    assert [step["status"] for step in someone.events("agent:plan")[0]["entries"]] == ["completed", "in_progress"]
    usage = someone.events("agent:usage")[-1]
    assert usage["inputTokens"] > 0
    assert [(limit["name"], limit["usedPercent"]) for limit in usage["limits"]] == [("five_hour", 12.5)]
    eventually(lambda: someone.agent()["status"] == "idle")
    agent = someone.agent()
    assert (agent["tokensUsed"], agent["tokensLimit"], agent["contextLevel"]) == (21050, 258400, 8)
    assert {"cwd", "host", "session", "toolVersion", "model"} <= set(eventually(lambda: _modelled(someone)))
    someone.quit(terminal)
    assert someone.agent()["status"] == "finished"
    someone.saw("state", "words", "thinking", "tools", "diffs", "plan", "context", "usage", "limits")


def _modelled(someone: CodexPerson) -> dict[str, str]:
    labels: dict[str, str] = someone.agent()["labels"]
    return labels if "model" in labels else {}


def test_a_permission_answered_in_the_terminal_is_resolved_on_the_page(someone: CodexPerson) -> None:
    terminal = someone.codex()
    someone.say(terminal, "Make it", reply(asking("touch made.txt")), reply(text("It is made.")))
    terminal.wait_for(DIALOG)
    request = someone.request()
    assert request["tool"]["input"]["command"] == "touch made.txt"
    assert [option["id"] for option in request["options"]] == ["terminal"]
    assert someone.agent()["status"] == "waiting"
    terminal.press("y")
    assert someone.resolution(request)["outcome"] == "answered_elsewhere"
    eventually(lambda: someone.said()[-1:] == ["It is made."])
    someone.say(terminal, "Once more", reply(asking("touch more.txt")))
    terminal.wait_for(DIALOG)
    request = someone.request()
    terminal.press("Escape")
    assert someone.resolution(request)["outcome"] == "answered_elsewhere"
    eventually(lambda: someone.agent()["status"] == "idle")
    someone.saw("permission in the terminal", "interruption")
    someone.quit(terminal)


def test_two_sessions_in_a_folder_are_two_agents_and_a_new_one_goes_on_under_its_own(someone: CodexPerson) -> None:
    one = someone.codex()
    someone.say(one, "First", reply(text("I am the first.")))
    eventually(lambda: "I am the first." in someone.said())
    other = someone.codex()
    eventually(lambda: len(someone.agents()) == 2)
    someone.say(other, "Second", reply(text("I am the second.")))
    eventually(lambda: someone.second_said() == ["Second", "I am the second."])
    someone.quit(other)
    someone.say(one, "/new")
    someone.say(one, "Third", reply(text("I am new.")))
    eventually(lambda: someone.said()[-2:] == ["Third", "I am new."])
    changes = [event["change"] for event in someone.events("agent:session")]
    assert changes[-2:] == ["started", "cleared"]
    someone.saw("clear")
    someone.quit(one)


def test_a_permission_is_answered_on_the_page_if_the_person_has_chosen_so(someone: CodexPerson) -> None:
    someone.connect("--answer")
    terminal = someone.codex()
    someone.say(terminal, "Make it", reply(asking("touch paged.txt")), reply(text("It is made on the page.")))
    request = someone.request()
    assert DIALOG not in terminal.screen
    assert someone.answer(request, option="allow") == 200
    terminal.wait_for("It is made on the page.")
    assert (someone.work / "paged.txt").exists()
    someone.say(terminal, "Again", reply(asking("touch denied.txt")), reply(text("Then not.")))
    request = someone.request()
    assert someone.answer(request, option="deny", text="Not on a Friday") == 200
    terminal.wait_for("Not on a Friday", "Then not.")
    assert not (someone.work / "denied.txt").exists()
    someone.saw("permission")
    someone.quit(terminal)
    someone.connect()


def test_a_turn_goes_on_without_its_terminal_and_is_lost_without_anybody(someone: CodexPerson) -> None:
    terminal = someone.codex()
    someone.say(terminal, "Wait", reply(Call("exec_command", {"cmd": "sleep 4"})), reply(text("I waited.")))
    terminal.wait_for("sleep 4")
    os.kill(someone.codex_process(terminal), signal.SIGKILL)
    eventually(lambda: someone.said()[-1:] == ["I waited."])
    eventually(lambda: someone.agent()["status"] == "finished")
    someone.kill_daemon()
    terminal = someone.codex(*ALONE)
    someone.say(terminal, "Make it", reply(asking("touch lost.txt")))
    request = someone.request()
    os.kill(someone.codex_process(terminal), signal.SIGKILL)
    eventually(lambda: someone.agent()["status"] == "offline")
    assert someone.resolution(request)["outcome"] == "withdrawn"
    someone.saw("crash")


def test_a_collector_that_was_away_repeats_and_misses_nothing(someone: CodexPerson) -> None:
    terminal = someone.codex()
    before = len(someone.said())
    for number, words in enumerate(("One.", "Two.", "Three.")):
        someone.say(terminal, f"Go on {number}", reply(text(words)))
        terminal.wait_for(words)
        if number == 0:
            eventually(lambda: "One." in someone.said())
            someone.kill_collector()
    someone.connect()
    eventually(lambda: "Three." in someone.said())
    assert someone.said()[before:] == ["Go on 0", "One.", "Go on 1", "Two.", "Go on 2", "Three."]
    someone.saw("catching up")
    someone.quit(terminal)


def test_a_resumed_session_goes_on_without_repeating_itself(someone: CodexPerson) -> None:
    before = someone.said()
    terminal = someone.codex("resume", "--last")
    someone.say(terminal, "Still there?", reply(text("Here I am.")))
    eventually(lambda: someone.said() == [*before, "Still there?", "Here I am."])
    someone.saw("resume")
    someone.quit(terminal)


def test_doctor_says_what_works_and_disconnect_leaves_no_trace(someone: CodexPerson) -> None:
    told = someone.agentstream("doctor", code=None)
    assert "ok  codex trust" in told
    assert "answered in the terminal" in told
    hooks, config = someone.codex_home / "hooks.json", someone.codex_home / "config.toml"
    assert hooks.exists()
    someone.agentstream("disconnect", "codex")
    assert not hooks.exists()
    assert "hooks" not in config.read_text()
    assert not list(someone.home.glob(".config/agentstream/config.toml"))
    assert not list(someone.home.glob(".local/state/agentstream/*"))
