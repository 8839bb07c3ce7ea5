"""Verify the archive of one evaluation session: a second implementation of `docs/spec/archive.md`.

One file, the standard library and `cryptography`; it imports nothing else of this product, so that a
stranger can take this file alone: `python3 verify.py DIR --log-key VKEY`.  Trust roots come from whoever
asks; without them the keys in the bag are used, and the report says so.  It reads streams, never a whole
reel, changes nothing, follows no links, and never passes what it could not check.  Steps bear the numbers
of the specification:

1 bag form, safe names · 2 payload digests · 5 canonical entries, seq unbroken · 6 roots, consistency of
all checkpoints · 7 log signature · 8 cosignatures, quorums · 9 fragments, init, whole reels · 10 tiling ·
11 clocks within bounds · 12 openings · 13 signatures of seats · 14 every total, trimmed mean, majority, price
score and rank worked out again from the opened values; what differs is named by bid and item, with both numbers
and, of a session whose bids were sealed (`docs/spec/opening.md`, `sealed-bid.md`): 17 policy, signed by every
trustee · 18 sealed bids · 19 closed list, receipts · 20 hours, officers, shares, keys destroyed · 21 verdicts,
records · 22 published keys give the prices

and of every session: 23 draws repeated (`docs/spec/draw.md`).

(3 seal, 4 time stamps, 15 metadata and 16 log of logs are not part of version 1.)
"""

import argparse
import base64
import binascii
import hashlib
import hmac
import json
import os
import re
import stat
import struct
import sys
import tomllib
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO, NoReturn, TypeAlias, cast

from cryptography.exceptions import InvalidSignature, InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import SM4
from cryptography.hazmat.primitives.ciphers.modes import GCM
from cryptography.hazmat.primitives.hashes import SHA256, SHA512, SM3, Hash, HashAlgorithm
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

ENTRIES = "data/log/entries.jsonl"
OPENINGS = "data/log/openings.jsonl"
CHECKPOINTS = "data/log/checkpoints.txt"
LAST_CHECKPOINT = "data/log/checkpoint"
KEYS = "data/log/keys.txt"
SESSION = "data/session.json"
SESSION_SCRIPT = "data/session.js"
OPENING = "data/docs/opening/"
ENDS = f"{OPENING}taken-back/"
POLICY = OPENING + "policy.json"
SIGNATURES = OPENING + "signatures.json"
MANIFEST = "manifest-sha256.txt"
TAG_MANIFEST = "tagmanifest-sha256.txt"

STEPS: Mapping[int, tuple[str, str]] = {
    1: ("bag form, safe names", "档案袋形式与文件名"),
    2: ("payload digests", "文件摘要"),
    5: ("canonical entries, numbers unbroken", "日志条目规范、编号连续"),
    6: ("roots and checkpoints", "树根与检查点一致"),
    7: ("log signature", "日志签名"),
    8: ("witness cosignatures, quorums", "见证会签与法定数"),
    9: ("fragments and whole reels", "录像片段与整卷"),
    10: ("no undeclared gap", "无未声明缺口"),
    11: ("clocks within bounds", "时钟在界限内"),
    12: ("openings of commitments", "承诺的打开"),
    13: ("signatures of seats", "席位签名"),
    14: ("totals, price scores and ranks recomputed", "总分、价格分与排名复算"),
    17: ("sealing policy, signed by every trustee", "密封策略与受托方签名"),
    18: ("sealed bids: form, root, signature", "密封投标：格式、树根与签名"),
    19: ("closed list and receipts", "截标清单与回执"),
    20: ("hours, officers, shares, keys destroyed", "开标时点、在场人员、份额与密钥销毁"),
    21: ("verdicts and records", "开标结论与记录"),
    22: ("published keys give the prices, others are sealed", "公开密钥得出报价，其余密钥已密封归档"),
    23: ("draws repeated", "抽签复算"),
}
"""Step to its name in English and Chinese."""

SENTENCES: Mapping[str, tuple[str, str]] = {
    "no_bag": ("there is no readable folder", "文件夹不存在或不可读"),
    "link": ("a link or special file, which an archive must not hold", "存在链接或特殊文件"),
    "unsafe_name": ("a name that is not safe everywhere", "文件名不安全"),
    "case_collision": ("two names that differ in case only", "文件名仅大小写不同"),
    "empty_folder": ("a folder that no file accounts for", "无文件的文件夹"),
    "missing": ("a file is missing", "缺少文件"),
    "unlisted": ("a file that no manifest lists", "清单未列出的文件"),
    "manifest_form": ("a manifest line has another form", "清单行格式不符"),
    "bag_form": ("the bag's own files have another form", "档案袋文件格式不符"),
    "oxum": ("size or number of files differ from bag-info.txt", "文件总量与 bag-info.txt 不符"),
    "digest": ("the digest differs: the file was changed", "摘要不符：文件被改动"),
    "unreadable": ("something could not be read", "无法读取"),
    "not_checkable": ("could not be checked, because an earlier step failed", "前面步骤失败，无法检查"),
    "entry_form": ("a line is no canonical entry", "条目不是规范形式"),
    "seq": ("entry numbers are broken", "条目编号不连续"),
    "body_form": ("an entry's body has another form", "条目内容格式不符"),
    "opening_entry": ("the first entry, and only it, opens the session", "首条且仅首条应为会话开启"),
    "closing_entry": ("the journal is not closed, or goes on after it", "日志未关闭或关闭后仍有条目"),
    "checkpoint_form": ("a checkpoint has another form", "检查点格式不符"),
    "root": ("a checkpoint's root is not that of the entries", "检查点树根与条目不符"),
    "checkpoint_order": ("checkpoints go back or go beyond the entries", "检查点次序倒退或超出条目"),
    "uncovered": ("entries that no checkpoint covers", "条目未被检查点覆盖"),
    "last_checkpoint": ("`checkpoint` is not the last of `checkpoints.txt`", "末个检查点不一致"),
    "index": ("session.json contradicts the journal", "session.json 与日志不符"),
    "key_form": ("a key has another form", "密钥格式不符"),
    "keys_differ": ("keys.txt and the journal name other keys", "keys.txt 与日志中的密钥不符"),
    "untrusted_log": ("the log's key is not one of yours", "日志密钥不在您信任的密钥之列"),
    "log_signature": ("the log's signature is missing or wrong", "日志签名缺失或错误"),
    "cosignature": ("a witness's cosignature is wrong", "见证会签错误"),
    "quorum": ("fewer witnesses than the quorum", "见证数不足法定数"),
    "cosigned_note": ("a cosigned checkpoint of the journal is not there", "日志所载会签检查点缺失"),
    "unlock_early": ("sheets were opened before a quorum had seen their locks", "会签之前已打开评分"),
    "reel_unknown": ("a media file that the journal does not know", "日志未记载的录像文件"),
    "reel_open": ("a reel was never closed", "录像卷未关闭"),
    "reel_size": ("a reel has another length", "录像卷长度不符"),
    "reel_digest": ("a reel's digest differs", "录像卷摘要不符"),
    "fragment_digest": ("a fragment's digest differs", "录像片段摘要不符"),
    "fragment_order": ("fragments do not follow one another", "录像片段不连续"),
    "init": ("the init segment differs", "初始化段不符"),
    "boxes": ("bytes of a reel that nothing accounts for", "录像卷中有来历不明的字节"),
    "playlist": ("a playlist is not that of its reel", "播放列表与录像卷不符"),
    "received": ("the host received another reel than was closed", "主场收到的录像卷不一致"),
    "hole": ("an undeclared gap in the recording", "录像存在未声明缺口"),
    "track_order": ("a track's entries do not follow one another", "轨道条目次序错误"),
    "track_open": ("a track was never ended", "轨道未结束"),
    "no_clock": ("a reel has no clock mapping", "录像卷无时钟映射"),
    "clock_map": ("a clock mapping jumps", "时钟映射跳变"),
    "clock_bound": ("a site's clock is out of bounds", "场所时钟超出界限"),
    "site_clock": ("a site that recorded has no measured clock", "场所时钟未测量"),
    "time_ahead": ("an entry is younger than the cosignature over it", "条目时间晚于其会签时间"),
    "opening_form": ("a line is no opening", "打开记录格式不符"),
    "opening": ("a value does not open its commitment", "值与承诺不符"),
    "opening_missing": ("a commitment was not opened", "承诺未打开"),
    "opening_early": ("a value was opened that had to stay secret", "不应打开的值被打开"),
    "unsigned": ("an act without its signature", "行为缺少签名"),
    "seat_key": ("a seat's key is missing or of another kind", "席位密钥缺失或类型不符"),
    "act_signature": ("a signature does not belong to its act", "签名与行为不符"),
    "replayed": ("one command stands in the journal twice", "同一命令重复出现"),
    "role": ("an act that this role may not do", "越权行为"),
    "sheet_digest": ("a locked sheet is not the one in the journal", "锁定的评分表与日志不符"),
    "stage": ("an act outside its stage", "行为不在其阶段"),
    "approval": ("an act without its second person", "缺少第二人批准"),
    "identity": ("who sits on a seat is not confirmed as the rules ask", "席位人员未按规则核验"),
    "letter": ("the commitment letter is not what it has to be", "承诺书不符"),
    "appraisal": ("a duty form that nobody may have decided so", "履职记录不符合规则"),
    "profile": ("the rule profile is not the one of its digest", "规则文件与摘要不符"),
    "revision": ("a cell's revisions are broken", "单元格版本不连续"),
    "statement": ("what a member stated on locking is not what the sheet says", "锁定时的声明与评分表不符"),
    "finding": (
        "what was asked of members, or answered, is not what the sheets give",
        "锁定后的核对与评分表不符",
    ),
    "question": (
        "a question to a bidder was sent, answered or closed otherwise than it may",
        "澄清的发出、答复或了结不符合规则",
    ),
    "answer_signature": (
        "a bidder's answer is not signed by its own key",
        "投标人澄清答复的签名不是其本人的",
    ),
    "more_time": ("more time was given though too few members asked", "延长评标时间的申请人数不足"),
    "fault": (
        "a fault was ended, or the session resumed after it, otherwise than it may",
        "故障的处置或复会不符合规则",
    ),
    "complaint": (
        "a complaint was opened, stated on or closed otherwise than it may",
        "复核的开启、说明或结束不符合规则",
    ),
    "votes": ("the preliminary review comes out otherwise", "初步评审结果不符"),
    "prices": ("the opened prices are not those committed", "打开的报价与承诺不符"),
    "pricing": ("the price scores come out otherwise", "价格分计算结果不符"),
    "ranking": ("the ranking comes out otherwise", "排名计算结果不符"),
    "marks": ("the marks come out otherwise", "评分汇总结果不符"),
    "settled": ("a tie was settled otherwise than it may be, or not at all", "同分的处理不符合规则"),
    "award": ("a lot was awarded otherwise than the vote came out", "票决结果不符"),
    "report": (
        "a report was made, signed or witnessed otherwise than it may",
        "评标报告的生成、签署或见证不符合规则",
    ),
    "report_data": (
        "a report's data are missing, or not those that were signed",
        "评标报告数据缺失或与签署的不一致",
    ),
    "report_totals": ("a report gives other results than are recomputed", "评标报告的结果与复算结果不符"),
    "report_failure": (
        "a report says otherwise than the journal whether, why or by whom a lot failed",
        "评标报告对标段流标的原因或决定人的记载与日志不符",
    ),
    "result_missing": ("a result that the stages demand is missing", "缺少应有的结果"),
    "document": ("a bid's document is not the one in the journal", "投标文件与日志不符"),
    "policy_missing": ("bids were taken in without a sealing policy", "无密封策略即接收投标"),
    "policy_form": ("the sealing policy has another form", "密封策略格式不符"),
    "policy_differs": ("this is another sealing policy than the one drafted", "与起草的密封策略不一致"),
    "policy_keys": ("a trustee's keys are not those it published", "受托方密钥与其公布的不符"),
    "policy_signature": (
        "a trustee's signature of the policy is missing or wrong",
        "受托方对策略的签名缺失或错误",
    ),
    "envelope_form": ("this is no sealed bid of this tender", "不是本项目的密封投标文件"),
    "envelope_root": ("the bytes of a sealed bid are not those handed in", "密封投标的字节与提交时不符"),
    "envelope_digest": ("a sealed bid is not the one listed", "密封投标与清单不符"),
    "envelope_signature": ("the envelope key did not sign this bid", "信封密钥签名错误"),
    "envelope_unknown": ("a sealed bid that the list does not have", "清单之外的密封投标"),
    "bid_list": ("the list is not what was handed in and not taken back", "截标清单与提交、撤回记录不符"),
    "bid_late": ("handed in or taken back after the deadline", "截止时间之后的提交或撤回"),
    "trustee_signature": ("a trustee's signature does not belong to its act", "受托方签名与行为不符"),
    "receipt_form": ("this is no receipt of this bid", "不是该投标的回执"),
    "receipt_proof": ("a receipt does not prove its entry", "回执无法证明其条目"),
    "ceremony_order": ("the opening went another way than it may", "开标流程次序错误"),
    "window_early": ("opened or closed before its time", "早于规定的时点或条件"),
    "officers": ("officers did not step up as they must", "在场人员确认不足"),
    "half": ("the bidders' releases are not as told", "投标人解密记录不符"),
    "shares": ("a trustee's shares are not as they may be", "受托方份额记录不符"),
    "keys_kept": ("a trustee did not destroy its keys", "受托方未销毁密钥"),
    "verdict": ("a verdict that the evidence does not give", "结论与证据不符"),
    "verdict_signature": ("a verdict is not signed by the log", "结论未经日志密钥签名"),
    "record": ("a record is not that of the verdicts", "开标记录与结论不符"),
    "taken_back": (
        "a bid was not taken back or replaced by its own bidder",
        "投标的撤回或替换未经投标人签名",
    ),
    "confirmation": ("a bidder's confirmation is not its own", "投标人确认签名错误"),
    "part_key": ("a published key does not open its part, or is missing", "公开密钥缺失或无法打开对应部分"),
    "key_sealed": (
        "a content key was not sealed to a recipient as it must be",
        "内容密钥未按规定密封给归档密钥持有人",
    ),
    "sheet": ("a price sheet says otherwise than the journal", "报价单与日志不符"),
    "admission": ("an opened bid was left out, or joined as another", "已开标投标未进入评审或身份不符"),
    "price_read": ("a price was read otherwise than the sheet has it", "唱标价格与报价单不符"),
    "draw_terms": ("a draw was declared that could fail or be steered", "抽签声明不符合规则"),
    "draw_again": ("the same was drawn twice, or again on other terms", "同一项重复抽签或重抽条件不符"),
    "draw_part": ("a party took part out of turn or time, or twice", "参与方次序、时间或次数不符"),
    "draw_reveal": ("a revealed value is not the one committed to", "公开的数值与承诺不符"),
    "draw_result": ("a draw comes out otherwise", "抽签结果复算不符"),
    "draw_void": ("a draw was made void wrongly", "抽签作废不符合规则"),
    "draw_redraw": ("another came in than follows in the order", "补抽次序不符"),
    "roster": ("a roster was sealed or opened otherwise than it may", "专家名单的密封或打开不符合规则"),
    "draw_open": ("a draw came to no end in time", "抽签未及时完成"),
}
"""Code of a failure to its sentence in English and Chinese."""

REHEARSAL = "rehearsal: bids were brought in unsealed"
"""What the report says of a session whose bids came in plain."""

MOST_FAILURES = 20
"""Failures kept per step; the rest are counted."""

_HOLE_MS = 200
_SKEW_MS = 2_000
_LONGEST_LINE = 1 << 20
_PIECE = 1 << 20
_SAFE = 2**53 - 1


# --- results --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Failure:
    """One thing that is wrong: where, in which track, how many seconds into the reel or session."""

    code: str
    file: str = ""
    track: str = ""
    second: float | None = None
    seq: int | None = None
    detail: str = ""
    step: int = 0

    def sentence(self, language: str = "en") -> str:
        """Say it in "en" or "zh"."""
        chinese = language.startswith("zh")
        name, text = STEPS[self.step][chinese], SENTENCES[self.code][chinese]
        places = [
            self.file,
            self.track,
            f"{self.second:.1f} s" if self.second is not None else "",
            f"seq {self.seq}" if self.seq is not None else "",
            self.detail,
        ]
        where = ", ".join(place for place in places if place)
        return f"{self.step} {name}: {text}" + (f" ({where})" if where else "")


@dataclass(frozen=True, slots=True)
class Step:
    """What one step found: `checked` things looked at, and what was wrong with them."""

    number: int
    checked: int
    failures: tuple[Failure, ...]
    more: int = 0

    @property
    def ok(self) -> bool:
        """Say whether nothing was wrong."""
        return not self.failures

    def name(self, language: str = "en") -> str:
        """Name the step in "en" or "zh"."""
        return STEPS[self.number][language.startswith("zh")]


@dataclass(frozen=True, slots=True)
class Report:
    """The verdict: every step in the order of its number, and notes that change nothing."""

    steps: tuple[Step, ...]
    notes: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Say whether every step passed."""
        return all(step.ok for step in self.steps)

    @property
    def first_failure(self) -> Failure | None:
        """Return the first failure of the lowest step, None when there is none."""
        return next((failure for step in self.steps for failure in step.failures), None)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a step is: bytes for step 2, otherwise steps begun (0 of 1) and done (1 of 1)."""

    step: int
    done: int
    total: int


class UnusableKey(ValueError):
    """A trusted key handed in is no verifier key of a log or witness."""


class _Stop(Exception):
    """Ends a step: nothing after this can be checked."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.code)
        self.failure = failure


def _stop(
    code: str, *, file: str = "", track: str = "", seq: int | None = None, detail: str = ""
) -> NoReturn:
    raise _Stop(Failure(code, file, track, None, seq, detail))


Findings = Iterator[Failure]
_Json: TypeAlias = Any
"""What a JSON text gives; entries have the shapes of `_BODIES` before anything looks into them."""


# --- canonical JSON, Base64, hashes ---------------------------------------------------------------


def _unique_ascii(pairs: list[tuple[str, Any]]) -> dict[str, _Json]:
    members = dict(pairs)
    if len(members) != len(pairs) or not all(name.isascii() for name in members):
        raise ValueError("member names")
    return members


def _no_float(text: str) -> NoReturn:
    raise ValueError(f"no integer: {text[:40]}")


def _safe_integer(text: str) -> int:
    number = int(text) if len(text) <= 17 else _SAFE + 1
    if abs(number) > _SAFE:
        raise ValueError("integer beyond 2^53 - 1")
    return number


_decoder = json.JSONDecoder(
    object_pairs_hook=_unique_ascii, parse_float=_no_float, parse_int=_safe_integer, parse_constant=_no_float
)
_encoder = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _canonical(value: object) -> bytes:
    """Write RFC 8785: names are ASCII and numbers integers here, so sorting and digits are the library's."""
    return _encoder.encode(value).encode()


def _read_canonical(data: bytes) -> _Json:
    """Read a value of which `data` is the only form; ValueError or RecursionError otherwise."""
    value = _decoder.decode(data.decode())
    if data.count(b"[") + data.count(b"{") > 32 and _depth(value) > 32:
        raise ValueError("nested too deep")
    if _canonical(value) != data:
        raise ValueError("not canonical")
    return value


def _depth(value: object) -> int:
    inner: Iterable[object] = ()
    if isinstance(value, dict):
        inner = value.values()
    elif isinstance(value, list):
        inner = value
    else:
        return 0
    return 1 + max((_depth(one) for one in inner), default=0)


def _unbase64(text: str) -> bytes:
    data = base64.b64decode(text.encode("ascii"), validate=True)
    if base64.b64encode(data).decode() != text:
        raise ValueError("not canonical Base64")
    return data


def _unbase64url(text: str) -> bytes:
    data = base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    if base64.urlsafe_b64encode(data).decode().rstrip("=") != text:
        raise ValueError("not canonical base64url")
    return data


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


class _Roots:
    """Gives the RFC 6962 root at the sizes asked for, while leaves are added one by one."""

    def __init__(self) -> None:
        self._stack: list[tuple[int, bytes]] = []

    def add(self, leaf: bytes) -> None:
        width, node = 1, leaf
        while self._stack and self._stack[-1][0] == width:
            node = _node(self._stack.pop()[1], node)
            width *= 2
        self._stack.append((width, node))

    def root(self) -> bytes:
        nodes = [node for _, node in self._stack]
        if not nodes:
            return hashlib.sha256(b"").digest()
        root = nodes.pop()
        while nodes:
            root = _node(nodes.pop(), root)
        return root


# --- keys and notes -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Key:
    name: str
    id: bytes
    kind: int
    public: bytes

    def verifies(self, signature: bytes, message: bytes) -> bool:
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


def _read_key(text: str) -> _Key:
    """Read a C2SP verifier key of type 1 (log) or 4 (cosignature); ValueError otherwise."""
    name, key_id, encoded = text.split("+", 2)
    material = _unbase64(encoded)
    expected = hashlib.sha256(name.encode() + b"\n" + material).digest()[:4]
    if not re.fullmatch(r"[^\s+\x00-\x1f\x7f]{1,128}", name) or expected.hex() != key_id:
        raise ValueError("key name or id")
    if len(material) != 33 or material[0] not in {1, 4}:
        raise ValueError("key type")
    return _Key(name, expected, material[0], material[1:])


@dataclass(slots=True)
class _Note:
    """A checkpoint as it lies in checkpoints.txt."""

    text: str
    origin: str
    size: int
    root: bytes
    lines: list[tuple[str, bytes, bytes]]
    data: bytes
    times: dict[str, int] = field(default_factory=dict)


def _read_notes(data: bytes) -> list[_Note]:
    """Split checkpoints.txt: a line after signature lines that is none of them begins the next note."""
    pieces = re.findall("(?:(?!\N{EM DASH} )[^\n]+\n){3}\n(?:\N{EM DASH} [^\n]+\n)+", data.decode())
    if "".join(pieces).encode() != data or re.search(rb"[\x00-\x09\x0b-\x1f]", data):
        raise ValueError("notes")
    return [_read_note(piece) for piece in pieces]


def _read_note(piece: str) -> _Note:
    text, _, tail = piece.partition("\n\n")
    origin, digits, encoded = text.split("\n")
    root = _unbase64(encoded)
    if len(root) != 32 or not re.fullmatch(r"0|[1-9][0-9]{0,15}", digits):
        raise ValueError("size or root")
    lines = []
    for line in tail.splitlines():
        _, name, signature = line.split(" ")
        payload = _unbase64(signature)
        if len(payload) <= 4:
            raise ValueError("signature line")
        lines.append((name, payload[:4], payload[4:]))
    return _Note(text + "\n", origin, int(digits), root, lines, piece.encode())


# --- shapes of bodies -----------------------------------------------------------------------------

_Shape = Callable[[_Json], bool]


def _whole(value: _Json) -> bool:
    return type(value) is int and value >= 0


def _is_pair(value: _Json) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(type(one) is int for one in value)


def _match(pattern: str) -> _Shape:
    compiled = re.compile(pattern)
    return lambda value: isinstance(value, str) and compiled.fullmatch(value) is not None


_digest = _match(r"[0-9a-f]{64}")
_decimal = _match(r"[0-9]{1,12}(\.[0-9]{1,12})?")
_group = _match("form|qualification|responsiveness|technical|commercial")

_FIGURE = r"-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,12}|/[1-9][0-9]{0,14})?"


def _expression(value: _Json, deep: int = 8) -> bool:
    """Say whether a value is an expression of price-formula.md §3: a text, or an operation at most 8 deep."""
    if isinstance(value, str):
        return True
    if deep == 0 or not isinstance(value, dict) or value.keys() != {"op", "of"} or value["op"] not in _TAKES:
        return False
    least, most = _TAKES[value["op"]]
    of = value["of"]
    if not isinstance(of, list) or not least <= len(of) <= most:
        return False
    if value["op"] == "else":
        return all(isinstance(one, str) for one in of)
    if value["op"] not in _OVER_GROUPS:
        return all(_expression(one, deep - 1) for one in of)
    nth = len(of) < 3 or (isinstance(of[2], str) and re.fullmatch("[1-9][0-9]?", of[2]) is not None)
    return nth and isinstance(of[0], str) and all(_expression(one, deep - 1) for one in of[1:2])


_OVER_GROUPS = frozenset({"count", "total", "mean", "median", "lowest", "highest"})
_TAKES: Mapping[str, tuple[int, int]] = {
    "sum": (1, 32), "product": (1, 32), "min": (1, 32), "max": (1, 32), "else": (1, 32), "difference": (2, 2),
    "quotient": (2, 2), "abs": (1, 1), "count": (1, 1), "total": (1, 2), "mean": (1, 2), "median": (1, 2),
    "lowest": (1, 3), "highest": (1, 3),
}  # fmt: skip
"""Operation to how many things it takes."""

_DUTIES = (
    "knows_law", "read_documents", "knows_commercial_terms", "knows_specification", "negotiates", "follows_others",
    "leading_talk", "scored_by_standard", "scoring_errors", "failed_to_ask_clarification", "kept_discipline",
    "handed_in_phone", "late_or_left_early", "useful_advice", "dragged_time",
)  # fmt: skip
_REPROACHES = frozenset(
    {
        "follows_others", "leading_talk", "scoring_errors", "failed_to_ask_clarification", "late_or_left_early",
        "dragged_time",
    }
)  # fmt: skip
"""Questions of the duty form of which yes speaks against the expert; of the others it is no."""

_SHAPES: Mapping[str, _Shape] = {
    "text": lambda value: isinstance(value, str),
    "texts": lambda value: isinstance(value, list) and all(isinstance(one, str) for one in value),
    "whole": _whole,
    "integer": lambda value: type(value) is int,
    "flag": lambda value: isinstance(value, bool),
    "digest": _digest,
    "decimal": _decimal,
    "rational": _match(r"-?[0-9]+/[1-9][0-9]*"),
    "commit": lambda value: (
        isinstance(value, dict) and value.keys() == {"commit"} and _digest(value["commit"])
    ),
    "track": _match(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,160}/[a-z]{1,16}"),
    "stage": _match(
        "planned|booked|receiving|opening|gathering|briefed|electing|preliminary|detailed|pricing|summary|reporting"
        "|signing|concluded|archived|failed|aborted"
    ),
    "number": _match(r"[0-9a-f]{32}"),
    "earlier": _match(r"(|[0-9a-f]{32})"),
    "hex": _match(r"([0-9a-f]{2})*"),
    "sealed": _match("identity|opening|qualification|technical|price"),
    "darkened": lambda value: (
        isinstance(value, list) and set(map(str, value)) <= {"qualification", "technical"}
    ),
    "code": _match(r"T-[0-9A-HJKMNP-TV-Z]{3}"),
    "verdict": _match("opened|revoked|withdrawn|malformed|awaiting_bytes"),
    "trustee": _match("host|site|supervisor"),
    "wholes": lambda value: isinstance(value, list) and all(_whole(one) for one in value),
    "numbers": lambda value: isinstance(value, list) and all(_SHAPES["number"](one) for one in value),
    "part": _match("preliminary|detailed"),
    "judged": _match("score|pass|deduct|choice"),
    "group": lambda value: value is None or _group(value),
    "found": _match("objective_differs|deviation|identical"),
    "section": _match("overview|preliminary|rejections|clarifications|detailed|price|recommendation"),
    "stand": _match("agrees|dissents|refuses"),
    "percent": lambda value: value is None or _decimal(value),
    "grade": _match("operator|two"),
    "basis": _match("device|document|other"),
    "duty": _match("|".join(_DUTIES)),
    "tick": _match("yes|no|unknown"),
    "mode": _match("half_up|half_even|down|up"),
    "figure": _match(_FIGURE),
    "perhaps": _match(f"({_FIGURE})?"),
    "figures": lambda value: isinstance(value, list) and all(_match(_FIGURE)(one) for one in value),
    "expression": _expression,
    "few": lambda value: type(value) is int and 0 <= value <= 4,
    "places": lambda value: type(value) is int and -6 <= value <= 8,
    "quote": _match("fen|rate"),
    "per": _match("tender|bid"),
    "unit": _match("fen|number"),
    "otherwise": _match("reject|zero"),
    "better": _match("lower|higher"),
    "kind": _match("value|penalty|table"),
    "steps": _match("linear|up|down|nearest"),
    "between": _match("linear|step"),
    "rounded": _match("adjust|aggregate|shift|deviate|score|floor|weight"),
    "order": _match("lowest|highest"),
    "undecided": _match("draw|tenderer"),
    "one": lambda value: type(value) is int and value == 1,
    "relation": _match("<|<=|=|!=|>=|>"),
    "ratio": _match(r"(-?[0-9]+/[1-9][0-9]*)?"),
    "sealing": _match("joint|sites|bidder"),
    "fen": _match(r"[1-9][0-9]{0,14}"),
    "cause": _match("link|publisher|recorder|disk|pause|refused"),
    "instant": lambda value: value is None or _whole(value),
    "question": _match("chair|competition|award"),
    "ground": _match("all_rejected|no_competition|no_price|ordered"),
    "specialty": _match("none|technical|economic|owner"),
    "ceiling": lambda value: value is None or _whole(value),
    "points": lambda value: isinstance(value, list) and all(_is_pair(one) for one in value),
    "drawing": _match("experts|seats|sub_site|price_parameter|tie|chair|code|members"),
    "settler": _match("ranking|vote|draw|tenderer"),
    "widest": _match("draw|seat"),
    "award": _match("ranking|vote"),
    "ballots": _match("secret|open"),
    "grouped": lambda value: value == "" or _group(value),
    "rationals": lambda value: isinstance(value, list) and all(_SHAPES["rational"](one) for one in value),
    "mark_digits": lambda value: value is None or (type(value) is int and 0 <= value <= 6),
    "expert": _match("technical|economic|other"),
    "way": _match("go_on|put_off|anew|abort"),
    "share": _match("(0|[1-9][0-9]{0,2})/[1-9][0-9]{0,2}"),
}


def _object(members: str, **inner: _Shape) -> _Shape:
    """Return the shape of an object with exactly these members: `name:shape` words, and `inner` ones."""
    shapes = dict(inner)
    for word in members.split():
        name, _, shape = word.partition(":")
        shapes[name] = _SHAPES[shape]
    return lambda value: (
        isinstance(value, dict)
        and value.keys() == shapes.keys()
        and all(shape(value[name]) for name, shape in shapes.items())
    )


def _kinds(**kinds: str) -> _Shape:
    """Return the shape of an object that tells by its `kind` which members it has."""
    shapes = {kind: _object(f"kind:text {members}".strip()) for kind, members in kinds.items()}
    return lambda value: (
        isinstance(value, dict)
        and any(value.get("kind") == kind and shape(value) for kind, shape in shapes.items())
    )


def _rows(members: str, **inner: _Shape) -> _Shape:
    row = _object(members, **inner)
    return lambda value: isinstance(value, list) and all(row(one) for one in value)


_CONDITIONS = _rows("left:expression test:relation right:expression")
_NAMED = _rows("name:text value:figure")
_SEGMENTS = _rows("rate:expression to:perhaps")
_PRICING = _object(
    "name:text weight:figure version:one title:text quote:quote shift:expression undecided:undecided",
    score=_object(
        "kind:kind full:figure value:expression cap_above:expression cap_below:expression step:figure steps:steps"
        " between:between",
        above=_SEGMENTS,
        below=_SEGMENTS,
        rows=_rows("at:figure points:figure"),
    ),
    inputs=_rows("name:text title:text per:per unit:unit value:perhaps choices:figures optional:flag"),
    admit=_rows("name:text title:text otherwise:otherwise", keep=_CONDITIONS),
    adjust=_rows("name:text title:text price:expression", when=_CONDITIONS),
    trim=_object("scored:flag", rows=_rows("from_bids:whole high:whole low:whole")),
    aggregate=_rows("name:text title:text value:expression of:text", where=_CONDITIONS, when=_CONDITIONS),
    deviate=_object("better:better of:expression"),
    floor=_object("least:expression most:expression"),
    rounds=_rows("stage:rounded digits:places mode:mode step:text"),
    total=_object("digits:few mode:mode"),
    ties=_rows("by:text order:order"),
    samples=_rows(
        "title:text", bids=_rows("bid:text price:figure score:text valid:flag", values=_NAMED), given=_NAMED
    ),
)
_IN_LOT: Mapping[str, _Shape] = {
    "items": _rows(
        "id:text part:part kind:judged title:text standard:text full:decimal digits:whole objective:flag"
        " group:group reason_below:percent",
        options=_rows("name:text points:decimal"),
    ),
    "bids": _rows("id:text bidder:text"),
    "pricing": _PRICING,
    "checks": _object(
        "reason_below:decimal copied_bids:whole copied_chars:whole vector_cells:whole deviation:decimal"
    ),
}
_TRIM = "members:whole widest:whole high:whole low:whole"
_SUMMARY = _object(
    "widest_tie:widest technical:mark_digits commercial:mark_digits award:award ballots:ballots",
    trim=_rows(_TRIM),
)
_AS_MARKED: Mapping[str, _Json] = {
    "trim": [],
    "widest_tie": "draw",
    "technical": None,
    "commercial": None,
    "award": "ranking",
    "ballots": "secret",
}
"""What holds where a lot says nothing of its summary, as lots once did."""

_LOT = _object("id:text title:text candidates:whole dark:darkened", summary=_SUMMARY, **_IN_LOT)
_UNSUMMED_LOT = _object("id:text title:text candidates:whole dark:darkened", **_IN_LOT)
"""A lot of a journal that was written before marks could be trimmed."""

