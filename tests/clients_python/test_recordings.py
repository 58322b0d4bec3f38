"""What viewers see of real tools' output; `transcripts/README.md` says how it was recorded."""

import re
from dataclasses import dataclass, field

import pytest
from agentstream.messages import Output, encode

from .messages import TRANSCRIPTS, failures, levels, made, said, statuses, tell, told, transcript
from .recording.scenes import PIXEL, QUESTIONS, SCENES

NAMES = sorted(path.stem for path in (TRANSCRIPTS / "recorded").glob("*.jsonl"))
TURN = ["running", "idle"]

Level = tuple[int | None, int | None, int | None]


@dataclass
class Seen:
    """Messages, statuses, errors and levels, each in order."""

    said: list[tuple[str, str]]
    statuses: list[str] = field(default_factory=lambda: TURN)
    failures: list[tuple[str, str]] = field(default_factory=list)
    levels: list[Level] = field(default_factory=list)


def level(used: int) -> Level:
    return (round(used / 2_000), used, 200_000)


def call(tool: str, given: str, result: str) -> list[tuple[str, str]]:
    return [(f"tool tool_call {tool}", given), (f"tool tool_result {tool}", result)]


GREETING = [
    ("assistant thinking", "The user wants two greetings."),
    ("assistant", "I'll greet twice — größer als 3 €."),
]
CLAUDE_TURN = [
    *GREETING,
    *call("Bash", '{"command":"echo hello; echo again","description":"Greet"}', "hello\nagain"),
    *call(
        "Bash",
        '{"command":"cat nowhere.txt","description":"Read it"}',
        "Exit code 1\ncat: nowhere.txt: No such file or directory",
    ),
    *call(
        "Write",
        '{"file_path":"note.txt","content":"hello\\n"}',
        "File created successfully at: note.txt (file state is current in your context — no need to Read it back)",
    ),
    ("assistant", "Done: greeted twice."),
]
OVERLOADED = (
    "API Error: 529 Overloaded. This is a server-side issue, usually temporary — try again in a moment. "
    "If it persists, check your inference gateway (127.0.0.1:47251)."
)
UNAUTHORIZED = (
    "unexpected status 401 Unauthorized: Incorrect API key provided, url: http://127.0.0.1:47251/v1/responses"
)
BUSY = "We\u2019re currently experiencing high demand, which may cause temporary errors."
APPROVAL = "waiting awaiting_approval"
NOTE = "/tmp/agentstream-recording/work/note.txt"
CREATED = "File created successfully at"
CURRENT = "(file state is current in your context — no need to Read it back)"
REJECTED = (
    "The user doesn't want to proceed with this tool use. The tool use was rejected (eg. if it was a file "
    "edit, the new_string was NOT written to the file). STOP what you are doing and wait for the user to "
    "tell you how to proceed."
)
CONTINUED = (
    "This session is being continued from a previous conversation that ran out of context. The summary below covers "
    "the earlier portion of the conversation.\n\nSummary:\nIt was all read.\n\nIf you need specific details"
)

