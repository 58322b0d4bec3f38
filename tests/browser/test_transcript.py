"""An agent's page: all output once and in order, and no output does any harm."""

import re
from itertools import pairwise
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.chromium import allowed, scroll, transcript
from tests.browser.conftest import Place

pytestmark = pytest.mark.browser

OUTPUT = "agent:output"


def lines(first: int, last: int) -> list[tuple[str, dict[str, Any]]]:
    return [(OUTPUT, {"content": f"line {number}\n"}) for number in range(first, last + 1)]


def expected(first: int, last: int) -> str:
    return "".join(f"line {number}\n" for number in range(first, last + 1))


def test_chunks_of_one_message_are_one_entry(reader: Page, place: Place) -> None:
    chunk = {"messageId": "m1", "role": "assistant", "isStreaming": True}
    place.publish("a", (OUTPUT, {**chunk, "content": "Once upon "}), (OUTPUT, {**chunk, "content": "a "}))
    expect(reader.locator(".entry-text")).to_have_text("Once upon a ")
    place.publish("b", (OUTPUT, {**chunk, "content": "time"}), (OUTPUT, {"messageId": "m2", "content": "The end"}))
    expect(reader.locator(".entry-text")).to_have_text(["Once upon a time", "The end"])


def tool(name: str, kind: str, given: dict[str, Any], result: str | None = None, **more: Any) -> list[Any]:
    """A call, and its result."""
    id_ = f"call {name} {given}"
    base = {"role": "tool", "toolName": name, "toolCallId": id_[:200]}
    changes = {"changes": more.pop("changes")} if "changes" in more else {}
    events = [(OUTPUT, {**base, "kind": "tool_call", "toolKind": kind, "toolInput": given, "content": "{}", **changes})]
    return events + (
        [(OUTPUT, {**base, "kind": "tool_result", "content": result, **more})] if result is not None else []
    )


PATCH = "--- a/a.py\n+++ b/a.py\n@@ -1,2 +1,16 @@\n-old\n" + "".join(f"+new {n}\n" for n in range(15))
EVIL = "<img src=x onerror=document.title='pwned'>\u202e"


def test_a_call_and_its_result_are_one_row_that_says_what_happened(reader: Page, place: Place) -> None:
    output = "".join(f"line {n}\n" for n in range(30))
    place.publish(
        "a",
        *tool("Bash", "execute", {"command": "make test"}, f"Exit code 2\n{output}", isError=True, durationMs=1234),
        *tool("Read", "read", {"file_path": "/home/ada/project/src/deep/a.py"}, "1\n2\n3"),
        *tool("Grep", "search", {"pattern": "x", "path": "src"}, "Found 3 files\na\nb\nc"),
        *tool("WebFetch", "fetch", {"url": "https://example.com/page"}, "# The title\ntext"),
        *tool("mcp__jira__create", "other", {"summary": "Broken", "labels": ["a", "b"]}, "PAY-1"),
        *tool("Edit", "edit", {"file_path": "a.py"}, "done", changes=[{"path": "a.py", "patch": PATCH}]),
        *tool("Bash", "execute", {"command": "sleep 100"}),
    )
    rows = reader.locator(".tool")
    expect(rows).to_have_count(7)
    bash, jira, edit, running = (rows.nth(number) for number in (0, 4, 5, 6))
    heads = [" ".join(row.locator(".tool-head").inner_text().split()) for row in rows.all()]
    assert heads == [
        "Failed $ make test exit 2 1.2 s",
        "Done Read …/src/deep/a.py 3 lines",
        "Done Grep x in src 3 files",
        "Done WebFetch example.com · The title",
        "Done jira · create Broken",
        "Done Edit a.py +15 \N{MINUS SIGN}1",
        "Running $ sleep 100",
    ]
    # What failed, and commands, show how they ended; changes what they are; the rest opens.
    expect(bash.locator(".tool-tail")).to_have_text("…\nline 25\nline 26\nline 27\nline 28\nline 29")
    expect(edit.locator(".diff [data-change=added]")).to_contain_text("+new 9")
    expect(edit.locator(".diff")).not_to_contain_text("+new 14")
    expect(edit.locator(".diff")).not_to_contain_text("--- a/a.py")
    edit.get_by_role("button", name="Show all").click()
    expect(edit.locator(".diff")).to_contain_text("+new 14")
    expect(reader.get_by_text('"labels"')).to_have_count(0)
    jira.locator(".tool-head").click()
    expect(jira.locator("dt")).to_have_text(["summary", "labels"])
    expect(jira.locator(".tool-output")).to_have_text("PAY-1")
    jira.get_by_text("Raw").click()
    expect(jira.locator(".tool-raw pre")).to_contain_text('"labels": [')
    bash.locator(".tool-head").press("Enter")
    expect(bash.locator(".tool-output").last).to_contain_text("line 3\n")
    expect(bash.locator(".tool-tail")).to_have_count(0)
    # An opened box keeps its border under the pointer.
    box = bash.locator(".tool-output").last
    box.hover()
    expect(box).to_have_css("border-top-style", "solid")
    # A result that comes late is still its call's; what never gets one says so.
    place.publish("b", (OUTPUT, {"content": "between\n"}), *tool("Bash", "execute", {"command": "sleep 100"}, "ok")[1:])
    expect(running.locator(".tool-state")).to_have_text("Done")
    place.publish("c", *tool("Read", "read", {"path": "b.py"}), ("agent:status", {"status": "finished"}))
    expect(rows.last.locator(".tool-state")).to_have_text("No result")


