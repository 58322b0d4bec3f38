"""A server's metrics."""

import re
import urllib.request

from tests.support.server import LiveServer

LINE = re.compile(r"^(\w+)(?:\{[^}]*\})? ([-+.\deE]+)$", re.MULTILINE)


def gauges(server: LiveServer, token: str) -> dict[str, float]:
    """The server's measurements by name; those with labels are summed."""
    request = urllib.request.Request(f"{server.url}/metrics", headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=10) as response:
        text = response.read().decode()
    found: dict[str, float] = {}
    for name, value in LINE.findall(text):
        found[name] = found.get(name, 0.0) + float(value)
    return found
