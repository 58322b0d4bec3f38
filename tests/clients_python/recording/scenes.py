"""Scenes to record: a tool, its command line, the model's answers, and a person who talks to it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from agentstream.requests import Resolution

from . import talks
from .replies import Answer, Call, Refusal, Search, reply, text, thought
from .tools import CLAUDE, CODEX, OPENCODE, Tool


@dataclass(frozen=True)
class Scene:
    """`name` is that of the recording. The last of the `answers` is given again for as long as there are requests.

    `talk` makes the person who talks to it; it is `interrupted`, as by Ctrl-C, after a line with those words.
    `variables` are for its environment.
    """

    name: str
    tool: Tool
    arguments: tuple[str, ...]
    answers: tuple[Answer, ...]
    talk: Callable[[], talks.Talk] | None = None
    interrupted: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict)


OVERLOADED = Refusal(529, "overloaded_error", "Overloaded")
UNAUTHORIZED = Refusal(401, "authentication_error", "invalid x-api-key")
WRONG = Refusal(400, "invalid_request_error", "messages: the scripted model refuses this")

HOOKS = json.dumps(
    {"hooks": {"SessionStart": [{"hooks": [{"type": "command", "command": "echo no node >&2; exit 2"}]}]}}
)

QUESTIONS = [
    {
        "question": "Which colour?",
        "header": "Colour",
        "multiSelect": False,
        "options": [{"label": "Red", "description": "warm"}, {"label": "Blue", "description": "cold"}],
    },
    {
        "question": "How often?",
        "header": "Coats",
        "multiSelect": False,
        "options": [{"label": "Once", "description": "thin"}, {"label": "Twice", "description": "thick"}],
    },
]

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

TALKING = ("--input-format", "stream-json")


ALLOW, ALWAYS, DENY = (Resolution("answered", option) for option in ("allow", "always-1", "deny"))


def asking(name: str, said: str, decided: Sequence[Resolution], *answers: Answer, mode: str = "default") -> Scene:
    """Claude asks a person, who says something first, and then decides."""
    arguments = (*TALKING, "--permission-prompt-tool", "stdio", "--permission-mode", mode)
    return Scene(name, CLAUDE, arguments, answers, talks.answering(said, *decided))


CLAUDE_TURN = (
    reply(
        thought("The user wants ", "two greetings."),
        text("I'll greet ", "twice — größer ", "als 3 €."),
        Call("Bash", {"command": "echo hello; echo again", "description": "Greet"}),
    ),
    reply(Call("Bash", {"command": "cat nowhere.txt", "description": "Read it"}), cached=21_000),
    reply(Call("Write", {"file_path": "note.txt", "content": "hello\n"}), cached=22_000),
    reply(text("Done", ": greeted ", "twice."), cached=23_000, written=200),
)

CLAUDE_SCENES = (
    Scene("claude-tools", CLAUDE, ("--allowedTools", "Bash,Write", "--", "Greet twice"), CLAUDE_TURN),
    Scene(
        "claude-partial",
        CLAUDE,
        ("--include-partial-messages", "--allowedTools", "Bash,Write", "--", "Greet twice"),
        CLAUDE_TURN,
    ),
    Scene(
        "claude-subagent",
        CLAUDE,
        ("--include-partial-messages", "--allowedTools", "Bash,Task,Agent", "--", "Who calls total()?"),
        (
            reply(
                text("I'll ask ", "somebody."),
                Call(
                    "Agent",
                    {
                        "description": "Find callers",
                        "prompt": "Who calls total()?",
                        "subagent_type": "general-purpose",
                        "run_in_background": False,
                    },
                ),
            ),
            reply(text("Looking."), Call("Bash", {"command": "echo cart.py", "description": "Look"}), cached=90_000),
            reply(text("Only cart.py ", "does."), cached=91_000),
            reply(text("It is called ", "in cart.py.")),
        ),
    ),
    Scene(
        "claude-two-messages",
        CLAUDE,
        TALKING,
        (reply(text("First."), cached=20_000), reply(text("Second."), cached=40_000)),
        talks.one_after_the_other("one", "two"),
    ),
    Scene(
        "claude-replayed",
        CLAUDE,
        (*TALKING, "--replay-user-messages", "--include-partial-messages"),
        (reply(text("First."), cached=20_000),),
        talks.one_after_the_other("one"),
    ),
    asking(
        "claude-approval",
        "Make two files",
        (ALLOW, Resolution("answered", "deny", text="use make instead")),
        reply(text("May I?"), Call("Bash", {"command": "touch allowed.txt", "description": "Make a file"})),
        reply(Call("Bash", {"command": "touch denied.txt", "description": "Make another"})),
        reply(text("One of two.")),
    ),
    asking(
        "claude-two-approvals",
        "Make two files",
        (ALLOW, ALLOW),
        reply(
            Call("Bash", {"command": "touch one.txt", "description": "Make one"}),
            Call("Bash", {"command": "touch two.txt", "description": "Make two"}),
        ),
        reply(text("Both.")),
    ),
    asking(
        "claude-question",
        "Paint it",
        (Resolution("answered", answers={"q1": ["o2"], "q2": ["Twice, please"]}),),
        reply(text("One question."), Call("AskUserQuestion", {"questions": QUESTIONS})),
        reply(text("So be it.")),
    ),
    asking(
        "claude-always",
        "Make two files",
        (ALWAYS,),
        reply(Call("Bash", {"command": "touch one.txt", "description": "Make one"})),
        reply(Call("Bash", {"command": "touch one.txt", "description": "Make it again"})),
        reply(text("Both.")),
    ),
    asking(
        "claude-edits",
        "Change the file",
        (ALLOW, ALLOW),
        reply(Call("Write", {"file_path": "/tmp/agentstream-recording/work/note.txt", "content": "one\ntwo\nthree\n"})),
        reply(
            Call(
                "Edit",
                {
                    "file_path": "/tmp/agentstream-recording/work/note.txt",
                    "old_string": "one\ntwo\n",
                    "new_string": "one\n2\n",
                },
            )
        ),
        reply(text("Changed.")),
    ),
    asking(
        "claude-plan",
        "Plan it",
        (Resolution("answered", "deny", text="And the tests?"), ALLOW),
        reply(Call("ExitPlanMode", {"plan": "1. Write it"})),
        reply(Call("ExitPlanMode", {"plan": "1. Write it\n2. Test it"})),
        reply(text("So be it.")),
        mode="plan",
    ),
    Scene(
        "claude-cancelled",
        CLAUDE,
        (*TALKING, "--permission-prompt-tool", "stdio"),
        (reply(Call("Bash", {"command": "touch one.txt", "description": "Make one"})), reply(text("Stopped."))),
        talks.interrupting("Make a file"),
    ),
    Scene(
        "claude-image",
        CLAUDE,
        ("--allowedTools", "Bash,Read", "--", "Look at it"),
        (
            reply(Call("Bash", {"command": f"echo {PIXEL} | base64 -d >pixel.png", "description": "Draw"})),
            reply(Call("Read", {"file_path": "pixel.png"})),
            reply(text("A pixel.")),
        ),
    ),
    Scene(
        "claude-compact",
        CLAUDE,
        (*TALKING, "--model", "claude-opus-4-6"),
        (
            reply(text("Read ", "half."), cached=80_000),
            reply(text("Read ", "it all."), cached=150_000),
            reply(text("<summary>It was all read.</summary>"), cached=150_000),
            reply(text("And on."), cached=4_000),
        ),
        talks.one_after_the_other("Read half", "Read it all", "/compact", "Go on"),
    ),
    Scene(
        "claude-clear",
        CLAUDE,
        TALKING,
        (reply(text("Read it all."), cached=150_000), reply(text("And anew."), cached=4_000)),
        talks.one_after_the_other("Read it all", "/clear", "Begin anew"),
    ),
    Scene(
        "claude-hook",
        CLAUDE,
        ("--include-hook-events", "--settings", HOOKS, "--", "Hi"),
        (reply(text("Hello.")),),
    ),
    Scene(
        "claude-interrupted",
        CLAUDE,
        ("--allowedTools", "Bash", "--", "Wait"),
        (reply(text("I'll wait."), Call("Bash", {"command": "sleep 60", "description": "Wait"})),),
        interrupted='"tool_use"',
    ),
    Scene(
        "claude-background",
        CLAUDE,
        ("--allowedTools", "Bash", "--", "Build it"),
        (
            reply(
                Call("Bash", {"command": "sleep 1; echo built", "description": "Build", "run_in_background": True}),
            ),
            reply(text("It is being built.")),
            reply(text("It is built.")),
        ),
    ),
    Scene("claude-retry", CLAUDE, ("--", "Hi"), (OVERLOADED, reply(text("Hello.")))),
    Scene("claude-overloaded", CLAUDE, ("--", "Hi"), (OVERLOADED,)),
    Scene("claude-api-error", CLAUDE, ("--", "Hi"), (WRONG,)),
    Scene("claude-unauthorized", CLAUDE, ("--include-partial-messages", "--", "Hi"), (UNAUTHORIZED,)),
    Scene(
        "claude-max-turns",
        CLAUDE,
        ("--max-turns", "1", "--allowedTools", "Bash", "--", "Hi"),
        (reply(Call("Bash", {"command": "echo hi", "description": "Greet"})),),
    ),
)

PATCH = """*** Begin Patch
*** Add File: note.txt
+hello
*** End Patch
"""

CODEX_SCENES = (
    Scene(
        "codex-tools",
        CODEX,
        ("Greet twice",),
        (
            reply(
                thought("**Greeting** ", "twice."),
                text("I'll greet ", "twice — größer ", "als 3 €."),
                Call("exec_command", {"cmd": "echo hello; echo again"}),
            ),
            reply(Call("exec_command", {"cmd": "cat nowhere.txt"})),
            reply(Call("apply_patch", PATCH)),
            reply(Search("python decimal"), Call("search", {"query": "decimal"}, "mcp__docs")),
            reply(Call("search", {"query": "nothing"}, "mcp__docs")),
            reply(text("Done", ": greeted ", "twice.")),
        ),
    ),
    Scene(
        "codex-interrupted",
        CODEX,
        ("Wait",),
        (reply(text("I'll wait."), Call("exec_command", {"cmd": "echo begun; sleep 60"})),),
        interrupted='"command_execution"',
    ),
    Scene("codex-unauthorized", CODEX, ("Hi",), (Refusal(401, "invalid_api_key", "Incorrect API key provided"),)),
    Scene("codex-api-error", CODEX, ("Hi",), (Refusal(500, "server_error", "The server had an error"),)),
    Scene("codex-retry", CODEX, ("Hi",), (*(Refusal(500, "server_error", "An error"),) * 3, reply(text("Hello.")))),
)

OPENCODE_SCENES = (
    Scene(
        "opencode-tools",
        OPENCODE,
        ("--thinking", "Greet twice"),
        (
            reply(
                thought("The user wants ", "two greetings."),
                text("I'll greet ", "twice — größer ", "als 3 €."),
                Call("bash", {"command": "echo hello; echo again", "description": "Greet"}),
            ),
            reply(Call("bash", {"command": "cat nowhere.txt", "description": "Read it"})),
            reply(Call("read", {"filePath": "nowhere.txt"})),
            reply(Call("write", {"filePath": "note.txt", "content": "hello\n"})),
            reply(text("Done", ": greeted ", "twice.")),
        ),
    ),
    Scene(
        "opencode-subagent",
        OPENCODE,
        ("Who calls total()?",),
        (
            reply(
                text("I'll ask somebody."),
                Call(
                    "task",
                    {"description": "Find callers", "prompt": "Who calls total()?", "subagent_type": "general"},
                ),
            ),
            reply(text("Looking."), Call("bash", {"command": "echo cart.py", "description": "Look"})),
            reply(text("Only cart.py does.")),
            reply(text("It is called in cart.py.")),
        ),
    ),
    Scene(
        "opencode-denied",
        OPENCODE,
        ("Greet",),
        (
            reply(text("I'll greet."), Call("bash", {"command": "echo hello", "description": "Greet"})),
            reply(text("It is not allowed.")),
        ),
        variables={"OPENCODE_PERMISSION": '{"bash":"ask"}'},
    ),
    Scene("opencode-cut", OPENCODE, ("Hi",), (reply(text("Hel"), cut=True),)),
    Scene("opencode-api-error", OPENCODE, ("Hi",), (WRONG,)),
    Scene("opencode-unauthorized", OPENCODE, ("Hi",), (UNAUTHORIZED,)),
)

SCENES = (*CLAUDE_SCENES, *CODEX_SCENES, *OPENCODE_SCENES)
