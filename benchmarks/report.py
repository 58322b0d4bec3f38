"""The results as Markdown: tables in a file beside them and in docs/results.md, charts in docs/performance.md."""

import re
from collections.abc import Sequence
from pathlib import Path

from benchmarks.charts import Chart
from benchmarks.programs import ROOT
from benchmarks.results import FOLDER, Result, Summary
from benchmarks.workloads import ALL
from benchmarks.workloads.base import Workload

PAGES = (ROOT / "docs" / "performance.md", ROOT / "docs" / "results.md")
SHARES = ("server_cpu", "generator_cpu")


def write(folder: Path, charts: Sequence[Chart] = ()) -> None:
    """Write `results.md` for the results in `folder`; if that is the one in the repository, also update the docs."""
    found = {kind: Result.load(path) for kind in ALL if (path := folder / f"{kind.name}.json").exists()}
    sections = {kind.name: section(kind, result) for kind, result in found.items()}
    (folder / "results.md").write_text("\n".join(sections.values()))
    if charts:
        sections["charts"] = "\n".join(f"![{chart.title}](../benchmarks/results/{chart.file})" for chart in charts)
    if folder.resolve() == FOLDER:
        for path in PAGES:
            page = path.read_text()
            for name, text in sections.items():
                page = filled(page, name, text)
            path.write_text(page)


def filled(page: str, name: str, text: str) -> str:
    """The page with `text` between the marks of `name`."""
    marks = re.compile(rf"(<!-- results: {name} -->\n).*?(<!-- end -->)", re.DOTALL)
    return marks.sub(lambda match: f"{match[1]}\n{text}\n{match[2]}", page)


def section(kind: type[Workload], result: Result) -> str:
    """One workload: a table for each case."""
    lines = [f"## {kind.title}", ""]
    if result.quick:
        lines += ["*A quick run: fewer events, fewer repetitions.*", ""]
    for case in result.cases():
        lines += [f"**{case}**", "", *table(kind.columns, list(result.summaries(case))), ""]
    lines += [f"Skipped: {peer} ({reason})." for peer, reason in result.skipped.items()]
    count = max((len(s.rows) for case in result.cases() for s in result.summaries(case)), default=0)
    machine = result.machine
    stores = {summary.label for case in result.cases() for summary in result.summaries(case) if summary.stores}
    if stores and len({row.peer for row in result.rows}) > len(stores):
        lines += [
            f"Events are durable before they are delivered: {', '.join(sorted(stores))}. The others store nothing.",
            "",
        ]
    where = f"{machine['cpu']}, {machine['cores']} cores, {result.time[:10]}, commit {result.commit}"
    lines += [f"Median of {count} (smallest to largest). {where}.", ""]
    return "\n".join(lines)


def table(columns: dict[str, str], summaries: list[Summary]) -> list[str]:
    """Rows of a Markdown table."""
    shown = {key: head for key, head in columns.items() if any(key in summary.spreads for summary in summaries)}
    lines = [f"| | {' | '.join(shown.values())} | |", f"|---|{'---:|' * len(shown)}---|"]
    for summary in summaries:
        cells = [_cell(key, summary) for key in shown]
        lines.append(f"| {summary.label} | {' | '.join(cells)} | {'; '.join(summary.notes)} |")
    return lines


def _cell(key: str, summary: Summary) -> str:
    found = summary.spreads.get(key)
    if found is None:
        return ""
    texts = [_number(found[name], key in SHARES) for name in ("median", "min", "max")]
    return texts[0] if len(summary.rows) == 1 else f"{texts[0]} ({texts[1]} to {texts[2]})"


def _number(value: float, share: bool) -> str:
    if share:
        return f"{value:.0%}"
    if value >= 100:
        return f"{float(f'{value:.3g}'):,.0f}"
    return f"{value:.3g}"
