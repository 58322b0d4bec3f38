"""Important actions are recorded with the actor, credential and address, and stay recorded."""

import asyncio
import csv
import io
import json
import logging
import shlex
import subprocess
import sys
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import usage
from accounts.actor import Actor, acting
from accounts.audit import STEP, Action, AuditRetention, Search, record
from accounts.audit_export import as_csv
from accounts.links import sign_in_link, spend_link
from accounts.models import AuditEntry, Token
from accounts.tokens import issue_token, write_uses
from agents.events import Input, Output, Signal
from agents.publications import Publication
from agents.services import AgentService
from streams.protocol.messages import ProtocolError
from tests.support import ROOT
from tests.support.api import Api, agent_of
from tests.support.pty import screen
from tests.support.server import LiveServer
from tests.support.session import Session
from tests.support.waiting import eventually
from workspaces import invitations
from workspaces.models import Role
from workspaces.services import WorkspaceService

ADA = Actor(7, "ada", "session", "192.0.2.7")


def actions(**filters: Any) -> list[str]:
    return [entry.action for entry in AuditEntry.objects.filter(**filters).order_by("pk")]


@pytest.fixture
def user(db: None) -> User:
    return User.objects.create_user("eve", password="correct horse")


# Services record


@pytest.mark.django_db
def test_what_happens_to_a_workspace_and_its_people_is_recorded(user: User) -> None:
    with acting(ADA):
        workspace = WorkspaceService.create("Team")
        WorkspaceService.update(workspace.pk, name="Crew")
        WorkspaceService.set_member(workspace.pk, user.pk, Role.VIEWER)
        WorkspaceService.set_member(workspace.pk, user.pk, Role.OPERATOR)
        WorkspaceService.remove_member(workspace.pk, user.pk)
        WorkspaceService.delete(workspace.pk)
    recorded = AuditEntry.objects.filter(workspace_id=workspace.pk).order_by("pk")
    assert [(entry.action, entry.target) for entry in recorded] == [
        ("workspace_created", "Team"),
        ("workspace_renamed", "Crew"),
        ("member_added", "eve"),
        ("role_changed", "eve"),
        ("member_removed", "eve"),
        ("workspace_deleted", "Crew"),
    ]
    assert recorded[3].detail == {"role": "operator", "was": "viewer"}
    assert {(one.actor_id, one.actor, one.via, one.address) for one in recorded} == {(7, "ada", "session", "192.0.2.7")}


@pytest.mark.django_db
def test_invitations_are_recorded(user: User) -> None:
    workspace = WorkspaceService.create("Team", owner_id=user.pk)
    with acting(ADA):
        made, secret = invitations.invite(workspace.pk, user.pk, Role.VIEWER)
        invitations.revoke(workspace.pk, made.pk)
        _, secret = invitations.invite(workspace.pk, user.pk, Role.VIEWER)
        invitations.accept(secret, User.objects.create(username="guest").pk)
    assert actions(actor="ada") == ["invited", "invitation_revoked", "invited", "joined"]
    assert secret not in str([vars(entry) for entry in AuditEntry.objects.all()])


@pytest.mark.django_db
def test_what_happens_to_agents_is_recorded() -> None:
    workspace = WorkspaceService.create("Team")
    with acting(ADA):
        agent = AgentService.create(workspace.pk, "build")
        AgentService.update(agent.pk, "test")
        AgentService.delete(agent.pk)
    recorded = AuditEntry.objects.filter(actor="ada").order_by("pk")
    assert [(entry.action, entry.target) for entry in recorded] == [
        ("agent_created", "build"), ("agent_renamed", "test"), ("agent_deleted", "test")
    ]  # fmt: skip
    assert {entry.detail["agentId"] for entry in recorded} == {str(agent.pk)}


@pytest.mark.django_db
def test_input_and_signals_are_recorded_individually_even_if_stored_together() -> None:
    agent = AgentService.create(WorkspaceService.create("Team").pk, "build")
    told = [
        Publication(agent.pk, [Input(content="the password is swordfish", sender="ada")], actor=ADA),
        Publication(agent.pk, [Signal(signal="interrupt", sender="bob")], actor=Actor(8, "bob")),
        Publication(uuid.uuid4(), [Signal(signal="stop", sender="bob")], actor=Actor(8, "bob")),
        Publication(agent.pk, [Signal(signal="stop", sender="bob")], actor=Actor(8, "bob")),
    ]
    AgentService.publish_many(told)
    recorded = AuditEntry.objects.filter(workspace_id=agent.workspace_id, target="build").order_by("pk")[1:]
    assert [(entry.actor, entry.action, entry.detail["seq"]) for entry in recorded] == [
        ("ada", "input_sent", 1), ("bob", "interrupted", 2), ("bob", "stopped", 3)
    ]  # fmt: skip
    assert "swordfish" not in json.dumps([entry.detail for entry in recorded])


