"""Attachments: files referenced by outputs, available to the agent's viewers, and inert whatever they contain."""

import http.client
import stat
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from tests.agents.requests import Desk, Json, desk_of
from tests.chaos.cluster import Cluster, cluster
from tests.support.api import Api
from tests.support.server import DATABASE

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\6\0\0\0"
SCRIPT = b"<script>alert(1)</script>"
SVG = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"
MAX_BYTES = 10 * 1024 * 1024
GOOD = {
    "image/png": PNG,
    "image/jpeg": b"\xff\xd8\xff\xe0\0\x10JFIF",
    "image/gif": b"GIF89a\1\0\1\0",
    "image/webp": b"RIFF\x1a\0\0\0WEBPVP8L",
    "application/pdf": b"%PDF-1.7\n",
    "text/plain": "größer\n\x1b[31mred".encode(),
}


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    content: bytes


def fetch(api: Api, attachment_id: str) -> Answer:
    address = urlsplit(api.url)
    connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=30)
    connection.request("GET", f"/api/attachments/{attachment_id}", headers={"Authorization": f"Bearer {api.token}"})
    answer = connection.getresponse()
    found = Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
    connection.close()
    return found


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Cluster, Path]]:
    """A server that allows few attachments per agent, and the folder that has them."""
    folder = tmp_path_factory.mktemp("attachments")
    url = f"sqlite:///{folder / DATABASE}"
    if request.param == "postgres":
        url = request.getfixturevalue("postgres").migrated_database()
    limits = {"AGENT_ATTACHMENTS": "12", "AGENT_ATTACHMENT_BYTES": str(25 * 1024 * 1024)}
    limits["WORKSPACE_ATTACHMENT_BYTES"] = str(35 * 1024 * 1024)
    with cluster(folder, {"DATABASE_URL": url, **limits}) as servers:
        yield servers, folder / "server0" / "attachments"


@pytest.fixture
def desk(place: tuple[Cluster, Path]) -> Desk:
    return desk_of(place[0])


@pytest.fixture
def kept(place: tuple[Cluster, Path]) -> Callable[[], set[str]]:
    return lambda: {path.name for path in place[1].rglob("*") if path.is_file()}


@pytest.fixture
def run(place: tuple[Cluster, Path]) -> Callable[[str], str]:
    def script(text: str) -> str:
        return str(place[0].servers[0].run("shell", "-v", "0", "-c", text))

    return script


def attach(desk: Desk, content: bytes = PNG, type_: str = "image/png", name: str = "", who: str = "") -> Any:
    api = desk.person(who) if who else desk.root
    return api.call("POST", f"/agents/{desk.agent_id}/attachments?name={quote(name)}", content, Content_Type=type_)


def name_it(desk: Desk, attachment: Json) -> None:
    output = {"content": "see", "attachments": [attachment]}
    assert desk.publish(("agent:output", output), producer=uuid.uuid4().hex).status == 200


def remove(run: Callable[[str], str], before: str = "") -> None:
    run(f"{before}\nfrom agents.maintenance import remove_attachments\nremove_attachments()")


def trimmed(desk: Desk) -> str:
    return f"""
from streams.log.retention import FOREVER, trim_stream
trim_stream("agent.{desk.agent_id}", 0, FOREVER, 500)
"""


@pytest.mark.parametrize("type_", GOOD)
def test_a_file_is_returned_unchanged_and_inert(desk: Desk, type_: str) -> None:
    content = GOOD[type_] + (b"" if type_ == "text/plain" else SCRIPT)
    made = attach(desk, content, type_, 'a "b" ü.x')
    assert (made.status, made.data["mediaType"], made.data["size"]) == (201, type_, len(content))
    name_it(desk, made.data)
    answer = fetch(desk.person("vera"), made.data["id"])
    assert (answer.status, answer.content) == (200, content)
    assert answer.headers["content-type"].partition(";")[0] == type_
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-disposition"].startswith("inline" if type_.startswith("image") else "attachment")
    assert "%C3%BC" in answer.headers["content-disposition"]


@pytest.mark.parametrize(
    ("content", "type_"),
    [
        (SVG, "image/svg+xml"),
        (SVG, "image/png"),
        (SCRIPT, "text/html"),
        (b"<html>" + SCRIPT, "application/xhtml+xml"),
        (PNG, "image/gif"),
        (PNG, "text/plain"),
        (b"GIF89a", "image/png"),
        (b"RIFF\0\0\0\0AVI ", "image/webp"),
        (b"PK\3\4" + bytes(100), "application/zip"),
        (b"PK\3\4" + bytes(100), "application/octet-stream"),
        (b"\x7fELF\2\1\1", "image/png"),
        (b"a\0b", "text/plain"),
        (b"\xff\xfe<\0s\0", "text/plain"),
        (b"", "text/plain"),
        (b"{}", "application/json"),
        (b"a=b", "application/x-www-form-urlencoded"),
        (b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n--x--\r\n', "multipart/form-data; boundary=x"),
    ],
)
def test_other_kinds_are_refused(desk: Desk, kept: Callable[[], set[str]], content: bytes, type_: str) -> None:
    before = kept()
    refused = attach(desk, content, type_)
    assert refused.status == 400, refused
    assert refused.data["code"] == "INVALID_MESSAGE"
    assert "expected" in refused.data["message"]
    assert kept() == before


@pytest.mark.parametrize("content", [SVG, SCRIPT, b"%!PS"])
def test_markup_counts_as_text(desk: Desk, content: bytes) -> None:
    for type_ in ("text/plain", "application/octet-stream"):
        made = attach(desk, content, type_).data
        answer = fetch(desk.root, made["id"])
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        assert answer.headers["content-disposition"].startswith("attachment")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("..\\..\\a.png", "a.png"),
        ("..", "attachment.png"),
        ("", "attachment.png"),
        ("a\r\nSet-Cookie: b=c.png", "aSet-Cookie: b=c.png"),
        ("a\u202egnp.exe", "agnp.exe"),
        ("/", "attachment.png"),
        ("x" * 1_000, "x" * 200),
    ],
)
def test_a_name_is_reduced_to_its_last_printable_part(
    desk: Desk, kept: Callable[[], set[str]], place: tuple[Cluster, Path], name: str, shown: str
) -> None:
    made = attach(desk, name=name).data
    assert made["name"] == shown
    assert made["id"].replace("-", "") in kept(), "where it is kept has nothing to do with it"
    assert "set-cookie" not in fetch(desk.root, made["id"]).headers
    modes = {stat.S_IMODE(path.stat().st_mode) for path in [place[1], *place[1].rglob("*")]}
    assert modes == {0o700, 0o600}


