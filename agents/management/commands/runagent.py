"""`manage.py runagent`: runs a command on the server's machine and publishes its output."""

import asyncio
import os
import sys
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from agentstream.cli import INTERRUPTED
from agentstream.credentials import TOKEN_VARIABLE
from agentstream.errors import AgentstreamError
from agentstream.hardening import harden
from agentstream.options import add_run_options, given_token, run_options
from agentstream.runner import run
from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts.actor import Actor, acting
from accounts.links import local_url
from accounts.scopes import Limits
from accounts.tokens import issue_token
from streams.protocol.kinds import Scope
from workspaces.models import Role, Workspace
from workspaces.services import WorkspaceService

RUNNER = "local-runner"
LONGEST_RUN = timedelta(days=30)
# Secrets of the server, which an agent could print.
HIDDEN = ("SECRET_KEY", "DATABASE_URL", "REDIS_URL")


class Command(BaseCommand):
    help = (
        "Run a command and show its output, status and exit code as an agent of a workspace. Without a token, it "
        "creates a temporary one for the user local-runner, whom it makes an operator of the workspace."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        add_run_options(parser, local_url())

    def handle(self, *args: Any, **options: Any) -> None:
        given = Namespace(**options)
        try:
            with acting(Actor.command("runagent")), _token(given) as token:
                # Traffic to this machine's own address never leaves it.
                given.insecure = given.insecure or given.url == local_url()
                run_ = run_options(given, token, HIDDEN)
                harden({TOKEN_VARIABLE, *HIDDEN})
                code = asyncio.run(run(run_))
        except (AgentstreamError, ValueError) as error:
            raise CommandError(str(error)) from None
        except KeyboardInterrupt:
            code = INTERRUPTED
        sys.exit(code)


@contextmanager
def _token(given: Namespace) -> Iterator[str]:
    """The given token, or one that is valid while this program runs."""
    if own := given_token(given):
        yield own
        return
    workspace = _workspace(given.workspace)
    given.workspace = workspace.slug
    user, created = get_user_model()._default_manager.get_or_create(username=RUNNER)
    if created:
        user.set_unusable_password()
        user.save()
    WorkspaceService.set_member(workspace.pk, user.pk, Role.OPERATOR)
    limits = Limits(Scope.PUBLISH, workspace.pk)
    token, secret = issue_token(user, f"runagent {os.getpid()}", timezone.now() + LONGEST_RUN, limits)
    try:
        yield secret
    finally:
        token.delete()


def _workspace(slug: str | None) -> Workspace:
    """The workspace with this slug; without a slug, the only one there is."""
    known = list(Workspace.objects.order_by("slug"))
    wanted = [workspace for workspace in known if slug in (None, workspace.slug)]
    if len(wanted) == 1:
        return wanted[0]
    slugs = ", ".join(workspace.slug for workspace in known) or "none yet"
    raise CommandError(f"expected the slug of a workspace ({slugs}), got {slug!r}")
