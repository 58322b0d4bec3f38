"""Members, invitations and tokens in the services."""

import json
import logging
import re
import threading
import uuid
from contextlib import AbstractContextManager
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts import tokens
from accounts.identity import Identity, SessionGrant, TokenGrant
from accounts.models import Token
from agents.models import Agent
from streams.models import Event
from streams.protocol.messages import Code, ProtocolError
from workspaces import invitations
from workspaces.kinds import WorkspaceKind
from workspaces.models import Invitation, Membership, Role, Workspace
from workspaces.services import MAX_MEMBERS, WorkspaceService

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def owner() -> User:
    return User.objects.create(username="owner")


@pytest.fixture
def guest() -> User:
    return User.objects.create(username="guest")


@pytest.fixture
def team(owner: User) -> Workspace:
    return WorkspaceService.create("Team", owner_id=owner.pk)


def role_of(user: User) -> str | None:
    return Membership.objects.filter(user=user).values_list("role", flat=True).first()


def refused(code: Code) -> AbstractContextManager[object]:
    return pytest.raises(ProtocolError, check=lambda error: error.code is code)


def membership(user: User) -> Membership:
    return Membership.objects.get(user=user)


def changes() -> list[str]:
    payloads = Event.objects.filter(type="workspace:updated").order_by("seq").values_list("payload", flat=True)
    return [re.search(r'"change":"(\w+)"', payload)[1] for payload in payloads]  # type: ignore[index]


# The last owner


def test_a_workspace_keeps_its_last_owner_until_there_is_another(team: Workspace, owner: User, guest: User) -> None:
    WorkspaceService.set_member(team.pk, guest.pk, Role.OPERATOR)
    for change in (
        lambda: WorkspaceService.set_member(team.pk, owner.pk, Role.VIEWER),
        lambda: WorkspaceService.change_role(team.pk, membership(owner).pk, Role.OPERATOR),
        lambda: WorkspaceService.remove_member(team.pk, owner.pk),
    ):
        with pytest.raises(ProtocolError, match="last owner") as error:
            change()
        assert error.value.code is Code.INVALID_MESSAGE
    assert role_of(owner) == Role.OWNER
    WorkspaceService.change_role(team.pk, membership(guest).pk, Role.OWNER)
    WorkspaceService.remove_member(team.pk, owner.pk)
    assert (role_of(owner), role_of(guest)) == (None, Role.OWNER)


def test_an_owner_who_cannot_sign_in_does_not_count(team: Workspace, owner: User, guest: User) -> None:
    WorkspaceService.set_member(team.pk, guest.pk, Role.OWNER)
    User.objects.filter(pk=guest.pk).update(is_active=False)
    with refused(Code.INVALID_MESSAGE):
        WorkspaceService.remove_member(team.pk, owner.pk)


def test_staff_may_remove_the_last_owner(team: Workspace, owner: User) -> None:
    WorkspaceService.remove_member(team.pk, owner.pk, force=True)
    assert role_of(owner) is None


def test_the_role_of_a_member_removed_meanwhile_is_not_changed(team: Workspace, owner: User, guest: User) -> None:
    member = WorkspaceService.set_member(team.pk, guest.pk, Role.VIEWER)
    WorkspaceService.remove_member(team.pk, guest.pk)
    with refused(Code.NOT_FOUND):
        WorkspaceService.change_role(team.pk, member.pk, Role.OWNER)
    assert role_of(guest) is None


# What subscribers receive


def test_the_state_of_a_workspace_lists_its_members_by_name(team: Workspace, owner: User, guest: User) -> None:
    WorkspaceService.set_member(team.pk, guest.pk, Role.VIEWER)
    other = WorkspaceService.create("Other")
    states = {key: json.loads(state.text) for key, state in WorkspaceKind().states([team.pk, other.pk]).items()}
    assert [(one["user"], one["role"]) for one in states[team.pk]["members"]] == [
        ("guest", "viewer"),
        ("owner", "owner"),
    ]
    assert states[other.pk]["members"] == []


def test_the_state_of_a_full_workspace_fits_a_frame(team: Workspace) -> None:
    users = [User(username=f"{number:03}".ljust(150, "n")) for number in range(MAX_MEMBERS - 1)]
    created = User.objects.bulk_create(users)
    Membership.objects.bulk_create([Membership(workspace=team, user=user, role=Role.OPERATOR) for user in created])
    Agent.objects.bulk_create(
        Agent(workspace=team, name=f"{number:04}".ljust(100, "😀"), status="running", context_level=50)
        for number in range(2_000)
    )
    state = WorkspaceKind().states([team.pk])[team.pk]
    pages = [state.text, *(payload for _, payload in state.pages)]
    assert max(len(page.encode()) for page in pages) < 250 * 1024
    assert sum(len(json.loads(page)["agents"]) for page in pages) == 2_000
    assert [json.loads(page).get("more") for page in pages] == [True] * (len(pages) - 1) + [False]
    one_more = User.objects.create(username="one more")
    with pytest.raises(ProtocolError, match="at most 300 members"):
        WorkspaceService.set_member(team.pk, one_more.pk, Role.VIEWER)


