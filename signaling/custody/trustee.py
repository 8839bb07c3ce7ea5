"""What a trustee's agent does for each command, one at a time; what it did once, it answers again.

It holds the keys and believes nobody who asks: what it signs or releases passes `evidence.py` first, by its
own clock.  Each act stands in the tender's record, synchronised, before its answer leaves.  Refused: a second
policy for a tender, a second session key for a window, everything after the keys were destroyed.
"""

import hashlib
import json
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

import structlog

from evalroom.errors import EvalroomError, LocalFault, PeerFault, Refusal
from evalroom.ids import check_name
from evalroom.ledger.base64 import decode_base64, encode_base64
from evalroom.ledger.canonical import Json
from evalroom.ledger.note import VerifierKey, parse_vkey
from evalroom.sealing import custody as messages
from evalroom.sealing.dealing import ShareMismatch
from evalroom.sealing.envelope import Envelope, open_envelope
from evalroom.sealing.facts import SuiteKey
from evalroom.sealing.members import MAX_OBJECT, Members
from evalroom.sealing.policy import (
    MAX_RECIPIENTS,
    MAX_SUITES,
    Policy,
    Recipient,
    TrusteeKind,
    Window,
    encode_recipient,
    parse_policy,
    parse_recipient,
)
from evalroom.sealing.roster import MAX_ROSTER, SealedRoster, open_roster_share, parse_roster
from evalroom.sealing.suite import OpeningKey, WrapNotOpened
from evalroom.sealing.suites import find_suite
from evalroom.sealing.unseal import open_share
from signaling.custody import evidence as ev
from signaling.custody.folder import Record, RecordDamaged, read_json, read_lines, write_file
from signaling.custody.keys import CustodyLacksSuite, KeyLabel, KeyProvider, TrusteeSigner

Answer: TypeAlias = dict[str, Json]

FACTS = "agent.json"
VERSION = 1
SHARE, KEEP = "share", "keep"
ROSTERS = ""
"""Stands for the window where the session key of rosters is kept; no window is without a name."""

MAX_HEAD = 2 * MAX_OBJECT + (1 << 16)
MAX_BIDS = 4096
MAX_WRAP = 1 << 13
MAX_SECRET = 1 << 10
MAX_PROOFS = 1 << 16
LABELS = (b"EVB1 release", b"EVB1 combine")
"""What may be opened with a window's session key: halves of bidders, shares of trustees."""


class MalformedCommand(PeerFault):
    """A line on the agent's socket is no command of opening.md §10: nothing was done."""

    code = "malformed_command"


class UnknownAgentCommand(PeerFault):
    """The agent knows no such command: its version differs from the node's; nothing was done."""

    code = "unknown_agent_command"


class NoKeysForTender(Refusal):
    """This trustee has made no keys for that tender: let it publish some first."""

    code = "no_keys_for_tender"


class TrusteeKeysDestroyed(Refusal):
    """This trustee's keys for the tender are destroyed: nothing more can be opened with them."""

    code = "trustee_keys_destroyed"


class PolicyNotSigned(Refusal):
    """This trustee has signed no policy for that tender: let it read the draft back and sign first."""

    code = "policy_not_signed"


class AnotherSuiteList(Refusal):
    """This trustee published keys for other suites in that tender, and no second set: draft with those."""

    code = "another_suite_list"


class AnotherSessionKey(Refusal):
    """Shares of this window go to the session key that was named first: take it again from the host's agent."""

    code = "another_session_key"


class NotTheHost(Refusal):
    """Only the host's agent holds session keys: ask there."""

    code = "not_the_host"


class KeyReplaced(LocalFault):
    """A key in the custody is not the one that was published: stop, and find out who changed it."""

    code = "key_replaced"


class CustodyStorage(LocalFault):
    """The agent cannot read or write its folder: make room or mend the disk; the command may be repeated."""

    code = "custody_storage"


class AgentFault(LocalFault):
    """The agent failed in a way it should not: nothing is lost; its log names the place. Report it."""

    code = "agent_fault"


