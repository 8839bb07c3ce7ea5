"""Percentiles, medians and tables: how every benchmark here prints what it found."""

from collections.abc import Mapping, Sequence
from statistics import median


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which `share` of `values` lie (nearest rank); nan when there are none."""
    if not values:
        return float("nan")
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def medians(runs: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return, figure by figure, the median of several runs."""
    return {name: median(run[name] for run in runs) for name in runs[0]}


def show(value: float) -> str:
    """Return `value` with as many digits as it deserves; a dash for nan."""
    if value != value:  # noqa: PLR0124 - nan is the one value that differs from itself
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table, so that it can be pasted into README.md as it is printed."""
    widths = [max(len(line[column]) for line in [heads, *rows]) for column in range(len(heads))]
    lines = [heads, ["-" * width for width in widths], *rows]
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |"
        for line in lines
    )