# Invitations


def test_an_invitation_admits_one_member(team: Workspace, owner: User, guest: User) -> None:
    _, secret = invitations.invite(team.pk, owner.pk, Role.OPERATOR)
    assert invitations.find(secret).workspace == team
    assert invitations.accept(secret, guest.pk).role == Role.OPERATOR
    assert changes() == ["member_added", "member_added"]
    for use in (lambda: invitations.accept(secret, owner.pk), lambda: invitations.find(secret)):
        with pytest.raises(ProtocolError, match="used or revoked, or has expired"):
            use()
    assert not Invitation.objects.exists()


def test_the_secret_of_an_invitation_is_not_stored(team: Workspace, owner: User) -> None:
    made, secret = invitations.invite(team.pk, owner.pk, Role.VIEWER)
    assert secret.startswith(made.hint)
    assert secret[len(made.hint) :] not in str(Invitation.objects.values().get())


def test_an_invitation_never_lowers_a_role(team: Workspace, owner: User, guest: User) -> None:
    WorkspaceService.set_member(team.pk, guest.pk, Role.OPERATOR)
    lower, higher = (invitations.invite(team.pk, owner.pk, role)[1] for role in (Role.VIEWER, Role.OWNER))
    assert invitations.accept(lower, guest.pk).role == Role.OPERATOR
    assert invitations.accept(higher, guest.pk).role == Role.OWNER


def test_an_expired_revoked_or_invented_invitation_is_refused(team: Workspace, owner: User, guest: User) -> None:
    made, secret = invitations.invite(team.pk, owner.pk, Role.VIEWER)
    made.expires_at = timezone.now() - timedelta(seconds=1)
    made.save()
    taken_back, other = invitations.invite(team.pk, owner.pk, Role.VIEWER)
    invitations.revoke(team.pk, taken_back.pk)
    for each in (secret, other, "agi_nonsense", ""):
        with refused(Code.NOT_FOUND):
            invitations.accept(each, guest.pk)
    with refused(Code.NOT_FOUND):
        invitations.revoke(team.pk, taken_back.pk)
    assert role_of(guest) is None


def test_a_former_owner_has_no_way_back_in(team: Workspace, owner: User, guest: User) -> None:
    WorkspaceService.set_member(team.pk, guest.pk, Role.OWNER)
    _, secret = invitations.invite(team.pk, guest.pk, Role.OWNER)
    WorkspaceService.remove_member(team.pk, guest.pk)
    assert invitations.pending(team.pk) == []
    with refused(Code.NOT_FOUND):
        invitations.accept(secret, guest.pk)


def test_an_invitation_to_another_workspace_cannot_be_revoked_here(team: Workspace, owner: User) -> None:
    other = WorkspaceService.create("Other", owner_id=owner.pk)
    made, secret = invitations.invite(other.pk, owner.pk, Role.VIEWER)
    with refused(Code.NOT_FOUND):
        invitations.revoke(team.pk, made.pk)
    assert invitations.find(secret).pk == made.pk


def test_there_is_a_limit_to_pending_invitations(team: Workspace, owner: User) -> None:
    for _ in range(invitations.MAX_PENDING):
        invitations.invite(team.pk, owner.pk, Role.VIEWER)
    with pytest.raises(ProtocolError, match="at most 50"):
        invitations.invite(team.pk, owner.pk, Role.VIEWER)


def test_expired_invitations_are_removed(team: Workspace, owner: User) -> None:
    invitations.invite(team.pk, owner.pk, Role.VIEWER)
    Invitation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    _, secret = invitations.invite(team.pk, owner.pk, Role.VIEWER)
    invitations.remove_expired()
    assert Invitation.objects.get().pk == invitations.find(secret).pk


def test_of_two_concurrent_acceptances_one_wins(team: Workspace, owner: User) -> None:
    people = [User.objects.create(username=f"racer {number}") for number in range(4)]
    _, secret = invitations.invite(team.pk, owner.pk, Role.VIEWER)
    barrier = threading.Barrier(len(people))
    outcomes: list[str] = []

    def run(user: User) -> None:
        barrier.wait()
        try:
            outcomes.append(invitations.accept(secret, user.pk).role)
        except ProtocolError as error:
            outcomes.append(error.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(user,)) for user in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["NOT_FOUND"] * 3 + ["viewer"]
    assert Membership.objects.filter(user__in=people).count() == 1


