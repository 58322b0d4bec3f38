"""`agentstream acp`: an editor and its agent speak as without it, and people see that and may answer first."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from agentstream.acp.wire import MAX_LINE

from tests.support.api import Api

from .command import gone
from .place import Place

AGENT = (sys.executable, str(Path(__file__).with_name("acp_agent.py")))
# Keeps what it reads in a file, then writes what another file holds.
TAPE = """
import sys
open(sys.argv[1], "wb").write(sys.stdin.buffer.read())
sys.stdout.buffer.write(open(sys.argv[2], "rb").read())
sys.stdout.flush()
sys.stderr.write("done")
sys.exit(7)
"""


def until(holds: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 30
    while not (found := holds()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found


class Editor:
    """Speaks to the proxy as an editor does."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.heard: list[dict[str, Any]] = []
        threading.Thread(target=self._hear, daemon=True).start()

    def say(self, **message: Any) -> None:
        assert self.process.stdin
        self.process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
        self.process.stdin.flush()

    def ask(self, id_: int, method: str, **params: Any) -> None:
        self.say(id=id_, method=method, params=params)

    def prompt(self, id_: int, text: str) -> None:
        self.ask(id_, "session/prompt", sessionId="session-1", prompt=[{"type": "text", "text": text}])

    def begin(self, folder: Path) -> None:
        self.ask(0, "initialize", protocolVersion=1, clientCapabilities={})
        self.ask(1, "session/new", cwd=str(folder), mcpServers=[])
        self.result(1)

    def result(self, id_: int) -> dict[str, Any]:
        found: dict[str, Any] = until(lambda: self._first(lambda one: one.get("id") == id_ and "result" in one))
        return found["result"]  # type: ignore[no-any-return]

    def request(self, method: str, count: int = 1) -> dict[str, Any]:
        found = until(lambda: [one for one in self.heard if one.get("method") == method][count - 1 :])
        return found[0]  # type: ignore[no-any-return]

    def said(self) -> str:
        """What the agent said to it."""
        updates = [one["params"]["update"] for one in list(self.heard) if one.get("method") == "session/update"]
        return "".join(update["content"]["text"] for update in updates)

    def answer(self, request: dict[str, Any], option: str) -> None:
        self.say(id=request["id"], result={"outcome": {"outcome": "selected", "optionId": option}})

    def _first(self, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any] | None:
        return next((one for one in list(self.heard) if holds(one)), None)

    def _hear(self) -> None:
        with suppress(ValueError):
            for line in self.process.stdout or ():
                self.heard.append(json.loads(line))


