"""The sealing policy of a tender: to whom bids are sealed, in which parts, until when, and what opens them.

`policy.json` is written and signed before the notice goes out; its hash stands in every core, so an envelope
sealed under other terms is no envelope of this tender.  Mode, quorum and windows are read here and never from
a bid.  Refused: any form but the canonical one, keys that do not fit their suite, one key for two trustees (a
quorum of 2 would be one person), parts without a window.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from evalroom.errors import MalformedName, PeerFault
from evalroom.ids import check_name
from evalroom.ledger.base64 import encode_base64
from evalroom.ledger.canonical import SAFE_INTEGER, Json, canonical
from evalroom.sealing.members import Members
from evalroom.sealing.suite import MalformedSealingKey, Suite
from evalroom.sealing.suites import find_suite

Chosen = TypeVar("Chosen", bound=StrEnum)

VERSION = 1
MAX_TRUSTEES = 16
MAX_RECIPIENTS = 8
MAX_SUITES = 8
MAX_SIGNER = 4096
PAD_STEP = 1 << 16
"""Padded parts are a multiple of this long: 64 KiB (sealed-bid.md §8)."""

MAX_PADDED = 1 << 24
"""Most bytes of a padded part, which is held in memory while it is sealed: 16 MiB."""


class MalformedPolicy(PeerFault):
    """A sealing policy cannot be used as it stands: nothing was sealed; write it anew and have it signed again."""

    code = "malformed_policy"


class PolicyRefuses(PeerFault):
    """The tender's sealing policy does not allow this: nothing was sealed; look at its suites, parts and limits."""

    code = "policy_refuses"


class Mode(StrEnum):
    """Whose secrets a part's key is made of."""

    JOINT = "joint"
    """Bidder's half and k shares: nobody opens without both."""
    SITES = "sites"
    """k shares alone."""
    BIDDER = "bidder"
    """The bidder's half alone; trustees attest and hold no share."""


class PartName(StrEnum):
    """The parts a bid may have, each with keys and a window of its own."""

    IDENTITY = "identity"
    OPENING = "opening"
    QUALIFICATION = "qualification"
    TECHNICAL = "technical"
    PRICE = "price"


PUBLIC_PARTS = (PartName.OPENING, PartName.PRICE)
"""Parts whose key everybody may have, once the record is out."""

REQUIRED = frozenset({PartName.IDENTITY, PartName.OPENING})
"""Parts that every tender has."""

PADDED = REQUIRED | {PartName.PRICE}
"""Parts whose length would tell something (a name, the digits of a price): padded to `PAD_STEP`."""


class TrusteeKind(StrEnum):
    """On whose behalf a trustee holds a share."""

    HOST = "host"
    SITE = "site"
    SUPERVISOR = "supervisor"


@dataclass(frozen=True, slots=True)
class TrusteeKey:
    """A trustee's key for one suite, in the suite's own form; made for this tender and destroyed after it."""

    suite: int
    public: bytes


