"""The agent's process, connected with the editor's end."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from agentstream.acp.permissions import Permissions
from agentstream.acp.transcript import Side
from agentstream.acp.wire import Sink, Wire
from agentstream.messages import encode
from agentstream.process import Exit, NotStarted, exit_of

# How long after the agent's end its last words may take; a child of its own may hold its output open for ever.
LAST_WORDS_SECONDS = 1.0
# How long an agent may take to end that writes to an editor which is gone.
KILL_AFTER_SECONDS = 5.0

# Gets each line that is passed on, and what it holds; called in threads.
Seen = Callable[[Side, dict[str, Any] | None, bytes], None]


class ProxiedAgent:
    """Runs the agent between the two descriptors of the editor. Everything is passed on unchanged but the permissions
    that somebody else has answered. Raises `NotStarted`."""

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], editor: tuple[int, int], seen: Seen
    ) -> None:
        try:
            # A session of its own: signals to this program are passed on once.
            self._popen = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=environment,
                bufsize=0,
                start_new_session=True,
            )
        except OSError as failed:
            raise NotStarted(command[0], failed) from failed
        assert self._popen.stdin and self._popen.stdout
        self._seen = seen
        source, sink = editor
        to_agent, to_editor = Sink(os.dup(self._popen.stdin.fileno())), Sink(sink)
        self._popen.stdin.close()
        self.permissions = Permissions(to_agent, to_editor)
        self._to_agent = to_agent
        self._told = Wire(source, to_agent, self._tell)
        self._heard = Wire(self._popen.stdout.fileno(), to_editor, self._hear, self._abandoned)
        self._told.start()
        self._heard.start()

    def tell(self, line: str) -> None:
        """Say something to the agent that the editor doesn't say."""
        with suppress(OSError):
            self._to_agent.add(line.encode())

    def signal(self, number: int) -> None:
        """Send the agent and its children a signal."""
        with suppress(ProcessLookupError, PermissionError):
            if self._popen.returncode is None:
                os.killpg(self._popen.pid, number)

    async def wait(self) -> Exit:
        """Wait until the agent has ended and the editor has its last words."""
        ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def reap() -> None:
            code = self._popen.wait()
            self._heard.join(LAST_WORDS_SECONDS)
            with suppress(RuntimeError):
                ended.get_loop().call_soon_threadsafe(ended.set_result, code)

        threading.Thread(target=reap, daemon=True).start()
        return exit_of(await ended)

    def _tell(self, line: bytes) -> bool:
        message = _parse(line)
        if message and "method" not in message and "id" in message and not self.permissions.answered(_key(message)):
            return False
        self._seen("editor", message, line)
        return True

    def _hear(self, line: bytes) -> bool:
        message = _parse(line)
        if message and message.get("method") == "session/request_permission" and "id" in message:
            self.permissions.asked(_key(message))
        self._seen("agent", message, line)
        return True

    def _abandoned(self) -> None:
        """The editor is gone without having ended the agent."""
        self.signal(signal.SIGTERM)
        timer = threading.Timer(KILL_AFTER_SECONDS, self.signal, (signal.SIGKILL,))
        timer.daemon = True
        timer.start()


def _key(message: dict[str, Any]) -> str:
    return encode(message["id"])


def _parse(line: bytes) -> dict[str, Any] | None:
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return message if isinstance(message, dict) else None
