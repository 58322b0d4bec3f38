"""Agentstream itself: `manage.py serve` with its defaults, so with durable events, authentication and resuming."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path
from typing import Any

from benchmarks.dialects import Agentstream as AgentstreamDialect
from benchmarks.peers.base import Peer
from benchmarks.programs import CHECKOUT, Program, free_port
from benchmarks.sockets import HEADER

QUOTAS = (
    "WORKSPACES_PER_USER",
    "WORKSPACE_EVENTS_PER_DAY",
    "WORKSPACE_BYTES_PER_DAY",
    "PUBLISH_EVENTS_PER_SECOND",
    "PUBLISH_BYTES_PER_SECOND",
    "HTTP_CALLS_PER_SECOND",
    "STREAM_SOCKETS_PER_USER",
)


class Agentstream(Peer):
    name = "agentstream"
    label = "Agentstream"
    dialect = AgentstreamDialect()
    stores = True
    merge = True

    _template: Path | None = None  # a migrated database with a token, copied for every start
    _home: tempfile.TemporaryDirectory[str] | None = None  # its directory; removed when the benchmark ends
    _token = ""

    def prepare(self) -> None:
        if Agentstream._template is None:
            Agentstream._home = tempfile.TemporaryDirectory(prefix="agentstream-bench-")
            folder = Path(Agentstream._home.name)
            manage(folder, {}, "migrate", "--verbosity=0")
            Agentstream._token = manage(folder, {}, "createtoken", "bench", "--create")
            Agentstream._template = folder

    @property
    def token(self) -> str:
        return self._token

    def environment(self, folder: Path) -> dict[str, str]:
        """The servers' environment."""
        # All clients are one user, so the limits per user would be measured instead of the server.
        unlimited = dict.fromkeys(QUOTAS, "0")
        return {"DATA_DIR": str(folder), "HOST": "127.0.0.1", "LOG_LEVEL": "WARNING", **unlimited}

    def start(self, folder: Path, agents: int) -> None:
        assert self._template is not None
        shutil.copytree(self._template, folder, dirs_exist_ok=True)
        self.serve(folder)
        self.make_agents(agents)

    def serve(self, folder: Path) -> None:
        """Start one server process."""
        port = free_port()
        env = {**self.environment(folder), "PORT": str(port)}
        program = Program([sys.executable, "manage.py", "serve"], port, folder / f"server-{port}.log", env, CHECKOUT)
        self.programs.append(program)
        program.wait()

    def make_agents(self, count: int) -> None:
        workspace = self.call("/workspaces", {"name": "Benchmark"})["id"]
        self.agents = [self.call(f"/workspaces/{workspace}/agents", {"name": f"a{n}"})["id"] for n in range(count)]

    def call(self, path: str, body: Any) -> Any:
        """POST to the API and return its answer."""
        url = f"http://127.0.0.1:{self.port}/api{path}"
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self.token}"}
        with urllib.request.urlopen(urllib.request.Request(url, json.dumps(body).encode(), headers)) as response:
            return json.load(response)

    def headers(self) -> dict[str, str]:
        found = {"Authorization": f"Bearer {self.token}"}
        return {**found, HEADER: "agentstream.v1"} if self.merge else found

    def viewer_url(self, agents: list[str], index: int = 0) -> str:
        return f"ws://127.0.0.1:{self.programs[index % len(self.programs)].port}/ws/"

    def producer_url(self, agent: str) -> str:
        return f"ws://127.0.0.1:{self.port}/ws/"


class Plain(Agentstream):
    """Clients without the subprotocol: a frame per event."""

    name = "agentstream-plain"
    label = "Agentstream, a frame per event"
    merge = False


def manage(folder: Path, env: dict[str, str], *arguments: str) -> str:
    """Run `manage.py …` on the data in `folder`; its standard output, stripped."""
    result = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=CHECKOUT,
        env={**os.environ, "DATA_DIR": str(folder), **env},
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        raise RuntimeError(f"manage.py {arguments[0]} failed:\n{result.stderr}")
    return result.stdout.strip()
