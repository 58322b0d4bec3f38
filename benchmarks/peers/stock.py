"""Stock Channels on daphne."""

import sys
from pathlib import Path

from benchmarks.peers.base import Peer
from benchmarks.programs import Program, free_port


class Stock(Peer):
    name = "channels"
    label = "Channels on daphne"

    def start(self, folder: Path, agents: int) -> None:
        self.name_agents(agents)
        self.serve(folder, {})

    def serve(self, folder: Path, env: dict[str, str]) -> None:
        """Start one server process."""
        port = free_port()
        options = ["-b", "127.0.0.1", "-p", str(port), "-v", "0", "--access-log", "/dev/null"]
        command = [sys.executable, "-m", "daphne", *options, "benchmarks.peers.stock_app:application"]
        program = Program(command, port, folder / f"log-{port}", env)
        self.programs.append(program)
        program.wait()

    def viewer_url(self, agents: list[str], index: int = 0) -> str:
        return f"ws://127.0.0.1:{self.programs[index % len(self.programs)].port}/ws"
