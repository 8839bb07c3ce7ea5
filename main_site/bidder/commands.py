"""What `evalroom bid` does without a host: sealing, checking receipts, looking at envelopes.

One function a command, from the files and words given to the lines printed.  Each ends in a result that is printed
once, or in an error told as `telling` tells it.
"""

import getpass
import hashlib
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import typer

from evalroom.sealing.envelope import open_envelope
from evalroom.sealing.policy import PartName, Policy, parse_policy
from evalroom.sealing.receipt import CheckedReceipt
from main_site.bidder import given, receipts
from main_site.bidder.certificate import Signatory, load_signatory, own_signatory
from main_site.bidder.envelope_file import (
    BidFileUnusable,
    Glance,
    glance,
    opened,
    root_of,
    stored,
)
from main_site.bidder.keyfile import BidRecord, check_passphrase, new_passphrase, stretch
from main_site.bidder.sealing import Order, key_path, pick_suite, seal_to_file
from main_site.bidder.sheet import SHEETS, bidder_of, canonical_sheet
from main_site.bidder.telling import FOUND_WRONG, errors_told, meter, told

LARGEST_POLICY = 1 << 20


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


def seal(asked: Asked, *, as_json: bool) -> None:
    """Seal a bid and print what was sealed, with the passphrase if it was made here."""
    parts, code = _parts(asked.part), _suite(asked.suite)
    if (asked.certificate is None) is not (asked.key is None):
        given.misuse("--certificate and --key go together")
    if asked.ask and asked.passphrase:
        given.misuse("--ask-passphrase or --passphrase-file, not both")
    shown = meter(as_json=as_json)
    with errors_told(as_json=as_json):
        policy = parse_policy(_policy_text(asked.policy, asked.notice))
        signatory = _signatory(asked, policy, parts)
        passphrase = _new_passphrase(asked)
        stretched = stretch(passphrase)  # before a suite is tried out: what it loads would lie beside it
        order = Order(policy, pick_suite(policy, code), parts, signatory, asked.out, stretched)
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
            given.misuse(
                f"--part {word}: NAME=FILE, each once, NAME of opening, qualification, technical, price"
            )
        if path and not Path(path).is_file():
            given.misuse(f"--part {word}: there is no such file")
        parts[PartName(name)] = Path(path) if path else None
    return parts


def _suite(text: str | None) -> int | None:
    if text is None:
        return None
    if not re.fullmatch(r"0x[0-9a-fA-F]{1,2}", text):
        given.misuse(f"--suite {text}: write it as in the policy's table, such as 0x01")
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
    if asked.certificate is None or asked.key is None:
        sheet = next((path for name, path in parts.items() if name in SHEETS and path), None)
        if sheet is None:
            given.misuse("--certificate and --key, or a price sheet that names the bidder")
        with opened(sheet) as file:
            name = next(name for name, path in parts.items() if path == sheet)
            return own_signatory(bidder_of(canonical_sheet(file.read(), name, policy))[:64], now)
    password = given.first_line(asked.key_password).encode() if asked.key_password else None
    try:
        return load_signatory(asked.certificate, asked.key, password, now)
    except OSError as error:
        raise BidFileUnusable(file=asked.certificate.name, reason=error.strerror or "read") from error


def _new_passphrase(asked: Asked) -> str:
    if asked.passphrase is not None:
        return check_passphrase(given.first_line(asked.passphrase))
    if not asked.ask:
        return new_passphrase()
    said = check_passphrase(getpass.getpass("口令 passphrase: "))
    if said != getpass.getpass("再输一次 once more: ").strip():
        given.misuse("the two passphrases differ")
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
    if about is None:
        given.misuse("--bid or --tender: a receipt proves something for one tender only")
    with errors_told(as_json=as_json):
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
