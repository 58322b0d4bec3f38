"""Results as JSON: a file per workload, rewritten after each repetition."""

import json
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.figures import spread
from benchmarks.machine import describe
from benchmarks.programs import CHECKOUT, ROOT

FOLDER = ROOT / "benchmarks" / "results"

Values = dict[str, float]


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty"]
    return subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False).stdout.strip()


@dataclass(frozen=True)
class Row:
    """One measurement of a peer in one case of a workload. `note` says what spoiled it, if anything did."""

    case: str
    values: Values
    note: str = ""
    peer: str = ""
    label: str = ""
    stores: bool = False


@dataclass
class Result:
    """All results of one run of a workload."""

    workload: str
    title: str
    quick: bool
    machine: dict[str, str] = field(default_factory=describe)
    commit: str = field(default_factory=_commit)
    time: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    skipped: dict[str, str] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)

    def save(self, folder: Path = FOLDER) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.workload}.json"
        path.write_text(json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def load(cls, path: Path) -> "Result":
        data: dict[str, Any] = json.loads(path.read_text())
        data["rows"] = [Row(**row) for row in data["rows"]]
        return cls(**data)

    def cases(self) -> list[str]:
        return list(dict.fromkeys(row.case for row in self.rows))

    def summaries(self, case: str) -> Iterator["Summary"]:
        """A summary of each peer's repetitions, in the order measured."""
        grouped: defaultdict[str, list[Row]] = defaultdict(list)
        for row in self.rows:
            if row.case == case:
                grouped[row.peer].append(row)
        for rows in grouped.values():
            yield Summary(rows)


class Summary:
    """The repetitions of one peer in one case."""

    def __init__(self, rows: list[Row]) -> None:
        self.rows = rows
        self.label = rows[0].label
        self.peer = rows[0].peer
        self.stores = rows[0].stores
        keys = dict.fromkeys(key for row in rows for key in row.values)
        self.spreads = {key: spread([row.values[key] for row in rows if key in row.values]) for key in keys}
        self.notes = list(dict.fromkeys(row.note for row in rows if row.note))

    def median(self, key: str) -> float | None:
        return self.spreads[key]["median"] if key in self.spreads else None
