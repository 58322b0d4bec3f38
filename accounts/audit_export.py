"""The audit log as files: CSV for spreadsheets, JSON for programs."""

import csv
import io
import json
from collections.abc import Sequence

from accounts.audit import as_json
from accounts.models import AuditEntry

COLUMNS = ("id", "time", "actor", "actorId", "via", "address", "action", "workspace", "target", "detail")
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a cell beginning with these is a formula to a spreadsheet


def as_csv(entries: Sequence[AuditEntry]) -> str:
    """One line per entry. Text that a spreadsheet would take for a formula gets a leading apostrophe."""
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(COLUMNS)
    for entry in entries:
        values = as_json(entry)
        values["detail"] = json.dumps(entry.detail) if entry.detail else ""
        writer.writerow([_cell(values[name]) for name in COLUMNS])
    return file.getvalue()


def _cell(value: object) -> str:
    text = "" if value is None else str(value)
    # Spreadsheets strip white space first, and accept full-width signs.
    bare = text.lstrip().translate({0xFF1D: "=", 0xFF0B: "+", 0xFF0D: "-", 0xFF20: "@"})
    return f"'{text}" if text.startswith(FORMULA) or bare.startswith(FORMULA) else text


def as_list(entries: Sequence[AuditEntry]) -> str:
    return json.dumps([as_json(entry) for entry in entries], indent=1)
