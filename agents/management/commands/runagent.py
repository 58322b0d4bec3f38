"""`manage.py runagent`: run a command and show what it prints, from the server's own machine."""

import asyncio
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from agentstream.errors import AgentstreamError
from agentstream.runner import RunOptions, run
from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from workspaces.credentials import issue_token
from workspaces.links import local_url
from workspaces.models import Role, Workspace
from workspaces.services import WorkspaceService

RUNNER = "local-runner"
LONGEST_RUN = timedelta(days=30)


class Command(BaseCommand):
    help = (
        "Run a command and show its output, status and exit code as an agent of a workspace. Without --token a "
        "temporary one is made for the user local-runner, which this makes an operator of the workspace."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--workspace", required=True, metavar="SLUG", help="the workspace to show it in")
        parser.add_argument("--name", required=True, help="the agent's name there; made if there is none")
        parser.add_argument("--url", default=local_url(), help="the server (default: %(default)s)")
        parser.add_argument("--token", help="better: AGENTSTREAM_TOKEN in the environment, which others cannot see")
        parser.add_argument("--quiet", action="store_true", help="do not print the command's output here as well")
        parser.add_argument("command", nargs="+", metavar="COMMAND", help="what to run, after --")

    def handle(self, *args: Any, workspace: str, name: str, url: str, command: list[str], **options: Any) -> None:
        given = options["token"] or os.environ.get("AGENTSTREAM_TOKEN")
        with _token(given, workspace) as token:
            try:
                code = asyncio.run(run(RunOptions(url, token, workspace, name, command, options["quiet"])))
            except AgentstreamError as error:
                raise CommandError(str(error)) from None
        sys.exit(code)


@contextmanager
def _token(given: str | None, slug: str) -> Iterator[str]:
    """The token given, or one that holds as long as this program runs."""
    if given:
        yield given
        return
    workspace = Workspace.objects.filter(slug=slug).first()
    if workspace is None:
        known = ", ".join(Workspace.objects.values_list("slug", flat=True)) or "none yet"
        raise CommandError(f"expected the slug of a workspace ({known}), got {slug!r}")
    user, created = get_user_model()._default_manager.get_or_create(username=RUNNER)
    if created:
        user.set_unusable_password()
        user.save()
    WorkspaceService.set_member(workspace.pk, user.pk, Role.OPERATOR)
    token, secret = issue_token(user, f"runagent {os.getpid()}", timezone.now() + LONGEST_RUN)
    try:
        yield secret
    finally:
        token.delete()
