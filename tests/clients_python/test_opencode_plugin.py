"""The plugin for opencode, in Node.js with recorded events: what it writes, and what becomes of that."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from agentstream.collector.hooks import HookSpool
from agentstream.collector.opencode_agent import OpencodeAgent
from agentstream.collector.opencode_source import OpencodeSource
from agentstream.collector.opencode_transcript import OpencodeTranscript
from agentstream.connect.opencode import OpencodeTool
from agentstream.connect.settings_file import Journal
from agentstream.messages import Context, Message, Output, Plan, Session, Subagent, Usage
from agentstream.requests import Ask, Resolution

from tests.support.waiting import eventually

from .messages import TRANSCRIPTS, failures, said, statuses

pytestmark = pytest.mark.node

HOST = Path(__file__).with_name("opencode_host.mjs")
RECORDED = [json.loads(line) for line in (TRANSCRIPTS / "opencode-plugin.jsonl").read_text().splitlines()]
EVENTS = [one for one in RECORDED if one["hook"] in ("event", "chat.message")]
SESSION = "ses_de4af5c03ffe4YYdd4WIKKZfuO"


def event(type_: str, **properties: Any) -> dict[str, Any]:
    return {"hook": "event", "value": {"type": type_, "properties": properties}}


@dataclass
class Host:
    """A process that has loaded the plugin."""

    process: subprocess.Popen[str]
    spool: HookSpool
    printed: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.source = OpencodeSource(self.spool.folder / "opencode")

    def tell(self, *events: dict[str, Any]) -> None:
        assert self.process.stdin
        for one in events:
            self.process.stdin.write(json.dumps(one) + "\n")
            self.process.stdin.flush()
            while self.read() != {"done": one["hook"]}:
                pass

    def read(self) -> dict[str, Any]:
        assert self.process.stdout
        self.printed.append(json.loads(self.process.stdout.readline()))
        return self.printed[-1]

    def messages(self, last: str) -> list[Message]:
        """What becomes of the events, once this text is among them."""
        [process] = eventually(lambda: list(self.source.look()))

        def translated() -> list[Message]:
            lines = process.events.read_text().splitlines() if process.events.exists() else []
            translator = OpencodeTranscript()
            found = [message for line in lines for message in translator.translate(json.loads(line), 0)]
            return found if any(isinstance(one, Output) and last in one.content for one in found) else []

        return eventually(translated)

    def end(self) -> tuple[int, str]:
        """Exit code and standard error after its end."""
        assert self.process.stdin
        self.process.stdin.write('{"hook": "quit"}\n')
        _, errors = self.process.communicate(timeout=30)
        return self.process.returncode, errors


@contextmanager
def hosting(home: Path, *, connected: bool = True, **variables: str) -> Iterator[Host]:
    spool = HookSpool(home / "state" / "agentstream" / "hooks")
    tool = OpencodeTool({"HOME": str(home), "XDG_STATE_HOME": str(home / "state")})
    plugin = home / "agentstream.mjs"
    [(_, edit)] = tool.edits()
    plugin.write_text(edit(""))
    if connected:
        spool.install()
    process = subprocess.Popen(
        ["node", str(HOST), str(plugin), "/home/ada/work"],
        env={**os.environ, **variables},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        host = Host(process, spool)
        host.read()
        yield host
    finally:
        process.kill()
        process.communicate()


def test_recorded_events_become_words_calls_a_plan_level_cost_and_the_end(tmp_path: Path) -> None:
    with hosting(tmp_path) as host:
        [process] = eventually(lambda: list(host.source.look()))
        agent = OpencodeAgent("run")
        assert (process.cwd, process.session, statuses(list(agent.see(process)))) == ("/home/ada/work", "", ["idle"])
        host.tell(*EVENTS)
        messages = host.messages("User aborted the command")
        shown = said(messages)
        assert [who for who, _ in shown].count("user") == 2
        assert shown[:4] == [
            ("user", "Greet"),
            ("assistant thinking", "Two."),
            ("assistant", "I'll greet twice."),
            ("tool tool_call bash", '{"command":"echo hello","description":"Greet"}'),
        ]
        calls = [one.tool_call_id for one in messages if isinstance(one, Output) and one.kind == "tool_call"]
        assert len(calls) == len(set(calls)) == 5
        [plan] = [one for one in messages if isinstance(one, Plan)]
        assert [step.status for step in plan.entries] == ["completed", "in_progress"]
        assert failures(messages) == []  # an interruption is none
        [process] = eventually(lambda: [one for one in host.source.look() if one.version])
        state = list(agent.see(process))
        [session] = [one for one in state if isinstance(one, Session)]
        assert (session.session, session.change, session.cwd) == (SESSION, "started", "/home/ada/work")
        [level] = [one for one in state if isinstance(one, Context)]
        [usage] = [one for one in state if isinstance(one, Usage)]
        assert (level.tokens_limit, usage.cost_usd, usage.output_tokens) == (1_000_000, 0.04875, 250)
        assert agent.labels["title"] == "A recorded scene"
        assert list(agent.see(process)) == []  # nothing new
        assert host.end() == (0, "")
        assert not host.source.has_quit(process.process)  # when it was looked at last
        assert list(host.source.look()) == [] and host.source.has_quit(process.process)


def test_what_is_asked_waits_for_an_answer_and_gives_way_to_the_terminal(tmp_path: Path) -> None:
    asks = {"id": "per_1", "sessionID": "s", "permission": "bash", "patterns": ["ls"], "metadata": {"command": "ls"}}
    question = {"question": "Which?", "options": [{"label": "Red"}, {"label": "Blue"}]}
    with hosting(tmp_path) as host:
        host.tell(event("session.created", info={"id": "s"}), event("permission.asked", always=["ls *"], **asks))
        agent = OpencodeAgent("run")
        [waits] = eventually(host.spool.take)
        [ask, _] = agent.hook(waits)
        assert isinstance(ask, Ask) and waits.session == "s" and list(agent.hook(waits)) == []
        list(agent.resolved(ask.request.id, Resolution("answered", "deny", text="Not now")))
        [(hook, text)] = agent.answers
        assert host.spool.waits(hook) and host.spool.answer(hook, text)
        assert host.read() == {"url": "/permission/per_1/reply", "body": {"reply": "reject", "message": "Not now"}}
        host.tell(event("permission.replied", requestID="per_1"))
        eventually(lambda: not host.spool.waits(waits))
        # Answered in the terminal.
        host.tell(event("question.asked", id="que_1", sessionID="s", questions=[question]))
        [waits] = eventually(host.spool.take)
        assert [type(one).__name__ for one in agent.hook(waits)] == ["Ask", "StatusChange"]
        host.tell(event("question.replied", requestID="que_1"))
        eventually(lambda: not host.spool.waits(waits))
        settled, *_ = agent.unanswerable(waits)
        assert settled.payload()["outcome"] == "answered_elsewhere"
        eventually(lambda: not list((host.spool.folder / "answers").iterdir()))
        # Nobody answers: it waits, costs next to nothing, and keeps no process from ending.
        host.tell(event("question.asked", id="que_2", sessionID="s", questions=[question]))
        assert host.end() == (0, "")


def test_a_sub_agent_is_shown_under_the_call_that_started_it(tmp_path: Path) -> None:
    given = {"subagent_type": "general", "description": "Find callers"}
    part = {"type": "tool", "tool": "task", "callID": "c1", "id": "p1"}
    running = part | {"state": {"status": "running", "input": given, "metadata": {"sessionId": "sub"}}}
    done = {"status": "completed", "input": given, "output": "cart.py", "time": {"start": 1, "end": 3}}
    ended = part | {"state": done}
    words = {"type": "text", "id": "p2", "text": "Looking.", "time": {"start": 1, "end": 2}}
    with hosting(tmp_path) as host:
        host.tell(
            event("session.created", info={"id": "main"}),
            event("session.created", info={"id": "sub", "parentID": "main"}),
            event("message.part.updated", sessionID="main", part=running),
            event("message.part.updated", sessionID="main", part=running),
            event("message.part.updated", sessionID="sub", part=words),
            event("session.status", sessionID="sub", status={"type": "busy"}),
            event("message.part.updated", sessionID="main", part=ended),
        )
        messages = host.messages("cart.py")
        outputs = [one for one in messages if isinstance(one, Output)]
        assert [(one.content, one.parent_id) for one in outputs if one.kind == "text"] == [("Looking.", "c1")]
        assert [(one.change, one.name) for one in messages if isinstance(one, Subagent)] == [
            ("started", "general"),
            ("ended", "general"),
        ]
        assert outputs[-1].duration_ms == 2
        [process] = host.source.look()
        assert process.session == "main"


def test_events_that_nobody_expected_harm_nothing(tmp_path: Path) -> None:
    odd = [
        event("session.created"),
        event("session.created", info=None),
        event("message.part.updated", part={"type": "tool"}),
        event("message.updated", sessionID="s", info={"role": "assistant", "tokens": 3}),
        event("permission.asked"),
        event("permission.replied"),
        event("session.error", sessionID="s"),
        event("hologram", x=1),
        {"hook": "event", "value": {"type": "session.status"}},
        {"hook": "chat.message", "value": {"input": {}}},
        event("message.part.updated", sessionID="s", part={"type": "text", "id": "p", "text": "x" * 10_000_000}),
    ]
    with hosting(tmp_path) as host:
        host.tell(*odd, *EVENTS)
        assert ("assistant", "I'll greet twice.") in said(host.messages("User aborted"))
        assert host.end() == (0, "")


@pytest.mark.parametrize("gone", ["never connected", "disconnected", "a file in its place"])
def test_without_its_folder_the_plugin_does_nothing(tmp_path: Path, gone: str) -> None:
    with hosting(tmp_path, connected=gone != "never connected") as host:
        if gone != "never connected":
            eventually(lambda: list(host.source.look()))
            shutil.rmtree(host.spool.folder)
        if gone == "a file in its place":
            host.spool.folder.write_text("")
        host.tell(*EVENTS)
        assert host.end() == (0, "")
    assert not host.spool.folder.is_dir()


def test_a_run_that_is_shown_already_is_not_shown_twice(tmp_path: Path) -> None:
    with hosting(tmp_path, AGENTSTREAM_SHOWN="1") as host:
        assert host.printed == [{"hooks": []}]


def test_connecting_and_disconnecting_leaves_no_trace_and_other_plugins_alone(tmp_path: Path) -> None:

    tool = OpencodeTool({"HOME": str(tmp_path), "PATH": os.environ["PATH"]})
    journal = Journal(tmp_path / "journal")
    for others in (False, True):
        folder = tool.plugin.path.parent
        if others:
            folder.mkdir(parents=True)
            (folder / "mine.js").write_text("// mine\n")
        tool.connect(tool.planned(), journal)
        assert tool.is_connected() and tool.planned() == []
        if others:
            tool.plugin.path.write_text(tool.plugin.path.read_text() + "// changed\n")
        list(tool.disconnect(journal))
        assert not tool.is_connected() and not tool.plugin.path.exists()
        assert folder.exists() is others and not journal.path.exists()
    assert [file.name for file in folder.iterdir()] == ["mine.js"]
