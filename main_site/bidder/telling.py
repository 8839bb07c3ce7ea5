"""What a bidder sees while a command works, and how it ends: bars for people, one JSON object for programs.

Bars and waits go to standard error and only where somebody looks; results go to standard output.  An error says
what happened, what is safe and what to do, whatever its kind.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

import typer

from evalroom.errors import EvalroomError

if TYPE_CHECKING:
    from rich.progress import Progress

FOUND_WRONG = 1

LABELS: Mapping[str, str] = {
    "seal": "封装 sealing",
    "test": "自检 opening it again",
    "check": "核对 checking",
    "send": "上传 sending",
}


class Meter:
    """A bar for each step of a command, or nothing at all."""

    def __init__(self, *, shown: bool) -> None:
        """Draw bars when `shown`; else what draws them, three megabytes, is not even loaded."""
        self._bars = _new_bars() if shown else None
        self._tasks: dict[str, object] = {}

    def step(self, name: str, done: int, total: int) -> None:
        """Show how far a step is."""
        if self._bars is None:
            return
        if name not in self._tasks:
            self._tasks[name] = self._bars.add_task(LABELS[name], total=total)
        self._bars.update(self._tasks[name], completed=done, total=total)  # type: ignore[arg-type]  # rich's TaskID

    def waits(self, trouble: str, seconds: float) -> None:
        """Say why nothing moves."""
        if self._bars is not None:
            self._bars.console.print(
                f"主场没有应答，{seconds:.0f} 秒后重试 no answer, trying again: {trouble}"
            )

    @contextmanager
    def running(self) -> Iterator[None]:
        """Draw until the end of the block, also when it fails."""
        with self._bars or nullcontext():
            yield


def _new_bars() -> "Progress":
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=Console(stderr=True))


def meter(*, as_json: bool) -> Meter:
    """Return a meter that draws where a person looks at standard error."""
    return Meter(shown=sys.stderr.isatty() and not as_json)


@contextmanager
def errors_told(*, as_json: bool) -> Iterator[None]:
    """End the command with status 1 when the block fails with an error of ours, and tell it."""
    try:
        yield
    except EvalroomError as error:
        if as_json:
            typer.echo(json.dumps({"error": facts(error)}, ensure_ascii=False))
        else:
            typer.echo(f"{error} ({error.code})", err=True)
        raise typer.Exit(FOUND_WRONG) from None


def facts(error: EvalroomError) -> dict[str, object]:
    """Return an error as programs read it."""
    return {"code": error.code, "sentence": error.sentence(), "detail": error.detail}


def told(result: Mapping[str, object], *, as_json: bool, text: str) -> None:
    """Print a result: `text` for people."""
    typer.echo(json.dumps(result, ensure_ascii=False) if as_json else text)
