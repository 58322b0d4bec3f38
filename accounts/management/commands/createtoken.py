"""`manage.py createtoken USERNAME`: a token for a person, a runner or a front end."""

from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.tokens import issue_token


class Command(BaseCommand):
    help = "Print a new API token of a user, alone on standard output. It is shown this once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--create", action="store_true", help="make the user if there is none, without a password")
        parser.add_argument("--superuser", action="store_true", help="make it one who sees every workspace")
        parser.add_argument("--name", default="createtoken", help="what the token is for")

    def handle(self, *args: Any, username: str, **options: Any) -> None:
        users = get_user_model()._default_manager
        user = users.filter(username=username).first()
        if user is None:
            if not options["create"]:
                raise CommandError(f"expected the name of a user, got {username!r}; --create makes one")
            user = get_user_model()(username=username)
            user.set_unusable_password()
        if options["superuser"]:
            user.is_staff = user.is_superuser = True
        if options["superuser"] or user.pk is None:
            user.save()
        _, secret = issue_token(user, options["name"])
        self.stdout.write(secret)
