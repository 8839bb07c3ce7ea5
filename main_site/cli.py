"""The command `evalroom`: serve a host, verify an archive, play the demonstration.

Exit status 0 is good, 1 means something was found wrong, 2 that the command was used wrongly.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from main_site.bidder import cli as bidding
from main_site.holder.cli import archive
from main_site.pricing import cli as pricing
from main_site.report import cli as reporting
from signaling.custody.cli import app as agent

if TYPE_CHECKING:
    from main_site.settings import HostSettings

app = typer.Typer(name="evalroom", help="Remote cross-region bid evaluation.", no_args_is_help=True)

app.add_typer(agent, name="agent")
app.add_typer(bidding.bid, name="bid")
app.add_typer(archive, name="archive")
app.add_typer(pricing.price, name="price")
app.add_typer(reporting.report, name="report")

FOUND_WRONG, MISUSE = 1, 2

JSON = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 takes a free one.")] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="Folder of journal, keys, recordings and archives.")
    ] = None,
) -> None:
    """Serve the host site until Ctrl-C."""
    from main_site.serving import serve_host

    raise typer.Exit(serve_host({"host": host, "port": port, "data_dir": data_dir}))


@app.command()
def demo(
    out: Annotated[Path | None, typer.Option(help="Folder the archive goes to.")] = None,
    seconds: Annotated[int, typer.Option(min=10, max=3600, help="How long the scoring lasts.")] = 60,
    once: Annotated[
        bool, typer.Option("--once", help="Exit at the end; 0 only if the archive verifies.")
    ] = False,
    scenario: Annotated[str, typer.Option(help="Which session is played; --list shows them.")] = "sealed",
    cut: Annotated[
        int, typer.Option(min=1, max=3600, help="Seconds for which the link of a sub-site is cut, if one is.")
    ] = 90,
    list_them: Annotated[bool, typer.Option("--list", help="Show the scenarios and exit.")] = False,
) -> None:
    """Play one whole evaluation on this machine: a host, two sub-sites, experts at their seats."""
    from evalroom.errors import Refusal
    from main_site import demo as demonstration

    if list_them:
        demonstration.list_scenarios()
        raise typer.Exit
    try:
        status = demonstration.play(out=out, seconds=seconds, once=once, name=scenario, cut=cut)
    except Refusal as refusal:
        typer.echo(str(refusal), err=True)
        raise typer.Exit(MISUSE) from None
    raise typer.Exit(status)


@app.command()
def verify(
    directory: Annotated[Path, typer.Argument(help="The archive: a folder that holds bagit.txt.")],
    log_key: Annotated[
        list[str] | None,
        typer.Option(help="Verifier key of the log or a witness, known from outside the archive."),
    ] = None,
    as_json: JSON = False,
) -> None:
    """Check an archive step by step; exit 0 when every step passes, 1 at the first that fails."""
    from main_site.verifying import verify_archive

    raise typer.Exit(verify_archive(directory, log_key or [], as_json=as_json))


draw = typer.Typer(help="Draws: repeat one offline, take one out of an archive.", no_args_is_help=True)
app.add_typer(draw, name="draw")


@draw.command("check")
def check_draw(
    file: Annotated[Path, typer.Argument(help="A draw's file: from a page, or from `draw export`.")],
    log_key: Annotated[
        list[str] | None, typer.Option(help="Verifier key of the session's log, known from outside the file.")
    ] = None,
    as_json: JSON = False,
) -> None:
    """Repeat a draw from its file and print each step; exit 0 when none fails, 1 when one does."""
    from main_site import drawing

    raise typer.Exit(drawing.check_draw(file, log_key or [], as_json=as_json))


@draw.command("export")
def export_draw(
    directory: Annotated[Path, typer.Argument(help="The archive: a folder that holds bagit.txt.")],
    name: Annotated[str, typer.Argument(metavar="[DRAW]", help="The draw's id; without it, list them.")] = "",
    out: Annotated[Path | None, typer.Option(help="File to write; standard output without it.")] = None,
) -> None:
    """Take a draw out of an archive as a file that proves itself."""
    from main_site import drawing

    with _refusals():
        if not name:
            typer.echo("\n".join(drawing.draws_of(directory)))
            return
        _put(drawing.export_draw(directory, name), out)


@draw.command("pool")
def prepare_pool(
    pool: Annotated[Path, typer.Argument(help="The pool: TOML with `against` and [[expert]] tables.")],
    session: Annotated[str, typer.Option(help="Id of the session.")],
    name: Annotated[str, typer.Option("--draw", help="Id that the draw will have.")],
    openings: Annotated[Path, typer.Option(help="File for the openings of units: keep it with the pool.")],
    out: Annotated[Path | None, typer.Option(help="File to write; standard output without it.")] = None,
) -> None:
    """Make what is published of an expert pool for one draw; who shares a unit with a bidder is recused."""
    from main_site import drawing

    with _refusals():
        published, opened = drawing.prepare_pool(pool, session, name)
        openings.touch(mode=0o600, exist_ok=False)
        openings.write_bytes(opened)
        _put(published, out)


@draw.command("open-pool")
def open_pool(
    file: Annotated[Path, typer.Argument(help="A draw's file.")],
    openings: Annotated[Path, typer.Argument(help="The openings that `draw pool` made for this draw.")],
    out: Annotated[Path | None, typer.Option(help="File to write; standard output without it.")] = None,
) -> None:
    """Put the openings of the experts' units into a draw's file, so that recusal can be checked, too."""
    from main_site import drawing

    with _refusals():
        _put(drawing.open_pool(file, openings), out)


@draw.command("seal-roster")
def seal_roster(
    roster: Annotated[Path, typer.Argument(help="Who was drawn: JSON, a list of objects with text members.")],
    policy: Annotated[Path, typer.Option(help="policy.json of the tender, signed by all trustees.")],
    name: Annotated[str, typer.Option("--draw", help="Id of the draw.")],
    out: Annotated[Path, typer.Option(help="File to write; the host gets this one and no other.")],
) -> None:
    """Seal a roster to the trustees, on the machine of whoever keeps the pool; it opens at check-in."""
    from main_site import drawing

    with _refusals():
        out.write_bytes(drawing.seal_roster(roster, policy, name))


def _put(data: bytes, out: Path | None) -> None:
    if out is None:
        typer.echo(data.decode(), nl=False)
    else:
        out.write_bytes(data)


@contextmanager
def _refusals() -> Iterator[None]:
    """Say what was refused, or what could not be read or written, and exit 2."""
    from evalroom.errors import EvalroomError

    try:
        yield
    except (EvalroomError, OSError) as error:
        typer.echo(error, err=True)
        raise typer.Exit(MISUSE) from None


@app.command()
def schema() -> None:
    """Print the JSON Schema of all messages and events."""
    from signaling.codec import schema as messages

    typer.echo(json.dumps(messages(), indent=1, sort_keys=True))


config = typer.Typer(help="Show the settings.", no_args_is_help=True)
app.add_typer(config, name="config")


@config.command("show")
def show_config(as_json: JSON = False) -> None:
    """Print the settings in force, secrets masked."""
    values = _settings().model_dump(mode="json")
    if as_json:
        typer.echo(json.dumps(values, indent=1))
        return
    for name, value in values.items():
        typer.echo(f"{name} = {value!r}")


@app.command()
def doctor(as_json: JSON = False) -> None:
    """Look at this machine: port, disk, clock, pages, media address; each trouble with its cure."""
    from main_site.doctor import examine

    findings = examine(_settings())
    if as_json:
        typer.echo(json.dumps([{"check": one.check, "good": one.good, "says": one.says} for one in findings]))
    for one in [] if as_json else findings:
        typer.echo(f"{'ok  ' if one.good else 'BAD '} {one.check}: {one.says}")
    raise typer.Exit(0 if all(one.good for one in findings) else FOUND_WRONG)


def _settings() -> "HostSettings":
    """Read the settings, or say what is wrong with them and exit."""
    from main_site.settings import HostSettings, what_is_wrong

    try:
        return HostSettings()
    except ValueError as error:
        typer.echo(what_is_wrong(error), err=True)
        raise typer.Exit(MISUSE) from None


def main() -> None:
    """Run the command line."""
    sys.exit(app())
