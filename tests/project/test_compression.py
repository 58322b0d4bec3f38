"""What is compressed for browsers, and what never is."""

import gzip
import http.client
from collections.abc import Iterator

import pytest

from tests.support import ROOT
from tests.support.api import Api, agent_of
from tests.support.server import LiveServer

SCRIPT = "/static/js/home.js"


@pytest.fixture
def connection(live: LiveServer) -> Iterator[http.client.HTTPConnection]:
    connection = http.client.HTTPConnection("127.0.0.1", live.port, timeout=20)
    yield connection
    connection.close()


def get(
    connection: http.client.HTTPConnection, path: str, method: str = "GET", **headers: str
) -> http.client.HTTPResponse:
    connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    return connection.getresponse()


def test_a_static_file_is_compressed_for_clients_that_accept_it(connection: http.client.HTTPConnection) -> None:
    source = (ROOT / "static" / "js" / "home.js").read_bytes()
    packed = get(connection, SCRIPT, Accept_Encoding="gzip, deflate, br")
    body = packed.read()
    assert packed.headers["Content-Encoding"] == "gzip"
    assert packed.headers["Content-Type"] == 'text/javascript; charset="utf-8"'
    assert packed.headers["Content-Length"] == str(len(body))
    assert packed.headers["Vary"] == "Accept-Encoding"
    assert packed.headers["Cache-Control"] == "max-age=60, public"
    assert gzip.decompress(body) == source
    for refused in ("identity", "gzip;q=0"):
        plain = get(connection, SCRIPT, Accept_Encoding=refused)
        assert plain.read() == source
        assert "Content-Encoding" not in plain.headers
        assert plain.headers["Vary"] == "Accept-Encoding"
        assert plain.headers["ETag"] == packed.headers["ETag"]
    head = get(connection, SCRIPT, "HEAD", Accept_Encoding="gzip")
    assert (head.read(), head.headers["Content-Length"]) == (b"", str(len(body)))


def test_a_static_file_has_the_security_headers_of_a_page(connection: http.client.HTTPConnection) -> None:
    names = ("X-Content-Type-Options", "Referrer-Policy", "Cross-Origin-Opener-Policy")
    page = get(connection, "/sign-in/")
    page.read()
    file = get(connection, SCRIPT)
    file.read()
    assert [file.headers[name] for name in names] == [page.headers[name] for name in names]
    assert None not in [file.headers[name] for name in names]
    refused = get(connection, SCRIPT, "POST")
    refused.read()
    assert (refused.status, refused.headers["Allow"]) == (405, "GET, HEAD")


def test_a_static_file_that_has_not_changed_is_not_sent_again(connection: http.client.HTTPConnection) -> None:
    first = get(connection, SCRIPT, Accept_Encoding="gzip")
    first.read()
    again = get(connection, SCRIPT, Accept_Encoding="gzip", If_None_Match=first.headers["ETag"])
    assert (again.status, again.read()) == (304, b"")
    assert (again.headers["Vary"], again.headers["ETag"]) == ("Accept-Encoding", first.headers["ETag"])
    assert first.headers["ETag"].startswith('W/"'), "one name for two encodings is a weak one"


@pytest.mark.parametrize("path", ["/static/css/base.css", "/static/img/mark.svg", "/static/ninja/swagger-ui-bundle.js"])
def test_every_kind_of_text_is_compressed(connection: http.client.HTTPConnection, path: str) -> None:
    answer = get(connection, path, Accept_Encoding="gzip")
    answer.read()
    assert (answer.status, answer.headers["Content-Encoding"]) == (200, "gzip")


def test_pages_are_compressed_and_never_twice_to_the_same_length(connection: http.client.HTTPConnection) -> None:
    lengths = set()
    for _ in range(8):
        page = get(connection, "/sign-in/", Accept_Encoding="gzip")
        body = page.read()
        assert page.headers["Content-Encoding"] == "gzip"
        assert {"Accept-Encoding", "Cookie"} <= {name.strip() for name in page.headers["Vary"].split(",")}
        assert b"<h1>Sign in</h1>" in gzip.decompress(body)
        lengths.add(len(body))
    assert len(lengths) > 1, "the length must not tell of the content (BREACH)"
    plain = get(connection, "/sign-in/")
    assert b"<h1>Sign in</h1>" in plain.read()


def test_calls_of_the_api_and_streams_are_never_compressed(
    connection: http.client.HTTPConnection, live: LiveServer, root: Api
) -> None:
    workspace_id, agent_id = agent_of(root)
    for number in range(20):
        root.output(agent_id, f"the same words again {number}\n")
    known = {"Accept_Encoding": "gzip", "Authorization": f"Bearer {root.token}"}
    for path in (f"/api/agents/{agent_id}/events", f"/api/workspaces/{workspace_id}", "/api/tokens"):
        answer = get(connection, path, **known)
        answer.read()
        assert answer.status == 200, path
        assert "Content-Encoding" not in answer.headers, path
    stream = get(connection, f"/api/agents/{agent_id}/stream?since=0", **known)
    assert stream.headers["Content-Type"].startswith("text/event-stream")
    assert "Content-Encoding" not in stream.headers
    while b"the same words again 19" not in stream.readline():
        pass


def test_a_server_that_cannot_keep_compressed_files_serves_them_as_they_are(own_live: LiveServer) -> None:
    own_live.stop()
    folder = own_live.data_dir / "static"
    folder.unlink()  # a link to what test servers share
    folder.write_text("in the way")
    own_live.start()
    connection = http.client.HTTPConnection("127.0.0.1", own_live.port, timeout=20)
    answer = get(connection, SCRIPT, Accept_Encoding="gzip")
    assert answer.read() == (ROOT / "static" / "js" / "home.js").read_bytes()
    assert "Content-Encoding" not in answer.headers
    assert own_live.log.count("sent uncompressed") == 1
    connection.close()
