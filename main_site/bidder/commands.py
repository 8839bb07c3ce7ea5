"""What `evalroom bid` does without a host: sealing, checking receipts, looking at envelopes.

One function a command, from the files and words given to the lines printed.  Each ends in a result that is printed
once, or in an error told as `telling` tells it.
"""

import hashlib
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import typer

from evalroom.sealing.envelope import open_envelope
from evalroom.sealing.policy import Mode, PartName, Policy, PolicyRefuses, parse_policy
from evalroom.sealing.receipt import CheckedReceipt
from main_site.bidder import given, receipts
from main_site.bidder.certificate import Signatory, load_signatory, own_signatory
from main_site.bidder.envelope_file import Glance, glance, opened, root_of, stored
from main_site.bidder.keyfile import BidRecord, check_passphrase, new_passphrase
from main_site.bidder.sealing import Order, key_path, new_number, pick_suite, seal_to_file
from main_site.bidder.sheet import SHEETS, bidder_of, canonical_sheet
from main_site.bidder.slots import (
    TOKEN_SUITE,
    FileSlot,
    Made,
    PaperSlot,
    Slot,
    TokenSlot,
    check_slots,
    made,
    parse_slot,
)
from main_site.bidder.telling import FOUND_WRONG, Misused, NoSuchFile, errors_told, meter, told

LARGEST_POLICY = 1 << 20


@dataclass(frozen=True, slots=True)
class Asked:
    """The words of `bid seal`."""

    out: Path
    policy: Path
    part: Sequence[str]
    slot: Sequence[str] = ()
    suite: str | None = None
    certificate: Path | None = None
    key: Path | None = None
    key_password: Path | None = None
    authority: Path | None = None
    notice: str | None = None
    passphrase: Path | None = None
    ask: bool = False


def seal(asked: Asked, *, as_json: bool) -> None:
    """Seal a bid and print what was sealed, with the secrets that were made here."""
    shown = meter(as_json=as_json)
    with errors_told(as_json=as_json):
        parts, slots = _parts(asked.part), _slots(asked.slot)
        if asked.ask and asked.passphrase:
            raise Misused(reason="--ask-passphrase or --passphrase-file, not both")
        policy = parse_policy(_policy_text(asked.policy, asked.notice))
        suite = policy.check_suite(_pick_suite(policy, asked.suite, slots))
        if asked.slot and policy.mode is Mode.SITES:
            raise PolicyRefuses(
                reason="the trustees alone open bids of this tender: no slots", mode=policy.mode
            )
        signatory = _signatory(asked, policy, parts)
        passphrase, number = _new_passphrase(asked), new_number()
        with made(slots, suite, policy.tender, number, given.pin_of) as keys:
            order = Order(policy, suite.code, parts, signatory, asked.out, passphrase, keys, number)
            with shown.running():
                record = seal_to_file(order, shown.step)
    result: dict[str, object] = {
        **_facts(record),
        "out": str(asked.out),
        "keys": str(key_path(asked.out)),
        "certified": asked.certificate is not None,
        "authority_checked": asked.authority is not None,
        "slots": _named(slots) if policy.mode is not Mode.SITES else [],
    }
    if not asked.ask and asked.passphrase is None:
        result["passphrase"] = passphrase
    if keys.spares:
        result["spares"] = [{"keys": str(one.path), "passphrase": one.passphrase} for one in keys.spares]
    if keys.codes:
        result["paper_codes"] = list(keys.codes)
    told(result, as_json=as_json, text=_sealed_text(result, policy, keys))


def _slots(words: Sequence[str]) -> list[Slot]:
    slots = [parse_slot(word) for word in words] or [FileSlot()]
    check_slots(slots)
    return slots


def _pick_suite(policy: Policy, text: str | None, slots: Sequence[Slot]) -> int:
    """Return the suite wanted, else the one that a token needs, else the policy's first that this machine has."""
    wanted = _suite(text)
    if wanted is None and any(isinstance(one, TokenSlot) for one in slots):
        wanted = TOKEN_SUITE
    return pick_suite(policy, wanted)


def _named(slots: Sequence[Slot]) -> list[str]:
    """Return what kinds of slots there are, without paths."""
    kinds = {FileSlot: "file", TokenSlot: "pkcs11", PaperSlot: "paper"}
    return [kinds[type(one)] for one in slots]


def _sealed_text(result: Mapping[str, object], policy: Policy, keys: Made) -> str:
    lines = [
        f"已封装并自检 sealed and opened again: {result['out']}",
        f"  标书编号 bid      {result['bid']}",
        f"  指纹 digest       {result['digest']}",
        f"  规则 policy       {result['policy_sha256']}  （请与公告核对 compare it with the notice）",
        f"  密钥文件 keys     {result['keys']}",
    ]
    if "passphrase" in result:
        lines.append(f"  口令 passphrase   {result['passphrase']}  （只显示这一次 shown this once）")
    for spare in keys.spares:
        lines.append(f"  备用密钥 spare    {spare.path}")
        lines.append(f"  备用口令 its own  {spare.passphrase}  （只显示这一次 shown this once）")
    lines += [
        f"  纸质码 paper code {code}  （抄在纸上，只显示这一次 write it down, shown this once）"
        for code in keys.codes
    ]
    if keys.codes:
        shown = f"{str(result['bid'])[:8]} · {str(result['digest'])[:16]}"
        lines.append(f"  同抄 beside it    {shown}  （编号与指纹开头 how number and digest begin）")
    if not result["certified"]:
        lines.append(
            "注意 note: no certificate was given; the bid is signed under a name that nobody vouches for"
        )
    elif not result["authority_checked"]:
        lines.append("注意 note: without --authority nobody looked who issued the certificate")
    if time.time() * 1000 >= policy.deadline:
        lines.append("注意 note: by this computer's clock the deadline is over")
    slots = result["slots"]
    if isinstance(slots, list):
        lines += _advice(slots)
    return "\n".join(lines)


