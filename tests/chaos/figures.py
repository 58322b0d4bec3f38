"""The figures measured by a run: one line each on standard output, and in the file named by CHAOS_RESULTS."""

import json
import os
from collections.abc import Iterable
from pathlib import Path

LONG = os.environ.get("CHAOS") == "long"


def scaled(short: int, long: int) -> int:
    """`short` in every run of the tests, `long` with CHAOS=long."""
    return long if LONG else short


def percentile(values: Iterable[float], percent: float) -> float:
    """The nearest-rank percentile; 0 without values."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))] if ordered else 0.0


def spread(values: Iterable[float], name: str) -> dict[str, float]:
    """Seconds as `<name>_ms_p50`, `_p99` and `_max`."""
    ordered = sorted(values)
    return {
        f"{name}_ms_p50": round(percentile(ordered, 50) * 1000, 1),
        f"{name}_ms_p99": round(percentile(ordered, 99) * 1000, 1),
        f"{name}_ms_max": round(ordered[-1] * 1000, 1) if ordered else 0.0,
    }


def report(test: str, **figures: float | str) -> None:
    """Print and keep what was measured."""
    form = "long" if LONG else "short"
    print(f"\nchaos {form} {test}: " + ", ".join(f"{name} {value}" for name, value in figures.items()), flush=True)
    results = os.environ.get("CHAOS_RESULTS")
    if results:
        with Path(results).open("a") as file:
            file.write(json.dumps({"test": test, "form": form, **figures}) + "\n")
