"""The command `evalroom-site`: join a centre, serve the sub-site, look at this machine.

Exit status 0 is good, 1 means something was found wrong, 2 that the command was used wrongly.
"""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from evalroom.errors import EvalroomError
from signaling.custody.cli import app as agent

if TYPE_CHECKING:
    from sub_site.settings import SiteSettings

app = typer.Typer(name="evalroom-site", help="A sub-site of a remote bid evaluation.", no_args_is_help=True)

app.add_typer(agent, name="agent")

FOUND_WRONG, MISUSE = 1, 2

JSON = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
DataDir = Annotated[
    Path | None, typer.Option(help="Folder of keys, spool, recordings and documents.", show_default=False)
]
HostUrl = Annotated[
    str | None, typer.Option(help="Address of the host, such as https://host.example.", show_default=False)
]


@app.command()
def join(
    code: Annotated[str, typer.Argument(help="The one-time code that the host's operator gave you.")],
    host_url: HostUrl = None,
    data_dir: DataDir = None,
    again: Annotated[
        bool, typer.Option("--again", help="Replace the keys of this site; old sessions keep the old ones.")
    ] = False,
    as_json: JSON = False,
) -> None:
    """Join a centre: make this site's keys and let the host certify them."""
    settings = _settings(host_url=host_url, data_dir=data_dir)
    if not settings.host_url:
        _misuse("Say where the host is: --host-url https://host.example, or EVALROOM_SITE_HOST_URL.")
    import httpx

    from sub_site import enrolment
    from sub_site.uplink import tls_context

    tls = tls_context(settings.host_ca) if settings.host_url.startswith("https:") else True
    try:
        with httpx.Client(verify=tls, trust_env=False) as client:
            identity = enrolment.join(
                settings.data_dir / "keys", settings.host_url, code, again=again, client=client
            )
    except EvalroomError as error:
        _fail(error)
    facts = {
        "site": identity.site,
        "name": identity.name,
        "centre": identity.centre,
        "authority": identity.fingerprint,
        "witness": identity.witness.verifier.encode(),
    }
    if as_json:
        typer.echo(json.dumps(facts, ensure_ascii=False))
        return
    typer.echo(f"This is now site {identity.site} ({identity.name}) of centre {identity.centre}.")
    typer.echo(f"centre's certificate: SHA-256 {identity.fingerprint}")
    typer.echo(f"witness key: {facts['witness']}")


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.", show_default=False)] = None,
    port: Annotated[
        int | None, typer.Option(help="Port to listen on; 0 takes a free one.", show_default=False)
    ] = None,
    host_url: HostUrl = None,
    data_dir: DataDir = None,
) -> None:
    """Serve this sub-site until Ctrl-C."""
    settings = _settings(host=host, port=port, host_url=host_url, data_dir=data_dir)
    from sub_site.serving import serve_site

    try:
        status = serve_site(settings)
    except EvalroomError as error:
        _fail(error)
    raise typer.Exit(status)


@app.command()
def doctor(
    data_dir: DataDir = None,
    running: Annotated[
        bool, typer.Option("--running", help="The node runs: do not look whether its port is free.")
    ] = False,
    as_json: JSON = False,
) -> None:
    """Look at this machine: identity, port, disk, clock, host, certificate; each trouble with its cure."""
    from sub_site.doctor import examine

    findings = examine(_settings(data_dir=data_dir), running=running)
    if as_json:
        typer.echo(json.dumps([{"check": one.check, "good": one.good, "says": one.says} for one in findings]))
    for one in [] if as_json else findings:
        typer.echo(f"{'ok  ' if one.good else 'BAD '} {one.check}: {one.says}")
    raise typer.Exit(0 if all(one.good for one in findings) else FOUND_WRONG)


def _settings(**given: object) -> "SiteSettings":
    """Return the settings with what the command line says above all else."""
    from pydantic import ValidationError

    from sub_site.settings import SiteSettings

    try:
        return SiteSettings.model_validate(
            {name: value for name, value in given.items() if value is not None}
        )
    except ValidationError as error:
        _misuse(f"settings: {error}")


def _fail(error: EvalroomError) -> NoReturn:
    facts = ", ".join(f"{name}: {value}" for name, value in error.detail.items())
    _misuse(f"{error.sentence()} ({error.code}{'; ' if facts else ''}{facts})")


def _misuse(says: str) -> NoReturn:
    typer.echo(says, err=True)
    raise typer.Exit(MISUSE)


def main() -> None:
    """Run the command line."""
    sys.exit(app())
