"""What `evalroom bid` does at a host: handing in, following, withdrawing, releasing, confirming.

One function a command, like those of `commands.py`.  Apart from them because the client takes nine megabytes and half
a second that sealing has no use for.
"""

import hashlib
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx

from evalroom.errors import PeerFault, Refusal
from evalroom.ledger.base64 import NotBase64, decode_base64
from evalroom.sealing.custody import policy_message, verify_trustee
from evalroom.sealing.envelope import Envelope, open_envelope
from evalroom.sealing.policy import Policy, parse_policy
from main_site.bidder import acts, given
from main_site.bidder.envelope_file import BidFileUnusable, ends_only, glance, stored
from main_site.bidder.given import KeysAt, OtherPolicy
from main_site.bidder.host import TIMEOUT, Host, address
from main_site.bidder.keyfile import BidRecord
from main_site.bidder.telling import Meter, errors_told, meter, told
from main_site.bidder.upload import Replacement, check_bytes, hand_in

WITHOUT_RECEIPT = frozenset({"announced", "withdrawn"})


class FalseRecord(PeerFault):
    """The record that the host shows is not what its digest says: nothing was signed; look again, ask the host."""

    code = "false_record"


class WindowNotOpen(Refusal):
    """The host opens no such window just now: nothing was sent; wait for the hour that the hall shows."""

    code = "window_not_open"


def policy(host: str, tender: str, out: Path, ca: Path | None, *, as_json: bool) -> None:
    """Fetch a policy, look whether it can be used, and write it where nothing lies yet."""
    shown = meter(as_json=as_json)
    with errors_told(as_json=as_json), _host(host, ca, shown) as there:
        text, signatures = there.policy(tender)
        found = parse_policy(text)
        if found.tender != tender:
            raise OtherPolicy(asked=tender, got=found.tender)
        _check_signatures(found, text, signatures)
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
    host: str, bid: Path, replaces: Path | None, passphrase: Path | None, ca: Path | None, *, as_json: bool
) -> None:
    """Check the file's bytes, bring them up, and keep the receipt."""
    shown = meter(as_json=as_json)
    with errors_told(as_json=as_json), stored(bid) as source, _host(host, ca, shown) as there:
        seen = glance(source)
        text, _ = there.policy(seen.tender)
        envelope = open_envelope(source.read, source.size, parse_policy(text), seen.bid)
        replacement = _replacement(envelope, replaces, passphrase)
        with shown.running():
            check_bytes(source, envelope, shown.step)
            receipt = hand_in(there, source, envelope, shown.step, replacement)
        kept = given.keep_receipt(bid, receipt, given.known(envelope))
    result = {"bid": seen.number, "tender": seen.tender, "state": "submitted", "receipt": str(kept)}
    told(result, as_json=as_json, text=f"已递交 handed in: {seen.number}\n  回执 receipt {kept}")


def _replacement(envelope: Envelope, earlier: Path | None, passphrase: Path | None) -> Replacement | None:
    if earlier is None:
        return None
    record, keys = given.unlocked(earlier, passphrase)
    if record.tender != envelope.policy.tender:
        raise OtherPolicy(reason="the earlier bid is of another tender", tender=record.tender)
    return Replacement(record.number, acts.sign_replacement(record, keys, envelope.bid, envelope.digest))


def status(host: str, bid: Path, ca: Path | None, *, as_json: bool) -> None:
    """Ask how the bid stands."""
    shown = meter(as_json=as_json)
    with errors_told(as_json=as_json), _host(host, ca, shown) as there:
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
    text = f"{known.number}: {found.get('state', '?')} {found.get('verdict') or ''}".rstrip()
    told(result, as_json=as_json, text=text + (f"\n  回执 receipt {kept}" if kept else ""))


def withdraw(host: str, bid: Path, at: KeysAt, ca: Path | None, *, as_json: bool) -> None:
    """Take the bid back."""
    shown = meter(as_json=as_json)
    with errors_told(as_json=as_json):
        record, keys = given.keys_of(bid, at)
        with _host(host, ca, shown) as there:
            there.withdraw(record.tender, record.number, acts.sign_withdrawal(record, keys))
    result = {"bid": record.number, "tender": record.tender, "state": "withdrawn"}
    told(result, as_json=as_json, text=f"已撤回 withdrawn: {record.number}")


def release(host: str, bid: Path, window: str, at: KeysAt, ca: Path | None, *, as_json: bool) -> None:
    """Release the halves of a window; the host checks them at once."""
    shown = meter(as_json=as_json)
    with errors_told(as_json=as_json):
        record, keys = given.keys_of(bid, at)
        policy = record.terms()
        with _host(host, ca, shown) as there:
            envelope = _envelope(there, bid, record, policy)
            halves = acts.halves_of(envelope, keys, window)
            session_key = _session_key(there.hall(record.tender), window)
            suite = policy.check_suite(policy.suites[0])
            sealed = acts.seal_halves(envelope, halves, window, session_key, suite)
            answer = there.release(record.tender, record.number, window, sealed)
    result = {"bid": record.number, "window": window, "parts": [name.value for name in halves], **answer}
    told(result, as_json=as_json, text=f"已解密 released: {record.number}, {', '.join(halves)}")


def _envelope(there: Host, bid: Path, record: BidRecord, policy: Policy) -> Envelope:
    """Return the envelope, from the disk where it lies beside its keys, else from the host's head and tail.

    Raises:
        OtherPolicy: it is not the bid that the keys belong to.
    """
    path = given.bid_path(bid)
    if path.exists():
        with stored(path) as source:
            envelope = open_envelope(source.read, source.size, policy, record.bid)
    else:
        read = ends_only(there.head(record.tender, record.number, record.digest.hex()), record.size)
        envelope = open_envelope(read, record.size, policy, record.bid)
    if envelope.digest != record.digest:
        raise OtherPolicy(reason="the envelope is not the one these keys belong to", bid=record.number)
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


def confirm(
    host: str, bid: Path, window: str, objection: str, at: KeysAt, ca: Path | None, *, as_json: bool
) -> None:
    """Sign the record that the hall shows, or an objection to it."""
    shown = meter(as_json=as_json)
    with errors_told(as_json=as_json):
        record, keys = given.keys_of(bid, at)
        with _host(host, ca, shown) as there:
            sha256, text = _record(there.hall(record.tender), window)
            signature = acts.sign_confirmation(record, keys, bytes.fromhex(sha256), objection)
            body = {"window": window, "sha256": sha256, "objection": objection, "signature": signature}
            there.confirm(record.tender, record.number, body)
    result = {"bid": record.number, "window": window, "sha256": sha256, "objection": objection}
    word = "已提出异议 objected" if objection else "已确认 confirmed"
    told(result, as_json=as_json, text=f"{word}: {sha256}\n{text}")


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


@contextmanager
def _host(text: str, ca: Path | None, shown: Meter) -> Iterator[Host]:
    base = address(text)
    with connected(ca) as client:
        yield Host(base, shown.waits, client)


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
