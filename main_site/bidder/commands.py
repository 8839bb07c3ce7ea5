"""What `evalroom bid` does: one function a command, from the files and words given to the lines printed.

Each ends in a result that is printed once, or in an error told as `telling` tells it; wrong words are misuse.
Files are written whole under a new name: neither a bid nor a key file is ever overwritten, a receipt only by a later
one of the same bid.
"""

import getpass
import hashlib
import os
import re
import ssl
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

import httpx
import typer

from evalroom.errors import PeerFault, Refusal
from evalroom.ledger.base64 import NotBase64, decode_base64
from evalroom.sealing.custody import policy_message, verify_trustee
from evalroom.sealing.envelope import Envelope, open_envelope
from evalroom.sealing.policy import PartName, Policy, parse_policy
from evalroom.sealing.receipt import CheckedReceipt
from main_site.bidder import acts, receipts
from main_site.bidder.certificate import Signatory, load_signatory, own_signatory
from main_site.bidder.envelope_file import (
    BidFileUnusable,
    Glance,
    Stored,
    ends_only,
    glance,
    opened,
    stored,
)
from main_site.bidder.host import TIMEOUT, Host, address
from main_site.bidder.keyfile import (
    BidKeys,
    BidRecord,
    check_passphrase,
    new_passphrase,
    read_record,
    unlock,
)
from main_site.bidder.sealing import Order, key_path, pick_suite, seal_to_file
from main_site.bidder.sheet import SHEETS, bidder_of, canonical_sheet
from main_site.bidder.telling import Meter, errors_told, meter, told
from main_site.bidder.upload import Replacement, check_bytes, hand_in, root_of

MISUSE, FOUND_WRONG = 2, 1
LARGEST_POLICY = 1 << 20
WITHOUT_RECEIPT = frozenset({"announced", "withdrawn"})


class OtherPolicy(Refusal):
    """The policy is not the one meant: nothing was sealed or sent; fetch it again and compare it with the notice."""

    code = "other_policy"


class FalseRecord(PeerFault):
    """The record that the host shows is not what its digest says: nothing was signed; look again, ask the host."""

    code = "false_record"


class WindowNotOpen(Refusal):
    """The host opens no such window just now: nothing was sent; wait for the hour that the hall shows."""

    code = "window_not_open"


@dataclass(frozen=True, slots=True)
class Asked:
    """The words of `bid seal`."""

    out: Path
    policy: Path
    part: Sequence[str]
    suite: str | None
    certificate: Path | None
    key: Path | None
    key_password: Path | None
    notice: str | None
    passphrase: Path | None
    ask: bool


@dataclass(frozen=True, slots=True)
class KeysAt:
    """Where the keys of a bid are, if not beside it, and a file with their passphrase, if nobody is to be asked."""

    keys: Path | None
    passphrase: Path | None


# --- sealing -------------------------------------------------------------------------------------------------


def seal(asked: Asked, *, as_json: bool) -> None:
    """Seal a bid and print what was sealed, with the passphrase if it was made here."""
    parts, code = _parts(asked.part), _suite(asked.suite)
    if (asked.certificate is None) is not (asked.key is None):
        _misuse("--certificate and --key go together")
    if asked.ask and asked.passphrase:
        _misuse("--ask-passphrase or --passphrase-file, not both")
    shown = meter(as_json=as_json)
    with errors_told(as_json=as_json):
        policy = parse_policy(_policy_text(asked.policy, asked.notice))
        signatory = _signatory(asked, policy, parts)
        passphrase = _new_passphrase(asked)
        order = Order(policy, pick_suite(policy, code), parts, signatory, asked.out, passphrase)
        with shown.running():
            record = seal_to_file(order, shown.step)
    result: dict[str, object] = {
        **_facts(record),
        "out": str(asked.out),
        "keys": str(key_path(asked.out)),
        "certified": asked.certificate is not None,
    }
    if not asked.ask and asked.passphrase is None:
        result["passphrase"] = passphrase
    told(result, as_json=as_json, text=_sealed_text(result, policy))