@pytest.mark.django_db
def test_output_costs_no_query_for_the_audit_log() -> None:
    agent = AgentService.create(WorkspaceService.create("Team").pk, "build")
    before = AuditEntry.objects.count()
    with CaptureQueriesContext(connection) as captured:
        AgentService.report(agent.pk, Output(content="hello"))
    assert not [query for query in captured if "accounts_auditentry" in query["sql"]]
    assert AuditEntry.objects.count() == before


@pytest.mark.django_db
def test_what_is_refused_or_rolled_back_is_not_recorded(user: User) -> None:
    workspace = WorkspaceService.create("Team", owner_id=user.pk)
    before = AuditEntry.objects.count()
    with pytest.raises(ProtocolError), transaction.atomic():
        WorkspaceService.remove_member(workspace.pk, user.pk)  # the last owner
    with pytest.raises(RuntimeError), transaction.atomic():
        WorkspaceService.create("Other")
        raise RuntimeError
    assert AuditEntry.objects.count() == before


@pytest.mark.django_db
def test_signing_in_and_out_is_recorded_with_the_address(user: User) -> None:
    client = Client(REMOTE_ADDR="192.0.2.9")
    client.post("/sign-in/", {"username": "eve", "password": "wrong"})
    client.post("/sign-in/", {"username": "eve", "password": "correct horse"})
    client.post("/sign-out/")
    recorded = AuditEntry.objects.filter(address="192.0.2.9").order_by("pk")
    assert [(entry.action, entry.actor, entry.target) for entry in recorded] == [
        ("sign_in_failed", "", "eve"), ("signed_in", "eve", "eve"), ("signed_out", "eve", "eve")
    ]  # fmt: skip
    assert "correct horse" not in str([vars(entry) for entry in recorded])


@pytest.mark.django_db
def test_a_sign_in_by_link_is_recorded_as_such(user: User) -> None:
    client = Client(REMOTE_ADDR="192.0.2.9")
    client.post(sign_in_link(user, "http://testserver").removeprefix("http://testserver"))
    recorded = AuditEntry.objects.get(address="192.0.2.9")
    assert (recorded.action, recorded.actor, recorded.detail) == ("signed_in", "eve", {"by": "sign-in link"})


@pytest.mark.django_db
@pytest.mark.parametrize("method", ["get", "post"])
def test_a_spent_or_invalid_sign_in_link_is_recorded(user: User, method: str) -> None:
    client = Client(REMOTE_ADDR="192.0.2.9")
    link = sign_in_link(user, "http://testserver").removeprefix("http://testserver")
    spend_link(link.split("/")[-2])
    for path in (link, "/sign-in/link/invented/"):
        getattr(client, method)(path)
    recorded = AuditEntry.objects.filter(address="192.0.2.9")
    assert [(one.action, one.via, one.detail) for one in recorded] == [
        ("sign_in_failed", "page", {"by": "sign-in link"})
    ] * 2  # fmt: skip
    assert link.split("/")[-2] not in str([vars(one) for one in recorded])


@pytest.mark.django_db
def test_a_failed_invitation_is_recorded(user: User) -> None:
    client = Client(REMOTE_ADDR="192.0.2.9")
    client.get("/invitation/agi_invented/")
    client.force_login(user)
    client.post(f"/invitations/{uuid.uuid4()}/")
    recorded = AuditEntry.objects.filter(action="invitation_failed").order_by("pk")
    assert [(one.actor, one.address) for one in recorded] == [("", "192.0.2.9"), ("eve", "192.0.2.9")]
    assert "invented" not in str([vars(one) for one in recorded])


def test_an_invitation_that_fails_over_the_api_is_recorded(both: LiveServer, admin: Api) -> None:
    stranger = Api(both.url, both.token(name := f"person-{uuid.uuid4()}"))
    assert stranger.post(f"/invitations/{uuid.uuid4()}/accept", {}).status == 404
    found = admin.get(f"/audit?action=invitation_failed&actor={name}").data["entries"]
    assert [one["actor"] for one in found] == [name]


