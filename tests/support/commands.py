"""Runs management commands for tests in one process, because starting one takes longer than most commands.

Run as `python -m tests.support.commands`, it reads a command's arguments from each line of its input, as a JSON list,
and answers with a line: the command's output, and why it failed.
"""

import json
import subprocess
import sys
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO

from tests.support import ROOT
from tests.support.forkserver import DJANGO, ForkedPopen


class CommandRunner:
    """The process, started by the first command; it ends with this process or by `close`."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env
        self._process: subprocess.Popen[str] | None = None

    def run(self, *arguments: str) -> str:
        """Run `manage.py …` and return its standard output, stripped. Raises RuntimeError if it fails."""
        if self._process is None:
            self._process = ForkedPopen(
                [sys.executable, "-m", "tests.support.commands"],
                DJANGO,
                cwd=ROOT,
                env=dict(self._env),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(arguments) + "\n")
        self._process.stdin.flush()
        printed, failed = json.loads(self._process.stdout.readline())
        if failed:
            raise RuntimeError(f"manage.py {' '.join(arguments)} failed:\n{printed}{failed}")
        return str(printed).strip()

    def close(self) -> None:
        if self._process is not None:
            self._process.communicate()
            self._process = None


def main() -> None:
    import os

    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "realtime_project.settings")
    answers = sys.stdout
    with redirect_stdout(sys.stderr):
        django.setup()
    for line in sys.stdin:
        print(json.dumps(_run(json.loads(line))), file=answers, flush=True)


def _run(arguments: list[str]) -> tuple[str, str]:
    from django.core.management import CommandError, ManagementUtility
    from django.db import connections

    out, err = StringIO(), StringIO()
    try:
        with redirect_stdout(out), redirect_stderr(err):
            utility = ManagementUtility(["manage.py", *arguments])
            command = utility.fetch_command(arguments[0])
            options = vars(command.create_parser("manage.py", arguments[0]).parse_args(arguments[1:]))
            args = options.pop("args", ())
            command.execute(*args, **options | {"skip_checks": True})
    except (CommandError, SystemExit) as failed:
        return out.getvalue(), f"{err.getvalue()}{failed}"
    finally:
        connections.close_all()
    return out.getvalue(), ""


if __name__ == "__main__":
    main()