def test_hostile_tools_are_only_text(reader: Page, place: Place) -> None:
    given = {
        "command": EVIL,
        "file_path": EVIL,
        "pattern": EVIL,
        "url": "javascript:document.title='pwned'",
        "path": EVIL,
    }
    kinds = ("execute", "read", "edit", "search", "fetch", "think", "other")
    patch = [{"path": EVIL, "patch": f"@@ -1 +1 @@\n+{EVIL}\n"}]
    events = [
        event for kind in kinds for event in tool(f"{EVIL}{kind}", kind, {**given, EVIL: EVIL}, EVIL, changes=patch)
    ]
    place.publish("a", *events, *tool("constructor", "other", {"__proto__": EVIL}, EVIL))
    place.publish(
        "b",
        (OUTPUT, {"kind": "thinking", "content": EVIL}),
        ("agent:plan", {"entries": [{"content": EVIL, "status": "pending"}]}),
    )
    place.publish("c", ("agent:session", {"session": EVIL, "change": "started", "title": EVIL}))
    rows = reader.locator(".tool")
    expect(rows).to_have_count(len(kinds) + 1)
    for head in rows.locator(".tool-head").all():
        head.click()
    expect(reader.locator("[data-plan]")).to_contain_text("⟨U+202E⟩")
    expect(reader.locator("[data-variant=session]")).to_contain_text("⟨U+202E⟩")
    expect(rows.first).to_contain_text("⟨U+202E⟩")
    assert reader.locator("#agent :is(img, script, style, iframe)").count() == 0
    assert reader.locator("#agent a[href^=javascript]").count() == 0
    assert "pwned" not in reader.title()
    assert "\u202e" not in reader.locator("#agent").inner_text()


