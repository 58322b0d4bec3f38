"""docs/design.md shows the path of a message through the modules of a real server."""

import asyncio
import json
import os
import re
import signal
from pathlib import Path

from tests.support import ROOT
from tests.support.api import Api, agent_of
from tests.support.server import LiveServer
from tests.support.viewer import viewer

MODULE = re.compile(r"\b(?:agents|workspaces|accounts|streams|realtime_project)/[a-z_/]+\.py\b")
LINES_AT_MOST = 400


class ObservedServer(LiveServer):
    """A server that says in which modules lines were run."""

    def __init__(self, data_dir: Path) -> None:
        super().__init__(data_dir)
        self.report = data_dir / "report.json"
        self.command = ("-m", "tests.support.probe", "modules", str(self.report))


async def modules_crossed(server: ObservedServer, root: Api) -> set[str]:
    """The modules between a publication and its arrival at a viewer."""
    _, agent_id = await asyncio.to_thread(agent_of, root)
    async with viewer(server.ws_url, root.token) as watching, viewer(server.ws_url, root.token) as producer:
        await watching.subscribe("agent", agent_id)
        for n in (1, 2):  # the first asks for rights
            event = {"n": n, "type": "agent:output", "payload": {"content": "x"}}
            await asyncio.sleep(0.3)  # for the jobs of a starting server to be done
            os.kill(server.pid, signal.SIGUSR1)
            await producer.ask("publish:agent", {"agentId": agent_id, "producer": "p", "events": [event]})
            await watching.events(1)
            os.kill(server.pid, signal.SIGUSR2)
            while not server.report.exists():
                await asyncio.sleep(0.05)
            crossed: set[str] = set(json.loads(server.report.read_text()))
            server.report.unlink()
    return crossed


def drawn() -> set[str]:
    text = (ROOT / "docs" / "design.md").read_text()
    section = text[text.index("## The path of a message") : text.index("## The ideas")]
    return set(MODULE.findall(section)) - {"streams/layers/redis.py", "streams/hub/reader.py", "workspaces/access.py"}


BY_ITSELF = {  # what a server does by itself, which may fall into the time that is looked at
    "accounts/audit.py",
    "accounts/tokens.py",
    "accounts/usage.py",
    "agents/leases.py",
    "agents/maintenance.py",
    "streams/hub/presence.py",
    "streams/hub/reader.py",
    "streams/log/followers.py",
    "streams/log/retention.py",
    "streams/maintenance.py",
    "streams/protocol/positions.py",
    "streams/server/connections.py",
    "streams/conf.py",
}


def test_the_path_of_a_message_is_as_drawn(tmp_path: Path) -> None:
    with ObservedServer(tmp_path) as server:
        root = Api(server.url, server.token("root", "--create", "--superuser"))
        crossed = asyncio.run(modules_crossed(server, root))
    assert crossed - BY_ITSELF == drawn()


def test_no_module_on_the_path_is_longer_than_400_lines() -> None:
    for module in drawn():
        assert len((ROOT / module).read_text().splitlines()) <= LINES_AT_MOST, module
