"""Any value in any field of any call causes at most a documented error and doesn't harm the server.

The calls and their fields come from the server's own OpenAPI, so that a new one is attacked without being named here.
Each attack is tried on one of the two databases; with CHAOS=long, on both.
"""

import http.client
import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote
from zlib import crc32

import pytest

from streams.protocol.messages import Code
from tests.chaos.figures import LONG
from tests.support.api import Api, agent_of
from tests.support.server import LiveServer
from tests.support.session import Session

NOBODY = "00000000-0000-4000-8000-000000000000"
KNOWN = {str(code) for code in Code}

# Raw JSON, as it is sent: json.dumps would not make some of them.
JSON_VALUES = {
    "NUL": rb'"a\u0000b"',
    "raw NUL": b'"a\x00b"',
    "a lone surrogate": rb'"\ud800"',
    "a raw surrogate": b'"\xed\xa0\x80"',
    "not UTF-8": b'"\xff\xfe"',
    "overlong UTF-8": b'"\xc0\xaf"',
    "an overlong text": b'"' + b"x" * 100_000 + b'"',
    "right to left": '"\u202e\u2066\ufeff"'.encode(),
    "empty": b'""',
    "white space": rb'" \t\r\n "',
    "null": b"null",
    "a number": b"7",
    "a huge number": b"9" * 400,
    "an infinite number": b"1e400",
    "a negative number": b"-1",
    "beyond 64 bits": b"9223372036854775808",
    "NaN": b"NaN",
    "true": b"true",
    "a list": b"[]",
    "deep": b"[" * 5_000 + b"]" * 5_000,
    "an object": b'{"__class__": {"$ne": null}}',
    "SQL": rb'"\u0027; DROP TABLE streams_event; --"',
}
TEXT_VALUES = [
    "\0", "a\0b", "\ud800", "'", "%", "%00", "x" * 10_000, "-1", "9" * 25, "1e400", "NaN", "", "[]", "٣", "²",
    "\r\nX: y", "../../etc/passwd",
]  # fmt: skip
HEADERS = [
    b"\x00",
    b"\xff\xfe",
    b"a" * 8_000,
    b"9" * 25,
    b'"\\000"',
    b"\xed\xa0\x80",
    b"\xd9\xa3",
    b"=;=,",
    b"\x01\x02",
]


@dataclass(frozen=True)
class Call:
    """One operation of the API, and what a right call of it would send."""

    method: str
    path: str
    query: tuple[str, ...]
    fields: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True)
class Attack:
    """A request, with what is hostile in it."""

    name: str
    method: str
    target: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes | None = None


def example(schema: dict[str, Any], whole: dict[str, Any]) -> Any:
    """A value that a schema allows."""
    if "$ref" in schema:
        return example(whole["components"]["schemas"][schema["$ref"].rpartition("/")[2]], whole)
    if choices := schema.get("anyOf") or schema.get("allOf"):
        return example(choices[0], whole)
    if "enum" in schema:
        return schema["enum"][0]
    if "const" in schema:
        return schema["const"]
    match schema.get("type"):
        case "object":
            return {name: example(inner, whole) for name, inner in schema.get("properties", {}).items()}
        case "array":
            return [example(schema["items"], whole)] if schema.get("items") else []
        case "integer" | "number":
            return max(1, schema.get("minimum", 1))
        case "boolean":
            return False
        case _:
            return NOBODY if schema.get("format") == "uuid" else "a"


def calls(schema: dict[str, Any]) -> Iterator[Call]:
    for path, operations in schema["paths"].items():
        if path.endswith("/stream"):
            continue  # it does not end
        for method, operation in operations.items():
            query = [each["name"] for each in operation.get("parameters", []) if each["in"] == "query"]
            content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
            fields = example(_inlined(content.get("schema", {})), schema) if content else {}
            yield Call(method.upper(), path, tuple(query), fields if isinstance(fields, dict) else {})