def _sealed_text(result: Mapping[str, object], policy: Policy) -> str:
    lines = [
        f"已封装并自检 sealed and opened again: {result['out']}",
        f"  标书编号 bid      {result['bid']}",
        f"  指纹 digest       {result['digest']}",
        f"  规则 policy       {result['policy_sha256']}  （请与公告核对 compare it with the notice）",
        f"  密钥文件 keys     {result['keys']}",
    ]
    if "passphrase" in result:
        lines.append(f"  口令 passphrase   {result['passphrase']}  （只显示这一次 shown this once）")
    if not result["certified"]:
        lines.append(
            "注意 note: no certificate was given; the bid is signed under a name that nobody vouches for"
        )
    if time.time() * 1000 >= policy.deadline:
        lines.append("注意 note: by this computer's clock the deadline is over")
    lines.append(
        "密钥文件和口令都丢失，标书就无法开启 without key file and passphrase nobody can open this bid: keep copies apart"
    )
    return "\n".join(lines)


def _parts(words: Sequence[str]) -> dict[PartName, Path | None]:
    parts: dict[PartName, Path | None] = {}
    for word in words:
        name, equals, path = word.partition("=")
        if not equals or name not in list(PartName) or name == PartName.IDENTITY or name in parts:
            _misuse(f"--part {word}: NAME=FILE, each once, NAME of opening, qualification, technical, price")
        if path and not Path(path).is_file():
            _misuse(f"--part {word}: there is no such file")
        parts[PartName(name)] = Path(path) if path else None
    return parts


def _suite(text: str | None) -> int | None:
    if text is None:
        return None
    if not re.fullmatch(r"0x[0-9a-fA-F]{1,2}", text):
        _misuse(f"--suite {text}: write it as in the policy's table, such as 0x01")
    return int(text, 16)


def _policy_text(path: Path, notice: str | None) -> bytes:
    with opened(path) as file:
        text = file.read(LARGEST_POLICY + 1)
    found = hashlib.sha256(text).hexdigest()
    if notice is not None and notice.lower() != found:
        raise OtherPolicy(notice=notice[:64], found=found)
    return text


def _signatory(asked: Asked, policy: Policy, parts: Mapping[PartName, Path | None]) -> Signatory:
    now = datetime.now(UTC)
    if asked.certificate is None or asked.key is None:
        sheet = next((path for name, path in parts.items() if name in SHEETS and path), None)
        if sheet is None:
            _misuse("--certificate and --key, or a price sheet that names the bidder")
        with opened(sheet) as file:
            name = next(name for name, path in parts.items() if path == sheet)
            return own_signatory(bidder_of(canonical_sheet(file.read(), name, policy))[:64], now)
    password = _first_line(asked.key_password).encode() if asked.key_password else None
    try:
        return load_signatory(asked.certificate, asked.key, password, now)
    except OSError as error:
        raise BidFileUnusable(file=asked.certificate.name, reason=error.strerror or "read") from error


def _new_passphrase(asked: Asked) -> str:
    if asked.passphrase is not None:
        return check_passphrase(_first_line(asked.passphrase))
    if not asked.ask:
        return new_passphrase()
    said = check_passphrase(getpass.getpass("口令 passphrase: "))
    if said != getpass.getpass("再输一次 once more: ").strip():
        _misuse("the two passphrases differ")
    return said


# --- at the host ---------------------------------------------------------------------------------------------


def policy(host: str, tender: str, out: Path, ca: Path | None, *, as_json: bool) -> None:
    """Fetch a policy, look whether it can be used, and write it where nothing lies yet."""
    shown = meter(as_json=as_json)
    with errors_told(as_json=as_json), _host(host, ca, shown) as there:
        text, signatures = there.policy(tender)
        found = parse_policy(text)
        if found.tender != tender:
            raise OtherPolicy(asked=tender, got=found.tender)
        _check_signatures(found, text, signatures)
        _write(out, text, anew=True)
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
        f"  截止 deadline {_instant(found.deadline)}",
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
        kept = _keep_receipt(bid, receipt, _known(envelope))
    result = {"bid": seen.number, "tender": seen.tender, "state": "submitted", "receipt": str(kept)}
    told(result, as_json=as_json, text=f"已递交 handed in: {seen.number}\n  回执 receipt {kept}")


def _replacement(envelope: Envelope, earlier: Path | None, passphrase: Path | None) -> Replacement | None:
    if earlier is None:
        return None
    record, keys = _unlocked(earlier, passphrase)
    if record.tender != envelope.policy.tender:
        raise OtherPolicy(reason="the earlier bid is of another tender", tender=record.tender)
    return Replacement(record.number, acts.sign_replacement(record, keys, envelope.bid, envelope.digest))


