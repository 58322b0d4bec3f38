"""A wrapped command doesn't get the runner's token, wherever the runner got it from.

Root's rights make a difference: they let a command read the runner's memory, which is beyond what a process can
prevent. So each test says which rights it is about. The tests run as whoever runs them; where that is root, the
processes "without root's rights" have no capabilities, which is what the kernel asks for.
"""

import ctypes
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.api import Api

PYTHON = sys.executable
PR_CAPBSET_DROP = 24

# Tries to find the token wherever a process of the same user may look, and prints where it was and what was refused.
SPY = """
import json, os, re, sys
runner, token = os.getppid(), sys.stdin.read().strip().encode()
found, refused = [], []
def look(where, read):
    try:
        if token in read(): found.append(where)
    except OSError as failed:
        refused.append(where)
def memory():
    seen = b""
    with open(f"/proc/{runner}/maps") as maps, open(f"/proc/{runner}/mem", "rb", 0) as mem:
        for line in maps:
            start, end = (int(part, 16) for part in line.split()[0].split("-"))
            if " rw" in line and end - start < 1 << 28:
                mem.seek(start)
                seen += mem.read(end - start)
    return seen
def file(name):
    return open(f"/proc/{runner}/{name}", "rb").read()
look("environ", lambda: file("environ"))
look("cmdline", lambda: file("cmdline"))
look("memory", memory)
look("own environ", lambda: repr(dict(os.environ)).encode())
look("own cmdline", lambda: open("/proc/self/cmdline", "rb").read())
for name in os.listdir("/proc/self/fd"):
    if int(name) > 2: look("inherited file " + name, lambda: os.read(int(name), 10000))
print("SPY " + json.dumps({"found": found, "refused": refused}))
"""

# What the runner did once: its environment as it was given, and a command under it.
CARELESS = "import subprocess, sys; sys.exit(subprocess.run(sys.argv[1:]).returncode)"


def drop_rights() -> None:
    """Run what follows without capabilities, also if this is root."""
    libc = ctypes.CDLL(None)
    for capability in range(64):
        libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)


def keep_rights() -> None:
    pass


def spy(line: list[str], token: str, environment: dict[str, str], rights: Callable[[], None]) -> dict[str, Any]:
    """What SPY finds when the program of `line` runs it."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("AGENTSTREAM_")}
    result = subprocess.run(
        [*line, PYTHON, "-c", SPY],
        env={**env, **environment},
        input=f"{token}\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        preexec_fn=rights,
    )
    assert result.returncode == 0, result.stderr
    [report] = [line for line in result.stdout.splitlines() if line.startswith("SPY ")]
    found: dict[str, Any] = json.loads(report.removeprefix("SPY "))
    return found


@pytest.fixture
def runner(root: Api, tmp_path: Path) -> Callable[..., list[str]]:
    """The command line of a run on the shared server."""
    workspace = root.workspace(f"Token {tmp_path.name}")

    def line(*options: str) -> list[str]:
        run = [PYTHON, "-m", "agentstream", "run", "--url", root.url, "--workspace", workspace["slug"], "--name", "spy"]
        return [*run, "--spool", str(tmp_path / "spool"), "--adapter", "text", "--no-input", *options, "--"]

    return line


ways = pytest.mark.parametrize("way", ["variable", "file", "file named by a variable", "login"])
linux = pytest.mark.skipif(sys.platform != "linux", reason="other systems have no /proc")
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def given(way: str, token: str, url: str, folder: Path) -> tuple[list[str], dict[str, str]]:
    """Options and variables that give the runner its token."""
    file = folder / "token"
    file.write_text(f"{token}\n")
    match way:
        case "variable":
            return [], {"AGENTSTREAM_TOKEN": token}
        case "file":
            return ["--token-file", str(file)], {}
        case "file named by a variable":
            return [], {"AGENTSTREAM_TOKEN_FILE": str(file)}
        case _:
            env = {"XDG_CONFIG_HOME": str(folder)}
            line = [PYTHON, "-m", "agentstream", "login", "--url", url]
            subprocess.run(line, env={**os.environ, **env}, input=token, text=True, timeout=30, check=True)
            return [], env


@linux
@ways
def test_a_command_without_roots_rights_cannot_read_the_runners_token(
    root: Api, runner: Callable[..., list[str]], tmp_path: Path, way: str
) -> None:
    token = str(root.token)
    options, variables = given(way, token, root.url, tmp_path)
    seen = spy(runner(*options), token, variables, drop_rights)
    assert seen["found"] == []
    assert {"environ", "memory"} <= set(seen["refused"])


@linux
@as_root
@ways
def test_a_command_with_roots_rights_finds_the_token_in_no_environment_or_command_line(
    root: Api, runner: Callable[..., list[str]], tmp_path: Path, way: str
) -> None:
    token = str(root.token)
    options, variables = given(way, token, root.url, tmp_path)
    seen = spy(runner(*options), token, variables, keep_rights)
    # Nothing can keep root from reading the memory of a process; docs and docstrings say so.
    assert set(seen["found"]) <= {"memory"}


@linux
def test_variables_are_erased_from_the_environment_block() -> None:
    """So that root does not find them there either; the kernel shows a process its own block in any case."""
    code = (
        "import os\n"
        "from pathlib import Path\n"
        "from agentstream import hardening\n"
        "hardening._make_undumpable = lambda: None\n"
        "hardening.harden({'SECRET', 'ABSENT'})\n"
        "assert 'SECRET' not in os.environ\n"
        "print(Path('/proc/self/environ').read_text())\n"
    )
    env = {**os.environ, "BEFORE": "kept", "SECRET": "hunter2", "SECRETS": "kept too"}
    block = subprocess.run([PYTHON, "-c", code], env=env, capture_output=True, text=True, timeout=30, check=True).stdout
    assert "hunter2" not in block
    assert {"BEFORE=kept", "SECRETS=kept too"} <= set(block.split("\0"))


@linux
@pytest.mark.parametrize("rights", [drop_rights, keep_rights])
def test_the_spy_finds_the_token_of_a_program_that_does_nothing_about_it(rights: Callable[[], None]) -> None:
    seen = spy([PYTHON, "-c", CARELESS], "ags_secret", {"AGENTSTREAM_TOKEN": "ags_secret"}, rights)
    assert {"environ", "own environ"} <= set(seen["found"])


def test_a_token_on_the_command_line_is_refused_and_not_repeated(root: Api) -> None:
    line = [PYTHON, "-m", "agentstream", "run", "--url", root.url, "--token", "ags_secret", "--", "true"]
    result = subprocess.run(line, capture_output=True, text=True, timeout=30, check=False)
    assert result.returncode == 2
    assert "--token is not accepted" in result.stderr
    assert "ags_secret" not in result.stderr