@dataclass(frozen=True, slots=True)
class Trustee:
    """One holder of a share.  `who` is for people; `signer` is the key of its acks (SPKI DER), read elsewhere."""

    name: str
    kind: TrusteeKind
    who: str
    signer: bytes
    keys: tuple[TrusteeKey, ...]

    def key(self, suite: int) -> bytes:
        """Return the public key to which shares are wrapped under `suite`.

        Raises:
            PolicyRefuses: the policy does not list the suite.
        """
        return _key_for(self.keys, suite)


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who may read opened documents years later: holder of a long-lived archive key, for each suite one.

    A trustee's keys are destroyed after the opening; this one opens the content keys that the journal then holds.
    """

    name: str
    who: str
    keys: tuple[TrusteeKey, ...]

    def key(self, suite: int) -> bytes:
        """Return the public key to which content keys are wrapped under `suite`.

        Raises:
            PolicyRefuses: it has none.
        """
        return _key_for(self.keys, suite)


def _key_for(keys: Sequence[TrusteeKey], suite: int) -> bytes:
    found = next((key.public for key in keys if key.suite == suite), None)
    if found is None:
        raise PolicyRefuses(reason="suite not listed", suite=suite)
    return found


@dataclass(frozen=True, slots=True)
class Window:
    """When parts may be opened: after event `gate` in a cosigned checkpoint, and not before `opens_at` (UTC ms).

    `opens_at` is None when only the gate decides; bidders release within `release_ms`.
    """

    name: str
    gate: str
    opens_at: int | None
    release_ms: int


@dataclass(frozen=True, slots=True)
class PartTerms:
    """One part: its window, and the most bytes of plaintext, padding included."""

    name: PartName
    window: str
    max_size: int

    @property
    def padded(self) -> bool:
        """Say whether the part is padded to 64 KiB steps."""
        return self.name in PADDED


@dataclass(frozen=True, slots=True)
class Policy:
    """The terms under which bids of one tender are sealed and opened; instants are UTC milliseconds."""

    tender: str
    mode: Mode
    k: int
    suites: tuple[int, ...]
    deadline: int
    min_bids: int
    max_size: int
    trustees: tuple[Trustee, ...]
    windows: tuple[Window, ...]
    parts: tuple[PartTerms, ...]
    recipients: tuple[Recipient, ...] = ()

    @property
    def n(self) -> int:
        """Say how many shares are dealt: one for each trustee, none in the mode `bidder`."""
        return 0 if self.mode is Mode.BIDDER else len(self.trustees)

    def encode(self) -> bytes:
        """Return `policy.json`: the canonical bytes that are hashed and signed."""
        return canonical(_policy_json(self))

    def digest(self, suite: Suite) -> bytes:
        """Return the hash of `policy.json` that stands in cores: the hash of the envelope's suite, 32 bytes."""
        return suite.digest(self.encode())

    def part(self, name: PartName) -> PartTerms:
        """Return the terms of a part.

        Raises:
            PolicyRefuses: the tender has no such part.
        """
        found = next((part for part in self.parts if part.name is name), None)
        if found is None:
            raise PolicyRefuses(reason="no such part", part=name)
        return found

    def recipient(self, name: str) -> tuple[int, Recipient]:
        """Return the number, from 1, and the keys of the recipient called `name`.

        Raises:
            PolicyRefuses: there is none.
        """
        for place, one in enumerate(self.recipients, 1):
            if one.name == name:
                return place, one
        raise PolicyRefuses(reason="no such recipient", recipient=name[:64])

    def window(self, part: PartName) -> Window:
        """Return the window in which `part` is opened.

        Raises:
            PolicyRefuses: the tender has no such part.
        """
        name = self.part(part).window
        return next(window for window in self.windows if window.name == name)

    def check_suite(self, code: int) -> Suite:
        """Return the suite that `code` names when bids may be sealed under it.

        Raises:
            UnknownSuite, PolicyRefuses: they may not.
        """
        suite = find_suite(code)
        if code not in self.suites:
            raise PolicyRefuses(reason="suite not listed", suite=code)
        return suite


def parse_policy(data: bytes) -> Policy:
    """Return the policy whose `policy.json` is exactly `data`, checked as by `check_policy`.

    Raises:
        MalformedPolicy, UnknownSuite: it cannot be used.
    """
    members = Members.parse(data, MalformedPolicy)
    if members.integer("v") != VERSION:
        raise MalformedPolicy(reason="another version")
    policy = Policy(
        tender=members.text("tender", 64),
        mode=_one_of(Mode, members.text("mode", 16)),
        k=members.integer("k", 0, MAX_TRUSTEES),
        suites=members.integers("suites", MAX_SUITES),
        deadline=members.integer("deadline"),
        min_bids=members.integer("min_bids"),
        max_size=members.integer("max_size", 1),
        trustees=tuple(_trustee(one) for one in members.objects("trustees", MAX_TRUSTEES)),
        windows=tuple(_window(one) for one in members.objects("windows", len(PartName))),
        parts=tuple(_part(one) for one in members.objects("parts", len(PartName))),
        recipients=_recipients(members) if members.has("recipients") else (),
    )
    members.close()
    check_policy(policy)
    return policy


