"""`agentstream doctor` and `agentstream status`: what works on this machine, and what is reported from it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from urllib.error import URLError
from urllib.request import urlopen

from agentstream.api import Api
from agentstream.collector.config import Config, config_path
from agentstream.collector.connected import ConnectedTools
from agentstream.collector.hooks import HookSpool, hook_folder
from agentstream.collector.positions import Positions, state_path
from agentstream.collector.sources import sources
from agentstream.connect.tool import Finding, Tool
from agentstream.connect.tools import chosen_tools
from agentstream.credentials import find_token
from agentstream.errors import AgentstreamError

# More than this between the clocks of server and machine makes the times on the page confusing.
CLOCK_SECONDS = 5.0
HEALTH_SECONDS = 10.0
_UNITS = ((86_400, "days"), (3_600, "hours"), (60, "minutes"), (1, "seconds"))


def doctor(environment: Mapping[str, str]) -> int:
    """Print what was found. Returns 0 if everything is as it should be, else 1."""
    tools = chosen_tools((), environment)
    findings = [*(finding for tool in tools for finding in _tool(tool)), *_collector(environment)]
    width = max(len(finding.what) for finding in findings)
    for finding in findings:
        print(f"{'ok ' if finding.good else 'BAD'} {finding.what:{width}}  {finding.found}")
    return 0 if all(finding.good for finding in findings) else 1


def status(environment: Mapping[str, str]) -> int:
    """Print this machine's agents. Returns 0."""
    keys = {seat.process: key for key, seat in Positions.load(state_path(environment)).seats.items()}
    found = [(source.tool, running) for source in sources(environment) for running in source.look()]
    for tool, running in found:
        key = keys.get(running.process, "not reported")
        print(f"{tool}  pid {running.process.pid}  {running.activity.value:8} {running.cwd}  {key}")
    if not found:
        print("No interactive agents run on this machine.")
    return 0


def _tool(tool: Tool) -> Iterator[Finding]:
    if tool.program is None:
        yield Finding(tool.name, True, "not installed")
        return
    version = ".".join(map(str, tool.version or ()))
    try:
        problem = tool.problem()
    except ValueError as failed:
        problem = str(failed)
    if tool.name not in ConnectedTools.of(tool.environment):
        yield Finding(tool.name, True, f"{version} at {tool.program}, not connected")
        return
    yield Finding(f"{tool.name} version", problem is None, problem or f"{version} at {tool.program}")
    if tool.is_connected():
        yield Finding(f"{tool.name} hooks", True, "present")
        yield _script(tool)
        yield from tool.findings()
    else:
        yield Finding(f"{tool.name} hooks", False, f"missing: run `agentstream connect {tool.name}`")
    running = sum(len(list(source.look())) for source in sources(tool.environment) if source.tool == tool.name)
    yield Finding(f"{tool.name} sessions", True, f"{running} running")


def _script(tool: Tool) -> Finding:
    path = tool.script
    good = tool.spool.is_current
    problem = "is of another version: restart the collector" if path.exists() else "is missing"
    return Finding(f"{tool.name} script", good, str(path) if good else f"{path} {problem}")


def _collector(environment: Mapping[str, str]) -> Iterator[Finding]:
    pid = HookSpool(hook_folder(environment)).collector
    yield Finding("collector", pid is not None, f"running with pid {pid}" if pid else "not running")
    path = config_path(environment)
    try:
        config = Config.load(path)
    except FileNotFoundError:
        yield Finding("configuration", False, f"{path} is missing: run `agentstream connect`")
        return
    except ValueError as failed:
        yield Finding("configuration", False, str(failed))
        return
    yield Finding("configuration", True, str(path))
    yield from _server(config, environment)


def _server(config: Config, environment: Mapping[str, str]) -> Iterator[Finding]:
    try:
        with urlopen(f"{config.url.rstrip('/')}/healthz", timeout=HEALTH_SECONDS) as answer:
            told = answer.headers.get("Date")
    except (URLError, OSError, ValueError) as failed:
        yield Finding("server", False, f"{config.url}: {failed}")
        return
    yield Finding("server", True, f"{config.url} answers")
    if told:
        yield _clock(time.time() - parsedate_to_datetime(told).timestamp())
    yield _access(config, environment)


def _clock(ahead: float) -> Finding:
    """This machine's clock, which is so many seconds ahead of the server's."""
    if abs(ahead) <= CLOCK_SECONDS:
        return Finding("clock", True, "agrees with the server's")
    size, unit = next((size, unit) for size, unit in _UNITS if abs(ahead) >= 2 * size or size == 1)
    which = "ahead of" if ahead > 0 else "behind"
    found = f"{round(abs(ahead) / size)} {unit} {which} the server's: set the clock of one of the two"
    return Finding("clock", False, found)


def _access(config: Config, environment: Mapping[str, str]) -> Finding:
    try:
        token = find_token(config.url, None, environment)
        if token is None:
            return Finding("access", False, f"no token: run `agentstream login --url {config.url}`")
        workspace = asyncio.run(Api(config.url, token, config.insecure).workspace(config.workspace))
    except (AgentstreamError, ValueError, OSError) as failed:
        return Finding("access", False, str(failed))
    return Finding("access", True, f"to workspace {workspace.name}")
