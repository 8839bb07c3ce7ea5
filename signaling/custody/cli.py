"""The words `agent init | run | status | policy | destroy`, the same for the host and a sub-site.

Exit status 0 is good, 1 means something was refused or found wrong, 2 that the command was used wrongly.  A passphrase
or PIN comes from a systemd credential, a file of the agent's own, or a terminal; never from the command line,
where every user of the machine can read it.
"""

import getpass
import json
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from evalroom.errors import EvalroomError, Refusal

app = typer.Typer(help="A trustee's agent: it alone holds the unlocked keys.", no_args_is_help=True)

FOUND_WRONG, MISUSE = 1, 2

JSON = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Folder = Annotated[Path, typer.Option("--dir", help="The agent's own folder; no other user may read it.")]
Socket = Annotated[
    Path | None, typer.Option("--socket", help="Its socket; `agent.sock` in its folder, if not given.")
]


class NotConfirmed(Refusal):
    """Nobody confirmed it: no key was destroyed; answer `y` at a terminal, or give --yes."""

    code = "not_confirmed"


class Kind(StrEnum):
    """On whose behalf a trustee acts; `evalroom.sealing.policy.TrusteeKind`, without its imports."""

    HOST = "host"
    SITE = "site"
    SUPERVISOR = "supervisor"


@app.command()
def init(
    folder: Folder,
    name: Annotated[
        str, typer.Option(help="Name of the trustee in policies, such as `host` or the site's id.")
    ],
    kind: Annotated[Kind, typer.Option(help="On whose behalf it acts.")],
    who: Annotated[str, typer.Option(help="Who it is, for people: at most 200 characters.")],
    provider: Annotated[
        str, typer.Option(help="Where keys live: `file`, `pkcs11`, or the name of a plug-in.")
    ] = "file",
    module: Annotated[str, typer.Option(help="pkcs11: the driver, a shared library.")] = "",
    token: Annotated[str, typer.Option(help="pkcs11: the label of the token.")] = "",
    option: Annotated[
        list[str] | None, typer.Option(help="NAME=VALUE for a plug-in; may be repeated.")
    ] = None,
    witness: Annotated[
        list[str] | None,
        typer.Option(
            help="Verifier key of a witness known beforehand: then only such count. May be repeated."
        ),
    ] = None,
    quorum: Annotated[
        int, typer.Option(min=0, max=64, help="Witnesses that must have cosigned; 0 is the usual majority.")
    ] = 0,
    archive_key: Annotated[
        list[Path] | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            help="Public file of an archive key that policies must name; may be repeated.",
        ),
    ] = None,
    ask: Annotated[
        bool, typer.Option("--ask", help="Ask for the passphrase on the terminal and keep it nowhere.")
    ] = False,
    as_json: JSON = False,
) -> None:
    """Make a trustee's agent: its folder and the key that signs for it."""
    from evalroom.sealing.policy import TrusteeKind
    from signaling.custody import agent

    options = {"module": module, "token": token} if provider == "pkcs11" else _pairs(option or [])
    plan = agent.Plan(
        name,
        TrusteeKind(kind.value),
        who,
        provider,
        tuple(options.items()),
        tuple(witness or ()),
        quorum,
        ask,
        tuple(path.read_bytes() for path in archive_key or ()),
    )
    with _errors_told(as_json=as_json):
        agent.harden()
        facts = agent.init(folder, plan, _secret_for(folder, plan))
    if as_json:
        typer.echo(json.dumps({"name": facts.name, "kind": facts.kind.value, "signer": facts.signer.hex()}))
        return
    typer.echo(f"This is now the agent of trustee {facts.name} ({facts.kind.value}).")
    typer.echo(f"signer: {facts.signer.hex()}")
    typer.echo(f"Start it with: agent run --dir {folder}")


@app.command()
def run(
    folder: Folder,
    path: Socket = None,
    ask: Annotated[bool, typer.Option("--ask", help="Ask for passphrase or PIN on the terminal.")] = False,
    as_json: Annotated[bool, typer.Option("--log-json", help="Write log lines as JSON.")] = False,
) -> None:
    """Unlock the keys and serve the socket until SIGTERM or Ctrl-C."""
    from signaling.custody import agent
    from signaling.logs import configure_logs

    configure_logs(as_json=as_json)
    with _errors_told(as_json=as_json):
        agent.find_agent(folder)
        agent.run(folder, agent.find_secret(folder, _prompt if ask else None), path)


