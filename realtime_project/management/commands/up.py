"""`manage.py up`: everything needed to see the first page, in one command (`make run` calls it)."""

import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import BaseCommand

from accounts.links import local_url, sign_in_link
from agents.events import Outcome, StatusReport, Terminated
from agents.models import Agent, Status
from agents.services import AgentService
from realtime_project.demo.first_start import ADMIN, first_start
from workspaces.models import Workspace

STOP_SECONDS = 2.0  # for the Playground's process to exit
START_SECONDS = 60.0  # for the server to answer


class Command(BaseCommand):
    help = "Migrate, make the first user and workspace if there are none, serve, and print a sign-in link."

    def handle(self, *args: Any, **options: Any) -> None:
        call_command("migrate", verbosity=0)
        playground = first_start()
        companion = Companion(playground, self._say)
        thread = threading.Thread(target=companion.run, daemon=True)
        thread.start()
        try:
            call_command("serve")
        finally:
            companion.stop()

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()


class Companion:
    """Runs beside the server: prints the greeting and runs the Playground's process."""

    def __init__(self, playground: Workspace | None, say: Callable[[str], object]) -> None:
        self._playground = playground
        self._say = say
        self._process: subprocess.Popen[bytes] | None = None

    def run(self) -> None:
        if not _answers():
            return
        self._say(self._greeting())
        if self._playground is not None:
            run = ("runagent", "--workspace", self._playground.slug, "--name", "stocktaker", "--quiet", "--")
            work = (sys.executable, "-m", "realtime_project.demo.playground")
            self._process = subprocess.Popen([sys.executable, "manage.py", *run, *work], cwd=settings.BASE_DIR)

    def stop(self) -> None:
        """End the Playground's process with the server that it reports to, and say so in its place."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()  # it waits for the server, which won't come back
        for agent in Agent.objects.filter(workspace=self._playground, status=Status.RUNNING):
            lost = StatusReport(status=Status.OFFLINE, reason="lost")
            AgentService.report(agent.pk, lost, Terminated(exit_code=None, reason=Outcome.LOST))

    @staticmethod
    def _greeting() -> str:
        admin = get_user_model()._default_manager.filter(username=ADMIN, is_active=True).first()
        if admin is None:
            return f"\nAgentstream is running at {local_url()}. Stop with Ctrl-C.\n"
        return (
            f"\nAgentstream is running. Sign in as {ADMIN} with this link; it works once, within the hour:\n\n"
            f"    {sign_in_link(admin, local_url())}\n\n"
            f"A new one: .venv/bin/python manage.py signinlink {ADMIN}. Stop with Ctrl-C.\n"
        )


def _answers() -> bool:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{local_url()}/healthz", timeout=2):
                return True
        except OSError:
            time.sleep(0.1)
    return False
