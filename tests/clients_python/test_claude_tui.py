"""The real Claude Code in a terminal, started as always after `agentstream connect`."""

import json
import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
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


DELEGATED = {"description": "Make a file", "prompt": "Make it for me", "subagent_type": "general-purpose"}
WAITING = "touch waiting.txt && tail -f waiting.txt"


def touch(name: str) -> Answer:
    return reply(text(f"I make {name}."), Call("Bash", {"command": f"touch {name}", "description": "Make a file"}))


@pytest.fixture
def people(tmp_path: Path, place: Place) -> Iterator[Callable[..., Person]]:
    """Makes a person who is connected; their home has a space and more than ASCII in its name."""
    with ExitStack() as stack:

        def make(*answers: Answer, **others: tuple[Answer, ...]) -> Person:
            told = {words.replace("_", " "): given for words, given in others.items()}
            someone = stack.enter_context(person(tmp_path / "Zoë's home", place, answers, told))
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
    eventually(lambda: someone.events("agent:usage"))
    someone.saw("state", "words", "thinking", "context", "usage")


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
    eventually(lambda: {one["kind"] for one in someone.outputs()} >= {"tool_call", "tool_result"})
    someone.saw("tools", "permission")


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
    someone.saw("permission in the terminal")


def test_a_question_is_answered_on_the_page(people: Callable[..., Person]) -> None:
    someone = people(reply(Call("AskUserQuestion", {"questions": [QUESTION]})), reply(text("Blue it is.")))
    terminal = someone.claude()
    terminal.type("Paint it")
    request = someone.request()
    assert (request["kind"], request["questions"][0]["question"]) == ("question", "Which colour?")
    assert someone.answer(request, answers={"q1": ["o2"]}) == 200
    terminal.wait_for("Which colour? → Blue", "Blue it is.")
    someone.saw("question")


def test_escape_ends_the_turn_on_the_page_in_a_dialog_and_in_the_middle_of_a_tool(
    people: Callable[..., Person],
) -> None:
    someone = people(touch("made.txt"), reply(Call("Bash", {"command": WAITING, "description": "Wait"})))
    terminal = someone.claude()
    terminal.type("Make it")
    request = someone.request()
    terminal.wait_for("Do you want to proceed?")
    terminal.press("Escape")
    assert someone.resolution(request)["outcome"] == "answered_elsewhere"
    eventually(lambda: someone.agent()["status"] == "idle")
    terminal.type("Wait for it")
    assert someone.answer(someone.request(), option="allow") == 200
    eventually(lambda: someone.agent()["status"] == "running")
    eventually((someone.work / "waiting.txt").exists)
    terminal.press("Escape")
    eventually(lambda: someone.agent()["status"] == "idle")
    eventually(lambda: someone.outputs()[-1]["content"] == "Interrupted by the user.")
    someone.saw("interruption")


def test_a_killed_session_is_reported_as_lost_and_asks_nothing_any_more(people: Callable[..., Person]) -> None:
    someone = people(touch("made.txt"))
    terminal = someone.claude()
    terminal.type("Make it")
    request = someone.request()
    os.kill(terminal.pid, signal.SIGKILL)
    eventually(lambda: someone.agent()["status"] == "offline")
    assert someone.resolution(request)["outcome"] in ("withdrawn", "answered_elsewhere")
    someone.saw("crash")


def test_a_cleared_session_goes_on_under_the_same_agent(people: Callable[..., Person]) -> None:
    someone = people(reply(text("First.")), reply(text("Second.")))
    terminal = someone.claude()
    terminal.type("One")
    eventually(partial(someone.has_said, ["One", "First."]))
    first = someone.agent()["labels"]["session"]
    terminal.type("/clear")
    eventually(lambda: someone.agent()["labels"]["session"] != first)
    terminal.type("Two")
    eventually(lambda: someone.said()[-2:] == ["Two", "Second."])
    changes = [(one["change"], one["session"] == first) for one in someone.events("agent:session")]
    assert changes == [("started", True), ("cleared", False)]
    someone.saw("clear")


def test_a_collector_that_was_away_repeats_and_misses_nothing(people: Callable[..., Person]) -> None:
    someone = people(reply(text("First.")), reply(text("Second.")), reply(text("Third.")))
    terminal = someone.claude()
    for number, words in enumerate(("First.", "Second.", "Third.")):
        terminal.type(f"Go on {number}")
        terminal.wait_for(words)
        if number == 0:
            eventually(partial(someone.has_said, ["Go on 0", "First."]))
            os.kill(int((someone.home / ".local/state/agentstream/hooks/collector.pid").read_text()), signal.SIGKILL)
    someone.agentstream("connect", "claude", "--workspace", someone.place.slug, "--yes", "--no-service")
    eventually(lambda: "Third." in [one["content"] for one in someone.outputs()])
    said = [one["content"] for one in someone.outputs()]
    assert said == ["Go on 0", "First.", "Go on 1", "Second.", "Go on 2", "Third."]
    someone.saw("catching up")


def test_without_a_collector_the_agent_works_as_before(people: Callable[..., Person]) -> None:
    someone = people(touch("made.txt"), reply(text("It is made.")))
    os.kill(int((someone.home / ".local/state/agentstream/hooks/collector.pid").read_text()), signal.SIGKILL)
    terminal = someone.claude()
    terminal.type("Make it")
    terminal.confirm("Do you want to proceed?")
    terminal.wait_for("It is made.")
    assert "hook error" not in terminal.screen.lower()


