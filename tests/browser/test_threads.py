"""An agent's page: its sub-agents as threads that fold, and the files that its output names."""

import re
import struct
import zlib
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.chromium import Complaints, expect_state, scroll, sign_in
from tests.browser.conftest import Place
from tests.browser.test_quality import violations
from tests.support.server import LiveServer

pytestmark = pytest.mark.browser

Event = tuple[str, dict[str, Any]]


def says(content: str, parent: str | None = None) -> Event:
    payload = {"content": content, "messageId": content, "role": "assistant"}
    return "agent:output", payload if parent is None else {**payload, "parentId": parent}


def subagent(parent: str, change: str, name: str = "reviewer", **more: str) -> Event:
    return "agent:subagent", {"parentId": parent, "change": change, "name": name, **more}


def headings(page: Page) -> Locator:
    return page.locator(".thread-head")


def heading(page: Page, name: str = "reviewer") -> Locator:
    return headings(page).filter(has_text=name).first


def test_a_sub_agents_entries_are_a_thread_that_folds_when_it_ends(reader: Page, place: Place) -> None:
    place.publish("a", says("before"), subagent("c", "started", description="Read it"), says("one", "c"))
    expect(heading(reader)).to_have_text("reviewer Read it Running 1 entry ")
    expect(heading(reader)).to_have_attribute("aria-expanded", "true")
    expect(reader.get_by_text("one", exact=True)).to_be_visible()
    place.publish("b", says("two", "c"))
    expect(heading(reader)).to_contain_text("2 entries")
    expect(headings(reader)).to_have_count(1)
    place.publish("c", subagent("c", "ended"), says("after"))
    expect(heading(reader)).to_contain_text("Done")
    expect(heading(reader)).to_have_attribute("aria-expanded", "false")
    expect(reader.get_by_text("one", exact=True)).to_be_hidden()
    expect(reader.get_by_text("after", exact=True)).to_be_visible()
    heading(reader).focus()
    reader.keyboard.press("Enter")
    expect(heading(reader)).to_have_attribute("aria-expanded", "true")
    expect(heading(reader)).to_be_focused()
    expect(reader.get_by_text("two", exact=True)).to_be_visible()
    assert violations(reader) == []
    reader.keyboard.press("Space")
    expect(reader.get_by_text("two", exact=True)).to_be_hidden()


def test_sub_agents_are_nested_inside_their_calls_however_they_take_turns(reader: Page, place: Place) -> None:
    def call(id_: str, **more: Any) -> Event:
        tool = {"role": "tool", "kind": "tool_call", "toolName": "Task", "toolCallId": id_, "messageId": f"call {id_}"}
        return "agent:output", {**tool, "toolInput": {"description": f"task {id_}"}, "content": "{}", **more}

    prompt = {"role": "user", "content": "Review it", "messageId": "p", "parentId": "c"}
    place.publish(
        "a",
        call("c"),
        call("d"),
        subagent("c", "started"),
        subagent("d", "started", "tester"),
        ("agent:output", prompt),
        *[says(f"{parent}{turn}", parent) for turn in range(3) for parent in "cd"],
        says("after"),
    )
    calls = reader.locator("[data-entries] > .block > .entry[data-type=tool]")
    expect(calls).to_have_count(2)
    expect(calls.first.locator(".thread-entries .entry-text")).to_have_text(["Review it", "c0", "c1", "c2"])
    expect(calls.last.locator(".thread-entries .entry-text")).to_have_text(["d0", "d1", "d2"])
    expect(calls.first.locator(".entry-who").first).to_have_text("Prompt")
    expect(reader.get_by_text("User", exact=True)).to_have_count(0)
    expect(heading(reader)).to_contain_text("4 entries")
    colors = {one.get_attribute("data-thread") for one in reader.locator(".thread").all()}
    assert len(colors) == 2
    heading(reader).click()
    expect(heading(reader)).to_be_focused()
    expect(reader.get_by_text("c2", exact=True)).to_be_hidden()
    expect(reader.get_by_text("d2", exact=True)).to_be_visible()
    # A sub-agent may start one of its own.
    place.publish("b", call("e", parentId="d"), subagent("e", "started", "helper"), says("e0", "e"))
    expect(calls.last.locator(".thread-entries .thread-entries .entry-text")).to_have_text("e0")
    place.publish("c", subagent("d", "failed", "tester"))
    expect(heading(reader, "tester")).to_contain_text("Failed")
    expect(reader.get_by_text("e0", exact=True)).to_be_hidden()


