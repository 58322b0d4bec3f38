"""The guides' code runs."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from agentstream.adapters.json_lines import JsonLinesAdapter

from tests.support import ROOT

from .messages import said, statuses, tell
from .place import Place

GUIDES = ROOT / "docs/guides"

ANTHROPIC = """
from types import SimpleNamespace as N
class Stream:
    text_stream = ["Hel", "lo"]
    def __enter__(self): return self
    def __exit__(self, *error): return None
    def get_final_message(self): return N(usage=N(input_tokens=90_000, output_tokens=10_000))
class Anthropic:
    messages = N(stream=lambda **arguments: Stream())
"""


def blocks(guide: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", (GUIDES / guide).read_text(), re.MULTILINE | re.DOTALL)


def test_the_guides_custom_adapter_works() -> None:
    names: dict[str, Any] = {}
    [code] = blocks("adapters.md", "python")
    exec(code, names)
    lines = b"""{"type": "squawk", "text": "Hello"}
{"type": "mutter", "id": "1", "so_far": "hm", "done": false}
{"type": "mutter", "id": "1", "so_far": "hmm", "done": true}
{"type": "sleep"}
{"type": "fly"}
"""
    messages = tell(JsonLinesAdapter("run", names["Parrot"]("run")), lines)
    assert said(messages) == [("assistant", "Hello"), ("assistant thinking", "hmm"), ("system", '{"type": "fly"}\n')]
    assert statuses(messages) == ["idle"]


def test_the_calls_that_answer_an_agent(place: Place) -> None:
    commands = "\n".join(text for text in blocks("answer.md", "sh") if "curl" in text)
    script = "set -e\n" + commands.replace("http://127.0.0.1:8000", place.url).replace("curl ", "curl -fsS ")
    env = {**os.environ, "AGENTSTREAM_TOKEN": place.token, "AGENT": place.agent}
    subprocess.run(["sh", "-c", script], env=env, capture_output=True, check=True)
    told = [event.payload for event in place.history()]
    assert [each.get("content") or each["signal"] for each in told[:3]] == ["Go on", "interrupt", "stop"]
    [resolved] = [event.payload for event in place.history() if event.type == "agent:request_resolved"]
    assert (resolved["outcome"], resolved["option"]) == ("answered", "yes")


def test_the_loop_on_an_sdk(place: Place, tmp_path: Path) -> None:
    (tmp_path / "anthropic.py").write_text(ANTHROPIC)
    [code] = [text for text in blocks("publish.md", "python") if "import anthropic" in text]
    code = code.replace("http://127.0.0.1:8000", place.url).replace('"Researcher")', f'"Researcher", {place.slug!r})')
    env = {**os.environ, "AGENTSTREAM_TOKEN": place.token, "PYTHONPATH": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], env=env, input=b"hi\n", capture_output=True, check=True, timeout=30)
    assert place.text("Researcher") == "Hello"
    levels = [event.payload for event in place.history("Researcher") if event.type == "agent:context"]
    assert [level["contextLevel"] for level in levels] == [50]