# The page of an invitation

PASSWORDS = {"password1": "correct horse 9", "password2": "correct horse 9"}


def test_only_a_valid_invitation_allows_creating_an_account(team: Workspace, owner: User) -> None:
    _, secret = invitations.invite(team.pk, owner.pk, Role.OPERATOR)
    page = f"/invitation/{secret}/"
    weak = Client().post(page, {"username": "newcomer", "password1": "123", "password2": "123"})
    assert "too short" in weak.content.decode()
    assert not User.objects.filter(username="newcomer").exists()
    browser = Client()
    answer = browser.post(page, {"username": "newcomer", **PASSWORDS})
    assert answer["Location"] == f"/w/{team.slug}/"
    assert browser.get(answer["Location"]).status_code == 200
    newcomer = User.objects.get(username="newcomer")
    assert (role_of(newcomer), newcomer.is_staff, newcomer.check_password("correct horse 9")) == (
        "operator",
        False,
        True,
    )
    late = Client().post(page, {"username": "latecomer", **PASSWORDS})
    assert late.status_code == 410
    assert not User.objects.filter(username="latecomer").exists()


def test_an_invitation_spent_at_the_last_moment_leaves_no_account(
    team: Workspace, owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, secret = invitations.invite(team.pk, owner.pk, Role.VIEWER)
    find = invitations.find

    def found_and_then_spent(given: str) -> Invitation:
        found = find(given)
        Invitation.objects.all().delete()
        return found

    monkeypatch.setattr(invitations, "find", found_and_then_spent)
    assert Client().post(f"/invitation/{secret}/", {"username": "newcomer", **PASSWORDS}).status_code == 410
    assert not User.objects.filter(username="newcomer").exists()


def test_viewing_an_invitation_does_not_spend_it(team: Workspace, owner: User, guest: User) -> None:
    _, secret = invitations.invite(team.pk, owner.pk, Role.VIEWER)
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(guest)
    page = browser.get(f"/invitation/{secret}/")
    assert page["Referrer-Policy"] == "same-origin"
    assert "no-store" in page["Cache-Control"]
    assert browser.post(f"/invitation/{secret}/").status_code == 403  # without the CSRF token
    assert invitations.find(secret)
    assert role_of(guest) is None


def test_the_log_does_not_contain_the_secret(
    team: Workspace, owner: User, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    _, secret = invitations.invite(team.pk, owner.pk, Role.VIEWER)

    def broken(given: str) -> Invitation:
        raise RuntimeError("the database is away")

    with caplog.at_level(logging.DEBUG):
        Client(enforce_csrf_checks=True).post(f"/invitation/{secret}/")
        monkeypatch.setattr(invitations, "find", broken)
        Client(raise_request_exception=False).get(f"/invitation/{secret}/")
    assert caplog.text.count("/invitation/…/") == 2
    assert secret not in caplog.text


# Tokens


def test_tokens_can_only_be_created_with_a_session(owner: User) -> None:
    signed_in = Identity(owner.pk, "owner", SessionGrant("key"))
    made, secret = tokens.make_token(signed_in, " laptop ", 30)
    assert made.name == "laptop"
    assert made.expires_at is not None
    assert timedelta(days=29) < made.expires_at - timezone.now() <= timedelta(days=30)
    assert secret[len(made.hint) :] not in str(Token.objects.values().get())
    with refused(Code.FORBIDDEN):
        tokens.make_token(Identity(owner.pk, "owner", TokenGrant(made.pk)), "child", None)
    with refused(Code.INVALID_MESSAGE):
        tokens.make_token(signed_in, "\n", None)


def test_there_is_a_limit_to_the_tokens_of_one_user(owner: User) -> None:
    signed_in = Identity(owner.pk, "owner", SessionGrant("key"))
    for _ in range(tokens.MAX_TOKENS):
        tokens.make_token(signed_in, "one", None)
    with refused(Code.INVALID_MESSAGE):
        tokens.make_token(signed_in, "one", None)


def test_nobody_can_delete_anothers_token(owner: User, guest: User) -> None:
    made, _ = tokens.make_token(Identity(owner.pk, "owner", SessionGrant("key")), "laptop", None)
    for user, token in ((guest, made.pk), (owner, uuid.uuid4())):
        with refused(Code.NOT_FOUND):
            tokens.delete_token(user.pk, token)
    tokens.delete_token(owner.pk, made.pk)
    assert tokens.tokens_of(owner.pk) == []
