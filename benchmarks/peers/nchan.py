"""nchan: publish and subscribe inside nginx, a channel per agent; one worker, messages in memory for a while."""

from pathlib import Path

from benchmarks.dialects import Plain
from benchmarks.peers.base import Peer
from benchmarks.programs import Program, UnavailableError, debian, free_port

MODULE = Path("/usr/lib/nginx/modules/ngx_nchan_module.so")
CONFIG = """
load_module {module};
user root;
worker_processes 1;
worker_rlimit_nofile 65536;
daemon off;
pid {folder}/pid;
error_log {folder}/log;
events {{ worker_connections 16384; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    nchan_shared_memory_size 256M;
    nchan_message_buffer_length 2000;
    nchan_message_timeout 60s;
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location ~ ^/ws/(.+)$ {{
            nchan_subscriber websocket;
            nchan_subscriber_first_message newest;
            nchan_channel_id $1;
        }}
        location ~ ^/publish/(.+)$ {{
            nchan_publisher websocket;
            nchan_channel_id $1;
        }}
    }}
}}
"""


class Nchan(Peer):
    name = "nchan"
    label = "nchan"
    dialect = Plain()

    def prepare(self) -> None:
        self._binary = debian("nginx", "nginx", "libnginx-mod-nchan")
        if not MODULE.exists():
            raise UnavailableError(f"{MODULE} is missing (Debian: libnginx-mod-nchan)")

    def start(self, folder: Path, agents: int) -> None:
        self.name_agents(agents)
        port = free_port()
        config = folder / "nginx.conf"
        config.write_text(CONFIG.format(module=MODULE, folder=folder, port=port))
        self.programs = [Program([self._binary, "-c", str(config)], port, folder / "out")]
        self.programs[0].wait()

    def viewer_url(self, agents: list[str], index: int = 0) -> str:
        return f"ws://127.0.0.1:{self.port}/ws/{agents[0]}"

    def producer_url(self, agent: str) -> str:
        return f"ws://127.0.0.1:{self.port}/publish/{agent}"