def parse_recipient(data: bytes) -> Recipient:
    """Return the recipient in the public file of an archive key: canonical `{"v": 1, "name", "who", "keys"}`.

    Raises:
        MalformedPolicy, UnknownSuite: it is none.
    """
    members = Members.parse(data, MalformedPolicy)
    if members.integer("v") != VERSION:
        raise MalformedPolicy(reason="another version")
    found = _recipient(members)
    _check_recipient_keys(found, [find_suite(key.suite) for key in found.keys])
    return found


def encode_recipient(one: Recipient) -> bytes:
    """Return the public file of an archive key."""
    return canonical({"v": VERSION, **_recipient_json(one)})


def check_policy(policy: Policy) -> None:
    """Refuse a policy under which no bid could be sealed, opened, or kept secret.

    Raises:
        MalformedPolicy: with the point that is wrong.
        UnknownSuite: it lists algorithms that this version does not know.
    """
    _name(policy.tender)
    _check_unique("suite", policy.suites)
    suites = [find_suite(code) for code in policy.suites]
    if not suites:
        raise MalformedPolicy(reason="no suite")
    _check_trustees(policy.trustees, suites)
    _check_recipients(policy, suites)
    quorum = policy.k == 0 if policy.mode is Mode.BIDDER else 1 <= policy.k <= len(policy.trustees)
    if not quorum:
        raise MalformedPolicy(reason="quorum", k=policy.k, n=len(policy.trustees), mode=policy.mode)
    _check_windows(policy)
    _check_parts(policy)


def _check_trustees(trustees: Sequence[Trustee], suites: Sequence[Suite]) -> None:
    _check_unique("trustee", (_name(one.name).lower() for one in trustees))
    _check_unique("signer", (one.signer for one in trustees))
    if sum(one.kind is TrusteeKind.HOST for one in trustees) != 1:
        raise MalformedPolicy(reason="exactly one trustee is the host's")
    codes = [suite.code for suite in suites]
    for trustee in trustees:
        if [key.suite for key in trustee.keys] != codes:
            raise MalformedPolicy(reason="one key for each suite, in their order", trustee=trustee.name)
    for place, suite in enumerate(suites):
        _check_unique("key", (one.keys[place].public for one in trustees))
        for trustee in trustees:
            _check_key(suite, trustee.keys[place].public, trustee.name)


def _check_recipients(policy: Policy, suites: Sequence[Suite]) -> None:
    """Demand keys of their own: one that a trustee destroys would open nothing later."""
    _check_unique("recipient", (_name(one.name).lower() for one in policy.recipients))
    for one in policy.recipients:
        _check_recipient_keys(one, suites)
    for suite in suites:
        theirs = [one.key(suite.code) for one in policy.trustees]
        _check_unique("key", (*theirs, *(one.key(suite.code) for one in policy.recipients)))


def _check_recipient_keys(one: Recipient, suites: Sequence[Suite]) -> None:
    _name(one.name)
    if not one.keys or [key.suite for key in one.keys] != [suite.code for suite in suites]:
        raise MalformedPolicy(reason="one key for each suite, in their order", recipient=one.name)
    for suite, key in zip(suites, one.keys, strict=True):
        _check_key(suite, key.public, one.name)


def _check_key(suite: Suite, public: bytes, trustee: str) -> None:
    try:
        suite.check_opening_public(public)
    except MalformedSealingKey as error:
        raise MalformedPolicy(
            reason="no key of the suite", trustee=trustee, member="keys", suite=suite.code
        ) from error


def _check_windows(policy: Policy) -> None:
    _check_unique("window", (_name(window.name) for window in policy.windows))
    for window in policy.windows:
        _name(window.gate)
        if window.opens_at is not None and window.opens_at < policy.deadline:
            raise MalformedPolicy(reason="a window opens before the deadline", window=window.name)
    if {window.name for window in policy.windows} != {part.window for part in policy.parts}:
        raise MalformedPolicy(reason="windows and parts do not name each other")


