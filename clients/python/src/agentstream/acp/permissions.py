"""Who answers an agent's permission requests: the editor or a person on the page, whoever is first."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field

from agentstream.acp.wire import Sink
from agentstream.messages import encode


@dataclass
class Permissions:
    """The open requests, by the agent's ids as JSON. Each is answered once, whatever thread the answer comes from."""

    agent: Sink
    editor: Sink
    _open: set[str] = field(default_factory=set)
    _settled: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def asked(self, key: str) -> None:
        """The agent asks the editor."""
        with self._lock:
            self._open.add(key)
            self._settled.discard(key)

    def answered(self, key: str) -> bool:
        """The editor answers. Returns whether the agent still waits for that; the editor may not have heard that it
        doesn't."""
        with self._lock:
            self._open.discard(key)
            if key not in self._settled:
                return True
            self._settled.remove(key)
            return False

    def answer(self, key: str, line: str) -> bool:
        """Give the agent this answer, and tell the editor that it no longer asks. Returns whether it was in time."""
        with self._lock:
            if key not in self._open:
                return False
            self._open.remove(key)
            self._settled.add(key)
        self.agent.add(line.encode())
        cancel = {"jsonrpc": "2.0", "method": "$/cancel_request", "params": {"requestId": json.loads(key)}}
        self.editor.add((encode(cancel) + "\n").encode())
        return True
