"""Webhooks: what happens to agents reaches other systems, each event at least once, in order per agent, signed."""

import json
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook as Verifier

from tests.notifications.conftest import LOOPBACK
from tests.support.api import Api, agent_of
from tests.support.receiver import Received, Receiver, Reply, receiving
from tests.support.server import SHARED_KEY, LiveServer
from tests.support.services import Postgres, Redis, environment
from tests.support.waiting import eventually

ALL = ["asked", "resolved", "waiting", "failed", "finished", "lost", "context"]
QUESTION = {
    "kind": "permission",
    "title": "git push --force",
    "options": [{"id": "y", "label": "Yes", "effect": "allow"}],
}


@dataclass
class Desk:
    """A workspace with an agent, and webhooks of it."""

    api: Api
    receiver: Receiver
    workspace: str
    agent: str

    def webhook(self, path: str = "/hook", **more: Any) -> dict[str, Any]:
        body = {"name": "chat", "url": f"{self.receiver.url}{path}", "occasions": ALL, **more}
        made = self.api.post(f"/workspaces/{self.workspace}/webhooks", body)
        assert made.status == 201, made
        return dict(made.data)

    def of(self, webhook: dict[str, Any], what: str = "") -> str:
        return f"/workspaces/{self.workspace}/webhooks/{webhook['id']}{what}"

    def status(self, *statuses: str, agent: str = "", **more: Any) -> None:
        for status in statuses:
            answer = self.api.post(f"/agents/{agent or self.agent}/status", {"status": status, **more})
            assert answer.status in (200, 201), answer

    def ask(self, request_id: str, **more: Any) -> None:
        asked = self.api.post(f"/agents/{self.agent}/requests", {"requestId": request_id, **QUESTION, **more})
        assert asked.status == 201, asked

    def deliveries(self, webhook: dict[str, Any]) -> list[dict[str, Any]]:
        return list(self.api.get(self.of(webhook, "/deliveries")).data)

    def told(self, count: int, path: str = "/hook") -> list[Received]:
        eventually(lambda: len(self.receiver.at(path)) >= count, otherwise=lambda: self.receiver.received)
        return self.receiver.at(path)


def types(received: list[Received]) -> list[str]:
    return [json.loads(one.body)["type"].removeprefix("agentstream.") for one in received]


@pytest.fixture
def desk(root: Api, receiver: Receiver) -> Desk:
    return Desk(root, receiver, *agent_of(root))


def test_what_happens_to_agents_is_told_as_signed_cloud_events(desk: Desk) -> None:
    webhook = desk.webhook()
    desk.status("running", "waiting", "running")
    desk.ask("r1")
    answered = desk.api.post(f"/agents/{desk.agent}/requests/r1/answer", {"option": "y"})
    assert answered.status == 200, answered
    desk.status("error", reason="crashed")
    desk.status("running", "finished", "finished", "idle")
    received = desk.told(5)
    assert types(received) == ["waiting", "asked", "resolved", "failed", "finished"]
    for one in received:
        Verifier(webhook["secret"]).verify(one.body, one.headers)
        assert one.headers["content-type"].startswith("application/cloudevents+json")
    asked = json.loads(received[1].body)
    assert (asked["specversion"], asked["subject"]) == ("1.0", desk.agent)
    assert asked["id"] == f"agent.{desk.agent}/{asked['data']['event']['seq']}"
    assert asked["data"]["text"] == "agent asks: git push --force"
    assert asked["data"]["event"]["payload"]["requestId"] == "r1"
    assert asked["data"]["url"].endswith(f"/a/{desk.agent}/")
    eventually(lambda: [one["state"] for one in desk.deliveries(webhook)] == ["delivered"] * 5)
    newest = desk.deliveries(webhook)[0]
    assert (newest["status"], newest["answer"], newest["attempts"]) == (200, "ok", 1)
    assert newest["request"] == received[-1].body[:2_000]