def _check_parts(policy: Policy) -> None:
    names = [part.name for part in policy.parts]
    if names != [name for name in PartName if name in names] or not set(names) >= REQUIRED:
        raise MalformedPolicy(reason="identity and opening, then others in their order, each once")
    for part in policy.parts:
        if part.padded and (part.max_size % PAD_STEP or not 0 < part.max_size <= MAX_PADDED):
            raise MalformedPolicy(
                reason="a padded part is limited to a multiple of 64 KiB, at most 16 MiB", part=part.name
            )
        if part.max_size > policy.max_size:
            raise MalformedPolicy(reason="a part may be larger than the whole", part=part.name)


def _trustee(members: Members) -> Trustee:
    trustee = Trustee(
        name=members.text("name", 64),
        kind=_one_of(TrusteeKind, members.text("kind", 16)),
        who=members.text("who", 200),
        signer=members.data_within("signer", MAX_SIGNER),
        keys=tuple(_key(one) for one in members.objects("keys", MAX_SUITES)),
    )
    members.close()
    return trustee


def _recipients(members: Members) -> tuple[Recipient, ...]:
    return tuple(_recipient(one) for one in members.objects("recipients", MAX_RECIPIENTS))


def _recipient(members: Members) -> Recipient:
    recipient = Recipient(
        name=members.text("name", 64),
        who=members.text("who", 200),
        keys=tuple(_key(one) for one in members.objects("keys", MAX_SUITES)),
    )
    members.close()
    return recipient


def _key(members: Members) -> TrusteeKey:
    suite = find_suite(members.integer("suite"))
    key = TrusteeKey(suite.code, members.data("public", suite.opening_public_size))
    members.close()
    return key


def _window(members: Members) -> Window:
    window = Window(
        name=members.text("name", 64),
        gate=members.text("gate", 64),
        opens_at=members.integer("opens_at") if members.has("opens_at") else None,
        release_ms=members.integer("release_ms", 1),
    )
    members.close()
    return window


def _part(members: Members) -> PartTerms:
    part = PartTerms(
        name=_one_of(PartName, members.text("name", 16)),
        window=members.text("window", 64),
        max_size=members.integer("max_size", 0, SAFE_INTEGER),
    )
    members.close()
    return part


def _one_of(kind: type[Chosen], text: str) -> Chosen:
    try:
        return kind(text)
    except ValueError as error:
        raise MalformedPolicy(reason=f"no {kind.__name__}", got=text[:40]) from error


def _name(text: str) -> str:
    try:
        return check_name(text)
    except MalformedName as error:
        raise MalformedPolicy(reason="not a name", got=text[:80]) from error


def _check_unique(what: str, values: Iterable[object]) -> None:
    listed = list(values)
    if len(set(listed)) != len(listed):
        raise MalformedPolicy(reason=f"two of the same {what}")


def _policy_json(policy: Policy) -> Json:
    recipients: Json = [_recipient_json(one) for one in policy.recipients]
    return {
        "v": VERSION,
        "tender": policy.tender,
        "mode": policy.mode.value,
        "k": policy.k,
        "suites": list(policy.suites),
        "deadline": policy.deadline,
        "min_bids": policy.min_bids,
        "max_size": policy.max_size,
        "trustees": [_trustee_json(one) for one in policy.trustees],
        "windows": [_window_json(one) for one in policy.windows],
        "parts": [
            {"name": one.name.value, "window": one.window, "max_size": one.max_size} for one in policy.parts
        ],
        **({"recipients": recipients} if recipients else {}),
    }


def _recipient_json(one: Recipient) -> dict[str, Json]:
    return {"name": one.name, "who": one.who, "keys": _keys_json(one.keys)}


def _keys_json(keys: Sequence[TrusteeKey]) -> Json:
    return [{"suite": key.suite, "public": encode_base64(key.public)} for key in keys]


def _trustee_json(trustee: Trustee) -> Json:
    return {
        "name": trustee.name,
        "kind": trustee.kind.value,
        "who": trustee.who,
        "signer": encode_base64(trustee.signer),
        "keys": _keys_json(trustee.keys),
    }


def _window_json(window: Window) -> Json:
    opens = {} if window.opens_at is None else {"opens_at": window.opens_at}
    return {"name": window.name, "gate": window.gate, "release_ms": window.release_ms, **opens}