_EARLIER_LOT = _object("id:text title:text candidates:whole", **_IN_LOT)
"""A lot of a journal that was written before lots could be dark."""


def _lots(value: _Json) -> bool:
    return isinstance(value, list) and all(
        _LOT(one) or _UNSUMMED_LOT(one) or _EARLIER_LOT(one) for one in value
    )


_ACT = _kinds(
    step_back="after:stage",
    reopen_sheet="seat:text lot:text part:part",
    replace_expert="seat:text newcomer:text",
    resume="",
    correct_price="lot:text bid:text price_fen:whole",
    fail_lot="lot:text",
    reevaluate="ground:text",
    settle_tie="lot:text order:texts",
    award_lot="lot:text bid:text",
    deem_agreed="seat:text lot:text",
    abort_session="",
    send_question="question:text sha256:digest",
    settle_fault="fault:text way:way until:whole",
    reopen_for_complaint="",
    confirm_by_two="seat:text occupancy:whole basis:basis",
)

_OPENED_PARTS = _rows("part:sealed sha256:digest size:whole")
_MAKE_UP = _object("least:whole share:share odd:flag owners:whole")

_BODIES: Mapping[str, _Shape] = {
    "SessionOpened": _object(
        "session:text rehearsal:flag software:text profile:text profile_sha256:digest",
        tender=_object("code:text title:text", lots=_lots),
        sites=_rows("id:text name:text host:flag node:flag"),
        seats=_rows("code:text site:text node:text role:text label:text specialty:specialty reserve:flag"),
        keys=_object("log:text quorum:whole", witnesses=_rows("site:text vkey:text")),
    ),
    "StageChanged": _object("before:stage after:stage reason:text"),
    "SessionPaused": _object("reason:text resume_at:instant"),
    "SteppedBack": _object("before:stage after:stage reason:text"),
    "TenderFailed": _object("reason:text"),
    "SessionAborted": _object("reason:text"),
    "LotFailed": _object("lot:text ground:ground reason:text"),
    "BookingConfirmed": _object("site:text seats:texts"),
    "BookingDeclined": _object("site:text reason:text"),
    "Proposed": _object("proposal:text reason:text", act=_ACT),
    "Approved": _object("proposal:text digest:digest"),
    "Vetoed": _object("proposal:text digest:digest reason:text"),
    "VoteOpened": _object("vote:text question:question lot:text round:whole options:texts voters:texts"),
    "BallotCast": _object("vote:text round:whole choice:commit"),
    "VoteCounted": _object(
        "vote:text round:whole outcome:text tied:texts", counts=_rows("option:text votes:whole")
    ),
    "BallotsShown": _object("vote:text round:whole", ballots=_rows("seat:text option:text")),
    "ChairElected": _object("seat:text by:text"),
    "ExpertRecused": _object("seat:text reason:text"),
    "ExpertReplaced": _object("seat:text newcomer:text reason:text before:stage after:stage"),
    "SheetReopened": _object("seat:text lot:text part:part reason:text"),
    "PriceCorrected": _object("lot:text bid:text price_fen:whole reason:text"),
    "SessionResumed": _object("reason:text"),
    "SessionClosed": _object("reason:text"),
    "BidImported": _object(
        "lot:text bid:text bidder:text price:commit sha256:digest bytes:whole pages:whole"
    ),
    "PricesOpened": _object("lot:text", prices=_rows("bid:text price_fen:whole")),
    "SeatJoined": _object("seat:text role:text key:text"),
    "SeatTested": _object("seat:text", results=_rows("check:text passed:flag detail:text")),
    "SeatLost": _object("seat:text"),
    "SeatReturned": _object("seat:text"),
    "DisciplineAccepted": _object("seat:text sha256:digest"),
    "ScoreEntered": _object("lot:text bid:text item:text revision:whole value:commit reason:commit"),
    "SheetLocked": _object("lot:text part:part digest:digest statement:commit"),
    "GroupUnlocked": _object("lot:text part:part", sheets=_rows("seat:text digest:digest")),
    "BidsReviewed": _object(
        "lot:text",
        votes=_rows(
            "bid:text against:whole members:whole rejected:flag", grounds=_rows("item:text seats:texts")
        ),
    ),
    "FindingRaised": _object("finding:text code:found lot:text part:part bid:text item:text seats:texts"),
    "FindingAnswered": _object("finding:text stand:flag reason:commit"),
    "PricesComputed": _object(
        "lot:text formula:text",
        given=_rows("name:text value:rational"),
        steps=_rows("stage:text name:text value:ratio bids:texts"),
        rows=_rows(
            "bid:text read:rational admitted:flag scored:flag trimmed:flag why:text price:rational deviation:ratio"
            " score:rational points:text",
            values=_rows("stage:text value:rational"),
        ),
    ),
    "RankingComputed": _object(
        "lot:text ties:texts rejected:texts",
        rows=_rows("bid:text technical:rational price:rational total:text rank:whole candidate:flag"),
    ),
    "MarksSummed": _object(
        "lot:text members:whole widest:text",
        rule=_object(_TRIM),
        spreads=_rows("seat:text spreads:rationals"),
        cells=_rows("bid:text item:text mean:rational out:texts"),
        marks=_rows("bid:text group:grouped exact:rational mark:rational"),
    ),
    "TieSettled": _object("lot:text order:texts by:settler"),
    "LotAwarded": _object("lot:text bid:text by:settler"),
    "ReportEdited": _object("lot:text section:section text:text"),
    "WarningJustified": _object("lot:text warning:text reason:text"),
    "ReportMade": _object("lot:text sha256:digest bytes:whole"),
    "ReportSigned": _object("lot:text digest:digest stand:stand reason:text"),
    "AgreementDeemed": _object("lot:text seat:text digest:digest reason:text"),
    "ReportWitnessed": _object("lot:text digest:digest"),
    "GapExplained": _object("track:track from_ms:whole to_ms:whole reason:text"),
    "TrackStarted": _object("track:track seat:text kind:text media:texts codecs:texts at_ms:whole"),
    "FormatChanged": _object("track:track reel:whole pts:whole width:whole height:whole"),
    "FragmentRecorded": _object(
        "track:track reel:whole n:whole offset:whole length:whole sha256:digest pts:whole duration:whole"
        " keyframe:flag"
    ),
    "GapDeclared": _object("track:track from_ms:whole to_ms:whole cause:cause lost_packets:whole"),
    "ReelClosed": _object(
        "track:track reel:whole bytes:whole sha256:digest init_sha256:digest fragments:whole torn:flag"
    ),
    "ReelReceived": _object("track:track reel:whole sha256:digest"),
    "TrackEnded": _object("track:track at_ms:whole"),
    "ClockMapped": _object("track:track reel:whole map:points"),
    "SiteOffsetMeasured": _object("site:text offset_us:integer bound_us:whole"),
    "SiteLost": _object("site:text"),
    "SiteReturned": _object("site:text"),
    "AlarmRaised": _object("alarm:text code:text seat:text text:text"),
    "AlarmClosed": _object("alarm:text note:text"),
    "CheckpointCosigned": _object("size:whole root:text witnesses:texts"),
    "WitnessLate": _object("site:text"),
    "WitnessRefused": _object("site:text reason:text"),
    "TrusteeKeyPublished": _object(
        "trustee:text kind:trustee who:text signer:text proof:text", keys=_rows("suite:whole public:text")
    ),
    "PolicyDrafted": _object("policy:text sha256:digest"),
    "PolicySigned": _object("trustee:text sha256:digest signature:text"),
    "SubmissionsOpened": _object("policy:digest"),
    "BidSubmitted": _object(
        "bid:number suite:whole size:whole root:digest digest:digest replaces:earlier signature:text"
    ),
    "BidAcknowledged": _object("trustee:text bid:number good:flag cause:text signature:text"),
    "BidWithdrawn": _object("bid:number signature:text"),
    "CoverMade": _object("noise:hex"),
    "BidsClosed": _object("policy:digest", bids=_rows("bid:number root:digest digest:digest")),
    "OpeningAborted": _object("reason:text bids:whole"),
    "OfficerSteppedUp": _object("window:text"),
    "WindowOpened": _object("window:text until:whole"),
    "WindowExtended": _object("window:text until:whole reason:text"),
    "HalfReleased": _object("window:text bid:number sealed:digest good:flag cause:text"),
    "ShareReleased": _object("window:text trustee:text", bids=_rows("bid:number part:sealed good:flag")),
    "WindowClosed": _object("window:text missing:numbers"),
    "BidJudged": _object(
        "window:text bid:number verdict:verdict cause:text party:text evidence:wholes signature:text",
        parts=_OPENED_PARTS,
    ),
    "OpeningRecorded": _object("window:text record:text sha256:digest"),
    "PartKeyPublished": _object("bid:number part:sealed key:hex"),
    "PartKeySealed": _object("bid:number part:sealed recipient:text wrapped:text"),
    "BidAdmitted": _object("lot:text bid:text number:number bidder:text", documents=_OPENED_PARTS),
    "DarkBidAdmitted": _object("lot:text bid:code number:commit"),
    "PriceRead": _object("lot:text bid:text price_fen:whole"),
    "RecordConfirmed": _object("window:text bid:number objection:text signature:text"),
    "CeremonyPaused": _object("reason:text"),
    "CeremonyResumed": _object("reason:text"),
    "KeysDestroyed": _object("trustee:text signature:text"),
    "KeysNotDestroyed": _object("trustee:text reason:text"),
    "DrawDeclared": _object(
        "draw:text purpose:drawing subject:text lot:text options:texts count:whole takers:texts parties:texts"
        " closes:whole ends:whole redoes:text",
        experts=_rows("id:text type:expert region:text units:digest recused:flag"),
        places=_rows("type:expert region:text count:whole"),
        make_up=lambda value: value is None or _MAKE_UP(value),
    ),
    "DrawCommitted": _object("draw:text commitment:digest"),
    "DrawRevealed": _object("draw:text value:digest nonce:digest commitments:digest"),
    "DrawMade": _object("draw:text seed:digest order:texts drawn:texts"),
    "DrawVoided": _object("draw:text silent:texts"),
    "DrawContinued": _object("draw:text out:text drawn:text reason:text"),
    "RosterSealed": _object("draw:text sha256:digest size:whole"),
    "RosterUnsealed": _object("draw:text sha256:digest trustees:texts"),
    "QuestionDrafted": _object("question:text lot:text bid:text text:text"),
    "QuestionSent": _object("question:text sha256:digest"),
    "QuestionRelayed": _object("question:text until:whole"),
    "QuestionAnswered": _object("question:text text:text signature:text marks:texts"),
    "AnswerEntered": _object("question:text text:text"),
    "QuestionUnanswered": _object("question:text"),
    "MoreTimeAsked": _object("reason:text"),
    "MoreTimeGranted": _object("until:whole reason:text"),
    "FaultDeclared": _object("fault:text site:text what:text"),
    "FaultMended": _object("fault:text note:text"),
    "FaultSettled": _object("fault:text way:way until:whole reason:text"),
    "ComplaintOpened": _object("complaint:whole matter:text"),
    "SupplementSigned": _object("complaint:whole digest:digest statement:text"),
    "ComplaintClosed": _object("complaint:whole reason:text"),
    "OccupancyConfirmed": _object("seat:text occupancy:whole grade:grade basis:basis reason:text"),
    "PhoneKept": _object("seat:text pieces:whole locker:text"),
    "PhoneReturned": _object("seat:text reason:text"),
    "SiteDeclared": _object("site:text ready:flag open:texts note:text"),
    "LegalPersonsEntered": _object("", persons=_rows("bidder:text person:text")),
    "LetterIssued": _object("text:text sha256:digest"),
    "ExpertAppraised": _object(
        "seat:text lot:text revision:whole", ticks=_rows("duty:duty answer:tick entries:wholes remark:text")
    ),
    "AppraisalAnswered": _object("seat:text lot:text revision:whole answer:text"),
}
"""Entry type to the exact form of its body; types not named here are counted in a note."""

_UNSALTED = frozenset(
    [
        "TrackStarted",
        "FormatChanged",
        "FragmentRecorded",
        "GapDeclared",
        "ReelClosed",
        "ReelReceived",
        "TrackEnded",
        "ClockMapped",
        "SiteOffsetMeasured",
        "CheckpointCosigned",
    ]
)

_AFTER_CLOSE = frozenset({"CheckpointCosigned", "ReelReceived", "WitnessLate", "WitnessRefused"})

_ROLES: Mapping[str, frozenset[str]] = {
    "BidImported": frozenset({"operator"}),
    "SeatJoined": frozenset({"expert", "supervisor", "operator", "site_operator", "archivist", "regulator"}),
    "SeatTested": frozenset({"expert", "supervisor", "operator", "site_operator", "archivist", "regulator"}),
    "Proposed": frozenset({"expert", "supervisor", "operator", "site_operator"}),
    "Approved": frozenset({"regulator", "supervisor", "operator"}),
    "Vetoed": frozenset({"regulator", "supervisor", "operator"}),
    "BookingConfirmed": frozenset({"site_operator"}),
    "BookingDeclined": frozenset({"site_operator"}),
    "ExpertRecused": frozenset({"expert"}),
    "BallotCast": frozenset({"expert"}),
    "TenderFailed": frozenset({"operator", "supervisor"}),
    "DisciplineAccepted": frozenset({"expert"}),
    "StageChanged": frozenset({"operator", "supervisor"}),
    "SessionPaused": frozenset({"supervisor"}),
    "SessionResumed": frozenset({"supervisor"}),
    "ScoreEntered": frozenset({"expert"}),
    "SheetLocked": frozenset({"expert"}),
    "FindingAnswered": frozenset({"expert"}),
    "ReportEdited": frozenset({"expert"}),
    "WarningJustified": frozenset({"expert"}),
    "ReportSigned": frozenset({"expert"}),
    "ReportWitnessed": frozenset({"supervisor", "site_operator", "regulator"}),
    "GapExplained": frozenset({"supervisor"}),
    "AlarmClosed": frozenset({"supervisor", "operator"}),
    "SessionClosed": frozenset({"operator"}),
    "PolicyDrafted": frozenset({"operator"}),
    "SubmissionsOpened": frozenset({"operator"}),
    "OfficerSteppedUp": frozenset({"supervisor", "operator", "site_operator"}),
    "WindowExtended": frozenset({"supervisor"}),
    "CeremonyPaused": frozenset({"supervisor"}),
    "CeremonyResumed": frozenset({"supervisor"}),
    "OpeningAborted": frozenset({"supervisor"}),
    "KeysNotDestroyed": frozenset({"supervisor"}),
    "DrawDeclared": frozenset({"operator"}),
    "DrawCommitted": frozenset({"supervisor", "operator", "site_operator", "archivist", "regulator"}),
    "DrawRevealed": frozenset({"supervisor", "operator", "site_operator", "archivist", "regulator"}),
    "DrawContinued": frozenset({"operator"}),
    "RosterSealed": frozenset({"operator"}),
    "QuestionDrafted": frozenset({"expert"}),
    "QuestionSent": frozenset({"expert"}),
    "QuestionRelayed": frozenset({"operator", "supervisor"}),
    "AnswerEntered": frozenset({"operator"}),
    "MoreTimeAsked": frozenset({"expert"}),
    "MoreTimeGranted": frozenset({"operator"}),
    "FaultDeclared": frozenset({"operator", "supervisor"}),
    "FaultMended": frozenset({"operator", "supervisor"}),
    "SupplementSigned": frozenset({"expert"}),
    "ComplaintClosed": frozenset({"operator", "supervisor"}),
    "OccupancyConfirmed": frozenset({"supervisor", "operator", "site_operator"}),
    "PhoneKept": frozenset({"supervisor", "operator", "site_operator"}),
    "PhoneReturned": frozenset({"supervisor", "operator", "site_operator"}),
    "SiteDeclared": frozenset({"operator", "site_operator"}),
    "LegalPersonsEntered": frozenset({"operator"}),
    "ExpertAppraised": frozenset({"operator", "supervisor"}),
    "AppraisalAnswered": frozenset({"expert"}),
}
"""Acts of persons: every one is signed, by a seat of one of these roles."""

_BY_HOST = frozenset(
    {
        "SessionClosed",
        "SessionResumed",
        "StageChanged",
        "PolicyDrafted",
        "SubmissionsOpened",
        "OpeningAborted",
        "CeremonyPaused",
        "CeremonyResumed",
        "QuestionSent",
        "SessionPaused",
        "OccupancyConfirmed",
    }
)
"""Acts that the host may also do of its own accord, unsigned."""

_ORDER = (
    "planned", "booked", "receiving", "opening", "gathering", "briefed", "electing", "preliminary", "detailed",
    "pricing", "summary", "reporting", "signing", "concluded",
)  # fmt: skip
_ENDS = ("failed", "aborted", "archived")
_WINDOWS = frozenset({"opening", "detailed"})
_AFTER_OPENING = frozenset((*_ORDER[3:], "failed", "aborted"))
_BACK: Mapping[str, tuple[str, ...]] = {
    "detailed": ("preliminary",),
    "pricing": ("preliminary", "detailed"),
    "summary": ("preliminary", "detailed", "pricing"),
    "reporting": ("preliminary", "detailed", "pricing", "summary"),
    "signing": ("preliminary", "detailed", "pricing", "summary", "reporting"),
}
"""Stage to those that a step back may lead to."""
_STAGES: Mapping[str, frozenset[str]] = {
    "BidImported": frozenset({"gathering"}),
    "DisciplineAccepted": frozenset({"briefed"}),
    "ScoreEntered": frozenset({"preliminary", "detailed"}),
    "SheetLocked": frozenset({"preliminary", "detailed"}),
    "GroupUnlocked": frozenset({"preliminary", "detailed"}),
    "FindingRaised": frozenset({"preliminary", "detailed"}),
    "FindingAnswered": frozenset({"preliminary", "detailed", "pricing", "summary", "reporting"}),
    "BidsReviewed": frozenset({"preliminary"}),
    "SheetReopened": frozenset({"preliminary", "detailed"}),
    "BookingConfirmed": frozenset({"booked"}),
    "BookingDeclined": frozenset({"booked"}),
    "ExpertRecused": frozenset({"gathering", "briefed"}),
    "VoteOpened": frozenset({"electing", "preliminary", "summary"}),
    "BallotCast": frozenset({"electing", "preliminary", "summary"}),
    "VoteCounted": frozenset({"electing", "preliminary", "summary"}),
    "BallotsShown": frozenset({"electing", "preliminary", "summary"}),
    "ChairElected": frozenset({"electing"}),
    "LotFailed": frozenset(_ORDER[3:12]),
    "TenderFailed": frozenset(_ORDER[3:12]),
    "PriceCorrected": frozenset({"pricing", "summary"}),
    "PricesOpened": frozenset({"pricing"}),
    "PricesComputed": frozenset({"pricing", "summary"}),
    "RankingComputed": frozenset({"summary"}),
    "MarksSummed": frozenset({"summary"}),
    "TieSettled": frozenset({"summary"}),
    "LotAwarded": frozenset({"summary"}),
    "ReportEdited": frozenset({"reporting"}),
    "WarningJustified": frozenset({"reporting"}),
    "ReportMade": frozenset({"signing", "failed"}),
    "ReportSigned": frozenset({"signing", "failed"}),
    "AgreementDeemed": frozenset({"signing", "failed"}),
    "ReportWitnessed": frozenset({"signing", "failed"}),
    "SessionClosed": frozenset({"receiving", "opening", "concluded", "failed", "aborted"}),
    **dict.fromkeys(
        (
            "SubmissionsOpened", "BidSubmitted", "BidAcknowledged", "BidWithdrawn", "CoverMade", "BidsClosed",
        ),
        frozenset({"receiving"}),
    ),
    **dict.fromkeys(
        ("TrusteeKeyPublished", "PolicyDrafted", "PolicySigned"), frozenset({"planned", "booked", "receiving"})
    ),
    **dict.fromkeys(
        (
            "OfficerSteppedUp", "WindowOpened", "WindowExtended", "HalfReleased", "ShareReleased", "WindowClosed",
            "BidJudged", "OpeningRecorded", "PartKeyPublished", "PartKeySealed", "PriceRead", "CeremonyPaused",
            "CeremonyResumed",
        ),
        _WINDOWS,
    ),
    "OpeningAborted": frozenset({"receiving", "opening"}),
    **dict.fromkeys(("BidAdmitted", "DarkBidAdmitted"), frozenset({"opening"})),
    "RecordConfirmed": _AFTER_OPENING,
    "KeysDestroyed": frozenset((*_ORDER[2:], "failed", "aborted")),
    "KeysNotDestroyed": frozenset((*_ORDER[2:], "failed", "aborted")),
    **dict.fromkeys(
        ("DrawDeclared", "DrawContinued", "RosterSealed"),
        frozenset(
            {"planned", "booked", "receiving", "opening", "gathering", "briefed", "electing", "preliminary", "detailed", "summary"}
        ),
    ),
    "RosterUnsealed": frozenset({"gathering", "briefed", "electing", "preliminary", "detailed"}),
    **dict.fromkeys(
        (
            "QuestionDrafted", "QuestionSent", "QuestionRelayed", "QuestionAnswered", "AnswerEntered",
            "QuestionUnanswered", "MoreTimeAsked", "MoreTimeGranted",
        ),
        frozenset({"preliminary", "detailed", "summary"}),
    ),
    **dict.fromkeys(("FaultDeclared", "FaultMended", "FaultSettled"), frozenset(_ORDER[4:13])),
    **dict.fromkeys(("ComplaintOpened", "SupplementSigned", "ComplaintClosed"), frozenset({"concluded"})),
    **dict.fromkeys(("OccupancyConfirmed", "PhoneKept"), frozenset(_ORDER[4:13])),
    "PhoneReturned": frozenset((*_ORDER[4:], "failed", "aborted")),
    "SiteDeclared": frozenset(_ORDER[:13]),
    "LegalPersonsEntered": frozenset({"opening", "gathering"}),
    "LetterIssued": frozenset({"briefed"}),
    **dict.fromkeys(("ExpertAppraised", "AppraisalAnswered"), frozenset({"concluded", "failed"})),
}  # fmt: skip


# --- what is known of the bag while it is verified ------------------------------------------------


@dataclass(slots=True)
class _Entry:
    seq: int
    t: int
    type: str
    site: str
    actor: str
    body: dict[str, _Json]
    cmd: str | None
    sig: str | None


@dataclass(frozen=True, slots=True)
class _Fragment:
    n: int
    offset: int
    length: int
    sha256: str
    pts: int
    duration: int
    keyframe: bool
    t: int
    seq: int

    @property
    def end(self) -> int:
        return self.offset + self.length


@dataclass(slots=True)
class _Reel:
    track: str
    number: int
    fragments: list[_Fragment] = field(default_factory=list)
    closed: dict[str, _Json] | None = None
    map: list[list[int]] = field(default_factory=list)
    counted: bool = True

    @property
    def file(self) -> str:
        return f"data/media/{self.track}.{self.number}.mp4"

    @property
    def init_file(self) -> str:
        return f"data/media/{self.track}.{self.number}.init.mp4"

    @property
    def end(self) -> int:
        return self.fragments[-1].end

    @property
    def following(self) -> int:
        """The number of the fragment that comes next."""
        return self.fragments[-1].n + 1 if self.fragments else 0

    def utc_us(self, media_us: int) -> int:
        """Return media time on the session clock: straight between the points, at nominal rate outside."""
        before = [point for point in self.map if point[0] <= media_us]
        after = [point for point in self.map if point[0] > media_us]
        if before and after:
            (a, at), (b, bt) = before[-1], after[0]
            return at + (media_us - a) * (bt - at) // (b - a)
        media, utc = before[-1] if before else after[0]
        return utc + media_us - media


@dataclass(slots=True)
class _Case:
    root: Path
    log_keys: list[_Key]
    witness_keys: list[_Key]
    threads: int
    progress: Callable[[Progress], None]
    files: dict[str, int] = field(default_factory=dict)
    manifest: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    entries: list[_Entry] = field(default_factory=list)
    size: int = 0
    leaves: bytearray = field(default_factory=bytearray)
    reels: dict[tuple[str, int], _Reel] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    notes: list[_Note] = field(default_factory=list)
    openings: dict[tuple[int, str], str] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)
    cut_digests: dict[str, list[str]] = field(default_factory=dict)
    passed: set[int] = field(default_factory=set)
    remarks: list[str] = field(default_factory=list)
    policy: dict[str, _Json] = field(default_factory=dict)
    policy_digest: str = ""
    envelopes: dict[str, "_Envelope"] = field(default_factory=dict)
    ceremony: "_Ceremony | None" = None
    checked: int = 0

    @property
    def opened(self) -> dict[str, _Json]:
        if not self.entries:
            _stop("not_checkable", file=ENTRIES)
        return self.entries[0].body

    def of(self, *types: str) -> Iterator[_Entry]:
        return (entry for entry in self.entries if entry.type in types)

    def read(self, file: str) -> bytes:
        """Return a small file whole; links were refused, and are again here."""
        if file not in self.files:
            _stop("missing", file=file)
        with _open(self.root / file) as handle:
            return handle.read()

    def need(self, *steps: int) -> None:
        if missing := [step for step in steps if step not in self.passed]:
            _stop("not_checkable", detail=f"step {missing[0]}")


def _open(path: Path) -> BinaryIO:
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    return cast("BinaryIO", os.fdopen(os.open(path, flags), "rb", buffering=0))


# --- 1 bag form, safe names -----------------------------------------------------------------------

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)
_REQUIRED = (
    SESSION, SESSION_SCRIPT, ENTRIES, OPENINGS, CHECKPOINTS, LAST_CHECKPOINT, KEYS, "bagit.txt", "bag-info.txt", MANIFEST, TAG_MANIFEST,
)  # fmt: skip


def _bag_form(case: _Case) -> Findings:
    if not case.root.is_dir():
        _stop("no_bag", file=str(case.root))
    yield from _walk(case, "")
    lower = Counter(path.lower() for path in case.files)
    yield from (Failure("case_collision", file=path) for path in case.files if lower[path.lower()] > 1)
    yield from (Failure("missing", file=path) for path in _REQUIRED if path not in case.files)
    if "bagit.txt" in case.files:
        expected = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
        if case.read("bagit.txt") != expected:
            yield Failure("bag_form", file="bagit.txt")
    yield from _read_manifest(case, MANIFEST, case.manifest)
    yield from _read_manifest(case, TAG_MANIFEST, case.tags)
    payload = {path for path in case.files if path.startswith("data/")}
    tags = {path for path in case.files if not path.startswith(("data/", "derived/", "seal/"))}
    tags = {path for path in tags if not re.fullmatch(r"tagmanifest-[a-z0-9]+\.txt", path)}
    for listed, there, name in ((case.manifest, payload, MANIFEST), (case.tags, tags, TAG_MANIFEST)):
        yield from (Failure("missing", file=path, detail=name) for path in sorted(listed.keys() - there))
        yield from (Failure("unlisted", file=path, detail=name) for path in sorted(there - listed.keys()))
    yield from _bag_info(case, sum(case.files[path] for path in payload), len(payload))
    case.checked = len(case.files)


def _walk(case: _Case, folder: str) -> Findings:
    entries = sorted(os.scandir(case.root / folder), key=lambda entry: entry.name)
    if folder and not entries:
        yield Failure("empty_folder", file=folder)
    for entry in entries:
        path = f"{folder}{entry.name}"
        if not _NAME.fullmatch(entry.name) or _RESERVED.fullmatch(entry.name) or entry.name.endswith("."):
            yield Failure("unsafe_name", file=ascii(path)[1:-1])
        elif entry.is_dir(follow_symlinks=False):
            yield from _walk(case, path + "/")
        elif not stat.S_ISREG(entry.stat(follow_symlinks=False).st_mode):
            yield Failure("link", file=path)
        else:
            case.files[path] = entry.stat(follow_symlinks=False).st_size


def _read_manifest(case: _Case, name: str, into: dict[str, str]) -> Findings:
    if name not in case.files:
        return
    data = case.read(name)
    if not data.endswith(b"\n") or b"\r" in data:
        yield Failure("manifest_form", file=name)
    for number, line in enumerate(data.split(b"\n")[:-1], start=1):
        found = re.fullmatch(rb"([0-9a-f]{64})  ([A-Za-z0-9._/-]+)", line)
        path = found[2].decode() if found else ""
        parts = path.split("/")
        misplaced = (parts[0] == "data") != (name == MANIFEST)
        if not found or path in into or misplaced or not all(_NAME.fullmatch(part) for part in parts):
            yield Failure("manifest_form", file=name, detail=f"line {number}")
        else:
            into[path] = found[1].decode()


def _bag_info(case: _Case, total: int, count: int) -> Findings:
    if "bag-info.txt" not in case.files:
        return
    try:
        lines = case.read("bag-info.txt").decode().splitlines()
    except UnicodeDecodeError:
        yield Failure("bag_form", file="bag-info.txt")
        return
    oxum = [line.partition(": ")[2] for line in lines if line.startswith("Payload-Oxum: ")]
    if oxum != [f"{total}.{count}"]:
        yield Failure("oxum", file="bag-info.txt", detail=f"{total}.{count} found")


# --- 5 canonical entries, seq unbroken ------------------------------------------------------------


def _read_entries(case: _Case) -> Findings:
    if ENTRIES not in case.files:
        _stop("missing", file=ENTRIES)
    unknown: Counter[str] = Counter()
    closed = False
    for line in _lines(case, ENTRIES):
        entry = _read_entry(line, case.size)
        if (entry.type == "SessionOpened") != (entry.seq == 0):
            _stop("opening_entry", file=ENTRIES, seq=entry.seq)
        if closed and entry.type not in _AFTER_CLOSE:
            _stop("closing_entry", file=ENTRIES, seq=entry.seq)
        closed = closed or entry.type == "SessionClosed"
        shape = _BODIES.get(entry.type)
        if shape is None:
            unknown[entry.type] += 1
        elif not shape(entry.body):
            _stop("body_form", file=ENTRIES, seq=entry.seq, detail=entry.type)
        case.leaves += hashlib.sha256(b"\x00" + line).digest()
        case.size += 1
        _keep(case, entry)
    if not closed:
        yield Failure("closing_entry", file=ENTRIES, seq=case.size)
    case.remarks += [f"{count} entries of the unknown type {name}" for name, count in unknown.items()]
    case.checked = case.size


def _lines(case: _Case, file: str) -> Iterator[bytes]:
    """Yield the lines of a file without their newline; the last one must have it."""
    with _open(case.root / file) as handle:
        rest = b""
        while piece := handle.read(_PIECE):
            *lines, rest = (rest + piece).split(b"\n")
            yield from lines
            if len(rest) > _LONGEST_LINE:
                _stop("entry_form", file=file, detail="line too long")
    if rest:
        _stop("entry_form", file=file, detail="no newline at the end")


_ENTRY = {"seq": _whole, "t": _whole, "type": _match(r"[A-Z][A-Za-z0-9]{0,63}")}
_ENTRY |= {"site": _match(r"(?s).{1,64}"), "actor": _match(r"(?s).{1,64}")}
_ENTRY |= {"body": lambda value: isinstance(value, dict)}
_OPTIONAL = {"salt": _match(r"[0-9a-f]{32}"), "cmd": _match(r"(?s).{1,64}"), "sig": _match(r"(?s).{1,512}")}
_MEMBERS = _ENTRY | _OPTIONAL


def _read_entry(line: bytes, expected: int) -> _Entry:
    try:
        value = _read_canonical(line)
    except (ValueError, RecursionError) as error:
        raise _Stop(Failure("entry_form", file=ENTRIES, seq=expected, detail=str(error)[:80])) from error
    if not isinstance(value, dict) or not _ENTRY.keys() <= value.keys() <= _MEMBERS.keys():
        _stop("entry_form", file=ENTRIES, seq=expected, detail="members")
    for name, one in value.items():
        if not _MEMBERS[name](one):
            _stop("entry_form", file=ENTRIES, seq=expected, detail=name)
    if ("salt" not in value and value["type"] not in _UNSALTED) or ("sig" in value and "cmd" not in value):
        _stop("entry_form", file=ENTRIES, seq=expected, detail="salt or cmd missing")
    if value["seq"] != expected:
        _stop("seq", file=ENTRIES, seq=expected, detail=f"found {value['seq']}")
    value.pop("salt", None)
    return _Entry(**{"cmd": None, "sig": None, **value})


def _keep(case: _Case, entry: _Entry) -> None:
    """Keep an entry, a fragment as part of its reel: an 8-hour session has half a million of them."""
    body = entry.body
    if entry.type not in {"FragmentRecorded", "ReelClosed", "ClockMapped"}:
        case.entries.append(entry)
        if entry.type == "GapDeclared" and body["cause"] == "refused":
            _keep_refusal(case, entry)
        return
    key = (body["track"], body["reel"])
    reel = case.reels.setdefault(key, _Reel(*key))
    if entry.type == "ReelClosed":
        _keep_closing(case, reel, entry)
    elif entry.type == "ClockMapped":
        reel.map = body["map"]
    else:
        _keep_fragment(case, reel, entry)


def _keep_refusal(case: _Case, entry: _Entry) -> None:
    """Until the track's next fragment numbers may be left out; only the journal itself can say so."""
    if entry.actor != "host":
        _stop("track_order", file=ENTRIES, track=entry.body["track"], seq=entry.seq)
    case.refused.add(entry.body["track"])


def _keep_closing(case: _Case, reel: _Reel, entry: _Entry) -> None:
    if reel.closed is not None:
        _stop("track_order", file=ENTRIES, track=reel.track, seq=entry.seq)
    reel.closed = entry.body
    left_out = entry.body["fragments"] - reel.following
    reel.counted = left_out == 0 or (left_out > 0 and reel.track in case.refused)


