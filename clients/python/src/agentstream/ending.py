"""Reports how a command ended."""

from __future__ import annotations

import logging

from agentstream.messages import Ending, Failure, Status, StatusChange, Terminated
from agentstream.process import Exit, NotStarted
from agentstream.report import Report

# A command that waited for the server at least this long gets a note in the transcript.
MIN_REPORTED_WAIT_SECONDS = 1.0

log = logging.getLogger("agentstream")


def report_not_started(report: Report, failed: NotStarted) -> Exit:
    """Report that the command can't be started. Returns how a shell would end then."""
    log.error("%s", failed)
    report.send_now(Failure("NOT_STARTED", str(failed)))
    return Exit(failed.code)


def report_end(report: Report, ended: Exit, stop_requested: bool) -> None:
    """Report the command's end, which may have been requested."""
    blocked_seconds = report.publisher.blocked_seconds
    if blocked_seconds >= MIN_REPORTED_WAIT_SECONDS:
        report.note(f"The command waited {blocked_seconds:.0f} s for the server to accept its output.\n")
    report.report_lost()
    status, reason, ending = _ending(ended, stop_requested)
    report.send_now(StatusChange(status, reason))
    report.send_now(Terminated(ended.code, ended.signal, ending))


def _ending(ended: Exit, stop_requested: bool) -> tuple[Status, str, Ending]:
    if stop_requested:
        return "finished", "user_stopped", "user_stopped"
    if ended.code == 0:
        return "finished", "completed", "completed"
    return "error", "process_error", "error"