def status(host: str, bid: Path, ca: Path | None, *, as_json: bool) -> None:
    """Ask how the bid stands."""
    shown = meter(as_json=as_json)
    with errors_told(as_json=as_json), _host(host, ca, shown) as there:
        known = _known_of(bid)
        found = there.state(known.tender, known.number)
        kept = None
        if found.get("state") not in WITHOUT_RECEIPT:
            kept = str(_keep_receipt(_bid_path(bid), there.receipt(known.tender, known.number), known))
    shown_facts = {name: value for name, value in found.items() if name in {"state", "verdict", "cause"}}
    result = {"bid": known.number, "tender": known.tender, **shown_facts, "receipt": kept}
    text = f"{known.number}: {found.get('state', '?')} {found.get('verdict') or ''}".rstrip()
    told(result, as_json=as_json, text=text + (f"\n  回执 receipt {kept}" if kept else ""))


def withdraw(host: str, bid: Path, at: KeysAt, ca: Path | None, *, as_json: bool) -> None:
    """Take the bid back."""
    shown = meter(as_json=as_json)
    with errors_told(as_json=as_json):
        record, keys = _keys(bid, at)
        with _host(host, ca, shown) as there:
            there.withdraw(record.tender, record.number, acts.sign_withdrawal(record, keys))
    result = {"bid": record.number, "tender": record.tender, "state": "withdrawn"}
    told(result, as_json=as_json, text=f"已撤回 withdrawn: {record.number}")


def release(host: str, bid: Path, window: str, at: KeysAt, ca: Path | None, *, as_json: bool) -> None:
    """Release the halves of a window; the host checks them at once."""
    shown = meter(as_json=as_json)
    with errors_told(as_json=as_json):
        record, keys = _keys(bid, at)
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
    path = _bid_path(bid)
    if path.exists():
        with stored(path) as source:
            envelope = open_envelope(source.read, source.size, policy, record.bid)
    else:
        read = ends_only(there.head(record.tender, record.number), record.size)
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
        record, keys = _keys(bid, at)
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


# --- without a host ------------------------------------------------------------------------------------------


def check_receipt(
    receipt: Path, keys: Path, about: Path | str | None, quorum: int | None, *, as_json: bool
) -> None:
    """Check a receipt of a bid, given as a file, or of any bid of a tender, with the notice's keys."""
    if about is None:
        _misuse("--bid or --tender: a receipt proves something for one tender only")
    with errors_told(as_json=as_json):
        known = _known_of(about) if isinstance(about, Path) else about
        found = receipts.check(_content(receipt), _content(keys), quorum, known)
    told(_proven(found), as_json=as_json, text=_proven_text(found))
    if found.provisional:
        raise typer.Exit(FOUND_WRONG)


def _proven(found: CheckedReceipt) -> dict[str, object]:
    receipt = found.receipt
    return {
        "bid": receipt.bid,
        "tender": receipt.tender,
        "digest": receipt.digest,
        "root": receipt.root,
        "size": receipt.size,
        "at": found.at,
        "index": receipt.index,
        "cosigners": list(found.cosigners),
        "provisional": found.provisional,
        "stamped": receipt.token is not None,
    }


def _proven_text(found: CheckedReceipt) -> str:
    state = "暂定 provisional: fetch it again later" if found.provisional else "有效 it holds"
    return "\n".join(
        [
            f"{found.receipt.bid}: {state}",
            f"  递交时间 handed in  {_instant(found.at)}",
            f"  指纹 digest         {found.receipt.digest}",
            f"  见证 cosigned by    {', '.join(found.cosigners) or '-'}",
        ]
    )


def inspect(bid: Path, policy: Path | None, *, as_json: bool) -> None:
    """Print what an envelope tells everybody; exit 1 when signature or root are wrong."""
    shown = meter(as_json=as_json)
    wrong: list[str] = []
    with errors_told(as_json=as_json), stored(bid) as source:
        seen = glance(source)
        if not seen.signed:
            wrong.append("bad_envelope_signature")
        if policy is not None:
            open_envelope(source.read, source.size, parse_policy(_policy_text(policy, None)), seen.bid)
        with shown.running():
            if not _root_is_right(source, seen, shown):
                wrong.append("root_mismatch")
    result = _glance_facts(seen) | {"checked_under_policy": policy is not None, "wrong": wrong}
    told(result, as_json=as_json, text=_inspected_text(result))
    if wrong:
        raise typer.Exit(FOUND_WRONG)


def _root_is_right(source: Stored, seen: Glance, shown: Meter) -> bool:
    return root_of(source, seen.trailer.size, shown.step) == seen.trailer.root


