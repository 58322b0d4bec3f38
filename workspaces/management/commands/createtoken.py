"""`manage.py createtoken USERNAME`: creates a token for a person, a runner or a front end."""

from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts.actor import Actor, acting
from accounts.scopes import NAMES, Limits, clean_pattern, parse_scopes
from accounts.tokens import issue_token
from streams.protocol.messages import ProtocolError
from workspaces.models import Workspace


class Command(BaseCommand):
    help = "Create an API token for a user and print it, and nothing else, to standard output. It is shown only once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument(
            "--create", action="store_true", help="create the user, without a password, if it doesn't exist"
        )
        parser.add_argument(
            "--superuser", action="store_true", help="make the user a superuser, who sees every workspace"
        )
        parser.add_argument("--name", default="createtoken", help="the token's name")
        parser.add_argument(
            "--scope",
            action="append",
            default=[],
            choices=list(NAMES),
            help="what the token may do; may be repeated (default: whatever its user may do)",
        )
        parser.add_argument("--workspace", metavar="SLUG", help="limit it to this workspace; requires --scope")
        parser.add_argument(
            "--agents", metavar="PATTERN", default="", help="limit it to agents whose names match, such as ci-*"
        )
        parser.add_argument("--days", type=int, help="days it is valid (default: until it is deleted)")

    def handle(self, *args: Any, username: str, **options: Any) -> None:
        with acting(Actor.command("createtoken")):
            self._create(username, options)

    def _create(self, username: str, options: dict[str, Any]) -> None:
        limits = _limits(options["scope"], options["workspace"], options["agents"])
        expires_at = timezone.now() + timedelta(days=options["days"]) if options["days"] else None
        users = get_user_model()._default_manager
        user = users.filter(username=username).first()
        if user is None:
            if not options["create"]:
                raise CommandError(f"expected the name of a user, got {username!r}; --create creates one")
            user = get_user_model()(username=username)
            user.set_unusable_password()
        if options["superuser"]:
            user.is_staff = user.is_superuser = True
        if options["superuser"] or user.pk is None:
            user.save()
        _, secret = issue_token(user, options["name"], expires_at, limits)
        self.stdout.write(secret)


def _limits(scopes: list[str], slug: str | None, agents: str) -> Limits | None:
    """The token's limits; None: full access."""
    if not scopes:
        if slug or agents:
            raise CommandError("expected --scope with --workspace or --agents: a token without scopes has full access")
        return None
    workspace = Workspace.objects.filter(slug=slug).first() if slug else None
    if slug and workspace is None:
        raise CommandError(f"expected the slug of a workspace, got {slug!r}")
    try:
        return Limits(parse_scopes(scopes), workspace.pk if workspace else None, clean_pattern(agents))
    except ProtocolError as error:
        raise CommandError(error.message) from None