def test_the_plan_stays_in_sight_and_thinking_is_folded(reader: Page, place: Place) -> None:
    def steps(*states: str) -> dict[str, Any]:
        return {"entries": [{"content": f"step {n}", "status": state} for n, state in enumerate(states, 1)]}

    plan = reader.locator("[data-plan]")
    place.publish("a", ("agent:plan", steps("in_progress", "pending")), *lines(1, 200))
    expect(plan.locator("summary")).to_have_text("Plan 0 of 2 step 1")
    place.publish("b", ("agent:plan", steps("completed", "in_progress")))
    expect(plan.locator("summary")).to_have_text("Plan 1 of 2 step 2")
    plan.locator("summary").click()
    expect(plan.locator("li")).to_have_text(["Done: step 1", "In progress: step 2"])
    expect(plan).to_be_in_viewport()
    reader.reload()
    expect(plan.locator("summary")).to_have_text("Plan 1 of 2 step 2")
    place.publish("c", (OUTPUT, {"kind": "thinking", "messageId": "t", "content": "First this.\nThen the needle."}))
    thought = reader.locator(".entry[data-type=thinking]")
    expect(thought.locator("summary")).to_have_text("Thinking First this.")
    expect(thought.locator(".entry-text")).to_be_hidden()
    # What a search or an address leads to is unfolded.
    reader.get_by_role("searchbox").first.fill("needle")
    expect(reader.get_by_text("1 found")).to_be_visible()
    reader.keyboard.press("Enter")
    expect(reader.get_by_text("1 of 1")).to_be_visible()
    expect(thought.locator(".entry-text")).to_be_visible()


def test_a_search_opens_the_tool_call_that_it_leads_to(reader: Page, place: Place) -> None:
    result = "needle\n" + "hay\n" * 300
    place.publish("a", *tool("Read", "read", {"path": "a.py"}, result), *lines(1, 100))
    reader.get_by_role("searchbox").first.fill("needle")
    expect(reader.get_by_text("1 found")).to_be_visible()
    reader.keyboard.press("Enter")
    expect(reader.get_by_text("1 of 1")).to_be_visible()
    expect(reader.locator(".tool-output")).to_be_in_viewport()
    expect(reader.locator(".tool-output")).to_contain_text("needle")
    # The result is an event of its own, whose address leads to the row.
    reader.goto(f"{place.agent_url}#2")
    reader.reload()
    expect(reader.locator("[data-target] .tool-output")).to_be_in_viewport()


def test_sessions_divide_the_transcript_and_are_picked_from_a_menu(reader: Page, place: Place) -> None:
    place.publish(
        "a",
        ("agent:session", {"session": "one", "change": "started", "title": "Fix the tests"}),
        ("agent:usage", {"session": "one", "costUsd": 0.42}),
        *lines(1, 100),
        ("agent:terminated", {"exitCode": 3, "reason": "error"}),
        ("agent:session", {"session": "two", "change": "started"}),
        *lines(101, 200),
    )
    reader.reload()
    expect(reader.get_by_text("line 200", exact=True)).to_be_in_viewport()
    heads = reader.locator("[data-variant=session]")
    menu = reader.get_by_role("button", name="Session 2")
    menu.click()
    one = reader.get_by_role("navigation", name="Sessions").get_by_role("link", name="Session 1")
    expect(one).to_have_text(re.compile(r"^Session 1 Fix the tests \w+ \d+, \d\d:\d\d · \d+ s · exit 3 · \$0\.42$"))
    one.click()
    expect(heads.first).to_be_in_viewport()
    expect(heads.first).to_have_text(re.compile(r"Session 1 · Fix the tests · .* · exit 3 · \$0\.42"))
    assert reader.url.endswith("#1")
    expect(heads.first.get_by_role("heading", level=2).get_by_role("link")).to_have_attribute("href", "#1")


def test_a_turn_and_a_run_end_with_one_line(reader: Page, place: Place) -> None:
    expect(reader.get_by_role("heading", name="No output yet")).to_be_visible()
    notes = reader.locator('.entry[data-type="note"]:not([data-hidden]) .entry-body')
    place.publish(
        "a",
        ("agent:status", {"status": "running"}),
        ("agent:context", {"contextLevel": 40}),
        ("agent:context", {"contextLevel": 42, "tokensUsed": 84_000, "tokensLimit": 200_000}),
        ("agent:usage", {"inputTokens": 12_000}),
        ("agent:error", {"error": {"code": "BROKEN", "message": "It broke"}}),
        ("agent:status", {"status": "idle"}),
        ("agent:status", {"status": "running"}),
        (OUTPUT, {"content": "more\n"}),
        ("agent:status", {"status": "idle"}),
    )
    expect(notes).to_have_text(["Idle"])
    # The shape of each status can be seen.
    shape = notes.locator(".shape")
    assert shape.evaluate("one => getComputedStyle(one).borderTopColor") not in ("rgba(0, 0, 0, 0)", "transparent")
    place.publish(
        "b",
        ("agent:session", {"session": "s", "change": "ended"}),
        ("agent:terminated", {"exitCode": 3, "reason": "error"}),
        ("agent:status", {"status": "error", "reason": "process_error"}),
    )
    expect(notes).to_have_text(["Error · exited with code 3"])
    expect(reader.locator('.entry[data-type="error"]')).to_contain_text("It broke")
    head = reader.locator(".agent-head")
    expect(head).to_contain_text("Error")
    expect(head).to_contain_text("84,000 of 200,000 tokens")