def test_a_webhook_is_told_only_what_it_wants_and_of_which_agents(desk: Desk) -> None:
    desk.webhook("/wants", occasions=["finished"], agents="ci-*")
    desk.webhook("/all")
    other = desk.api.agent(desk.workspace, "ci-1")["id"]
    elsewhere = desk.api.agent(desk.api.workspace(f"w {uuid.uuid4()}")["id"], "ci-2")["id"]
    for agent in (desk.agent, elsewhere, other):
        desk.status("error", "finished", agent=agent)
    desk.told(4, "/all")
    [only] = desk.told(1, "/wants")
    assert json.loads(only.body)["data"]["agent"]["id"] == other
    assert {json.loads(one.body)["subject"] for one in desk.receiver.received} == {desk.agent, other}


def test_a_filling_context_window_is_told_once_until_it_has_emptied(desk: Desk) -> None:
    desk.webhook(contextLevel=70)
    for level in (50, 70, 75, 90, 20, 71, 72):
        desk.api.post(f"/agents/{desk.agent}/context", {"contextLevel": level})
    desk.status("finished")
    received = desk.told(3)
    assert types(received) == ["context", "context", "finished"]
    assert [json.loads(one.body)["data"]["event"]["payload"]["contextLevel"] for one in received[:2]] == [70, 71]


def test_what_fails_is_retried_in_order_and_holds_up_no_other_agent(desk: Desk) -> None:
    webhook = desk.webhook()
    other = desk.api.agent(desk.workspace, "other")["id"]
    fails = {"left": 4}

    def reply(one: Received) -> Reply:
        if json.loads(one.body)["subject"] == desk.agent and fails["left"]:
            fails["left"] -= 1
            return Reply(503, body="not now")
        return Reply()

    desk.receiver.reply = reply
    desk.status("error", "running", "finished")
    desk.status("finished", agent=other)
    received = desk.told(7)
    mine = [one for one in received if json.loads(one.body)["subject"] == desk.agent]
    assert types(mine) == ["failed"] * 5 + ["finished"]
    assert json.loads(received[-1].body)["subject"] == desk.agent, "the other agent waited"
    assert len({one.headers["webhook-id"] for one in mine}) == 2
    eventually(lambda: [one["attempts"] for one in desk.deliveries(webhook)].count(5) == 1)


def test_a_receiver_that_hangs_holds_up_only_its_own_messages(desk: Desk) -> None:
    desk.receiver.reply = lambda one: Reply(delay=60 if one.path == "/hangs" else 0)
    desk.webhook("/hangs")
    desk.webhook("/works")
    agents = [desk.api.agent(desk.workspace, f"a{number}")["id"] for number in range(8)]
    for agent in agents:
        desk.status("finished", agent=agent)
    desk.told(8, "/works")
    assert len(desk.receiver.at("/hangs")) == 4, "as many as one webhook may have at once"


def test_redirects_are_not_followed_and_a_receiver_that_is_gone_stops_the_webhook(desk: Desk) -> None:
    away = {"location": f"{desk.receiver.url}/elsewhere"}
    desk.receiver.reply = lambda one: Reply(302, away) if one.path == "/moved" else Reply(410, body="gone")
    moved, gone = desk.webhook("/moved"), desk.webhook("/gone")
    desk.status("error", "finished")
    desk.told(2, "/moved")
    eventually(lambda: [one["state"] for one in desk.deliveries(gone)] == ["dead", "dead"])
    assert desk.receiver.at("/elsewhere") == []
    assert len(desk.told(1, "/gone")) == 1
    listed = {one["id"]: one for one in desk.api.get(f"/workspaces/{desk.workspace}/webhooks").data}
    assert listed[moved["id"]]["stopped"] == ""
    assert "410" in listed[gone["id"]]["stopped"]
    desk.receiver.reply = lambda _: Reply()
    started = desk.api.call("PATCH", desk.of(gone), {"active": True})
    assert started.data["stopped"] == ""
    desk.status("error")
    assert types(desk.told(2, "/gone")[1:]) == ["failed"], "nothing from before it was started again"


