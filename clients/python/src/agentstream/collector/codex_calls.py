"""Tool calls and their results, as Codex's rollout files have them."""

from __future__ import annotations

import json
import math
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from agentstream.adapters.builder import append_line

Item = Mapping[str, Any]

# Milliseconds that are no mistake: a day.
MAX_DURATION_MS = 86_400_000

_SHELLS = ("exec_command", "shell", "shell_command", "local_shell")
_EXIT = re.compile(r"(?:Exit code: |Process exited with code )(-?\d{1,9})")
_WALL = re.compile(r"Wall time: (\d{1,9}(?:\.\d{1,9})?) seconds")
_OTHER = re.compile(r"Chunk ID: \w+|Original token count: \d+|Total output lines: \d+|Process running with .*")
_RUNNING = "Process running with session ID "
_ABORTED = re.compile(r"aborted by user(?: after [\d.]+s)?")


@dataclass(frozen=True)
class Call:
    """A tool call: `content` is what people read of it, `given` its input if that is structured."""

    id: str | None
    tool: str
    content: str
    given: dict[str, Any] | None = None


@dataclass(frozen=True)
class Result:
    """What a call returned; `is_error` is None where Codex doesn't say."""

    call: str | None
    content: str
    is_error: bool | None = None
    duration_ms: int | None = None


def call_of(item: Item) -> Call | None:
    """The tool call in a response item; None if it is something else."""
    id_ = _text(item.get("call_id"))
    match item:
        case {"type": "function_call", "name": str(name), "arguments": str(arguments)}:
            given = _parsed(arguments)
            tool = _tool(name, item.get("namespace"))
            return Call(id_, tool, _summary(name, given) or arguments or tool, given)
        case {"type": "custom_tool_call", "name": str(name), "input": str(given)}:
            return Call(id_, name, given or name, {"input": given})
        case {"type": "local_shell_call", "action": {"command": [*command]}}:
            return Call(id_, "local_shell", _command(command) or "local_shell")
        case {"type": "web_search_call"}:
            return Call(None, "web_search", _searched(item.get("action")))
        case _:
            return None


def result_of(item: Item) -> Result | None:
    """The result of a tool call in a response item; None if it is something else."""
    match item:
        case {"type": "function_call_output" | "custom_tool_call_output", "output": output}:
            return _result(_text(item.get("call_id")), output)
        case _:
            return None


def plan_of(item: Item) -> Iterator[tuple[object, object]] | None:
    """The steps of a plan that the model writes down, each with its status; None if it is something else."""
    match item:
        case {"type": "function_call", "name": "update_plan", "arguments": str(arguments)}:
            match _parsed(arguments):
                case {"plan": [*steps]}:
                    return ((step.get("step"), step.get("status")) for step in steps if isinstance(step, dict))
    return None


def _result(call: str | None, output: object) -> Result:
    match output:
        case {"content": content, **rest}:
            success = rest.get("success")
            return Result(call, _joined(content), None if not isinstance(success, bool) else not success)
        case str() if match := _wrapped(output):
            code, seconds, text = match
            return _ended(call, text, code, seconds)
        case _:
            return _headed(call, _joined(output))


def _wrapped(output: str) -> tuple[object, object, str] | None:
    """Exit code, seconds and output of a command, in the JSON of older versions."""
    if not output.startswith('{"output":'):
        return None
    match _parsed(output):
        case {"output": str(text), "metadata": {"exit_code": code, **rest}}:
            return code, rest.get("duration_seconds"), text
        case _:
            return None


def _headed(call: str | None, text: str) -> Result:
    """A result that begins with lines about the command, up to "Output:"."""
    code = seconds = None
    running = False
    if _ABORTED.fullmatch(text.rpartition("\n")[2]):
        return Result(call, "(aborted)", True)
    rest = text
    while rest:
        line, _, rest = rest.partition("\n")
        if line == "Output:":
            break
        if found := _EXIT.fullmatch(line):
            code = int(found[1])
        elif found := _WALL.fullmatch(line):
            seconds = float(found[1])
        elif _OTHER.fullmatch(line):
            running = running or line.startswith(_RUNNING)
        else:
            return Result(call, text)
    if code is None and seconds is None:
        return Result(call, text)
    return _ended(call, append_line(rest, "(still running)") if running else rest, code, seconds)


def _ended(call: str | None, text: str, code: object, seconds: object) -> Result:
    known = code if type(code) is int else None
    if known:
        text = append_line(text, f"(exit code {known})")
    return Result(call, text, None if known is None else known != 0, _duration(seconds))


def _duration(seconds: object) -> int | None:
    if not isinstance(seconds, (int, float)) or isinstance(seconds, bool) or not math.isfinite(seconds):
        return None
    duration = round(1_000 * seconds)
    return duration if 0 <= duration <= MAX_DURATION_MS else None


def _joined(output: object) -> str:
    """The text of an output, which may be a list of blocks."""
    match output:
        case str():
            return output
        case [*blocks]:
            return "\n".join(filter(None, map(_block, blocks)))
        case _:
            return ""


def _block(block: object) -> str:
    match block:
        case {"text": str(text)}:
            return text
        case {"type": "input_image"}:
            return "(image)"
        case _:
            return ""


def _tool(name: str, space: object) -> str:
    """The tool's name; that of an MCP server's tool begins with the server, as in `docs.search`."""
    server, tool = (str(space), name) if isinstance(space, str) else ("", name)
    if not server and name.startswith("mcp__"):
        server, _, tool = name.rpartition("__")
    return f"{server.removeprefix('mcp__')}.{tool}" if server.startswith("mcp__") and tool else name


def _summary(name: str, given: dict[str, Any] | None) -> str:
    """What people read of a call instead of its JSON; empty if there is nothing better."""
    match name, given:
        case _, None:
            return ""
        case tool, {"cmd": str(command)} if tool in _SHELLS:
            return command
        case tool, {"command": command} if tool in _SHELLS:
            return _command(command)
        case "request_user_input", {"questions": [*questions]}:
            return "\n\n".join(filter(None, map(_question, questions)))
        case "apply_patch", {"input": str(patch)}:
            return patch
        case _:
            return ""


def _command(command: object) -> str:
    match command:
        case str():
            return command
        case [_, "-c" | "-lc", str(script)]:
            return script
        case [*words]:
            return shlex.join(word for word in words if isinstance(word, str))
        case _:
            return ""


def _question(question: object) -> str:
    match question:
        case {"question": str(asked), "options": [*options]}:
            return "\n".join([asked, *(f"- {label}" for label in map(_label, options) if label)])
        case {"question": str(asked)}:
            return asked
        case _:
            return ""


def _label(option: object) -> str:
    match option:
        case {"label": str(label)}:
            return label
        case _:
            return ""


def _searched(action: object) -> str:
    match action:
        case {"query": str(words)} | {"url": str(words)} if words:
            return words
        case _:
            return "web_search"


def _parsed(text: str) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
