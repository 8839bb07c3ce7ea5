"""`evalroom verify`: the verifier's report for people or programs."""

import json
import sys
from dataclasses import asdict
from pathlib import Path

import typer

from recorder.verify import Progress, Report, UnusableKey, verify

FOUND_WRONG, MISUSE = 1, 2


def verify_archive(directory: Path, keys: list[str], *, as_json: bool) -> int:
    """Verify, print and return the exit status."""
    try:
        report = verify(directory, keys, progress=None if as_json else _show)
    except UnusableKey as error:
        typer.echo(error, err=True)
        return MISUSE
    typer.echo(
        json.dumps(asdict(report), default=str, ensure_ascii=False, indent=1) if as_json else written(report)
    )
    return 0 if report.ok else FOUND_WRONG


def _show(progress: Progress) -> None:
    if sys.stderr.isatty():
        share = 100 * progress.done // max(progress.total, 1)
        typer.echo(f"\r\033[Kstep {progress.step}: {share} %", nl=False, err=True)


def written(report: Report) -> str:
    """Write a report for people: a line a step, the first failure in full."""
    lines = ["\r\033[K" if sys.stderr.isatty() else ""]
    for step in report.steps:
        lines.append(
            f"{'通过 pass' if step.ok else '失败 FAIL'}  {step.number:>2}  {step.name('zh')} / {step.name()}"
        )
        lines += [f"            {failure.sentence()}" for failure in step.failures[:5]]
    lines += [f"note: {note}" for note in report.notes]
    lines.append(
        "档案完好 The archive verifies." if report.ok else "档案未通过验证 The archive does not verify."
    )
    return "\n".join(lines).strip("\n")