@contextmanager
def proxied(place: Place | None, home: Path, *agent: str, **variables: str) -> Iterator[subprocess.Popen[bytes]]:
    options = ["--workspace", place.slug] if place else []
    environment = {**os.environ, "HOME": str(home), "XDG_STATE_HOME": str(home / "state"), **variables}
    if place:
        environment |= {"AGENTSTREAM_URL": place.url, "AGENTSTREAM_TOKEN": place.token}
    process = subprocess.Popen(
        [sys.executable, "-m", "agentstream", "acp", *options, "--", *agent],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            assert pipe
            with suppress(OSError):
                pipe.close()


@contextmanager
def editing(place: Place, home: Path) -> Iterator[Editor]:
    """An editor with a session of the agent in a folder, which the server knows by now."""
    folder = home / "the work"
    folder.mkdir()
    with proxied(place, home, *AGENT) as process:
        editor = Editor(process)
        editor.begin(folder)
        yield editor


def agents(place: Place) -> list[dict[str, Any]]:
    found = Api(place.url, place.token).get(f"/workspaces/{place.workspace}/agents").data
    return [agent for agent in found if agent["name"] != "agent"]


def agent(place: Place) -> dict[str, Any]:
    [found] = until(lambda: agents(place))
    return found  # type: ignore[no-any-return]


def requests(place: Place, id_: str) -> list[dict[str, Any]]:
    path = f"/agents/{id_}/requests?open=false"
    found: list[dict[str, Any]] = Api(place.url, place.token).get(path).data["requests"]
    return found


def odd_bytes(size: int) -> bytes:
    """Lines that are no JSON, no UTF-8 or no lines, and a long one."""
    update = {"method": "session/update", "params": {"sessionId": "s", "update": {"sessionUpdate": "x"}}}
    lines = [b"", b"{}", b"\xff\xfe{", b'{"id":1,"method":', json.dumps(update).encode(), b'{"a":1}\r', b"\0" * 9]
    return b"\n".join([*lines * 50, b'{"big":"' + b"x" * size + b'"}', b"after it", b"no end of line"])


@pytest.mark.parametrize("server", ["none", "unreachable"])
def test_bytes_and_exit_code_are_passed_on_unchanged(tmp_path: Path, server: str) -> None:
    long = MAX_LINE + 1 if server == "none" else 100_000
    (tmp_path / "said").write_bytes(said := odd_bytes(long))
    told = odd_bytes(100_000)[::-1]
    away = {"AGENTSTREAM_URL": "http://127.0.0.1:9", "AGENTSTREAM_TOKEN": "x" * 40} if server == "unreachable" else {}
    tape = (sys.executable, "-c", TAPE, str(tmp_path / "told"), str(tmp_path / "said"))
    with proxied(None, tmp_path, *tape, **away) as process:
        out, err = process.communicate(told, timeout=60)
    assert (process.returncode, out == said, (tmp_path / "told").read_bytes() == told) == (7, True, True)
    assert err.decode().endswith("done")
    assert ("expected a token" in err.decode()) is (server == "none")


def test_an_agent_that_cannot_be_started_is_explained(tmp_path: Path) -> None:
    with proxied(None, tmp_path, "no-such-agent") as process:
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (127, b"")
    assert "no-such-agent: command not found" in err.decode()


def test_the_first_answer_counts_from_the_page_or_from_the_editor(place: Place, tmp_path: Path) -> None:
    with editing(place, tmp_path) as editor:
        api = Api(place.url, place.token)
        shown = agent(place)
        assert (shown["name"], shown["labels"]["cwd"]) == ("the work", str(tmp_path / "the work"))
        # The page is first.
        editor.prompt(2, "push main")
        asked = editor.request("session/request_permission")
        [request] = until(lambda: requests(place, shown["id"]))
        assert api.post(f"/agents/{shown['id']}/requests/{request['requestId']}/answer", {"option": "o1"}).status == 200
        until(lambda: "told: {'optionId': 'yes', 'outcome': 'selected'}. " in editor.said())
        assert editor.request("$/cancel_request")["params"] == {"requestId": asked["id"]}
        editor.answer(asked, "no")  # too late: it had not heard yet
        assert editor.result(2)["stopReason"] == "end_turn"
        # The editor is first.
        editor.prompt(3, "push next")
        asked = editor.request("session/request_permission", 2)
        _, request = until(lambda: len(found := requests(place, shown["id"])) == 2 and found)
        editor.answer(asked, "no")
        until(lambda: "told: {'optionId': 'no', 'outcome': 'selected'}. " in editor.said())
        until(lambda: "resolution" in requests(place, shown["id"])[1])
        assert requests(place, shown["id"])[1]["resolution"]["outcome"] == "answered_elsewhere"
        answer = api.post(f"/agents/{shown['id']}/requests/{request['requestId']}/answer", {"option": "o1"})
        assert answer.status == 409
        assert editor.said().count("told") == 2
        # A person on the page interrupts, and cannot write.
        editor.prompt(4, "wait here")
        until(lambda: "waiting. " in editor.said())
        api.post(f"/agents/{shown['id']}/input", {"content": "hello?"})
        until(lambda: "not delivered" in place.text("the work", "system"))
        api.post(f"/agents/{shown['id']}/signal", {"signal": "interrupt"})
        assert editor.result(4)["stopReason"] == "cancelled"
        # The agent dies in the middle of a line.
        editor.prompt(5, "die now")
        assert editor.process.wait(20) == 3
    history = place.history("the work")
    assert place.text("the work", "user") == "push mainpush nextwait heredie now"
    assert history[-1].payload == history[-1].payload | {"exitCode": 3, "reason": "error"}


def test_an_editor_that_dies_leaves_no_agent_and_no_open_request(place: Place, tmp_path: Path) -> None:
    with editing(place, tmp_path) as editor:
        editor.prompt(2, "push main")
        editor.request("session/request_permission")
        shown = agent(place)
        until(lambda: requests(place, shown["id"]))
        [child] = children(editor.process.pid)
        assert editor.process.stdin and editor.process.stdout
        editor.process.stdin.close()
        until(lambda: gone(child))
        assert editor.process.wait(20) is not None
    until(lambda: requests(place, shown["id"])[0].get("resolution", {}).get("outcome") == "withdrawn")
    assert agent(place)["status"] in ("finished", "error")


def children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(word) for file in found for word in file.read_text().split()]
