"""`manage.py runserver`: daphne's development server, with our server class."""

from daphne.management.commands.runserver import Command as DaphneCommand

from streams.server.server import StreamServer


class Command(DaphneCommand):  # type: ignore[misc]
    server_cls = StreamServer