def test_a_call_and_its_sub_agent_find_each_other_when_the_past_is_loaded(reader: Page, place: Place) -> None:
    call = {"role": "tool", "kind": "tool_call", "toolName": "Task", "toolCallId": "c", "content": "{}"}
    read = {"role": "tool", "kind": "tool_call", "toolName": "Read", "toolCallId": "r", "toolInput": {"path": "a.py"}}
    lines = [("agent:output", {"content": f"line {n}\n"}) for n in range(700)]
    place.publish("a", ("agent:output", call), subagent("c", "started"), says("early", "c"))
    place.publish("b", ("agent:output", {**read, "toolKind": "read", "content": "{}"}), *lines)
    place.publish("c", says("late", "c"), ("agent:output", {**read, "kind": "tool_result", "content": "x\ny"}))
    reader.reload()
    expect(reader.get_by_text("late", exact=True)).to_be_visible()
    expect(headings(reader)).to_have_count(1)
    expect(reader.locator(".entry[data-type=result]")).to_have_count(1)
    scroll(reader).evaluate("one => one.scrollTop = 0")
    expect(reader.get_by_text("Start of the transcript")).to_be_attached()
    scroll(reader).evaluate("one => one.scrollTop = 0")
    expect(reader.locator(".tool .thread-entries .entry-text")).to_have_text(["early", "late"])
    expect(headings(reader)).to_have_count(1)
    expect(reader.locator(".tool", has_text="a.py")).to_contain_text("2 lines")
    expect(reader.locator(".entry[data-type=result]")).to_have_count(0)


def test_what_ran_when_the_process_ended_has_stopped(reader: Page, place: Place) -> None:
    place.publish("a", subagent("c", "started"), says("one", "c"))
    expect(heading(reader)).to_contain_text("Running")
    place.publish("b", ("agent:terminated", {"exitCode": 1, "reason": "error"}))
    expect(heading(reader)).to_contain_text("Stopped")
    expect(heading(reader)).to_have_attribute("aria-expanded", "false")


def test_a_thread_is_whole_once_its_start_is_loaded(reader: Page, place: Place) -> None:
    place.publish("a", subagent("c", "started", description="Read it"), *[says(f"line {n}", "c") for n in range(700)])
    reader.reload()
    expect(reader.get_by_text("line 699")).to_be_in_viewport()
    scroll(reader).evaluate("one => one.scrollTop = 0")
    expect(reader.get_by_text("Start of the transcript")).to_be_attached()
    scroll(reader).evaluate("one => one.scrollTop = 0")
    expect(heading(reader)).to_contain_text("Running 700 entries")
    expect(headings(reader)).to_have_count(1)
    reader.get_by_text("Jump to the end").click()
    place.publish("b", subagent("c", "ended"), says("after"))
    expect(reader.get_by_text("after", exact=True)).to_be_in_viewport()
    expect(heading(reader)).to_have_attribute("aria-expanded", "false")
    expect(heading(reader)).to_contain_text("reviewer Read it Done 700 entries")
    expect(reader.locator(".entry-text:visible")).to_have_count(1)


def test_a_thread_of_which_only_a_part_is_kept_counts_that(tab: Page, live: LiveServer, place: Place) -> None:
    sign_in(tab, live)
    tab.goto(f"{live.url}/pinned/?agents={place.agent['id']}")
    expect_state(tab, "Live")
    place.publish("a", subagent("c", "started", description="Read it"), says("line 0", "c"))
    expect(heading(tab)).to_contain_text("Running 1 entry")
    place.publish("b", *[says(f"line {n}", "c") for n in range(1, 700)])
    expect(tab.get_by_text("line 699", exact=True)).to_be_in_viewport()
    tab.locator(".transcript-scroll").evaluate("one => one.scrollTop = 0")
    expect(headings(tab)).to_have_count(1)
    expect(heading(tab)).to_have_text(re.compile(r"^reviewer Read it Running (3[5-9]\d|400) entries"))


def test_a_thread_whose_start_nobody_told_is_open_without_a_state(reader: Page, place: Place) -> None:
    place.publish("a", says("one", "c"))
    expect(heading(reader, "Sub-agent")).to_have_text("Sub-agent 1 entry ")
    expect(reader.get_by_text("one", exact=True)).to_be_visible()


def test_a_thread_does_not_fold_away_from_under_its_reader(reader: Page, place: Place) -> None:
    place.publish("a", subagent("c", "started"), *[says(f"line {n}", "c") for n in range(100)])
    expect(reader.get_by_text("line 99")).to_be_in_viewport()
    scroll(reader).evaluate("one => one.scrollTop = 300")
    expect(reader.locator("[data-new]")).to_be_visible()
    place.publish("b", subagent("c", "ended"))
    expect(heading(reader)).to_contain_text("Done")
    expect(heading(reader)).to_have_attribute("aria-expanded", "true")
    # Its heading may have become a line higher.
    assert abs(scroll(reader).evaluate("one => one.scrollTop") - 300) < 40


