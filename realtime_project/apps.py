from django.apps import AppConfig
from django.conf import settings

from realtime_project.private_files import create_private, make_private


class RealtimeProjectConfig(AppConfig):
    name = "realtime_project"

    def ready(self) -> None:
        database = settings.DATABASES["default"]
        sqlite = str(database["NAME"]) if database["ENGINE"].endswith("sqlite3") else None
        create_private(settings.DATA_DIR, sqlite)
        make_private(settings.DATA_DIR, sqlite)
