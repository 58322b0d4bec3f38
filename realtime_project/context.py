"""What every template can show."""

from django.http import HttpRequest

from realtime_project import __version__


def version(request: HttpRequest) -> dict[str, str]:
    return {"version": __version__}
