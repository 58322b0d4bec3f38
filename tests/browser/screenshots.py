"""Pictures of the running dashboard: `python -m tests.browser.screenshots FOLDER`."""

import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, expect

from tests.browser.chromium import expect_state, launched, sign_in
from tests.support.api import Api
from tests.support.server import LiveServer

SHAPES: dict[str, dict[str, Any]] = {
    "light": {"viewport": {"width": 1280, "height": 800}, "color_scheme": "light"},
    "dark": {"viewport": {"width": 1280, "height": 800}, "color_scheme": "dark"},
    "phone": {"viewport": {"width": 390, "height": 844}, "color_scheme": "light", "device_scale_factor": 2},
}
TEAM: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "invoice-migrator": [("status", {"status": "error", "reason": "process_error"}), ("context", {"contextLevel": 61})],
    "flaky-test-hunter": [("status", {"status": "running"}), ("context", {"contextLevel": 91})],
    "dependency-bump": [("status", {"status": "running"}), ("context", {"contextLevel": 23})],
    "docs-writer": [("status", {"status": "finished"}), ("context", {"contextLevel": 54})],
    "refactor-ledger": [],
    "nightly-reconcile": [("status", {"status": "offline", "reason": "lost"})],
}
LAST_WORDS = {
    "invoice-migrator": "Traceback (most recent call last):\nKeyError: 'vat_id'\n",
    "flaky-test-hunter": "run 418 of 500: \x1b[31m1 failed\x1b[0m, \x1b[32m2,311 passed\x1b[0m in 81 s\n",
    "dependency-bump": "Upgrading django 5.2.18 → 5.2.19 in 7 projects\n",
    "docs-writer": "Wrote 12 pages; all links hold.\n",
}
SHELL = {"role": "tool", "toolName": "Bash", "toolCallId": "t1"}
TALK: list[tuple[str, dict[str, Any]]] = [
    ("agent:status", {"status": "running"}),
    ("agent:output", {"role": "user", "messageId": "1", "content": "Deploy 2026.11.3 once the canary is clean."}),
    (
        "agent:output",
        {"messageId": "2", "kind": "thinking", "content": "The error budget first, then traffic in three stages."},
    ),
    (
        "agent:output",
        {
            "messageId": "3",
            "content": "I look at the **canary** first, then move traffic in stages:\n\n"
            "1. 5 % for ten minutes, watching `http_errors`\n2. 25 %, after your approval\n3. everything\n\n"
            "```python\ndef healthy(errors: int, requests: int) -> bool:\n"
            '    """The error budget of a stage."""\n    return errors / max(requests, 1) < 0.001\n```\n',
        },
    ),
    ("agent:output", {**SHELL, "kind": "tool_call", "content": "kubectl rollout status deploy/payments-canary"}),
    (
        "agent:output",
        {
            **SHELL,
            "kind": "tool_result",
            "content": "Waiting for rollout to finish: 2 of 3 updated replicas are available...\n"
            'deployment "payments-canary" successfully rolled out',
        },
    ),
    (
        "agent:output",
        {
            "content": "\x1b[32m✓\x1b[0m smoke tests \x1b[2m(12 passed)\x1b[0m\n\x1b[33m!\x1b[0m p99 rose by "
            "\x1b[1m3 ms\x1b[0m\n"
        },
    ),
    ("agent:context", {"contextLevel": 42, "tokensUsed": 84_210, "tokensLimit": 200_000}),
    (
        "agent:output",
        {"messageId": "4", "content": "Healthy: no errors in 12,418 requests, p99 at 84 ms (it was 81 ms)."},
    ),
    ("agent:output", {"messageId": "5", "content": "Moving 25 % of the traffic needs your approval."}),
    ("agent:status", {"status": "waiting", "reason": "awaiting_approval"}),
]


def furnish(api: Api) -> tuple[str, str, list[str]]:
    """A team at work. Returns the paths of its workspace and of the waiting agent, and the ids of some agents."""
    workspace = api.workspace("Payments team")
    speaker = api.agent(workspace["id"], "deploy-bot")
    items = [{"n": n, "type": type_, "payload": payload} for n, (type_, payload) in enumerate(TALK, 1)]
    assert api.post(f"/agents/{speaker['id']}/events", {"producer": "picture", "events": items}).status == 200
    pinned = [speaker["id"]]
    for name, reports in TEAM.items():
        agent = api.agent(workspace["id"], name)
        pinned.append(agent["id"])
        api.output(agent["id"], LAST_WORDS.get(name, "Ready.\n"))
        for report, body in reports:
            assert api.post(f"/agents/{agent['id']}/{report}", body).status == 201
    research = api.workspace("Research")
    reader = api.agent(research["id"], "paper-reader")
    api.post(f"/agents/{reader['id']}/status", {"status": "running"})
    return f"/w/{workspace['slug']}/", f"/a/{speaker['id']}/", pinned[:4]


def take(browser: Browser, server: LiveServer, pages: dict[str, str], folder: Path) -> None:
    for shape, options in SHAPES.items():
        context = browser.new_context(**options)
        page = context.new_page()
        page.goto(f"{server.url}/sign-in/")
        page.screenshot(path=folder / file_name("sign-in", shape))
        sign_in(page, server)
        for name, path in pages.items():
            page.goto(server.url + path)
            expect_state(page, "Live")
            expect(page.locator(".agent-row .agent-line:not(:empty), .entry").first).to_be_visible()
            if name == "agent" and shape != "phone":
                page.get_by_role("button", name="Timeline").click()
                expect(page.locator("canvas")).to_be_visible()
            page.wait_for_timeout(700)  # rows ask for their last lines one after the other
            page.screenshot(path=folder / file_name(name, shape), animations="disabled")
        context.close()


def file_name(page: str, shape: str) -> str:
    return f"{page}.png" if shape == "light" else f"{page}-{shape}.png"


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as data, LiveServer(Path(data)) as server, launched() as browser:
        workspace, agent, pinned = furnish(Api(server.url, server.token("root", "--superuser")))
        pages = {"home": "/", "workspace": workspace, "agent": agent, "pinned": f"/pinned/?agents={','.join(pinned)}"}
        take(browser, server, pages, folder)


if __name__ == "__main__":
    main()
