"""What `evalroom bid` does at a host: handing in, following, withdrawing, releasing, confirming, answering.

One function a command, like those of `commands.py`.  Apart from them because the client takes nine megabytes and half
a second that sealing has no use for.
"""

import hashlib
import re
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx

from evalroom.clarification import question_digest
from evalroom.errors import PeerFault, Refusal
from evalroom.ledger.base64 import NotBase64, decode_base64
from evalroom.sealing.custody import policy_message, verify_trustee
from evalroom.sealing.envelope import Envelope, open_envelope
from evalroom.sealing.policy import Policy, parse_policy
from evalroom.sealing.suite import OpeningKey
from main_site.bidder import acts, given, paper
from main_site.bidder.envelope_file import BidFileUnusable, ends_only, glance, leaves_of, stored
from main_site.bidder.given import KeysAt, OtherPolicy, There
from main_site.bidder.host import TIMEOUT, Host, address
from main_site.bidder.keyfile import BidRecord
from main_site.bidder.slots import FileSlot, PaperSlot, Slot, TokenSlot, found_on_token, parse_slot
from main_site.bidder.telling import HostRefused, Meter, Misused, errors_told, meter, printable, told
from main_site.bidder.upload import Replacement, bring_again, check_bytes, hand_in

SHORTEST_NUMBER = 6
"""Hex digits that a number must at least be told by."""
QUESTION = re.compile("[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
SHOWN_DIGEST = re.compile("[0-9a-fA-F]{16,64}")

WITHOUT_RECEIPT = frozenset({"announced", "withdrawn"})


class FalseRecord(PeerFault):
    """The record that the host shows is not what its digest says: nothing was signed; look again, ask the host."""

    code = "false_record"


class WindowNotOpen(Refusal):
    """The host opens no such window just now: nothing was sent; wait for the hour that the hall shows."""

    code = "window_not_open"


class EarlierBidStands(Refusal):
    """A receipt beside it says that another bid of yours stands: nothing was sent; name its key file with --replaces."""

    code = "earlier_bid_stands"


class FalseQuestion(PeerFault):
    """A question that the host shows is not what its digest says: nothing was signed; look again, ask the host."""

    code = "false_question"


class NoOpenQuestion(Refusal):
    """No question is open, or several are: nothing was sent; look with `bid questions`, and name the one you mean."""

    code = "no_open_question"


class NoSuchNumber(Refusal):
    """The hall lists no bid, or several, with such a number: nothing was sent; copy more of it from receipt or paper."""

    code = "no_such_number"


@dataclass(frozen=True, slots=True)
class Named:
    """A bid that is not on this machine: its tender, and its number or how that begins.

    `digest`, or how it begins, tells the host of a dark lot who asks (docs/spec/opening.md §13).
    """

    tender: str
    number: str
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Own:
    """A bid that is to be opened: what is known of it here, and where its envelope would lie.

    `digest` is its digest in hex, by which the host knows its bidder while a lot is dark; "" where nothing here tells it.
    """

    tender: str
    bid: bytes
    policy: Policy
    path: Path | None = None
    record: BidRecord | None = None
    digest: str = ""


def policy(where: There, tender: str, out: Path, *, as_json: bool) -> None:
    """Fetch a policy, look whether it can be used, and write it where nothing lies yet."""
    shown = meter(as_json=as_json)
    with errors_told(as_json=as_json), _host(where, shown) as there:
        found, text = _policy(there, tender)
        given.write_file(out, text, anew=True)
    sha256 = hashlib.sha256(text).hexdigest()
    result: dict[str, object] = {
        "tender": tender,
        "policy_sha256": sha256,
        "deadline": found.deadline,
        "mode": found.mode.value,
        "k": found.k,
        "trustees": [{"name": one.name, "who": one.who} for one in found.trustees],
        "signed": [one.name for one in found.trustees],
        "parts": [
            {"name": one.name.value, "window": one.window, "max_size": one.max_size} for one in found.parts
        ],
        "out": str(out),
    }
    lines = [
        f"规则 policy {sha256}  （请与公告核对 compare it with the notice）",
        f"  截止 deadline {given.instant(found.deadline)}",
        f"  {found.k} / {len(found.trustees)} 开启 open it: {', '.join(one.who for one in found.trustees)}",
        *(f"  {one.name.value}: {one.window}, ≤ {one.max_size:,} bytes" for one in found.parts),
    ]
    told(result, as_json=as_json, text="\n".join(lines))


def _policy(there: Host, tender: str) -> tuple[Policy, bytes]:
    """Return the policy that the host shows and its bytes, signed by every trustee."""
    text, signatures = there.policy(tender)
    found = parse_policy(text)
    if found.tender != tender:
        raise OtherPolicy(asked=tender, got=found.tender)
    _check_signatures(found, text, signatures)
    return found, text


def _check_signatures(found: Policy, text: bytes, signatures: Sequence[Mapping[str, object]]) -> None:
    """Return when every trustee signed the policy with the key that stands in it.

    Raises:
        OtherPolicy: a signature is missing.
        ForgedTrusteeAct: one is another's.
    """
    message = policy_message(hashlib.sha256(text).digest())
    said = {str(one.get("trustee")): str(one.get("signature")) for one in signatures}
    for trustee in found.trustees:
        if trustee.name not in said:
            raise OtherPolicy(reason="a trustee did not sign it", trustee=trustee.name)
        verify_trustee(trustee.signer, message, said[trustee.name])


def submit(
    where: There, bid: Path, replaces: Path | None, passphrase: Path | None, *, second: bool, as_json: bool
) -> None:
    """Check the file's bytes, bring them up, and keep the receipt."""
    shown = meter(as_json=as_json)
    with errors_told(as_json=as_json), stored(bid) as source, _host(where, shown) as there:
        seen = glance(source)
        found, _ = _policy(there, seen.tender)
        envelope = open_envelope(source.read, source.size, found, seen.bid)
        replacement = _replacement(envelope, replaces, passphrase)
        if not second:
            _check_alone(there, bid, envelope, replacement)
        with shown.running():
            check_bytes(source, envelope, shown.step)
            receipt = hand_in(there, source, envelope, shown.step, replacement)
        kept = given.keep_receipt(bid, receipt, given.known(envelope))
    result = {"bid": seen.number, "tender": seen.tender, "state": "submitted", "receipt": str(kept)}
    told(result, as_json=as_json, text=f"已递交 handed in: {seen.number}\n  回执 receipt {kept}")


def _check_alone(there: Host, bid: Path, envelope: Envelope, replacement: Replacement | None) -> None:
    """Refuse a second bid by accident: at the opening the later one of a certificate counts and the earlier is lost.

    Only receipts beside the bid tell of an earlier one; the host does not know who bids.

    Raises:
        EarlierBidStands: one stands that this bid does not replace.
    """
    number, earlier = envelope.bid.hex(), replacement.earlier if replacement else ""
    beside = [one for one in given.receipts_beside(bid) if one[1].tender == envelope.policy.tender]
    if any(receipt.bid == number for _, receipt in beside):
        return  # it is handed in already, and asks for its receipt
    for path, receipt in beside:
        if receipt.bid != earlier:
            with suppress(HostRefused):  # it never came to this host
                if there.state(receipt.tender, receipt.bid).get("state") != "withdrawn":
                    raise EarlierBidStands(bid=receipt.bid, receipt=path.name)


def resupply(where: There, bid: Path, *, as_json: bool) -> None:
    """Bring the bytes of a handed-in bid again, where they are damaged at the host."""
    shown = meter(as_json=as_json)
    with errors_told(as_json=as_json), stored(bid) as source, _host(where, shown) as there:
        seen = glance(source)
        found, _ = _policy(there, seen.tender)
        envelope = open_envelope(source.read, source.size, found, seen.bid)
        with shown.running():
            leaves = leaves_of(source, envelope, shown.step)
            sent = bring_again(there, source, envelope, leaves, shown.step)
        state = str(there.state(seen.tender, seen.number).get("state", "?"))
    result = {"bid": seen.number, "tender": seen.tender, "sent": sent, "state": state}
    word = (
        f"已补传 {sent} 块 pieces brought again" if sent else "主场的字节完好，无需补传 nothing was damaged"
    )
    told(result, as_json=as_json, text=f"{word}: {seen.number} ({state})")


def _replacement(envelope: Envelope, earlier: Path | None, passphrase: Path | None) -> Replacement | None:
    if earlier is None:
        return None
    record, keys = given.unlocked(earlier, passphrase)
    if record.tender != envelope.policy.tender:
        raise OtherPolicy(reason="the earlier bid is of another tender", tender=record.tender)
    return Replacement(record.number, acts.sign_replacement(record, keys, envelope.bid, envelope.digest))


def status(where: There, bid: Path, *, as_json: bool) -> None:
    """Ask how the bid stands."""
    shown = meter(as_json=as_json)
    with errors_told(as_json=as_json), _host(where, shown) as there:
        known = given.known_of(bid)
        found = there.state(known.tender, known.number)
        kept = None
        if found.get("state") not in WITHOUT_RECEIPT:
            kept = str(
                given.keep_receipt(
                    given.bid_path(bid),
                    there.receipt(known.tender, known.number, known.digest.hex()),
                    known,
                )
            )
    shown_facts = {name: value for name, value in found.items() if name in {"state", "verdict", "cause"}}
    result = {"bid": known.number, "tender": known.tender, **shown_facts, "receipt": kept}
    said = [str(found[name]) for name in ("state", "verdict", "cause") if found.get(name)]
    text = printable(f"{known.number}: {' '.join(dict.fromkeys(said)) or '?'}")
    told(result, as_json=as_json, text=text + (f"\n  回执 receipt {kept}" if kept else ""))


def withdraw(where: There, bid: Path, at: KeysAt, *, as_json: bool) -> None:
    """Take the bid back."""
    shown = meter(as_json=as_json)
    with errors_told(as_json=as_json):
        record, keys = given.keys_of(bid, at)
        with _host(where, shown) as there:
            there.withdraw(record.tender, record.number, acts.sign_withdrawal(record, keys))
    result = {"bid": record.number, "tender": record.tender, "state": "withdrawn"}
    told(result, as_json=as_json, text=f"已撤回 withdrawn: {record.number}")


@dataclass(frozen=True, slots=True)
class Release:
    """The words of `bid release`: which bid, by file or by name, which window, and what to open it with."""

    bid: Path | None
    tender: str | None
    number: str | None
    digest: str | None
    window: str
    slot: str
    at: KeysAt

    def which(self) -> Path | Named | None:
        """Return which bid, None where only its key file can tell.

        Raises:
            Misused: told twice, or half.
        """
        if self.bid is not None and (self.tender or self.number):
            raise Misused(reason="a file, or --tender and --number, not both")
        if bool(self.tender) is not bool(self.number):
            raise Misused(reason="--tender and --number go together")
        if self.digest is not None and not (self.tender and SHOWN_DIGEST.fullmatch(self.digest)):
            raise Misused(reason="--digest goes with --tender and --number: 16 to 64 signs of 0-9 a-f")
        if not (self.tender and self.number):
            return self.bid
        return Named(self.tender, self.number, (self.digest or "").lower())


def release(where: There, asked: Release, *, as_json: bool) -> None:
    """Release the halves of a window with one of the bid's slots; the host checks them at once."""
    shown = meter(as_json=as_json)
    with errors_told(as_json=as_json), _host(where, shown) as there:
        bid, slot = asked.which(), parse_slot(asked.slot)
        with _opening(there, bid, slot, asked.at) as (own, openers):
            envelope = _envelope(there, own)
            halves = acts.halves_of(envelope, openers, asked.window)
        session_key = _session_key(there.hall(own.tender), asked.window)
        suite = own.policy.check_suite(own.policy.suites[0])
        sealed = acts.seal_halves(envelope, halves, asked.window, session_key, suite)
        answer = there.release(own.tender, own.bid.hex(), asked.window, sealed)
    result = {
        "bid": own.bid.hex(),
        "window": asked.window,
        "parts": [name.value for name in halves],
        **answer,
    }
    told(result, as_json=as_json, text=f"已解密 released: {own.bid.hex()}, {', '.join(halves)}")


@contextmanager
def _opening(
    there: Host, bid: Path | Named | None, slot: Slot, at: KeysAt
) -> Iterator[tuple[Own, Sequence[OpeningKey]]]:
    """Hand out which bid it is, and the keys of the slot."""
    match slot:
        case FileSlot(path):
            keys_at = KeysAt(at.keys or path, at.passphrase)
            record, keys = given.keys_of(bid if isinstance(bid, Path) else None, keys_at)
            lies = given.lies_at(bid, keys_at.keys)
            yield (
                Own(record.tender, record.bid, record.terms(), lies, record, record.digest.hex()),
                keys.openers(record.algorithms()),
            )
        case TokenSlot():
            own = _own(there, bid)
            with found_on_token(slot, own.bid, given.pin_of) as key:
                yield own, [key]
        case PaperSlot(path):
            own = _own(there, bid)
            code = given.first_line(path) if path else given.ask("纸质码 paper code: ")
            yield own, [paper.slot_key(code, _envelope(there, own).suite, own.tender, own.bid)]


def _own(there: Host, bid: Path | Named | None) -> Own:
    """Return which bid is to be opened without its key file's secrets; whose policy it is the slot itself will tell.

    A key that opens a slot opens it for one core, and that names tender, bid and policy: a host that shows another
    policy or another envelope gets nothing.
    """
    if bid is None:
        raise Misused(reason="the bid or its key file, or --tender and --number: which bid is to be opened")
    if isinstance(bid, Named):
        found, _ = _policy(there, bid.tender)
        return Own(bid.tender, _number(there, bid), found, digest=bid.digest)
    record = given.record_of(bid)
    if record is not None:
        path = given.bid_path(bid)
        return Own(record.tender, record.bid, record.terms(), path, record, record.digest.hex())
    known = given.known_of(bid)
    found, _ = _policy(there, known.tender)
    return Own(known.tender, known.bid, found, bid, digest=known.digest.hex())


def _number(there: Host, named: Named) -> bytes:
    """Return the number that begins so; the closed list has all of them."""
    wanted = named.number.lower()
    if re.fullmatch("[0-9a-f]{32}", wanted):
        return bytes.fromhex(wanted)
    listed = there.hall(named.tender).get("bids")
    numbers = (
        [str(one.get("bid")) for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    )
    found = [one for one in numbers if one.startswith(wanted) and re.fullmatch("[0-9a-f]{32}", one)]
    if len(found) != 1 or len(wanted) < SHORTEST_NUMBER:
        raise NoSuchNumber(number=wanted[:40], found=len(found))
    return bytes.fromhex(found[0])


def _envelope(there: Host, own: Own) -> Envelope:
    """Return the envelope, from the disk where it lies beside its keys, else from the host's head and tail.

    Raises:
        OtherPolicy: it is not the bid that the keys belong to.
    """
    if own.path is not None and given.is_envelope(own.path):
        with stored(own.path) as source:
            envelope = open_envelope(source.read, source.size, own.policy, own.bid)
    else:
        ends, size = there.head(own.tender, own.bid.hex(), own.digest)
        envelope = open_envelope(ends_only(ends, size), size, own.policy, own.bid)
    if own.record is not None and envelope.digest != own.record.digest:
        raise OtherPolicy(reason="the envelope is not the one these keys belong to", bid=own.bid.hex())
    return envelope


def _session_key(hall: Mapping[str, object], window: str) -> bytes:
    key = hall.get("session_key")
    if hall.get("window") != window or not isinstance(key, str) or not key:
        raise WindowNotOpen(
            window=window, open=str(hall.get("window") or ""), state=str(hall.get("state", ""))
        )
    try:
        return decode_base64(key)
    except NotBase64 as error:
        raise WindowNotOpen(reason="the host's session key is no key", window=window) from error


def confirm(where: There, bid: Path, window: str, objection: str, at: KeysAt, *, as_json: bool) -> None:
    """Sign the record that the hall shows, or an objection to it."""
    shown = meter(as_json=as_json)
    with errors_told(as_json=as_json):
        record, keys = given.keys_of(bid, at)
        with _host(where, shown) as there:
            sha256, text = _record(there.hall(record.tender), window)
            signature = acts.sign_confirmation(record, keys, bytes.fromhex(sha256), objection)
            body = {"window": window, "sha256": sha256, "objection": objection, "signature": signature}
            there.confirm(record.tender, record.number, body)
    result = {"bid": record.number, "window": window, "sha256": sha256, "objection": objection}
    word = "已提出异议 objected" if objection else "已确认 confirmed"
    told(result, as_json=as_json, text=f"{word}: {sha256}\n{printable(text)}")


def _record(hall: Mapping[str, object], window: str) -> tuple[str, str]:
    """Return SHA-256 and text of a window's record; the host's word on the digest is compared."""
    record = hall.get("record")
    if isinstance(record, dict) and record.get("window") == window:
        text, said = record.get("text"), record.get("sha256")
        if isinstance(text, str) and text:
            found = hashlib.sha256(text.encode()).hexdigest()
            if said not in (None, found):
                raise FalseRecord(window=window)
            return found, text
    raise WindowNotOpen(reason="there is no record of this window yet", window=window)


@dataclass(frozen=True, slots=True)
class Inquiry:
    """A question of the committee as the host shows it, its digest worked out here."""

    question: str
    text: str
    sha256: str
    until: int
    state: str
    answer: str | None


def questions(where: There, bid: Path, *, as_json: bool) -> None:
    """Show what the committee asked about a bid, and until when it is answered."""
    shown = meter(as_json=as_json)
    with errors_told(as_json=as_json), _host(where, shown) as there:
        known = given.known_of(bid)
        asked = _asked(there, known.tender, known.number, known.digest.hex())
    result = {"bid": known.number, "tender": known.tender, "questions": [asdict(one) for one in asked]}
    lines = [
        f"{STATES[one.state]} {one.question}: 截止 until {given.instant(one.until)}\n{printable(one.text)}"
        + (f"\n  答复 reply: {printable(one.answer)}" if one.answer else "")
        for one in asked
    ]
    told(result, as_json=as_json, text="\n".join(lines) or "没有澄清问题 no question was asked")


STATES: Mapping[str, str] = {
    "open": "待答复 open",
    "answered": "已答复 answered",
    "silent": "逾期未答复 not answered in time",
    "void": "已作废 void",
}
"""How a question stands, for people."""


def answer(where: There, bid: Path, asked: "Reply", at: KeysAt, *, as_json: bool) -> None:
    """Sign an answer here, with the keys of the bid, and hand it in; the host never sees the keys."""
    shown = meter(as_json=as_json)
    with errors_told(as_json=as_json):
        text = asked.words()
        record, keys = given.keys_of(bid, at)
        with _host(where, shown) as there:
            one = _one(_asked(there, record.tender, record.number, record.digest.hex()), asked.question)
            signature = acts.sign_answer(record, keys, one.sha256, text)
            body = {"text": text, "signature": signature, "marked": asked.marked}
            there.answer(record.tender, record.number, one.question, body)
    result = {
        "bid": record.number,
        "question": one.question,
        "sha256": one.sha256,
        "answer_sha256": hashlib.sha256(text.encode()).hexdigest(),
        "signature": signature,
    }
    told(result, as_json=as_json, text=f"已答复 answered: {one.question}\n{printable(one.text)}")


@dataclass(frozen=True, slots=True)
class Reply:
    """The words of `bid answer`: which question (empty: the only open one), the answer or its file, and what is known of marks."""

    question: str
    text: str | None
    file: Path | None
    marked: bool

    def words(self) -> str:
        """Return the answer.

        Raises:
            Misused: none was given, or two.
        """
        if (self.text is None) is (self.file is None):
            raise Misused(reason="--text or --file: one of them says what is answered")
        if self.text is not None:
            return self.text
        try:
            return given.content(self.file or Path()).decode().strip()
        except UnicodeDecodeError as error:
            raise Misused(reason="the file is no UTF-8 text", file=str(self.file)) from error


def _asked(there: Host, tender: str, number: str, digest: str) -> list[Inquiry]:
    """Return the questions the host shows, each with the digest of its own words.

    Raises:
        FalseQuestion: the host says another digest than the words have.
    """
    listed = there.questions(tender, number, digest).get("questions")
    found = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    return [_inquiry(one) for one in found]


def _inquiry(said: Mapping[str, object]) -> Inquiry:
    name, text, until = str(said.get("question", "")), str(said.get("text", "")), said.get("until")
    sha256 = question_digest(name, text)
    if said.get("sha256") not in (None, sha256) or not QUESTION.fullmatch(name):
        raise FalseQuestion(question=name[:64])
    state, reply = str(said.get("state")), said.get("answer")
    return Inquiry(
        name,
        text,
        sha256,
        until if isinstance(until, int) else 0,
        state if state in STATES else "void",
        reply if isinstance(reply, str) else None,
    )


def _one(asked: Sequence[Inquiry], question: str) -> Inquiry:
    found = [one for one in asked if question in ("", one.question) and one.state == "open"]
    if len(found) != 1:
        raise NoOpenQuestion(question=question[:64], open=", ".join(one.question for one in found))
    return found[0]


@contextmanager
def _host(where: There, shown: Meter) -> Iterator[Host]:
    base = address(where.host)
    with connected(where.ca) as client:
        yield Host(base, shown.waits, client, give_up=where.give_up)


def connected(ca: Path | None) -> httpx.Client:
    """Return a client that trusts the machine's authorities, or the one in `ca` alone.

    Raises:
        BidFileUnusable: there is none in it.
    """
    try:
        trust = ssl.create_default_context(cafile=ca)
    except (OSError, ssl.SSLError) as error:
        raise BidFileUnusable(file=str(ca), reason="no certificate in PEM") from error
    return httpx.Client(timeout=TIMEOUT, verify=trust)
