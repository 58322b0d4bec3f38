"""Keeps the collector running: a user service of systemd or launchd, else a process in the background."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

from agentstream.collector.hooks import HookSpool, hook_folder
from agentstream.credentials import TOKEN_VARIABLE

LABEL = "agentstream-collector"
START_SECONDS = 10.0
# What the collector needs of the environment; a service is started without it.
PASSED = ("CLAUDE_CONFIG_DIR", "CODEX_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "PATH")


def collect_command() -> list[str]:
    """The command line of the collector."""
    return [sys.executable, "-m", "agentstream", "collect"]


@dataclass(frozen=True)
class Service(ABC):
    """A way to keep the collector running."""

    environment: Mapping[str, str]

    @property
    @abstractmethod
    def name(self) -> str:
        """What people are told it is."""

    @abstractmethod
    def start(self) -> None:
        """Start it, now and whenever the user signs in. Raises OSError, subprocess.CalledProcessError."""

    @abstractmethod
    def stop(self) -> None:
        """Stop it for good; nothing happens if it isn't there."""

    @property
    def home(self) -> Path:
        return Path(self.environment.get("HOME") or "~").expanduser()

    @property
    def passed(self) -> dict[str, str]:
        return {name: self.environment[name] for name in PASSED if name in self.environment}


class Systemd(Service):
    """A unit of the user's systemd."""

    @property
    def name(self) -> str:
        return f"the systemd user service {LABEL}"

    @property
    def unit(self) -> Path:
        config = self.environment.get("XDG_CONFIG_HOME")
        return (Path(config) if config else self.home / ".config") / "systemd" / "user" / f"{LABEL}.service"

    def start(self) -> None:
        variables = "".join(f"Environment={_quoted(f'{name}={value}')}\n" for name, value in self.passed.items())
        self.unit.parent.mkdir(parents=True, exist_ok=True)
        self.unit.write_text(
            "[Unit]\nDescription=Agentstream collector\n\n"
            f"[Service]\nExecStart={' '.join(map(_quoted, collect_command()))}\n{variables}"
            "Restart=on-failure\nRestartSec=5\n\n[Install]\nWantedBy=default.target\n"
        )
        self._systemctl("daemon-reload")
        self._systemctl("enable", LABEL)
        self._systemctl("restart", LABEL)

    def stop(self) -> None:
        if self.unit.exists():
            with suppress(subprocess.CalledProcessError):
                self._systemctl("disable", "--now", LABEL)
            self.unit.unlink()
            with suppress(subprocess.CalledProcessError):
                self._systemctl("daemon-reload")

    def _systemctl(self, *arguments: str) -> None:
        subprocess.run(["systemctl", "--user", *arguments], check=True, capture_output=True)


class Launchd(Service):
    """An agent of the user's launchd."""

    @property
    def name(self) -> str:
        return f"the launchd agent {LABEL}"

    @property
    def plist(self) -> Path:
        return self.home / "Library" / "LaunchAgents" / f"{LABEL}.plist"

    def start(self) -> None:
        arguments = "".join(f"<string>{escape(word)}</string>" for word in collect_command())
        variables = "".join(
            f"<key>{escape(name)}</key><string>{escape(value)}</string>" for name, value in self.passed.items()
        )
        self.plist.parent.mkdir(parents=True, exist_ok=True)
        self.plist.write_text(
            '<?xml version="1.0" encoding="UTF-8"?>\n<plist version="1.0"><dict>'
            f"<key>Label</key><string>{LABEL}</string><key>ProgramArguments</key><array>{arguments}</array>"
            f"<key>EnvironmentVariables</key><dict>{variables}</dict>"
            "<key>RunAtLoad</key><true/><key>KeepAlive</key><true/></dict></plist>\n"
        )
        self._launchctl("bootstrap", f"gui/{os.getuid()}", str(self.plist))

    def stop(self) -> None:
        if self.plist.exists():
            with suppress(subprocess.CalledProcessError):
                self._launchctl("bootout", f"gui/{os.getuid()}", str(self.plist))
            self.plist.unlink()

    def _launchctl(self, *arguments: str) -> None:
        subprocess.run(["launchctl", *arguments], check=True, capture_output=True)


class Background(Service):
    """A process that ends with the machine; the next `connect` starts it again."""

    @property
    def name(self) -> str:
        return "a process in the background"

    def start(self) -> None:
        self.stop()
        log = hook_folder(self.environment).parent / "collector.log"
        log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with log.open("ab") as file:
            subprocess.Popen(
                collect_command(),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
                env={name: value for name, value in self.environment.items() if name != TOKEN_VARIABLE},
            )

    def stop(self) -> None:
        spool = HookSpool(hook_folder(self.environment))
        if pid := spool.collector:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
            _wait(lambda: spool.collector is None)


def service(environment: Mapping[str, str]) -> Service:
    """The best way on this machine."""
    if sys.platform == "darwin":
        return Launchd(environment)
    if shutil.which("systemctl") and (Path("/run/user") / str(os.getuid()) / "systemd").exists():
        return Systemd(environment)
    return Background(environment)


def is_collecting(environment: Mapping[str, str]) -> bool:
    """Whether a collector runs, or starts within a few seconds."""
    spool = HookSpool(hook_folder(environment))
    return _wait(lambda: spool.collector is not None)


def _wait(reached: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + START_SECONDS
    while not reached():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _quoted(word: str) -> str:
    """A word of a systemd unit."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"'
