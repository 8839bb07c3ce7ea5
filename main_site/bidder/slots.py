"""The slots of a bid: what its bidder can open it with.  Any one of them is enough to release.

A bid has as many as its bidder wants, up to 16: the key file beside it, spare key files, tokens, paper codes.  A word of
`--slot` names one; here it is read, made for one bid, and found again for releasing.  A key on a token is made for one
bid and named after it, so that nothing has to be remembered but the token.  Refused: words that are no slot, a PIN on
the command line (every user of the machine reads that), a token under another suite than 0x02.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias
from urllib.parse import unquote

from evalroom.errors import LocalFault
from evalroom.sealing.header import MAX_SLOTS
from evalroom.sealing.policy import PolicyRefuses
from evalroom.sealing.suite import OpeningKey, Suite
from main_site.bidder import paper
from main_site.bidder.keyfile import new_passphrase
from main_site.bidder.telling import Misused
from signaling.custody.keys import CustodyLacksSuite, KeyLabel, KeyMissing, KeyProvider, UnknownProvider

TOKEN_SUITE = 0x02
USE = "slot"
_ATTRIBUTES = frozenset({"token", "module-path", "pin-source"})

Ask: TypeAlias = Callable[[str], str]
"""Asks whoever sits there for a secret; the prompt goes to the terminal."""


class NotThisToken(LocalFault):
    """The token has no key of this bid: nothing was sent; put in the token it was sealed with, or use another slot."""

    code = "not_this_token"


@dataclass(frozen=True, slots=True)
class FileSlot:
    """A key file: the one beside the bid, or a spare elsewhere."""

    path: Path | None = None


@dataclass(frozen=True, slots=True)
class TokenSlot:
    """A token that speaks PKCS#11, and the file that holds its PIN where nobody is to be asked."""

    module: str
    token: str
    pin: Path | None = None


@dataclass(frozen=True, slots=True)
class PaperSlot:
    """A paper code; for releasing, the file whose first line it is, where nobody is to be asked."""

    path: Path | None = None


Slot: TypeAlias = FileSlot | TokenSlot | PaperSlot


def parse_slot(word: str) -> Slot:
    """Return the slot that a word of `--slot` names: `file`, `file:PATH`, `paper`, `paper:PATH`, a PKCS#11 URI.

    Raises:
        Misused: it names none.
    """
    kind, colon, rest = word.partition(":")
    path = Path(rest) if rest else None
    match kind:
        case "file" if bool(rest) is bool(colon):
            return FileSlot(path)
        case "paper" if bool(rest) is bool(colon):
            return PaperSlot(path)
        case "pkcs11" if rest:
            return _token(rest)
        case _:
            raise Misused(
                slot=word[:80], reason="file, file:PATH, paper, or pkcs11:token=LABEL?module-path=DRIVER"
            )


def _token(text: str) -> TokenSlot:
    """Read what follows `pkcs11:` in a URI of RFC 7512, as far as it is used here."""
    path, _, query = text.partition("?")
    pairs = [one.partition("=") for one in (*path.split(";"), *query.split("&")) if one]
    found = {name: unquote(value) for name, _, value in pairs}
    if "pin-value" in found:
        raise Misused(
            slot="pkcs11", reason="no pin-value: others read it; take pin-source=file:PATH, or be asked"
        )
    if odd := sorted(found.keys() - _ATTRIBUTES):
        raise Misused(slot="pkcs11", reason=f"not used here: {', '.join(odd)[:80]}")
    if len(found) != len(pairs) or not found.get("token") or not found.get("module-path"):
        raise Misused(slot="pkcs11", reason="pkcs11:token=LABEL?module-path=DRIVER, each once")
    source = found.get("pin-source", "").removeprefix("file:")
    return TokenSlot(found["module-path"], found["token"], Path(source) if source else None)


