"""`manage.py restore FILE`: replaces the SQLite database with a backup."""

import sqlite3
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections

from streams.management.commands.backup import copy, problem_of, sqlite_database
from streams.server.process_lock import ProcessLock


class Command(BaseCommand):
    help = "Replace the SQLite database with the backup FILE. The server must be stopped."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)

    def handle(self, *args: Any, file: Path, **options: Any) -> None:
        database = sqlite_database()
        if not file.is_file():
            raise CommandError(f"expected a backup, got {file}, which is not a file")
        if problem := problem_of(file):
            raise CommandError(f"expected a backup of Agentstream, got {file}: {problem}")
        lock = ProcessLock()
        try:
            lock.acquire()
        except ImproperlyConfigured:
            raise CommandError("a server is running on this database: stop it first") from None
        connections.close_all()
        try:
            self._replace(database, file)
        except (OSError, sqlite3.DatabaseError) as error:
            raise CommandError(f"cannot restore {file}: {error}") from None
        self.stdout.write(f"restored {file}; run manage.py migrate if it is of an earlier version")

    @staticmethod
    def _replace(database: Path, backup: Path) -> None:
        """The copy first, so that a full disk leaves the database as it was; then without the old write-ahead log,
        which SQLite would replay into the restored database."""
        unfinished = database.with_name(f"{database.name}.restored")
        try:
            copy(backup, unfinished)
            for suffix in ("-wal", "-shm"):
                Path(f"{database}{suffix}").unlink(missing_ok=True)
            unfinished.rename(database)
        finally:
            unfinished.unlink(missing_ok=True)