def test_hostile_text_mentions_nobody_and_formats_nothing(desk: Desk) -> None:
    for preset in ("slack", "discord", "teams", "mattermost", "ntfy"):
        desk.webhook(f"/{preset}", preset=preset, occasions=["asked"])
    desk.ask("r1", title="<!channel> @everyone **x** [y](https://evil.example) \u202e\n# z & <https://evil.example|k>")
    got = {one.path[1:]: one for one in desk.told(1, "/ntfy") and _all(desk, 5)}
    shown = "agent asks: <!channel> @everyone **x** [y](https://evil.example) # z & <https://evil.example|k>"
    slack = json.loads(got["slack"].body)
    assert slack["text"] == shown.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert slack["blocks"][0]["text"] == {"type": "plain_text", "text": shown, "emoji": False}
    discord = json.loads(got["discord"].body)
    assert discord["allowed_mentions"] == {"parse": []}
    assert "\\*\\*x\\*\\* \\[y\\]" in discord["content"] and "@everyone" not in discord["content"]
    assert "@everyone" not in json.loads(got["mattermost"].body)["text"]
    [card] = json.loads(got["teams"].body)["attachments"]
    assert card["content"]["body"] == [{"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": shown}]}]
    assert got["ntfy"].body == shown
    assert got["ntfy"].headers["priority"] == "high"
    assert got["ntfy"].headers["click"].endswith(f"/a/{desk.agent}/")


def _all(desk: Desk, count: int) -> list[Received]:
    eventually(lambda: len(desk.receiver.received) >= count)
    return desk.receiver.received


def test_a_replaced_secret_signs_for_a_day_beside_the_new_one(desk: Desk) -> None:
    webhook = desk.webhook()
    replaced = desk.api.post(desk.of(webhook, "/secret"))
    assert replaced.data["secret"] != webhook["secret"]
    assert "secret" not in desk.api.get(f"/workspaces/{desk.workspace}/webhooks").data[0]
    desk.status("finished")
    [one] = desk.told(1)
    for secret in (webhook["secret"], replaced.data["secret"]):
        Verifier(secret).verify(one.body, one.headers)


def test_a_test_is_sent_at_once_and_tells_what_was_answered(desk: Desk) -> None:
    webhook = desk.webhook()
    desk.receiver.reply = lambda _: Reply(418, body="teapot")
    answer = desk.api.post(desk.of(webhook, "/test")).data
    assert answer == {"accepted": False, "status": 418, "answer": "teapot"}
    [one] = desk.told(1)
    Verifier(webhook["secret"]).verify(one.body, one.headers)
    assert types([one]) == ["test"]


def test_secrets_and_addresses_are_nowhere_in_the_clear(desk: Desk, live: LiveServer) -> None:
    webhook = desk.webhook("/hook?token=hidden-in-the-url")
    assert webhook["address"] == f"{desk.receiver.url}/…"
    desk.status("finished")
    desk.told(1, "/hook?token=hidden-in-the-url")
    stored = b"".join(path.read_bytes() for path in live.data_dir.glob("db.sqlite3*"))
    for secret in ("hidden-in-the-url", webhook["secret"].removeprefix("whsec_")):
        assert secret.encode() not in stored
        assert secret not in live.log


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"url": "ftp://example.com"}, "url: expected an https:// address"),
        ({"url": "https://user:secret@example.com"}, "without a user name and password"),
        ({"url": "https://exa mple.com"}, "url: expected"),
        ({"url": "https://[::1"}, "url: expected"),
        ({"url": "https://example.com", "preset": "fax"}, "preset: expected one of"),
        ({"url": "https://example.com", "occasions": ["never"]}, "occasions: expected some of"),
        ({"url": "https://example.com", "occasions": []}, "occasions: expected at least one"),
        ({"url": "https://example.com", "contextLevel": 101}, "contextLevel: expected 1 to 100"),
        ({"url": "https://example.com", "agents": "*?" * 200}, "agents"),
        ({"url": "https://example.com", "name": "\n"}, "expected a name"),
        ({}, "url: expected a value"),
    ],
)
def test_bad_input_is_refused_with_what_was_expected(desk: Desk, body: dict[str, Any], expected: str) -> None:
    answer = desk.api.post(f"/workspaces/{desk.workspace}/webhooks", {"name": "x", **body})
    assert answer.status == 400
    assert expected in answer.data["message"]


