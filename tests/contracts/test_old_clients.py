"""The clients of an earlier commit work with today's server: they ignore what they don't know."""

import io
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tests.support import ROOT
from tests.support.api import Api, agent_of

COMMIT = "82bf914"

PYTHON = """
import asyncio, os, sys
from agentstream import Publisher, watch
url, token, agent, workspace = (os.environ[name] for name in ("URL", "TOKEN", "AGENT", "WORKSPACE"))

async def publish():
    async with Publisher(url, token, agent, lease=True) as publisher:
        await publisher.status("running")
        await publisher.output("Hel", message_id="m", is_streaming=True)
        await publisher.output("lo", message_id="m")
        await publisher.output("ls", role="tool", kind="tool_call", tool_call_id="c", tool_name="bash")
        await publisher.context(42, tokens_used=84_000, tokens_limit=200_000)
        await publisher.error("E", "no")
        await publisher.output("end")
        await publisher.terminated(0)

async def seen(**what):
    last = "agent:terminated"
    text, types = "", []
    async with watch(url, token, since=0, **what) as events:
        async for event in events:
            types.append(event.payload.get("change", event.type))
            text += event.payload.get("content", "")
            if event.type == last or event.payload.get("data", {}).get("status") == "finished":
                return text, types

async def main():
    await publish()
    print(*await seen(agents=[agent]))
    async with Publisher(url, token, agent) as publisher:
        await publisher.status("finished")
    print(*await seen(workspaces=[workspace]))

asyncio.run(asyncio.wait_for(main(), 30))
"""

JAVASCRIPT = """
import { AgentStream } from "./agentstream.js";
import { WebSocket } from "ws";
const { URL: url, TOKEN: token, AGENT: agent, WORKSPACE: workspace } = process.env;
const stream = new AgentStream(`${url}/ws/`, { token, WebSocket });
const types = [];
let text = "";
stream.workspace(workspace).on("updated", ({ change }) => change);
for await (const { type, payload } of stream.agent(agent, { since: 0 })) {
  types.push(type);
  text += payload.content ?? "";
  if (type === "agent:terminated") break;
}
console.log(text, types.join(" "));
stream.close();
"""

LATER = [
    ("agent:session", {"session": "s", "change": "started", "model": "m"}),
    ("agent:request", {"requestId": "r", "kind": "input", "title": "?"}),
    ("agent:request_resolved", {"requestId": "r", "outcome": "withdrawn"}),
    ("agent:plan", {"entries": [{"content": "Write it", "status": "pending"}]}),
    ("agent:subagent", {"parentId": "c", "change": "started", "name": "Explore"}),
    ("agent:usage", {"inputTokens": 1, "costUsd": 0.5, "limits": [{"name": "five_hour", "usedPercent": 5}]}),
    ("agent:context", {"contextLevel": None}),
    (
        "agent:output",
        {"content": "patched ", "role": "tool", "kind": "tool_call", "toolInput": {"a": 1}, "toolKind": "edit"},
    ),
]


@pytest.fixture(scope="module")
def old_clients(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The clients as they were, from the history."""
    archive = subprocess.run(["git", "archive", COMMIT, "clients"], cwd=ROOT, capture_output=True, check=False)
    if archive.returncode and os.environ.get("CI") != "true":
        pytest.skip(f"the history does not hold {COMMIT}: expected a full clone")
    assert archive.returncode == 0, archive.stderr
    folder = tmp_path_factory.mktemp("old")
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
        files.extractall(folder, filter="data")
    return folder / "clients"


@pytest.fixture
def place(root: Api) -> dict[str, str]:
    """An agent with everything that today's clients report and the old ones don't know."""
    workspace, agent = agent_of(root)
    events = [{"n": n, "type": type_, "payload": payload} for n, (type_, payload) in enumerate(LATER, 1)]
    done = root.post(f"/agents/{agent}/events", {"producer": "today", "events": events})
    assert done.status == 200, done
    assert root.call("PATCH", f"/agents/{agent}", {"labels": {"host": "h"}}).status == 200
    return {"URL": root.url, "TOKEN": str(root.token), "AGENT": agent, "WORKSPACE": workspace}


def run(command: list[str], folder: Path, **variables: str) -> str:
    env = {**os.environ, **variables}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    return done.stdout


def test_the_old_python_client_publishes_and_watches(old_clients: Path, place: dict[str, Any]) -> None:
    source = old_clients / "python/src"
    seen, changes = run([sys.executable, "-c", PYTHON], source, PYTHONPATH=str(source), **place).splitlines()
    assert seen.startswith("patched Hellolsend ")
    for type_ in ("agent:request", "agent:plan", "agent:usage", "agent:output", "agent:context", "agent:error"):
        assert repr(type_) in seen
    for change in ("agent_added", "agent_request", "agent_updated", "agent_context", "agent_status"):
        assert repr(change) in changes


@pytest.mark.node
def test_the_old_javascript_client_watches(old_clients: Path, place: dict[str, Any], root: Api) -> None:
    folder = old_clients / "js"
    if not (folder / "node_modules").exists():
        (folder / "node_modules").symlink_to(ROOT / "clients/js/node_modules")
    (folder / "today.mjs").write_text(JAVASCRIPT)
    root.output(place["AGENT"], "end")
    events = [{"n": 1, "type": "agent:terminated", "payload": {"exitCode": 0}}]
    assert root.post(f"/agents/{place['AGENT']}/events", {"producer": "end", "events": events}).status == 200
    text, *types = run(["node", "today.mjs"], folder, **place).removeprefix("patched ").split()
    assert text == "end"
    assert {"agent:request", "agent:plan", "agent:output", "agent:terminated"} <= {*types}