def test_lines_without_a_message_form_one_block(reader: Page, place: Place) -> None:
    for text in ("one", "two\n", "three"):
        place.say(text)
    entries = reader.locator(".entry")
    expect(entries).to_have_count(3)
    expect(reader.locator(".entry-who:visible")).to_have_text(["Output"])
    boxes = [entry.bounding_box() for entry in entries.all()]
    gaps = [after["y"] - before["y"] - before["height"] for before, after in pairwise(boxes) if before and after]
    assert gaps == [0, 0]
    expect(reader.get_by_role("article")).to_have_count(1)


def test_hostile_output_is_always_shown_as_text(reader: Page, place: Place) -> None:
    hostile = [
        "<img src=x onerror=\"document.title='pwned'\">",
        "<script>document.title='pwned'</script>",
        "<style>body{display:none}</style>",
        '<a href="javascript:document.title=1">click</a>',
        "\u202egnp.exe\u202c \x1b[31mred\x1b[0m \x00 \ufeff",
        "]]></pre></div><h1>",
    ]
    for text in hostile:
        place.say(text)
    place.status("waiting", "<img src=x onerror=alert(1)>")
    expect(reader.locator(".entry-text")).to_have_count(len(hostile))
    assert transcript(reader) == "".join(hostile)
    expect(reader.locator(".entry-text").nth(4)).to_contain_text("⟨U+202E⟩gnp.exe⟨U+202C⟩ red")
    assert reader.locator("[data-entries] :is(img, script, style, a:not(.entry-time, .address), h1)").count() == 0
    assert reader.locator(".agent-head img").count() == 0
    assert "pwned" not in reader.title()


def test_the_end_is_followed_until_the_reader_scrolls_up(reader: Page, place: Place) -> None:
    place.publish("a", *lines(1, 200))
    expect(reader.locator(".entry").last).to_be_in_viewport()
    button = reader.locator("[data-new]")
    expect(button).to_be_hidden()
    scroll(reader).evaluate("one => one.scrollTop = 200")
    expect(button).to_be_visible()
    expect(button).to_have_text("↓ Jump to the end")
    top = scroll(reader).evaluate("one => one.scrollTop")
    place.publish("b", *lines(201, 212))
    expect(button).to_have_text("↓ 12 new")
    assert scroll(reader).evaluate("one => one.scrollTop") == top
    button.click()
    expect(reader.locator(".entry").last).to_be_in_viewport()
    expect(button).to_be_hidden()
    place.publish("c", *lines(213, 260))
    expect(reader.get_by_text("line 260")).to_be_in_viewport()


def test_the_reader_who_has_just_scrolled_up_is_not_taken_back(reader: Page, place: Place) -> None:
    place.publish("a", *lines(1, 200))
    expect(reader.get_by_text("line 200")).to_be_in_viewport()
    # Before the browser has reported the scrolling, something else changes what is shown.
    script = """async (scroller) => {
      const { transcript } = await import("/static/js/agent.js");
      scroller.scrollTop = 200;
      transcript.redraw();
      return scroller.scrollTop;
    }"""
    assert abs(scroll(reader).evaluate(script) - 200) < 2
    expect(reader.locator("[data-new]")).to_be_visible()