@dataclass(frozen=True, slots=True)
class AgentFacts:
    """Who an agent is: name, kind and description of its trustee, its signer, and what it knows beforehand."""

    name: str
    kind: TrusteeKind
    who: str
    provider: str
    options: Mapping[str, str]
    signer: bytes
    witnesses: tuple[VerifierKey, ...] = ()
    quorum: int = 0
    archive: tuple[Recipient, ...] = ()
    """Archive keys known beforehand: a policy is signed only if opened documents stay readable with each."""

    def write(self, folder: Path) -> None:
        """Keep them in the agent's folder."""
        members = {
            "v": VERSION,
            "name": self.name,
            "kind": self.kind.value,
            "who": self.who,
            "provider": self.provider,
            "options": [{"name": name, "value": value} for name, value in self.options.items()],
            "signer": encode_base64(self.signer),
            "witnesses": [one.encode() for one in self.witnesses],
            "quorum": self.quorum,
            "archive": [encode_recipient(one).decode() for one in self.archive],
        }
        write_file(folder / FACTS, json.dumps(members, ensure_ascii=False, indent=1).encode() + b"\n")


def read_facts(folder: Path) -> AgentFacts:
    """Return who the agent in `folder` is.

    Raises:
        NoAgentHere, RecordDamaged: nobody, or the file was changed into something else.
    """
    try:
        members = Members(dict(read_json(folder / FACTS)), MalformedCommand, FACTS)
        return _facts(members)
    except (PeerFault, Refusal, ValueError) as error:
        raise RecordDamaged(file=FACTS, problem=str(error)[:200]) from error


def _facts(members: Members) -> AgentFacts:
    members.integer("v", VERSION, VERSION)
    options = {
        one.text("name", 64): one.text("value", 4096) for one in members.objects("options", 64, least=0)
    }
    facts = AgentFacts(
        name=check_name(members.text("name", 64)),
        kind=TrusteeKind(members.text("kind", 16)),
        who=members.text("who", 200),
        provider=members.text("provider", 64),
        options=options,
        signer=members.data_within("signer", 4096),
        witnesses=tuple(map(parse_vkey, members.texts("witnesses", ev.MAX_WITNESSES, 256))),
        quorum=members.integer("quorum", 0, ev.MAX_WITNESSES),
        archive=tuple(parse_recipient(one.encode()) for one in _archive_keys(members)),
    )
    members.close()
    return facts


def _archive_keys(members: Members) -> tuple[str, ...]:
    """Take the public files of archive keys; agents made before there were any have none."""
    return members.texts("archive", MAX_RECIPIENTS, 1 << 16) if members.has("archive") else ()


@dataclass(slots=True)
class Custody:
    """One tender as its record tells it."""

    record: Record
    published: Answer | None = None
    signed: Answer | None = None
    policy: Policy | None = None
    policy_digest: bytes = bytes(32)
    trust: ev.Trust | None = None
    acks: dict[tuple[str, str], Answer] = field(default_factory=dict)
    session_keys: dict[str, str] = field(default_factory=dict)
    targets: dict[str, str] = field(default_factory=dict)
    shares: dict[tuple[str, str], list[Json]] = field(default_factory=dict)
    rosters: dict[str, Answer] = field(default_factory=dict)
    destroying: bool = False
    destroyed: Answer | None = None

    @classmethod
    def read(cls, folder: Path) -> "Custody":
        """Return the tender whose record lies in `folder`.

        Raises:
            RecordDamaged: it cannot be told any more.
        """
        custody = cls(Record(folder))
        try:
            for line in custody.record:
                custody._take(line)
        except (KeyError, EvalroomError) as error:
            raise RecordDamaged(folder=folder.name, problem=type(error).__name__) from error
        return custody

    def note(self, *lines: Answer) -> None:
        """Write `lines` into the record, then know them."""
        self.record.append(lines)
        for line in lines:
            self._take(line)

    @property
    def state(self) -> str:
        """Say how far it has come."""
        steps: tuple[tuple[str, object], ...] = (
            ("destroyed", self.destroyed),
            ("destroying", self.destroying),
            ("released", self.shares),
            ("signed", self.signed),
            ("published", self.published),
        )
        return next((name for name, reached in steps if reached), "new")

    def _take(self, line: Mapping[str, Json]) -> None:
        given = dict(line)
        match given.pop("did"):
            case "published":
                self.published = given
            case "signed":
                self._take_signed(Members(given, MalformedCommand, "record"))
            case "acked":
                bid, digest = str(given["bid"]), str(given.pop("digest"))
                self.acks[bid, digest] = given
            case "session":
                self.session_keys[str(given["window"])] = str(given["public"])
            case "target":
                self.targets[str(given["window"])] = str(given["public"])
            case "released":
                shares = given["shares"]
                self.shares[str(given["window"]), str(given["bid"])] = (
                    list(shares) if isinstance(shares, list) else []
                )
            case "roster":
                self.rosters[str(given["sha256"])] = {name: given[name] for name in ("good", "sealed")}
            case "destroying":
                self.destroying = True
            case "destroyed":
                self.destroyed = given
            case other:
                raise MalformedCommand(at="record", did=str(other)[:40])

    def _take_signed(self, members: Members) -> None:
        text = members.text("policy", MAX_OBJECT)
        log, witnesses = members.text("log", 256), members.texts("witnesses", ev.MAX_WITNESSES, 256)
        quorum = members.integer("quorum", 0, ev.MAX_WITNESSES)
        self.trust = ev.Trust(parse_vkey(log), tuple(map(parse_vkey, witnesses)), quorum)
        self.policy = parse_policy(text.encode())
        self.policy_digest = hashlib.sha256(text.encode()).digest()
        self.signed = {name: members.text(name, 200) for name in ("trustee", "sha256", "signature")}