ONE_WAY = (
    "注意 note: 只有一种开启方式，丢失即无法开启，可用 --slot file --slot paper 再加一种"
    " there is one way to open this bid, and losing it loses the bid; --slot file --slot paper makes a second"
)


def _advice(slots: Sequence[str]) -> Sequence[str]:
    """Return what the bidder has to take care of, by what opens the bid."""
    if not slots:
        return ["密钥文件用于撤回和确认，请留副本 the key file withdraws and confirms: keep a copy"]
    if len(slots) > 1:
        return [
            f"以上 {len(slots)} 种方式任一即可开启，请分开保管 any one of {len(slots)} opens it: keep them apart"
        ]
    return [ONE_WAY, "密钥文件和口令请分开保管 keep key file and passphrase apart, and a copy of each"]


def _parts(words: Sequence[str]) -> dict[PartName, Path | None]:
    parts: dict[PartName, Path | None] = {}
    for word in words:
        name, equals, path = word.partition("=")
        if not equals or name not in list(PartName) or name == PartName.IDENTITY or name in parts:
            raise Misused(
                part=word[:200],
                reason="NAME=FILE, each once, NAME of opening, qualification, technical, price",
            )
        if path and not Path(path).is_file():
            raise NoSuchFile(part=name, file=path)
        parts[PartName(name)] = Path(path) if path else None
    return parts


def _suite(text: str | None) -> int | None:
    if text is None:
        return None
    if not re.fullmatch(r"0x[0-9a-fA-F]{1,2}", text):
        raise Misused(suite=text[:40], reason="write it as in the policy's table, such as 0x01")
    return int(text, 16)


def _policy_text(path: Path, notice: str | None) -> bytes:
    with opened(path) as file:
        text = file.read(LARGEST_POLICY + 1)
    found = hashlib.sha256(text).hexdigest()
    if notice is not None and notice.lower() != found:
        raise given.OtherPolicy(notice=notice[:64], found=found)
    return text


def _signatory(asked: Asked, policy: Policy, parts: Mapping[PartName, Path | None]) -> Signatory:
    now = datetime.now(UTC)
    if asked.certificate is None:
        if asked.key or asked.authority:
            raise Misused(reason="--key and --authority go with --certificate")
        return _own_signatory(policy, parts, now)
    key = given.content(asked.key) if asked.key else None
    authorities = given.content(asked.authority) if asked.authority else b""
    certificate = given.content(asked.certificate)
    if key is None and not certificate.startswith(b"\x30"):
        raise Misused(reason="a certificate in PEM goes with --key; PKCS#12 holds both")
    return load_signatory(certificate, key, lambda: _key_password(asked), now, authorities)


def _own_signatory(policy: Policy, parts: Mapping[PartName, Path | None], now: datetime) -> Signatory:
    """Return a bidder of the name in the price sheet."""
    for name, path in parts.items():
        if name in SHEETS and path:
            with opened(path) as file:
                return own_signatory(bidder_of(canonical_sheet(file.read(), name, policy))[:64], now)
    raise Misused(reason="--certificate, or a price sheet that names the bidder")


def _key_password(asked: Asked) -> bytes | None:
    """Return the password of the certificate's private key, from its file or from whoever sits there."""
    if asked.key_password:
        return given.first_line(asked.key_password).encode()
    return given.ask("证书私钥口令 password of the certificate's key: ").encode()


def _new_passphrase(asked: Asked) -> str:
    if asked.passphrase is not None:
        return check_passphrase(given.first_line(asked.passphrase))
    if not asked.ask:
        return new_passphrase()
    typed = given.ask("口令 passphrase: ")
    said = check_passphrase(typed)
    if typed.strip() != given.ask("再输一次 once more: ").strip():
        raise Misused(reason="the two passphrases differ")
    return said


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


def check_receipt(
    receipt: Path, keys: Path, about: Path | str | None, quorum: int | None, *, as_json: bool
) -> None:
    """Check a receipt of a bid, given as a file, or of any bid of a tender, with the notice's keys."""
    with errors_told(as_json=as_json):
        if about is None:
            raise Misused(reason="--bid or --tender: a receipt proves something for one tender only")
        known = given.known_of(about) if isinstance(about, Path) else about
        found = receipts.check(given.content(receipt), given.content(keys), quorum, known)
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
            f"  递交时间 handed in  {given.instant(found.at)}",
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
            if root_of(source, seen.trailer.size, shown.step) != seen.trailer.root:
                wrong.append("root_mismatch")
    result = _glance_facts(seen) | {"checked_under_policy": policy is not None, "wrong": wrong}
    told(result, as_json=as_json, text=_inspected_text(result))
    if wrong:
        raise typer.Exit(FOUND_WRONG)


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
