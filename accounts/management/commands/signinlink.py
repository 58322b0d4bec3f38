"""`manage.py signinlink USERNAME`: prints a link that signs a user in once."""

from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.links import public_url, sign_in_link


class Command(BaseCommand):
    help = "Print a link that signs a user in once, within an hour."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--url", default=public_url(), help="the server's address (default: %(default)s)")

    def handle(self, *args: Any, username: str, url: str, **options: Any) -> None:
        user = get_user_model()._default_manager.filter(username=username, is_active=True).first()
        if user is None:
            raise CommandError(f"expected the name of an active user, got {username!r}")
        self.stdout.write(sign_in_link(user, url))