@app.command()
def status(folder: Folder, path: Socket = None, as_json: JSON = False) -> None:
    """Ask a running agent who it is and how far each tender has come."""
    import asyncio

    from signaling.custody.agent import SOCKET
    from signaling.custody.client import AgentClient

    with _errors_told(as_json=as_json):
        found = asyncio.run(AgentClient(path or folder / SOCKET).status())
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False))
        return
    typer.echo(f"trustee {found['trustee']}, clock {found['now']}")
    for one in found["tenders"]:
        typer.echo(f"{one['tender']}: {one['state']}")


@app.command()
def policy(
    folder: Folder,
    tender: Annotated[str, typer.Option(help="The tender whose policy is meant.")],
    out: Annotated[
        Path | None, typer.Option(help="File that policy.json is written to, byte for byte as signed.")
    ] = None,
    as_json: JSON = False,
) -> None:
    """Say which policy this trustee has signed, for comparison with the notice; the agent may be running."""
    from signaling.custody import agent
    from signaling.custody.trustee import read_signed_policy

    with _errors_told(as_json=as_json):
        agent.find_agent(folder)
        found, text = read_signed_policy(folder, tender)
        if out is not None:
            with out.open("xb") as file:
                file.write(text)
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False))
        return
    typer.echo(f"policy {found['sha256']}  (compare it with the notice)")
    for name in ("tender", "deadline", "mode", "quorum", "trustees", "suites", "windows"):
        typer.echo(f"  {name}: {found[name]}")


@app.command()
def destroy(
    folder: Folder,
    tender: Annotated[str, typer.Option(help="The tender whose keys are destroyed.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask again.")] = False,
    ask: Annotated[bool, typer.Option("--ask", help="Ask for passphrase or PIN on the terminal.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print errors as JSON, too, as the signed word always is.")
    ] = False,
) -> None:
    """Destroy the keys of a tender for ever, the agent being stopped; print the signed word on it."""
    from signaling.custody import agent

    with _errors_told(as_json=as_json):
        agent.harden()
        agent.find_agent(folder)
        if not yes:
            _confirm(f"Bids of {tender} that are still sealed will need the other trustees. Destroy?")
        secret = agent.find_secret(folder, _prompt if ask else None)
        with agent.open_trustee(folder, secret) as trustee:
            typer.echo(json.dumps(trustee.destroy(tender)))


def _secret_for(folder: Path, plan: object) -> str:
    """Return what a new agent's custody is unlocked with: nothing for files, which draw their own."""
    from signaling.custody import agent

    if not isinstance(plan, agent.Plan) or (plan.provider == "file" and not plan.ask):
        return ""
    ask: Callable[[], str] | None = _prompt_twice if plan.ask else None
    return agent.find_secret(folder, ask)


def _pairs(options: list[str]) -> dict[str, str]:
    pairs = dict(one.partition("=")[::2] for one in options)
    if not all(pairs) or not all(pairs.values()):
        typer.echo("--option takes NAME=VALUE.", err=True)
        raise typer.Exit(MISUSE)
    return pairs


def _prompt() -> str:
    """Return what is typed at the terminal, unseen.

    Raises:
        PassphraseMissing: there is none.
    """
    from signaling.custody.agent import PassphraseMissing

    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "error", getpass.GetPassWarning
            )  # it would read a pipe, and show what it reads
            return getpass.getpass("passphrase or PIN: ")
    except (EOFError, getpass.GetPassWarning) as error:
        raise PassphraseMissing(reason="no terminal to ask at") from error


def _prompt_twice() -> str:
    from signaling.custody.agent import PassphraseMissing

    said = _prompt()
    if _prompt() != said:
        raise PassphraseMissing(reason="the two differ")
    return said


def _confirm(question: str) -> None:
    try:
        agreed = typer.confirm(question, err=True)
    except typer.Abort as error:
        raise NotConfirmed from error
    if not agreed:
        raise NotConfirmed


def _sentence(error: EvalroomError) -> str:
    facts = ", ".join(f"{name}: {value}" for name, value in error.detail.items())
    return f"{error.sentence()} ({error.code}{'; ' if facts else ''}{facts})"


@contextmanager
def _errors_told(*, as_json: bool) -> Iterator[None]:
    """End the command with status 1 when the block fails: a sentence to standard error, or JSON to standard output."""
    from signaling.custody.trustee import CustodyStorage

    try:
        yield
    except (EvalroomError, OSError) as failure:
        error = failure
        if not isinstance(error, EvalroomError):
            error = CustodyStorage(file=str(error.filename or ""), problem=error.strerror)
        if as_json:
            facts = {"code": error.code, "sentence": error.sentence(), "detail": error.detail}
            typer.echo(json.dumps({"error": facts}, ensure_ascii=False))
        else:
            typer.echo(_sentence(error), err=True)
        raise typer.Exit(FOUND_WRONG) from None
