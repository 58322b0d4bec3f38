"""Peers that use PostgreSQL or Redis, which run on the generator's core."""

from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

from benchmarks.peers.agentstream import Agentstream, manage
from benchmarks.peers.stock import Stock
from tests.support.services import Postgres, Redis, running


class WithPostgres(Agentstream):
    name = "agentstream-postgres"
    label = "Agentstream, PostgreSQL"

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.settings: dict[str, str] = {}

    def environment(self, folder: Path) -> dict[str, str]:
        return super().environment(folder) | self.settings

    def start(self, folder: Path, agents: int) -> None:
        self.settings["DATABASE_URL"] = _service(self.stack, running(Postgres))
        manage(folder, self.settings, "migrate", "--verbosity=0")
        self._secret = manage(folder, self.settings, "createtoken", "bench", "--create")
        self.serve(folder)
        self.make_agents(agents)

    @property
    def token(self) -> str:
        return self._secret

    def stop(self) -> None:
        super().stop()
        self.stack.close()


class WithRedis(Agentstream):
    """One process whose broker uses Redis."""

    name = "agentstream-redis"
    label = "Agentstream, Redis"

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.settings: dict[str, str] = {}

    def environment(self, folder: Path) -> dict[str, str]:
        return super().environment(folder) | self.settings

    def start(self, folder: Path, agents: int) -> None:
        self.settings["REDIS_URL"] = _service(self.stack, running(Redis))
        super().start(folder, agents)

    def stop(self) -> None:
        super().stop()
        self.stack.close()


class TwoProcesses(WithPostgres):
    """Two processes on the server's core; viewers on both, producers on the first."""

    name = "agentstream-two"
    label = "Agentstream, two processes, Redis, PostgreSQL"

    def start(self, folder: Path, agents: int) -> None:
        self.settings["REDIS_URL"] = _service(self.stack, running(Redis))
        super().start(folder, agents)
        self.serve(folder)


class StockTwoProcesses(Stock):
    name = "channels-two"
    label = "Channels on daphne, two processes, Redis"

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()

    def start(self, folder: Path, agents: int) -> None:
        self.name_agents(agents)
        env = {"REDIS_URL": _service(self.stack, running(Redis))}
        self.serve(folder, env)
        self.serve(folder, env)

    def stop(self) -> None:
        super().stop()
        self.stack.close()


def _service(stack: ExitStack, service: AbstractContextManager[Postgres | Redis]) -> str:
    """Start a service that the stack stops, and return its URL."""
    return stack.enter_context(service).url
