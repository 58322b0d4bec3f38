"""Server processes that share one database, with workspaces to publish to and watch."""

import contextlib
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.producer import Producer
from tests.chaos.watcher import Watcher
from tests.support.api import Api
from tests.support.server import SHARED_KEY, LiveServer


@dataclass(frozen=True)
class Site:
    """A test's own workspace, with agents."""

    token: str
    agents: list[str]

    def producers(self, ws_urls: Sequence[str]) -> list[Producer]:
        """One for every agent at every address."""
        return [Producer(url, self.token, agent) for url in ws_urls for agent in self.agents]

    def watchers(self, count: int, ws_urls: Sequence[str], backoff: float = 0.2) -> list[Watcher]:
        """Viewers of all agents, spread over the addresses."""
        return [
            Watcher(f"viewer {i}", ws_urls[i % len(ws_urls)], self.token, self.agents, backoff) for i in range(count)
        ]


@dataclass(frozen=True)
class Cluster:
    """Servers of one installation."""

    servers: list[LiveServer]
    token: str

    @property
    def ws_urls(self) -> list[str]:
        return [server.ws_url for server in self.servers]

    @property
    def api(self) -> Api:
        return Api(self.servers[0].url, self.token)

    def site(self, agents: int = 1) -> Site:
        workspace = self.api.workspace(f"chaos {uuid.uuid4()}")["id"]
        return Site(self.token, [self.api.agent(workspace, f"agent {i}")["id"] for i in range(agents)])


@contextmanager
def cluster(folder: Path, env: dict[str, str] | None = None, count: int = 1) -> Iterator[Cluster]:
    """Start `count` servers with `env`; stop them at the end."""
    servers = []
    for number in range(count):
        home = folder / f"server{number}"
        home.mkdir()
        servers.append(LiveServer(home, **{"SECRET_KEY": SHARED_KEY, **(env or {})}))
    with contextlib.ExitStack() as stack:
        servers[0].prepare()
        for server in servers:
            server.start()
            stack.callback(server.stop, 20)
        yield Cluster(servers, servers[0].token("root", "--superuser"))
