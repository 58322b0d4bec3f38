"""NATS over WebSocket: a broker written in Go, a subject per agent."""

from pathlib import Path

from benchmarks.dialects import Nats as NatsDialect
from benchmarks.peers.base import Peer
from benchmarks.programs import Program, debian, free_port

CONFIG = """
listen: "127.0.0.1:{plain}"
websocket {{ listen: "127.0.0.1:{port}", no_tls: true, compression: false }}
"""


class Nats(Peer):
    name = "nats"
    label = "NATS over WebSocket"
    dialect = NatsDialect()

    def prepare(self) -> None:
        self._binary = debian("nats-server", "nats-server")

    def start(self, folder: Path, agents: int) -> None:
        self.name_agents(agents)
        port = free_port()
        config = folder / "nats.conf"
        config.write_text(CONFIG.format(plain=free_port(), port=port))
        self.programs = [Program([self._binary, "-c", str(config)], port, folder / "log")]
        self.programs[0].wait()
