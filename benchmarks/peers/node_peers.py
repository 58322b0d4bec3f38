"""The Node peers: the design that this project replaces, plain `ws`, and Socket.IO."""

import shutil
import subprocess
from pathlib import Path

from benchmarks.dialects import SocketIO as SocketIODialect
from benchmarks.peers.base import Peer
from benchmarks.programs import CACHE, Program, UnavailableError, free_port

SOURCE = Path(__file__).parent / "node"
FOLDER = CACHE / "node"


class NodePeer(Peer):
    script: str

    def prepare(self) -> None:
        if not shutil.which("node"):
            raise UnavailableError("Node.js is not installed")
        FOLDER.mkdir(parents=True, exist_ok=True)
        wanted = (SOURCE / "package.json").read_text()
        stamp = FOLDER / "installed"
        if not stamp.exists() or stamp.read_text() != wanted:
            (FOLDER / "package.json").write_text(wanted)
            install = ["npm", "install", "--silent", "--no-audit", "--no-fund"]
            if subprocess.run(install, cwd=FOLDER, check=False, capture_output=True).returncode:
                raise UnavailableError("npm could not install its packages")
            stamp.write_text(wanted)
        shutil.copy(SOURCE / self.script, FOLDER / self.script)  # Node looks for modules in the script's directory

    def start(self, folder: Path, agents: int) -> None:
        self.name_agents(agents)
        port = free_port()
        env = {"PORT": str(port), "NODE_ENV": "production"}
        self.programs = [Program(["node", str(FOLDER / self.script)], port, folder / "log", env)]
        self.programs[0].wait()


class Reference(NodePeer):
    name = "node"
    label = "Node reference"
    script = "reference.js"


class Ws(NodePeer):
    name = "ws"
    label = "ws"
    script = "ws.js"


class SocketIO(NodePeer):
    name = "socketio"
    label = "Socket.IO"
    script = "socketio.js"
    dialect = SocketIODialect()

    def viewer_url(self, agents: list[str], index: int = 0) -> str:
        return f"ws://127.0.0.1:{self.port}/socket.io/?EIO=4&transport=websocket"