def _inlined(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema that brings its own definitions, with these in place."""
    definitions = schema.get("$defs", {})

    def resolve(node: Any) -> Any:
        if isinstance(node, dict):
            name = str(node.get("$ref", "")).rpartition("/")[2]
            return resolve(definitions[name]) if name in definitions else {k: resolve(v) for k, v in node.items()}
        return [resolve(each) for each in node] if isinstance(node, list) else node

    resolved: dict[str, Any] = resolve(schema)
    return resolved


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where something stands in a body: the ways to its fields, and to the fields of those."""
    yield path
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from places(inner, (*path, key))
    elif isinstance(value, list) and value:
        yield from places(value[0], (*path, 0))


MARK = "hostile-value-goes-here"


def with_value(body: Any, path: tuple[Any, ...], value: bytes) -> bytes:
    body = deepcopy(body)
    if not path:
        return value
    place = body
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = MARK
    return json.dumps(body).encode().replace(f'"{MARK}"'.encode(), value)


class Target:
    """A server under attack."""

    def __init__(self, server: LiveServer, admin: Api) -> None:
        self.server = server
        self.share = 0 if "DATABASE_URL" in server.env else 1
        workspace, agent = agent_of(admin)
        self.ids = {"workspace_id": workspace, "agent_id": agent}
        self.headers = ((b"Authorization", f"Bearer {admin.token}".encode()), (b"Content-Type", b"application/json"))
        self.calls = list(calls(admin.get("/openapi.json").data))

    def path(self, call: Call) -> bytes:
        # Deletions name an unused id, so that later attacks still find their objects.
        ids = {} if call.method == "DELETE" else self.ids
        return re.sub(r"{(\w+)}", lambda found: ids.get(found[1], NOBODY), call.path).encode()

    def send(self, attack: Attack) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=20)
        try:
            lines = [attack.method.encode() + b" " + attack.target + b" HTTP/1.1", b"Host: 127.0.0.1"]
            lines += [name + b": " + value for name, value in attack.headers]
            if attack.body is not None:
                lines.append(b"Content-Length: %d" % len(attack.body))
            lines.append(b"Connection: close")
            connection.send(b"\r\n".join([*lines, b"", attack.body or b""]))
            answer = http.client.HTTPResponse(connection.sock, method=attack.method)
            answer.begin()
            return answer.status, answer.read()
        finally:
            connection.close()

    def withstands(self, attacks: list[Attack]) -> None:
        attacks = [attack for attack in attacks if LONG or crc32(attack.name.encode()) % 2 == self.share]
        logged = len(self.server.log)
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(self.send, attacks))
        wrong = [
            (attack.name, status, body[:200])
            for attack, (status, body) in zip(attacks, answers, strict=True)
            if not _is_an_answer(attack.target, status, body)
        ]
        assert wrong == []
        log = self.server.log[logged:]
        assert "Traceback" not in log
        assert "one by one" not in log, "a value reached the database that it cannot take"
        assert "unavailable" not in log


def _is_an_answer(target: bytes, status: int, body: bytes) -> bool:
    """Whether that is no fault of the server's; the API says what is wrong, in its own words."""
    if status >= 500 or b"Traceback" in body:
        return False
    if status < 400 or not target.startswith(b"/api/") or status in (404, 405, 414):
        return True
    try:
        return json.loads(body)["code"] in KNOWN
    except (ValueError, KeyError):
        return status == 400 and not body.startswith(b"{")  # no request of HTTP, or to no host of ours


@pytest.fixture(scope="session")
def target(both: LiveServer, admin: Api) -> Target:
    return Target(both, admin)


def test_no_value_of_a_field_of_a_body_harms_the_server(target: Target) -> None:
    attacks = [
        Attack(f"{call} {path}: {name}", call.method, target.path(call), target.headers, with_value(body, path, value))
        for call in target.calls
        if (body := call.fields)
        for path in places(body)
        for name, value in JSON_VALUES.items()
    ]
    assert len(attacks) > 1_000
    target.withstands(attacks)


def test_no_value_of_the_query_harms_the_server(target: Target) -> None:
    attacks = [
        Attack(
            f"{call} ?{name}={value[:20]!r}",
            call.method,
            target.path(call) + b"?" + name.encode() + b"=" + quote(value, errors="surrogatepass").encode(),
            target.headers,
            b"{}" if call.fields else None,
        )
        for call in target.calls
        for name in (*call.query, "unknown")
        for value in TEXT_VALUES
    ]
    assert len(attacks) > 1_000
    target.withstands(attacks)