def read_signed_policy(folder: Path, tender: str) -> tuple[dict[str, Json], bytes]:
    """Return what people compare of the policy that this trustee signed, and its text; the record is only read.

    Raises:
        MalformedName: the tender's id is none.
        NoKeysForTender, PolicyNotSigned: the trustee has not come so far in that tender.
        RecordDamaged: the record cannot be told.
    """
    place = folder / "tenders" / check_name(tender)
    if not place.is_dir():
        raise NoKeysForTender(tender=tender)
    signed = next((line for line in read_lines(place) if line.get("did") == "signed"), None)
    if signed is None:
        raise PolicyNotSigned(tender=tender)
    text = str(signed["policy"]).encode()
    policy = parse_policy(text)
    facts: dict[str, Json] = {
        "tender": tender,
        "sha256": hashlib.sha256(text).hexdigest(),
        "deadline": _instant(policy.deadline),
        "mode": policy.mode.value,
        "quorum": f"{policy.k} of {len(policy.trustees)}",
        "trustees": [f"{one.name}: {one.who}" for one in policy.trustees],
        "suites": [f"0x{one:02x}" for one in policy.suites],
        "windows": [_said(one) for one in policy.windows],
    }
    return facts, text


def _said(window: Window) -> str:
    opens = "" if window.opens_at is None else f", not before {_instant(window.opens_at)}"
    return f"{window.name}: after {window.gate}{opens}"


