"""What a bidder sees while a command works, and how it ends: bars for people, one JSON object for programs.

Bars and waits go to standard error and only where somebody looks; results go to standard output.  An error says
what happened, what is safe and what to do, whatever its kind.
"""

import json
import math
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import typer

from evalroom.errors import EvalroomError, LocalFault, PeerFault, Refusal

FOUND_WRONG, MISUSE, STOPPED = 1, 2, 130
"""Exit statuses: refused or found wrong, used wrongly, stopped by Ctrl-C (128 + SIGINT, as shells have it)."""

MIB = 1 << 20
BAR = 24
REDRAW_S = 0.1

LABELS: Mapping[str, str] = {
    "seal": "封装 sealing",
    "test": "自检 opening it again",
    "check": "核对 checking",
    "send": "上传 sending",
}


class Misused(Refusal):
    """The command was not given what it needs: nothing was sealed, sent or changed; correct the point named."""

    code = "misused"


class NoSuchFile(Misused):
    """There is no file of that name: nothing was sealed, sent or changed; look for a slip in the path."""

    code = "no_such_file"


class Stopped(LocalFault):
    """You stopped it: what the host acknowledged stays there, no file is left half done; run the same command again."""

    code = "stopped"


class HostRefused(PeerFault):
    """The host refused: its code and reason stand beside; what it had acknowledged before still counts."""

    code = "host_refused"

    def __init__(self, status: int, problem: str, reason: str, facts: Mapping[str, str | int] = {}) -> None:
        """Keep the HTTP status, the host's code (empty where it gave none), its sentence, and its facts of the case."""
        super().__init__(status=status, problem=problem, reason=reason)
        self.problem, self.reason, self.facts = problem, reason, facts


class Meter:
    """A bar for each step of a command, or nothing at all.

    Drawn by hand: with a library for it a command that seals took 67 MiB of memory, and 64 are all a bid may take.
    """

    def __init__(self, *, shown: bool) -> None:
        """Draw bars on standard error when `shown`."""
        self._shown = shown
        self._name = ""
        self._begun = self._drawn = 0.0

    def step(self, name: str, done: int, total: int) -> None:
        """Show how far a step is, ten times a second at most."""
        now = time.monotonic()
        if not self._shown or (name == self._name and done < total and now - self._drawn < REDRAW_S):
            return
        if name != self._name:
            self._end_line()
            self._name, self._begun = name, now
        self._drawn = now
        sys.stderr.write("\r" + bar(LABELS[name], done, total, now - self._begun))
        sys.stderr.flush()

    def waits(self, trouble: str, seconds: float) -> None:
        """Say why nothing moves, also where nobody looks: a log that is silent for hours helps nobody."""
        self._end_line()
        text = f"主场没有应答，{math.ceil(seconds)} 秒后重试 no answer, trying again: {trouble}"
        typer.echo(text, err=True)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Draw until the end of the block, also when it fails."""
        try:
            yield
        finally:
            self._end_line()

    def _end_line(self) -> None:
        if self._name:
            sys.stderr.write("\n")
        self._name = ""


def bar(label: str, done: int, total: int, seconds: float) -> str:
    """Return a step as one line, always as long for the same label: how far, how fast, how long it may take yet."""
    share = min(1.0, done / total) if total else 1.0
    filled = int(share * BAR)
    speed = done / seconds if seconds else 0.0
    left = int((total - done) / speed) if speed and done < total else 0
    drawn = "#" * filled + "." * (BAR - filled)
    sizes = f"{done / MIB:,.0f}/{total / MIB:,.0f} MiB".rjust(19)
    return f"{label} [{drawn}] {share:4.0%} {sizes} {speed / MIB:6,.0f} MiB/s {left // 60:3d}:{left % 60:02d}"


def meter(*, as_json: bool) -> Meter:
    """Return a meter that draws where a person looks at standard error."""
    return Meter(shown=sys.stderr.isatty() and not as_json)


@contextmanager
def errors_told(*, as_json: bool) -> Iterator[None]:
    """End the command when the block fails with an error of ours or is stopped, and tell it.

    Raises:
        typer.Exit: with status 1, of what was used wrongly 2, of what was stopped 130.
    """
    try:
        yield
    except EvalroomError as error:
        told_error(error, as_json=as_json)
        raise typer.Exit(MISUSE if isinstance(error, Misused) else FOUND_WRONG) from None
    except KeyboardInterrupt:
        told_error(Stopped(), as_json=as_json)
        raise typer.Exit(STOPPED) from None


def told_error(error: EvalroomError, *, as_json: bool) -> None:
    """Print what went wrong: the sentence for people to standard error, one object for programs to standard output."""
    if as_json:
        typer.echo(json.dumps({"error": facts(error)}, ensure_ascii=False))
    elif isinstance(error, HostRefused):
        said = _listed(error.problem or f"HTTP {error.detail['status']}", error.facts)
        typer.echo(printable(f"主场拒绝 the host refused: {error.reason} {said} {_STILL}"), err=True)
    else:
        typer.echo(printable(f"{error.sentence()} {_listed(error.code, error.detail)}"), err=True)


_STILL = "主场此前确认的仍然有效 what it acknowledged before still counts"


def _listed(code: str, detail: Mapping[str, object]) -> str:
    """Return code and facts in brackets: `(deadline_passed; now: 1795911337429)`."""
    return f"({'; '.join([code, *(f'{name}: {value}' for name, value in detail.items())])})"


def facts(error: EvalroomError) -> dict[str, object]:
    """Return an error as programs read it; of what the host refused, its code, so that one word says what it is."""
    if isinstance(error, HostRefused):
        code, sentence = error.problem or error.code, error.reason or error.sentence()
        detail = {"status": error.detail["status"], **error.facts}
        return {"code": code, "sentence": sentence, "detail": detail, "by": "host"}
    return {"code": error.code, "sentence": error.sentence(), "detail": error.detail}


def printable(text: str) -> str:
    """Return a text without what steers a terminal: strangers' words are shown, not obeyed."""
    return "".join(one if one.isprintable() or one == "\n" else "?" for one in text)


def told(result: Mapping[str, object], *, as_json: bool, text: str) -> None:
    """Print a result: `text` for people."""
    typer.echo(json.dumps(result, ensure_ascii=False) if as_json else text)