def _keep_fragment(case: _Case, reel: _Reel, entry: _Entry) -> None:
    body = entry.body
    left_out = body["n"] - reel.following
    follows = left_out == 0 or (left_out > 0 and reel.track in case.refused)
    if not follows or reel.closed is not None:
        _stop("track_order", file=ENTRIES, track=reel.track, seq=entry.seq)
    case.refused.discard(reel.track)
    times = (body["pts"], body["duration"], body["keyframe"], entry.t, entry.seq)
    reel.fragments.append(_Fragment(body["n"], body["offset"], body["length"], body["sha256"], *times))


# --- 2 payload digests, and the fragments on the way ----------------------------------------------


def _digest_all(case: _Case) -> Findings:
    """Read every listed file once; reels give the digests of their fragments in the same pass."""
    wanted = [path for path in (*case.manifest, *case.tags) if path in case.files]
    reels = {reel.file: reel for reel in case.reels.values() if _follows(case, reel)}
    inits = {file: _init_length(case, reel) for file, reel in reels.items()}
    total, done = sum(case.files[path] for path in wanted), 0
    with ThreadPoolExecutor(case.threads) as pool:
        jobs = [
            (path, pool.submit(_digest_file, case.root / path, reels.get(path), inits.get(path, 0)))
            for path in wanted
        ]
        for path, job in jobs:
            case.digests[path], case.cut_digests[path] = job.result()
            done += case.files[path]
            case.progress(Progress(2, done, total))
    for path, expected in (case.manifest | case.tags).items():
        if case.digests.get(path, expected) != expected:
            yield _with_second(case, Failure("digest", file=path), reels.get(path))
    if not wanted:
        _stop("not_checkable", detail="step 1")
    case.checked = len(wanted)


def _follows(case: _Case, reel: _Reel) -> bool:
    """Say whether the fragments lie one after another inside the file, with bytes between where some were refused."""
    if not reel.fragments or reel.fragments[0].offset < 44:
        return False
    first = reel.fragments[0]
    ends = [(0, 44 + _init_length(case, reel)), *((one.n + 1, one.end) for one in reel.fragments)]
    steps = zip(ends, reel.fragments, strict=False)
    return first.end <= reel.end <= case.files.get(reel.file, 0) and all(
        end == one.offset if n == one.n else end < one.offset for (n, end), one in steps
    )


def _init_length(case: _Case, reel: _Reel) -> int:
    """Return the bytes of the init segment; its own file tells where the reel's first fragments were refused."""
    first = reel.fragments[0]
    return case.files.get(reel.init_file, 0) if first.n else first.offset - 44


def _digest_file(path: Path, reel: _Reel | None, init: int) -> tuple[str, list[str]]:
    """Return the file's SHA-256 and, for a reel, those of its init segment and fragments."""
    whole, cuts = hashlib.sha256(), []
    with _open(path) as handle:
        for begin, length in _cuts(reel, init) if reel is not None else ():
            _digest_cut(handle, begin - handle.tell(), whole)
            cuts.append(_digest_cut(handle, length, whole))
        while piece := handle.read(_PIECE):
            whole.update(piece)
    return whole.hexdigest(), cuts


def _cuts(reel: _Reel, init: int) -> Iterator[tuple[int, int]]:
    """Yield offset and length of the init segment and of each fragment, in their order in the file."""
    yield 44, init
    yield from ((one.offset, one.length) for one in reel.fragments)


def _digest_cut(handle: BinaryIO, length: int, whole: "hashlib._Hash") -> str:
    cut = hashlib.sha256()
    while length and (piece := handle.read(min(length, _PIECE))):
        whole.update(piece)
        cut.update(piece)
        length -= len(piece)
    return cut.hexdigest()


def _with_second(case: _Case, failure: Failure, reel: _Reel | None) -> Failure:
    """Add track and second to a failure of a reel's file, from its first wrong fragment."""
    if reel is None:
        return failure
    bad = next(iter(_wrong_fragments(case, reel)), None)
    second = bad.pts / 1e6 if bad else 0.0
    return Failure(failure.code, failure.file, reel.track, second, bad.seq if bad else None, failure.detail)


def _wrong_fragments(case: _Case, reel: _Reel) -> Iterator[_Fragment]:
    found = case.cut_digests.get(reel.file, [])[1:]
    return (one for one, digest in zip(reel.fragments, found, strict=False) if one.sha256 != digest)


# --- 6 roots, consistency of all checkpoints ------------------------------------------------------


def _check_roots(case: _Case) -> Findings:
    try:
        case.notes = _read_notes(case.read(CHECKPOINTS))
    except ValueError as error:
        raise _Stop(Failure("checkpoint_form", file=CHECKPOINTS, detail=str(error)[:80])) from error
    if not case.notes:
        _stop("checkpoint_form", file=CHECKPOINTS, detail="none")
    case.need(5)
    if case.read(LAST_CHECKPOINT) != case.notes[-1].data:
        yield Failure("last_checkpoint", file=LAST_CHECKPOINT)
    sizes = [note.size for note in case.notes]
    if sizes != sorted(sizes) or sizes[-1] > case.size:
        _stop("checkpoint_order", file=CHECKPOINTS)
    roots = _roots_at(case, set(sizes))
    origin = f"evalroom/{case.opened['session']}"
    for note in case.notes:
        if note.origin != origin or note.root != roots[note.size]:
            yield Failure("root", file=CHECKPOINTS, detail=f"{note.origin} {note.size}")
    if not _is_covered(case, sizes[-1]):
        yield Failure("uncovered", file=CHECKPOINTS, seq=sizes[-1])
    yield from _check_index(case)
    case.checked = len(case.notes)


def _roots_at(case: _Case, sizes: set[int]) -> dict[int, bytes]:
    tree, found = _Roots(), {}
    if 0 in sizes:
        found[0] = tree.root()
    for seq in range(case.size):
        tree.add(bytes(case.leaves[32 * seq : 32 * seq + 32]))
        if seq + 1 in sizes:
            found[seq + 1] = tree.root()
    return found


def _is_covered(case: _Case, size: int) -> bool:
    """Say whether nothing lies beyond `size` but the one entry that tells of the cosignatures over it."""
    tail = [entry for entry in case.entries if entry.seq >= size]
    if case.size == size:
        return True
    told = len(tail) == 1 and tail[0].type == "CheckpointCosigned" and tail[0].body["size"] == size
    return told and case.size == size + 1


def _check_index(case: _Case) -> Findings:
    """Compare session.json, which only indexes, with the journal, which wins."""
    try:
        index = json.loads(case.read(SESSION))
        last, opened = case.notes[-1], case.opened
        log = {"origin": last.origin, "size": last.size, "root": base64.b64encode(last.root).decode()}
        same = index["schema"] == "evalroom.session/1" and index["id"] == opened["session"]
        same = same and {name: index["log"][name] for name in log} == log
        same = same and {one["id"] for one in index["sites"]} == {one["id"] for one in opened["sites"]}
        same = same and {one["id"] for one in index["seats"]} == {one["code"] for one in opened["seats"]}
        found = {
            reel["file"]: (reel["sha256"], reel["bytes"], reel["fragments"], reel["map"])
            for track in index["tracks"]
            for reel in track["reels"]
        }
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        yield Failure("index", file=SESSION, detail=repr(error)[:80])
        return
    expected = {
        reel.file: (*(reel.closed[name] for name in ("sha256", "bytes", "fragments")), reel.map)
        for reel in case.reels.values()
        if reel.closed
    }
    if not same or found != expected:
        yield Failure("index", file=SESSION)
    if not _is_script_of(case.read(SESSION_SCRIPT), index):
        yield Failure("index", file=SESSION_SCRIPT)


def _is_script_of(script: bytes, index: _Json) -> bool:
    """Say whether `session.js` hands the same index to the offline player, and does nothing else."""
    before, after = b"window.SESSION = ", b";\n"
    if not script.startswith(before) or not script.endswith(after):
        return False
    try:
        return bool(json.loads(script[len(before) : -len(after)]) == index)
    except (ValueError, RecursionError):
        return False


# --- 7 log signature ------------------------------------------------------------------------------


def _check_log_signature(case: _Case) -> Findings:
    case.need(5)
    keys = _bag_keys(case)
    if sorted(case.read(KEYS).splitlines(keepends=True)) != sorted(f"{key}\n".encode() for key in keys):
        yield Failure("keys_differ", file=KEYS)
    try:
        log = _read_key(keys[0])
    except ValueError as error:
        raise _Stop(Failure("key_form", file=ENTRIES, seq=0, detail=keys[0][:80])) from error
    if log.kind != 1 or log.name != f"evalroom/{case.opened['session']}":
        _stop("key_form", file=ENTRIES, seq=0, detail=log.name)
    if not case.log_keys:
        case.remarks.append(f"log key taken from the bag, not checked against an outside key: {keys[0]}")
    elif log not in case.log_keys:
        _stop("untrusted_log", file=ENTRIES, seq=0, detail=keys[0])
    for note in case.notes:
        signatures = [sig for name, key_id, sig in note.lines if (name, key_id) == (log.name, log.id)]
        if len(signatures) != 1 or not log.verifies(signatures[0], note.text.encode()):
            yield Failure("log_signature", file=CHECKPOINTS, detail=f"size {note.size}")
    if not case.notes:
        _stop("not_checkable", detail="step 6")
    case.checked = len(case.notes)


def _bag_keys(case: _Case) -> list[str]:
    keys = case.opened["keys"]
    return [keys["log"], *(one["vkey"] for one in keys["witnesses"])]


# --- 8 cosignatures, quorums ----------------------------------------------------------------------


def _check_cosignatures(case: _Case) -> Findings:
    case.need(5)
    if not case.notes:
        _stop("not_checkable", detail="step 6")
    keys = case.opened["keys"]
    try:
        found = [_read_key(one["vkey"]) for one in keys["witnesses"]]
    except ValueError as error:
        raise _Stop(Failure("key_form", file=ENTRIES, seq=0)) from error
    witnesses = {key.name: key for key in found}
    distinct = {key.public for key in found}
    if min(len(distinct), len(witnesses)) < len(found) or any(key.kind != 4 for key in found):
        _stop("key_form", file=ENTRIES, seq=0, detail="witnesses")
    trusted = _trusted_witnesses(case, witnesses)
    for note in case.notes:
        yield from _check_note(case, note, witnesses)
    cosigned = list(case.of("CheckpointCosigned"))
    for entry in cosigned:
        yield from _check_cosigned(case, entry, trusted, keys["quorum"])
    yield from _check_unlocks(case, cosigned, keys["quorum"])
    full = [note.size for note in case.notes if len(note.times.keys() & trusted.keys()) >= keys["quorum"]]
    if not _is_covered(case, max(full, default=0)):
        yield Failure("quorum", file=CHECKPOINTS, detail="the end is not cosigned")
    case.checked = sum(len(note.times) for note in case.notes)


def _trusted_witnesses(case: _Case, witnesses: Mapping[str, _Key]) -> dict[str, _Key]:
    """Return the witnesses that count: those handed in, or all of the bag's, which is then remarked."""
    if case.witness_keys:
        return {name: key for name, key in witnesses.items() if key in case.witness_keys}
    if witnesses:
        case.remarks.append("witness keys taken from the bag, not checked against outside keys")
    return dict(witnesses)


def _check_note(case: _Case, note: _Note, witnesses: Mapping[str, _Key]) -> Findings:
    for name, key_id, payload in note.lines:
        key = witnesses.get(name)
        if key is None or key.id != key_id:
            if name != note.origin:
                case.remarks.append(f"signature of the unknown key {name} at size {note.size}: not counted")
            continue
        (time,) = struct.unpack(">Q", payload[:8].rjust(8, b"\0"))
        message = f"cosignature/v1\ntime {time}\n{note.text}".encode()
        signed = len(payload) == 72 and 0 < time < 2**63 and key.verifies(payload[8:], message)
        if not signed or name in note.times:
            yield Failure("cosignature", file=CHECKPOINTS, detail=f"{name}, size {note.size}")
        else:
            note.times[name] = time


def _check_cosigned(case: _Case, entry: _Entry, trusted: Mapping[str, _Key], quorum: int) -> Findings:
    body = entry.body
    notes = [note for note in case.notes if note.size == body["size"]]
    there = {name for note in notes for name in note.times}
    roots = {base64.b64encode(note.root).decode() for note in notes}
    names = set(body["witnesses"])
    if body["size"] > entry.seq or body["root"] not in roots or not names <= there or len(names) < quorum:
        yield Failure("cosigned_note", file=CHECKPOINTS, seq=entry.seq, detail=f"size {body['size']}")
    elif len(names & trusted.keys()) < quorum:
        yield Failure("quorum", file=CHECKPOINTS, seq=entry.seq, detail=f"size {body['size']}")


def _check_unlocks(case: _Case, cosigned: Sequence[_Entry], quorum: int) -> Findings:
    last_lock, seen = 0, iter(cosigned)
    covered, upcoming = 0, next(seen, None)
    for entry in case.of("SheetLocked", "FindingRaised", "GroupUnlocked"):
        while upcoming is not None and upcoming.seq < entry.seq:
            covered, upcoming = max(covered, upcoming.body["size"]), next(seen, None)
        if entry.type == "SheetLocked":
            last_lock = entry.seq + 1
        elif quorum and covered < last_lock:
            yield Failure("unlock_early", file=ENTRIES, seq=entry.seq)


# --- 9 fragments, init, whole reels ---------------------------------------------------------------


def _check_reels(case: _Case) -> Findings:
    case.need(5)
    # Of a reel that is only mapped every fragment was refused: it may not be here, and step 10 looks for its gap.
    told = [reel for reel in case.reels.values() if reel.fragments or reel.closed is not None]
    for reel in told:
        yield from _check_reel(case, reel)
    known = {path for reel in told for path in (reel.file, reel.init_file)}
    playlists = {reel.file.removesuffix(".mp4") + ".m3u8": reel for reel in told}
    for path in case.files:
        if path.startswith("data/media/") and path not in known | playlists.keys():
            yield Failure("reel_unknown", file=path)
    for path, reel in playlists.items():
        if path in case.files and reel.map and reel.fragments and case.read(path) != _playlist(reel).encode():
            yield Failure("playlist", file=path, track=reel.track)
    for entry in case.of("ReelReceived"):
        one = case.reels.get((entry.body["track"], entry.body["reel"]))
        if one is None or one.closed is None or one.closed["sha256"] != entry.body["sha256"]:
            yield Failure("received", file=ENTRIES, track=entry.body["track"], seq=entry.seq)
    case.checked = sum(len(reel.fragments) for reel in case.reels.values())


def _check_reel(case: _Case, reel: _Reel) -> Findings:
    closed = reel.closed
    if closed is None:
        yield Failure("reel_open", reel.file, reel.track)
        return
    size = case.files.get(reel.file)
    if size is None or reel.init_file not in case.files:
        yield Failure("missing", file=reel.file if size is None else reel.init_file, track=reel.track)
        return
    if not reel.counted or not _follows(case, reel):
        yield Failure("fragment_order", reel.file, reel.track)
        return
    if size != closed["bytes"]:
        yield Failure("reel_size", reel.file, reel.track)
    for bad in _wrong_fragments(case, reel):
        yield Failure("fragment_digest", reel.file, reel.track, bad.pts / 1e6, bad.seq)
    init = case.cut_digests.get(reel.file, [""])[0]
    if not init == closed["init_sha256"] == case.digests.get(reel.init_file):
        yield Failure("init", reel.file, reel.track, 0.0)
    if case.digests.get(reel.file) != closed["sha256"]:
        yield Failure("reel_digest", reel.file, reel.track)
    elif not _is_accounted_for(
        case.root / reel.file,
        reel,
        size,
        init=_init_length(case, reel),
        fragments=closed["fragments"],
        torn=closed["torn"],
    ):
        yield Failure("boxes", reel.file, reel.track)