@pytest.mark.django_db
def test_tokens_are_recorded_from_creation_to_deletion(user: User) -> None:
    with acting(ADA):
        token, secret = issue_token(user, "laptop")
        token.name = "desktop"
        token.save()
        token.delete()
    recorded = AuditEntry.objects.filter(actor="ada").order_by("pk")
    assert [entry.action for entry in recorded] == ["token_created", "token_changed", "token_deleted"]
    assert {entry.detail["of"] for entry in recorded} == {"eve"}
    assert secret not in str([vars(entry) for entry in recorded])


@pytest.mark.django_db
def test_the_admin_records_who_used_it(admin_client: Client) -> None:
    admin_client.post("/admin/workspaces/workspace/add/", {"name": "Team", "slug": "team", **MANAGEMENT})
    entry = AuditEntry.objects.get(action="workspace_created")
    assert (entry.actor, entry.via, entry.address) == ("admin", "session", "127.0.0.1")


MANAGEMENT = {f"memberships-{name}": 0 for name in ("TOTAL_FORMS", "INITIAL_FORMS")}


# Uses of tokens


@pytest.mark.django_db
def test_uses_of_a_token_are_written_together_and_once_a_minute(user: User, django_assert_num_queries: Any) -> None:
    token, _ = issue_token(user, "laptop")
    uses = usage.TokenUses()
    with django_assert_num_queries(0):
        for _ in range(1_000):
            uses.note(token.pk, "192.0.2.1")
    write_uses(uses)
    token.refresh_from_db()
    assert token.last_address == "192.0.2.1"
    assert token.last_used_at is not None
    uses.note(token.pk, "192.0.2.2")
    with django_assert_num_queries(0):
        write_uses(uses)
    uses._written[token.pk] -= usage.WRITE_SECONDS
    write_uses(uses)
    token.refresh_from_db()
    assert token.last_address == "192.0.2.2"
    new = AuditEntry.objects.filter(action=Action.TOKEN_NEW_ADDRESS).order_by("pk")
    assert [(entry.actor, entry.address) for entry in new] == [("eve", "192.0.2.1"), ("eve", "192.0.2.2")]


@pytest.mark.django_db
def test_a_token_keeps_a_bounded_number_of_addresses(user: User) -> None:
    token, _ = issue_token(user, "laptop")
    uses = usage.TokenUses()
    for round_ in range(3):
        for number in range(100):
            uses.note(token.pk, f"192.0.{round_}.{number}" + "x" * 100)
        write_uses(uses)
        uses._written.clear()
    assert len(Token.objects.get().addresses) == usage.ADDRESSES
    assert AuditEntry.objects.filter(action=Action.TOKEN_NEW_ADDRESS).count() == 3 * usage.ADDRESSES


# The log stays as it is


@pytest.mark.django_db
def test_entries_can_be_neither_changed_nor_deleted(admin_client: Client) -> None:
    record(Action.STOPPED, target="agent")
    entry = AuditEntry.objects.latest("pk")
    for change in (
        entry.save,
        entry.delete,
        AuditEntry.objects.all().delete,
        lambda: AuditEntry.objects.update(actor="nobody"),
        lambda: AuditEntry.objects.bulk_update([entry], ["actor"]),
    ):
        with pytest.raises(TypeError, match="append-only"), transaction.atomic():
            change()
    page = f"/admin/accounts/auditentry/{entry.pk}"
    assert admin_client.get(f"{page}/change/").status_code == 200
    assert admin_client.post(f"{page}/change/", {"actor": "nobody"}).status_code == 403
    assert admin_client.post(f"{page}/delete/", {"post": "yes"}).status_code == 403
    assert admin_client.post("/admin/accounts/auditentry/add/", {}).status_code == 403


@pytest.mark.django_db
def test_entries_outlive_the_accounts_in_them(user: User) -> None:
    with acting(Actor(user.pk, "eve", "session")):
        workspace = WorkspaceService.create("Team", owner_id=user.pk)
        WorkspaceService.delete(workspace.pk)
    before = AuditEntry.objects.count()
    user.delete()
    assert AuditEntry.objects.count() == before
    assert Search(actor="eve").entries()[0].target == "Team"


