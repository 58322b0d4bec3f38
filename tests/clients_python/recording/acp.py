"""Records what agents say in the Agent Client Protocol, to the client that `agentstream run --adapter acp` is."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from agentstream.adapters import Adapter, Chunk
from agentstream.adapters.open_requests import Reaction
from agentstream.adapters.registry import select_adapter
from agentstream.requests import Ask, Effect, Request, Resolution

from tests.clients_python.messages import TRANSCRIPTS

from .model import Script, serving
from .recorder import programs
from .replies import Answer, Call, reply, text, thought
from .tools import HERE, HOME, OPENCODE, WORK

RECORDING_SECONDS = 120.0
NOTE = str(WORK / "note.txt")
STEPS = [{"content": "Greet", "status": "completed"}, {"content": "Leave", "status": "pending"}]


@dataclass(frozen=True)
class AcpScene:
    """`effects` are those of the options that a person chooses; "interrupt" interrupts the turn instead. `prompts` are
    sent one after the other."""

    name: str
    command: Sequence[str]
    answers: Sequence[Answer]
    effects: Sequence[Effect | str]
    prompts: Sequence[str] = ("Greet", "Again")


def scenes() -> Iterator[AcpScene]:
    """The same conversation with each agent, in the words of its tools."""
    yield from _scenes("opencode", ("opencode", "acp"), "bash", "write", "filePath", Call("todowrite", _todos()))
    yield from _scenes("claude", ("claude-agent-acp",), "Bash", "Write", "file_path", Call("TodoWrite", _todos()))
    yield from _scenes("copilot", ("copilot", "--acp"), "bash", "create", "path", Call("update_todo", _todos()))
    gemini = ("gemini", "--acp", "--skip-trust", "--model", "gemini-2.5-pro")
    todo = Call(
        "write_todos", {"todos": [{"description": step["content"], "status": step["status"]} for step in STEPS]}
    )
    yield from _scenes("gemini", gemini, "run_shell_command", "write_file", "file_path", todo)


def _todos() -> dict[str, Any]:
    return {"todos": [step | {"activeForm": step["content"], "priority": "high"} for step in STEPS]}


def _scenes(name: str, command: Sequence[str], shell: str, write: str, path: str, todo: Call) -> Iterator[AcpScene]:
    greeting = Call(shell, {"command": "echo hello; touch made.txt", "description": "Greet"})
    writing = Call(write, {path: NOTE, "file_text" if write == "create" else "content": "hello\n"})
    turn = (reply(thought("Think ", "first."), text("I greet ", "you."), greeting), reply(writing), reply(todo))
    yield AcpScene(f"acp-{name}-tools", command, (*turn, reply(text("Done."))), ("allow", "allow", "allow"))
    denied = (reply(text("I greet."), greeting), reply(text("Then not.")))
    yield AcpScene(f"acp-{name}-denied", command, denied, ("deny",))
    yield AcpScene(f"acp-{name}-interrupted", command, denied, ("interrupt",))


def record(scene: AcpScene, path: str) -> list[bytes]:
    """The lines that the agent prints."""
    shutil.rmtree(HERE, ignore_errors=True)
    HOME.mkdir(parents=True)
    WORK.mkdir()
    with serving(Script(scene.answers)) as url:
        environment = {"PATH": path, "HOME": str(HOME), "LANG": "C.UTF-8", "TZ": "UTC"}
        return list(_play(scene, {**environment, **settings(url)}))


def settings(model: str) -> Mapping[str, str]:
    """For all three agents, which ask before they write or run anything."""
    variables = dict(OPENCODE.set_up(model))
    file = HOME / ".config/opencode/opencode.json"
    asking = json.loads(file.read_text()) | {"permission": {"bash": "ask", "edit": "ask"}}
    file.write_text(json.dumps(asking))
    claude = {"ANTHROPIC_BASE_URL": model, "ANTHROPIC_API_KEY": "none", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1"}
    copilot = {
        "COPILOT_OFFLINE": "true",
        "COPILOT_PROVIDER_TYPE": "anthropic",
        "COPILOT_PROVIDER_BASE_URL": model,
        "COPILOT_PROVIDER_API_KEY": "none",
        "COPILOT_MODEL": "claude-sonnet-4-5",
    }
    return variables | claude | copilot | {"GOOGLE_GEMINI_BASE_URL": model, "GEMINI_API_KEY": "none"}


def _play(scene: AcpScene, environment: Mapping[str, str]) -> Iterator[bytes]:
    program = shutil.which(scene.command[0], path=environment["PATH"])
    if program is None:
        raise SystemExit(f"{scene.command[0]}: not found; say with --tools where it is")
    with (HERE / "stderr").open("wb") as errors:
        process = subprocess.Popen(
            [program, *scene.command[1:]],
            env=environment,
            cwd=WORK,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
        )
        timer = threading.Timer(RECORDING_SECONDS, process.kill)
        timer.start()
        try:
            yield from _talk(scene, process)
        finally:
            timer.cancel()
            process.kill()
            process.wait()


def _talk(scene: AcpScene, process: subprocess.Popen[bytes]) -> Iterator[bytes]:
    adapter = acp_adapter()
    asked: list[Request] = []
    effects, left = list(scene.effects), len(scene.prompts)
    for prompt in scene.prompts:
        adapter.reply(prompt)
    _write(process.stdin, step(adapter))
    for line in process.stdout or ():
        yield line
        asked += [one.request for one in adapter.feed(Chunk("stdout", line.decode(), 0.0)) if isinstance(one, Ask)]
        _write(process.stdin, step(adapter))
        left -= "stopReason" in line.decode()
        if not left:
            return
        while asked and effects:
            request, effect = asked.pop(0), effects.pop(0)
            said = _interrupt(adapter) if effect == "interrupt" else decide(adapter, request, effect).answer
            _write(process.stdin, said)


def acp_adapter() -> Adapter:
    """What `agentstream run` would use in the scenes' folder."""
    before = Path.cwd()
    WORK.mkdir(parents=True, exist_ok=True)
    os.chdir(WORK)
    try:
        return select_adapter("acp", ("agent",), "run")
    finally:
        os.chdir(before)


def step(adapter: Adapter) -> str:
    """What the adapter writes next."""
    assert adapter.driver
    return adapter.driver.step().stdin


def _interrupt(adapter: Adapter) -> str:
    assert adapter.driver
    return adapter.driver.interrupt().stdin


def decide(adapter: Adapter, request: Request, effect: str) -> Reaction:
    """What follows when a person chooses the option with that effect."""
    option, *_ = (one for one in request.options if one.effect == effect)
    return adapter.requests.resolve(request.id, Resolution("answered", option.id))


def _write(stdin: IO[bytes] | None, lines: str) -> None:
    if stdin and lines:
        stdin.write(lines.encode())
        stdin.flush()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.clients_python.recording.acp", description=__doc__)
    parser.add_argument("--tools", metavar="FOLDER", help="where the agents are, if not on PATH")
    parser.add_argument("scenes", nargs="*", metavar="SCENE", help="default: all")
    given = parser.parse_args()
    for scene in scenes():
        if not given.scenes or scene.name in given.scenes:
            lines = record(scene, programs(given.tools))
            file = TRANSCRIPTS / "acp" / f"{scene.name}.jsonl"
            file.write_bytes(b"".join(lines))
            sys.stdout.write(f"{scene.name}: {len(lines)} lines\n")


if __name__ == "__main__":
    main()
