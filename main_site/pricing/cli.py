"""`evalroom price`: run a formula over bids, explain the calculation, show the usual formulas.

Exit status 0 is good, 1 means the formula or the bids are wrong, 2 that the command was used wrongly.
"""

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from main_site.pricing.files import Calculation

price = typer.Typer(help="Run price formulas over bids, and explain them.", no_args_is_help=True)

FOUND_WRONG = 1

File = Annotated[
    Path,
    typer.Argument(
        exists=True, dir_okay=False, help="Formula, bids and drawn values, in TOML or (named .json) JSON."
    ),
]
JSON = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]


class Lang(StrEnum):
    """The languages an explanation is written in."""

    ZH = "zh"
    EN = "en"


@price.command("run")
def run_formula(file: File, as_json: JSON = False) -> None:
    """Check the formula with its samples, run it over the bids, and print every intermediate and the scores."""
    done = _calculated(file, as_json=as_json)
    if as_json:
        from evalroom.encoding import to_json

        typer.echo(json.dumps(to_json(done.trace), ensure_ascii=False, indent=1))
        return
    for line in _told(done):
        typer.echo(line)


@price.command("explain")
def explain_formula(
    file: File, lang: Annotated[Lang, typer.Option(help="Language of the explanation.")] = Lang.ZH
) -> None:
    """Write the calculation so that a bidder can follow it by hand, with the actual numbers."""
    from main_site.pricing.explanation import Language, explain

    typer.echo(explain(_calculated(file), Language(lang.value)), nl=False)


@price.command("show")
def show_preset(name: Annotated[str, typer.Argument(help="F1 to F9, lowest_price or trimmed_mean.")]) -> None:
    """Print a usual formula as TOML, to be changed and put into a tender."""
    from evalroom.pricing.presets import PRESETS
    from evalroom.pricing.reading import to_toml

    if name not in PRESETS:
        raise typer.BadParameter(f"there are {', '.join(PRESETS)}")
    typer.echo(to_toml(PRESETS[name](), "formula"), nl=False)


def _calculated(file: Path, *, as_json: bool = False) -> "Calculation":
    """Run the file, or say what is wrong with which of its fields and exit."""
    from evalroom.errors import Refusal
    from main_site.pricing.files import calculate

    try:
        return calculate(file)
    except Refusal as why:
        if as_json:
            typer.echo(json.dumps({"code": why.code, **why.detail}, ensure_ascii=False))
        where = str(why.detail.get("path") or why.detail.get("at") or "")
        facts = ", ".join(
            f"{name} {one}" for name, one in why.detail.items() if name not in {"path", "at", "problem"}
        )
        problem = why.detail.get("problem", "")
        said = "; ".join(str(one) for one in (problem, facts) if one)
        typer.echo(f"{file.name}: {where + ': ' if where else ''}{said}\n{why.sentence()}", err=True)
        raise typer.Exit(FOUND_WRONG) from None


def _told(done: "Calculation") -> list[str]:
    """Return the trace as lines: what is common, then bid by bid."""
    lines = [f"formula {done.trace.formula}"]
    lines += [f"given {one.name} = {one.value}" for one in done.trace.given]
    for step in done.trace.steps:
        lines.append(f"{step.stage} {step.name}: {step.value or ' '.join(step.bids) or '-'}")
    for row in done.trace.rows:
        flags = [row.why, "trimmed" if row.trimmed else "", "" if row.scored else "not scored"]
        lines.append(
            " ".join(one for one in (f"bid {row.bid}", done.bidders.get(row.bid, ""), *flags) if one)
        )
        lines += [f"  {one.stage} {one.value}" for one in row.values]
        lines.append(f"  score {row.score} = {row.points}")
    return lines