SEEN = {
    "claude-tools": Seen(CLAUDE_TURN, levels=[level(used) for used in (21_001, 22_001, 23_001, 24_001)]),
    "claude-partial": Seen(
        CLAUDE_TURN,
        levels=[level(used) for used in (21_001, 21_050, 22_001, 22_050, 23_001, 23_050, 24_001, 24_200)],
    ),
    "claude-subagent": Seen(
        [
            ("assistant", "I'll ask somebody."),
            (
                "tool tool_call Agent",
                '{"description":"Find callers","prompt":"Who calls total()?","subagent_type":"general-purpose",'
                '"run_in_background":false}',
            ),
            ("system", "Find callers"),
            ("user", "Who calls total()?"),
            *call("Bash", '{"command":"echo cart.py","description":"Look"}', "cart.py"),
            ("tool tool_result Agent", "Only cart.py does.\nagentId: …"),
            ("assistant", "It is called in cart.py."),
        ],
        levels=[level(used) for used in (21_001, 21_050) * 2],
    ),
    "claude-two-messages": Seen(
        [("assistant", "First."), ("assistant", "Second.")], TURN * 2, levels=[level(21_001), level(41_001)]
    ),
    "claude-replayed": Seen([("assistant", "First."), ("user", "one")], levels=[level(21_001), level(21_050)]),
    # It was answered with what the adapter writes, so that Claude itself has taken it.
    "claude-approval": Seen(
        [
            ("assistant", "May I?"),
            ("tool tool_call Bash", '{"command":"touch allowed.txt","description":"Make a file"}'),
            ("tool tool_result Bash", "(Bash completed with no output)"),
            ("tool tool_call Bash", '{"command":"touch denied.txt","description":"Make another"}'),
            ("tool tool_result Bash", "use make instead"),
            ("assistant", "One of two."),
        ],
        ["running", APPROVAL, "running", APPROVAL, "running", "idle"],
        levels=[level(21_001)],
    ),
    "claude-two-approvals": Seen(
        [
            ("tool tool_call Bash", '{"command":"touch one.txt","description":"Make one"}'),
            ("tool tool_call Bash", '{"command":"touch two.txt","description":"Make two"}'),
            ("tool tool_result Bash", "(Bash completed with no output)"),
            ("tool tool_result Bash", "(Bash completed with no output)"),
            ("assistant", "Both."),
        ],
        ["running", APPROVAL, "running", "idle"],
        levels=[level(21_001)],
    ),
    "claude-question": Seen(
        [
            ("assistant", "One question."),
            ("tool tool_call AskUserQuestion", encode({"questions": QUESTIONS})),
            (
                "tool tool_result AskUserQuestion",
                'Your questions have been answered: "Which colour?"="Blue", "How often?"="Twice, please". '
                "You can now continue with these answers in mind.",
            ),
            ("assistant", "So be it."),
        ],
        ["running", "waiting awaiting_input", "running", "idle"],
        levels=[level(21_001)],
    ),
    "claude-always": Seen(
        [
            *call("Bash", '{"command":"touch one.txt","description":"Make one"}', "(Bash completed with no output)"),
            *call(
                "Bash", '{"command":"touch one.txt","description":"Make it again"}', "(Bash completed with no output)"
            ),
            ("assistant", "Both."),
        ],
        ["running", APPROVAL, "running", "idle"],
        levels=[level(21_001)],
    ),
    "claude-edits": Seen(
        [
            *call("Write", encode({"file_path": NOTE, "content": "one\ntwo\nthree\n"}), f"{CREATED}: {NOTE} {CURRENT}"),
            *call(
                "Edit",
                encode({"replace_all": False, "file_path": NOTE, "old_string": "one\ntwo\n", "new_string": "one\n2\n"}),
                f"The file {NOTE} has been updated successfully. {CURRENT}",
            ),
            ("assistant", "Changed."),
        ],
        ["running", APPROVAL, "running", APPROVAL, "running", "idle"],
        levels=[level(21_001)],
    ),
    "claude-plan": Seen(
        [
            *call("ExitPlanMode", '{"plan":"1. Write it"}', "And the tests?"),
            *call("ExitPlanMode", '{"plan":"1. Write it\\n2. Test it"}', "User has approved your plan. …"),
            ("assistant", "So be it."),
        ],
        ["running", APPROVAL, "running", APPROVAL, "running", "idle"],
        levels=[level(21_001)],
    ),
    "claude-cancelled": Seen(
        [
            *call("Bash", '{"command":"touch one.txt","description":"Make one"}', REJECTED),
            ("user", "[Request interrupted by user for tool use]"),
        ],
        ["running", APPROVAL, "running", "idle"],
        levels=[level(21_001)],
    ),
    "claude-image": Seen(
        [
            *call(
                "Bash",
                encode({"command": f"echo {PIXEL} | base64 -d >pixel.png", "description": "Draw"}),
                "(Bash completed with no output)",
            ),
            *call("Read", '{"file_path":"pixel.png"}', "(image)"),
            ("assistant", "A pixel."),
        ],
        levels=[level(21_001)],
    ),
    "claude-compact": Seen(
        [
            ("assistant", "Read half."),
            ("assistant", "Read it all."),
            ("system", f"{CONTINUED} …"),
            ("system", "Compacted"),
            ("assistant", "And on."),
        ],
        TURN * 4,
        levels=[(41, 81_001, 200_000), level(151_001), level(634), (3, 5_001, 200_000)],
    ),
    "claude-clear": Seen(
        [("assistant", "Read it all."), ("assistant", "And anew.")],
        TURN * 3,
        levels=[level(151_001), level(0), (3, 5_001, 200_000)],
    ),
    "claude-hook": Seen(
        [("system", "Hook SessionStart:startup failed: no node"), ("assistant", "Hello.")], levels=[level(21_001)]
    ),
    "claude-interrupted": Seen(
        [
            ("assistant", "I'll wait."),
            *call(
                "Bash",
                '{"command":"sleep 60","description":"Wait"}',
                REJECTED,
            ),
            ("user", "[Request interrupted by user for tool use]"),
        ],
        levels=[level(21_001)],
    ),
    "claude-background": Seen(
        [
            ("tool tool_call Bash", '{"command":"sleep 1; echo built","description":"Build","run_in_background":true}'),
            ("system", "Build"),
            ("tool tool_result Bash", "Command running in background with ID: …"),
            ("assistant", "It is being built."),
            ("system", 'Background command "Build" completed (exit code 0)'),
            ("assistant", "It is built."),
        ],
        TURN * 2,
        levels=[level(21_001)],
    ),
    "claude-retry": Seen(
        [("system", "The API responded with 529 (overloaded); attempt 1 of 2"), ("assistant", "Hello.")],
        levels=[level(21_001)],
    ),
    "claude-overloaded": Seen(
        [("system", f"The API responded with 529 (overloaded); attempt {number} of 2") for number in (1, 2)],
        ["running", "error"],
        [("server_error", OVERLOADED)],
    ),
    "claude-api-error": Seen(
        [], ["running", "error"], [("api_error", "API Error: 400 messages: the scripted model refuses this")]
    ),
    "claude-unauthorized": Seen(
        [("system", f"The API responded with 401 (authentication failed); attempt {number} of 2") for number in (1, 2)],
        ["running", "error"],
        [("authentication_failed", "Invalid API key · Fix external API key")],
    ),
    "claude-max-turns": Seen(
        call("Bash", '{"command":"echo hi","description":"Greet"}', "hi"),
        ["running", "error"],
        [("error_max_turns", "Reached maximum number of turns (1)")],
        [level(21_001)],
    ),
    "codex-tools": Seen(
        [
            ("assistant thinking", "**Greeting** twice."),
            ("assistant", "I'll greet twice — größer als 3 €."),
            *call("command", "/bin/bash -lc 'echo hello; echo again'", "hello\nagain\n"),
            *call(
                "command",
                "/bin/bash -lc 'cat nowhere.txt'",
                "cat: nowhere.txt: No such file or directory\n(exit code 1)",
            ),
            *call("file_change", "add /tmp/agentstream-recording/work/note.txt", "completed"),
            ("tool tool_call web_search", "python decimal"),
            *call("docs.search", '{"query":"decimal"}', "Decimal is exact."),
            *call("docs.search", '{"query":"nothing"}', "There is no such page."),
            ("assistant", "Done: greeted twice."),
        ]
    ),
    "codex-interrupted": Seen(
        [
            ("assistant", "I'll wait."),
            ("tool tool_call command", "/bin/bash -lc 'echo begun; sleep 60'"),
        ],
        ["running"],
    ),
    "codex-unauthorized": Seen(
        [("system", f"Reconnecting... {number}/2 ({UNAUTHORIZED})") for number in (1, 2)],
        ["running", "error"],
        [("codex", UNAUTHORIZED)],
    ),
    "codex-api-error": Seen(
        [("system", f"Reconnecting... {number}/2 ({BUSY})") for number in (1, 2)],
        ["running", "error"],
        [("codex", BUSY)],
    ),
    "codex-retry": Seen([("system", f"Reconnecting... 1/2 ({BUSY})"), ("assistant", "Hello.")]),
    "opencode-tools": Seen(
        [
            *GREETING,
            *call("bash", '{"command":"echo hello; echo again","description":"Greet"}', "hello\nagain\n"),
            *call(
                "bash",
                '{"command":"cat nowhere.txt","description":"Read it"}',
                "cat: nowhere.txt: No such file or directory\n(exit code 1)",
            ),
            *call("read", '{"filePath":"nowhere.txt"}', "File not found: /tmp/agentstream-recording/work/nowhere.txt"),
            *call("write", '{"filePath":"note.txt","content":"hello\\n"}', "Wrote file successfully."),
            ("assistant", "Done: greeted twice."),
        ]
    ),
    "opencode-subagent": Seen(
        [
            ("assistant", "I'll ask somebody."),
            *call(
                "task",
                '{"description":"Find callers","prompt":"Who calls total()?","subagent_type":"general"}',
                '<task id="…" state="completed">\n<task_result>\nOnly cart.py does.\n</task_result>\n</task>',
            ),
            ("assistant", "It is called in cart.py."),
        ]
    ),
    # It ends there, without a last step: the end of the process is that of the turn.
    "opencode-denied": Seen(
        [
            ("assistant", "I'll greet."),
            *call(
                "bash",
                '{"command":"echo hello","description":"Greet"}',
                "The user rejected permission to use this specific tool call.",
            ),
        ],
        ["running"],
    ),
    "opencode-cut": Seen([("assistant", "Hel")]),
    "opencode-api-error": Seen([], ["error"], [("APIError", "messages: the scripted model refuses this")]),
    "opencode-unauthorized": Seen([], ["error"], [("APIError", "invalid x-api-key")]),
}