def test_a_search_and_an_address_unfold_the_thread(reader: Page, place: Place) -> None:
    place.publish("a", subagent("c", "started"), says("needle", "c"), subagent("c", "ended"))
    expect(heading(reader)).to_have_attribute("aria-expanded", "false")
    reader.get_by_role("searchbox").first.fill("needle")
    expect(reader.get_by_text("1 found")).to_be_visible()
    reader.keyboard.press("Enter")
    expect(reader.get_by_text("needle", exact=True)).to_be_in_viewport()
    reader.goto(f"{place.agent_url}#2")
    reader.reload()
    expect(reader.get_by_text("needle", exact=True)).to_be_in_viewport()


def test_hostile_sub_agents_are_only_text(reader: Page, place: Place) -> None:
    evil = '<img src=x onerror="document.title=1">\u202e'
    for number, parent in enumerate(("__proto__", "constructor", evil, "0")):
        place.publish(f"a{number}", subagent(parent, "started", evil, description=evil), says(f"n{number}", parent))
    expect(headings(reader)).to_have_count(4)
    expect(heading(reader, "onerror")).to_contain_text('<img src=x onerror="document.title=1">⟨U+202E⟩')
    expect(reader.locator("[data-entries] img")).to_have_count(0)


def test_images_are_shown_and_other_files_linked(reader: Page, place: Place, complaints: Complaints) -> None:
    image = attach(place, "<b>shot</b>.png", PNG, "image/png")
    text = attach(place, "report.txt", b"x" * 12_345, "text/plain")
    output = {"content": "see", "messageId": "m", "attachments": [image]}
    place.publish("a", ("agent:output", output))
    shown = reader.get_by_role("img", name="<b>shot</b>.png")
    expect(shown).to_be_visible()
    expect(shown).to_have_attribute("loading", "lazy")
    expect(reader.locator(".attachments img")).to_have_js_property("naturalWidth", 2000)
    box, room = shown.bounding_box(), scroll(reader).bounding_box()
    assert box and room and box["width"] <= room["width"] and box["height"] <= 200
    place.publish("b", ("agent:output", {**output, "content": " more", "attachments": [text]}))
    expect(reader.get_by_role("link", name="report.txt · 12 KB")).to_be_visible()
    expect(shown).to_have_count(1)
    with reader.context.expect_page() as opened:
        shown.click()
    assert opened.value.url.endswith(f"/api/attachments/{image['id']}")
    expect(opened.value.locator("img")).to_have_js_property("naturalWidth", 2000)
    # Chromium's own page around the image wants styles, which the file's policy refuses.
    assert [complaint for complaint in complaints if "/api/attachments/" not in complaint] == []
    complaints.clear()


def test_an_image_that_is_gone_leaves_a_text(reader: Page, place: Place, complaints: Complaints) -> None:
    gone = {"id": "00000000-0000-4000-8000-000000000000", "name": "old.png", "mediaType": "image/png", "size": 1}
    place.publish("a", ("agent:output", {"content": "see", "attachments": [gone]}))
    expect(reader.get_by_text("old.png · no longer stored")).to_be_visible()
    expect(reader.locator(".attachments img")).to_have_count(0)
    assert [complaint for complaint in complaints if "404" not in complaint] == []
    complaints.clear()


def test_a_file_that_is_gone_says_so_where_its_link_was(reader: Page, place: Place, complaints: Complaints) -> None:
    kept = attach(place, "report.txt", b"Hello", "text/plain")
    gone = {"id": "00000000-0000-4000-8000-000000000000", "name": "old.txt", "mediaType": "text/plain", "size": 1}
    place.publish("a", ("agent:output", {"content": "see", "messageId": "m", "attachments": [kept, gone]}))
    with reader.expect_download() as saved:
        reader.get_by_role("link", name="report.txt").click()
    assert saved.value.suggested_filename == "report.txt"
    reader.get_by_role("link", name="old.txt").click()
    expect(reader.get_by_text("old.txt · no longer stored")).to_be_visible()
    expect(reader.get_by_role("link", name="old.txt")).to_have_count(0)
    assert [complaint for complaint in complaints if "404" not in complaint] == []
    complaints.clear()


def attach(place: Place, name: str, content: bytes, type_: str) -> dict[str, Any]:
    kept = place.api.call(
        "POST", f"/agents/{place.agent['id']}/attachments?name={quote(name)}", content, Content_Type=type_
    )
    assert kept.status == 201, kept
    return {**kept.data, "name": name}


def png(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)  # 8-bit grey
    rows = zlib.compress((b"\0" + b"\x80" * width) * height)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


PNG = png(2_000, 1_000)