def _glance_facts(seen: Glance) -> dict[str, object]:
    core = seen.parts[0].core
    sizes = seen.plain_sizes()
    return {
        "tender": seen.tender,
        "bid": seen.number,
        "suite": f"0x{seen.suite.code:02x}",
        "algorithms": seen.suite.name,
        "size": seen.size,
        "policy_hash": core.policy.hex(),
        "root": seen.trailer.root.hex(),
        "digest": seen.digest.hex(),
        "parts": [
            {"name": part.name.value, "bytes": size, "slots": len(part.slots), "shares": len(part.shares)}
            for part, size in zip(seen.parts, sizes, strict=True)
        ],
    }


def _inspected_text(result: Mapping[str, object]) -> str:
    lines = [
        f"{name:14} {result[name]}"
        for name in ("tender", "bid", "suite", "algorithms", "size", "policy_hash", "root", "digest")
    ]
    parts = result["parts"]
    lines += [
        f"  {part['name']:14} {part['bytes']:>16,} bytes, slots {part['slots']}, shares {part['shares']}"
        for part in (parts if isinstance(parts, list) else [])
    ]
    lines.append("没有密钥的人只能看到以上内容 this is all that can be told without keys")
    wrong = result["wrong"]
    lines += [f"失败 FAIL {one}" for one in (wrong if isinstance(wrong, list) else [])] or [
        "签名与根正确 signature and root are right"
    ]
    return "\n".join(lines)


# --- files, keys, words --------------------------------------------------------------------------------------


def _facts(record: BidRecord) -> dict[str, object]:
    return {
        "bid": record.number,
        "tender": record.tender,
        "suite": f"0x{record.suite:02x}",
        "size": record.size,
        "root": record.root.hex(),
        "digest": record.digest.hex(),
        "policy_sha256": hashlib.sha256(record.policy).hexdigest(),
    }


def _known(envelope: Envelope) -> receipts.Known:
    return receipts.Known(envelope.policy.tender, envelope.bid, envelope.root, envelope.digest, envelope.size)


def _known_of(path: Path) -> receipts.Known:
    """Return which bid a file is about: the envelope or its key file."""
    with stored(path) as source:
        if source.read(0, 4) == b"EVB1":
            seen = glance(source)
            return receipts.Known(seen.tender, seen.bid, seen.trailer.root, seen.digest, seen.size)
    record = read_record(path)
    return receipts.Known(record.tender, record.bid, record.root, record.digest, record.size)


def _bid_path(path: Path) -> Path:
    """Return where the envelope lies, or would, given it or its key file."""
    return path.with_name(path.name.removesuffix(".key"))


def _keys(bid: Path, at: KeysAt) -> tuple[BidRecord, BidKeys]:
    path = at.keys or (bid if bid.name.endswith(".key") else key_path(bid))
    if not path.is_file():
        _misuse(f"there are no keys at {path}: name them with --keys")
    return _unlocked(path, at.passphrase)


def _unlocked(path: Path, passphrase: Path | None) -> tuple[BidRecord, BidKeys]:
    said = _first_line(passphrase) if passphrase else getpass.getpass(f"{path.name} 口令 passphrase: ")
    try:
        return unlock(path, check_passphrase(said))
    except OSError as error:
        raise BidFileUnusable(file=path.name, reason=error.strerror or "read") from error


def _first_line(path: Path) -> str:
    try:
        return _content(path).decode("utf-8-sig").partition("\n")[0].rstrip("\r")
    except UnicodeDecodeError as error:
        raise BidFileUnusable(file=path.name, reason="not UTF-8") from error


def _content(path: Path) -> bytes:
    with opened(path) as file:
        try:
            return file.read(1 << 20)
        except OSError as error:
            raise BidFileUnusable(file=path.name, reason=error.strerror or "read") from error


def _keep_receipt(bid: Path, text: str, known: receipts.Known) -> Path:
    """Write the receipt beside the bid, once it is seen to be this bid's, and return where."""
    receipts.check_belongs(text.encode(), known)
    path = bid.with_name(f"{known.number}.receipt")
    _write(path, text.encode(), anew=False)
    return path


def _write(path: Path, data: bytes, *, anew: bool) -> None:
    """Write a file whole or not at all; `anew` refuses to replace one."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        if anew and path.exists():
            raise BidFileUnusable(file=path.name, reason="it exists")
        with fresh.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError as error:
        fresh.unlink(missing_ok=True)
        raise BidFileUnusable(file=path.name, reason=error.strerror or "write") from error


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


def _instant(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).astimezone().isoformat(timespec="seconds")


def _misuse(sentence: str) -> NoReturn:
    typer.echo(sentence, err=True)
    raise typer.Exit(MISUSE)
