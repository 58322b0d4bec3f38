"""An agent's page: how it shows output, and what people can do there."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.browser.chromium import Complaints, expect_state, scroll, sign_in
from tests.browser.conftest import Place
from tests.support.server import LiveServer

pytestmark = pytest.mark.browser

OUTPUT = "agent:output"
MARKDOWN = """Look at **this**:

- one `piece`
- [a link](https://example.com/) and [a trap](javascript:document.title='pwned')

```python
def f(x: int) -> int:
    return x + 1
```
![spy](https://example.com/spy.png) <img src=x onerror="document.title='pwned'">"""


def message(content: str, **more: Any) -> tuple[str, dict[str, Any]]:
    return (OUTPUT, {"content": content, "messageId": "m", **more})


def said(page: Page) -> Locator:
    return page.locator(".entry-text")


def test_markdown_is_rendered_with_colored_code_and_runs_or_loads_nothing(reader: Page, place: Place) -> None:
    place.publish("a", message(MARKDOWN))
    text = said(reader)
    expect(text.locator("strong")).to_have_text("this")
    expect(text.locator("li")).to_have_count(2)
    expect(text.locator("pre .hljs-keyword").first).to_have_text("def")
    expect(text.locator("a")).to_have_text(["a link", "spy"])
    expect(text.locator("a").first).to_have_attribute("rel", "noopener noreferrer nofollow")
    expect(text).to_contain_text("<img src=x onerror=\"document.title='pwned'\">")
    assert text.locator("img, script, style, [style], [onerror]").count() == 0
    assert "pwned" not in reader.title()
    reader.get_by_role("button", name="More").click()
    reader.get_by_role("button", name="Show raw messages").click()
    expect(text).to_have_text(MARKDOWN)


TABLE = """| Platform | Amount | Where |
|:--|--:|:-:|
| Platform | 1 | https://example.com/a-long-address-that-is-wider-than-a-phone/and/goes/on/and/on |

3. third
4. fourth"""


def test_tables_keep_their_words_and_alignment_and_lists_their_numbers(reader: Page, place: Place) -> None:
    reader.set_viewport_size({"width": 360, "height": 740})
    place.publish("a", message(TABLE))
    cells = said(reader).locator("td")
    expect(cells).to_have_count(3)
    assert cells.evaluate_all("all => all.map((one) => getComputedStyle(one).textAlign)") == ["start", "end", "center"]
    word = cells.first.evaluate(
        "one => { const r = new Range(); r.selectNodeContents(one); return r.getClientRects().length; }"
    )
    assert word == 1, "a word is broken over lines"
    expect(said(reader).locator("ol")).to_have_attribute("start", "3")
    assert reader.evaluate("document.documentElement.scrollWidth") == 360


LINKS = [
    "docs: https://example.com/a_(b)?x=1&y=2. And http://127.0.0.1:8000/run/1, \x1b[32mhttps://example.com/green\x1b[0m\n",
    "javascript:alert(1) data:text/html,x ftp://example.com https://google.com@evil.example/ https://\u0430pple.com/\n",
    "https://example.com/\u202egnp.exe https://example.com/שלום/x https://[bad https://example.com/<img src=x>\n",
]


def test_addresses_in_output_are_links_unless_their_looks_could_deceive(reader: Page, place: Place) -> None:
    for text in LINKS:
        place.say(text)
    place.publish("a", message("[https://bank.example](https://evil.example/)"))
    expect(said(reader)).to_have_count(4)
    links = said(reader).locator("a")
    expect(links).to_have_text(
        [
            "https://example.com/a_(b)?x=1&y=2",
            "http://127.0.0.1:8000/run/1",
            "https://example.com/green",
            "https://example.com/",
            "https://example.com/",
            "https://bank.example",
        ]
    )
    expect(links.last).to_have_attribute("title", "https://evil.example/")
    for link in links.all():
        expect(link).to_have_attribute("rel", "noopener noreferrer nofollow")
        expect(link).to_have_attribute("href", re.compile("^https?://"))
    expect(said(reader).nth(2)).to_contain_text("⟨U+202E⟩gnp.exe")


def test_code_is_copied(reader: Page, place: Place) -> None:
    reader.context.grant_permissions(["clipboard-read", "clipboard-write"])
    place.publish("a", message("```sh\necho hello\n```"))
    reader.bring_to_front()  # only the page in front may use the clipboard
    said(reader).get_by_role("button", name="Copy").click()
    expect(said(reader).get_by_role("button", name="Copied")).to_be_visible()
    assert reader.evaluate("navigator.clipboard.readText()") == "echo hello\n"


def test_a_message_is_rendered_while_it_streams(reader: Page, place: Place) -> None:
    place.publish("a", message("A **bo", isStreaming=True))
    expect(said(reader)).to_contain_text("A **bo")
    place.publish("b", message("ld** word"))
    expect(said(reader).locator("strong")).to_have_text("bold")


def test_process_output_keeps_its_colors_and_characters(reader: Page, place: Place) -> None:
    place.say("\x1b[1;31mfailed\x1b[0m **not bold** 10%\r50%\r\x1b]0;title\x07done \x1b[2J\x1b[38;5;46mok\n")
    text = said(reader)
    expect(text).to_have_text("done ok\n")
    expect(text.locator(".ansi-fg-10")).to_have_text("ok")
    place.say("\x1b[1;31mfailed\x1b[0m **not bold**\n")
    expect(text.nth(1).locator(".ansi-bold.ansi-fg-1")).to_have_text("failed")
    expect(text.nth(1)).to_have_text("failed **not bold**\n")


def test_the_page_keeps_working_with_hostile_text_of_any_size(reader: Page, place: Place) -> None:
    for text in ("\x1b[31m" * 13_000, "\x1b[" + "1;" * 30_000, "x" * 65_000, "\r" * 65_000, "\x1b]8;;" + "y" * 65_000):
        place.say(text)
    for number, text in enumerate((">" * 19_000, "_a" * 9_000, "[" * 19_000, "|a" * 9_000 + "\n" + "|-" * 9_000)):
        place.publish(f"p{number}", message(text, messageId=f"m{number}"))
    place.say("still here")
    expect(reader.get_by_text("still here")).to_be_in_viewport(timeout=10_000)


def test_search_finds_loaded_and_earlier_output(reader: Page, place: Place) -> None:
    lines = [(OUTPUT, {"content": f"line {number}\n"}) for number in range(1, 1_801)]
    place.publish("a", *lines)
    reader.reload()
    expect(reader.get_by_text("line 1800")).to_be_in_viewport()
    field = reader.get_by_role("searchbox", name="Search this transcript")
    reader.keyboard.press("/")
    expect(field).to_be_focused()
    field.fill("Line 17")
    count = reader.locator("[data-search-count]")
    expect(count).to_have_text("111 found")  # 17, 170 to 179, 1700 to 1799, and the earliest was fetched for it
    field.press("Enter")
    expect(count).to_have_text("111 of 111")
    expect(reader.get_by_text("line 1799", exact=True)).to_be_in_viewport()
    field.press("Shift+Enter")
    expect(count).to_have_text("1 of 111")
    expect(reader.get_by_text("line 17", exact=True)).to_be_in_viewport()
    assert reader.evaluate("CSS.highlights.get('found').size") > 0


def test_a_link_leads_to_its_event_however_old(reader: Page, place: Place) -> None:
    place.publish("a", *[(OUTPUT, {"content": f"line {number}\n"}) for number in range(1, 1_501)])
    expect(reader.get_by_text("line 1500")).to_be_in_viewport()
    reader.goto(f"{place.agent_url}#700")
    target = reader.locator("[data-target]")
    expect(target).to_have_text(re.compile("line 700\n"))
    expect(target).to_be_in_viewport()
    reader.reload()
    expect(target).to_have_text(re.compile("line 700\n"))
    expect(target).to_be_in_viewport()
    reader.evaluate("location.hash = '#20'")
    expect(target).to_have_text(re.compile("line 20\n"))
    expect(target).to_be_in_viewport()


@pytest.mark.parametrize("kind", ["text", "JSON"])
def test_everything_can_be_downloaded(reader: Page, place: Place, kind: str, tmp_path: Path) -> None:
    place.publish("a", *[(OUTPUT, {"content": f"\x1b[1mline {number}\x1b[0m\n"}) for number in range(1, 1_502)])
    reader.get_by_role("button", name="More").click()
    with reader.expect_download() as started:
        reader.get_by_role("button", name=f"Download as {kind}").click()
    started.value.save_as(tmp_path / "file")
    text = (tmp_path / "file").read_text()
    if kind == "JSON":
        assert started.value.suggested_filename == "worker.json"
        assert [event["seq"] for event in json.loads(text)] == list(range(1, 1_502))
    else:
        assert started.value.suggested_filename == "worker.txt"
        assert text.splitlines()[1:] == [f"line {number}" for number in range(1, 1_502)]
        assert text.splitlines()[0].endswith("] Output")


def test_status_and_context_over_time(reader: Page, place: Place) -> None:
    place.status("running")
    place.context(30)
    reader.get_by_role("button", name="Timeline").click()
    timeline = reader.get_by_role("list", name="Status over time")
    expect(timeline).to_contain_text("Running")
    chart = reader.get_by_role("img", name="Context level over time")
    expect(chart.locator("canvas")).to_be_visible()
    place.context(55)
    place.status("waiting", "awaiting_input")
    expect(chart).to_have_accessible_name("Context level over time: from 30 % to 55 %, at most 55 %")
    expect(timeline.locator('[data-status="waiting"]')).to_have_attribute("title", re.compile("Waiting for input"))


def test_the_chart_includes_events_from_long_before_the_page_was_opened(
    tab: Page, live: LiveServer, place: Place
) -> None:
    place.status("running")
    place.context(5)
    place.context(60)
    place.publish("p", *[(OUTPUT, {"content": f"line {number}"}) for number in range(1_200)])
    place.context(30)
    sign_in(tab, live)
    tab.goto(place.agent_url)
    expect_state(tab, "Live")
    tab.get_by_role("button", name="Timeline").click()
    chart = tab.get_by_role("img", name="Context level over time")
    expect(chart).to_have_accessible_name("Context level over time: from 5 % to 30 %, at most 60 %")
    expect(tab.get_by_role("list", name="Status over time")).to_contain_text("Running")
    expect(tab.get_by_role("button", name="Load earlier")).to_be_attached()


def test_other_viewers_are_named(
    reader: Page, live: LiveServer, place: Place, fresh_browser: Callable[[], BrowserContext]
) -> None:
    watchers = reader.locator("[data-viewers]")
    live.token("ada", "--superuser")
    other = fresh_browser().new_page()
    sign_in(other, live, "ada")
    other.goto(place.agent_url)
    expect_state(other, "Live")
    expect(other.locator("[data-viewers]")).to_have_text("root is also watching")
    come_back = "document.dispatchEvent(new Event('visibilitychange'))"  # as to the tab; else it is 15 seconds
    reader.evaluate(come_back)
    expect(watchers).to_have_text("ada is also watching")
    other.close()
    reader.wait_for_timeout(500)
    reader.evaluate(come_back)
    expect(watchers).to_be_hidden()


def test_a_person_answers_and_is_named(reader: Page, place: Place) -> None:
    box = reader.get_by_role("textbox", name="Answer this agent")
    reader.locator("main").press("a")
    box.fill("Yes, go on\nplease")
    box.press("Enter")
    expect(reader.locator('.entry[data-type="input"]')).to_contain_text("root wrote")
    expect(said(reader)).to_have_text("Yes, go on\nplease")
    expect(box).to_have_value("")


def test_text_that_could_not_be_sent_is_kept(reader: Page, place: Place, complaints: Complaints) -> None:
    reader.route("**/api/agents/*/input", lambda route: route.abort())
    box = reader.get_by_role("textbox", name="Answer this agent")
    box.fill("Important")
    reader.get_by_role("button", name="Send").click()
    expect(reader.get_by_text("Not sent. The server can't be reached.")).to_be_visible()
    expect(box).to_have_value("Important")
    complaints.clear()  # Chromium tells the console of every failed request


def test_stop_asks_for_confirmation_and_shows_who_asked(reader: Page, place: Place) -> None:
    notes = reader.locator('.entry[data-type="note"]')
    reader.get_by_role("button", name="Stop").click()
    reader.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    expect(reader.get_by_role("dialog")).to_be_hidden()
    reader.get_by_role("button", name="Interrupt").click()
    reader.get_by_role("dialog").get_by_role("button", name="Interrupt").click()
    expect(notes).to_have_text([re.compile("root sent an interrupt")])


def test_a_run_that_has_ended_takes_no_answer_and_changes_of_status_are_announced(reader: Page, place: Place) -> None:
    said = reader.locator("[aria-live=polite]")
    box = reader.get_by_role("textbox", name="Answer this agent")
    ended = reader.get_by_text("The run has ended; nobody is listening")
    box.fill("Unsent")
    expect(ended).to_be_hidden()
    for status, reason in (("finished", None), ("offline", "lost"), ("error", "process_error")):
        place.status(status, reason)
        expect(ended).to_be_visible()
        expect(box).to_be_hidden()
        for name in ("Send", "Interrupt", "Stop"):
            expect(reader.get_by_role("button", name=name)).to_be_hidden()
    expect(said).to_contain_text("worker: Error process failed")
    place.status("waiting", "awaiting_input")
    expect(said).to_have_text("worker: Waiting for input")
    expect(ended).to_be_hidden()
    expect(box).to_have_value("Unsent")


def test_the_keyboard_and_screen_readers_find_their_way_through_a_transcript(reader: Page, place: Place) -> None:
    place.publish("a", ("agent:session", {"session": "s", "change": "started", "title": "Fix it"}), message("Hello"))
    place.publish("b", *[(OUTPUT, {"content": f"line {number}\n"}) for number in range(100)])
    expect(reader.get_by_text("line 99")).to_be_in_viewport()
    log = reader.get_by_role("log", name="Transcript of worker")
    expect(log.get_by_role("article", name=re.compile(r"^Assistant, \d\d:\d\d:\d\d$"))).to_have_count(1)
    expect(log.get_by_role("article", name=re.compile("^Output, "))).to_have_count(1)
    expect(log.get_by_role("heading", level=3)).to_have_text(["Assistant", "Output"])
    expect(log.get_by_role("heading", level=2)).to_contain_text("Fix it")
    scroll(reader).focus()
    expect(reader.locator('.entry-time[tabindex="0"]')).to_have_count(1)
    reader.keyboard.press("Tab")
    focused = reader.locator(".entry-time:focus")
    expect(focused).to_be_visible()
    top = int(focused.get_attribute("href").removeprefix("#"))  # type: ignore[union-attr]
    for _ in range(3):
        reader.keyboard.press("ArrowUp")
    expect(focused).to_have_attribute("href", f"#{top - 3}")
    expect(focused).to_be_in_viewport()
    reader.keyboard.press("ArrowDown")
    reader.keyboard.press("Enter")
    expect(reader.locator("[data-target]")).to_have_attribute("data-seq", str(top - 2))
    assert reader.url.endswith(f"#{top - 2}")
    assert len(reader.locator('[data-entries] .entry-time[tabindex="0"]').all()) == 1


def test_a_wide_window_shows_the_other_agents_and_what_has_changed(reader: Page, place: Place) -> None:
    place.api.agent(place.workspace["id"], "another")
    changes = [{"path": "src/a.py", "patch": "@@ -1 +1 @@\n-old\n+new\n"}]
    call = {"role": "tool", "kind": "tool_call", "toolKind": "edit", "toolName": "Edit", "content": "{}"}
    beside = reader.get_by_role("navigation", name="Agents of this workspace")
    changed, chart = reader.get_by_role("region", name="Changed files"), reader.locator(".context-chart")
    reader.set_viewport_size({"width": 1600, "height": 900})
    expect(beside.get_by_role("link")).to_have_text([re.compile("another"), re.compile("worker")])
    expect(beside.get_by_role("link", name="worker")).to_have_attribute("aria-current", "page")
    expect(reader.get_by_text("Nothing reported yet")).to_be_visible()
    for empty in (chart, changed, reader.get_by_role("region", name="Usage"), reader.locator("[data-plan]")):
        expect(empty).to_be_hidden()
    place.publish(
        "a",
        (OUTPUT, {**call, "changes": changes}),
        ("agent:plan", {"entries": [{"content": "Do it", "status": "pending"}]}),
        ("agent:usage", {"inputTokens": 12_000, "costUsd": 0.4}),
    )
    place.context(30)
    expect(changed.get_by_role("link")).to_have_text(re.compile(r"^src/a.py \+1 .1$"))
    expect(chart.locator("canvas")).to_be_visible()
    expect(reader.locator("[data-plan] li")).to_be_visible()
    expect(reader.get_by_role("region", name="Usage")).to_contain_text("12,000 input tokens")
    chart.locator(".u-over").hover()
    expect(reader.locator(".context-value")).to_have_text(re.compile(r"^\d\d:\d\d:\d\d · context 30 %$"))
    place.status("error")
    expect(beside.get_by_role("link").first).to_contain_text("Error")
    expect(beside.locator(".agent-shape").first).to_have_attribute("data-status", "error")
    room = {name: reader.locator(name).bounding_box() for name in (".agent-list", ".transcript", ".rail")}
    assert room[".agent-list"]["x"] < room[".transcript"]["x"] < room[".rail"]["x"]  # type: ignore[index]
    reader.set_viewport_size({"width": 1280, "height": 800})
    expect(beside).to_be_hidden()
    expect(reader.locator("[data-plan]")).to_be_visible()


def test_a_viewer_cannot_answer(tab: Page, live: LiveServer, place: Place) -> None:
    live.token("onlooker")
    live.run("shell", "-c", ADD_VIEWER.format(workspace=place.workspace["id"]))
    sign_in(tab, live, "onlooker")
    tab.goto(place.agent_url)
    expect_state(tab, "Live")
    expect(scroll(tab)).to_be_visible()
    expect(tab.get_by_role("button", name="Stop")).to_have_count(0)
    expect(tab.get_by_role("textbox", name="Answer this agent")).to_have_count(0)


ADD_VIEWER = """
import uuid
from django.contrib.auth import get_user_model
from workspaces.services import WorkspaceService
WorkspaceService.set_member(uuid.UUID("{workspace}"), get_user_model().objects.get(username="onlooker").pk, "viewer")
"""