def test_only_owners_manage_webhooks(desk: Desk, live: LiveServer) -> None:
    webhook = desk.webhook()
    for role, status in (("viewer", 403), ("operator", 403), ("owner", 200), (None, 404)):
        name = f"{role}-{uuid.uuid4().hex[:8]}"
        api = Api(live.url, live.token(name))
        if role:
            desk.api.post(f"/workspaces/{desk.workspace}/members", {"user": name, "role": role})
        assert api.get(desk.of(webhook, "/deliveries")).status == status, role
        assert api.call("PATCH", desk.of(webhook), {"name": "renamed"}).status == status, role
    assert desk.api.post(desk.of({"id": uuid.uuid4()}, "/test")).status == 404


def test_nothing_is_lost_when_the_server_is_killed(tmp_path: Path) -> None:
    with LiveServer(tmp_path, **LOOPBACK, SECRET_KEY=SHARED_KEY) as server, receiving() as receiver:
        api = Api(server.url, server.token("root", "--superuser"))
        desk = Desk(api, receiver, *agent_of(api))
        webhook = desk.webhook()
        for number in range(40):
            desk.status("error" if number % 2 else "finished")
            if number in (10, 30):
                server.restart()
        eventually(lambda: len({one.headers["webhook-id"] for one in receiver.received}) == 40)
        first = list(dict.fromkeys(one.headers["webhook-id"] for one in receiver.received))
        assert first == sorted(first, key=lambda id_: int(id_.rpartition("/")[2].rpartition("-")[2]))
        eventually(lambda: {one["state"] for one in desk.deliveries(webhook)} == {"delivered"})


def test_two_servers_send_each_message_once_and_in_order(
    postgres: Postgres, redis_server: Redis, tmp_path: Path
) -> None:
    env = environment(postgres, redis_server) | LOOPBACK | {"SECRET_KEY": SHARED_KEY}
    for name in "ab":
        (tmp_path / name).mkdir()
    with (
        LiveServer(tmp_path / "a", **env) as first,
        LiveServer(tmp_path / "b", **env) as second,
        receiving() as receiver,
    ):
        apis = [Api(server.url, first.token("root", "--superuser")) for server in (first, second)]
        desk = Desk(apis[0], receiver, *agent_of(apis[0]))
        desk.webhook()
        agents = [desk.agent, *(desk.api.agent(desk.workspace, f"a{number}")["id"] for number in range(4))]
        for number in range(6):
            desk.api = apis[number % 2]
            for agent in agents:
                desk.status("finished" if number % 2 else "error", agent=agent)
        received = desk.told(30)
        eventually(lambda: len(receiver.received) == 30)
        for agent in agents:
            mine = [one for one in received if json.loads(one.body)["subject"] == agent]
            assert types(mine) == ["failed", "finished"] * 3


def test_old_deliveries_are_removed_and_those_older_than_a_day_given_up(desk: Desk, live: LiveServer) -> None:
    desk.receiver.reply = lambda _: Reply(500)
    webhook = desk.webhook()
    desk.status("finished")
    desk.told(1)
    live.run("shell", "-c", AGED.format(webhook=webhook["id"]))
    eventually(lambda: [one["state"] for one in desk.deliveries(webhook)] == ["dead"])
    assert "24 hours" in desk.deliveries(webhook)[0]["answer"]


AGED = """
from datetime import timedelta
from django.utils import timezone
from notifications.models import Delivery
from notifications.queue import trim
import time
Delivery.objects.filter(webhook="{webhook}").update(created_at=timezone.now() - timedelta(hours=25))
while Delivery.objects.filter(webhook="{webhook}", state="pending").exists():
    trim()
    time.sleep(0.05)
"""
