"""Runs workloads. Every repetition runs all peers, each freshly started, so a machine that slows down affects all."""

import dataclasses
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.peers.base import Peer
from benchmarks.programs import UnavailableError
from benchmarks.results import FOLDER, Result, Row
from benchmarks.workloads.base import Workload


async def run(workload: Workload, names: Sequence[str], repetitions: int, quick: bool, folder: Path = FOLDER) -> Result:
    """Measure the workload's peers (those named, or all) and save the result."""
    result = Result(workload.name, workload.title, quick)
    peers = _prepared([kind() for kind in workload.peers if not names or kind.name in names], result)
    for repetition in range(repetitions):
        for peer in peers:
            rows = await _once(workload, peer, quick)
            stamped = [dataclasses.replace(row, peer=peer.name, label=peer.label, stores=peer.stores) for row in rows]
            result.rows += stamped
            for row in stamped:
                print(f"{workload.name} {repetition + 1}/{repetitions} {_line(workload, row)}", flush=True)
            result.save(folder)
    return result


async def _once(workload: Workload, peer: Peer, quick: bool) -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as folder:
        try:
            peer.start(_open(folder), workload.agents)
            return await workload.run(peer, quick)
        except Exception as error:  # a peer that fails must not end the run
            return [Row("failures", {}, f"failed: {type(error).__name__}: {error}"[:300])]
        finally:
            peer.stop()


def _open(folder: str) -> Path:
    """The folder, readable by servers that don't run as root."""
    path = Path(folder)
    path.chmod(0o755)
    return path


def _prepared(peers: list[Peer], result: Result) -> list[Peer]:
    ready = []
    for peer in peers:
        try:
            peer.prepare()
        except UnavailableError as error:
            result.skipped[peer.name] = str(error)
            print(f"skipping {peer.label}: {error}", flush=True)
        else:
            ready.append(peer)
    return ready


def _line(workload: Workload, row: Row) -> str:
    values = " ".join(f"{key}={row.values[key]:.4g}" for key in workload.columns if key in row.values)
    return f"{row.label} | {row.case} | {values} {row.note}"
