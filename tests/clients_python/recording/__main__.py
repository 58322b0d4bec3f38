"""Records the scenes that are named, or all of them."""

from __future__ import annotations

import argparse
import sys

from tests.clients_python.messages import TRANSCRIPTS

from .recorder import programs, record
from .scenes import SCENES


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.clients_python.recording", description=__doc__)
    parser.add_argument("--tools", metavar="FOLDER", help="where the tools are, if not on PATH")
    parser.add_argument("scenes", nargs="*", metavar="SCENE", help="default: all")
    given = parser.parse_args()
    for scene in SCENES:
        if not given.scenes or scene.name in given.scenes:
            recording = record(scene, programs(given.tools))
            file = TRANSCRIPTS / "recorded" / f"{scene.name}.jsonl"
            file.write_bytes(recording.printed)
            asked = len(recording.script.requests)
            sys.stdout.write(f"{file.name}: {len(recording.printed)} bytes, {asked} requests, exit {recording.code}\n")
            sys.stderr.buffer.write(recording.errors)


if __name__ == "__main__":
    main()