def test_a_plan_a_title_a_diff_and_a_sub_agent_are_shown(people: Callable[..., Person], tmp_path: Path) -> None:
    note = tmp_path / "Zoë's home" / "the work" / "note.txt"
    someone = people(
        reply(Call("ToolSearch", {"query": "select:TaskCreate,TaskUpdate", "max_results": 5})),
        reply(
            Call("TaskCreate", {"subject": "Greet", "description": "Say hello"}),
            Call("TaskCreate", {"subject": "Leave", "description": "Say goodbye"}),
        ),
        reply(Call("TaskUpdate", {"taskId": "1", "status": "completed"})),
        reply(text("It is planned.")),
        reply(Call("Write", {"file_path": str(note), "content": "hello\n"})),
        reply(text("It is written.")),
        reply(Call("Agent", DELEGATED)),
        reply(text("All is done.")),
        Make_it_for_me=(touch("made.txt"), reply(text("The file is there."))),
    )
    terminal = someone.claude()
    terminal.type("Plan it")
    plan = [("Greet", "completed"), ("Leave", "pending")]
    eventually(lambda: someone.agents() and [(one["content"], one["status"]) for one in someone.plan()] == plan)
    terminal.wait_for("It is planned.")
    terminal.type("/rename Greetings")
    eventually(lambda: someone.agent()["labels"].get("title") == "Greetings")
    someone.saw("plan", "title")
    terminal.type("Write it")
    request = someone.request()
    [change] = request["tool"]["changes"]
    assert (change["path"], change["patch"].splitlines()[-1]) == (str(note), "+hello")
    assert someone.answer(request, option="allow") == 200
    eventually(note.exists)
    eventually(lambda: [one for one in someone.outputs() if one.get("changes")])
    someone.saw("diffs")
    terminal.wait_for("It is written.")
    terminal.type("Delegate it")
    assert someone.answer(someone.request(), option="allow") == 200
    eventually((someone.work / "made.txt").exists)
    eventually(lambda: [one["change"] for one in someone.events("agent:subagent")] == ["started", "ended"])
    call = someone.events("agent:subagent")[0]["parentId"]
    eventually(lambda: "The file is there." in someone.said(parent=call))
    someone.saw("subagents", "subagent permission")


def test_a_session_goes_on_after_resuming_forking_and_compaction(people: Callable[..., Person]) -> None:
    words = ("First.", "Second.", "Third.", "A summary.", "Fourth.")
    someone = people(*(reply(text(one)) for one in words))
    said: list[str] = []
    terminal = someone.claude()
    for answer, arguments in zip(words, ((), ("--continue",), ("--continue", "--fork-session")), strict=False):
        if said:
            terminal.type("/exit")
            eventually(lambda: someone.agent()["status"] == "finished")
            terminal = someone.claude(*arguments)
        terminal.type("Go on")
        terminal.wait_for(answer)
        said += ["Go on", answer]
        eventually(partial(someone.has_said, said), otherwise=someone.said)
    terminal.type("/compact")
    terminal.wait_for("Compacted")
    terminal.type("Go on")
    eventually(partial(someone.has_said, [*said, "/compact", "Go on", "Fourth."]))
    changes = [(one["change"], one["session"]) for one in someone.events("agent:session")]
    first, forked = changes[0][1], changes[-1][1]
    # The compaction is from another source, which may be quicker.
    in_turn = [change for change, _ in changes if change != "compacted"]
    assert in_turn == ["started", "ended", "resumed", "ended", "resumed"]
    assert ("compacted", forked) in changes
    assert {session for _, session in changes} == {first, forked}
    someone.saw("resume", "compaction")


def test_a_session_without_a_terminal_asks_on_the_page(people: Callable[..., Person]) -> None:
    someone = people(touch("made.txt"), reply(text("It is made.")))
    started = someone.run("claude", "--model", "claude-sonnet-4-5", "--bg", "Make it")
    try:
        assert someone.answer(someone.request(), option="allow") == 200
        eventually(lambda: someone.said()[-1:] == ["It is made."])
        assert (someone.work / "made.txt").exists()
        someone.saw("background")
    finally:
        someone.run("claude", "stop", started.split(" · ")[1].split()[0])
        roster = json.loads((someone.home / ".claude" / "daemon" / "roster.json").read_text())
        os.kill(roster["supervisorPid"], signal.SIGTERM)
    eventually(lambda: someone.agent()["status"] in ("finished", "offline"))


def test_of_two_people_who_answer_at_once_one_wins_and_both_see_it(people: Callable[..., Person]) -> None:
    someone = people(touch("made.txt"), reply(text("So it is.")))
    terminal = someone.claude()
    terminal.type("Make it")
    request = someone.request()
    terminal.wait_for("Do you want to proceed?")
    with ThreadPoolExecutor() as both:
        codes = list(both.map(lambda option: someone.answer(request, option=option), ("allow", "deny")))
    assert sorted(codes) == [200, 409]
    terminal.wait_for("So it is.")
    option = someone.resolution(request)["option"]
    assert option == ("allow" if codes[0] == 200 else "deny")
    assert (someone.work / "made.txt").exists() == (option == "allow")
