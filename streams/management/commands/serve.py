"""`manage.py serve`: the production server."""

from argparse import REMAINDER
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser


class Command(BaseCommand):
    help = "Run the production server (daphne's own options pass through; see `daphne --help`)."
    requires_system_checks: list[str] = []

    def run_from_argv(self, argv: list[str]) -> None:
        # daphne parses its own options; Django would refuse those it doesn't know.
        self.serve(argv[2:])

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("options", nargs=REMAINDER)

    def handle(self, *args: Any, **options: Any) -> None:
        self.serve(options["options"])

    @staticmethod
    def serve(options: list[str]) -> None:
        from streams.server.server import StreamCommandLine  # installs Twisted's reactor, so import it late

        application = ".".join(settings.ASGI_APPLICATION.rsplit(".", 1)[:1]) + ":application"
        address = [] if _says_where(options) else ["-b", settings.HOST, "-p", str(settings.PORT)]
        StreamCommandLine().run([*address, "--no-server-name", "--verbosity", "0", *options, application])


def _says_where(options: list[str]) -> bool:
    names = ("-b", "--bind", "-p", "--port", "-u", "--unix-socket", "--fd", "-e", "--endpoint")
    return any(option.startswith(names) for option in options)
