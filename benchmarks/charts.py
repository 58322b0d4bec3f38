"""Bar charts of the results, as SVG for light and dark pages."""

from dataclasses import dataclass
from html import escape
from pathlib import Path

from benchmarks.results import Result, Summary

WIDTH, LEFT, RIGHT, BAR, GAP, TOP = 760, 250, 110, 20, 10, 44
STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#555}.title{font-size:15px;font-weight:600}.bar{fill:#9aa5b1}"
    ".own{fill:#2f7d6b}.range{stroke:#555;stroke-width:1.5}"
    "@media (prefers-color-scheme:dark){text{fill:#ccc}.range{stroke:#ccc}.bar{fill:#6b7785}}"
)


@dataclass(frozen=True)
class Chart:
    """One figure for each system in one case of a workload."""

    file: str
    title: str
    workload: str
    case: str
    key: str
    only_sustained: bool = True  # a system that dropped events would look faster than it is

    def draw(self, result: Result) -> str | None:
        """The chart; None if there is nothing to draw."""
        summaries = [s for s in result.summaries(self.case) if self.key in s.spreads and self._counts(s)]
        if not summaries:
            return None
        most = max(summary.spreads[self.key]["max"] for summary in summaries)
        height = TOP + len(summaries) * (BAR + GAP) + GAP
        bars = [_bar(index, summary, self.key, most) for index, summary in enumerate(summaries)]
        label = escape(self.title)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{label}">'
            f'<style>{STYLE}</style><text class="title" x="8" y="24">{label}</text>{"".join(bars)}</svg>\n'
        )

    def _counts(self, summary: Summary) -> bool:
        return not self.only_sustained or bool(summary.median("sustained"))


CHARTS = (
    Chart(
        "best.svg",
        "Deliveries a second, one server core, all delivered (500 viewers)",
        "search",
        "best sustained",
        "rate",
    ),
    Chart("p99-50.svg", "p99 latency in ms, 500 viewers, 50 events/s", "fanout", "50 events/s", "p99"),
    Chart("p99-200.svg", "p99 latency in ms, 500 viewers, 200 events/s", "fanout", "200 events/s", "p99"),
    Chart("cpu.svg", "Server CPU in µs a delivery, 45,000 deliveries/s", "fanout", "90 events/s", "cpu_per_delivery"),
    Chart("many.svg", "p99 latency in ms, 100 agents x 3 viewers", "many", "3,000 events/s in all", "p99"),
    Chart("connect.svg", "Connections a second", "connect", "50 at a time, one subscription each", "rate", False),
)  # fmt: skip


def write(folder: Path) -> list[Chart]:
    """Draw the charts for which there are results in `folder`, and return them."""
    drawn = []
    for chart in CHARTS:
        path = folder / f"{chart.workload}.json"
        svg = chart.draw(Result.load(path)) if path.exists() else None
        if svg:
            (folder / chart.file).write_text(svg)
            drawn.append(chart)
    return drawn


def _bar(index: int, summary: Summary, key: str, most: float) -> str:
    found = summary.spreads[key]
    scale = (WIDTH - LEFT - RIGHT) / most if most else 0
    y = TOP + index * (BAR + GAP)
    middle = y + BAR / 2
    kind = "bar own" if summary.peer.startswith("agentstream") else "bar"
    low, high, length = (found[name] * scale for name in ("min", "max", "median"))
    return (
        f'<text x="{LEFT - 8}" y="{middle + 5}" text-anchor="end">{escape(summary.label)}</text>'
        f'<rect class="{kind}" x="{LEFT}" y="{y}" width="{max(length, 1):.1f}" height="{BAR}" rx="2"/>'
        f'<line class="range" x1="{LEFT + low:.1f}" x2="{LEFT + high:.1f}" y1="{middle}" y2="{middle}"/>'
        f'<text x="{LEFT + max(high, length) + 8:.1f}" y="{middle + 5}">{_number(found["median"])}</text>'
    )


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
