"""The `agentstream` command."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import Sequence

from agentstream.errors import AgentstreamError
from agentstream.runner import RunOptions, run

FAILED = 1
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code: of the command that was run, or 1 if it never was."""
    logging.basicConfig(level=logging.WARNING, format="agentstream: %(message)s", stream=sys.stderr)
    try:
        return asyncio.run(run(_options(_parser(), arguments)))
    except (AgentstreamError, ValueError) as failed:
        print(f"agentstream: {failed}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="agentstream", description="Show people what your AI agents are doing."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    run_ = commands.add_parser(
        "run",
        usage="agentstream run [--url URL] [--token TOKEN] --workspace SLUG --name NAME [--quiet] -- CMD …",
        help="run a command and show what it prints",
    )
    run_.add_argument(
        "--url",
        default=os.environ.get("AGENTSTREAM_URL", "http://127.0.0.1:8000"),
        help="the server (default: AGENTSTREAM_URL, else http://127.0.0.1:8000)",
    )
    run_.add_argument("--token", help="better: AGENTSTREAM_TOKEN in the environment, which others cannot see")
    run_.add_argument("--workspace", required=True, metavar="SLUG", help="the workspace to show it in")
    run_.add_argument("--name", required=True, help="the agent's name there; made if there is none")
    run_.add_argument("--quiet", action="store_true", help="do not print the command's output here as well")
    run_.add_argument("command", nargs=argparse.REMAINDER, metavar="-- COMMAND …", help="what to run")
    return parser


def _options(parser: argparse.ArgumentParser, arguments: Sequence[str] | None) -> RunOptions:
    given = parser.parse_args(arguments)
    command = given.command[1:] if given.command[:1] == ["--"] else given.command
    token = given.token or os.environ.get("AGENTSTREAM_TOKEN")
    if not token:
        parser.error("expected a token, in AGENTSTREAM_TOKEN or with --token")
    if not command:
        parser.error("expected a command after --")
    return RunOptions(given.url, token, given.workspace, given.name, command, given.quiet)
