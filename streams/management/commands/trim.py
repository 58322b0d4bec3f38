"""`manage.py trim`: applies retention now; a running server does so by itself."""

from typing import Any

from django.core.management.base import BaseCommand

from streams.log.retention import trim


class Command(BaseCommand):
    help = "Remove events beyond STREAM_RETAIN_EVENTS and STREAM_RETAIN_DAYS now. The server does so by itself."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"removed {trim(pause=0)} events")
