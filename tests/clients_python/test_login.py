"""`agentstream login`: a token is asked for once, and stored where only its owner can read it."""

import json
import os
import pty
import subprocess
from pathlib import Path

import pytest
from agentstream.credentials import TokenStore, find_token

from .command import PYTHON
from .place import Place


def agentstream(config: Path, *arguments: str, stdin: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
    env = {key: value for key, value in os.environ.items() if not key.startswith("AGENTSTREAM_")}
    return subprocess.run(
        [PYTHON, "-m", "agentstream", *arguments],
        env={**env, "XDG_CONFIG_HOME": str(config), "XDG_STATE_HOME": str(config), **variables},
        input=stdin,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def mode(path: Path) -> str:
    return oct(path.stat().st_mode & 0o777)


def test_after_a_login_runs_need_no_token(place: Place, tmp_path: Path) -> None:
    login = agentstream(tmp_path, "login", "--url", place.url, stdin=f"{place.token}\n")
    assert (login.returncode, login.stderr) == (0, "")
    assert place.token not in login.stdout
    file = tmp_path / "agentstream" / "tokens.json"
    assert (mode(file.parent), mode(file)) == ("0o700", "0o600")
    options = ("--url", f"{place.url}/", "--workspace", place.slug, "--name", "agent")
    assert agentstream(tmp_path, "run", *options, "--", "echo", "hi").stdout == "hi\n"
    assert place.text() == "hi\n"


def test_after_a_logout_there_is_no_token(place: Place, tmp_path: Path) -> None:
    agentstream(tmp_path, "login", "--url", place.url, stdin=place.token)
    assert agentstream(tmp_path, "logout", "--url", place.url).returncode == 0
    assert place.token not in (tmp_path / "agentstream" / "tokens.json").read_text()
    assert "no token is stored" in agentstream(tmp_path, "logout", "--url", place.url).stderr
    result = agentstream(tmp_path, "run", "--url", place.url, "--", "true")
    assert (result.returncode, "expected a token" in result.stderr) == (1, True)


@pytest.mark.parametrize(("token", "words"), [("ags_wrong", "UNAUTHENTICATED"), ("", "token: expected printable")])
def test_an_invalid_token_is_not_stored(place: Place, tmp_path: Path, token: str, words: str) -> None:
    result = agentstream(tmp_path, "login", "--url", place.url, stdin=token)
    assert result.returncode == 1
    assert words in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "agentstream").exists()


def test_a_typed_token_is_not_echoed(place: Place, tmp_path: Path) -> None:
    pid, terminal = pty.fork()
    if pid == 0:  # a session of its own, with the pseudo-terminal as its terminal
        env = {**os.environ, "XDG_CONFIG_HOME": str(tmp_path)}
        os.execve(PYTHON, [PYTHON, "-m", "agentstream", "login", "--paste", "--url", place.url], env)
    shown = b""
    while b"Token for" not in shown:
        shown += os.read(terminal, 1000)
    os.write(terminal, place.token.encode() + b"\n")
    try:
        while data := os.read(terminal, 1000):
            shown += data
    except OSError:
        pass  # how a pseudo-terminal ends
    assert os.waitpid(pid, 0)[1] == 0
    os.close(terminal)
    assert b"Logged in" in shown
    assert place.token.encode() not in shown


def test_each_server_has_its_own_token(tmp_path: Path) -> None:
    store = TokenStore(tmp_path / "agentstream" / "tokens.json")
    store.put("https://one.example", "1")
    store.put("https://two.example:8443/agents/", "2")
    store.put("http://[::1]:8000", "3")
    assert store.get("https://ONE.example:443/") == "1"
    assert store.get("wss://two.example:8443/agents") == "2"
    assert store.get("http://[::1]:8000/") == "3"
    assert store.get("http://one.example") is None
    assert store.get("https://one.example.evil") is None
    store.put("https://one.example", "new")
    assert store.remove("https://two.example:8443/agents")
    assert json.loads(store.path.read_text()) == {"https://one.example": "new", "http://[::1]:8000": "3"}
    assert [path.name for path in store.path.parent.iterdir()] == ["tokens.json"]


def test_a_file_that_others_can_read_is_closed_to_them(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = TokenStore(tmp_path / "tokens.json")
    store.path.write_text('{"https://one.example": "1"}')
    store.path.chmod(0o644)
    assert store.get("https://one.example") == "1"
    assert mode(store.path) == "0o600"
    assert "readable only by you" in caplog.text


@pytest.mark.parametrize("content", ["", "[]", '{"https://one.example": 1}', "\x00"])
def test_a_damaged_file_is_an_error_that_names_it(tmp_path: Path, content: str) -> None:
    store = TokenStore(tmp_path / "tokens.json")
    store.path.write_text(content)
    with pytest.raises(ValueError, match=r"tokens\.json: expected"):
        store.get("https://one.example")


def test_the_nearest_token_wins(tmp_path: Path) -> None:
    file, other = tmp_path / "file", tmp_path / "other"
    file.write_text("from the option\n")
    other.write_text("  from the named file\n")
    url = "https://one.example"
    stored = {"XDG_CONFIG_HOME": str(tmp_path)}
    TokenStore.default(stored).put(url, "from login")
    named = {**stored, "AGENTSTREAM_TOKEN_FILE": str(other)}
    variable = {**named, "AGENTSTREAM_TOKEN": "from the variable"}
    assert find_token(url, file, variable) == "from the option"
    assert find_token(url, None, variable) == "from the variable"
    assert find_token(url, None, named) == "from the named file"
    assert find_token(url, None, stored) == "from login"
    assert find_token("https://two.example", None, stored) is None
    file.write_text(" \n")
    with pytest.raises(ValueError, match="the file is empty"):
        find_token(url, file, variable)
