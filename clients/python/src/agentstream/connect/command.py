"""`agentstream connect` and `agentstream disconnect`."""

from __future__ import annotations

import asyncio
import difflib
import json
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from agentstream.api import Api, Workspace
from agentstream.collector.config import Config, config_path
from agentstream.collector.connected import ConnectedTools
from agentstream.collector.hooks import hook_folder
from agentstream.connect.service import Background, Service, is_collecting, service
from agentstream.connect.settings_file import Journal, SettingsFile
from agentstream.connect.tool import Tool
from agentstream.connect.tools import TOOLS, chosen_tools
from agentstream.credentials import TokenStore


@dataclass(frozen=True)
class Choice:
    """What the user chose: the server, the workspace (None: the only one), whether to ask, whether to run a service,
    whether to answer on the page even what the tool then doesn't ask in its terminal."""

    url: str
    token: str
    workspace: str | None
    insecure: bool = False
    yes: bool = False
    with_service: bool = True
    backfill_hours: float = 0.0
    answer: bool = False


def connect(choice: Choice, names: Sequence[str], environment: Mapping[str, str]) -> int:
    """Show what will be written, ask, write it and start the collector. Returns the exit code.

    Raises AgentstreamError, OSError, ValueError.
    """
    tools = [tool for tool in chosen_tools(names, environment, choice.answer) if _is_ready(tool, required=bool(names))]
    if not tools:
        raise ValueError(
            f"expected at least one of {', '.join(TOOLS)} on this machine; found none that can be connected"
        )
    workspace = asyncio.run(Api(choice.url, choice.token, choice.insecure).workspace(choice.workspace))
    plans = [(tool, tool.planned()) for tool in tools]
    config = _planned_config(choice, workspace, config_path(environment))
    for _, planned in plans:
        for file, text in planned:
            _show(file.path, file.text(), text)
    if config is not None:
        _show(config_path(environment), None, config)
    kept = _service(choice, environment)
    changed = [str(file.path) for _, planned in plans for file, _ in planned]
    print(
        "Files that will be written:", *changed, *([] if config is None else [config_path(environment)]), sep="\n    "
    )
    print(f"The collector will run as {kept.name} and report to workspace {workspace.name} at {choice.url}.")
    if not choice.yes and not _agrees():
        print("Nothing was changed.")
        return 1
    TokenStore.default(environment).put(choice.url, choice.token)
    journal = _journal(environment)
    if config is not None:
        _config_file(environment).write(config, journal, _kept)
    for tool, planned in plans:
        tool.connect(planned, journal)
    _connected(environment, {tool.name for tool in tools})
    kept.start()
    if not is_collecting(environment):
        print("agentstream: the collector didn't start; see `agentstream doctor`", file=sys.stderr)
        return 1
    names_ = ", ".join(tool.name for tool in tools)
    print(f"Connected: {names_}. Sessions that you start from now on appear at {choice.url}.")
    return 0


def disconnect(names: Sequence[str], environment: Mapping[str, str]) -> int:
    """Take every trace of `connect` out again, and stop the collector unless another tool still needs it.

    Returns the exit code. Raises OSError, ValueError.
    """
    journal = _journal(environment)
    for tool in chosen_tools(names, environment):
        for path, changed in tool.disconnect(journal):
            print(f"{path}: {'restored' if changed else 'holds nothing of ours'}")
    if _connected(environment, set()):
        return 0
    for kept in (service(environment), Background(environment)):
        _stop(kept)
    _config_file(environment).take_back(_kept, journal)
    shutil.rmtree(hook_folder(environment), ignore_errors=True)
    for name in ("collector.json", "collector.log", "tools"):
        (hook_folder(environment).parent / name).unlink(missing_ok=True)
    print("The collector is stopped. `agentstream logout` also forgets the token.")
    return 0


def _connected(environment: Mapping[str, str], more: set[str]) -> bool:
    """Tell the collector which tools are connected: those with our entries, and these. Returns whether any are."""
    found = {tool.name for tool in chosen_tools((), environment) if tool.is_connected()} | more
    ConnectedTools.of(environment).put(found)
    return bool(found)


def _is_ready(tool: Tool, required: bool) -> bool:
    problem = tool.problem()
    if problem and required:
        raise ValueError(f"{tool.name}: {problem}")
    if problem:
        print(f"{tool.name}: {problem}", file=sys.stderr)
    return problem is None


def _config_file(environment: Mapping[str, str]) -> SettingsFile:
    """It is only ever written and removed as a whole."""
    return SettingsFile(config_path(environment))


def _kept(text: str) -> str:
    """What somebody else has changed stays."""
    return text


def _service(choice: Choice, environment: Mapping[str, str]) -> Service:
    return service(environment) if choice.with_service else Background(environment)


def _stop(kept: Service) -> None:
    try:
        kept.stop()
    except (OSError, subprocess.CalledProcessError) as failed:
        print(f"agentstream: {kept.name} could not be stopped: {failed}", file=sys.stderr)


def _planned_config(choice: Choice, workspace: Workspace, path: Path) -> str | None:
    """The collector's configuration; None if there is one, which is the user's. Raises ValueError if that is for
    another server."""
    if path.exists():
        if (url := Config.load(path).url) != choice.url:
            raise ValueError(f"{path}: expected url = {choice.url!r}; got {url!r}: change it there, or use --url {url}")
        return None
    lines = [
        "[collector]",
        f"url = {json.dumps(choice.url)}",
        f"workspace = {json.dumps(workspace.slug)}",
        'detail = "full"  # or "messages" (what is said), or "status" alone',
        f"backfill_hours = {choice.backfill_hours:g}",
    ]
    if choice.insecure:
        lines.append("insecure = true")
    return "\n".join(lines) + "\n"


def _show(path: Path, before: str | None, after: str) -> None:
    """Print what will change in a file."""
    print(f"{path} {'will change' if before is not None else 'will be created'}:")
    for line in list(difflib.unified_diff((before or "").splitlines(), after.splitlines(), lineterm="", n=1))[2:]:
        print(f"    {line}")


def _agrees() -> bool:
    if not sys.stdin.isatty():
        raise ValueError("expected --yes, or a terminal to ask in")
    return input("Go on? [y/N] ").strip().lower() in ("y", "yes")


def _journal(environment: Mapping[str, str]) -> Journal:
    return Journal(hook_folder(environment).parent / "connected.json")
