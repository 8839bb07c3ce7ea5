"""`evalroom bid`: seal, hand in, follow, release and confirm a bid, answer the committee; check receipts and look at envelopes.

Options are read here and nothing else happens here; what a command does stands in `commands.py` and `errands.py`,
imported when it runs.  Exit status 0 is good, 1 found wrong or refused, 2 used wrongly, 130 stopped by Ctrl-C.
"""

from pathlib import Path
from typing import Annotated

import typer

bid = typer.Typer(help="Seal a bid, hand it in, and open it when its hour comes.", no_args_is_help=True)

JSON = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
File = Annotated[Path, typer.Argument(metavar="BID", help="The sealed bid, or its key file.")]
Address = Annotated[
    str, typer.Argument(metavar="HOST", help="Address of the host, such as https://host:8440.")
]
Keys = Annotated[Path | None, typer.Option("--keys", help="Key file, if not beside the bid under its name.")]
Passphrase = Annotated[
    Path | None, typer.Option("--passphrase-file", help="File whose first line is the passphrase.")
]
Authority = Annotated[Path | None, typer.Option("--ca", help="PEM of the authority that certifies the host.")]
GiveUp = Annotated[
    float | None,
    typer.Option(
        "--give-up", min=0, help="Seconds after which a host that does not answer is given up; else never."
    ),
]
Window = Annotated[str, typer.Option("--window", help="Name of the window in the policy.")]


@bid.command("policy")
def get_policy(
    host: Address,
    tender: Annotated[str, typer.Argument(help="Id of the tender.")],
    out: Annotated[Path, typer.Argument(help="File the policy is written to.")],
    ca: Authority = None,
    give_up: GiveUp = None,
    as_json: JSON = False,
) -> None:
    """Fetch the sealing policy of a tender, check its trustees' signatures, and print its SHA-256 for comparison."""
    from main_site.bidder import errands, given

    errands.policy(given.There(host, ca, give_up), tender, out, as_json=as_json)


@bid.command()
def seal(
    out: Annotated[Path, typer.Argument(help="The sealed bid; its keys go to OUT.key.")],
    policy: Annotated[Path, typer.Option(help="policy.json of the tender, exactly as published.")],
    part: Annotated[
        list[str],
        typer.Option(help="NAME=FILE for each part of the policy but identity; NAME= is an empty part."),
    ],
    slot: Annotated[
        list[str] | None,
        typer.Option(
            help="What the bid can be opened with, each by itself; may be repeated: file (OUT.key, the default),"
            " file:PATH (a spare key file), paper (a code to be written down),"
            " pkcs11:token=LABEL?module-path=DRIVER&pin-source=file:PATH (a token, suite 0x02)."
        ),
    ] = None,
    suite: Annotated[
        str | None, typer.Option(help="Suite, such as 0x01; else the policy's first that works.")
    ] = None,
    certificate: Annotated[
        Path | None,
        typer.Option(help="The bidder's certificate: PKCS#12 (.p12, .pfx), or PEM, its chain after it."),
    ] = None,
    key: Annotated[
        Path | None, typer.Option(help="PEM: the private key of a certificate in PEM or DER.")
    ] = None,
    key_password_file: Annotated[
        Path | None, typer.Option(help="File whose first line is the password of --key, or of the PKCS#12.")
    ] = None,
    authority: Annotated[
        Path | None,
        typer.Option(help="PEM: the authorities that the tender document accepts; others are refused."),
    ] = None,
    notice: Annotated[
        str | None,
        typer.Option(help="SHA-256 of the policy as the notice has it; another policy is refused."),
    ] = None,
    ask_passphrase: Annotated[
        bool,
        typer.Option("--ask-passphrase", help="Ask for the passphrase of OUT.key instead of making one."),
    ] = False,
    passphrase_file: Passphrase = None,
    as_json: JSON = False,
) -> None:
    """Seal a bid to a file, open it again as a test, and write its keys under secrets shown once."""
    from main_site.bidder import commands

    asked = commands.Asked(
        out, policy, tuple(part), tuple(slot or ()), suite, certificate, key, key_password_file, authority,
        notice, passphrase_file, ask=ask_passphrase,
    )  # fmt: skip
    commands.seal(asked, as_json=as_json)


@bid.command()
def submit(
    host: Address,
    bid_file: File,
    replaces: Annotated[
        Path | None, typer.Option(help="Key file of the earlier bid whose place this one takes.")
    ] = None,
    second: Annotated[
        bool,
        typer.Option(
            "--second", help="Hand it in although an earlier bid stands; of one certificate the later counts."
        ),
    ] = False,
    passphrase_file: Passphrase = None,
    ca: Authority = None,
    give_up: GiveUp = None,
    as_json: JSON = False,
) -> None:
    """Hand a sealed bid in, from where an earlier attempt stopped, and keep the receipt beside it."""
    from main_site.bidder import errands, given

    where = given.There(host, ca, give_up)
    errands.submit(where, bid_file, replaces, passphrase_file, second=second, as_json=as_json)


@bid.command()
def resupply(
    host: Address, bid_file: File, ca: Authority = None, give_up: GiveUp = None, as_json: JSON = False
) -> None:
    """Send the very bytes of a handed-in bid again, after the deadline too, when they are damaged at the host."""
    from main_site.bidder import errands, given

    errands.resupply(given.There(host, ca, give_up), bid_file, as_json=as_json)


