"""People of a workspace and their tokens: invited by link, changed live, cut off at once."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.browser.chromium import Complaints, expect_state, later, sign_in
from tests.browser.conftest import Place
from tests.support.api import Api
from tests.support.server import LiveServer

pytestmark = pytest.mark.browser

PASSWORD = "correct horse 9"


def member(page: Page, name: str) -> Locator:
    return page.locator(f'.people-row[data-member="{name}"]')


def heading(page: Page) -> Locator:
    return page.get_by_role("heading", level=1)


def confirm(page: Page, words: str) -> None:
    page.get_by_role("dialog").get_by_role("button", name=words).click()


def invite(page: Page, role: str) -> str:
    page.get_by_label("Role", exact=True).select_option(role)
    page.get_by_role("button", name="Create link").click()
    link = page.locator("[data-invite-link] code")
    expect(link).to_be_visible()
    return link.inner_text()


def make_account(page: Page, name: str) -> None:
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Password confirmation").fill(PASSWORD)
    page.get_by_role("button", name="Create account and join").click()


@pytest.fixture
def people(tab: Page, live: LiveServer, place: Place) -> Page:
    """An owner's page of a workspace's people."""
    sign_in(tab, live)
    tab.goto(f"{place.workspace_url}people/")
    expect(member(tab, "root")).to_be_visible()
    return tab


def join(place: Place, live: LiveServer, name: str, role: str) -> str:
    """Make a user a member; returns the path of the membership."""
    live.token(name)
    path = f"/workspaces/{place.workspace['id']}/members"
    added = place.api.post(path, {"user": name, "role": role})
    assert added.status == 201, added
    return f"{path}/{added.data['id']}"


def test_a_person_is_invited_by_name(
    live: LiveServer, place: Place, fresh_browser: Callable[[], BrowserContext]
) -> None:
    owner = f"owner-{place.workspace['id'][:8]}"
    join(place, live, owner, "owner")
    people = fresh_browser().new_page()
    sign_in(people, live, owner)
    people.goto(f"{place.workspace_url}people/")
    people.get_by_label("User name or email").fill("nobody.yet")
    people.get_by_role("button", name="Invite", exact=True).click()
    expect(people.get_by_role("status").filter(has_text="Invited nobody.yet")).to_be_visible()
    expect(people.get_by_label("User name or email")).to_have_value("")
    pending = people.get_by_role("list", name="Pending invitations").get_by_role("listitem")
    expect(pending).to_contain_text(["nobody.yet"])
    people.get_by_role("button", name="Revoke the invitation nobody.yet").click()
    expect(people.get_by_role("dialog")).to_contain_text("They can no longer accept it.")
    confirm(people, "Revoke")
    expect(pending).to_have_count(0)


def test_an_invited_person_creates_an_account_and_appears_live(
    people: Page, live: LiveServer, place: Place, fresh_browser: Callable[[], BrowserContext], complaints: Complaints
) -> None:
    link = invite(people, "operator")
    pending = people.get_by_role("list", name="Pending invitations").get_by_role("listitem")
    expect(pending).to_have_count(1)
    guest = fresh_browser().new_page()
    guest.goto(link)
    expect(heading(guest)).to_have_text(f"Join {place.workspace['name']}")
    expect(guest.get_by_role("main")).to_contain_text(re.compile(r"root invites you .* as\s+an operator"))
    make_account(guest, "grace")
    expect(heading(guest)).to_have_text(place.workspace["name"])
    expect_state(guest, "Live")
    expect(guest.locator("[data-role]")).to_have_text("operator")
    expect(member(people, "grace").get_by_role("combobox")).to_have_value("operator")
    expect(people.get_by_role("link", name="People")).to_contain_text("2")
    expect(pending).to_have_count(0)
    expect(people.locator("[data-invite-made]")).to_be_hidden()

    second = fresh_browser().new_page()
    second.goto(link)
    expect(heading(second)).to_have_text("This invitation no longer works")
    assert all("410" in complaint for complaint in complaints)
    complaints.clear()
    assert link.rsplit("/", 2)[1] not in live.log


def test_a_user_with_an_account_signs_in_and_returns_to_the_invitation(
    people: Page, live: LiveServer, place: Place, fresh_browser: Callable[[], BrowserContext]
) -> None:
    script = "from django.contrib.auth.models import User; User.objects.create_user('settled', password='%s')"
    live.run("shell", "-c", script % PASSWORD)
    link = invite(people, "viewer")
    guest = fresh_browser().new_page()
    guest.goto(link)
    guest.get_by_role("link", name="Sign in").click()
    guest.get_by_label("Username").fill("settled")
    guest.get_by_label("Password").fill(PASSWORD)
    guest.get_by_role("button", name="Sign in").click()
    guest.get_by_role("button", name="Accept as settled").click()
    expect(heading(guest)).to_have_text(place.workspace["name"])
    expect(member(people, "settled").get_by_role("combobox")).to_have_value("viewer")


def test_an_owner_who_opens_an_invitation_does_not_spend_it(people: Page) -> None:
    link = invite(people, "viewer")
    people.goto(link)
    expect(people.get_by_role("main")).to_contain_text("You are already a member of this workspace")
    expect(people.get_by_role("button", name=re.compile("Accept"))).to_have_count(0)


def test_an_invitation_is_revoked(people: Page, complaints: Complaints) -> None:
    link = invite(people, "viewer")
    people.get_by_role("button", name="Revoke the invitation").click()
    confirm(people, "Revoke")
    expect(people.get_by_role("heading", name="Pending invitations")).to_be_hidden()
    expect(people.locator("[data-invite-made]")).to_be_hidden()
    people.goto(link)
    expect(heading(people)).to_have_text("This invitation no longer works")
    complaints.clear()


def test_a_changed_role_takes_effect_live_on_that_persons_pages(
    people: Page, live: LiveServer, place: Place, fresh_browser: Callable[[], BrowserContext]
) -> None:
    join(place, live, "promoted", "viewer")
    other = fresh_browser().new_page()
    sign_in(other, live, "promoted")
    agent, list_ = other, other.context.new_page()
    agent.goto(place.agent_url)
    list_.goto(f"{place.workspace_url}people/")
    answer = agent.get_by_role("textbox", name="Answer this agent")
    expect(member(list_, "root")).to_be_visible()
    expect(list_.get_by_role("combobox")).to_have_count(0)
    expect_state(agent, "Live")
    expect(answer).to_be_hidden()

    role = member(people, "promoted").get_by_role("combobox")
    role.select_option("operator")
    expect(answer).to_be_visible()
    expect(list_.locator("[data-role]")).to_have_text("operator")
    role.select_option("owner")
    expect(list_.get_by_role("heading", name="Invite people")).to_be_visible()
    expect(member(list_, "root").get_by_role("combobox")).to_be_visible()
    role.select_option("viewer")
    expect(answer).to_be_hidden()
    expect(list_.get_by_role("heading", name="Invite people")).to_be_hidden()
    expect(member(list_, "promoted").get_by_role("button", name="Leave this workspace")).to_be_visible()


def test_every_open_page_of_a_removed_member_says_so(
    people: Page, live: LiveServer, place: Place, fresh_browser: Callable[[], BrowserContext]
) -> None:
    join(place, live, "removed", "operator")
    context = fresh_browser()
    pages: list[Page] = []
    for url in (place.workspace_url, f"{place.workspace_url}people/", place.agent_url):
        page = context.new_page()
        if not pages:
            sign_in(page, live, "removed")
        page.goto(url)
        expect_state(page, "Live")
        pages.append(page)
    member(people, "removed").get_by_role("button", name="Remove removed").click()
    confirm(people, "Remove")
    expect(member(people, "removed")).to_have_count(0)
    for page in pages:
        expect(page.locator("[data-gone]")).to_contain_text("You no longer have access to this")
    expect(pages[0].locator(".agent-row")).to_have_count(0)
    expect(pages[1].locator(".people-row:visible")).to_have_count(0)
    expect(pages[2].get_by_role("textbox", name="Answer this agent")).to_be_hidden()


def test_the_last_owner_is_told_why_it_cannot_leave(people: Page, complaints: Complaints) -> None:
    people.get_by_role("button", name="Leave this workspace").click()
    confirm(people, "Leave")
    expect(member(people, "root").get_by_role("alert")).to_contain_text("last owner")
    member(people, "root").get_by_role("combobox").select_option("viewer")
    confirm(people, "Cancel")
    expect(member(people, "root").get_by_role("combobox")).to_have_value("owner")
    complaints.clear()  # Chromium notes the 400


def test_a_form_is_not_sent_before_its_script_has_loaded(
    tab: Page, live: LiveServer, place: Place, complaints: Complaints
) -> None:
    sign_in(tab, live)
    tab.route("**/tokens*.js", lambda route: route.abort())
    tab.goto(f"{live.url}/account/tokens/")
    expect(tab.get_by_role("button", name="Create token")).to_be_disabled()
    complaints.clear()  # of the script that was kept from it


def test_a_token_is_shown_once_works_and_closes_its_sockets_when_deleted(
    tab: Page, live: LiveServer, place: Place
) -> None:
    sign_in(tab, live)
    tab.goto(place.workspace_url)
    tab.get_by_role("button", name="Account: root").click()
    tab.get_by_role("link", name="Your tokens").click()
    tab.get_by_label("Name", exact=True).fill("build <b>machine</b>")
    tab.get_by_label("Expires").select_option("30")
    tab.get_by_role("button", name="Create token").click()
    secret = tab.locator("[data-secret] code").inner_text()
    expect(tab.locator("[data-command] code")).to_have_text(
        re.compile(
            rf"^agentstream login --url {live.url} &&"
            rf" agentstream run --url {live.url} --workspace \S+ --name \w+ -- COMMAND$"
        )
    )
    row = tab.get_by_role("list", name="Your tokens").get_by_role("listitem").filter(has_text="build <b>machine</b>")
    expect(row).to_contain_text(secret[:10])
    expect(row.locator(".tag")).to_have_text(["publish"])
    api = Api(live.url, secret)
    assert api.post(f"/agents/{place.agent['id']}/output", {"content": "with it\n"}).status == 201
    assert api.post(f"/agents/{place.agent['id']}/input", {"content": "no\n"}).status == 403
    tab.reload()
    expect(row).to_be_visible()
    assert secret not in tab.content()

    ticket = api.post("/tickets").data["ticket"]
    tab.evaluate(
        """(address) => new Promise((resolve) => {
          const socket = new WebSocket(address);
          window.closeCode = new Promise((done) => (socket.onclose = ({ code }) => done(code)));
          socket.onopen = resolve;
        })""",
        f"{live.ws_url}?ticket={ticket}",
    )
    row.get_by_role("button", name="Delete the token").click()
    confirm(tab, "Delete")
    expect(row).to_have_count(0)
    assert tab.evaluate("window.closeCode") == 4403
    assert api.get("/tokens").status == 401


def test_a_token_is_limited_to_what_is_chosen(tab: Page, live: LiveServer, place: Place) -> None:
    sign_in(tab, live)
    tab.goto(f"{live.url}/account/tokens/")
    tab.locator("[data-name]").fill("limited")
    tab.get_by_role("checkbox", name="publish").uncheck()
    tab.get_by_role("checkbox", name="watch").check()
    tab.get_by_role("combobox", name="Workspace").select_option(place.workspace["id"])
    tab.get_by_role("textbox", name="Agents").fill("ci-*")
    tab.locator("[data-form] button[type=submit]").click()
    api = Api(live.url, tab.locator("[data-secret] code").inner_text())
    expect(tab.locator("[data-command]")).to_be_hidden()  # it runs no commands
    assert [one["id"] for one in api.get("/workspaces").data] == [place.workspace["id"]]
    assert api.get(f"/agents/{place.agent['id']}").status == 404
    row = tab.get_by_role("list", name="Your tokens").get_by_role("listitem").filter(has_text="limited")
    expect(row.locator(".tag")).to_have_text(["watch"])
    expect(row).to_contain_text(f"in {place.workspace['name']}, agents ci-*")
    full = tab.get_by_role("list", name="Your tokens").get_by_role("listitem").filter(has_text="full access")
    expect(full.first).to_be_visible()  # the one that the tests' own calls use


def test_owners_read_the_audit_log_of_their_workspace(tab: Page, live: LiveServer, place: Place) -> None:
    sign_in(tab, live)
    tab.goto(place.workspace_url)
    tab.get_by_role("link", name="Audit log").first.click()
    tab.get_by_label("Action").select_option("agent_created")
    tab.get_by_role("button", name="Show").click()
    rows = tab.locator(".audit tbody tr")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text(["agent created"])
    with tab.expect_download() as download:
        tab.get_by_role("link", name="CSV").click()
    assert download.value.suggested_filename.endswith(".csv")


def test_invitations_and_tokens_created_elsewhere_appear_by_themselves(
    tab: Page, live: LiveServer, place: Place
) -> None:
    sign_in(tab, live)
    tab.clock.install()  # time passes normally until the test advances it
    tab.goto(f"{place.workspace_url}people/")
    expect(member(tab, "root")).to_be_visible()
    assert place.api.post(f"/workspaces/{place.workspace['id']}/invitations", {"role": "viewer"}).status == 201
    later(tab)
    expect(tab.get_by_role("button", name=re.compile("Revoke the invitation"))).to_be_visible()
    tab.goto(f"{place.api.url}/account/tokens/")
    expect(tab.get_by_role("button", name=re.compile("Delete the token")).first).to_be_visible()
    live.run("createtoken", "root", "--name", "made in the shell")
    later(tab)
    expect(tab.get_by_role("button", name="Delete the token made in the shell")).to_be_visible()
