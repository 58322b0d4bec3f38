"""Which features of which tools people see: what tests with the real tools saw, and the page that says so.

`saw` fails for what isn't recorded. With AGENTSTREAM_RECORD=1 it records that instead; then write the page again:

python -m tests.support.matrix
"""

import json
import os
from collections.abc import Mapping

from tests.support import ROOT

SEEN = ROOT / "tests" / "tools" / "seen.json"
PAGE = ROOT / "docs" / "reference" / "tools.md"
BEGIN, END = "<!-- written by python -m tests.support.matrix -->\n", "<!-- end -->\n"
TOOLS = {"claude": "Claude Code", "codex": "Codex", "opencode": "opencode", "gemini": "Gemini CLI"}
FEATURES = {
    "state": "State: runs, idle, waits, failed, finished, lost",
    "words": "What people and the agent say",
    "streaming": "Words while the agent is still saying them",
    "thinking": "Thinking",
    "tools": "Tool calls and their results",
    "diffs": "Changes to files",
    "subagents": "Sub-agents, each with its own words and tools",
    "plan": "Plan",
    "title": "Title of the session",
    "context": "Context level",
    "usage": "Tokens or cost",
    "limits": "Limits of the account",
    "permission": "Permissions, answered on the page",
    "permission in the terminal": "Permissions answered in the terminal are settled on the page",
    "subagent permission": "Permissions of sub-agents",
    "question": "Questions, answered on the page",
    "plan approval": "Plans, approved on the page",
    "interruption": "Esc in the terminal",
    "clear": "A new session in the same process (`/clear`)",
    "resume": "Resumed and forked sessions",
    "compaction": "Compaction",
    "background": "Sessions without a terminal",
    "crash": "A killed process",
    "catching up": "What was said while no collector ran",
}

Seen = dict[str, dict[str, list[str]]]


def saw(tool: str, version: str, *features: str) -> None:
    """A test saw these features of this version of a tool."""
    unknown = set(features) - set(FEATURES)
    assert not unknown, f"expected features that FEATURES has; got {unknown}"
    seen = recorded()
    known = seen.get(tool, {}).get(version, [])
    if new := set(features) - set(known):
        assert os.environ.get("AGENTSTREAM_RECORD"), f"{tool} {version}: not recorded yet: {new}; see {__file__}"
        seen.setdefault(tool, {})[version] = [feature for feature in FEATURES if feature in new | set(known)]
        SEEN.write_text(json.dumps(seen, indent=2) + "\n")


def recorded() -> Seen:
    """Features by tool and version."""
    seen: Seen = json.loads(SEEN.read_text())
    return seen


def table(seen: Mapping[str, Mapping[str, list[str]]]) -> str:
    """One row per feature, one column per tool and version."""
    columns = [(TOOLS[tool], version, features) for tool, by in seen.items() for version, features in by.items()]
    rows = [
        ["what is seen", *(f"{name} {version}" for name, version, _ in columns)],
        ["---", *("---" for _ in columns)],
        *(
            [about, *("yes" if feature in features else "-" for _, _, features in columns)]
            for feature, about in FEATURES.items()
        ),
    ]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def page(text: str) -> str:
    """The page with the table as recorded."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table(recorded())}\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text()))