def _playlist(reel: _Reel) -> str:
    """Write the one playlist of a reel: its fragments, grouped from key frame to key frame."""
    fragments, name = reel.fragments, reel.file.rpartition("/")[2]
    begins = [n for n, one in enumerate(fragments) if n == 0 or one.keyframe]
    starts = [fragments[n].pts for n in begins] + [fragments[-1].pts + fragments[-1].duration]
    offsets = [fragments[n].offset for n in begins] + [reel.end]
    lengths = [max(after - before, 1) for before, after in pairwise(starts)]
    start_ms = reel.utc_us(0) // 1000
    date = datetime.fromtimestamp(start_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    lines = ["#EXTM3U", "#EXT-X-VERSION:7", f"#EXT-X-TARGETDURATION:{-(-max(lengths) // 1_000_000)}"]
    lines += ["#EXT-X-PLAYLIST-TYPE:VOD", "#EXT-X-INDEPENDENT-SEGMENTS"]
    lines += [f'#EXT-X-MAP:URI="{reel.init_file.rpartition("/")[2]}"']
    lines += [f"#EXT-X-PROGRAM-DATE-TIME:{date}.{start_ms % 1000:03d}Z"]
    for length, (offset, end) in zip(lengths, pairwise(offsets), strict=True):
        seconds = f"{length // 1_000_000}.{length % 1_000_000:06d}"
        lines += [f"#EXTINF:{seconds},", f"#EXT-X-BYTERANGE:{end - offset}@{offset}", name]
    return "\n".join([*lines, "#EXT-X-ENDLIST", ""])


def _is_accounted_for(path: Path, reel: _Reel, size: int, *, init: int, fragments: int, torn: bool) -> bool:
    """Say whether header, init, fragments and trailer are boxes that leave no byte over (archive.md §3).

    Where fragments were refused their boxes are there all the same, as many as their numbers say.
    """
    with _open(path) as handle:
        head = handle.read(44)
        end = size if torn else 36 + int.from_bytes(head[36:40], "big")
        if [name for name, _ in _boxes(handle, 44, 44 + init)] != [b"ftyp", b"moov"] or end > size:
            return False
        places = [(one.n, one.offset) for one in reel.fragments] + [(fragments, end)]
        n, at = 0, 44 + init
        for after, begin in _with_ends(reel, places):
            names = [name for name, _ in _boxes(handle, at, begin)]
            if names != [b"moof", b"mdat"] * (after - n):
                return False
            n, at = after, begin
        trailer = [name for name, _ in _boxes(handle, end, size)]
    if head[:8] != b"\0\0\0\x1cftyp" or head[28:36] != b"\0\0\0\x08free":
        return False
    if torn:
        return trailer == [] and head[36:44] == b"\0\0\0\x24free"
    return trailer == [b"moov"] and head[40:44] == b"mdat"


def _with_ends(reel: _Reel, places: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the begin and the end of every fragment the journal names, each with the number that begins there."""
    return sorted({*places, *((one.n + 1, one.end) for one in reel.fragments)})


def _boxes(handle: BinaryIO, start: int, end: int) -> Iterator[tuple[bytes, int]]:
    """Yield name and size of the boxes from `start`; an unnamed one when they do not end at `end`."""
    while start < end:
        handle.seek(start)
        header = handle.read(8)
        size = int.from_bytes(header[:4], "big")
        if len(header) < 8 or size < 8 or start + size > end:
            yield b"", 0
            return
        yield header[4:], size
        start += size


# --- 10 tiling ------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Span:
    track: str
    start: int
    end: int = 0
    running: bool = True


def _check_tiling(case: _Case) -> Findings:
    case.need(5)
    t0 = case.entries[0].t
    spans: dict[str, list[_Span]] = defaultdict(list)
    yield from _spans(case, spans)
    pieces = _pieces(case)
    for track, found in spans.items():
        for span in found:
            if span.running:
                yield Failure("track_open", track=track, second=(span.start - t0) / 1000)
                continue
            for start, end in _holes(span, pieces[track]):
                where = f"{(end - start) / 1000:.1f} s"
                yield Failure("hole", track=track, second=(start - t0) / 1000, detail=where)
    for track in {reel.track for reel in case.reels.values()} - spans.keys():
        yield Failure("track_order", track=track, detail="never started")
    case.checked = sum(len(found) for found in spans.values())


def _spans(case: _Case, spans: dict[str, list[_Span]]) -> Findings:
    for entry in case.of("TrackStarted", "TrackEnded"):
        track = entry.body["track"]
        running = bool(spans[track]) and spans[track][-1].running
        if running == (entry.type == "TrackStarted"):
            yield Failure("track_order", file=ENTRIES, track=track, seq=entry.seq)
        elif entry.type == "TrackStarted":
            spans[track].append(_Span(track, entry.body["at_ms"]))
        else:
            spans[track][-1].end, spans[track][-1].running = entry.body["at_ms"], False


def _pieces(case: _Case) -> dict[str, list[tuple[float, float]]]:
    """Return, per track, what is recorded or declared, as intervals of the session clock in ms."""
    pieces: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for reel in case.reels.values():
        if reel.map:
            pieces[reel.track] += [
                (reel.utc_us(one.pts) / 1000, reel.utc_us(one.pts + one.duration) / 1000)
                for one in reel.fragments
            ]
    for entry in case.of("GapDeclared", "GapExplained"):
        pieces[entry.body["track"]].append((entry.body["from_ms"], entry.body["to_ms"]))
    for found in pieces.values():
        found.sort()
    return pieces


def _holes(span: _Span, pieces: Iterable[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    covered: float = span.start
    for start, end in pieces:
        if end <= covered:
            continue
        if min(start, span.end) - covered >= _HOLE_MS:
            yield covered, min(start, span.end)
        covered = max(covered, end)
    if span.end - covered >= _HOLE_MS:
        yield covered, span.end


# --- 11 clocks within bounds ----------------------------------------------------------------------


def _check_clocks(case: _Case) -> Findings:
    case.need(5)
    for reel in case.reels.values():
        yield from _check_map(reel)
    measured = set()
    for entry in case.of("SiteOffsetMeasured"):
        measured.add(entry.body["site"])
        if entry.body["bound_us"] > _SKEW_MS * 1000:  # how far off a clock is does no harm once that is known
            yield Failure("clock_bound", file=ENTRIES, seq=entry.seq, detail=entry.body["site"])
    hosts = {site["id"] for site in case.opened["sites"] if site["host"]}
    recording = {entry.site for entry in case.of("TrackStarted")}
    yield from (Failure("site_clock", detail=site) for site in sorted(recording - measured - hosts))
    youngest, at = 0, -1
    times = _witnessed(case)
    for entry in case.entries:
        for size in [size for size in times if size <= entry.seq]:
            if youngest > times.pop(size) + 1000 + _SKEW_MS:
                yield Failure("time_ahead", file=CHECKPOINTS, seq=at, detail=f"size {size}")
        youngest, at = max((youngest, at), (entry.t, entry.seq))
    for size, time in times.items():
        if youngest > time + 1000 + _SKEW_MS:
            yield Failure("time_ahead", file=CHECKPOINTS, seq=at, detail=f"size {size}")
    case.checked = len(case.reels) + len(measured)


def _witnessed(case: _Case) -> dict[int, int]:
    """Return size to when a witness first saw that checkpoint: its own clock and what that was measured to be off."""
    sites = {one["vkey"].partition("+")[0]: one["site"] for one in case.opened["keys"]["witnesses"]}
    offsets: dict[str, list[tuple[int, int]]] = {site: [] for site in sites.values()}
    for entry in case.of("SiteOffsetMeasured"):
        offsets.setdefault(entry.body["site"], []).append((entry.seq, entry.body["offset_us"] // 1000))

    def seen(name: str, time: int, size: int) -> int:
        known = offsets[sites[name]]
        last = max(bisect_left(known, (size,)) - 1, 0)  # the last one before; the first where none was yet
        return time * 1000 + (known[last][1] if known else 0)

    return {
        note.size: min(seen(name, time, note.size) for name, time in note.times.items())
        for note in case.notes
        if note.times
    }


def _check_map(reel: _Reel) -> Findings:
    if not reel.map:
        yield Failure("no_clock", file=reel.file, track=reel.track)
    for (a, at), (b, bt) in zip(reel.map, reel.map[1:], strict=False):
        if b <= a or bt <= at or abs((bt - at) - (b - a)) > 200_000 + (b - a) // 1000:
            yield Failure("clock_map", file=reel.file, track=reel.track, second=a / 1e6)
    for one in reel.fragments if reel.map else ():
        if reel.utc_us(one.pts + one.duration) > (one.t + _SKEW_MS) * 1000:
            yield Failure("clock_map", file=reel.file, track=reel.track, second=one.pts / 1e6, seq=one.seq)
            return


# --- 12 openings ----------------------------------------------------------------------------------

_OPENING = _object("seq:whole path:text value:text nonce:digest")


def _check_openings(case: _Case) -> Findings:
    case.need(5)
    session = case.opened["session"]
    due = {(entry.seq, path): entry for entry in case.entries for path in _COMMITTED.get(entry.type, ())}
    for number, line in enumerate(_lines(case, OPENINGS), start=1):
        opening = _read_opening(line, number)
        key = (opening["seq"], opening["path"])
        entry = due.get(key)
        if entry is None or key in case.openings:
            yield Failure("opening_form", file=OPENINGS, seq=key[0], detail=f"line {number}")
            continue
        message = _canonical([session, entry.cmd or "", opening["path"], opening["value"]])
        commit = hmac.digest(bytes.fromhex(opening["nonce"]), message, "sha256").hex()
        if commit != entry.body[key[1][1:]]["commit"]:
            yield Failure("opening", file=OPENINGS, seq=key[0], detail=key[1])
        case.openings[key] = opening["value"]
    released = _released(case)
    for (seq, path), entry in due.items():
        if released(entry) and (seq, path) not in case.openings:
            yield Failure("opening_missing", file=OPENINGS, seq=seq, detail=path)
        elif not released(entry) and (seq, path) in case.openings:
            yield Failure("opening_early", file=OPENINGS, seq=seq, detail=path)
    case.checked = len(case.openings)


def _read_opening(line: bytes, number: int) -> dict[str, _Json]:
    try:
        opening = _read_canonical(line)
    except (ValueError, RecursionError) as error:
        raise _Stop(Failure("opening_form", file=OPENINGS, detail=f"line {number}")) from error
    if not _OPENING(opening):
        _stop("opening_form", file=OPENINGS, detail=f"line {number}")
    return dict(opening)


_COMMITTED: Mapping[str, tuple[str, ...]] = {
    "ScoreEntered": ("/value", "/reason"),
    "SheetLocked": ("/statement",),
    "FindingAnswered": ("/reason",),
    "BidImported": ("/price",),
    "BallotCast": ("/choice",),
    "DarkBidAdmitted": ("/number",),
}
"""Entry type to the commitments in its body; a secret ballot is never opened."""


def _dark_lots(case: _Case) -> set[str]:
    return {str(lot["id"]) for lot in case.opened["tender"]["lots"] if lot.get("dark")}


def _unlocked_at(case: _Case, lots: set[str]) -> int | None:
    """Return the entry with which the detailed sheets of all these lots were first open, less those that had failed."""
    unlocked: set[str] = set()
    failed: dict[str, str] = {}
    for entry in case.of("GroupUnlocked", "SheetReopened", "LotFailed", "SteppedBack", "ExpertReplaced"):
        body = entry.body
        after = {"SteppedBack": body.get("after", ""), "ExpertReplaced": "preliminary"}.get(entry.type, "")
        if entry.type == "LotFailed":
            failed[body["lot"]] = body["ground"]
        elif entry.type == "GroupUnlocked" and body["part"] == "detailed":
            unlocked.add(body["lot"])
        elif entry.type == "SheetReopened" and body["part"] == "detailed":
            unlocked.discard(body["lot"])
        if after in {"preliminary", "detailed"}:
            unlocked.clear()
        if after == "preliminary":
            failed = {lot: ground for lot, ground in failed.items() if ground == "ordered"}
        if (live := lots - failed.keys()) and live <= unlocked:
            return entry.seq
    return None


def _released(case: _Case) -> Callable[[_Entry], bool]:
    """Return the rule which commitments are open: unlocked parts, prices opened, numbers once no lot is dark any more."""
    parts = {
        (lot["id"], item["id"]): item["part"]
        for lot in case.opened["tender"]["lots"]
        for item in lot["items"]
    }
    unlocked = {(entry.body["lot"], entry.body["part"]) for entry in case.of("GroupUnlocked")}
    asked = {entry.body["finding"]: entry.body for entry in case.of("FindingRaised")}
    priced = {price["bid"] for entry in case.of("PricesOpened") for price in entry.body["prices"]}
    named = _unlocked_at(case, _dark_lots(case)) is not None

    def rule(entry: _Entry) -> bool:
        body = entry.body
        if entry.type == "BallotCast":
            return False
        if entry.type == "DarkBidAdmitted":
            return named
        if entry.type == "BidImported":
            return body["bid"] in priced
        if entry.type == "FindingAnswered":
            body = asked.get(body["finding"], {"lot": "", "part": ""})
        if entry.type in {"SheetLocked", "FindingAnswered"}:
            return (body["lot"], body["part"]) in unlocked
        return (body["lot"], parts.get((body["lot"], body["item"]))) in unlocked

    return rule


# --- 13 signatures of seats -----------------------------------------------------------------------

_JWS_HEADER = "eyJhbGciOiJFUzI1NiJ9"


def _check_acts(case: _Case) -> Findings:
    case.need(5)
    session, seats = case.opened["session"], {seat["code"]: seat for seat in case.opened["seats"]}
    keys: dict[str, ec.EllipticCurvePublicKey] = {}
    commands: set[tuple[str, str]] = set()
    cells: dict[tuple[str, str, str], dict[tuple[str, str], list[_Json]]] = defaultdict(dict)
    parts = _parts(case)
    for entry in case.of(*_ROLES, "SteppedBack"):
        if entry.type == "SteppedBack":
            _forget(entry.body["after"], cells)
            continue
        if entry.type in _BY_HOST and entry.actor == "host":
            continue
        seat = seats.get(entry.actor)
        if seat is None or seat["role"] not in _ROLES[entry.type] or seat["site"] != entry.site:
            yield Failure("role", file=ENTRIES, seq=entry.seq, detail=entry.actor)
            continue
        if entry.type == "SeatJoined":
            yield from _register(entry, seat, keys)
        if entry.sig is None or entry.cmd is None:
            yield Failure("unsigned", file=ENTRIES, seq=entry.seq, detail=entry.actor)
        elif entry.actor not in keys:
            yield Failure("seat_key", file=ENTRIES, seq=entry.seq, detail=entry.actor)
        elif not _is_signed(entry, session, keys[entry.actor]):
            yield Failure("act_signature", file=ENTRIES, seq=entry.seq, detail=entry.actor)
        elif (entry.actor, entry.cmd) in commands:
            yield Failure("replayed", file=ENTRIES, seq=entry.seq, detail=entry.cmd)
        commands.add((entry.actor, entry.cmd or ""))
        yield from _check_lock(entry, cells, parts)
    case.checked = len(commands)


def _forget(after: str, cells: dict[tuple[str, str, str], dict[tuple[str, str], list[_Json]]]) -> None:
    """Void the later sheets when the evaluation goes back to the preliminary review."""
    if after == "preliminary":
        for key in [key for key in cells if key[2] != "preliminary"]:
            del cells[key]


def _parts(case: _Case) -> dict[tuple[str, str], str]:
    return {
        (lot["id"], item["id"]): item["part"]
        for lot in case.opened["tender"]["lots"]
        for item in lot["items"]
    }


def _register(entry: _Entry, seat: _Json, keys: dict[str, ec.EllipticCurvePublicKey]) -> Findings:
    if entry.body["seat"] != entry.actor or entry.body["role"] != seat["role"]:
        yield Failure("role", file=ENTRIES, seq=entry.seq, detail=entry.actor)
    key = _read_seat_key(entry.body["key"])
    if key is None:
        yield Failure("seat_key", file=ENTRIES, seq=entry.seq, detail=entry.actor)
    else:
        keys[entry.actor] = key


def _read_seat_key(text: str) -> ec.EllipticCurvePublicKey | None:
    try:
        der = _unbase64url(text)
        key = load_der_public_key(der)
    except (ValueError, UnsupportedAlgorithm):
        return None
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != "secp256r1":
        return None
    return key if key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) == der else None


def _is_signed(entry: _Entry, session: str, key: ec.EllipticCurvePublicKey) -> bool:
    header, _, encoded = (entry.sig or "").partition("..")
    payload = _canonical(
        {
            "actor": entry.actor,
            "body": entry.body,
            "cmd": entry.cmd,
            "session": session,
            "site": entry.site,
            "type": entry.type,
        }
    )
    message = f"{_JWS_HEADER}.".encode() + base64.urlsafe_b64encode(payload).rstrip(b"=")
    try:
        raw = _unbase64url(encoded)
        if header != _JWS_HEADER or len(raw) != 64:
            return False
        numbers = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
        key.verify(encode_dss_signature(*numbers), message, ec.ECDSA(SHA256()))
    except (InvalidSignature, ValueError, binascii.Error):
        return False
    return True


def _check_lock(
    entry: _Entry,
    cells: dict[tuple[str, str, str], dict[tuple[str, str], list[_Json]]],
    parts: Mapping[tuple[str, str], str],
) -> Findings:
    """Follow each sheet's commitments; a lock must name exactly those that stand then."""
    body = entry.body
    if entry.type == "ScoreEntered":
        part = parts.get((body["lot"], body["item"]), "")
        row = [body["bid"], body["item"], body["revision"], body["value"]["commit"], body["reason"]["commit"]]
        cells[entry.actor, body["lot"], part][body["bid"], body["item"]] = row
    if entry.type == "SheetLocked":
        sheet = cells[entry.actor, body["lot"], body["part"]]
        rows = [sheet[key] for key in sorted(sheet)]
        if hashlib.sha256(_canonical(rows)).hexdigest() != body["digest"]:
            yield Failure("sheet_digest", file=ENTRIES, seq=entry.seq, detail=entry.actor)


# --- 14 the recomputation yields the ranking ------------------------------------------------------


@dataclass(slots=True)
class _Question:
    """A question to a bidder: its lot, bid, stage and digest, and how far it has come."""

    lot: str
    stage: str
    digest: str
    sent: bool = False
    until: int = 0
    over: bool = False


@dataclass(slots=True)
class _Fault:
    """A fault: whether the evaluation had started, when its time is over, when it was mended, and whether it is settled."""

    early: bool
    limit: int
    mended: int = 0
    settled: bool = False

    def overdue(self, at: int) -> bool:
        return not self.settled and (self.mended or at) >= self.limit


@dataclass(slots=True)
class _Fold:
    """The evaluation as it is worked out again, from the entries and the opened values alone."""

    openings: Mapping[tuple[int, str], str]
    experts: list[str]
    regulator: bool = False
    stage: str = "gathering"
    sealed: bool = False
    cells: dict[tuple[str, str, str, str], tuple[int, str]] = field(default_factory=dict)
    locked: set[tuple[str, str, str]] = field(default_factory=set)
    reopened: dict[tuple[str, str, str], set[tuple[str, str]]] = field(default_factory=dict)
    raised: dict[str, tuple[_Json, dict[str, str]]] = field(default_factory=dict)
    answered: set[tuple[str, str]] = field(default_factory=set)
    voided: set[str] = field(default_factory=set)
    due: list[_Json] = field(default_factory=list)
    opened: frozenset[tuple[str, str]] = frozenset()
    prices: dict[str, int] = field(default_factory=dict)
    rejected: dict[str, list[str]] = field(default_factory=dict)
    scores: dict[str, _Json] = field(default_factory=dict)
    rankings: dict[str, _Json] = field(default_factory=dict)
    reports: dict[str, tuple[str, int]] = field(default_factory=dict)
    old_reports: dict[str, list[tuple[str, int]]] = field(default_factory=dict)
    signed: dict[tuple[str, str], str] = field(default_factory=dict)
    witnessed: set[tuple[str, str]] = field(default_factory=set)
    reserves: set[str] = field(default_factory=set)
    recused: set[str] = field(default_factory=set)
    proposals: dict[str, tuple[_Json, str, str]] = field(default_factory=dict)
    approved: list[_Json] = field(default_factory=list)
    votes: dict[str, _Json] = field(default_factory=dict)
    ballots: dict[str, int] = field(default_factory=dict)
    counted: dict[str, _Json] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    failures: dict[str, _Json] = field(default_factory=dict)
    deciders: dict[str, list[str]] = field(default_factory=dict)
    committed: set[str] = field(default_factory=set)
    lost: dict[str, set[str]] = field(default_factory=dict)
    corrected: dict[tuple[str, str], int] = field(default_factory=dict)
    parts: dict[tuple[str, str], str] = field(default_factory=dict)
    numbers: dict[str, list[tuple[str, str]]] = field(default_factory=lambda: defaultdict(list))
    spoilt: set[str] = field(default_factory=set)
    drawn: dict[str, tuple[_Json, list[str]]] = field(default_factory=dict)
    profile: Mapping[str, Any] = field(default_factory=dict)
    roles: Mapping[str, str] = field(default_factory=dict)
    chair: str = ""
    agreed: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    questions: dict[str, _Question] = field(default_factory=dict)
    asking: set[str] = field(default_factory=set)
    faults: dict[str, _Fault] = field(default_factory=dict)
    declared: int = -1
    agreed_way: str = ""
    leaving: set[str] = field(default_factory=set)
    complaint: int = 0
    complaints: int = 0
    stated: set[tuple[int, str]] = field(default_factory=set)

    def rule(self, table: str, key: str, usual: Any) -> Any:  # noqa: ANN401 - whatever stands in the profile
        """Return a key of the rule profile, or what it is where the profile does not say."""
        return self.profile.get(table, {}).get(key, usual)

    def leads(self, seat: str) -> bool:
        """Say whether a seat speaks for the committee."""
        return seat == self.chair if self.rule("committee", "chair", usual=False) else seat in self.experts

    def awaited(self, lot: str | None = None) -> list[str]:
        """List the questions that were sent and are neither over nor of a lot that failed."""
        return [
            name
            for name, one in self.questions.items()
            if one.sent and not one.over and one.lot not in self.failed and lot in {None, one.lot}
        ]

    summed: set[str] = field(default_factory=set)
    settled: dict[str, list[str]] = field(default_factory=dict)
    awarded: dict[str, str] = field(default_factory=dict)
    spent: set[str] = field(default_factory=set)
    unshown: set[str] = field(default_factory=set)
    terms: dict[str, _Json] = field(default_factory=dict)

    def void_award(self, lot: str) -> None:
        """Void what was settled and voted on a lot's ranking."""
        self.settled.pop(lot, None)
        self.awarded.pop(lot, None)
        self.counted.pop(f"award-{lot}", None)
        self.votes.pop(f"award-{lot}", None)

    def take_draw(self, purpose: str, lot: str, drawn: list[str]) -> bool:
        """Use up a draw that came out so; say whether there was one."""
        for name, (declared, made) in self.drawn.items():
            if name not in self.spent and (declared["purpose"], declared["lot"], made) == (
                purpose,
                lot,
                drawn,
            ):
                self.spent.add(name)
                return True
        return False

    def order_of_members(self, lot: str) -> list[str]:
        """Return the members' order as it was drawn for a lot, empty where it was not."""
        orders = (
            made for one, made in self.drawn.values() if (one["purpose"], one["lot"]) == ("members", lot)
        )
        return next((made for made in orders if made), [])

    checkin: int = 0
    phone: bool = False
    operators: set[str] = field(default_factory=set)
    site_of: dict[str, str] = field(default_factory=dict)
    kept_by: set[str] = field(default_factory=set)
    occupancies: Counter[str] = field(default_factory=Counter)
    grades: dict[str, tuple[int, str]] = field(default_factory=dict)
    phones: set[str] = field(default_factory=set)
    bidders: set[str] = field(default_factory=set)
    persons: dict[str, str] = field(default_factory=dict)
    letter: str = ""
    past: set[str] = field(default_factory=set)
    forms: dict[tuple[str, str], int] = field(default_factory=dict)
    replies: set[tuple[str, str, int]] = field(default_factory=set)

    def grade(self, seat: str) -> str:
        """Return by how many persons the present occupancy of a seat was confirmed."""
        occupancy, grade = self.grades.get(seat, (0, "none"))
        return grade if occupancy == self.occupancies[seat] else "none"

    def values_for(self, lot: str) -> dict[str, Fraction]:
        """Return the price parameters that were drawn for a lot, by name."""
        return {
            declared["subject"]: Fraction(made[0])
            for declared, made in self.drawn.values()
            if (declared["purpose"], declared["lot"]) == ("price_parameter", lot)
            and made
            and re.fullmatch(_FIGURE, made[0])  # any other value is no formula's
        }

    def consume(self, act: _Json) -> bool:
        """Take back an approved act that is now done; say whether there was one."""
        if act not in self.approved:
            return False
        self.approved.remove(act)
        return True

    def silent(self) -> list[str]:
        """List the findings that stand and that somebody has not answered."""
        return [
            name
            for name, (body, _) in self.raised.items()
            if name not in self.voided and body["lot"] not in self.failed
            for seat in body["seats"]
            if (name, seat) not in self.answered
        ]

    def void_findings(self, lot: str | None, part: str | None) -> None:
        """Void what was asked about sheets that are open again as a whole, of one lot and part or of all."""
        for name, (body, _) in self.raised.items():
            if lot in {None, body["lot"]} and part in {None, body["part"]}:
                self.voided.add(name)
        for key in list(self.reopened):
            if lot in {None, key[1]} and part in {None, key[2]}:
                del self.reopened[key]

    def void(self, stage: str) -> None:
        """Void what was concluded from a stage on."""
        for one in self.questions.values():
            one.over = one.over or _ORDER.index(one.stage) >= _ORDER.index(stage)
        if stage in {"preliminary", "detailed"}:
            self.void_findings(None, None if stage == "preliminary" else "detailed")
        if stage == "preliminary":
            self.rejected = {lot: sorted(lost) for lot, lost in self.lost.items()}
            self.failed = {lot: ground for lot, ground in self.failed.items() if ground == "ordered"}
            self.failures = {lot: told for lot, told in self.failures.items() if lot in self.failed}
        if stage in {"preliminary", "detailed", "pricing"}:
            self.scores.clear()
        if stage != "reporting":
            self.rankings.clear()
            for lot in self.terms:
                self.void_award(lot)
        for lot, told in self.reports.items():
            self.old_reports.setdefault(lot, []).append(told)
        self.reports.clear()
        self.signed.clear()
        self.witnessed.clear()

    def value(self, seat: str, lot: str, bid: str, item: str) -> str:
        return self.cells.get((seat, lot, bid, item), (0, ""))[1]

    def price(self, lot: str, bid: str) -> int | None:
        return self.corrected.get((lot, bid), self.prices.get(bid))

    def inside(self, lot: _Json) -> set[str]:
        return {bid["id"] for bid in lot["bids"]} - set(self.rejected.get(lot["id"], []))


def _check_result(case: _Case) -> Findings:
    case.need(5, 12)
    seats = [seat for seat in case.opened["seats"] if seat["role"] == "expert"]
    experts = sorted(seat["code"] for seat in seats if not seat["reserve"])
    regulator = any(seat["role"] == "regulator" for seat in case.opened["seats"])
    sealed = not case.opened["rehearsal"]
    fold = _Fold(case.openings, experts, regulator, _ORDER[0] if sealed else "gathering", sealed)
    fold.opened = frozenset((entry.body["lot"], entry.body["part"]) for entry in case.of("GroupUnlocked"))
    fold.reserves = {seat["code"] for seat in seats if seat["reserve"]}
    if hashlib.sha256(case.opened["profile"].encode()).hexdigest() != case.opened["profile_sha256"]:
        yield Failure("profile", ENTRIES, seq=0, detail="digest of the rule profile")
    try:
        fold.profile = tomllib.loads(case.opened["profile"])
    except tomllib.TOMLDecodeError:
        yield Failure("profile", ENTRIES, seq=0, detail="no TOML")
    fold.roles = {seat["code"]: seat["role"] for seat in case.opened["seats"]}
    lots = {lot["id"]: {**lot, "bids": [*lot["bids"]]} for lot in case.opened["tender"]["lots"]}
    fold.terms = {name: lot.get("summary", _AS_MARKED) for name, lot in lots.items()}
    if not _know_people(fold, case.opened):
        yield Failure("profile", ENTRIES, seq=0, detail="people")
    if sealed and any(lot["bids"] for lot in lots.values()):
        yield Failure("stage", ENTRIES, seq=0, detail="bids before their opening")
    for entry in case.of(*_FOLDS, *_STAGES):
        if fold.stage not in _STAGES.get(entry.type, (*_ORDER, *_ENDS)):
            yield Failure("stage", ENTRIES, seq=entry.seq, detail=f"{entry.type} in {fold.stage}")
        lot = lots.get(entry.body.get("lot", ""))
        if lot is None and entry.body.get("lot") and entry.type != "DrawDeclared":
            _stop("stage", file=ENTRIES, seq=entry.seq, detail="unknown lot")
        if fold.due and entry.type != "FindingRaised":
            yield Failure("finding", ENTRIES, seq=entry.seq, detail=f"{len(fold.due)} not raised")
            fold.due.clear()
        if entry.type in {"StageChanged", "GroupUnlocked"} and fold.awaited(entry.body.get("lot")):
            awaited = fold.awaited(entry.body.get("lot"))[0]
            yield Failure("question", ENTRIES, seq=entry.seq, detail=f"{awaited} not answered")
        wrong = _FOLDS.get(entry.type, _fold_nothing)(fold, entry, lot)
        if wrong:
            yield Failure(wrong[0], ENTRIES, seq=entry.seq, detail=wrong[1])
    yield from _check_end(fold, list(lots))
    yield from _check_reports(case, fold)
    yield from _check_documents(case)
    case.checked = len(fold.rankings)


def _check_end(fold: _Fold, lots: list[str]) -> Findings:
    live = set(lots) - set(fold.failed)
    if fold.stage in {"signing", "concluded"} and set(fold.rankings) - set(fold.failed) != live:
        yield Failure("result_missing", ENTRIES, detail="RankingComputed")
    voted = {lot for lot in live & set(fold.rankings) if fold.terms[lot]["award"] == "vote"}
    if any(fold.rankings[lot]["rows"] and lot not in fold.awarded for lot in voted):
        yield Failure("result_missing", ENTRIES, detail="LotAwarded")
    if fold.stage == "failed" and live:
        yield Failure("result_missing", ENTRIES, detail="LotFailed")
    if fold.approved:
        yield Failure("approval", ENTRIES, detail=fold.approved[0]["kind"])
    if fold.complaint:
        yield Failure("complaint", ENTRIES, detail=f"{fold.complaint} not closed")
    if fold.stage in {"signing", "concluded", "failed"} and set(fold.reports) != set(lots):
        yield Failure("result_missing", ENTRIES, detail="ReportMade")
    # Of a tender that failed before its committee was at work, whoever had accepted the commitment signs.
    signers = [seat for seat in fold.experts if fold.stage != "failed" or seat in fold.committed]
    unsigned = [(lot, seat) for lot in sorted(lots) for seat in signers if (lot, seat) not in fold.signed]
    if fold.stage in {"concluded", "failed"} and unsigned:
        yield Failure("result_missing", ENTRIES, detail=f"ReportSigned: {' '.join(unsigned[0])}")


def _named_earlier(report: _Json) -> list[_Json]:
    """Return the digests by which a report names those voided before it; what is no such row gives none."""
    rows = report.get("earlier", [])
    return (
        [one.get("sha256") if isinstance(one, dict) else None for one in rows]
        if isinstance(rows, list)
        else [None]
    )


def _check_reports(case: _Case, fold: _Fold) -> Findings:
    """Demand that the data of every report are in the bag, are those signed, and give the results worked out here.

    Those of reports that were voided are in the bag, too, and the report that stands names them.
    """
    for lot, earlier in fold.old_reports.items():
        for number, told in enumerate(earlier, 1):
            file = f"data/docs/earlier-{lot}-{number}.json"
            if (case.digests.get(file), case.files.get(file)) != told:
                yield Failure("report_data", file=file)
    for lot, (digest, size) in fold.reports.items():
        file = f"data/docs/report-{lot}.json"
        if (case.digests.get(file), case.files.get(file)) != (digest, size):
            yield Failure("report_data", file=file)
            continue
        try:
            report = _read_canonical(case.read(file))
        except ValueError:
            report = None
        ranking = {"rows": [], "ties": []} if lot in fold.failed else fold.rankings.get(lot)
        if not isinstance(report, dict) or ranking is None:
            yield Failure("report_data", file=file)
        elif (report.get("ranking"), report.get("ties")) != (ranking["rows"], ranking["ties"]):
            yield Failure("report_totals", file=file, detail=lot)
        elif _named_earlier(report) != [digest for digest, _ in fold.old_reports.get(lot, ())]:
            yield Failure("report_data", file=file, detail="earlier")
        elif report.get("failure") != fold.failures.get(lot) or (
            lot in fold.failed and report.get("awarded")
        ):
            yield Failure("report_failure", file=file, detail=lot)


_Wrong = tuple[str, str] | None
"""Code and detail of what does not come out, None when it does."""


def _fold_stage(fold: _Fold, entry: _Entry, _: _Json) -> _Wrong:
    before, after = entry.body["before"], entry.body["after"]
    follows = before == fold.stage and after in _ORDER and _ORDER.index(after) == _ORDER.index(before) + 1
    early = entry.actor != "host" or after in {"booked", "receiving"}
    fold.stage = after
    fold.proposals.clear()
    fold.asking.clear()
    if after in _ORDER[6:] and _not_arrived(fold):
        return "identity", f"{', '.join(_not_arrived(fold))} in {after}"
    if after == "signing" and fold.silent():
        return "finding", f"{fold.silent()[0]} not answered"
    if after == "reporting" and (tied := _contested(fold)):
        return "settled", f"{tied[0]} is tied"
    if fold.unshown:
        return "votes", f"{min(fold.unshown)}: ballots are open, and were not shown"
    return None if follows and early else ("stage", f"{before} to {after}")


def _fold_step_back(fold: _Fold, entry: _Entry, _: _Json) -> _Wrong:
    before, after = entry.body["before"], entry.body["after"]
    ground = entry.body["reason"].partition(": ")[0]
    ordered = fold.consume({"kind": "step_back", "after": after}) or (
        after == "preliminary" and fold.consume({"kind": "reevaluate", "ground": ground})
    )
    fits = before == fold.stage and after in _BACK.get(before, ())
    if after == "preliminary":
        fold.cells = {key: one for key, one in fold.cells.items() if _is_in(fold, key, after)}
        fold.locked.clear()
    fold.locked = {key for key in fold.locked if key[2] != after}
    fold.stage = after
    fold.proposals.clear()
    fold.asking.clear()
    fold.void(after)
    return None if fits and ordered else ("stage", f"{before} back to {after}")


def _is_in(fold: _Fold, key: tuple[str, str, str, str], part: str) -> bool:
    """Say whether a cell belongs to a part; the parts of items were noted as the cells were entered."""
    return fold.parts.get((key[1], key[3])) == part


def _fold_end(fold: _Fold, entry: _Entry, _: _Json) -> _Wrong:
    settled, fold.agreed_way = fold.agreed_way == "abort", ""
    if entry.type == "SessionAborted" and not (settled or fold.consume({"kind": "abort_session"})):
        return "approval", entry.type
    fold.stage = {"SessionAborted": "aborted", "TenderFailed": "failed"}[entry.type]
    fold.proposals.clear()
    return None


def _fold_replacement(fold: _Fold, entry: _Entry, _: _Json) -> _Wrong:
    body = entry.body
    seat, newcomer = body["seat"], body["newcomer"]
    ordered = fold.consume({"kind": "replace_expert", "seat": seat, "newcomer": newcomer})
    fits = seat in fold.experts and newcomer in fold.reserves and body["before"] == fold.stage
    after = "gathering" if fold.stage == "gathering" else "briefed"
    if not fits or body["after"] != after or not (ordered or seat in fold.recused | fold.leaving):
        return "stage", f"{newcomer} for {seat}"
    fold.leaving.discard(seat)
    fold.experts = sorted(newcomer if one == seat else one for one in fold.experts)
    fold.past.add(seat)
    fold.reserves.discard(newcomer)
    fold.chair = "" if fold.chair == seat else fold.chair
    fold.recused.discard(seat)
    fold.cells = {key: one for key, one in fold.cells.items() if key[0] != seat}
    fold.locked = {key for key in fold.locked if key[0] != seat}
    if after != fold.stage:
        fold.proposals.clear()
    fold.stage = after
    fold.asking.clear()
    fold.void("preliminary")
    return None


_GRADES = ("none", "operator", "two")
_NO_PERSON = " · 法定代表人未登记 legal person not entered"


def _know_people(fold: _Fold, opened: _Json) -> bool:
    """Take from the first entry who keeps which seats, whose bids came in plain, and what the profile asks of people."""
    fold.operators = {seat["code"] for seat in opened["seats"] if seat["role"] == "site_operator"}
    fold.site_of = {seat["code"]: seat["site"] for seat in opened["seats"]}
    fold.kept_by = {seat["site"] for seat in opened["seats"] if seat["role"] == "site_operator"}
    if opened["rehearsal"]:
        fold.bidders = {bid["bidder"] for lot in opened["tender"]["lots"] for bid in lot["bids"]}
    try:
        rules = tomllib.loads(opened["profile"]).get("people", {})
        fold.checkin, fold.phone = (
            _GRADES.index(rules.get("checkin", "none")),
            rules.get("phone", False) is True,
        )
    except (ValueError, AttributeError, RecursionError):
        return False
    return True


def _bidders_in(record: str) -> set[str]:
    """Return the names in the record of a window; whether it is one is step 21's."""
    try:
        return {str(row["bidder"]) for row in json.loads(record)["rows"]} - {""}
    except (ValueError, TypeError, LookupError, RecursionError):
        return set()


def _not_arrived(fold: _Fold) -> list[str]:
    """List the members who are not confirmed as the profile asks, or whose phones it asks for and nobody took in."""
    return [
        seat
        for seat in fold.experts
        if _GRADES.index(fold.grade(seat)) < fold.checkin or (fold.phone and seat not in fold.phones)
    ]


def _fold_joined(fold: _Fold, entry: _Entry, _: _Json) -> _Wrong:
    fold.occupancies[entry.body["seat"]] += 1
    return None


def _is_near(fold: _Fold, entry: _Entry) -> bool:
    """Say whether somebody of the seat's own site acted, or the host's staff where it has no operator; not the seat."""
    seat = entry.body["seat"]
    site = fold.site_of.get(seat)
    own = entry.site == site or (site not in fold.kept_by and entry.actor not in fold.operators)
    return site is not None and entry.actor != seat and own


def _fold_confirmed(fold: _Fold, entry: _Entry, _: _Json) -> _Wrong:
    """Demand one person of the site, of device or document, or two persons who agreed; of who sits there now."""
    body = entry.body
    act = {
        "kind": "confirm_by_two",
        "seat": body["seat"],
        "occupancy": body["occupancy"],
        "basis": body["basis"],
    }
    if entry.actor == "host":
        fits = body["grade"] == "two" and fold.consume(act)
    else:
        said = body["basis"] == "device" or body["reason"].strip()
        fits = body["grade"] == "operator" and body["basis"] != "other" and said and _is_near(fold, entry)
    if not fits or body["occupancy"] != fold.occupancies[body["seat"]]:
        return "identity", body["seat"]
    fold.grades[body["seat"]] = (body["occupancy"], body["grade"])
    return None


def _fold_phone(fold: _Fold, entry: _Entry, _: _Json) -> _Wrong:
    seat, there = entry.body["seat"], entry.body["seat"] in fold.phones
    (fold.phones.add if entry.type == "PhoneKept" else fold.phones.discard)(seat)
    fits = there is (entry.type == "PhoneReturned") and _is_near(fold, entry)
    return None if fits else ("identity", f"{entry.type} {seat}")


def _fold_declared_site(_: _Fold, entry: _Entry, __: _Json) -> _Wrong:
    return None if entry.body["site"] == entry.site else ("identity", entry.body["site"])


def _fold_persons(fold: _Fold, entry: _Entry, _: _Json) -> _Wrong:
    told = {one["bidder"]: one["person"] for one in entry.body["persons"]}
    fold.persons = told
    fits = len(told) == len(entry.body["persons"]) and set(told) <= fold.bidders
    return None if fits else ("letter", "legal persons")


def _fold_letter(fold: _Fold, entry: _Entry, _: _Json) -> _Wrong:
    """Demand the digest of the text, and that it names exactly the bidders that were opened, and their legal persons."""
    text = entry.body["text"]
    fold.letter = entry.body["sha256"]
    if hashlib.sha256(text.encode()).hexdigest() != fold.letter:
        return "letter", "digest of the text"
    names = sorted(fold.bidders - {""})
    rows = [f"{n}. {_one_line(name)}{_legal_person(fold, name)}" for n, name in enumerate(names, start=1)]
    named = [line for line in text.split("\n") if " · 法定代表人" in line]
    return None if named == rows else ("letter", "bidders")


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _legal_person(fold: _Fold, bidder: str) -> str:
    person = fold.persons.get(bidder, "")
    return f" · 法定代表人 legal person: {_one_line(person)}" if person else _NO_PERSON


def _fold_agreed(fold: _Fold, entry: _Entry, _: _Json) -> _Wrong:
    agreed = entry.body["sha256"] == fold.letter and entry.body["seat"] == entry.actor
    fold.committed.add(entry.actor)
    return None if agreed else ("letter", entry.actor)


def _fold_appraised(fold: _Fold, entry: _Entry, lot: _Json) -> _Wrong:
    """Demand a whole form of a member by somebody else, whatever speaks against them on earlier entries or a remark."""
    body, key = entry.body, (entry.body["seat"], lot["id"])
    known = body["seat"] in {*fold.experts, *fold.past} and body["seat"] != entry.actor
    ticks = body["ticks"]
    adverse = [one for one in ticks if one["answer"] == ("yes" if one["duty"] in _REPROACHES else "no")]
    founded = all(one["entries"] or one["remark"].strip() for one in adverse)
    earlier = all(seq < entry.seq for one in ticks for seq in one["entries"])
    whole = tuple(one["duty"] for one in ticks) == _DUTIES and body["revision"] == fold.forms.get(key, 0) + 1
    fold.forms[key] = body["revision"]
    return None if known and founded and earlier and whole else ("appraisal", body["seat"])


def _fold_appraisal_answer(fold: _Fold, entry: _Entry, lot: _Json) -> _Wrong:
    body = entry.body
    reply = (body["seat"], lot["id"], body["revision"])
    own = body["seat"] == entry.actor and fold.forms.get(reply[:2]) == body["revision"]
    again = reply in fold.replies
    fold.replies.add(reply)
    return None if own and not again and body["answer"].strip() else ("appraisal", body["seat"])


def _fold_recusal(fold: _Fold, entry: _Entry, _: _Json) -> _Wrong:
    if entry.body["seat"] != entry.actor or entry.actor not in fold.experts:
        return "stage", entry.actor
    fold.recused.add(entry.actor)
    return None


def _fold_reopening(fold: _Fold, entry: _Entry, _: _Json) -> _Wrong:
    body = entry.body
    key = (body["seat"], body["lot"], body["part"])
    act = {"kind": "reopen_sheet", "seat": body["seat"], "lot": body["lot"], "part": body["part"]}
    if key not in fold.locked or not (fold.consume(act) or body["reason"] == "bids_changed"):
        return "stage", f"sheet of {body['seat']} reopened"
    fold.locked.discard(key)
    fold.void_findings(body["lot"], body["part"])
    return None


def _fold_proposal(fold: _Fold, entry: _Entry, _: _Json) -> _Wrong:
    body = entry.body
    if body["proposal"] in fold.proposals:
        return "approval", body["proposal"]
    said = {"act": body["act"], "proposal": body["proposal"], "reason": body["reason"]}
    digest = hashlib.sha256(_canonical(said)).hexdigest()
    fold.proposals[body["proposal"]] = (body["act"], digest, entry.actor)
    return None


def _fold_decision(fold: _Fold, entry: _Entry, _: _Json) -> _Wrong:
    """Demand that the second person decided what was proposed, and is another than who proposed it."""
    act, digest, by = fold.proposals.pop(entry.body["proposal"], (None, "", ""))
    if act is None or digest != entry.body["digest"] or by == entry.actor:
        return "approval", entry.body["proposal"]
    if entry.type != "Approved":
        return None
    if act["kind"] == "release_question" and not _asks_enough(fold, entry):
        fold.proposals[entry.body["proposal"]] = (act, digest, by)
        return None
    fold.approved.append(act)
    if act["kind"] == "fail_lot":
        fold.deciders[act["lot"]] = [by, entry.actor]
    return None


def _asks_enough(fold: _Fold, entry: _Entry) -> bool:
    """Say whether all whom the profile wants have approved a question: one, or regulator and operator."""
    agreed = fold.agreed[entry.body["proposal"]]
    agreed.add(fold.roles.get(entry.actor, ""))
    first = "regulator" if fold.regulator else "supervisor"
    wanted = {"regulator": {first}, "both": {first, "operator"}}
    if not fold.regulator:
        wanted["regulator"] = agreed & {"supervisor", "operator"}
    return agreed >= wanted.get(fold.rule("clarification", "approval", "none"), set())


def _fold_resumption(fold: _Fold, entry: _Entry, _: _Json) -> _Wrong:
    """Let the host resume only what two persons approved, and nobody while a fault is open or outlasted its time."""
    settled, fold.agreed_way = fold.agreed_way in {"go_on", "anew"}, ""
    approved = entry.actor != "host" or settled or fold.consume({"kind": "resume"})
    left = [
        name for name, one in fold.faults.items() if one.overdue(entry.t) or not (one.mended or one.settled)
    ]
    if left:
        return "fault", f"resumed with {left[0]}"
    return None if approved else ("approval", "SessionResumed")


def _fold_pause(fold: _Fold, entry: _Entry, _: _Json) -> _Wrong:
    """Let the host pause only what somebody declared a fault of, in the entry before."""
    ordered = entry.actor != "host" or fold.declared == entry.seq - 1
    return None if ordered else ("fault", "paused without a fault")


# --- questions to bidders, more time, faults, complaints ---


def _fold_drafted(fold: _Fold, entry: _Entry, lot: _Json) -> _Wrong:
    body = entry.body
    said = {"question": body["question"], "text": body["text"]}
    known = {bid["id"] for bid in lot["bids"]}
    if body["question"] in fold.questions or body["bid"] not in known or entry.actor not in fold.experts:
        return "question", body["question"]
    digest = hashlib.sha256(_canonical(said)).hexdigest()
    fold.questions[body["question"]] = _Question(body["lot"], fold.stage, digest)
    return None


def _fold_sent(fold: _Fold, entry: _Entry, _: _Json) -> _Wrong:
    """Demand the digest that was drafted, and the chair, or those whom the profile wants to approve."""
    one = fold.questions.get(entry.body["question"])
    if one is None or one.sent or one.over or one.digest != entry.body["sha256"]:
        return "question", entry.body["question"]
    one.sent = True
    alone = fold.rule("clarification", "approval", "none") == "none"
    if entry.actor == "host":
        ordered = fold.consume({"kind": "release_question", **entry.body})
    else:
        ordered = alone and fold.leads(entry.actor)
    return None if ordered else ("question", f"{entry.body['question']} sent by {entry.actor}")


def _fold_relayed(fold: _Fold, entry: _Entry, _: _Json) -> _Wrong:
    one, until = fold.questions.get(entry.body["question"]), entry.body["until"]
    within = _span(fold.rule("clarification", "within", "2h"))
    if one is None or one.over or not one.sent or one.until or until < entry.t + within:
        return "question", f"{entry.body['question']} relayed"
    one.until = until
    return None


def _fold_reply(fold: _Fold, entry: _Entry, _: _Json) -> _Wrong:
    """Demand an answer in time, and silence only after it; who signed a bidder's answer step 21 looks at."""
    one = fold.questions.get(entry.body["question"])
    paper = {"QuestionAnswered": fold.sealed, "AnswerEntered": not fold.sealed}.get(entry.type, True)
    late = entry.type == "QuestionUnanswered"
    if one is None or one.over or not one.until or (entry.t > one.until) is not late or not paper:
        return "question", f"{entry.body['question']}: {entry.type}"
    one.over = True
    return None


def _span(text: str) -> int:
    """Return a duration of a profile in ms, 0 for one that is none: it makes no rule."""
    match = re.fullmatch(r"([0-9]{1,4})(s|min|h|d)", str(text))
    return (
        int(match[1]) * {"s": 1000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}[match[2]] if match else 0
    )


def _fold_time(fold: _Fold, entry: _Entry, _: _Json) -> _Wrong:
    if entry.type == "MoreTimeAsked":
        fold.asking.add(entry.actor)
        return None
    asking, fold.asking = fold.asking & set(fold.experts), set()
    enough = len(asking) > Fraction(fold.rule("review", "more_time", "1/3")) * len(fold.experts)
    return None if enough and entry.body["until"] > entry.t else ("more_time", f"{len(asking)} asked")


def _fold_fault(fold: _Fold, entry: _Entry, _: _Json) -> _Wrong:
    """Follow a fault: declared, mended, or, once its time is over, settled by two persons in a way of its stage."""
    body, one = entry.body, fold.faults.get(entry.body["fault"])
    if entry.type == "FaultDeclared":
        early = _ORDER.index(fold.stage) < _ORDER.index("preliminary")
        span = fold.rule("fault", "before_start", "2h") if early else fold.rule("fault", "during", "4h")
        fold.faults[body["fault"]] = _Fault(early, entry.t + _span(span))
        fold.declared = entry.seq
        return None if one is None else ("fault", body["fault"])
    if one is None or one.settled or (entry.type == "FaultMended" and one.mended):
        return "fault", body["fault"]
    if entry.type == "FaultMended":
        one.mended = entry.t
        return None
    act = {"kind": "settle_fault", "fault": body["fault"], "way": body["way"], "until": body["until"]}
    ways = {"go_on", "abort", "put_off" if one.early else "anew"}
    fits = fold.consume(act) and one.overdue(entry.t) and body["way"] in ways
    if body["way"] == "put_off":
        one.limit, one.mended = body["until"], 0
    else:
        one.settled, fold.agreed_way = True, body["way"]
        fold.leaving = set(fold.experts) if body["way"] == "anew" else set()
    return None if fits else ("fault", f"{body['fault']}: {body['way']}")


def _fold_complaint(fold: _Fold, entry: _Entry, _: _Json) -> _Wrong:
    """Follow a complaint: opened by two persons, stated on once by each member about the results, closed."""
    body, number = entry.body, entry.body["complaint"]
    if entry.type == "ComplaintOpened":
        fits = fold.consume({"kind": "reopen_for_complaint"}) and not fold.complaint
        fold.complaints += 1
        fold.complaint = number
        return None if fits and number == fold.complaints else ("complaint", str(number))
    fits = number > 0 and number == fold.complaint
    if entry.type == "ComplaintClosed":
        fold.complaint = 0
    else:
        once = (number, entry.actor) not in fold.stated and entry.actor in fold.experts
        ranked = [fold.rankings[lot] for lot in fold.terms if lot in fold.rankings]
        fits = fits and once and body["digest"] == hashlib.sha256(_canonical(ranked)).hexdigest()
        fold.stated.add((number, entry.actor))
    return None if fits else ("complaint", f"{number}: {entry.actor}")


def _fold_vote(fold: _Fold, entry: _Entry, _: _Json) -> _Wrong:
    body = entry.body
    if sorted(body["voters"]) != fold.experts:
        return "votes", body["vote"]
    if body["question"] == "award" and not _may_be_voted(fold, body):
        return "award", f"{body['lot']}: {', '.join(body['options'])}"
    fold.votes[body["vote"]], fold.ballots[body["vote"]] = body, 0
    return None


def _fold_ballot(fold: _Fold, entry: _Entry, _: _Json) -> _Wrong:
    vote = fold.votes.get(entry.body["vote"])
    if vote is None or vote["round"] != entry.body["round"] or entry.actor not in vote["voters"]:
        return "votes", entry.body["vote"]
    fold.ballots[entry.body["vote"]] += 1
    return None


def _fold_count(fold: _Fold, entry: _Entry, _: _Json) -> _Wrong:
    """Check a count as far as a secret vote lets a stranger: as many votes as ballots, and the outcome they give."""
    body = entry.body
    vote = fold.votes.get(body["vote"])
    if vote is None or [one["option"] for one in body["counts"]] != vote["options"]:
        return "votes", body["vote"]
    votes = [one["votes"] for one in body["counts"]]
    best = [one["option"] for one in body["counts"] if one["votes"] == max(votes)]
    decided = (best[0], []) if len(best) == 1 else ("", best)
    cast = fold.ballots[body["vote"]] == len(vote["voters"]) == sum(votes)
    fold.counted[body["vote"]] = body
    if vote["question"] == "award" and fold.terms[vote["lot"]]["ballots"] == "open":
        fold.unshown.add(body["vote"])
    return None if cast and (body["outcome"], body["tied"]) == decided else ("votes", body["vote"])


def _may_be_voted(fold: _Fold, body: _Json) -> bool:
    """Say whether a vote on an award is among the candidates of a ranking without ties, then among the tied."""
    lot = str(body["lot"])
    if lot not in fold.rankings or fold.terms[lot]["award"] != "vote" or body["vote"] != f"award-{lot}":
        return False
    before = fold.counted.get(body["vote"])
    if body["round"] > 1:
        return before is not None and body["options"] == before["tied"]
    candidates = [row["bid"] for row in fold.rankings[lot]["rows"] if row["candidate"]]
    return before is None and bool(body["options"] == candidates) and not _contested(fold, lot)


def _contested(fold: _Fold, only: str = "") -> list[str]:
    """List candidates whose order nothing has settled, of lots that say how marks are summed."""
    return [
        row["bid"]
        for lot, ranking in fold.rankings.items()
        if lot not in fold.failed and only in {"", lot} and fold.terms[lot] is not _AS_MARKED
        for row in ranking["rows"]
        if row["candidate"] and row["bid"] in ranking["ties"]
    ]


def _fold_shown(fold: _Fold, entry: _Entry, _: _Json) -> _Wrong:
    """Demand that ballots are shown of an award alone, where they are open, and add up to the count."""
    body = entry.body
    vote, counted = fold.votes.get(body["vote"], {}), fold.counted.get(body["vote"], {})
    open_ones = vote.get("question") == "award" and fold.terms[vote["lot"]]["ballots"] == "open"
    given = Counter(one["option"] for one in body["ballots"])
    told = {one["option"]: one["votes"] for one in counted.get("counts", ()) if one["votes"]}
    seats = [one["seat"] for one in body["ballots"]]
    fold.unshown.discard(body["vote"])
    fits = seats == vote.get("voters") and dict(given) == told and body["round"] == counted.get("round")
    return None if open_ones and fits else ("votes", body["vote"])


def _fold_settled(fold: _Fold, entry: _Entry, lot: _Json) -> _Wrong:
    """Demand that whole ties were put in order, by a draw or by the tenderer with a second person."""
    name, order, by = lot["id"], entry.body["order"], entry.body["by"]
    ranking = fold.rankings.get(name, {"ties": [], "rows": []})
    places = {row["bid"]: row["rank"] for row in ranking["rows"] if row["bid"] in ranking["ties"]}
    groups = {place: {bid for bid in places if places[bid] == place} for place in places.values()}
    whole = set(order) == set().union(*(group for group in groups.values() if group & set(order)), set())
    left_to = lot["pricing"]["undecided"]
    done = (
        fold.take_draw("tie", name, order)
        if by == "draw"
        else fold.consume({"kind": "settle_tie", "lot": name, "order": order})
    )
    fold.settled.setdefault(name, []).extend(order)
    fits = whole and len(set(order)) == len(order) > 0 and by == left_to
    return None if done and fits else ("settled", f"{name}: {', '.join(order)}")


def _fold_awarded(fold: _Fold, entry: _Entry, lot: _Json) -> _Wrong:
    """Demand that a lot goes to whom the vote came to, or who was drawn or chosen among those it left tied."""
    name, bid, by = lot["id"], entry.body["bid"], entry.body["by"]
    counted = fold.counted.get(f"award-{name}", {"outcome": "", "tied": []})
    rows = fold.rankings.get(name, {"rows": []})["rows"]
    match by:
        case "vote":
            fits = bool(counted["outcome"] == bid)
        case "ranking":
            fits = [row["bid"] for row in rows if row["candidate"]] == [bid]
        case "tenderer":
            fits = fold.consume({"kind": "award_lot", "lot": name, "bid": bid}) and bid in counted["tied"]
            fits = fits and lot["pricing"]["undecided"] == by
        case _:
            drawn = [made for _, made in fold.drawn.values() if made and made[0] == bid]
            of_tied = (made for made in drawn if sorted(made) == sorted(counted["tied"]))
            fits = any(fold.take_draw("tie", name, made) for made in of_tied)
            fits = fits and lot["pricing"]["undecided"] == by
    voted = fold.terms[name]["award"] == "vote" and name not in fold.awarded
    fold.awarded[name] = bid
    return None if fits and voted else ("award", f"{name}: {bid}, by {by}")


def _fold_chair(fold: _Fold, entry: _Entry, _: _Json) -> _Wrong:
    """Demand that the chair is whom the vote, or the draw among those it left tied, came to."""
    counted, seat = fold.counted.get("chair", {}), entry.body["seat"]
    fold.chair = seat
    if entry.body["by"] == "vote":
        return None if counted.get("outcome") == seat else ("votes", "chair")
    drawn = [made for declared, made in fold.drawn.values() if declared["purpose"] == "chair"]
    return None if seat in counted.get("tied", ()) and [seat] in drawn else ("votes", "chair")


def _fold_declared(fold: _Fold, entry: _Entry, _: _Json) -> _Wrong:
    fold.drawn[entry.body["draw"]] = (entry.body, [])
    return None


def _fold_drawn(fold: _Fold, entry: _Entry, _: _Json) -> _Wrong:
    """Keep what was drawn; whether it was drawn rightly is step 23's."""
    declared, _made = fold.drawn.get(entry.body["draw"], ({}, []))
    fold.drawn[entry.body["draw"]] = (declared, entry.body["drawn"])
    return None if declared else ("stage", "a draw that was not declared")


def _fold_failure(fold: _Fold, entry: _Entry, lot: _Json) -> _Wrong:
    ground, name = entry.body["ground"], lot["id"]
    fold.failed[name] = ground
    by = sorted(fold.experts) if ground in {"all_rejected", "no_competition"} else []
    if ground == "ordered":
        by = fold.deciders.get(name, [])
    told = {"at_ms": entry.t, "ground": ground, "reason": entry.body["reason"], "by": by}
    fold.failures[name] = told
    fold.void_award(name)
    return None if _fails(fold, lot, ground) else ("stage", f"lot {name} failed: {ground}")


def _fails(fold: _Fold, lot: _Json, ground: str) -> bool:
    """Say whether a lot's failure follows from what stands in the journal."""
    match ground:
        case "all_rejected":
            return not fold.inside(lot)
        case "no_competition":
            counted = fold.counted.get(f"competition-{lot['id']}", {})
            return bool(counted.get("outcome") == "reject_all")
        case "no_price":
            return not _admissible(fold, lot)
        case _:
            return fold.consume({"kind": "fail_lot", "lot": lot["id"]})


def _admissible(fold: _Fold, lot: _Json) -> bool:
    known = {bid: fold.price(lot["id"], bid) for bid in fold.inside(lot)}
    prices = {bid: fen for bid, fen in known.items() if fen is not None}
    try:
        _price(
            lot,
            prices,
            _marked(fold, lot, prices),
            fold.values_for(lot["id"]),
        )
    except _Stop:
        return False
    return True


def _fold_correction(fold: _Fold, entry: _Entry, lot: _Json) -> _Wrong:
    body = entry.body
    act = {"kind": "correct_price", "lot": lot["id"], "bid": body["bid"], "price_fen": body["price_fen"]}
    fold.corrected[lot["id"], body["bid"]] = body["price_fen"]
    fold.void_award(lot["id"])
    return None if fold.consume(act) else ("approval", body["bid"])


def _fold_bid(fold: _Fold, entry: _Entry, _: _Json) -> _Wrong:
    if fold.sealed:
        return "stage", "a bid brought in plain"
    value = fold.openings.get((entry.seq, "/price"))
    if value is None:
        return None
    if not re.fullmatch(r"[1-9][0-9]{0,15}", value):
        return "prices", "no price in fen"
    fold.prices[entry.body["bid"]] = int(value)
    return None


def _fold_admission(fold: _Fold, entry: _Entry, lot: _Json) -> _Wrong:
    """Let a bid join its lot; the number of a dark one is known from the openings, or not at all."""
    dark = entry.type == "DarkBidAdmitted"
    number = fold.openings.get((entry.seq, "/number")) if dark else entry.body["number"]
    if number is not None:
        fold.numbers[number].append((lot["id"], entry.body["bid"]))
    if entry.body["bid"] in [one["id"] for one in lot["bids"]]:
        return "stage", "admitted twice"
    lot["bids"].append({"id": entry.body["bid"], "bidder": entry.body.get("bidder", "")})
    return None


def _fold_verdict(fold: _Fold, entry: _Entry, _: _Json) -> _Wrong:
    if entry.body["verdict"] == "opened":
        fold.spoilt.discard(entry.body["bid"])
    else:
        fold.spoilt.add(entry.body["bid"])
    return None


def _fold_record(fold: _Fold, entry: _Entry, _: _Json) -> _Wrong:
    """Take bids out of the evaluation that a later window could not open; the first record names the bidders."""
    if not fold.bidders:
        fold.bidders = _bidders_in(entry.body["record"])
    for number in fold.spoilt & fold.numbers.keys():
        for lot, bid in fold.numbers[number]:
            fold.lost.setdefault(lot, set()).add(bid)
            fold.rejected[lot] = sorted({*fold.rejected.get(lot, []), bid})
    return None


def _fold_price_read(fold: _Fold, entry: _Entry, lot: _Json) -> _Wrong:
    bid = entry.body["bid"]
    if bid in fold.prices or bid not in [one["id"] for one in lot["bids"]]:
        return "prices", bid
    fold.prices[bid] = entry.body["price_fen"]
    return None


def _fold_score(fold: _Fold, entry: _Entry, lot: _Json) -> _Wrong:
    body = entry.body
    key = (entry.actor, body["lot"], body["bid"], body["item"])
    item = next((one for one in lot["items"] if one["id"] == body["item"]), None)
    if item is None or item["part"] != fold.stage or body["bid"] not in fold.inside(lot):
        return "stage", f"{body['bid']} {body['item']}"
    sheet = (entry.actor, body["lot"], item["part"])
    if sheet in fold.locked or (body["bid"], body["item"]) not in fold.reopened.get(
        sheet, {(body["bid"], body["item"])}
    ):
        return "stage", "sheet is locked"
    if body["revision"] != fold.cells.get(key, (0, ""))[0] + 1:
        return "revision", f"{body['bid']} {body['item']}"
    if entry.actor not in fold.experts:
        return "stage", f"{entry.actor} is no member"
    fold.parts[body["lot"], body["item"]] = item["part"]
    value = fold.openings.get((entry.seq, "/value"), "")
    fold.cells[key] = (body["revision"], value)
    return None if not value or _fits(item, value) else ("ranking", f"{body['item']} out of range")


def _fits(item: _Json, value: str) -> bool:
    if item["kind"] == "pass":
        return value in {"pass", "fail"}
    if item["kind"] == "choice":
        return value in {option["name"] for option in item["options"]}
    return _decimal(value) and Decimal(value) <= Decimal(item["full"])


def _fold_lock(fold: _Fold, entry: _Entry, lot: _Json) -> _Wrong:
    key = (entry.actor, entry.body["lot"], entry.body["part"])
    if key in fold.locked or entry.body["part"] != fold.stage:
        return "stage", "locked twice or in another part"
    if fold.reopened.get(key):
        return "finding", f"{entry.actor} locked without an answer"
    fold.locked.add(key)
    text = fold.openings.get((entry.seq, "/statement"))
    return None if text is None else _stated(fold, entry, lot, text)


def _stated(fold: _Fold, entry: _Entry, lot: _Json, text: str) -> _Wrong:
    """Compare the totals that a member saw with those that the opened values give; answers have words."""
    try:
        told = _read_canonical(text.encode())
        totals = {bid: Fraction(points) for bid, points in told["totals"]}
        worded = all(reason.strip() for _, _, _, reason in told["answers"])
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        return "statement", f"{entry.actor}: another form"
    bids = sorted(fold.inside(lot)) if fold.stage == "detailed" else []
    due = {bid: _points(fold, lot, entry.actor, bid) for bid in bids}
    if worded and totals == due:
        return None
    told = {bid: _ratio(points) for bid, points in totals.items()}
    return "statement", f"{entry.actor} {_difference({bid: _ratio(due[bid]) for bid in due}, told)}"


def _fold_unlock(fold: _Fold, entry: _Entry, lot: _Json) -> _Wrong:
    part = entry.body["part"]
    named = [one["seat"] for one in entry.body["sheets"]]
    locked = all((seat, lot["id"], part) in fold.locked for seat in fold.experts)
    if not locked or named != fold.experts:
        return "stage", "a sheet is open or missing"
    if not _were_asked(fold, lot, part) and _differing(fold, lot, part):
        return "finding", "objective items differ, and nobody was asked"
    if part == "detailed" and _draws_order(fold, lot) and not fold.order_of_members(lot["id"]):
        return "marks", f"{lot['id']}: no order of the members was drawn before"
    fold.due = [*_off_or_alike(fold, lot)] if part == "detailed" else []
    return None


def _were_asked(fold: _Fold, lot: _Json, part: str) -> bool:
    standing = (body for name, (body, _) in fold.raised.items() if name not in fold.voided)
    asked = (body for body in standing if body["code"] == "objective_differs")
    return any((body["lot"], body["part"]) == (lot["id"], part) for body in asked)


def _differing(fold: _Fold, lot: _Json, part: str) -> list[_Json]:
    """Work out what members have to be asked before a part is unlocked, in the order of the tender."""
    inside = {bid["id"] for bid in lot["bids"]} if part == "preliminary" else fold.inside(lot)
    bids = [bid["id"] for bid in lot["bids"] if bid["id"] in inside]
    items = [item for item in lot["items"] if item["part"] == part and item["objective"]]
    return [
        {"code": "objective_differs", "bid": bid, "item": item["id"], "seats": fold.experts}
        for bid in bids
        for item in items
        if len({_compared(item, fold.value(seat, lot["id"], bid, item["id"])) for seat in fold.experts}) > 1
    ]


def _compared(item: _Json, value: str) -> _Json:
    return Fraction(value) if value and item["kind"] in {"score", "deduct"} else value


def _off_or_alike(fold: _Fold, lot: _Json) -> Iterator[_Json]:
    """Work out who has to give a reason once the detailed part is unlocked."""
    bids = [bid["id"] for bid in lot["bids"] if bid["id"] in fold.inside(lot)]
    for bid in bids:
        points = {seat: _points(fold, lot, seat, bid) for seat in fold.experts}
        mean = sum(points.values(), Fraction(0)) / len(points)
        for seat, one in points.items():
            if abs(one - mean) * 100 > Fraction(lot["checks"]["deviation"]) * mean:
                yield {"code": "deviation", "bid": bid, "item": "", "seats": [seat]}
    items = [item for item in lot["items"] if item["part"] == "detailed" and not item["objective"]]
    alike: dict[tuple[Fraction, ...], list[str]] = defaultdict(list)
    for seat in fold.experts:
        vector = (
            _worth(item, fold.value(seat, lot["id"], bid, item["id"])) for bid in bids for item in items
        )
        alike[tuple(vector)].append(seat)
    for seats in alike.values() if len(items) * len(bids) >= lot["checks"]["vector_cells"] else ():
        if len(seats) > 1:
            yield {"code": "identical", "bid": "", "item": "", "seats": seats}


def _fold_raised(fold: _Fold, entry: _Entry, lot: _Json) -> _Wrong:
    body, part = entry.body, entry.body["part"]
    locked = all((seat, lot["id"], part) in fold.locked for seat in fold.experts)
    first = body["code"] == "objective_differs" and not _were_asked(fold, lot, part)
    if first and (lot["id"], part) in fold.opened and locked:
        fold.due = _differing(fold, lot, part)
    told = {name: body[name] for name in ("code", "bid", "item", "seats")}
    known = (lot["id"], part) not in fold.opened or told == (fold.due.pop(0) if fold.due else None)
    here = {seat: fold.value(seat, lot["id"], body["bid"], body["item"]) for seat in body["seats"]}
    numbered = body["finding"] == f"F{len(fold.raised) + 1}"
    fold.raised[body["finding"]] = (body, here)
    if body["code"] == "objective_differs":
        for seat in body["seats"]:
            fold.locked.discard((seat, lot["id"], part))
            fold.reopened.setdefault((seat, lot["id"], part), set()).add((body["bid"], body["item"]))
    return None if known and numbered and (locked or not first) else ("finding", body["finding"])


def _fold_answered(fold: _Fold, entry: _Entry, _: _Json) -> _Wrong:
    finding, seat = entry.body["finding"], entry.actor
    body, before = fold.raised.get(finding, ({"seats": []}, {}))
    if seat not in body["seats"] or (finding, seat) in fold.answered or finding in fold.voided:
        return "finding", f"{seat} answered {finding}"
    fold.answered.add((finding, seat))
    if body["code"] != "objective_differs":
        reason = fold.openings.get((entry.seq, "/reason"), "")
        return None if entry.body["stand"] and reason.strip() else ("finding", f"{seat} gave no reason")
    fold.reopened[seat, body["lot"], body["part"]].discard((body["bid"], body["item"]))
    now = fold.value(seat, body["lot"], body["bid"], body["item"])
    return None if entry.body["stand"] is (now == before[seat]) else ("finding", f"{seat} {finding}")


def _fold_review(fold: _Fold, entry: _Entry, lot: _Json) -> _Wrong:
    items = [item["id"] for item in lot["items"] if item["part"] == "preliminary"]
    votes, members = [], len(fold.experts)
    for bid in (one["id"] for one in lot["bids"]):
        failing = {
            item: [seat for seat in fold.experts if fold.value(seat, lot["id"], bid, item) == "fail"]
            for item in items
        }
        against = max(map(len, failing.values()), default=0)
        vote = {"bid": bid, "against": against, "members": members, "rejected": 2 * against > members}
        grounds = [{"item": item, "seats": seats} for item, seats in failing.items() if seats]
        votes.append({**vote, "grounds": grounds})
    rejected = {vote["bid"] for vote in votes if vote["rejected"]}
    fold.rejected[lot["id"]] = sorted(rejected | fold.lost.get(lot["id"], set()))
    told = entry.body["votes"]
    return None if votes == told else ("votes", f"{lot['id']} {_difference(votes, told)}")


def _fold_prices(fold: _Fold, entry: _Entry, lot: _Json) -> _Wrong:
    expected = [{"bid": bid, "price_fen": fold.price(lot["id"], bid)} for bid in sorted(fold.inside(lot))]
    told = entry.body["prices"]
    return None if expected == told else ("prices", f"{lot['id']} {_difference(expected, told)}")


def _fold_pricing(fold: _Fold, entry: _Entry, lot: _Json) -> _Wrong:
    known = {bid: fold.price(lot["id"], bid) for bid in fold.inside(lot)}
    prices = {bid: fen for bid, fen in known.items() if fen is not None}
    wrong = _sample_differs(lot["pricing"])
    if wrong:
        return "pricing", f"{lot['id']}: sample, {wrong}"
    fold.scores[lot["id"]] = _price(
        lot,
        prices,
        _marked(fold, lot, prices),
        fold.values_for(lot["id"]),
    )
    found = fold.scores[lot["id"]]
    return None if found == entry.body else ("pricing", f"{lot['id']} {_difference(found, entry.body)}")


def _fold_ranking(fold: _Fold, entry: _Entry, lot: _Json) -> _Wrong:
    if lot["id"] not in fold.scores:
        return "result_missing", "PricesComputed"
    plain = not _told_marks(fold, lot)
    if not plain and lot["id"] not in fold.summed:
        return "result_missing", "MarksSummed"
    fold.summed.discard(lot["id"])
    found = fold.rankings[lot["id"]] = _rank(fold, lot)
    return None if found == entry.body else ("ranking", f"{lot['id']} {_difference(found, entry.body)}")


def _fold_marks(fold: _Fold, entry: _Entry, lot: _Json) -> _Wrong:
    if not _told_marks(fold, lot):
        return "marks", f"{lot['id']}: every mark counts as it is"
    fold.summed.add(lot["id"])
    found = _sum_up(fold, lot)[1]
    return None if found == entry.body else ("marks", f"{lot['id']} {_difference(found, entry.body)}")


_LABELS = ("bid", "item", "group", "seat", "option", "stage", "name")


def _difference(found: _Json, told: _Json, where: str = "") -> str:
    """Say the first place where what was worked out and what the journal tells part, with both values."""
    if isinstance(found, dict) and isinstance(told, dict):
        names = [*found, *(name for name in told if name not in found)]
        inner = next((name for name in names if found.get(name) != told.get(name)), "")
        label = " ".join(str(found[one]) for one in _LABELS if one in found and found[one] != "")
        return _difference(
            found.get(inner), told.get(inner), " ".join(filter(None, (where, label, str(inner))))
        )
    if isinstance(found, list) and isinstance(told, list) and len(found) == len(told):
        pairs = zip(found, told, strict=True)
        one, other = next((pair for pair in pairs if pair[0] != pair[1]), (found, told))
        if not isinstance(one, list):
            return _difference(one, other, where)
    return f"{where}: {_shortly(found)}, the journal has {_shortly(told)}"


def _shortly(value: _Json) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)[:80]


def _fold_words(fold: _Fold, entry: _Entry, lot: _Json) -> _Wrong:
    """Demand that the report's words are the chair's, or a member's where the committee has no chair."""
    writes = entry.actor == fold.chair if fold.chair else entry.actor in fold.experts
    return None if writes else ("report", f"{lot['id']}: words of {entry.actor}")


def _fold_made(fold: _Fold, entry: _Entry, lot: _Json) -> _Wrong:
    ended = lot["id"] in fold.rankings or lot["id"] in fold.failed
    if entry.actor != "host" or lot["id"] in fold.reports or not ended:
        return "report", f"{lot['id']}: made"
    fold.reports[lot["id"]] = (entry.body["sha256"], entry.body["bytes"])
    return None


def _fold_report(fold: _Fold, entry: _Entry, lot: _Json) -> _Wrong:
    """Demand one stand of each member on each report, by its digest, reasoned in writing unless it is agreement."""
    body, deemed = entry.body, entry.type == "AgreementDeemed"
    seat = body["seat"] if deemed else entry.actor
    if deemed and not (
        entry.actor == "host" and fold.consume({"kind": "deem_agreed", "seat": seat, "lot": lot["id"]})
    ):
        return "approval", f"{lot['id']}: {seat} deemed to agree"
    known = fold.reports.get(lot["id"], ("", 0))[0]
    reasoned = deemed or bool(body["reason"].strip()) is (body["stand"] != "agrees")
    again = (lot["id"], seat) in fold.signed
    fold.signed[lot["id"], seat] = body["digest"]
    wrong = again or seat not in fold.experts or body["digest"] != known or not reasoned
    return ("report", f"{lot['id']}: {seat}") if wrong else None


def _fold_witnessed(fold: _Fold, entry: _Entry, lot: _Json) -> _Wrong:
    known, key = fold.reports.get(lot["id"], ("", 0))[0], (lot["id"], entry.actor)
    if key in fold.witnessed or entry.body["digest"] != known:
        return "report", f"{lot['id']}: witness {entry.actor}"
    fold.witnessed.add(key)
    return None


def _fold_nothing(_: _Fold, __: _Entry, ___: _Json) -> _Wrong:
    return None


_FOLDS: Mapping[str, Callable[[_Fold, _Entry, _Json], _Wrong]] = {
    "StageChanged": _fold_stage,
    "BidImported": _fold_bid,
    "BidAdmitted": _fold_admission,
    "BidJudged": _fold_verdict,
    "OpeningRecorded": _fold_record,
    "DarkBidAdmitted": _fold_admission,
    "PriceRead": _fold_price_read,
    "ScoreEntered": _fold_score,
    "SheetLocked": _fold_lock,
    "FindingRaised": _fold_raised,
    "FindingAnswered": _fold_answered,
    "GroupUnlocked": _fold_unlock,
    "BidsReviewed": _fold_review,
    "PricesOpened": _fold_prices,
    "PricesComputed": _fold_pricing,
    "RankingComputed": _fold_ranking,
    "ReportEdited": _fold_words,
    "WarningJustified": _fold_words,
    "ReportMade": _fold_made,
    "ReportSigned": _fold_report,
    "SessionPaused": _fold_pause,
    "AgreementDeemed": _fold_report,
    "ReportWitnessed": _fold_witnessed,
    "SessionResumed": _fold_resumption,
    "SteppedBack": _fold_step_back,
    "TenderFailed": _fold_end,
    "SessionAborted": _fold_end,
    "ExpertRecused": _fold_recusal,
    "ExpertReplaced": _fold_replacement,
    "SheetReopened": _fold_reopening,
    "Proposed": _fold_proposal,
    "Approved": _fold_decision,
    "Vetoed": _fold_decision,
    "VoteOpened": _fold_vote,
    "BallotCast": _fold_ballot,
    "VoteCounted": _fold_count,
    "ChairElected": _fold_chair,
    "BallotsShown": _fold_shown,
    "MarksSummed": _fold_marks,
    "TieSettled": _fold_settled,
    "LotAwarded": _fold_awarded,
    "DrawDeclared": _fold_declared,
    "DrawMade": _fold_drawn,
    "LotFailed": _fold_failure,
    "PriceCorrected": _fold_correction,
    "QuestionDrafted": _fold_drafted,
    "QuestionSent": _fold_sent,
    "QuestionRelayed": _fold_relayed,
    "QuestionAnswered": _fold_reply,
    "AnswerEntered": _fold_reply,
    "QuestionUnanswered": _fold_reply,
    "MoreTimeAsked": _fold_time,
    "MoreTimeGranted": _fold_time,
    "FaultDeclared": _fold_fault,
    "FaultMended": _fold_fault,
    "FaultSettled": _fold_fault,
    "ComplaintOpened": _fold_complaint,
    "SupplementSigned": _fold_complaint,
    "ComplaintClosed": _fold_complaint,
    "SeatJoined": _fold_joined,
    "OccupancyConfirmed": _fold_confirmed,
    "PhoneKept": _fold_phone,
    "PhoneReturned": _fold_phone,
    "SiteDeclared": _fold_declared_site,
    "LegalPersonsEntered": _fold_persons,
    "LetterIssued": _fold_letter,
    "DisciplineAccepted": _fold_agreed,
    "ExpertAppraised": _fold_appraised,
    "AppraisalAnswered": _fold_appraisal_answer,
}
"""Entry type to what it does to the evaluation."""


def _marked(fold: _Fold, lot: _Json, prices: Mapping[str, int]) -> dict[str, Fraction]:
    """Return the technical marks that the formula asks for: of all bids, or of none."""
    own = [one["name"] for one in lot["pricing"]["inputs"] if one["per"] == "bid"]
    marks = _sum_up(fold, lot)[0] if "technical" in own else {}
    return {bid: marks[bid] for bid in prices if bid in marks}


def _price(
    lot: _Json, prices: Mapping[str, int], marks: Mapping[str, Fraction], given: Mapping[str, Fraction]
) -> _Json:
    """Work out the price scores from the lot's formula: docs/spec/price-formula.md, and archive.md §8."""
    bids = [
        {
            "bid": bid,
            "price": Fraction(fen),
            "valid": True,
            "values": {"technical": marks[bid]} if marks else {},
        }
        for bid, fen in prices.items()
    ]
    return {"lot": lot["id"], **_Calculation(lot["pricing"], bids, given).run()}


def _sample_differs(terms: _Json) -> str:
    """Return the bid of a worked sample that comes out otherwise, or nothing; a formula without a sample differs."""
    for sample in terms["samples"]:
        bids = [
            {
                **one,
                "price": Fraction(one["price"]),
                "values": {each["name"]: Fraction(each["value"]) for each in one["values"]},
            }
            for one in sample["bids"]
        ]
        given = {one["name"]: Fraction(one["value"]) for one in sample["given"]}
        got = {row["bid"]: row["points"] for row in _Calculation(terms, bids, given).run()["rows"]}
        for one in sample["bids"]:
            expected, found = one["score"], got.get(one["bid"], "")
            if expected != found and "out" in {expected, found}:
                return str(one["bid"])
            if expected != found and (
                not re.fullmatch(_FIGURE, expected) or Fraction(expected) != Fraction(found)
            ):
                return str(one["bid"])
    return "" if terms["samples"] else "none"


class _Calculation:
    """One run of a price formula; whatever has no value stops the step."""

    def __init__(self, terms: _Json, bids: Sequence[_Json], given: Mapping[str, Fraction]) -> None:
        self.terms = terms
        self.bids = sorted(bids, key=lambda one: str(one["bid"]))
        self.ids = [str(one["bid"]) for one in self.bids]
        self.known: dict[str, Fraction] = {}
        for one in terms["inputs"]:
            if one["per"] == "tender":
                found = Fraction(one["value"]) if one["value"] else given.get(one["name"])
                self.known[one["name"]] = self._there(found, one["name"])
        self.given = [{"name": name, "value": _ratio(value)} for name, value in self.known.items()]
        self.groups: dict[str, list[str]] = {}
        self.price = {one["bid"]: one["price"] for one in self.bids}
        self.read = dict(self.price)
        self.own = {one["name"]: self._column(one) for one in terms["inputs"] if one["per"] == "bid"}
        self.deviation: dict[str, Fraction] = {}
        self.why = dict.fromkeys(self.ids, "")
        self.out: set[str] = set()
        self.told: list[_Json] = []
        self.ways: dict[str, list[_Json]] = {
            bid: [{"stage": "read", "value": _ratio(self.read[bid])}] for bid in self.ids
        }
        self.memo: dict[int, Fraction] = {}

    def run(self) -> _Json:
        if len(set(self.ids)) != len(self.ids) or not self.ids:
            _stop("pricing", detail="bids")
        self._admit()
        self._adjust()
        self._trim()
        self._aggregate()
        scores = self._score()
        rows = [self._row(bid, scores) for bid in self.ids]
        return {"formula": self.terms["name"], "given": self.given, "steps": self.told, "rows": rows}

    # stages, in the order of the specification

    def _admit(self) -> None:
        self.groups["admitted"] = [one["bid"] for one in self.bids if one["valid"]]
        self._leave([one["bid"] for one in self.bids if not one["valid"]], "invalid", reject=True)
        for rule in self.terms["admit"]:
            fit = self._fitting(rule["keep"], self.groups["admitted"])
            gone = [bid for bid in self.groups["admitted"] if bid not in fit]
            self.groups["admitted"] = fit
            self._leave(gone, rule["name"], reject=rule["otherwise"] == "reject")
        if not self.groups["admitted"]:
            _stop("pricing", detail="nothing to price")

    def _leave(self, bids: list[str], why: str, *, reject: bool) -> None:
        for bid in bids:
            self.why[bid] = why
        self.out |= set(bids) if reject else set()
        self._tell("admit", why, bids=bids)

    def _adjust(self) -> None:
        inside = [bid for bid in self.ids if bid not in self.out]
        for rule in self.terms["adjust"]:
            bids = self._fitting(rule["when"], inside)
            self.memo.clear()
            after = {bid: self._value(rule["price"], bid) for bid in bids}
            for bid in bids:
                self.price[bid] = after[bid]
                self._note(bid, "adjust", after[bid])
            self._tell("adjust", rule["name"], bids=bids)
        if self._rule("adjust") is not None:
            for bid in inside:
                self.price[bid] = self._round("adjust", self.price[bid])
                self._note(bid, "round", self.price[bid])

    def _trim(self) -> None:
        admitted, table = self.groups["admitted"], self.terms["trim"]["rows"]
        reached = [row for row in table if row["from_bids"] <= len(admitted)]
        row = max(reached, key=lambda one: one["from_bids"]) if reached else {"high": 0, "low": 0}
        if row["high"] + row["low"] >= len(admitted):
            _stop("pricing", detail="trimming leaves nothing")
        order = sorted(admitted, key=lambda bid: (self.price[bid], bid))
        low, high = order[: row["low"]], order[len(order) - row["high"] :]
        self.groups["trimmed"] = sorted(low + high)
        self.groups["kept"] = sorted(set(admitted) - {*low, *high})
        if table:
            self._tell("trim", "high", bids=sorted(high))
            self._tell("trim", "low", bids=sorted(low))

    def _aggregate(self) -> None:
        for step in self.terms["aggregate"]:
            name = step["name"]
            self.memo.clear()
            if (
                name in self.known
                or name in self.groups
                or not all(self._holds(one, "") for one in step["when"])
            ):
                continue
            if step["of"]:
                self.groups[name] = self._fitting(step["where"], self._group(step["of"]))
                self._tell("aggregate", name, bids=self.groups[name])
            else:
                self.known[name] = self._told("aggregate", name, self._value(step["value"], ""))
        if any(step["name"] == "base" for step in self.terms["aggregate"]):
            base = self._there(self.known.get("base"), "base")
            self.memo.clear()
            self.known["base"] = self._told("shift", "base", base * self._value(self.terms["shift"], ""))

    def _score(self) -> dict[str, Fraction]:
        score, floor = self.terms["score"], self.terms["floor"]
        unscored = set() if self.terms["trim"]["scored"] else set(self.groups["trimmed"])
        bids = [bid for bid in self.groups["admitted"] if bid not in unscored]
        self.memo.clear()
        if any(step["name"] == "base" for step in self.terms["aggregate"]):
            of = self._value(self.terms["deviate"]["of"], "")
            sign = 100 if self.terms["deviate"]["better"] == "lower" else -100
            away = {bid: self._over(sign * (self.price[bid] - self.known["base"]), of) for bid in bids}
            self.deviation = {bid: self._noted(bid, "deviate", value) for bid, value in away.items()}
        full = self.known["full"] = Fraction(score["full"])
        if full <= 0:
            _stop("pricing", detail="full marks")
        least, most = (
            self._value(floor[name], "") if floor[name] != "" else None for name in ("least", "most")
        )
        found = {}
        for bid in bids:
            points = self._noted(bid, "score", self._points(score, bid))
            points = points if least is None else max(least, points)
            points = self._noted(bid, "floor", points if most is None else min(most, points))
            found[bid] = self._noted(bid, "weight", points * Fraction(self.terms["weight"]) / full)
        return found

    def _points(self, score: _Json, bid: str) -> Fraction:
        if score["kind"] == "value":
            return self._value(score["value"], bid)
        away = self._there(self.deviation.get(bid), "deviation")
        if score["kind"] == "table":
            return _from_table(score, away)
        side = "above" if away > 0 else "below"
        size, far = Fraction(score["step"]), abs(away)
        if score["steps"] != "linear":
            modes = {"up": "up", "down": "down", "nearest": "half_up"}
            far = self._over(far, size)
            far = _rounded(far, {"digits": 0, "mode": modes[score["steps"]]}) * size
        taken, begin = Fraction(0), Fraction(0)
        for segment in score[side]:
            end = min(far, Fraction(segment["to"])) if segment["to"] else far
            if end > begin:
                taken += self._value(segment["rate"], "") * (end - begin)
                begin = end
        cap = score["cap_" + side]
        return self.known["full"] - (taken if cap == "" else min(taken, self._value(cap, "")))

    def _row(self, bid: str, scores: Mapping[str, Fraction]) -> _Json:
        score, total = scores.get(bid, Fraction(0)), self.terms["total"]
        units = _rounded(abs(score), total)
        sign = "-" if score < 0 and units else ""
        return {
            "bid": bid,
            "read": _ratio(self.read[bid]),
            "admitted": bid not in self.out,
            "scored": bid in scores,
            "trimmed": bid in self.groups["trimmed"],
            "why": self.why[bid],
            "values": self.ways[bid],
            "price": _ratio(self.price[bid]),
            "deviation": _ratio(self.deviation[bid]) if bid in self.deviation else "",
            "score": _ratio(score),
            "points": "out" if bid in self.out else sign + _written(units, total["digits"]),
        }

    # what is told, and rounded where it is declared

    def _tell(self, stage: str, name: str, value: str = "", bids: Iterable[str] = ()) -> None:
        self.told.append({"stage": stage, "name": name, "value": value, "bids": list(bids)})

    def _told(self, stage: str, name: str, value: Fraction) -> Fraction:
        self._tell(stage, name, _ratio(value))
        if self._rule(stage, name) is None:
            return value
        value = self._round(stage, value, name)
        self._tell("round", name, _ratio(value))
        return value

    def _note(self, bid: str, stage: str, value: Fraction) -> None:
        self.ways[bid].append({"stage": stage, "value": _ratio(value)})

    def _noted(self, bid: str, stage: str, value: Fraction) -> Fraction:
        self._note(bid, stage, value)
        if self._rule(stage) is None:
            return value
        value = self._round(stage, value)
        self._note(bid, "round", value)
        return value

    def _rule(self, stage: str, step: str = "") -> _Json:
        rules = {one["step"]: one for one in self.terms["rounds"] if one["stage"] == stage}
        return rules.get(step) or rules.get("")

    def _round(self, stage: str, value: Fraction, step: str = "") -> Fraction:
        rule = self._rule(stage, step)
        money = self.terms["quote"] == "fen" and stage in {"adjust", "aggregate", "shift"}
        unit = Fraction(1, 10) ** int(rule["digits"] - (2 if money else 0))
        units = _rounded(abs(value) / unit, {"digits": 0, "mode": rule["mode"]})
        return Fraction(-units if value < 0 else units) * unit

    # expressions

    def _fitting(self, conditions: Iterable[_Json], bids: Iterable[str]) -> list[str]:
        left = list(bids)
        for one in conditions:
            self.memo.clear()
            left = [bid for bid in left if self._holds(one, bid)]
        return left

    def _holds(self, one: _Json, bid: str) -> bool:
        left, right = self._value(one["left"], bid), self._value(one["right"], bid)
        return {
            "<": left < right,
            "<=": left <= right,
            "=": left == right,
            "!=": left != right,
            ">=": left >= right,
            ">": left > right,
        }[str(one["test"])]

    def _value(self, expr: _Json, bid: str) -> Fraction:
        return self._there(self._perhaps(expr, bid), str(expr)[:40])

    def _perhaps(self, expr: _Json, bid: str) -> Fraction | None:
        """Return a value for a bid, "" for what is the same for all; None where an optional input is not there."""
        if isinstance(expr, str):
            return self._named(expr, bid)
        op, of = str(expr["op"]), expr["of"]
        if op in _OVER_GROUPS:
            if id(expr) not in self.memo:
                self.memo[id(expr)] = self._over_group(op, of)
            return self.memo[id(expr)]
        if op == "else":
            found = (self._perhaps(one, bid) for one in of)
            return next((one for one in found if one is not None), None)
        return self._worked(op, [self._value(one, bid) for one in of])

    def _named(self, name: str, bid: str) -> Fraction | None:
        for column, values in (("read", self.read), ("price", self.price), ("deviation", self.deviation)):
            if name == column:
                return values.get(bid)
        if name in self.own:
            return self.own[name].get(bid)
        if name in self.known:
            return self.known[name]
        return Fraction(name) if re.fullmatch(_FIGURE, name) else None

    def _worked(self, op: str, values: list[Fraction]) -> Fraction:
        first, *more = values or [self._there(None, op)]
        if op in {"min", "max"}:
            return min(values) if op == "min" else max(values)
        if op == "abs":
            return abs(first)
        for one in more:
            match op:
                case "sum":
                    first += one
                case "product":
                    first *= one
                case "difference":
                    first -= one
                case _:
                    first = self._over(first, one)
        return first

    def _over_group(self, op: str, of: list[_Json]) -> Fraction:
        group = self._group(of[0])
        if op == "count":
            return Fraction(len(group))
        values = sorted(self._value(of[1] if len(of) > 1 else "price", bid) for bid in group)
        if op == "total":
            return sum(values, Fraction(0))
        nth = int(of[2]) if len(of) > 2 else 1
        if nth > len(values):
            _stop("pricing", detail="too few bids")
        if op == "mean":
            return sum(values, Fraction(0)) / len(values)
        if op == "median":
            return (values[(len(values) - 1) // 2] + values[len(values) // 2]) / 2
        return values[nth - 1] if op == "lowest" else values[-nth]

    def _group(self, name: _Json) -> list[str]:
        if not isinstance(name, str) or name not in self.groups:
            _stop("pricing", detail="no such set")
        return self.groups[str(name)]

    def _column(self, declared: _Json) -> dict[str, Fraction]:
        name, usual = declared["name"], declared["value"]
        found = {
            str(one["bid"]): one["values"].get(name, Fraction(usual) if usual else None) for one in self.bids
        }
        return {bid: value for bid, value in found.items() if value is not None}

    def _over(self, above: Fraction, below: Fraction) -> Fraction:
        if not below:
            _stop("pricing", detail="division by zero")
        return above / below

    def _there(self, value: Fraction | None, what: str) -> Fraction:
        if value is None:
            _stop("pricing", detail=f"no value: {what}")
        return value


def _from_table(score: _Json, away: Fraction) -> Fraction:
    rows = [(Fraction(row["at"]), Fraction(row["points"])) for row in score["rows"]]
    reached = [row for row in rows if row[0] <= away]
    if not rows or not reached:
        return rows[0][1] if rows else Fraction(0)
    at, points = reached[-1]
    after = rows[len(reached) :]
    if not after or score["between"] == "step":
        return points
    span = after[0][0] - at
    return points + (after[0][1] - points) * (away - at) / span if span else points


def _rank(fold: _Fold, lot: _Json) -> _Json:
    """Work out totals and order: total, then the formula's keys in turn; the rest is a tie."""
    rows = fold.scores[lot["id"]]["rows"]
    terms = lot["pricing"]
    out = set(fold.rejected.get(lot["id"], [])) | {row["bid"] for row in rows if not row["admitted"]}
    settled, marks = fold.settled.get(lot["id"], []), _sum_up(fold, lot)[0]
    ranked = []
    for row in rows:
        if row["bid"] not in out:
            technical = marks[row["bid"]]
            total = technical + Fraction(row["score"])
            units = _rounded(abs(total), terms["total"])
            units = -units if total < 0 else units
            keys = tuple(_tie_key(terms, key, row, technical) for key in terms["ties"])
            last = settled.index(row["bid"]) + 1 if row["bid"] in settled else 0
            keys = (*keys, Fraction(last))
            ranked.append(((-units, *keys), row["bid"], technical, row["score"], units))
    ranked.sort(key=lambda one: one[:2])
    places = [sum(other[0] < one[0] for other in ranked) + 1 for one in ranked]
    alike = Counter(one[0] for one in ranked)
    return {
        "lot": lot["id"],
        "rows": [
            {
                "bid": bid,
                "technical": _ratio(technical),
                "price": score,
                "total": ("-" if units < 0 else "") + _written(abs(units), terms["total"]["digits"]),
                "rank": place,
                "candidate": place <= lot["candidates"],
            }
            for place, (_, bid, technical, score, units) in zip(places, ranked, strict=True)
        ],
        "ties": [one[1] for one in ranked if alike[one[0]] > 1],
        "rejected": sorted(out),
    }


def _tie_key(terms: _Json, key: _Json, row: _Json, technical: Fraction) -> Fraction:
    """Return what a key compares, the better the less; an input of the bids has its declared value."""
    usual = {one["name"]: Fraction(one["value"]) for one in terms["inputs"] if one["value"]}
    values = {"read": row["read"], "price": row["price"], "score": row["score"]}
    value = (
        technical if key["by"] == "technical" else Fraction(values.get(key["by"], usual.get(key["by"], 0)))
    )
    return value if key["order"] == "lowest" else -value


def _told_marks(fold: _Fold, lot: _Json) -> bool:
    """Say whether the journal tells how a lot's marks came about: they are more than means."""
    terms = fold.terms.get(lot["id"], _AS_MARKED)
    return bool(terms["trim"]) or terms["technical"] is not None or terms["commercial"] is not None


def _trim_rule(fold: _Fold, lot: _Json) -> _Json:
    rules = [
        one for one in fold.terms.get(lot["id"], _AS_MARKED)["trim"] if one["members"] <= len(fold.experts)
    ]
    return max(
        rules, key=lambda one: one["members"], default=dict.fromkeys(("members", "widest", "high", "low"), 0)
    )


def _draws_order(fold: _Fold, lot: _Json) -> bool:
    terms = fold.terms.get(lot["id"], _AS_MARKED)
    return terms["widest_tie"] == "draw" and bool(_trim_rule(fold, lot)["widest"])


def _sum_up(fold: _Fold, lot: _Json) -> tuple[dict[str, Fraction], _Json]:
    """Work out the committee's mark of each bid that is in, and what the journal has to tell of it.

    Objective items count as the mean over all members; of the others first the member with the widest spread goes,
    then in each cell the highest and lowest of those left, as the rule for their number says.
    """
    bids = [bid["id"] for bid in lot["bids"] if bid["id"] in fold.inside(lot)]
    items = [item for item in lot["items"] if item["part"] == "detailed" and item["kind"] != "pass"]
    judged = [item for item in items if not item["objective"]]
    given = {
        (seat, bid, item["id"]): _given(fold, lot, seat, bid, item)
        for seat in fold.experts
        for bid in bids
        for item in items
    }
    rule = _trim_rule(fold, lot)
    if not bids or not judged:
        rule = dict.fromkeys(rule, 0)
    spreads = {
        seat: _spreads([sum((given[seat, bid, item["id"]] for item in judged), Fraction(0)) for bid in bids])
        for seat in fold.experts
    }
    widest = _widest(fold, lot, spreads) if rule["widest"] else ""
    means, cells = {}, []
    for bid in bids:
        for item in items:
            seats = [one for one in fold.experts if item["objective"] or one != widest]
            order = sorted(seats, key=lambda seat: (given[seat, bid, item["id"]], seat))
            low, high = (0, 0) if item["objective"] else (rule["low"], rule["high"])
            kept = order[low : len(order) - high]
            values = [given[seat, bid, item["id"]] for seat in kept]
            means[bid, item["id"]] = sum(values, Fraction(0)) / len(values)
            if not item["objective"]:
                out = sorted(set(order) - set(kept))
                cells.append(
                    {"bid": bid, "item": item["id"], "mean": _ratio(means[bid, item["id"]]), "out": out}
                )
    marks = [
        _group_mark(
            fold, lot, bid, group, [means[bid, item["id"]] for item in items if item["group"] == group]
        )
        for bid in bids
        for group in dict.fromkeys(item["group"] for item in items)
    ]
    told = {
        "lot": lot["id"],
        "members": len(fold.experts),
        "rule": rule,
        "widest": widest,
        "spreads": [
            {"seat": seat, "spreads": [_ratio(one) for one in spreads[seat]]}
            for seat in (fold.experts if rule["widest"] else [])
        ],
        "cells": cells if any(rule.values()) else [],
        "marks": marks,
    }
    totals = {
        bid: sum((Fraction(one["mark"]) for one in marks if one["bid"] == bid), Fraction(0)) for bid in bids
    }
    return totals, told


def _group_mark(fold: _Fold, lot: _Json, bid: str, group: str | None, means: list[Fraction]) -> _Json:
    """Add a group's means up, and round the sum half up where the tender says to how many digits."""
    exact = sum(means, Fraction(0))
    digits = fold.terms.get(lot["id"], _AS_MARKED).get(group or "", None)
    mark = exact
    if isinstance(digits, int):
        mark = Fraction(_rounded(exact, {"digits": digits, "mode": "half_up"}), 10**digits)
    return {"bid": bid, "group": group or "", "exact": _ratio(exact), "mark": _ratio(mark)}


def _spreads(totals: Sequence[Fraction]) -> list[Fraction]:
    order = sorted(totals)
    return [order[-1 - place] - order[place] for place in range(len(order) // 2)]


def _widest(fold: _Fold, lot: _Json, spreads: Mapping[str, list[Fraction]]) -> str:
    """Name the member whose totals lie furthest apart; of several, whom the draw or else the seat puts first."""
    most = max(spreads.values())
    order = [*fold.order_of_members(lot["id"]), *fold.experts]
    return next(seat for seat in order if spreads.get(seat) == most)


def _given(fold: _Fold, lot: _Json, seat: str, bid: str, item: _Json) -> Fraction:
    """Return the points of a member's cell."""
    value = fold.value(seat, lot["id"], bid, item["id"])
    if not value or not _fits(item, value):
        _stop("ranking", file=ENTRIES, detail=f"no value: {seat} {bid} {item['id']}")
    return _worth(item, value)


def _points(fold: _Fold, lot: _Json, seat: str, bid: str) -> Fraction:
    """Add up what a member gave a bid in the detailed part."""
    total = Fraction(0)
    for item in lot["items"]:
        if item["part"] != "detailed" or item["kind"] == "pass":
            continue
        total += _given(fold, lot, seat, bid, item)
    return total


def _worth(item: _Json, value: str) -> Fraction:
    if item["kind"] == "choice":
        return next(Fraction(one["points"]) for one in item["options"] if one["name"] == value)
    return Fraction(item["full"]) - Fraction(value) if item["kind"] == "deduct" else Fraction(value)


def _rounded(value: Fraction, terms: _Json) -> int:
    """Round a value of at least 0 to units of its last digit."""
    scaled = value * Fraction(10 ** int(terms["digits"]))
    whole, rest = scaled.numerator // scaled.denominator, scaled % 1
    half = Fraction(1, 2)
    up = {
        "half_up": rest >= half,
        "half_even": rest > half or (rest == half and whole % 2 == 1),
        "down": False,
        "up": rest > 0,
    }
    return whole + int(up[str(terms["mode"])])


def _written(units: int, digits: int) -> str:
    text = str(units).rjust(digits + 1, "0")
    return f"{text[:-digits]}.{text[-digits:]}" if digits else text


def _ratio(value: Fraction) -> str:
    return f"{value.numerator}/{value.denominator}"


def _check_documents(case: _Case) -> Findings:
    """Compare the documents of bids that lie in the bag; how many do not is remarked."""
    absent = 0
    for entry in case.of("BidImported"):
        file = f"data/docs/bids/{entry.body['bid']}.pdf"
        if file not in case.files:
            absent += 1
        elif (case.digests.get(file), case.files[file]) != (entry.body["sha256"], entry.body["bytes"]):
            yield Failure("document", file=file, seq=entry.seq)
    if absent:
        case.remarks.append(f"{absent} documents of bids are not in the archive")


# --- what is known of an opening ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Suite:
    """Lengths and names of one suite of sealed-bid.md §1."""

    hash: HashAlgorithm
    content_key: int
    wrap: int
    public: int
    signature: int
    bulk: bytes


_SUITES: Mapping[int, _Suite] = {
    0x01: _Suite(SHA256(), 32, 1088 + 32 + 16, 32 + 1952, 64 + 3309, b"AEAD_AES_256_GCM"),
    0x02: _Suite(SHA256(), 32, 65 + 16, 65, 64, b"AEAD_AES_256_GCM"),
    0x11: _Suite(SM3(), 16, 65 + 32 + 32, 65, 64, b"AEAD_SM4_GCM"),
}
_HALF_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551 // 2
_STEP_OF_PADDING = 1 << 16
_LONGEST_SHEET = 1 << 24
_PADDED = frozenset({"identity", "opening", "price"})
_PUBLIC = ("opening", "price")
"""Parts whose keys everybody gets, once the record is out."""


@dataclass(frozen=True, slots=True)
class _Envelope:
    """A sealed bid without its bytes: envelope key, context and place of each part, and its signed end."""

    file: str
    code: int
    key: bytes
    contexts: dict[str, bytes]
    places: dict[str, tuple[int, int]]
    body: int
    root: bytes
    trailer: bytes
    signature: bytes

    @property
    def suite(self) -> _Suite:
        return _SUITES[self.code]


def _hash(suite: _Suite, *pieces: bytes) -> bytes:
    running = Hash(suite.hash)
    for piece in pieces:
        running.update(piece)
    return running.finalize()


def _is_es256(public: ec.EllipticCurvePublicKey, signature: bytes, message: bytes) -> bool:
    """Check r and s of 32 bytes each; s above n/2 would be a second spelling of one signature."""
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    if len(signature) != 64 or s > _HALF_ORDER:
        return False
    try:
        public.verify(encode_dss_signature(r, s), message, ec.ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return True


def _is_ed25519(public: bytes, signature: bytes, message: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def _is_trustees(signer: str, signature: str, message: bytes) -> bool:
    """Check a trustee's signature: Ed25519, or ES256 of a token."""
    try:
        key, raw = load_der_public_key(_unbase64(signer)), _unbase64(signature)
    except (ValueError, UnsupportedAlgorithm):
        return False
    if isinstance(key, Ed25519PublicKey):
        return _is_ed25519(key.public_bytes_raw(), raw, message)
    return (
        isinstance(key, ec.EllipticCurvePublicKey)
        and key.curve.name == "secp256r1"
        and _is_es256(key, raw, message)
    )


def _is_bidders(case: _Case, envelope: _Envelope, signature: bytes, message: bytes) -> bool:
    """Check a signature by the envelope key; SM2's is remarked, for `cryptography` has none."""
    key = envelope.key
    if envelope.code == 0x11:
        case.remarks.append("signatures of suite 0x11 (SM2) are not checked by this version")
        return len(signature) == 64
    if envelope.code == 0x02:
        point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), key)
        return _is_es256(point, signature, message)
    try:
        lattice = MLDSA65PublicKey.from_public_bytes(key[32:])
        lattice.verify(signature[64:], message)
    except (InvalidSignature, ValueError):
        return False
    return _is_ed25519(key[:32], signature[:64], message)


def _says(condition: object, what: str) -> None:
    """End the reading of a file that is not in its form."""
    if not condition:
        raise ValueError(what)


def _is_sealed(case: _Case) -> bool:
    """Say whether bids were taken in sealed; a session that ended before that has nothing to look at."""
    return any(True for _ in case.of("SubmissionsOpened", "StageChanged", "BidsClosed"))


def _terms(case: _Case) -> dict[str, _Json]:
    if not case.policy:
        _stop("not_checkable", detail="step 17")
    return case.policy


def _log_key(case: _Case) -> bytes:
    return _read_key(str(case.opened["keys"]["log"])).public


# --- 17 the sealing policy, signed by every trustee -----------------------------------------------


def _is_window(value: _Json) -> bool:
    rest = {name: one for name, one in value.items() if name != "opens_at"} if isinstance(value, dict) else {}
    return _WINDOW(rest) and _whole(value.get("opens_at", 0))


def _is_policy(value: _Json) -> bool:
    """Say whether it has a policy's members; `recipients` may be left out, but not be empty."""
    if not isinstance(value, dict) or "recipients" not in value:
        return _POLICY(value)
    rest = {name: one for name, one in value.items() if name != "recipients"}
    return _POLICY(rest) and bool(value["recipients"]) and _RECIPIENTS(value["recipients"])


_WINDOW = _object("name:text gate:text release_ms:whole")
_RECIPIENTS = _rows("name:text who:text", keys=_rows("suite:whole public:text"))
_POLICY = _object(
    "v:whole tender:text mode:sealing k:whole suites:wholes deadline:whole min_bids:whole max_size:whole",
    trustees=_rows("name:text kind:trustee who:text signer:text", keys=_rows("suite:whole public:text")),
    windows=lambda value: isinstance(value, list) and bool(value) and all(_is_window(one) for one in value),
    parts=_rows("name:sealed window:text max_size:whole"),
)


def _check_policy(case: _Case) -> Findings:
    case.need(5)
    if not _is_sealed(case):
        return
    drafted = [*case.of("PolicyDrafted")]
    if not drafted:
        _stop("policy_missing", file=ENTRIES)
    body, seq = drafted[-1].body, drafted[-1].seq
    text = body["policy"].encode()
    policy = _read_policy(case, text, seq)
    if hashlib.sha256(text).hexdigest() != body["sha256"]:
        yield Failure("policy_form", file=ENTRIES, seq=seq, detail="digest")
    if POLICY not in case.files:
        yield Failure("missing", file=POLICY)
    elif case.read(POLICY) != text:
        yield Failure("policy_differs", file=POLICY, seq=seq)
    for entry in case.of("SubmissionsOpened", "BidsClosed"):
        if entry.body["policy"] != body["sha256"]:
            yield Failure("policy_differs", file=ENTRIES, seq=entry.seq, detail=entry.type)
    case.policy, case.policy_digest = policy, body["sha256"]
    yield from _check_trustees(case, seq)
    yield from _check_policy_signatures(case, seq)
    case.remarks.append(f"the sealing policy is {body['sha256']}: compare it with the tender's notice")
    case.checked = len(policy["trustees"])


def _read_policy(case: _Case, text: bytes, seq: int) -> dict[str, _Json]:
    try:
        policy = _read_canonical(text)
        _says(_is_policy(policy), "members")
        _says(policy["v"] == 1 and policy["tender"] == case.opened["session"], "version or tender")
        trustees = policy["trustees"]
        _says((policy["k"] == 0) == (policy["mode"] == "bidder") and policy["k"] <= len(trustees), "quorum")
        for member in ("name", "signer"):
            _says(len({one[member].lower() for one in trustees}) == len(trustees), f"one {member} twice")
        recipients = policy.get("recipients", [])
        names = [one["name"].lower() for one in recipients]
        _says(len(set(names)) == len(names), "one recipient twice")
        publics = [key["public"] for one in (*trustees, *recipients) for key in one["keys"]]
        _says(len(set(publics)) == len(publics), "one key twice")
        _says([one["kind"] for one in trustees].count("host") == 1, "one host")
        holders = (*trustees, *recipients)
        _says(all([key["suite"] for key in one["keys"]] == policy["suites"] for one in holders), "suites")
        names = [one["name"] for one in policy["windows"]]
        _says({part["window"] for part in policy["parts"]} == set(names), "windows of parts")
        _says(set(policy["suites"]) <= _SUITES.keys() and policy["suites"], "suites")
    except (ValueError, RecursionError) as error:
        raise _Stop(Failure("policy_form", file=ENTRIES, seq=seq, detail=str(error)[:80])) from error
    return cast("dict[str, _Json]", policy)


def _check_trustees(case: _Case, drafted: int) -> Findings:
    """Compare the trustees with the keys they published, each with its proof, before the draft."""
    published = {entry.body["trustee"]: entry for entry in case.of("TrusteeKeyPublished")}
    for trustee in case.policy["trustees"]:
        entry = published.get(trustee["name"])
        expected = {("trustee" if name == "name" else name): one for name, one in trustee.items()}
        if entry is None or entry.seq > drafted or {**expected, "proof": entry.body["proof"]} != entry.body:
            yield Failure(
                "policy_keys", file=ENTRIES, seq=entry.seq if entry else None, detail=trustee["name"]
            )
            continue
        keys = hashlib.sha256(_canonical(trustee["keys"])).digest()
        message = b"EVB1 trustee" + case.policy["tender"].encode() + b"\0" + keys
        if not _is_trustees(trustee["signer"], entry.body["proof"], message):
            yield Failure("policy_keys", file=ENTRIES, seq=entry.seq, detail=trustee["name"])


def _check_policy_signatures(case: _Case, drafted: int) -> Findings:
    signed = {entry.body["trustee"]: entry for entry in case.of("PolicySigned") if entry.seq > drafted}
    opened = next((entry.seq for entry in case.of("SubmissionsOpened")), case.size)
    message = b"EVB1 policy" + bytes.fromhex(case.policy_digest)
    told = []
    for trustee in case.policy["trustees"]:
        name, entry = trustee["name"], signed.get(trustee["name"])
        if entry is None or entry.seq > opened or entry.body["sha256"] != case.policy_digest:
            yield Failure("policy_signature", file=ENTRIES, detail=f"{name}: none")
            continue
        told.append({"trustee": name, "signature": entry.body["signature"]})
        if not _is_trustees(trustee["signer"], entry.body["signature"], message):
            yield Failure("policy_signature", file=ENTRIES, seq=entry.seq, detail=name)
    if case.read(SIGNATURES) != _canonical(told):
        yield Failure("policy_signature", file=SIGNATURES)


# --- 18 the sealed bids ---------------------------------------------------------------------------

_TRAILER = _object("parts:points root:text size:whole")
_HEADER = _object(
    "", parts=lambda value: isinstance(value, list) and all(isinstance(one, dict) for one in value)
)


def _check_envelopes(case: _Case) -> Findings:
    case.need(5)
    if not _is_sealed(case):
        return
    _terms(case)
    listed = _listed(case)
    # The verdict that stands may itself say that the bytes are not those that were sealed.
    causes = {entry.body["bid"]: entry.body["cause"] for entry in case.of("BidJudged")}
    spoilt = {number for number, cause in causes.items() if cause == "root_mismatch"}
    submitted = {entry.body["bid"]: entry.body for entry in case.of("BidSubmitted")}
    for number, row in listed.items():
        found = list(_check_envelope(case, number, row, submitted.get(number, {})))
        if number in spoilt:
            case.remarks.append(f"the bytes of bid {number} were judged spoilt")
        else:
            yield from found
    yield from _check_roots_of_bids(case, {number: listed[number] for number in listed.keys() - spoilt})
    folder = f"{OPENING}envelopes/"
    for path in case.files:
        if path.startswith(folder) and path not in {f"{folder}{number}.evb1" for number in listed}:
            yield Failure("envelope_unknown", file=path)
    case.checked = len(case.envelopes)


def _listed(case: _Case) -> dict[str, dict[str, str]]:
    """Return the closed list by the numbers of its bids."""
    return {row["bid"]: row for entry in case.of("BidsClosed") for row in entry.body["bids"]}


def _check_envelope(case: _Case, number: str, row: Mapping[str, str], told: Mapping[str, _Json]) -> Findings:
    file = f"{OPENING}envelopes/{number}.evb1"
    if file not in case.files:
        yield Failure("missing", file=file)
        return
    try:
        envelope = _read_envelope(case, file, number)
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        yield Failure("envelope_form", file=file, detail=str(error)[:80])
        return
    except UnsupportedAlgorithm:
        case.remarks.append("bids of suite 0x11 are not checked: this machine lacks SM3")
        return
    case.envelopes[number] = envelope
    same = (told.get("suite"), told.get("size")) == (envelope.code, case.files[file])
    if not same or _hash(envelope.suite, envelope.trailer, envelope.signature).hex() != row["digest"]:
        yield Failure("envelope_digest", file=file)
    if not _is_bidders(case, envelope, envelope.signature, b"EVB1 bid" + envelope.trailer):
        yield Failure("envelope_signature", file=file)


def _check_roots_of_bids(case: _Case, listed: Mapping[str, Mapping[str, str]]) -> Findings:
    """Hash every bid in leaves of 1 MiB, several bids at once."""
    with ThreadPoolExecutor(case.threads) as pool:
        jobs = [
            (number, pool.submit(_root_of, case, case.envelopes[number]))
            for number in sorted(listed.keys() & case.envelopes.keys())
        ]
        for number, job in jobs:
            envelope, root = case.envelopes[number], job.result()
            if root != envelope.root or root.hex() != listed[number]["root"]:
                yield Failure("envelope_root", file=envelope.file)


def _root_of(case: _Case, envelope: _Envelope) -> bytes:
    tree, left = _Roots(), envelope.body
    with _open(case.root / envelope.file) as handle:
        while left:
            leaf = hashlib.sha256(b"\x00")
            room = min(_PIECE, left)
            while room and (piece := handle.read(room)):
                leaf.update(piece)
                room -= len(piece)
                left -= len(piece)
            tree.add(leaf.digest())
            if room:
                return b""  # the file became shorter meanwhile
    return tree.root()


def _read_envelope(case: _Case, file: str, number: str, lacks: int = 0) -> _Envelope:
    """Read frame, header and trailer of a sealed bid; ValueError says what is not in its form.

    The file `lacks` so many bytes when the parts were cut out of it.
    """
    total = case.files[file] + lacks
    with _open(case.root / file) as handle:
        head = handle.read(12)
        code, length = head[5], int.from_bytes(head[8:], "big")
        _says(head[:5] == b"EVB1\x01" and head[6:8] == bytes(2), "frame")
        _says(code in case.policy["suites"] and total <= case.policy["max_size"], "suite or size")
        _says(length <= _LONGEST_LINE, "header length")
        header = handle.read(length)
        handle.seek(total - lacks - 12)
        tail = handle.read(12)
        ends = int.from_bytes(tail[:4], "big"), int.from_bytes(tail[4:8], "big")
        body = total - 12 - sum(ends)
        _says(tail[8:] == b"1BVE" and ends[1] == _SUITES[code].signature, "end")
        _says(ends[0] <= _LONGEST_LINE and body >= 12 + length, "trailer length")
        _says(not lacks or body - lacks == 12 + length, "bytes between head and tail")
        handle.seek(body - lacks)
        trailer, signature = handle.read(ends[0]), handle.read(ends[1])
    places, root = _read_trailer(trailer, 12 + length, body)
    key, contexts = _read_header(case, code, header, number)
    _says(len(places) == len(contexts), "number of parts")
    named = dict(zip(contexts, places, strict=True))
    for part in case.policy["parts"]:
        _check_length(named[part["name"]][1], part)
    return _Envelope(file, code, key, contexts, named, body, root, trailer, signature)


def _read_trailer(data: bytes, begin: int, body: int) -> tuple[list[tuple[int, int]], bytes]:
    trailer = _read_canonical(data)
    _says(_TRAILER(trailer) and trailer["size"] == body, "trailer")
    root, at = _unbase64(trailer["root"]), begin
    for offset, length in trailer["parts"]:
        _says(offset == at and length > 0, "parts of the trailer")
        at += length
    _says(at == body and len(root) == 32, "end of the parts")
    return [(offset, length) for offset, length in trailer["parts"]], root


def _read_header(case: _Case, code: int, data: bytes, number: str) -> tuple[bytes, dict[str, bytes]]:
    """Return the envelope key and each part's context; all cores agree in everything but `part`."""
    header, suite, policy = _read_canonical(data), _SUITES[code], case.policy
    _says(_HEADER(header) and len(header["parts"]) == len(policy["parts"]), "header")
    common = {
        "v": 1,
        "tender": policy["tender"],
        "suite": code,
        "bid": base64.b64encode(bytes.fromhex(number)).decode(),
        "policy": base64.b64encode(_hash(suite, _canonical(policy))).decode(),
    }
    contexts: dict[str, bytes] = {}
    for part, terms in zip(header["parts"], policy["parts"], strict=True):
        core = _unbase64(part["core"])
        said = _read_canonical(core)
        common = {"env": said["env"], "bidder": said["bidder"]} | common  # the first core's, then everywhere
        _says(said == {**common, "part": terms["name"]}, f"core of {terms['name']}")
        _check_locks(part, policy, suite)
        contexts[terms["name"]] = _hash(suite, b"EVB1 ctx", core)
    key, bidder = _unbase64(str(common["env"])), _unbase64(str(common["bidder"]))
    _says(len(key) == suite.public and len(bidder) == 32, "envelope key or commitment to the bidder")
    return key, contexts


def _check_locks(part: Mapping[str, _Json], policy: Mapping[str, _Json], suite: _Suite) -> None:
    """Check the wraps of a part: as many and as long as mode, policy and suite say."""
    halves, shares = policy["mode"] != "sites", policy["mode"] != "bidder"
    members = {"core"} | ({"bidder", "bh"} if halves else set()) | ({"shares"} if shares else set())
    _says(part.keys() == members, "members of a part")
    if halves:
        slots = [len(_unbase64(one)) for one in part["bidder"]]
        _says(1 <= len(slots) <= 16 and set(slots) == {32 + suite.wrap}, "the bidder's wraps")
        _says(len(_unbase64(part["bh"])) == 32, "commitment to the half")
    if shares:
        _says([one["i"] for one in part["shares"]] == [*range(1, len(policy["trustees"]) + 1)], "shares")
        for one in part["shares"]:
            sizes = len(_unbase64(one["ct"])), len(_unbase64(one["h"]))
            _says(one.keys() == {"i", "ct", "h"} and sizes == (67 + suite.wrap, 32), "a share")


def _check_length(length: int, part: Mapping[str, _Json]) -> None:
    """Check that a stream of this length can be, and holds no more than the policy allows (sealed-bid.md §7)."""
    full, rest = divmod(length - 56, 16_400)
    _says(length >= 72 and rest >= 16, f"length of {part['name']}")
    plain = 16_384 * full + rest - 16
    _says(plain <= part["max_size"], f"size of {part['name']}")
    if part["name"] in _PADDED:
        _says(plain and plain % _STEP_OF_PADDING == 0, f"padding of {part['name']}")


# --- 19 to 21 the ceremony, folded ----------------------------------------------------------------

_Wrongs = Iterator[tuple[str, str]]
"""Codes and details of what is wrong with one entry."""

_STATES: Mapping[str, Mapping[str, str]] = {
    "drafted": {
        "TrusteeKeyPublished": "drafted",
        "PolicyDrafted": "drafted",
        "PolicySigned": "drafted armed",
    },
    "armed": {"PolicyDrafted": "drafted", "SubmissionsOpened": "accepting"},
    "accepting": {
        "BidSubmitted": "accepting",
        "BidAcknowledged": "accepting",
        "BidWithdrawn": "accepting",
        "CoverMade": "accepting",
        "BidsClosed": "closed",
    },
    "closed": {"OfficerSteppedUp": "closed", "WindowOpened": "unsealing", "OpeningAborted": "aborted"},
    "unsealing": {
        "HalfReleased": "unsealing",
        "WindowExtended": "unsealing",
        "CeremonyPaused": "unsealing",
        "CeremonyResumed": "unsealing",
        "RecordConfirmed": "unsealing",
        "WindowClosed": "combining",
    },
    "combining": {
        "ShareReleased": "combining",
        "BidJudged": "combining",
        "CeremonyPaused": "combining",
        "CeremonyResumed": "combining",
        "RecordConfirmed": "combining",
        "WindowExtended": "unsealing",
        "OpeningRecorded": "opened",
    },
    "opened": {
        "PartKeyPublished": "opened",
        "PartKeySealed": "opened",
        "BidAdmitted": "opened",
        "DarkBidAdmitted": "opened",
        "PriceRead": "opened",
        "RecordConfirmed": "opened",
        "OfficerSteppedUp": "opened",
        "WindowOpened": "unsealing",
        "OpeningAborted": "aborted",
        "KeysDestroyed": "opened destroyed",
        "KeysNotDestroyed": "opened",
    },
    "destroyed": {"RecordConfirmed": "destroyed"},
    "aborted": {"RecordConfirmed": "aborted", "KeysDestroyed": "aborted", "KeysNotDestroyed": "aborted"},
}
"""State of the ceremony to the entries that belong there, and where they lead: to the second once all have done it."""

_RULINGS: Mapping[tuple[str, str], str] = {
    ("opened", ""): "",
    ("awaiting_bytes", "root_mismatch"): "platform",
    ("withdrawn", "root_mismatch"): "platform",
    ("withdrawn", "platform_fault"): "platform",
    ("withdrawn", "too_few_shares"): "sites",
    ("withdrawn", "superseded"): "bidder",
    ("revoked", "not_released"): "bidder",
    ("revoked", "half_mismatch"): "bidder",
    ("malformed", "dealing"): "bidder",
    ("malformed", "part_damaged"): "bidder",
    ("malformed", "identity_mismatch"): "bidder",
    ("malformed", "malformed_sheet"): "bidder",
}
"""Verdict and cause to the party at fault (opening.md §8)."""

_NO_HALF = frozenset({"not_released", "half_mismatch", "platform_fault"})
_HALF_CAUSES = frozenset({"", "half_mismatch", "wrap_not_opened"})
_RECORD = _object(
    "v:whole tender:text policy:digest window:text",
    rows=_rows(
        "bid:text number:number bidder:text verdict:verdict cause:text party:text",
        prices=_rows("lot:text price_fen:fen"),
    ),
)


@dataclass(slots=True)
class _Opened:
    """What happened in one window: its bids, the halves and shares that came, verdicts, and the record's rows."""

    bids: list[str]
    until: int
    halves: dict[str, bool] = field(default_factory=dict)
    sealed: set[str] = field(default_factory=set)
    shares: dict[tuple[str, str], dict[str, bool]] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    verdicts: dict[str, _Json] = field(default_factory=dict)
    rows: dict[str, _Json] = field(default_factory=dict)
    text: bytes = b""
    sha256: str = ""
    confirmed: set[str] = field(default_factory=set)


@dataclass(slots=True)
class _Ceremony:
    """The opening as it is worked out again from the journal; `found` has what is wrong, by step."""

    case: _Case
    policy: Mapping[str, _Json]
    state: str = "drafted"
    done: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    submitted: dict[str, _Entry] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    acks: set[tuple[str, str]] = field(default_factory=set)
    last_hand_in: int = 0
    closed: bool = False
    listed: list[str] = field(default_factory=list)
    officers: dict[str, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))
    windows: dict[str, _Opened] = field(default_factory=dict)
    paused: int | None = None
    covered: int = 0
    gates: dict[str, int] = field(default_factory=dict)
    unlocked_at: int | None = None
    named_at: int | None = None
    admitted: dict[str, str] = field(default_factory=dict)
    dark: set[str] = field(default_factory=set)
    codes: dict[str, str] = field(default_factory=dict)
    asked: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    rejected: set[str] = field(default_factory=set)
    sealed: set[tuple[str, str, str]] = field(default_factory=set)
    found: dict[int, list[Failure]] = field(default_factory=lambda: defaultdict(list))

    @property
    def signers(self) -> dict[str, str]:
        return {one["name"]: one["signer"] for one in self.policy["trustees"]}

    def current(self, entry: _Entry) -> _Opened:
        """Return the window that is open; an entry that names another ends the fold."""
        window = entry.body["window"]
        if not self.windows or window != [*self.windows][-1]:
            _stop("ceremony_order", file=ENTRIES, seq=entry.seq, detail=f"window {window}")
        return self.windows[window]

    def standing(self) -> list[str]:
        """List the bids that every window so far has opened and no committee rejected."""
        judged = [one.verdicts for one in self.windows.values()]
        opened = [
            bid
            for bid in self.listed
            if all(told.get(bid, {}).get("verdict") == "opened" for told in judged if judged)
        ]
        mine = {number: [bid for bid, one in self.admitted.items() if one == number] for number in opened}
        return [one for one in opened if not mine[one] or not self.rejected.issuperset(mine[one])]

    def parts(self, window: str) -> list[str]:
        return [part["name"] for part in self.policy["parts"] if part["window"] == window]


def _ceremony(case: _Case) -> _Ceremony:
    """Return the opening folded once for all steps that look at it."""
    case.need(5)
    _terms(case)
    if case.ceremony is None:
        lots, dark = case.opened["tender"]["lots"], _dark_lots(case)
        sheets = {lot["id"] for lot in lots if any(item["part"] == "detailed" for item in lot["items"])}
        case.ceremony = _Ceremony(
            case,
            case.policy,
            dark=dark,
            unlocked_at=_unlocked_at(case, sheets),
            named_at=_unlocked_at(case, dark),
        )
        _fold_ceremony(case, case.ceremony)
    return case.ceremony


def _fold_ceremony(case: _Case, fold: _Ceremony) -> None:
    for entry in case.of(*_CEREMONY, *_ASIDE):
        step, rule = _CEREMONY.get(entry.type) or _ASIDE[entry.type]
        try:
            if entry.type in _CEREMONY:
                _move(fold, entry)
            wrongs = list(rule(fold, entry))
        except _Stop as stop:
            fold.found[20].append(stop.failure)
            break
        fold.found[step] += [Failure(code, ENTRIES, seq=entry.seq, detail=detail) for code, detail in wrongs]


def _move(fold: _Ceremony, entry: _Entry) -> None:
    """Go to the next state of the ceremony; an entry out of place ends the fold."""
    leads = _STATES[fold.state].get(entry.type, "").split()
    if not leads:
        _stop("ceremony_order", file=ENTRIES, seq=entry.seq, detail=f"{entry.type} in {fold.state}")
    if "trustee" in entry.body:
        fold.done[entry.type].add(entry.body["trustee"])
    if entry.type == "PolicyDrafted":
        fold.done["PolicySigned"].clear()
    last = fold.done[entry.type] >= fold.signers.keys()
    fold.state = leads[-1] if last else leads[0]


def _nothing(_: _Ceremony, __: _Entry) -> _Wrongs:
    yield from ()


def _cosigned(fold: _Ceremony, entry: _Entry) -> _Wrongs:
    fold.covered = max(fold.covered, entry.body["size"])
    yield from ()


def _unlocked(fold: _Ceremony, entry: _Entry) -> _Wrongs:
    """Note the gate `GroupUnlocked` once the detailed sheets of every lot that has not failed are open."""
    if entry.seq == fold.named_at:
        fold.dark = set()
    if entry.seq == fold.unlocked_at:
        fold.gates.setdefault("GroupUnlocked", entry.seq + 1)
    yield from ()


def _reviewed(fold: _Ceremony, entry: _Entry) -> _Wrongs:
    fold.rejected |= {vote["bid"] for vote in entry.body["votes"] if vote["rejected"]}
    yield from ()


def _witnessed_to(fold: _Ceremony, entries: int) -> bool:
    return fold.case.opened["keys"]["quorum"] == 0 or fold.covered >= entries


# --- 19 the closed list, acknowledgements and receipts --------------------------------------------


def _submitted(fold: _Ceremony, entry: _Entry) -> _Wrongs:
    body = entry.body
    within = body["suite"] in fold.policy["suites"] and body["size"] <= fold.policy["max_size"]
    if body["bid"] in fold.submitted or bool(body["replaces"]) != bool(body["signature"]) or not within:
        yield "bid_list", body["bid"]
    if entry.t >= fold.policy["deadline"]:
        yield "bid_late", body["bid"]
    if body["replaces"]:
        act = b"EVB1 replace%s\0" + bytes.fromhex(body["replaces"] + body["bid"] + body["digest"])
        yield from _take_out(fold, body["replaces"], act, body["signature"])
    fold.submitted[body["bid"]] = entry
    fold.last_hand_in = entry.seq + 1


def _withdrawn(fold: _Ceremony, entry: _Entry) -> _Wrongs:
    if entry.t >= fold.policy["deadline"]:
        yield "bid_late", entry.body["bid"]
    number = entry.body["bid"]
    digest = fold.submitted[number].body["digest"] if number in fold.submitted else ""
    act = b"EVB1 withdraw%s\0" + bytes.fromhex(number + digest)
    yield from _take_out(fold, number, act, entry.body["signature"])
    fold.last_hand_in = entry.seq + 1


def _take_out(fold: _Ceremony, number: str, act: bytes, signature: str) -> _Wrongs:
    """Take a bid off the list; `act` is what its envelope key signed, `%s` for the tender."""
    if number not in fold.submitted or number in fold.gone:
        yield "bid_list", number
        return
    fold.gone.add(number)
    file = f"{ENDS}{number}.ends"
    try:
        envelope = _read_ends(fold, number)
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        fold.found[19].append(Failure("taken_back", file=file, detail=str(error)[:80]))
        return
    except UnsupportedAlgorithm:
        fold.case.remarks.append(
            f"bid {number} was taken back; its signature is not checked here, which lacks SM3"
        )
        return
    message = act.replace(b"%s", fold.policy["tender"].encode(), 1)
    if not _is_bidders(fold.case, envelope, _lenient(signature), message):
        fold.found[19].append(Failure("taken_back", file=file, detail="signature"))


def _read_ends(fold: _Ceremony, number: str) -> _Envelope:
    """Return what is left of a bid taken back, compared with what was submitted."""
    told, file = fold.submitted[number].body, f"{ENDS}{number}.ends"
    _says(file in fold.case.files, "neither head nor tail")
    lacks = told["size"] - fold.case.files[file]
    _says(lacks > 0, "size")
    envelope = _read_envelope(fold.case, file, number, lacks)
    digest = _hash(envelope.suite, envelope.trailer, envelope.signature).hex()
    _says(
        (envelope.code, envelope.root.hex(), digest) == (told["suite"], told["root"], told["digest"]),
        "digest",
    )
    whole = _is_bidders(fold.case, envelope, envelope.signature, b"EVB1 bid" + envelope.trailer)
    _says(whole, "signature of the envelope")
    return envelope


def _acknowledged(fold: _Ceremony, entry: _Entry) -> _Wrongs:
    body = entry.body
    trustee, bid = body["trustee"], fold.submitted.get(body["bid"])
    if bid is None or trustee not in fold.signers or (trustee, body["bid"]) in fold.acks:
        yield "trustee_signature", f"{trustee} {body['bid']}"
        return
    fold.acks.add((trustee, body["bid"]))
    said = {name: body[name] for name in ("bid", "cause", "good", "trustee")}
    said["digest"] = base64.b64encode(bytes.fromhex(bid.body["digest"])).decode()
    message = b"EVB1 ack" + bytes.fromhex(fold.case.policy_digest) + _canonical(said)
    if not _is_trustees(fold.signers[trustee], body["signature"], message):
        yield "trustee_signature", f"{trustee} {body['bid']}"


def _closed_list(fold: _Ceremony, entry: _Entry) -> _Wrongs:
    """Compare the list with what was submitted, less what was withdrawn or replaced."""
    left = sorted(fold.submitted.keys() - fold.gone)
    rows = [
        {"bid": one, **{name: fold.submitted[one].body[name] for name in ("root", "digest")}} for one in left
    ]
    if rows != entry.body["bids"]:
        yield "bid_list", f"{len(entry.body['bids'])} listed, {len(rows)} handed in"
    if entry.t < fold.policy["deadline"]:
        yield "window_early", "before the deadline"
    if not _witnessed_to(fold, fold.last_hand_in):
        yield "bid_list", "closed before a quorum had seen the last bid"
    fold.listed = [row["bid"] for row in entry.body["bids"]]
    fold.gates["BidsClosed"] = entry.seq + 1


def _aborted(fold: _Ceremony, entry: _Entry) -> _Wrongs:
    if entry.body["bids"] != len(fold.listed):
        yield "bid_list", "aborted with another number of bids"
    if entry.actor == "host" and len(fold.listed) >= fold.policy["min_bids"]:
        yield "ceremony_order", "aborted by the host, with bids enough"


def _check_list(case: _Case) -> Findings:
    case.need(5)
    if not _is_sealed(case):
        return
    fold = _ceremony(case)
    yield from fold.found[19]
    for path in case.files:
        if path.startswith(ENDS) and path not in {f"{ENDS}{number}.ends" for number in fold.gone}:
            yield Failure("envelope_unknown", file=path)
    yield from _check_receipts(case, fold)
    case.checked = len(fold.submitted)


_RECEIPT = re.compile(
    "c2sp.org/tlog-proof@v1\nextra ([A-Za-z0-9+/=]+)\nindex (0|[1-9][0-9]{0,15})\n((?:[A-Za-z0-9+/=]{44}\n){0,63})\n"
    "((?:(?!\N{EM DASH} )[^\n]+\n){3}\n(?:\N{EM DASH} [^\n]+\n)+)(?:tst ([A-Za-z0-9+/=]+)\n)?"
)


def _check_receipts(case: _Case, fold: _Ceremony) -> Findings:
    case.need(7)
    stamped, sizes = 0, set()
    read: dict[str, tuple[_Note, list[bytes]]] = {}
    for number in fold.listed:
        file = f"{OPENING}receipts/{number}.receipt"
        if file not in case.files:
            yield Failure("missing", file=file)
            continue
        try:
            note, path, token = _read_receipt(case, fold, file, number)
        except (ValueError, LookupError, TypeError, RecursionError) as error:
            yield Failure("receipt_form", file=file, detail=str(error)[:80])
            continue
        read[number], stamped = (note, path), stamped + bool(token)
        sizes.add(note.size)
    roots = _roots_at(case, {size for size in sizes if size <= case.size})
    for number, (note, path) in read.items():
        yield from _check_receipt(case, fold.submitted[number].seq, f"{OPENING}receipts/{number}.receipt", note, path, roots)  # fmt: skip
    if stamped:
        case.remarks.append(f"{stamped} time stamps of receipts are not checked by this version")


def _read_receipt(case: _Case, fold: _Ceremony, file: str, number: str) -> tuple[_Note, list[bytes], str]:
    found = _RECEIPT.fullmatch(case.read(file).decode())
    _says(found, "form")
    assert found is not None  # noqa: S101 - `_says` raised otherwise; this is for the type checker
    entry = fold.submitted[number]
    facts = {name: entry.body[name] for name in ("bid", "digest", "root", "size")}
    told = _read_canonical(_unbase64(found[1]))
    facts |= {"tender": fold.policy["tender"], "entry": told["entry"]}
    _says(told == facts, "of another bid")
    leaf = hashlib.sha256(b"\x00" + _unbase64(told["entry"])).digest()
    _says(leaf == case.leaves[32 * entry.seq : 32 * entry.seq + 32], "another entry")
    _says(int(found[2]) == entry.seq, "index")
    return _read_note(found[4]), [_unbase64(one) for one in found[3].split()], found[5] or ""


def _check_receipt(
    case: _Case, seq: int, file: str, note: _Note, path: list[bytes], roots: Mapping[int, bytes]
) -> Findings:
    """Check the proof against the journal, and the checkpoint's signatures."""
    leaf = bytes(case.leaves[32 * seq : 32 * seq + 32])
    if note.root != roots.get(note.size) or not _is_included(leaf, seq, note.size, path, note.root):
        yield Failure("receipt_proof", file=file, seq=seq)
    keys = case.opened["keys"]
    log = _read_key(keys["log"])
    signatures = [sig for name, key_id, sig in note.lines if (name, key_id) == (log.name, log.id)]
    if note.origin != log.name or len(signatures) != 1 or not log.verifies(signatures[0], note.text.encode()):
        yield Failure("receipt_proof", file=file, seq=seq, detail="the log's signature")
    witnesses = {key.name: key for key in (_read_key(one["vkey"]) for one in keys["witnesses"])}
    for wrong in _check_note(case, note, witnesses):
        yield Failure(wrong.code, file=file, seq=seq, detail=wrong.detail)
    if len(note.times) < keys["quorum"]:
        case.remarks.append(f"{file} is provisional: {len(note.times)} cosignatures")


def _is_included(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Verify an inclusion proof as RFC 9162 §2.1.3.2 does."""
    if index >= size:
        return False
    place, last, node = index, size - 1, leaf
    for one in path:
        if last == 0:
            return False
        if place & 1 or place == last:
            node = _node(one, node)
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            node = _node(node, one)
        place, last = place >> 1, last >> 1
    return last == 0 and node == root


# --- 20 hours, officers, halves, shares, destroyed keys -------------------------------------------

_OFFICERS = frozenset({"supervisor", "operator", "site_operator"})


def _officer(fold: _Ceremony, entry: _Entry) -> _Wrongs:
    window = entry.body["window"]
    following = [one["name"] for one in fold.policy["windows"]][len(fold.windows) :]
    if entry.actor in fold.officers[window] or window not in following[:1]:
        yield "officers", f"{entry.actor} for {window}"
    fold.officers[window][entry.actor] = entry.site


def _window_opened(fold: _Ceremony, entry: _Entry) -> _Wrongs:
    name, until = entry.body["window"], entry.body["until"]
    terms = (
        fold.policy["windows"][len(fold.windows)] if len(fold.windows) < len(fold.policy["windows"]) else {}
    )
    if terms.get("name") != name:
        _stop("ceremony_order", file=ENTRIES, seq=entry.seq, detail=f"window {name}")
    if entry.t < max(fold.policy["deadline"], terms.get("opens_at", 0)):
        yield "window_early", f"{name}: before its hour"
    if until != entry.t + terms["release_ms"]:
        yield "window_early", f"{name}: another time for bidders than the policy gives"
    if terms["gate"] not in fold.gates or not _witnessed_to(fold, fold.gates[terms["gate"]]):
        yield "window_early", f"{name}: before its gate"
    there = Counter(fold.officers[name].values())
    seats = Counter(seat["site"] for seat in fold.case.opened["seats"] if seat["role"] in _OFFICERS)
    short = [site for site, count in seats.items() if there[site] < min(2, count)]
    if short or not seats:
        yield "officers", f"{name}: {', '.join(short) or 'none'}"
    fold.windows[name] = _Opened(fold.standing(), until)


def _extended(fold: _Ceremony, entry: _Entry) -> _Wrongs:
    window = fold.current(entry)
    if entry.body["until"] <= max(window.until, entry.t) or window.shares or window.verdicts:
        yield "ceremony_order", "no extension"
    window.until = entry.body["until"]


def _half(fold: _Ceremony, entry: _Entry) -> _Wrongs:
    window, body = fold.current(entry), entry.body
    late = entry.t >= window.until and fold.paused is None
    twice = window.halves.get(body["bid"]) or body["sealed"] in window.sealed
    fits = body["good"] is not bool(body["cause"]) and body["cause"] in _HALF_CAUSES
    if late or twice or body["bid"] not in window.bids or not fits:
        yield "half", body["bid"]
    window.halves[body["bid"]] = body["good"]
    window.sealed.add(body["sealed"])


def _shares(fold: _Ceremony, entry: _Entry) -> _Wrongs:
    window, body = fold.current(entry), entry.body
    parts = fold.parts(body["window"])
    if body["trustee"] not in fold.signers or fold.policy["mode"] == "bidder":
        yield "shares", body["trustee"]
    for one in body["bids"]:
        given = window.shares.setdefault((one["bid"], one["part"]), {})
        if one["bid"] not in window.bids or one["part"] not in parts or body["trustee"] in given:
            yield "shares", f"{body['trustee']} {one['bid']} {one['part']}"
        given[body["trustee"]] = one["good"]


def _window_closed(fold: _Ceremony, entry: _Entry) -> _Wrongs:
    window = fold.current(entry)
    sites = fold.policy["mode"] == "sites"
    window.missing = [one for one in window.bids if not window.halves.get(one) and not sites]
    if entry.body["missing"] != window.missing:
        yield "half", f"{len(window.missing)} missing"
    if fold.paused is not None or (window.missing and entry.t < window.until):
        yield "window_early", "closed while bidders had time"


def _pausing(fold: _Ceremony, entry: _Entry) -> _Wrongs:
    if fold.paused is not None:
        yield "ceremony_order", "paused twice"
    fold.paused = entry.t


def _resuming(fold: _Ceremony, entry: _Entry) -> _Wrongs:
    if fold.paused is None:
        yield "ceremony_order", "not paused"
        return
    [*fold.windows.values()][-1].until += max(0, entry.t - fold.paused)
    fold.paused = None


def _destroyed(fold: _Ceremony, entry: _Entry) -> _Wrongs:
    trustee = entry.body["trustee"]
    message = b"EVB1 destroyed" + bytes.fromhex(fold.case.policy_digest)
    if not _is_trustees(fold.signers.get(trustee, ""), entry.body["signature"], message):
        yield "trustee_signature", trustee


def _not_destroyed(fold: _Ceremony, entry: _Entry) -> _Wrongs:
    """Take the supervisor's word that a trustee is gone; it is told again to whoever reads the report."""
    trustee, over = entry.body["trustee"], len(fold.windows) == len(fold.policy["windows"])
    if (
        trustee not in fold.signers
        or trustee in fold.done["KeysDestroyed"]
        or not entry.body["reason"].strip()
    ):
        yield "ceremony_order", f"{trustee} is no trustee that kept keys"
    if fold.state != "aborted" and not over:
        yield "ceremony_order", "keys were given up before the last window"
    fold.case.remarks.append(f"the keys of {trustee} were not destroyed: {entry.body['reason']}")


def _check_ceremony(case: _Case) -> Findings:
    case.need(5)
    if not _is_sealed(case):
        return
    fold = _ceremony(case)
    yield from fold.found[20]
    kept = fold.signers.keys() - fold.done["KeysDestroyed"] - fold.done["KeysNotDestroyed"]
    if (fold.windows or fold.state == "aborted") and kept:
        yield Failure("keys_kept", file=ENTRIES, detail=", ".join(sorted(kept)))
    if fold.windows and len(fold.windows) < len(fold.policy["windows"]) and fold.state != "aborted":
        yield Failure("ceremony_order", file=ENTRIES, detail="a window was never opened")
    case.checked = len(fold.windows)


# --- 21 verdicts, records, confirmations ----------------------------------------------------------


def _judged(fold: _Ceremony, entry: _Entry) -> _Wrongs:
    window, body = fold.current(entry), entry.body
    number, cause = body["bid"], body["cause"]
    before = window.verdicts.get(number, {}).get("verdict", "awaiting_bytes")
    if number not in window.bids or before != "awaiting_bytes" or fold.paused is not None:
        yield "verdict", f"{number}: not to be judged"
    if _RULINGS.get((body["verdict"], cause)) != body["party"]:
        yield "verdict", f"{number}: {body['verdict']}, {cause}, {body['party']}"
    if any(one >= entry.seq for one in body["evidence"]):
        yield "verdict", f"{number}: evidence of entries to come"
    if not {part["part"] for part in body["parts"]} <= set(fold.parts(body["window"])):
        yield "verdict", f"{number}: parts of another window"
    if (number in window.missing) is not (cause in _NO_HALF) and cause != "root_mismatch":
        yield "verdict", f"{number}: contradicts the halves"
    yield from _judged_by_shares(fold, window, body)
    told = {name: one for name, one in body.items() if name != "signature"}
    if not _is_ed25519(_log_key(fold.case), _lenient(body["signature"]), b"EVB1 verdict" + _canonical(told)):
        yield "verdict_signature", number
    window.verdicts[number] = body


def _judged_by_shares(fold: _Ceremony, window: _Opened, body: Mapping[str, _Json]) -> _Wrongs:
    parts = fold.parts(body["window"]) if fold.policy["mode"] != "bidder" else []
    counts = [sum(window.shares.get((body["bid"], part), {}).values()) for part in parts]
    enough = min(counts, default=fold.policy["k"]) >= fold.policy["k"]
    needed = body["verdict"] in {"opened", "malformed"}
    if (needed and not enough) or (body["cause"] == "too_few_shares" and enough):
        yield "verdict", f"{body['bid']}: contradicts the shares"


def _lenient(text: str) -> bytes:
    """Return what Base64 says, or nothing, which no signature is."""
    try:
        return _unbase64(text)
    except ValueError:
        return b""


def _recorded(fold: _Ceremony, entry: _Entry) -> _Wrongs:
    window, body = fold.current(entry), entry.body
    window.text = body["record"].encode()
    window.sha256 = hashlib.sha256(window.text).hexdigest()
    if window.sha256 != body["sha256"]:
        yield "record", "digest"
    try:
        record = _read_canonical(window.text)
        _says(_RECORD(record) and record["v"] == 1, "members")
    except (ValueError, RecursionError) as error:
        yield "record", str(error)[:80]
        return
    facts = fold.policy["tender"], fold.case.policy_digest, body["window"]
    if (record["tender"], record["policy"], record["window"]) != facts:
        yield "record", "of another tender, policy or window"
    window.rows = {row["number"]: row for row in record["rows"]}
    rulings = ("verdict", "cause", "party")
    rows = {number: [row[one] for one in rulings] for number, row in window.rows.items()}
    judged = {number: [one[name] for name in rulings] for number, one in window.verdicts.items()}
    final = all(one["verdict"] != "awaiting_bytes" for one in window.verdicts.values())
    if rows != judged or sorted(rows) != sorted(window.bids) or len(rows) != len(record["rows"]) or not final:
        yield "record", "rows are not the verdicts"


def _confirmed(fold: _Ceremony, entry: _Entry) -> _Wrongs:
    body = entry.body
    window = fold.windows.get(body["window"])
    envelope = fold.case.envelopes.get(body["bid"])
    if window is None or body["bid"] in window.confirmed or body["bid"] not in window.bids:
        yield "confirmation", body["bid"]
        return
    window.confirmed.add(body["bid"])
    if envelope is None:
        yield "not_checkable", f"{body['bid']}: step 18"
        return
    message = (
        b"EVB1 record" + bytes.fromhex(window.sha256) + hashlib.sha256(body["objection"].encode()).digest()
    )
    if not _is_bidders(fold.case, envelope, _lenient(body["signature"]), message):
        yield "confirmation", body["bid"]


def _check_verdicts(case: _Case) -> Findings:
    case.need(5)
    if not _is_sealed(case):
        return
    fold = _ceremony(case)
    yield from fold.found[21]
    records = {f"{OPENING}record-{name}.json": one.text for name, one in fold.windows.items() if one.text}
    for path, text in records.items():
        if path not in case.files:
            yield Failure("missing", file=path)
        elif case.read(path) != text:
            yield Failure("record", file=path)
    for path in case.files:
        if path.startswith(f"{OPENING}record-") and path not in records:
            yield Failure("record", file=path)
    yield from (
        Failure("record", file=ENTRIES, detail=f"none of window {name}")
        for name, one in fold.windows.items()
        if not one.sha256 and fold.state != "aborted"
    )
    case.checked = sum(len(one.verdicts) for one in fold.windows.values())


# --- 22 published keys give the prices ------------------------------------------------------------

_SHEET = _object("v:whole bidder:text remarks:text", prices=_rows("lot:text price_fen:fen"))


def _admitted(fold: _Ceremony, entry: _Entry) -> _Wrongs:
    body = entry.body
    first = next(iter(fold.windows.values()))
    row = first.rows.get(body["number"], {})
    if row.get("verdict") != "opened" or row["bidder"] != body["bidder"] or body["bid"] in fold.admitted:
        yield "admission", f"{body['bid']}: {body['number']}"
    judged = {part["part"]: part for part in first.verdicts.get(body["number"], {}).get("parts", ())}
    if any(judged.get(one["part"], one) != one for one in body["documents"]):
        yield "admission", f"{body['bid']}: other documents than judged"
    if body["lot"] in fold.dark:
        yield "admission", f"{body['bid']}: named in a dark lot"
    fold.admitted[body["bid"]] = body["number"]


def _key_sealed(fold: _Ceremony, entry: _Entry) -> _Wrongs:
    """Check form and place of a wrapped content key; whether it opens, only its recipient can tell."""
    body, suites = entry.body, {number: one.body["suite"] for number, one in fold.submitted.items()}
    key = (body["bid"], body["part"], body["recipient"])
    due = {(number, part) for number, part in _opened_parts(fold) if part not in _PUBLIC}
    named = {one["name"] for one in fold.policy.get("recipients", ())}
    if key[:2] not in due or body["recipient"] not in named or key in fold.sealed:
        yield "key_sealed", " ".join(key)
        return
    suite = _SUITES[suites[body["bid"]]]
    if len(_lenient(body["wrapped"])) != suite.content_key + suite.wrap:
        yield "key_sealed", f"{' '.join(key)}: no wrap of the suite"
    fold.sealed.add(key)


def _check_sealed_keys(fold: _Ceremony) -> Findings:
    """Demand a wrap for every recipient of every opened part that is not published."""
    recipients = [one["name"] for one in fold.policy.get("recipients", ())]
    for number, part in _opened_parts(fold):
        for name in recipients if part not in _PUBLIC else ():
            if (number, part, name) not in fold.sealed:
                yield Failure("key_sealed", file=ENTRIES, detail=f"none of {number} {part} for {name}")
    if not recipients:
        fold.case.remarks.append(
            "no archive key was named: documents that were opened cannot be read any more"
        )


def _coded(fold: _Ceremony, entry: _Entry) -> _Wrongs:
    """Check a bid that joined by its code: entries in the order of codes, numbers as the openings have them."""
    lot, bid = entry.body["lot"], entry.body["bid"]
    if lot not in fold.dark or bid in fold.admitted:
        yield "admission", f"{bid}: no dark lot, or admitted twice"
    if bid <= fold.codes.get(lot, ""):
        yield "admission", f"{bid}: not in the order of codes"
    number = fold.case.openings.get((entry.seq, "/number"))
    first = next(iter(fold.windows.values()), None)
    if number is not None and (first is None or first.rows.get(number, {}).get("verdict") != "opened"):
        yield "admission", f"{bid}: {number}"
    fold.codes[lot] = bid
    fold.admitted[bid] = number or ""


def _price_told(fold: _Ceremony, entry: _Entry) -> _Wrongs:
    if entry.body["lot"] in fold.dark:
        yield "price_read", f"{entry.body['bid']}: before its lot was unlocked"


def _check_prices(case: _Case) -> Findings:
    case.need(5)
    if not _is_sealed(case):
        return
    fold = _ceremony(case)
    yield from fold.found[22]
    yield from _check_sealed_keys(fold)
    keys = {(entry.body["bid"], entry.body["part"]): entry for entry in case.of("PartKeyPublished")}
    if len(keys) != len([*case.of("PartKeyPublished")]):
        yield Failure("part_key", file=ENTRIES, detail="one key twice")
    sheets: dict[tuple[str, str], _Json] = {}
    for number, part in (one for one in _opened_parts(fold) if one[1] in _PUBLIC):
        entry = keys.pop((number, part), None)
        try:
            sheets[number, part] = _open_sheet(case, fold, number, part, entry)
        except _Stop as stop:
            yield stop.failure
    yield from (
        Failure("part_key", file=ENTRIES, seq=one.seq, detail="not to be opened") for one in keys.values()
    )
    priced = "price" if "price" in [part["name"] for part in case.policy["parts"]] else "opening"
    prices = {number: sheet["prices"] for (number, part), sheet in sheets.items() if part == priced}
    yield from _check_rows(fold, sheets, priced)
    yield from _check_admissions(case, fold, prices)
    case.checked = len(sheets)


def _opened_parts(fold: _Ceremony) -> Iterator[tuple[str, str]]:
    """Yield number and name of every part that a window opened, once its record was out."""
    for name, window in fold.windows.items():
        for number, told in window.verdicts.items():
            if told["verdict"] == "opened" and window.sha256:
                yield from ((number, part) for part in fold.parts(name))


def _open_sheet(case: _Case, fold: _Ceremony, number: str, part: str, entry: _Entry | None) -> _Json:
    """Decrypt a part with its published key, and compare what is inside with the verdict's digest."""
    envelope = case.envelopes.get(number)
    if entry is None:
        _stop("part_key", file=ENTRIES, detail=f"none for {number} {part}")
    if envelope is None:
        _stop("not_checkable", detail="step 18")
    try:
        text = _decrypt(case, envelope, part, bytes.fromhex(entry.body["key"]))
        sheet = _read_canonical(text)
        _says(_SHEET(sheet) and sheet["v"] == 1, "members of the sheet")
    except (ValueError, InvalidTag, RecursionError) as error:
        detail = f"{part}: {error}"[:80]
        raise _Stop(Failure("part_key", file=envelope.file, seq=entry.seq, detail=detail)) from error
    told = [
        one
        for window in fold.windows.values()
        for one in window.verdicts.get(number, {}).get("parts", ())
        if one["part"] == part
    ]
    if told != [{"part": part, "sha256": hashlib.sha256(text).hexdigest(), "size": len(text)}]:
        _stop("sheet", file=envelope.file, seq=entry.seq, detail=f"{part}: another text than judged")
    return sheet


def _decrypt(case: _Case, envelope: _Envelope, part: str, key: bytes) -> bytes:
    """Return a part's text, padding taken off (c2sp.org/chunked-encryption, sealed-bid.md §7 and §8)."""
    suite, (offset, length) = envelope.suite, envelope.places[part]
    _says(len(key) == suite.content_key, "length of the key")
    _says(length <= _LONGEST_SHEET, "too long for a sheet")
    with _open(case.root / envelope.file) as handle:
        handle.seek(offset)
        data = handle.read(length)
    salt, commitment, stream = data[:24], data[24:56], data[56:]
    label = b"c2sp.org/chunked-encryption@v1+" + suite.bulk + b"\0"
    hashing: HashAlgorithm = SM3() if envelope.code == 0x11 else SHA512()
    derived = HKDFExpand(hashing, suite.content_key + 44, label + salt + envelope.contexts[part]).derive(key)
    bulk, nonce = derived[: suite.content_key], derived[suite.content_key : -32]
    _says(derived[-32:] == commitment, "another key than the part was sealed with")
    plain = b"".join(
        _decrypt_chunk(envelope.code, bulk, nonce, at // 16_400, stream[at : at + 16_400])
        for at in range(0, len(stream), 16_400)
    )
    return _without_padding(plain) if part in _PADDED else plain


def _decrypt_chunk(code: int, key: bytes, first: bytes, number: int, chunk: bytes) -> bytes:
    nonce = (int.from_bytes(first, "big") ^ number).to_bytes(12, "big")
    if code != 0x11:
        return AESGCM(key).decrypt(nonce, chunk, None)
    cipher = Cipher(SM4(key), GCM(nonce, chunk[-16:])).decryptor()
    return cipher.update(chunk[:-16]) + cipher.finalize()


def _without_padding(plain: bytes) -> bytes:
    size = int.from_bytes(plain[:8], "big")
    _says(size <= len(plain) - 8 and len(plain) - 8 - size < _STEP_OF_PADDING, "padding")
    _says(not any(plain[8 + size :]), "padding")
    return plain[8 : 8 + size]


def _check_rows(fold: _Ceremony, sheets: Mapping[tuple[str, str], _Json], priced: str) -> Findings:
    """Compare the prices in the records with the sheets."""
    for name, window in fold.windows.items():
        here = priced in fold.parts(name)
        for number, row in window.rows.items():
            opened = here and row["verdict"] == "opened"
            expected = sheets.get((number, priced), {}).get("prices") if opened else []
            if row["prices"] != expected:
                yield Failure("sheet", file=f"{OPENING}record-{name}.json", detail=number)


def _check_admissions(case: _Case, fold: _Ceremony, prices: Mapping[str, list[dict[str, str]]]) -> Findings:
    """Demand that every opened bid joined its lots, each with the price of its sheet."""
    first = next(iter(fold.windows.values()), None)
    opened = [one for one, told in first.verdicts.items() if told["verdict"] == "opened"] if first else []
    joins = [*case.of("BidAdmitted", "DarkBidAdmitted")]
    if any(entry.type == "DarkBidAdmitted" and not fold.admitted.get(entry.body["bid"]) for entry in joins):
        case.remarks.append("dark bids were never unlocked: whose they are stays sealed, and is not checked")
        return
    joined = {
        (entry.body["lot"], fold.admitted.get(entry.body["bid"], "")): entry.body["bid"] for entry in joins
    }
    if len(joined) != len(joins):
        yield Failure("admission", file=ENTRIES, detail="a bid in one lot twice")
    for number in opened if fold.state != "aborted" else ():
        if number not in {one for _, one in joined}:
            yield Failure("admission", file=ENTRIES, detail=f"{number} was left out")
    due = {
        joined.get((row["lot"], number), number): int(row["price_fen"])
        for number, rows in prices.items()
        for row in rows
    }
    read = {entry.body["bid"]: entry for entry in case.of("PriceRead")}
    for bid, fen in due.items():
        if bid not in read or read[bid].body["price_fen"] != fen:
            yield Failure("price_read", file=ENTRIES, seq=read[bid].seq if bid in read else None, detail=bid)
    for bid in read.keys() - due.keys():
        yield Failure("price_read", file=ENTRIES, seq=read[bid].seq, detail=bid)


_CEREMONY: Mapping[str, tuple[int, Callable[[_Ceremony, _Entry], _Wrongs]]] = {
    "TrusteeKeyPublished": (20, _nothing),
    "PolicyDrafted": (20, _nothing),
    "PolicySigned": (20, _nothing),
    "SubmissionsOpened": (20, _nothing),
    "BidSubmitted": (19, _submitted),
    "BidAcknowledged": (19, _acknowledged),
    "BidWithdrawn": (19, _withdrawn),
    "CoverMade": (19, _nothing),
    "BidsClosed": (19, _closed_list),
    "OpeningAborted": (19, _aborted),
    "OfficerSteppedUp": (20, _officer),
    "WindowOpened": (20, _window_opened),
    "WindowExtended": (20, _extended),
    "HalfReleased": (20, _half),
    "ShareReleased": (20, _shares),
    "WindowClosed": (20, _window_closed),
    "BidJudged": (21, _judged),
    "OpeningRecorded": (21, _recorded),
    "PartKeyPublished": (22, _nothing),
    "PartKeySealed": (22, _key_sealed),
    "BidAdmitted": (22, _admitted),
    "DarkBidAdmitted": (22, _coded),
    "PriceRead": (22, _price_told),
    "RecordConfirmed": (21, _confirmed),
    "CeremonyPaused": (20, _pausing),
    "CeremonyResumed": (20, _resuming),
    "KeysDestroyed": (20, _destroyed),
    "KeysNotDestroyed": (20, _not_destroyed),
}
"""Entry of an opening to the step that looks at it, and to its rule; steps 17, 18 and 22 look at some once more."""


def _asked(fold: _Ceremony, entry: _Entry) -> _Wrongs:
    """Keep whose bid a question is about, and what its answer is signed over."""
    said = {"question": entry.body["question"], "text": entry.body["text"]}
    fold.asked[entry.body["question"]] = (entry.body["bid"], hashlib.sha256(_canonical(said)).digest())
    yield from ()


def _answered(fold: _Ceremony, entry: _Entry) -> _Wrongs:
    """Demand that an answer is signed with the envelope key of the very bid that was asked about."""
    bid, digest = fold.asked.get(entry.body["question"], ("", b""))
    number = fold.admitted.get(bid, "")
    envelope = fold.case.envelopes.get(number)
    if not number:
        yield "answer_signature", f"{entry.body['question']}: no bid"
        return
    if envelope is None:
        yield "not_checkable", f"{number}: step 18"
        return
    answer = hashlib.sha256(entry.body["text"].encode()).digest()
    message = (
        b"EVB1 answer" + fold.policy["tender"].encode() + b"\0" + bytes.fromhex(number) + digest + answer
    )
    if not _is_bidders(fold.case, envelope, _lenient(entry.body["signature"]), message):
        yield "answer_signature", f"{entry.body['question']}: {bid}"


_ASIDE: Mapping[str, tuple[int, Callable[[_Ceremony, _Entry], _Wrongs]]] = {
    "CheckpointCosigned": (20, _cosigned),
    "GroupUnlocked": (20, _unlocked),
    "LotFailed": (20, _unlocked),
    "BidsReviewed": (20, _reviewed),
    "QuestionDrafted": (21, _asked),
    "QuestionAnswered": (21, _answered),
}
"""Entries besides the opening's that belong to it: what windows wait for, and what bidders sign afterwards."""


# --- 23 draws -------------------------------------------------------------------------------------

_BEFORE_PRICES = frozenset({"planned", "booked", "receiving", "opening"})
_EARLY = _BEFORE_PRICES | {"gathering", "briefed"}
_DRAWN_IN: Mapping[str, frozenset[str]] = {
    "experts": _EARLY | {"electing", "preliminary", "detailed"},
    "seats": _EARLY | {"electing", "preliminary", "detailed"},
    "sub_site": _EARLY,
    "code": _EARLY,
    "price_parameter": _EARLY,
    "chair": frozenset({"electing"}),
    "tie": frozenset({"summary"}),
    "members": _EARLY | {"electing", "preliminary", "detailed"},
}
_WEEK_MS = 7 * 24 * 3_600_000
_MOST_PARTIES = 16
_WITH_RESERVES = frozenset({"experts", "seats", "sub_site"})


@dataclass(slots=True)
class _Draw:
    """One draw as its entries leave it; `rows` are the single places, in the order in which they are filled."""

    body: dict[str, _Json]
    digest: str
    rows: list[_Json]
    state: str = "declared"
    commitments: dict[str, str] = field(default_factory=dict)
    values: dict[str, str] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)
    drawn: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)
    kept_back: bool = False
    roster: str = ""

    @property
    def open(self) -> bool:
        return self.state not in {"drawn", "void"}

    @property
    def about(self) -> tuple[str, str, str]:
        return self.body["purpose"], self.body["lot"], self.body["subject"]

    def fits(self, name: str, row: _Json) -> bool:
        expert = next(one for one in self.body["experts"] if one["id"] == name)
        return expert["type"] == row["type"] and row["region"] in ("", expert["region"])


@dataclass(slots=True)
class _Lottery:
    """What draws depend on: who sits where, the stage, and what has been drawn, tied or unsealed so far."""

    session: str
    roles: dict[str, str]
    sites: set[str]
    lots: set[str]
    sealed: bool
    stage: str
    priced: str
    unsealed: bool = False
    holders: set[str] = field(default_factory=set)
    quorum: int = 0
    ties: dict[str, set[str]] = field(default_factory=dict)
    draws: dict[str, _Draw] = field(default_factory=dict)

    def under_way(self, purpose: str = "") -> list[str]:
        return [name for name, one in self.draws.items() if one.open and purpose in ("", one.body["purpose"])]


def _tagged(tag: str, value: object) -> str:
    return hashlib.sha256(f"evalroom/draw/{tag}/v1\n".encode() + _canonical(value)).hexdigest()


def _check_draws(case: _Case) -> Findings:
    case.need(5)
    opened = case.opened
    sealed = not opened["rehearsal"]
    if next(case.of("PolicyDrafted"), None) is not None:
        case.need(17)
    windows = {one["name"]: one["window"] for one in case.policy.get("parts", [])}
    lottery = _Lottery(
        opened["session"],
        {seat["code"]: seat["role"] for seat in opened["seats"]},
        {site["id"] for site in opened["sites"] if not site["host"]},
        {lot["id"] for lot in opened["tender"]["lots"]},
        sealed,
        _ORDER[0] if sealed else "gathering",
        windows.get("price", windows.get("opening", "")),
    )
    if case.policy and case.policy["mode"] != "bidder":
        lottery.holders = {one["name"] for one in case.policy["trustees"]}
        lottery.quorum = case.policy["k"]
    for entry in case.of(*_LOTTERY):
        for code, detail in _LOTTERY[entry.type](lottery, entry):
            yield Failure(code, ENTRIES, seq=entry.seq, detail=detail)
    # What ends before its time takes its draws with it.
    if lottery.stage not in {*_BEFORE_PRICES, "failed", "aborted"}:
        yield from (Failure("draw_open", ENTRIES, detail=name) for name in lottery.under_way())
    case.checked = len(lottery.draws)


_Lots = Iterator[tuple[str, str]]


def _moved_on(lottery: _Lottery, entry: _Entry) -> _Lots:
    lottery.stage = entry.body["after"]
    yield from (("draw_open", name) for name in lottery.under_way())


def _ended(lottery: _Lottery, entry: _Entry) -> _Lots:
    lottery.stage = {"SessionAborted": "aborted", "TenderFailed": "failed"}[entry.type]
    yield from ()


def _window_over(lottery: _Lottery, entry: _Entry) -> _Lots:
    if entry.body["window"] == lottery.priced:
        lottery.unsealed = entry.type == "WindowClosed"
        waiting = lottery.under_way("price_parameter") if lottery.unsealed else []
        yield from (("draw_open", name) for name in waiting)


def _ranked(lottery: _Lottery, entry: _Entry) -> _Lots:
    lottery.ties[entry.body["lot"]] = set(entry.body["ties"])
    yield from ()


def _vote_counted(lottery: _Lottery, entry: _Entry) -> _Lots:
    """Note whom a vote on an award left tied: a draw may settle that as it does a ranking's ties."""
    vote = str(entry.body["vote"])
    if vote.startswith("award-") and entry.body["tied"]:
        lottery.ties[vote.removeprefix("award-")] = set(entry.body["tied"])
    yield from ()


def _declared(lottery: _Lottery, entry: _Entry) -> _Lots:
    body = entry.body
    digest = _tagged("declaration", {**body, "session": lottery.session})
    rows = [row for row in body["places"] for _ in range(min(row["count"], 1_000))]
    draw = _Draw(body, digest, rows)
    before = [one for one in lottery.draws.values() if one.about == draw.about]
    yield from (("draw_terms", what) for what in _bad_terms(lottery, draw, entry, before))
    yield from (("draw_again", what) for what in _bad_history(draw, before))
    if body["draw"] in lottery.draws:
        yield "draw_again", body["draw"]
    lottery.draws[body["draw"]] = draw


def _bad_terms(lottery: _Lottery, draw: _Draw, entry: _Entry, before: Sequence[_Draw]) -> Iterator[str]:
    body, parties = draw.body, draw.body["parties"]
    if lottery.stage not in _DRAWN_IN[body["purpose"]] or (
        body["purpose"] == "price_parameter"
        and lottery.sealed
        and (lottery.unsealed or lottery.stage not in _BEFORE_PRICES)
    ):
        yield f"not drawn in {lottery.stage}"
    if not entry.t < body["closes"] < body["ends"] <= entry.t + _WEEK_MS:
        yield "times"
    roles = [lottery.roles.get(one) for one in parties]
    if not 2 <= len(parties) <= _MOST_PARTIES or len(set(parties)) != len(parties):
        yield "two to sixteen parties, each once"
    if not _ROLES["DrawCommitted"].issuperset(roles):
        yield "parties of these roles"
    if not roles or roles[-1] == "operator":
        yield "an operator reveals last"
    barred = {seat for one in before if one.kept_back for seat in one.silent}
    watchers = {seat for seat, role in lottery.roles.items() if role == "supervisor"} - barred
    if watchers and not watchers & set(parties):
        yield "no supervisor takes part"
    if barred & set(parties):
        yield "who kept a value back takes part again"
    yield from _bad_list(draw)
    if not _fits_subject(lottery, draw):
        yield "options that are not there"


def _bad_list(draw: _Draw) -> Iterator[str]:
    body = draw.body
    names = [*body["options"], *(one["id"] for one in body["experts"])]
    listed = _names_of(body)
    if len(set(names)) != len(names) or bool(body["options"]) == bool(body["experts"]):
        yield "a list of options or experts, without doubles"
    if not 1 <= body["count"] <= len(listed):
        yield "count"
    if body["takers"] and len(set(body["takers"])) != body["count"]:
        yield "takers"
    if (body["purpose"] == "experts") != bool(body["experts"]):
        yield "experts"
    if len({bool(body["experts"]), bool(body["places"]), body["make_up"] is not None}) != 1:
        yield "experts, places and make-up go together"
    elif body["experts"]:
        yield from _bad_committee(draw)


def _bad_committee(draw: _Draw) -> Iterator[str]:
    body, terms = draw.body, draw.body["make_up"]
    members = terms["owners"] + len(draw.rows)
    counted = sum(row["type"] in {"technical", "economic"} for row in draw.rows)
    if len(draw.rows) != body["count"] or members < terms["least"] or (terms["odd"] and members % 2 == 0):
        yield "places, least or odd number"
    if counted < Fraction(terms["share"]) * members:
        yield "share of technical and economic experts"
    earlier: list[tuple[set[str], int]] = []
    for row in body["places"]:
        fit = {name for name in _names_of(body) if draw.fits(name, row)}
        if row["count"] < 1 or len(fit) < row["count"] + sum(count for own, count in earlier if own & fit):
            yield "a row that might stay empty"
        earlier.append((fit, row["count"]))


def _names_of(body: Mapping[str, _Json]) -> list[str]:
    return [*body["options"], *(one["id"] for one in body["experts"] if not one["recused"])]


def _fits_subject(lottery: _Lottery, draw: _Draw) -> bool:
    body, options = draw.body, set(draw.body["options"])
    purpose, count = body["purpose"], body["count"]
    if body["lot"] not in lottery.lots and (body["lot"] or purpose in {"tie", "price_parameter", "members"}):
        return False
    if purpose == "tie":
        return options <= lottery.ties.get(body["lot"], set()) and count == len(options) >= 2
    if purpose == "members":
        experts = {seat for seat, role in lottery.roles.items() if role == "expert"}
        return options == experts and count == len(options) and not body["takers"]
    if purpose == "chair":
        return count == 1 and all(lottery.roles.get(one) == "expert" for one in options)
    if purpose == "seats":
        return options <= lottery.roles.keys()
    if purpose == "sub_site":
        return options <= lottery.sites
    return purpose != "price_parameter" or bool(count == 1)


def _bad_history(draw: _Draw, before: Sequence[_Draw]) -> Iterator[str]:
    if before and before[-1].state != "void":
        yield "it was drawn before"
    if draw.body["redoes"] != (before[-1].body["draw"] if before else ""):
        yield "another void draw is named"
    broken = next((number for number in range(len(before) - 1, -1, -1) if before[number].kept_back), None)
    if broken is None:
        return
    first = before[broken]
    for name in ("options", "places", "make_up", "count", "takers"):
        if draw.body[name] != first.body[name]:
            yield name
    if _public(draw.body) != _public(first.body):
        yield "experts"
    absent = {seat for one in before[broken:] for seat in one.silent}
    if not set(first.body["parties"]) - absent <= set(draw.body["parties"]):
        yield "a party was left out"


def _public(body: Mapping[str, _Json]) -> list[_Json]:
    return [[one["id"], one["type"], one["region"], one["recused"]] for one in body["experts"]]


def _party(lottery: _Lottery, entry: _Entry, state: str) -> _Draw | None:
    """Return the draw in which a party acts, None where it may not."""
    draw = lottery.draws.get(entry.body["draw"])
    return draw if draw and draw.state == state and entry.actor in draw.body["parties"] else None


def _committed(lottery: _Lottery, entry: _Entry) -> _Lots:
    draw = _party(lottery, entry, "declared")
    if draw is None or entry.actor in draw.commitments or entry.t > draw.body["closes"]:
        yield "draw_part", f"{entry.body['draw']}, {entry.actor}"
        return
    draw.commitments[entry.actor] = entry.body["commitment"]
    if len(draw.commitments) == len(draw.body["parties"]):
        draw.state = "committed"


def _revealed(lottery: _Lottery, entry: _Entry) -> _Lots:
    draw, body = _party(lottery, entry, "committed"), entry.body
    if draw is None or entry.actor != _next_of(draw) or entry.t > draw.body["ends"]:
        yield "draw_part", f"{body['draw']}, {entry.actor}"
        return
    said = [lottery.session, body["draw"], draw.digest, entry.actor, body["value"], body["nonce"]]
    seen = [draw.digest, [[party, draw.commitments[party]] for party in draw.body["parties"]]]
    if (
        _tagged("commitment", said) != draw.commitments[entry.actor]
        or _tagged("commitments", seen) != body["commitments"]
    ):
        yield "draw_reveal", f"{body['draw']}, {entry.actor}"
    draw.values[entry.actor] = body["value"]
    if len(draw.values) == len(draw.body["parties"]):
        draw.state = "revealed"


def _next_of(draw: _Draw) -> str:
    return str(next(one for one in draw.body["parties"] if one not in draw.values))


def _made(lottery: _Lottery, entry: _Entry) -> _Lots:
    draw = lottery.draws.get(entry.body["draw"])
    if draw is None or draw.state != "revealed" or entry.actor != "host":
        yield "draw_result", entry.body["draw"]
        return
    rows = [[party, draw.values[party]] for party in draw.body["parties"]]
    seed = _tagged("seed", [draw.digest, rows])
    draw.order = _shuffle(_names_of(draw.body), bytes.fromhex(seed))
    draw.drawn = _pick(draw)
    draw.state = "drawn"
    if [seed, draw.order, draw.drawn] != [entry.body["seed"], entry.body["order"], entry.body["drawn"]]:
        yield "draw_result", entry.body["draw"]


def _shuffle(names: list[str], seed: bytes) -> list[str]:
    """Shuffle from the end, each place with one not behind it, by numbers that favour nobody."""
    stream = _numbers(seed)
    for last in reversed(range(1, len(names))):
        number = next(stream)
        while number >= (1 << 64) // (last + 1) * (last + 1):
            number = next(stream)
        chosen = number % (last + 1)
        names[last], names[chosen] = names[chosen], names[last]
    return names


def _numbers(seed: bytes) -> Iterator[int]:
    counter = 0
    while True:
        block = hashlib.sha256(b"evalroom/draw/stream/v1\n" + seed + struct.pack(">Q", counter)).digest()
        yield from struct.unpack(">4Q", block)
        counter += 1


def _pick(draw: _Draw) -> list[str]:
    if not draw.rows:
        return draw.order[: draw.body["count"]]
    picked: list[str] = []
    for row in draw.rows:
        picked.append(next((one for one in draw.order if one not in picked and draw.fits(one, row)), ""))
    return picked


def _voided(lottery: _Lottery, entry: _Entry) -> _Lots:
    draw, silent = lottery.draws.get(entry.body["draw"]), entry.body["silent"]
    if draw is None or draw.state not in {"declared", "committed"} or entry.actor != "host":
        yield "draw_void", entry.body["draw"]
        return
    draw.kept_back = draw.state == "committed"
    missing = [one for one in draw.body["parties"] if one not in draw.commitments]
    awaited, until = ([_next_of(draw)], "ends") if draw.kept_back else (missing, "closes")
    if silent != awaited or entry.t <= draw.body[until]:
        yield "draw_void", entry.body["draw"]
    draw.state, draw.silent = "void", awaited


def _continued(lottery: _Lottery, entry: _Entry) -> _Lots:
    draw, out, comes = lottery.draws.get(entry.body["draw"]), entry.body["out"], entry.body["drawn"]
    if draw is None or out not in draw.drawn or draw.body["purpose"] not in _WITH_RESERVES:
        yield "draw_redraw", entry.body["draw"]
        return
    place = draw.drawn.index(out)
    left = (one for one in draw.order if one not in draw.drawn and one not in draw.gone)
    following = next((one for one in left if not draw.rows or draw.fits(one, draw.rows[place])), "")
    stage_fits = lottery.stage in _DRAWN_IN[draw.body["purpose"]]
    if comes != following or not following or not stage_fits or not entry.body["reason"].strip():
        yield "draw_redraw", f"{entry.body['draw']}, {out}"
    draw.gone.append(out)
    draw.drawn[place] = comes


def _roster_sealed(lottery: _Lottery, entry: _Entry) -> _Lots:
    draw = lottery.draws.get(entry.body["draw"])
    if draw is None or draw.state != "drawn" or draw.body["purpose"] != "experts" or not lottery.holders:
        yield "roster", entry.body["draw"]
        return
    draw.roster = entry.body["sha256"]


def _roster_unsealed(lottery: _Lottery, entry: _Entry) -> _Lots:
    draw, given = lottery.draws.get(entry.body["draw"]), entry.body["trustees"]
    known = draw is not None and draw.roster == entry.body["sha256"] != "" and entry.actor == "host"
    enough = len(set(given)) == len(given) >= lottery.quorum and set(given) <= lottery.holders
    if draw is None or not known or not enough:
        yield "roster", entry.body["draw"]
        return
    draw.roster = ""


_LOTTERY: Mapping[str, Callable[[_Lottery, _Entry], _Lots]] = {
    "StageChanged": _moved_on,
    "SessionAborted": _ended,
    "TenderFailed": _ended,
    "WindowClosed": _window_over,
    "WindowExtended": _window_over,
    "RankingComputed": _ranked,
    "VoteCounted": _vote_counted,
    "DrawDeclared": _declared,
    "DrawCommitted": _committed,
    "DrawRevealed": _revealed,
    "DrawMade": _made,
    "DrawVoided": _voided,
    "DrawContinued": _continued,
    "RosterSealed": _roster_sealed,
    "RosterUnsealed": _roster_unsealed,
}
"""Entry type to what it does to the draws."""


# --- the whole ------------------------------------------------------------------------------------

_RUN: tuple[tuple[int, Callable[[_Case], Findings]], ...] = (
    (1, _bag_form),
    (5, _read_entries),
    (2, _digest_all),
    (6, _check_roots),
    (7, _check_log_signature),
    (8, _check_cosignatures),
    (9, _check_reels),
    (10, _check_tiling),
    (11, _check_clocks),
    (12, _check_openings),
    (13, _check_acts),
    (14, _check_result),
)
"""The steps in the order they run: the journal first, since it says where the fragments lie."""

_RUN_SEALED: tuple[tuple[int, Callable[[_Case], Findings]], ...] = (
    (17, _check_policy),
    (18, _check_envelopes),
    (19, _check_list),
    (20, _check_ceremony),
    (21, _check_verdicts),
    (22, _check_prices),
)
"""Further steps, for sessions whose bids were sealed; a rehearsal has none of it."""

_RUN_LAST: tuple[tuple[int, Callable[[_Case], Findings]], ...] = ((23, _check_draws),)
"""Of every session, once it is known from the policy which window holds prices."""


def verify(
    directory: Path,
    trusted_log_vkeys: Sequence[str] = (),
    trusted_witness_vkeys: Sequence[str] = (),
    progress: Callable[[Progress], None] | None = None,
    threads: int | None = None,
) -> Report:
    """Return what is found in the bag at `directory`; nothing wrong with it is ever raised.

    The trusted keys are C2SP verifier keys that come from outside the bag.

    Raises:
        UnusableKey: one of them is no such key.
    """
    case = _Case(
        directory,
        _trusted_keys(trusted_log_vkeys, 1),
        _trusted_keys(trusted_witness_vkeys, 4),
        threads or min(4, os.cpu_count() or 1),
        progress or (lambda _: None),
    )
    steps = [_run(number, check, case) for number, check in _RUN]
    if case.entries and case.entries[0].type == "SessionOpened" and case.opened["rehearsal"]:
        case.remarks.insert(0, REHEARSAL)
    else:
        steps += [_run(number, check, case) for number, check in _RUN_SEALED]
    steps += [_run(number, check, case) for number, check in _RUN_LAST]
    steps.sort(key=lambda step: step.number)
    if any(path.startswith("seal/") for path in case.files):
        case.remarks.append("the seal is not checked by this version")
    return Report(tuple(steps), tuple(dict.fromkeys(case.remarks)))


def _trusted_keys(texts: Sequence[str], kind: int) -> list[_Key]:
    try:
        keys = [_read_key(text.strip()) for text in texts]
    except ValueError as error:
        raise UnusableKey("a trusted key is written <name>+<id>+<key>") from error
    if any(key.kind != kind for key in keys):
        raise UnusableKey("a log's key has type 1, a witness's key type 4")
    return keys


def _run(number: int, check: Callable[[_Case], Findings], case: _Case) -> Step:
    case.checked = 0
    case.progress(Progress(number, 0, 1))
    failures: list[Failure] = []
    try:
        failures.extend(check(case))
    except _Stop as stop:
        failures.append(stop.failure)
    except (
        OSError, ValueError, LookupError, TypeError, ArithmeticError, RecursionError, UnsupportedAlgorithm,
    ) as error:  # fmt: skip
        failures.append(Failure("unreadable", detail=repr(error)[:120]))
    case.progress(Progress(number, 1, 1))
    if not failures:
        case.passed.add(number)
    kept = tuple(
        Failure(one.code, one.file, one.track, one.second, one.seq, one.detail, number)
        for one in failures[:MOST_FAILURES]
    )
    return Step(number, case.checked, kept, max(0, len(failures) - MOST_FAILURES))


def main(arguments: Sequence[str] | None = None) -> int:
    """Verify the folder named on the command line; 0 when everything passed, else 1."""
    parser = argparse.ArgumentParser(description="Verify the archive of one evaluation session.")
    parser.add_argument("directory", type=Path)
    parser.add_argument(
        "--log-key", action="append", default=[], help="verifier key of the log, from outside"
    )
    parser.add_argument("--witness-key", action="append", default=[], help="verifier key of a witness")
    parser.add_argument("--zh", action="store_true", help="report in Chinese")
    options = parser.parse_args(arguments)
    report = verify(options.directory, options.log_key, options.witness_key)
    for line in lines_of(report, "zh" if options.zh else "en"):
        sys.stdout.write(line + "\n")
    return 0 if report.ok else 1


def lines_of(report: Report, language: str = "en") -> Iterator[str]:
    """Yield the report as lines of text in "en" or "zh"."""
    for step in report.steps:
        mark = "ok" if step.ok else "FAILED"
        yield f"{step.number:>2} {mark:<6} {step.name(language)} ({step.checked})"
        yield from (f"          {failure.sentence(language)}" for failure in step.failures)
        if step.more:
            yield f"          + {step.more}"
    yield from (f"   note   {note}" for note in report.notes)


if __name__ == "__main__":
    sys.exit(main())