@bid.command()
def status(
    host: Address, bid_file: File, ca: Authority = None, give_up: GiveUp = None, as_json: JSON = False
) -> None:
    """Say what the host has of a bid; a receipt that has grown is kept beside it."""
    from main_site.bidder import errands, given

    errands.status(given.There(host, ca, give_up), bid_file, as_json=as_json)


@bid.command()
def withdraw(
    host: Address,
    bid_file: File,
    keys: Keys = None,
    passphrase_file: Passphrase = None,
    ca: Authority = None,
    give_up: GiveUp = None,
    as_json: JSON = False,
) -> None:
    """Take a bid back before the deadline."""
    from main_site.bidder import errands, given

    at = given.KeysAt(keys, passphrase_file)
    errands.withdraw(given.There(host, ca, give_up), bid_file, at, as_json=as_json)


@bid.command()
def release(
    host: Address,
    window: Window,
    bid_file: Annotated[
        Path | None,
        typer.Argument(metavar="BID", help="The sealed bid, or its key file, where one is at hand."),
    ] = None,
    slot: Annotated[
        str,
        typer.Option(
            help="What to open it with: file, file:PATH, paper, paper:PATH (a file that holds the code),"
            " or pkcs11:… as it was sealed."
        ),
    ] = "file",
    tender: Annotated[str | None, typer.Option(help="Id of the tender, where no file is at hand.")] = None,
    number: Annotated[
        str | None,
        typer.Option(help="Number of the bid, or how it begins, where no file is at hand."),
    ] = None,
    digest: Annotated[
        str | None,
        typer.Option(
            help="The bid's digest, or its first 16 signs or more, where no file is at hand and a lot is dark:"
            " by it the host knows its bidder."
        ),
    ] = None,
    keys: Keys = None,
    passphrase_file: Passphrase = None,
    ca: Authority = None,
    give_up: GiveUp = None,
    as_json: JSON = False,
) -> None:
    """Release the bidder's halves of a window's parts, so that the host may open them; any one slot is enough."""
    from main_site.bidder import errands, given

    asked = errands.Release(
        bid_file, tender, number, digest, window, slot, given.KeysAt(keys, passphrase_file)
    )
    errands.release(given.There(host, ca, give_up), asked, as_json=as_json)


@bid.command()
def confirm(
    host: Address,
    bid_file: File,
    window: Window,
    objection: Annotated[
        str, typer.Option(help="What the bidder objects to; none confirms the record.")
    ] = "",
    keys: Keys = None,
    passphrase_file: Passphrase = None,
    ca: Authority = None,
    give_up: GiveUp = None,
    as_json: JSON = False,
) -> None:
    """Confirm the record of a window, or object to it."""
    from main_site.bidder import errands, given

    at, where = given.KeysAt(keys, passphrase_file), given.There(host, ca, give_up)
    errands.confirm(where, bid_file, window, objection, at, as_json=as_json)


@bid.command()
def questions(
    host: Address, bid_file: File, ca: Authority = None, give_up: GiveUp = None, as_json: JSON = False
) -> None:
    """Show what the committee asks about a bid, and until when it may be answered."""
    from main_site.bidder import errands, given

    errands.questions(given.There(host, ca, give_up), bid_file, as_json=as_json)


@bid.command()
def answer(
    host: Address,
    bid_file: File,
    question: Annotated[
        str, typer.Argument(help="Id of the question; not needed where only one is open.")
    ] = "",
    text: Annotated[str | None, typer.Option("--text", help="The answer.")] = None,
    file: Annotated[Path | None, typer.Option("--file", help="File with the answer, UTF-8.")] = None,
    marked: Annotated[
        bool,
        typer.Option(
            "--marked", help="Send it although the host found what may tell whose it is (dark lots)."
        ),
    ] = False,
    keys: Keys = None,
    passphrase_file: Passphrase = None,
    ca: Authority = None,
    give_up: GiveUp = None,
    as_json: JSON = False,
) -> None:
    """Answer a question of the committee; it is signed here with the keys of the bid."""
    from main_site.bidder import errands, given

    at, where = given.KeysAt(keys, passphrase_file), given.There(host, ca, give_up)
    errands.answer(where, bid_file, errands.Reply(question, text, file, marked), at, as_json=as_json)


@bid.command("check-receipt")
def check_receipt(
    receipt: Annotated[Path, typer.Argument(help="The receipt.")],
    keys: Annotated[
        Path,
        typer.Option(
            help="Verifier keys from the notice: the log's, then the witnesses', a line each.",
        ),
    ],
    of: Annotated[
        Path | None,
        typer.Option("--bid", help="The sealed bid or its key file, to be compared."),
    ] = None,
    tender: Annotated[
        str | None, typer.Option(help="Id of the tender, where the bid itself is not at hand.")
    ] = None,
    quorum: Annotated[
        int | None,
        typer.Option(min=0, help="Cosignatures it needs; else as many as the journal's rule says."),
    ] = None,
    as_json: JSON = False,
) -> None:
    """Check a receipt offline; exit 1 if it proves nothing, or not this bid."""
    from main_site.bidder import commands

    commands.check_receipt(receipt, keys, of or tender, quorum, as_json=as_json)


@bid.command()
def inspect(
    bid_file: Annotated[Path, typer.Argument(metavar="BID", help="The sealed bid.")],
    policy: Annotated[Path | None, typer.Option(help="policy.json: check the bid under it.")] = None,
    as_json: JSON = False,
) -> None:
    """Say what a stranger can tell of a sealed bid, and check its signature and its root."""
    from main_site.bidder import commands

    commands.inspect(bid_file, policy, as_json=as_json)