def test_no_part_of_a_url_harms_the_server(target: Target) -> None:
    pieces = [quote(value, safe="", errors="surrogatepass") for value in TEXT_VALUES if len(value) < 1_000]
    attacks = [
        Attack(f"{call} {piece}", call.method, re.sub(r"{\w+}", lambda _: piece, call.path).encode(), target.headers)  # noqa: B023
        for call in target.calls
        if "{" in call.path
        for piece in pieces
    ]
    pages = ["/w/{}/", "/w/{}/people/", "/a/{}/", "/invitation/{}/", "/sign-in/?next={}", "/sign-in/link/?sesame={}"]
    pages += ["/w/{}/usage/", "/w/x/usage/?days={}", "/device/?code={}", "/static/{}", "/admin/{}", "/{}", "/api/{}"]
    attacks += [Attack(f"{page} {piece}", "GET", page.format(piece).encode(), ()) for page in pages for piece in pieces]
    target.withstands(attacks)


@pytest.mark.parametrize(
    "name",
    [
        "Authorization",
        "Cookie",
        "Content-Type",
        "X-Producer",
        "Last-Event-ID",
        "Origin",
        "Referer",
        "X-CSRFToken",
        "Accept-Encoding",
        "Accept-Language",
        "X-Forwarded-For",
        "X-Forwarded-Proto",
        "If-None-Match",
        "Range",
        "User-Agent",
    ],
)
def test_no_header_harms_the_server(target: Target, name: str) -> None:
    shapes = {"Authorization": [b"%s", b"Bearer %s", b"Basic %s"]}.get(name, [b"%s"])
    if name == "Cookie":
        shapes = [b"sessionid=%s", b'sessionid="%s"', b"csrftoken=%s", b"messages=%s", b"%s"]
    targets = [
        ("GET", b"/"),
        ("GET", b"/sign-in/"),
        ("GET", b"/api/workspaces"),
        ("GET", b"/static/img/mark.svg"),
        ("POST", b"/sign-in/"),
        ("POST", b"/api/workspaces"),
        ("POST", f"/api/agents/{target.ids['agent_id']}/events".encode()),
    ]
    own = [header for header in target.headers if header[0] != name.encode()]
    attacks = [
        Attack(
            f"{method} {path!r} {shape!r} {value[:20]!r}", method, path, (*own, (name.encode(), shape % value)), b"{}"
        )
        for method, path in targets
        for shape in shapes
        for value in HEADERS
    ]
    target.withstands(attacks)


@pytest.fixture(scope="session")
def signed_in(both: LiveServer, admin: Api) -> tuple[tuple[bytes, bytes], ...]:
    """The cookies of a superuser's browser."""
    session = Session(both, "root")
    names = ("sessionid", "csrftoken")
    cookies = "; ".join(f"{name}={session.cookie(name)}" for name in names)
    return (
        (b"Cookie", cookies.encode()),
        (b"X-CSRFToken", session.cookie("csrftoken").encode()),
        (b"Content-Type", b"application/x-www-form-urlencoded"),
    )


MODELS = ["agents/agent", "workspaces/workspace", "workspaces/membership", "workspaces/invitation", "accounts/token"]
MODELS += ["auth/user", "auth/group"]
FILTERS = ["q", "status__exact", "workspace__id__exact", "user__id__exact", "role__exact", "p", "o", "all", "e", "id"]
FIELDS = ["name", "slug", "role", "username", "password1", "expires_at_0", "scopes", "action"]
FEW_VALUES = [quote(value, safe="", errors="surrogatepass") for value in ("\0", "a\0b", "\ud800", "'", "9" * 25)]


def test_no_value_in_the_admin_harms_the_server(target: Target, signed_in: tuple[tuple[bytes, bytes], ...]) -> None:
    addresses = [f"/admin/{model}/?{name}={value}" for model in MODELS for name in FILTERS for value in FEW_VALUES]
    addresses += [f"/admin/{model}/{value}/change/" for model in MODELS for value in FEW_VALUES]
    attacks = [Attack(address, "GET", address.encode(), signed_in) for address in addresses]
    attacks += [
        Attack(f"{model} {value}", "POST", f"/admin/{model}/{page}".encode(), signed_in, form.encode())
        for model in MODELS
        for page in ("add/", "")
        for value in FEW_VALUES
        for form in ("&".join(f"{field}={value}" for field in FIELDS),)
    ]
    target.withstands(attacks)


def test_no_name_or_password_harms_the_server(target: Target, signed_in: tuple[tuple[bytes, bytes], ...]) -> None:
    forms = [form for value in FEW_VALUES for form in (f"username={value}&password=b", f"username=a&password={value}")]
    target.withstands(
        [
            Attack(f"{page} {form}", "POST", page.encode(), signed_in, form.encode())
            for page in ("/sign-in/", "/admin/login/")
            for form in forms
        ]
    )