def _instant(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds")


@dataclass(slots=True)
class Signed:
    """A tender with a policy that this trustee signed."""

    custody: Custody
    policy: Policy
    trust: ev.Trust
    place: int


class Trustee:
    """The agent's whole doing without its socket: a line in, a line out."""

    def __init__(
        self, folder: Path, facts: AgentFacts, provider: KeyProvider, clock: Callable[[], int]
    ) -> None:
        """Read all records in `folder`, unlock the signer, and finish what was being destroyed.

        `clock` returns this machine's UTC in ms.

        Raises:
            RecordDamaged: a record cannot be told any more.
            WrongPassphrase, KeyFileDamaged, TokenGone: the custody does not open.
            KeyReplaced: its signer is not the one that the agent was made with.
        """
        self._folder, self._facts, self._provider, self._clock = folder, facts, provider, clock
        self._signer: TrusteeSigner = provider.signer()
        if self._signer.spki != facts.signer:
            raise KeyReplaced(key="signer")
        paths = sorted((folder / "tenders").glob("*"))
        self._tenders = {path.name: Custody.read(path) for path in paths}
        for tender, custody in self._tenders.items():
            if custody.destroying and custody.destroyed is None:
                self._destroy(tender, custody)
        self._commands: Mapping[str, Callable[[Members], Answer]] = {
            "status": self._status,
            "publish": self._publish,
            "prove": self._prove,
            "sign": self._sign,
            "ack": self._ack,
            "session_key": self._session_key,
            "open_release": self._open_release,
            "release": self._release,
            "release_roster": self._release_roster,
            "keep": self._keep,
            "recall": self._recall,
            "destroy": self._destroy_all,
        }

    def answer(self, line: bytes) -> bytes:
        """Return the line that answers `line`, newline included; whatever came in, a coded answer goes out."""
        command = ""
        try:
            members = _parse(line)
            command = members.text("command", 40)
            act = self._commands.get(command, _unknown)
            said = {"ok": True, **act(members)}
        except EvalroomError as error:
            said = refusal(error)
        except OSError as error:
            said = refusal(CustodyStorage(problem=error.strerror))
        except Exception as error:  # noqa: BLE001 - a bug in one command must not take the keys of all tenders away
            # Not the traceback: the text of an error may hold what it choked on.
            place = traceback.extract_tb(error.__traceback__)[-1]
            structlog.get_logger(__name__).error(
                "agent_fault",
                fault=type(error).__name__,
                command=command,
                at=f"{Path(place.filename).name}:{place.lineno}",
            )
            said = refusal(AgentFault(problem=type(error).__name__))
        if not said["ok"]:
            structlog.get_logger(__name__).warning("agent_refuses", command=command, code=said["code"])
        return encode_answer(said)

    # --- before the bids ---------------------------------------------------------------------------

    def _status(self, members: Members) -> Answer:
        members.close()
        tenders = [{"tender": name, "state": one.state} for name, one in self._tenders.items()]
        return {"trustee": self._facts.name, "tenders": tenders, "now": self._clock()}

    def _publish(self, members: Members) -> Answer:
        tender = check_name(members.text("tender", 64))
        suites, theirs = members.integers("suites", MAX_SUITES), members.integer("now")
        members.close()
        custody = self._tenders.get(tender)
        if custody is not None and custody.published is not None:
            self._usable(custody, tender)
            if [key.suite for key in _keys_in(custody.published)] != list(suites):
                raise AnotherSuiteList(tender=tender)
            return custody.published
        ev.check_clock(self._clock(), theirs)
        for code in suites:
            if find_suite(code).code not in self._provider.suites:
                raise CustodyLacksSuite(suite=code)
        made = {code: self._provider.make(KeyLabel(tender, SHARE, code)) for code in suites}
        self._provider.make(KeyLabel(tender, KEEP, suites[0]))
        listed = [SuiteKey(code, encode_base64(key.public)) for code, key in made.items()]
        keys: Json = [{"suite": one.suite, "public": one.public} for one in listed]
        body: Answer = {
            "trustee": self._facts.name,
            "kind": self._facts.kind.value,
            "who": self._facts.who,
            "signer": encode_base64(self._signer.spki),
            "keys": keys,
            "proof": self._signature(messages.published_message(tender, listed)),
        }
        custody = custody or Custody(Record(self._folder / "tenders" / tender))
        custody.note({"did": "published", **body})
        self._tenders[tender] = custody
        return body

    def _prove(self, members: Members) -> Answer:
        tender, custody, published = self._published(members)
        wraps = [
            (one.integer("suite"), one.data_within("wrap", MAX_WRAP))
            for one in members.objects("wraps", MAX_SUITES)
        ]
        members.close()
        self._usable(custody, tender)
        info = messages.possession_info(_keys_in(published))
        opened = [self._key(tender, custody, code).unwrap(wrap, info) for code, wrap in wraps]
        return {"challenges": [encode_base64(one) for one in opened]}

    def _sign(self, members: Members) -> Answer:
        tender, custody, published = self._published(members)
        text = members.text("policy", MAX_OBJECT)
        note, shown = _evidence(members)
        members.close()
        self._usable(custody, tender)
        if custody.policy is not None:
            if hashlib.sha256(text.encode()).digest() != custody.policy_digest:
                raise ev.AnotherPolicy(tender=tender)
            return custody.signed or {}
        policy = parse_policy(text.encode())
        self._check_terms(tender, policy, published)
        first = next((one.entry for one in shown if one.index == 0), None)
        if first is None:
            raise ev.EvidenceMissing(needs="SessionOpened")
        trust = ev.trust_in(first, self._facts.witnesses, self._facts.quorum)
        entries = ev.read_back(note, shown, trust, self._clock())
        ev.check_policy_drafted(text, policy, entries)
        digest = hashlib.sha256(text.encode()).digest()
        body: Answer = {
            "trustee": self._facts.name,
            "sha256": digest.hex(),
            "signature": self._signature(messages.policy_message(digest)),
        }
        custody.note(
            {
                "did": "signed",
                "policy": text,
                "log": trust.log.encode(),
                "witnesses": [one.encode() for one in trust.witnesses],
                "quorum": trust.quorum,
                **body,
            }
        )
        return body

    def _check_terms(self, tender: str, policy: Policy, published: Answer) -> None:
        """Compare a policy with what this trustee knows by itself: tender, own keys, own clock, own libraries."""
        if policy.tender != tender:
            raise ev.AnotherPolicy(tender=policy.tender)
        mine = next((one for one in policy.trustees if one.name == self._facts.name), None)
        if mine is None or ev.published_facts(mine) != {
            name: value for name, value in published.items() if name != "proof"
        }:
            raise ev.AnotherPolicy(reason="this trustee's keys are not those it published")
        for known in self._facts.archive:
            if not any(_is_same_holder(one, known) for one in policy.recipients):
                raise ev.AnotherPolicy(reason="it does not name an archive key known here", key=known.name)
        if self._clock() >= policy.deadline:
            raise ev.AckTooLate(reason="the deadline has passed", deadline=policy.deadline)
        for code in policy.suites:
            find_suite(code).check_available()

    # --- bids ----------------------------------------------------------------------------------------

    def _ack(self, members: Members) -> Answer:
        tender, signed = self._signed_tender(members)
        bid, head, size = _bid(members)
        members.close()
        envelope = open_envelope(ev.head_and_tail(head, size), size, signed.policy, bytes.fromhex(bid))
        known = signed.custody.acks.get((bid, envelope.digest.hex()))
        if known is not None:
            return known
        if self._clock() >= signed.policy.deadline:
            raise ev.AckTooLate(deadline=signed.policy.deadline)
        cause = self._check_shares(tender, signed, envelope)
        digest = envelope.digest.hex()
        message = messages.ack_message(
            signed.custody.policy_digest,
            trustee=self._facts.name,
            bid=bid,
            digest=envelope.digest,
            good=not cause,
            cause=cause,
        )
        body: Answer = {
            "trustee": self._facts.name,
            "bid": bid,
            "good": not cause,
            "cause": cause,
            "signature": self._signature(message),
        }
        signed.custody.note({"did": "acked", "digest": digest, **body})
        return body

    def _check_shares(self, tender: str, signed: Signed, envelope: Envelope) -> str:
        """Return why a share of this trustee is no good, or nothing."""
        if not signed.policy.n:
            return ""
        key = self._key(tender, signed.custody, envelope.suite.code)
        try:
            for part in envelope.parts:
                open_share(envelope.suite, part, signed.place, key)
        except (ShareMismatch, WrapNotOpened) as error:
            return error.code
        return ""

    # --- the opening -----------------------------------------------------------------------------------

    def _session_key(self, members: Members) -> Answer:
        tender, signed = self._signed_tender(members)
        window = _window(signed.policy, members)
        members.close()
        self._check_host()
        known = signed.custody.session_keys.get(window.name)
        if known is None:
            key = self._provider.make(_session_label(tender, window, signed.policy))
            known = encode_base64(key.public)
            signed.custody.note({"did": "session", "window": window.name, "public": known})
        return {"public": known}

    def _open_release(self, members: Members) -> Answer:
        tender, signed = self._signed_tender(members)
        window = _window(signed.policy, members)
        sealed, context = members.data_within("sealed", MAX_WRAP), members.data_within("context", 256)
        members.close()
        self._check_host()
        if not context.startswith(LABELS):
            raise MalformedCommand(reason="not a context of released halves or shares")
        ev.check_session_hour(signed.policy, window, self._clock())
        key = self._provider.open(_session_label(tender, window, signed.policy))
        _check_same(key, signed.custody.session_keys.get(window.name))
        return {"text": encode_base64(key.unwrap(sealed, context))}

    def _release(self, members: Members) -> Answer:
        tender, signed = self._signed_tender(members)
        window = _window(signed.policy, members)
        target = encode_base64(members.data_within("session_key", 4096))
        bids = [_only_bid(one) for one in members.objects("bids", MAX_BIDS)]
        note, shown = _evidence(members)
        all_released, theirs = members.flag("released"), members.integer("now")
        members.close()
        custody = signed.custody
        if custody.targets.get(window.name, target) != target:
            raise AnotherSessionKey(window=window.name)
        new = [one for one in bids if (window.name, one[0]) not in custody.shares]
        if new:
            ev.check_clock(self._clock(), theirs)
            entries = ev.read_back(note, shown, signed.trust, self._clock())
            digest = custody.policy_digest.hex()
            ev.check_release(signed.policy, digest, window, entries, self._clock(), all_released=all_released)
            listed = ev.listed_bids(entries)
            if all_released:  # whoever was left out of the waiting is left out of the shares, too
                out = ev.judged_out(signed.policy, window, entries)
                listed = {bid: one for bid, one in listed.items() if bid not in out}
            lines = [self._share_out(tender, signed, window, target, one, listed) for one in new]
            if window.name not in custody.targets:
                lines.insert(0, {"did": "target", "window": window.name, "public": target})
            custody.note(*lines)
        given = [share for bid, _, _ in bids for share in custody.shares[window.name, bid]]
        return {"shares": given}

    def _share_out(
        self,
        tender: str,
        signed: Signed,
        window: Window,
        target: str,
        given: tuple[str, bytes, int],
        listed: dict[str, tuple[str, str]],
    ) -> Answer:
        """Return the line of the record with this trustee's shares of one bid, wrapped to the session key."""
        bid, head, size = given
        envelope = open_envelope(ev.head_and_tail(head, size), size, signed.policy, bytes.fromhex(bid))
        ev.check_listed(envelope, bid, listed)
        shares = list(self._wrapped(tender, signed, window, target, envelope)) if signed.policy.n else []
        return {"did": "released", "window": window.name, "bid": bid, "shares": shares}

    def _wrapped(
        self, tender: str, signed: Signed, window: Window, target: str, envelope: Envelope
    ) -> Iterator[Json]:
        key = self._key(tender, signed.custody, envelope.suite.code)
        session = find_suite(signed.policy.suites[0])
        for part in envelope.parts:
            if part.terms.window != window.name:
                continue
            said: Answer = {"bid": envelope.bid.hex(), "part": part.name.value}
            try:
                share = open_share(envelope.suite, part, signed.place, key)
            except (ShareMismatch, WrapNotOpened):
                yield {**said, "good": False, "sealed": ""}
                continue
            info = messages.combine_info(signed.place, part.header.context)
            sealed = session.wrap(decode_base64(target), share, info)
            yield {**said, "good": True, "sealed": encode_base64(sealed)}

    def _release_roster(self, members: Members) -> Answer:
        """Give this trustee's share of a roster, wrapped to one session key for all rosters, once people gather."""
        tender, signed = self._signed_tender(members)
        data = members.data_within("roster", MAX_ROSTER)
        target = encode_base64(members.data_within("session_key", 4096))
        note, shown = _evidence(members)
        theirs = members.integer("now")
        members.close()
        custody, digest = signed.custody, hashlib.sha256(data).hexdigest()
        if custody.targets.get(ROSTERS, target) != target:
            raise AnotherSessionKey(window=ROSTERS)
        if digest not in custody.rosters:
            ev.check_clock(self._clock(), theirs)
            roster = parse_roster(data, signed.policy)
            entries = ev.read_back(note, shown, signed.trust, self._clock())
            ev.check_gathering(digest, roster.draw, entries)
            given = self._roster_share(tender, signed, roster, target)
            lines: list[Answer] = [{"did": "roster", "sha256": digest, **given}]
            if ROSTERS not in custody.targets:
                lines.insert(0, {"did": "target", "window": ROSTERS, "public": target})
            custody.note(*lines)
        return custody.rosters[digest]

    def _roster_share(self, tender: str, signed: Signed, roster: SealedRoster, target: str) -> Answer:
        key = self._key(tender, signed.custody, roster.suite.code)
        try:
            share = open_roster_share(roster, signed.place, key)
        except (ShareMismatch, WrapNotOpened):
            return {"good": False, "sealed": ""}
        info = messages.combine_info(signed.place, roster.context)
        sealed = find_suite(signed.policy.suites[0]).wrap(decode_base64(target), share, info)
        return {"good": True, "sealed": encode_base64(sealed)}

    # --- content keys, and the end ---------------------------------------------------------------------

    def _keep(self, members: Members) -> Answer:
        tender, custody, published = self._published(members)
        name, secret = members.text("name", 200), members.data_within("secret", MAX_SECRET)
        members.close()
        self._usable(custody, tender)
        code = _keys_in(published)[0].suite
        public = self._provider.open(KeyLabel(tender, KEEP, code)).public
        return {"sealed": encode_base64(find_suite(code).wrap(public, secret, _keep_info(tender, name)))}

    def _recall(self, members: Members) -> Answer:
        tender, custody, published = self._published(members)
        name, sealed = members.text("name", 200), members.data_within("sealed", MAX_WRAP)
        members.close()
        self._usable(custody, tender)
        key = self._provider.open(KeyLabel(tender, KEEP, _keys_in(published)[0].suite))
        return {"secret": encode_base64(key.unwrap(sealed, _keep_info(tender, name)))}

    def _destroy_all(self, members: Members) -> Answer:
        tender, custody, _ = self._published(members)
        policy = members.text("policy", 64) if members.has("policy") else ""
        has_evidence = members.has("checkpoint")
        note, shown = _evidence(members) if has_evidence else (b"", ())
        members.close()
        if custody.destroyed is not None:
            return custody.destroyed
        if custody.policy is not None and custody.trust is not None:
            if policy != custody.policy_digest.hex():
                raise ev.AnotherPolicy(tender=tender)
            if not has_evidence:
                raise ev.OpeningNotOver(tender=tender)
            ev.check_over(custody.policy, ev.read_back(note, shown, custody.trust, self._clock()))
        return self.destroy(tender)

    def destroy(self, tender: str) -> Answer:
        """Destroy the keys of `tender` without being shown anything, for a person at this machine.

        Raises:
            NoKeysForTender: there are none.
            TokenGone: the custody does not answer; repeat it.
        """
        custody = self._tenders.get(tender)
        if custody is None:
            raise NoKeysForTender(tender=tender[:64])
        if custody.destroyed is None:
            if not custody.destroying:
                custody.note({"did": "destroying"})
            self._destroy(tender, custody)
        return custody.destroyed or {}

    def _destroy(self, tender: str, custody: Custody) -> None:
        self._provider.destroy(tender)
        signature = self._signature(messages.destroyed_message(custody.policy_digest))
        custody.note({"did": "destroyed", "trustee": self._facts.name, "signature": signature})

    # --- what several commands need ----------------------------------------------------------------------

    def _signature(self, message: bytes) -> str:
        return encode_base64(self._signer.sign(message))

    def _published(self, members: Members) -> tuple[str, Custody, Answer]:
        tender = members.text("tender", 64)
        custody = self._tenders.get(tender)
        if custody is None or custody.published is None:
            raise NoKeysForTender(tender=tender)
        return tender, custody, custody.published

    def _signed_tender(self, members: Members) -> tuple[str, Signed]:
        tender, custody, _ = self._published(members)
        self._usable(custody, tender)
        if custody.policy is None or custody.trust is None:
            raise PolicyNotSigned(tender=tender)
        names = [one.name for one in custody.policy.trustees]
        place = names.index(self._facts.name) + 1
        return tender, Signed(custody, custody.policy, custody.trust, place)

    def _usable(self, custody: Custody, tender: str) -> None:
        if custody.destroying:
            raise TrusteeKeysDestroyed(tender=tender)

    def _key(self, tender: str, custody: Custody, suite: int) -> OpeningKey:
        """Return the opening key for shares, once it is the one that was published."""
        published = {key.suite: key.public for key in _keys_in(custody.published or {})}
        if suite not in published:
            raise CustodyLacksSuite(suite=suite)
        key = self._provider.open(KeyLabel(tender, SHARE, suite))
        _check_same(key, published[suite])
        return key

    def _check_host(self) -> None:
        if self._facts.kind is not TrusteeKind.HOST:
            raise NotTheHost(trustee=self._facts.name)


def _is_same_holder(named: Recipient, known: Recipient) -> bool:
    """Say whether the keys named are those of the one known here, as far as the tender's suites go."""
    public = {key.suite: key.public for key in known.keys}
    return all(public.get(key.suite) == key.public for key in named.keys)


def _keys_in(body: Answer) -> list[SuiteKey]:
    listed = Members({"keys": body.get("keys")}, MalformedCommand, "record").objects("keys", MAX_SUITES)
    return [SuiteKey(one.integer("suite"), one.text("public", 4096)) for one in listed]


def _check_same(key: OpeningKey, public: str | None) -> None:
    if encode_base64(key.public) != public:
        raise KeyReplaced(key="opening")


def _unknown(members: Members) -> Answer:
    del members
    raise UnknownAgentCommand


def encode_answer(said: Answer) -> bytes:
    """Return the line of an answer; members in their order, so that the same answer is the same bytes."""
    return json.dumps(said, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode() + b"\n"


def refusal(error: EvalroomError) -> Answer:
    """Return the answer that carries an error."""
    return {"ok": False, "code": error.code, "detail": dict(error.detail)}


def _parse(line: bytes) -> Members:
    try:
        value = json.loads(line, parse_float=_refuse, parse_constant=_refuse, object_pairs_hook=_object)
    except (ValueError, RecursionError) as error:
        raise MalformedCommand(reason="no JSON object") from error
    return Members(value, MalformedCommand)


def _refuse(text: str) -> Json:
    raise MalformedCommand(reason="no number of ours", got=text[:40])


def _object(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise MalformedCommand(reason="a member stands there twice")
    return found


def _bid(members: Members) -> tuple[str, bytes, int]:
    """Take number, head with tail, and size of a bid."""
    bid, head, size = members.text("bid", 32), members.data_within("head", MAX_HEAD), members.integer("size")
    if len(bid) != 32 or not set(bid) <= set("0123456789abcdef"):
        raise MalformedCommand(reason="a bid's number is 32 hex digits, lower case", member="bid")
    return bid, head, size


def _only_bid(members: Members) -> tuple[str, bytes, int]:
    found = _bid(members)
    members.close()
    return found


def _window(policy: Policy, members: Members) -> Window:
    name = members.text("window", 64)
    found = next((one for one in policy.windows if one.name == name), None)
    if found is None:
        raise ev.AnotherPolicy(reason="it has no such window", window=name)
    return found


def _evidence(members: Members) -> tuple[bytes, tuple[ev.Shown, ...]]:
    """Take checkpoint and proofs."""
    note = members.text("checkpoint", 1 << 16).encode()
    return note, tuple(_shown(one) for one in members.objects("proofs", MAX_PROOFS, least=0))


def _shown(members: Members) -> ev.Shown:
    index, entry = members.integer("index"), members.data_within("entry", MAX_OBJECT)
    path = members.many_data_within("proof", 32, 63)
    members.close()
    return ev.Shown(index, entry, path)


def _session_label(tender: str, window: Window, policy: Policy) -> KeyLabel:
    # By its place: "session-" before a name of 64 characters would be a name no more, and that at the opening hour.
    return KeyLabel(tender, f"session-{policy.windows.index(window) + 1}", policy.suites[0])


def _keep_info(tender: str, name: str) -> bytes:
    return b"EVB1 keep" + tender.encode() + b"\0" + name.encode()