def test_a_name_with_nul_is_refused(desk: Desk) -> None:
    refused = attach(desk, name="a\0b")
    assert (refused.status, refused.data["code"]) == (400, "INVALID_MESSAGE")


def test_ten_mib_are_accepted_and_no_byte_more(desk: Desk) -> None:
    content = PNG + bytes(MAX_BYTES - len(PNG))
    made = attach(desk, content)
    assert made.status == 201, made
    assert fetch(desk.root, made.data["id"]).content == content
    address = urlsplit(desk.root.url)
    connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=30)
    connection.putrequest("POST", f"/api/agents/{desk.agent_id}/attachments")
    connection.putheader("Authorization", f"Bearer {desk.root.token}")
    connection.putheader("Content-Length", str(MAX_BYTES + 1))
    connection.endheaders()
    answer = connection.getresponse()
    assert answer.status == 413
    assert f"at most {MAX_BYTES} bytes".encode() in answer.read()


def test_attachments_of_an_agent_are_limited_in_number_and_size(desk: Desk) -> None:
    big = PNG + bytes(MAX_BYTES - len(PNG))
    assert [attach(desk, big).status for _ in range(3)] == [201, 201, 413]
    assert [attach(desk).status for _ in range(11)] == [201] * 10 + [413]
    assert attach(desk).data["code"] == "TOO_LARGE"
    other = desk_of_another_agent(desk)
    assert [attach(other, big).status for _ in range(2)] == [201, 413], "so has its workspace"


def test_only_viewers_of_the_agent_get_it(desk: Desk, place: tuple[Cluster, Path]) -> None:
    made = attach(desk).data
    assert attach(desk, who="vera").status == 403
    assert attach(desk, who="ann").status == 201
    assert fetch(desk.person("vera"), made["id"]).status == 200
    stranger = desk_of(place[0]).person("ann")
    assert stranger.call("POST", f"/agents/{desk.agent_id}/attachments", PNG, Content_Type="image/png").status == 404
    foreign, missing = fetch(stranger, made["id"]), fetch(stranger, str(uuid.uuid4()))
    assert (foreign.status, foreign.content) == (missing.status, missing.content), "nobody is told that there is one"
    assert foreign.status == 404
    assert fetch(Api(desk.root.url, "wrong"), made["id"]).status == 401


def test_an_attachment_named_by_another_agent_stays_with_its_own(
    desk: Desk, run: Callable[[str], str], kept: Callable[[], set[str]]
) -> None:
    made = attach(desk).data
    other = desk_of_another_agent(desk)
    name_it(other, made)
    remove(run, "from agents.models import Attachment\nAttachment.objects.update(created_at='2020-01-01T00:00Z')")
    assert fetch(desk.root, made["id"]).status == 404, "no event of its own agent has named it"
    assert made["id"].replace("-", "") not in kept()


def desk_of_another_agent(desk: Desk) -> Desk:
    return Desk(
        desk.root, desk.other, desk.workspace_id, desk.root.agent(desk.workspace_id, "b")["id"], desk.tokens, desk.names
    )


def test_it_is_removed_with_the_last_event_that_names_it(
    desk: Desk, run: Callable[[str], str], kept: Callable[[], set[str]]
) -> None:
    made, unnamed = attach(desk).data, attach(desk).data
    name_it(desk, made)
    remove(run)
    assert {made["id"].replace("-", ""), unnamed["id"].replace("-", "")} <= kept()
    remove(run, trimmed(desk))
    assert fetch(desk.root, made["id"]).status == 404
    assert made["id"].replace("-", "") not in kept()
    assert unnamed["id"].replace("-", "") in kept(), "it has a day"
    name_it(desk, unnamed)
    remove(run)
    assert fetch(desk.root, unnamed["id"]).status == 200


@pytest.mark.parametrize("what", ["agents", "workspaces"])
def test_it_is_removed_with_its_agent_and_workspace(
    desk: Desk, run: Callable[[str], str], kept: Callable[[], set[str]], what: str
) -> None:
    made = attach(desk).data
    gone = desk.agent_id if what == "agents" else desk.workspace_id
    assert desk.root.call("DELETE", f"/{what}/{gone}").status == 204
    assert fetch(desk.root, made["id"]).status == 404
    remove(run)
    assert made["id"].replace("-", "") not in kept()


def test_a_file_missing_from_the_storage_is_not_found(desk: Desk, place: tuple[Cluster, Path]) -> None:
    made = attach(desk).data
    next(place[1].rglob(made["id"].replace("-", ""))).unlink()
    assert fetch(desk.root, made["id"]).status == 404