@pytest.mark.django_db
def test_retention_removes_only_old_entries(settings: Any) -> None:
    settings.AUDIT_DAYS = 30
    old = timezone.now() - timedelta(days=31)
    AuditEntry.objects.bulk_create(AuditEntry(time=old, via="server", action="stopped") for _ in range(STEP + 5))
    record(Action.STOPPED, target="new")
    retention = AuditRetention()
    assert (retention.run(), retention.run(), retention.run()) == (STEP, 5, 0)
    assert [entry.target for entry in AuditEntry.objects.all()] == ["new"]
    settings.AUDIT_DAYS = 0
    AuditEntry.objects.bulk_create([AuditEntry(time=old, via="server", action="stopped")])
    assert retention.run() == 0


# Hostile text


@pytest.mark.django_db
def test_hostile_text_is_bounded_and_printable(caplog: pytest.LogCaptureFixture) -> None:
    hostile = "eve\x00\n\x1b[31m{}\u202e".format("x" * 1_000)
    with caplog.at_level(logging.INFO, "agentstream.audit"):
        record(
            Action.SIGN_IN_FAILED, target=hostile, detail={"of": hostile}, actor=Actor(None, hostile, hostile, hostile)
        )
    entry = AuditEntry.objects.get()
    for text in (entry.actor, entry.via, entry.address, entry.target, entry.detail["of"]):
        assert text.isprintable()
        assert len(text) <= 200


@pytest.mark.django_db
@pytest.mark.parametrize(
    "name", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "\uff1d1", '=HYPERLINK("http://e/","x")']
)
def test_no_name_is_a_formula_in_a_spreadsheet(name: str) -> None:
    entry = AuditEntry(time=timezone.now(), actor=name, via="server", action="stopped", target=name)
    _, row = csv.reader(io.StringIO(as_csv([entry])))
    assert row[2] == row[8] == f"'{name}"


# Who may read it


@pytest.fixture(scope="module")
def owned(both: LiveServer, admin: Api) -> tuple[Api, str, str]:
    """An owner's token with full access, their workspace and an agent in it."""
    owner = Api(both.url, both.token("keeper"))
    workspace_id, agent_id = agent_of(owner)
    return owner, workspace_id, agent_id


def test_an_owner_sees_only_entries_of_their_workspace(admin: Api, owned: tuple[Api, str, str]) -> None:
    owner, workspace_id, agent_id = owned
    _, other = agent_of(admin)
    admin.post(f"/agents/{other}/input", {"content": "hello"})
    owner.post(f"/agents/{agent_id}/input", {"content": "hello"})
    found = owner.get(f"/audit?workspace={workspace_id}").data["entries"]
    assert [entry["action"] for entry in found][-1:-4:-1] == ["workspace_created", "member_added", "agent_created"]
    newest = found[0]
    assert (newest["actor"], newest["action"], newest["address"]) == ("keeper", "input_sent", "127.0.0.1")
    assert newest["via"] == f"token {owner.token[:10] if owner.token else ''}…"
    assert {entry["workspace"] for entry in found} == {workspace_id}
    assert owner.get("/audit").data["code"] == "FORBIDDEN"
    assert owner.get(f"/audit?workspace={admin.get(f'/agents/{other}').data['workspaceId']}").status == 404


def test_superusers_see_everything_including_deleted_workspaces(admin: Api) -> None:
    workspace_id, _ = agent_of(admin)
    admin.call("DELETE", f"/workspaces/{workspace_id}")
    found = admin.get(f"/audit?workspace={workspace_id}").data["entries"]
    assert found[0]["action"] == "workspace_deleted"
    assert len({entry["workspace"] for entry in admin.get("/audit").data["entries"]}) > 1


