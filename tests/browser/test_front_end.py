"""Another front end, on its own origin, follows an agent as described in docs/guides/watch.md."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Place
from tests.support.server import LiveServer

pytestmark = pytest.mark.browser

PAGE = """<!doctype html><link rel="icon" href="data:,"><p id="state"></p><pre id="said"></pre>
<script type="module">
  import {{ AgentStream }} from "{url}/static/clients/js/agentstream.js";
  const stream = new AgentStream("{ws_url}", {{ ticket: () => fetch("/ticket").then((answer) => answer.text()) }});
  stream.on("state", (state) => (document.getElementById("state").textContent = state));
  const said = document.getElementById("said");
  stream.agent("{agent}", {{ since: 0 }}).on("output", ({{ content }}) => said.append(content));
</script>"""


class FrontEnd(ThreadingHTTPServer):
    """A back end that has a token and hands out tickets, and the page that asks for them."""

    place: Place
    page: str

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Answer(BaseHTTPRequestHandler):
    server: FrontEnd

    def do_GET(self) -> None:
        ticket = self.path == "/ticket"
        text = self.server.place.api.post("/tickets").data["ticket"] if ticket else self.server.page
        self.send_response(200)
        self.send_header("Content-Type", "text/plain" if ticket else "text/html")
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def front_end(tmp_path: Path) -> Iterator[FrontEnd]:
    front_end = FrontEnd(("127.0.0.1", 0), Answer)
    with front_end, LiveServer(tmp_path, ALLOWED_ORIGINS=front_end.url) as server:
        front_end.place = Place.make(server)
        agent = front_end.place.agent["id"]
        front_end.page = PAGE.format(url=server.url, ws_url=server.ws_url, agent=agent)
        threading.Thread(target=front_end.serve_forever).start()
        yield front_end
        front_end.shutdown()


def test_a_page_of_another_origin_follows_an_agent_with_the_module_and_tickets(front_end: FrontEnd, tab: Page) -> None:
    front_end.place.say("said before\n")
    tab.goto(front_end.url)
    expect(tab.locator("#state")).to_have_text("live")
    expect(tab.locator("#said")).to_have_text("said before\n")
    front_end.place.say("said now\n")
    expect(tab.locator("#said")).to_have_text("said before\nsaid now\n")
