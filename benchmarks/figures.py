"""Small statistics."""

from collections.abc import Sequence
from statistics import median


def percentile(ordered: Sequence[float], share: float) -> float:
    """The value below which this share of the sorted values lies; 0 if there are none."""
    if not ordered:
        return 0.0
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def rounded(value: float) -> float:
    """Rounded to four significant digits."""
    return float(f"{value:.4g}")


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, smallest and largest."""
    return {"median": rounded(median(values)), "min": rounded(min(values)), "max": rounded(max(values))}