def test_entries_are_filtered_and_come_in_pages(owned: tuple[Api, str, str]) -> None:
    owner, workspace_id, agent_id = owned
    for _ in range(5):
        owner.post(f"/agents/{agent_id}/signal", {"signal": "interrupt"})
    base = f"/audit?workspace={workspace_id}&action=interrupted"
    seen: list[int] = []
    cursor = ""
    while True:
        page = owner.get(f"{base}&limit=2{cursor}").data
        seen += [entry["id"] for entry in page["entries"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert len(seen) == len(set(seen)) == 5
    assert seen == sorted(seen, reverse=True)
    assert owner.get(f"{base}&actor=nobody").data["entries"] == []
    assert owner.get(f"{base}&from=2999-01-01T00:00:00Z").data["entries"] == []
    assert owner.get(f"{base}&to=2999-01-01T00:00:00Z").data["entries"] != []


@pytest.mark.parametrize(
    "query",
    [
        "action=nothing",
        "from=yesterday",
        "cursor=0",
        "limit=1000",
        "workspace=x",
        "from=0001-01-01T00:00:00%2B14:00",
        "to=9999-12-31T23:59:59-14:00",
    ],
)
def test_a_wrong_filter_is_refused(admin: Api, query: str) -> None:
    assert admin.get(f"/audit?{query}").status == 400


def test_the_pages_are_for_owners_and_superusers(both: LiveServer, admin: Api, owned: tuple[Api, str, str]) -> None:
    owner, workspace_id, _ = owned
    slug = owner.get(f"/workspaces/{workspace_id}").data["slug"]
    both.token("stranger")

    def status(session: Session, path: str) -> int:
        return session.page(path)[0]

    keeper, stranger, root = (Session(both, name) for name in ("keeper", "stranger", "root"))
    pages = (f"/w/{slug}/audit/", "/audit/")
    assert [status(keeper, page) for page in pages] == [200, 403]
    assert [status(stranger, page) for page in pages] == [404, 403]
    assert [status(root, page) for page in pages] == [200, 200]
    _, text = keeper.page(f"/w/{slug}/audit/?action=workspace_created")
    assert "workspace created" in text
    _, text = keeper.page(f"/w/{slug}/audit/?format=csv&action=workspace_created")
    assert [row[6] for row in csv.reader(io.StringIO(text))] == ["action", "workspace_created"]
    _, text = keeper.page(f"/w/{slug}/audit/?format=json&action=workspace_created")
    assert [entry["workspace"] for entry in json.loads(text)] == [workspace_id]
    for wrong in (
        "since=yesterday",
        "since=0001-01-01",
        "until=9999-12-31",
        "action=nothing",
        "before=0",
        "person=%00",
    ):
        assert keeper.page(f"/w/{slug}/audit/?{wrong}")[0] == 400


def test_a_tokens_last_use_is_shown(both: LiveServer, admin: Api) -> None:
    secret = both.token("traveller")
    Api(both.url, secret).get("/workspaces")

    def found() -> Any:
        return admin.get("/audit?action=token_new_address&actor=traveller").data["entries"]

    [entry] = eventually(found)
    assert (entry["address"], entry["via"]) == ("127.0.0.1", f"token {secret[:10]}…")
    [listed] = Api(both.url, secret).get("/tokens").data
    assert listed["lastAddress"] == "127.0.0.1"
    assert listed["lastUsedAt"]


def test_the_audit_log_can_be_shipped_as_lines_of_json(tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    with LiveServer(tmp_path, AUDIT_LOG=str(log)) as live:
        root = Api(live.url, live.token("root", "--create", "--superuser"))
        workspace_id, agent_id = agent_of(root)
        asyncio.run(_tell_at_once(root, agent_id))
        stored = root.get(f"/audit?workspace={workspace_id}&limit=500").data["entries"]
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    by_id = {line["id"]: line for line in lines}
    assert [entry["id"] for entry in stored if entry["id"] not in by_id] == []
    assert {by_id[entry["id"]]["action"] for entry in stored} >= {"workspace_created", "agent_created", "input_sent"}
    assert log.stat().st_mode & 0o777 == 0o600
    assert "agentstream.audit" not in live.log


def test_the_audit_log_goes_to_standard_error_but_not_to_a_terminal(tmp_path: Path) -> None:
    live = LiveServer(tmp_path)
    live.prepare()
    line = [sys.executable, str(ROOT / "manage.py"), "createtoken", "ada", "--create"]
    logged = subprocess.run(line, env=live.env, capture_output=True, text=True, check=True)
    assert '"action": "token_created"' in logged.stderr
    with screen(["sh", "-c", f"{shlex.join(line)}; echo that is all"], live.env) as shown:
        shown.wait_for("that is all")
        assert "ags_" in shown.text
        assert "token_created" not in shown.text
    with live:
        entries = Api(live.url, live.token("root", "--superuser")).get("/audit?action=token_created").data["entries"]
    assert len(entries) >= 2


async def _tell_at_once(root: Api, agent_id: str) -> None:
    calls = [asyncio.to_thread(root.post, f"/agents/{agent_id}/input", {"content": "hello"}) for _ in range(20)]
    assert {answer.status for answer in await asyncio.gather(*calls)} == {201}
