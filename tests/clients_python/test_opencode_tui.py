"""The real opencode in a terminal, started as always after `agentstream connect`."""

import json
import os
import shutil
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.clients_python.place import Place
from tests.clients_python.recording.model import Script, serving
from tests.clients_python.recording.replies import Call, reply, text, thought
from tests.clients_python.tui import Person
from tests.support.server import free_port
from tests.support.tmux import Terminal
from tests.support.waiting import eventually

pytestmark = [pytest.mark.node, pytest.mark.tmux]

PROMPT = "Ask anything"
DIALOG = "Permission required"
QUESTION = {
    "question": "Which colour?",
    "header": "Colour",
    "options": [{"label": "Red", "description": "warm"}, {"label": "Blue", "description": "cold"}],
}
STEPS = [{"content": "Greet", "status": "completed", "priority": "high"}]


def bash(command: str) -> Call:
    return Call("bash", {"command": command, "description": "Do it"})


ANSWERS = (
    reply(thought("A file is due."), text("I make ", "it."), bash("touch made.txt")),
    reply(bash("touch second.txt")),
    reply(Call("question", {"questions": [QUESTION]})),
    reply(Call("todowrite", {"todos": STEPS})),
    reply(text("All ", "done.")),
    reply(bash("touch third.txt")),
    reply(text("Third.")),
    reply(bash("touch never.txt")),
)


@dataclass
class OpencodePerson(Person):
    """Their opencode asks before it runs commands, and needs nothing from outside this machine."""

    tool: str = "opencode"

    @property
    def environment(self) -> dict[str, str]:
        names = ("AUTOUPDATE", "MODELS_FETCH", "LSP_DOWNLOAD", "DEFAULT_PLUGINS")
        return super().environment | {f"OPENCODE_DISABLE_{name}": "1" for name in names}

    @property
    def plugin(self) -> Path:
        return self.home / ".config/opencode/plugin/agentstream.js"

    def prepare(self) -> None:
        self.work.mkdir(parents=True)
        settings = {
            "provider": {"anthropic": {"options": {"baseURL": f"{self.model}/v1", "apiKey": "none"}}},
            "model": "anthropic/claude-sonnet-4-5",
            "autoupdate": False,
            "share": "disabled",
            "permission": {"bash": "ask"},
        }
        folder = self.home / ".config/opencode"
        folder.mkdir(parents=True)
        (folder / "opencode.json").write_text(json.dumps(settings))

    def opencode(self) -> Terminal:
        """As people start it; waits until it can be typed to."""
        terminal = self.start("opencode")
        # It takes seven seconds of a processor to start, and machines that run tests are busy.
        eventually(lambda: terminal.shows(PROMPT), 180, lambda: terminal.screen)
        return terminal

    def connect(self) -> None:
        self.agentstream("connect", "opencode", "--workspace", self.place.slug, "--yes", "--no-service")

    def events(self, type_: str) -> list[dict[str, Any]]:
        return [event.payload for event in self.place.history(self.agent()["name"]) if event.type == type_]

    def kill_collector(self) -> None:
        file = self.home / ".local/state/agentstream/hooks/collector.pid"
        os.kill(int(file.read_text()), signal.SIGKILL)


@pytest.fixture
def someone(tmp_path: Path, place: Place) -> Iterator[OpencodePerson]:
    """Their home has a space and more than ASCII in its name."""
    with serving(Script(ANSWERS), free_port()) as model:
        person = OpencodePerson(tmp_path / "Zoë's home", place, model)
        person.prepare()
        try:
            yield person
        finally:
            person.close()
            shutil.rmtree(person.home, ignore_errors=True)


def test_a_session_is_shown_and_answered_from_connect_to_disconnect(someone: OpencodePerson) -> None:
    someone.connect()
    terminal = someone.opencode()
    agent = eventually(someone.agents)[0]
    assert (agent["name"], agent["status"]) == ("the work", "idle")
    terminal.type("Make it")
    # Answered on the page.
    first = someone.request()
    assert (first["title"], first["tool"]["input"]["command"]) == ("May bash be used?", "touch made.txt")
    assert [option["label"] for option in first["options"]][1:] == [
        "Always allow touch * until opencode is restarted",
        "Reject",
    ]
    assert someone.agent()["status"] == "waiting"
    terminal.wait_for(DIALOG)
    assert someone.answer(first, option="allow") == 200
    eventually((someone.work / "made.txt").exists)
    assert someone.answer(first, option="deny") == 409
    # Answered in the terminal.
    second = eventually(lambda: (found := someone.request())["requestId"] != first["requestId"] and found)
    terminal.wait_for(DIALOG, "touch second.txt")
    terminal.press("Enter")
    assert someone.resolution(second)["outcome"] == "answered_elsewhere"
    eventually((someone.work / "second.txt").exists)
    # A question, answered on the page.
    question = eventually(lambda: (found := someone.request())["kind"] == "question" and found)
    assert someone.answer(question, answers={"q1": ["o2"]}) == 200
    terminal.wait_for("All done.")
    eventually(lambda: someone.agent()["status"] == "idle" and someone.outputs()[-1]["content"] == "All done.")
    said = [(one["role"], one["kind"], one["content"]) for one in someone.outputs()]
    assert said[:3] == [
        ("user", "text", "Make it"),
        ("assistant", "thinking", "A file is due."),
        ("assistant", "text", "I make it."),
    ]
    tools = [(one["toolName"], one["kind"]) for one in someone.outputs() if one["role"] == "tool"]
    kinds = ("tool_call", "tool_result")
    assert tools == [(tool, kind) for tool in ("bash", "bash", "question", "todowrite") for kind in kinds]
    assert any('"Which colour?"="Blue"' in one["content"] for one in someone.outputs())
    assert someone.events("agent:plan")[-1]["entries"] == [{"content": "Greet", "status": "completed"}]
    eventually(lambda: someone.agent()["contextLevel"] == 2)
    eventually(lambda: someone.events("agent:usage") and someone.events("agent:usage")[-1]["costUsd"] > 0)
    eventually(lambda: someone.agent()["labels"].get("toolVersion") == "1.18.33")
    # Without a collector: nothing changes in the terminal, and nothing is missing on the page afterwards.
    someone.kill_collector()
    terminal.type("Once more")
    terminal.wait_for(DIALOG, "touch third.txt")
    terminal.press("Enter")
    terminal.wait_for("Third.")
    someone.connect()
    eventually(lambda: "Third." in [one["content"] for one in someone.outputs()])
    words = [one["content"] for one in someone.outputs() if one["kind"] == "text"]
    assert words == ["Make it", "I make it.", "All done.", "Once more", "Third."]
    assert str(terminal.pid) in someone.agentstream("status")
    listed = someone.agentstream("doctor", code=None)
    assert "opencode hooks" in listed and "BAD opencode" not in listed
    # Killed while it asks.
    terminal.type("And again")
    request = someone.request()
    os.kill(terminal.pid, signal.SIGKILL)
    eventually(lambda: someone.agent()["status"] == "offline")
    assert someone.resolution(request)["outcome"] in ("withdrawn", "answered_elsewhere")
    someone.saw("state", "words", "thinking", "tools", "plan", "context", "usage")
    someone.saw("permission", "permission in the terminal", "question", "catching up", "crash")
    # Nothing is left of us, and what is left of opencode's settings is theirs.
    someone.agentstream("disconnect")
    assert not someone.plugin.parent.exists()
    assert not (someone.home / ".local/state/agentstream/hooks").exists()
