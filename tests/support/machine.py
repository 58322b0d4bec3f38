"""What the tests need from outside PyPI: Chromium, Node.js and tmux.

Run as a program, it installs what is missing if it can (as root on Debian) and reports the rest: all tools, or those
named (`node`, which `make lint` needs). Tests that need a missing tool are skipped; with CI=true they fail instead.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.support import ROOT


@dataclass(frozen=True)
class Tool:
    """A program, with the names that it may have."""

    marker: str
    names: tuple[str, ...]  # the preferred one first
    packages: tuple[str, ...]

    def is_preferred(self) -> bool:
        return shutil.which(self.names[0]) is not None

    def find(self) -> str | None:
        return next((path for name in self.names if (path := shutil.which(name))), None)


CHROMIUM = Tool(
    "browser",
    (
        "chromium-headless-shell",  # has no windows, so a page takes a third of the time
        "chromium",
        "chromium-browser",
        "google-chrome",
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    ),
    ("chromium-headless-shell",),
)
NODE = Tool("node", ("node",), ("nodejs", "npm"))
TMUX = Tool("tmux", ("tmux",), ("tmux",))
TOOLS = (CHROMIUM, NODE, TMUX)
# The linters for JavaScript, the packages for its tests, and the coding agents that tests run.
NODE_PROJECTS = (ROOT, ROOT / "clients" / "js", ROOT / "tests" / "tools")


def main(*markers: str) -> int:
    tools = [tool for tool in TOOLS if not markers or tool.marker in markers]
    missing = [tool for tool in tools if not tool.is_preferred()]
    if missing and os.geteuid() == 0 and shutil.which("apt-get"):
        packages = [package for tool in missing for package in tool.packages]
        print(f"installing {', '.join(packages)} with apt", flush=True)
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(["apt-get", "update", "-qq"], env=environment, check=False)
        subprocess.run(
            ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages], env=environment, check=False
        )
    for tool in tools:
        if not tool.find():
            print(f"missing: {tool.names[0]}; the tests marked {tool.marker} will be skipped", file=sys.stderr)
    for project in NODE_PROJECTS if NODE.find() else ():
        if not _is_installed(project):
            subprocess.run([*_install(project), "--silent", "--no-audit", "--no-fund"], cwd=project, check=True)
    return 0


def _install(project: Path) -> list[str]:
    """The agents' packages for other platforms aren't in every registry, so a lock file couldn't list them; those
    versions are exact in package.json."""
    return ["npm", "ci"] if _lock(project).exists() else ["npm", "install", "--no-package-lock", "--no-save"]


def _lock(project: Path) -> Path:
    return project / "package-lock.json"


def _is_installed(project: Path) -> bool:
    """npm writes this file when it has installed what the project asks for."""
    installed = project / "node_modules" / ".package-lock.json"
    wanted = _lock(project) if _lock(project).exists() else project / "package.json"
    return installed.exists() and installed.stat().st_mtime >= wanted.stat().st_mtime


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
