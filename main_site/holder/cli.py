"""`evalroom archive`: make an archive key, and read with it what was opened, years later and on any machine.

Options are read here and nothing else happens here; what a command does stands in `commands.py`, imported when it
runs.  Exit status 0 is good, 1 found wrong or refused, 2 used wrongly.
"""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

archive = typer.Typer(
    help="Make an archive key, and read opened documents with it years later.", no_args_is_help=True
)

JSON = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
Bag = Annotated[
    Path,
    typer.Argument(metavar="DIR", exists=True, file_okay=False, help="The archive: it holds bagit.txt."),
]
Key = Annotated[Path, typer.Option("--key", exists=True, file_okay=False, help="Folder of the archive key.")]
Passphrase = Annotated[
    Path | None,
    typer.Option(
        "--passphrase-file",
        exists=True,
        dir_okay=False,
        help="File whose first line is the passphrase or PIN.",
    ),
]


class Part(StrEnum):
    """Parts whose content keys are sealed; `evalroom.sealing.policy.PartName`, without its imports."""

    IDENTITY = "identity"
    QUALIFICATION = "qualification"
    TECHNICAL = "technical"


@archive.command("make-key")
def make_key(
    folder: Annotated[Path, typer.Argument(help="Folder that is made; no other user may read it.")],
    name: Annotated[str, typer.Option(help="Name of the key in policies, such as `supervisor-archive`.")],
    who: Annotated[str, typer.Option(help="Who holds it, for people: at most 200 characters.")],
    suite: Annotated[
        list[str] | None,
        typer.Option(help="Suite it is for, such as 0x01; may be repeated. Else 0x01 and 0x02."),
    ] = None,
    provider: Annotated[
        str, typer.Option(help="Where the key lies: `file`, `pkcs11`, or the name of a plug-in.")
    ] = "file",
    module: Annotated[str, typer.Option(help="pkcs11: the driver, a shared library.")] = "",
    token: Annotated[str, typer.Option(help="pkcs11: the label of the token.")] = "",
    passphrase_file: Passphrase = None,
    as_json: JSON = False,
) -> None:
    """Make an archive key; its public file goes to the host, which names it in the policies of its tenders."""
    from main_site.holder import commands
    from signaling.custody.archive_key import ArchivePlan

    try:
        suites = tuple(int(one, 16) for one in suite or ("0x01", "0x02"))
    except ValueError:
        raise typer.BadParameter("a suite is written such as 0x01") from None
    options = (("module", module), ("token", token)) if provider == "pkcs11" else ()
    plan = ArchivePlan(name, who, suites, provider, options)
    commands.make_key(folder, plan, passphrase_file, as_json=as_json)


@archive.command("open-document")
def open_document(
    bag: Bag,
    out: Annotated[Path, typer.Argument(dir_okay=False, help="File the document is written to.")],
    key: Key,
    bid: Annotated[str, typer.Option(help="Number of the sealed bid, or its id on the sheets.")],
    part: Annotated[Part, typer.Option(help="Which part of the bid.")] = Part.TECHNICAL,
    passphrase_file: Passphrase = None,
    as_json: JSON = False,
) -> None:
    """Open a document of an opened bid from the archive alone, and check it against the verdict."""
    from evalroom.sealing.policy import PartName
    from main_site.holder import commands

    held = commands.Held(key, passphrase_file)
    commands.open_document(bag, held, bid, PartName(part.value), out, as_json=as_json)


@archive.command("check-keys")
def check_keys(bag: Bag, key: Key, passphrase_file: Passphrase = None, as_json: JSON = False) -> None:
    """Try every content key that an archive holds for this key: worth a minute right after a session."""
    from main_site.holder import commands

    commands.check_keys(bag, commands.Held(key, passphrase_file), as_json=as_json)