def check_slots(slots: Sequence[Slot]) -> None:
    """Return when these slots can be made together.

    Raises:
        Misused: one stands there twice, or is for releasing only.
        PolicyRefuses: too many.
    """
    if len(slots) > MAX_SLOTS:
        raise PolicyRefuses(reason="number of slots", most=MAX_SLOTS, got=len(slots))
    named = [one for one in slots if not isinstance(one, PaperSlot)]
    if len(set(named)) != len(named):
        raise Misused(reason="a slot stands there twice")
    if any(isinstance(one, PaperSlot) and one.path for one in slots):
        raise Misused(
            slot="paper:PATH", reason="a code is shown once and not written to a file; `paper` makes it"
        )


@dataclass(frozen=True, slots=True)
class Spare:
    """A spare key file to be written, and the passphrase made for it."""

    path: Path
    passphrase: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Made:
    """The slots of one bid, made: whether the key file beside it opens it, spares, keys elsewhere, codes to be shown."""

    beside: bool = True
    spares: tuple[Spare, ...] = ()
    openers: tuple[OpeningKey, ...] = ()
    codes: tuple[str, ...] = field(default=(), repr=False)


BESIDE = Made()
"""The slot that a bid has where none is named: the key file beside it."""


@contextmanager
def made(
    slots: Sequence[Slot], suite: Suite, tender: str, bid: bytes, pin: Callable[[TokenSlot], str]
) -> Iterator[Made]:
    """Make the slots of a bid; where the block fails, the keys made on tokens are destroyed again.

    Raises:
        CustodyLacksSuite: a token under another suite than 0x02.
        UnknownProvider, TokenGone, WrongPin: a token that cannot be used.
        SuiteUnavailable: this machine lacks what paper codes need.
    """
    with ExitStack() as held:
        tokens = [slot for slot in slots if isinstance(slot, TokenSlot)]
        openers = [held.enter_context(_made_on_token(slot, suite, bid, pin)) for slot in tokens]
        codes = tuple(paper.draw() for slot in slots if isinstance(slot, PaperSlot))
        openers += [paper.slot_key(code, suite, tender, bid) for code in codes]
        files = [slot for slot in slots if isinstance(slot, FileSlot)]
        spares = tuple(Spare(slot.path, new_passphrase()) for slot in files if slot.path)
        yield Made(any(slot.path is None for slot in files), spares, tuple(openers), codes)


@contextmanager
def _made_on_token(
    slot: TokenSlot, suite: Suite, bid: bytes, pin: Callable[[TokenSlot], str]
) -> Iterator[OpeningKey]:
    if suite.code != TOKEN_SUITE:
        raise CustodyLacksSuite(suite=suite.code, has=TOKEN_SUITE)
    label = _label(bid)
    with _opened(slot, pin) as keys:
        try:
            yield keys.make(label)
        except BaseException:
            with suppress(LocalFault):  # a token that is gone keeps a key that opens nothing
                keys.destroy(label.tender)
            raise


@contextmanager
def found_on_token(slot: TokenSlot, bid: bytes, pin: Callable[[TokenSlot], str]) -> Iterator[OpeningKey]:
    """Hand out the key of a bid on a token.

    Raises:
        NotThisToken: it has none.
        UnknownProvider, TokenGone, WrongPin: the token cannot be used.
    """
    with _opened(slot, pin) as keys:
        try:
            found = keys.open(_label(bid))
        except KeyMissing as error:
            raise NotThisToken(token=slot.token[:64]) from error
        yield found


@contextmanager
def _opened(slot: TokenSlot, pin: Callable[[TokenSlot], str]) -> Iterator[KeyProvider]:
    try:
        from signaling.custody.tokens import Pkcs11Keys
    except ImportError as error:
        raise UnknownProvider(provider="pkcs11", needs="pip install evalroom[pkcs11]") from error
    keys = Pkcs11Keys(slot.module, slot.token, pin(slot))
    try:
        yield keys
    finally:
        keys.close()


def _label(bid: bytes) -> KeyLabel:
    """Return the name of a bid's key on a token: `evalroom/bid-<number>/slot-02`."""
    return KeyLabel(f"bid-{bid.hex()}", USE, TOKEN_SUITE)
