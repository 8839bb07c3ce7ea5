"""`evalroom report`: check a report's PDF without a host and without a network.

Exit status 0 is good, 1 means something was found wrong, 2 that the file could not be read as a report at all.
"""

import json
from pathlib import Path
from typing import Annotated

import typer

report = typer.Typer(help="Reports: check a report's PDF offline.", no_args_is_help=True)

FOUND_WRONG, MISUSE = 1, 2


@report.callback()
def _group() -> None:
    """Keep `check` a command of its own, though it is the only one."""


@report.command("check")
def check_pdf(
    file: Annotated[
        Path, typer.Argument(help="The PDF: report-<lot>.pdf of an archive, or as it was handed out.")
    ],
    trust: Annotated[
        Path | None, typer.Option(help="Certificates to trust, PEM or DER: the centre's, or an authority's.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")] = False,
) -> None:
    """Check form, signature, attached data, members' signatures and the report's own checks; exit 0 when none fails."""
    from evalroom.errors import EvalroomError
    from main_site.report import recheck

    try:
        found = recheck.check_report(file, trust)
    except EvalroomError as error:
        said = {"ok": False, "error": error.code, "detail": error.detail, "sentence": str(error)}
        typer.echo(json.dumps(said, ensure_ascii=False, indent=1) if as_json else error, err=not as_json)
        raise typer.Exit(MISUSE) from None
    except OSError as error:
        typer.echo(error, err=True)
        raise typer.Exit(MISUSE) from None
    typer.echo(recheck.as_json(found) if as_json else recheck.written(found))
    raise typer.Exit(0 if found.ok else FOUND_WRONG)