def test_what_is_drawn_where_the_reader_has_jumped_to_moves_nothing(reader: Page, place: Place) -> None:
    place.publish("a", *[(OUTPUT, {"content": f"**{number}**", "messageId": str(number)}) for number in range(200)])
    expect(reader.get_by_text("199", exact=True)).to_be_in_viewport()
    scroll(reader).evaluate("one => one.scrollTop = 200")
    expect(reader.locator(".entry").get_by_text("5", exact=True)).to_be_in_viewport()
    assert scroll(reader).evaluate("one => one.scrollTop") == 200


def test_earlier_output_is_fetched_as_the_reader_comes_near_it(reader: Page, place: Place) -> None:
    place.publish("a", *lines(1, 2_600))
    reader.reload()
    expect(reader.get_by_text("line 2600")).to_be_in_viewport()
    assert transcript(reader) == expected(2_101, 2_600)
    for _ in range(3):
        scroll(reader).evaluate("one => one.scrollTop = 0")
        reader.wait_for_timeout(500)
    expect(reader.get_by_text("Start of the transcript")).to_be_attached()
    expect(reader.get_by_role("button", name="Load earlier")).to_be_hidden()
    assert transcript(reader) == expected(1, 2_600)


def test_the_start_of_a_long_message_is_joined_to_its_rest(reader: Page, place: Place) -> None:
    words = [(OUTPUT, {"content": f"{number} ", "messageId": "long"}) for number in range(700)]
    place.publish("a", *words)
    reader.reload()
    expect(reader.locator(".entry-text")).to_have_count(1)
    assert transcript(reader).startswith("200 ")
    scroll(reader).evaluate("one => one.scrollTop = 0")
    reader.get_by_role("button", name="Load earlier").click()
    expect(reader.get_by_text("Start of the transcript")).to_be_attached()
    expect(reader.locator(".entry-text")).to_have_count(1)
    assert transcript(reader) == "".join(f"{number} " for number in range(700))


def test_a_hundred_thousand_lines_scroll_with_little_on_the_page(reader: Page, place: Place) -> None:
    for start in range(0, 100_000, 5_000):
        place.publish(f"p{start}", *lines(start + 1, start + 5_000))
    expect(reader.get_by_text("line 100000")).to_be_in_viewport(timeout=30_000)
    # The page followed the end and let the oldest go; reading from the first event on brings all of it.
    reader.goto(f"{place.agent_url}#1")
    reader.reload()
    expect(reader.locator("[data-target]")).to_be_in_viewport(timeout=30_000)
    reader.evaluate(UNTIL_SEQ, 100_000)
    assert transcript(reader) == expected(1, 100_000)
    for share in (0.2, 0.5, 0.8):
        scroll(reader).evaluate("(one, share) => (one.scrollTop = one.scrollHeight * share)", share)
        # Drawn soon after, and what is drawn covers what is seen.
        reader.wait_for_function(
            "() => document.elementFromPoint(innerWidth / 2, innerHeight / 2)?.closest('.entry') !== null",
            timeout=3_000,
        )
        assert reader.locator(".entry").count() < 1_000
    frames = scroll(reader).evaluate(SCROLL)
    assert sorted(frames)[len(frames) // 2] < allowed(34), frames


UNTIL_SEQ = """async (seq) => {
  const { transcript } = await import("/static/js/agent.js");
  while (!(transcript.seq >= seq)) await new Promise((resolve) => setTimeout(resolve, 50));
}"""
SCROLL = """one => new Promise((resolve) => {
  const frames = [];
  let last = performance.now();
  const step = (now) => {
    frames.push(now - last);
    last = now;
    one.scrollTop -= 300;
    if (frames.length < 60) requestAnimationFrame(step);
    else resolve(frames);
  };
  requestAnimationFrame(step);
})"""


def test_the_page_says_that_its_agent_was_deleted(reader: Page, place: Place) -> None:
    assert place.api.call("DELETE", f"/agents/{place.agent['id']}").status == 204
    expect(reader.get_by_role("alert")).to_have_text("This agent was deleted.")