_VOLATILE = re.compile(
    r"""(?s)(?<=\nagentId:[ ]).* | (?<=need[ ]specific[ ]details[ ]).* | (?<=background[ ]with[ ]ID:[ ]).* |
        (?<=has[ ]approved[ ]your[ ]plan\.[ ]).* | ses_\w+""",
    re.VERBOSE,
)


def steady(text: str) -> str:
    """Without what differs from one recording to the next."""
    return _VOLATILE.sub("…", text)


@pytest.mark.parametrize("name", NAMES)
def test_viewers_see_the_expected_messages(name: str) -> None:
    messages = told(name)
    seen = Seen(
        [(who, steady(text)) for who, text in said(messages)],
        statuses(messages),
        failures(messages),
        levels(messages),
    )
    assert seen == SEEN[name]


@pytest.mark.parametrize("name", NAMES)
def test_every_line_is_understood(name: str) -> None:
    plain = [output for output in told(name) if isinstance(output, Output) and "-text-" in str(output.message_id)]
    assert plain == []


def test_each_scene_has_its_recording() -> None:
    assert {scene.name for scene in SCENES} == set(NAMES) == set(SEEN)


def test_a_message_that_a_person_sent_is_not_shown_again() -> None:
    adapter = made("claude")
    adapter.reply("one")
    assert said(tell(adapter, transcript("claude-replayed"))) == [("assistant", "First.")]


def test_complete_and_streamed_messages_read_the_same() -> None:
    assert said(told("claude-partial")) == said(told("claude-tools"))
