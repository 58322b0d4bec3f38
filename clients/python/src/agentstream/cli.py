"""The `agentstream` command."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import Sequence

from agentstream.errors import AgentstreamError
from agentstream.options import USAGE, add_run_options, given_token, run_options
from agentstream.runner import run

FAILED = 1
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code: of the command that was run, or 1 if it never was."""
    logging.basicConfig(level=logging.WARNING, format="agentstream: %(message)s", stream=sys.stderr)
    given = _parser().parse_args(arguments)
    try:
        token = given_token(given)
        if token is None:
            raise ValueError("expected a token, in AGENTSTREAM_TOKEN or with --token")
        return asyncio.run(run(run_options(given, token)))
    except (AgentstreamError, ValueError) as failed:
        print(f"agentstream: {failed}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="agentstream", description="Show people what your AI agents are doing.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    run_ = commands.add_parser("run", usage=f"agentstream run {USAGE}", help="run a command and show what it does")
    add_run_options(run_, os.environ.get("AGENTSTREAM_URL", "http://127.0.0.1:8000"))
    return parser
