"""The ceremony of an opening: `TRANSITIONS` holds every state, `evolve` every change, `rules.py` what may follow.

It is a fold of the journal's entries inside the session, so it survives a restart like the session itself.  No
secret stands in it: halves and shares are known here by whether they agreed with their commitments.  Refused: a
fact that the table does not have in this state.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from evalroom.errors import LocalFault, Refusal
from evalroom.ids import BidId, BidNumber, LotId, SeatCode, SiteId
from evalroom.sealing import facts as sf
from evalroom.sealing.facts import CeremonyEvent, Verdict
from evalroom.sealing.policy import (
    PUBLIC_PARTS,
    Mode,
    PartName,
    Policy,
    Window,
    parse_policy,
)
from evalroom.sealing.record import RecordRow, parse_record


class CeremonyState(StrEnum):
    """Where an opening stands (opening.md §2)."""

    DRAFTED = "drafted"
    ARMED = "armed"
    ACCEPTING = "accepting"
    CLOSED = "closed"
    UNSEALING = "unsealing"
    COMBINING = "combining"
    OPENED = "opened"
    DESTROYED = "destroyed"
    ABORTED = "aborted"


_DRAFTED, _ARMED, _ACCEPTING = CeremonyState.DRAFTED, CeremonyState.ARMED, CeremonyState.ACCEPTING
_CLOSED, _UNSEALING, _COMBINING = CeremonyState.CLOSED, CeremonyState.UNSEALING, CeremonyState.COMBINING
_OPENED, _DESTROYED, _ABORTED = CeremonyState.OPENED, CeremonyState.DESTROYED, CeremonyState.ABORTED

TRANSITIONS: Mapping[CeremonyState, Mapping[type[CeremonyEvent], tuple[CeremonyState, ...]]] = {
    _DRAFTED: {
        sf.TrusteeKeyPublished: (_DRAFTED,),
        sf.PolicyDrafted: (_DRAFTED,),
        sf.PolicySigned: (_DRAFTED, _ARMED),
    },
    _ARMED: {sf.PolicyDrafted: (_DRAFTED,), sf.SubmissionsOpened: (_ACCEPTING,)},
    _ACCEPTING: {
        sf.BidSubmitted: (_ACCEPTING,),
        sf.BidAcknowledged: (_ACCEPTING,),
        sf.BidWithdrawn: (_ACCEPTING,),
        sf.CoverMade: (_ACCEPTING,),
        sf.BidsClosed: (_CLOSED,),
    },
    _CLOSED: {
        sf.OfficerSteppedUp: (_CLOSED,),
        sf.WindowOpened: (_UNSEALING,),
        sf.OpeningAborted: (_ABORTED,),
    },
    _UNSEALING: {
        sf.HalfReleased: (_UNSEALING,),
        sf.WindowExtended: (_UNSEALING,),
        sf.CeremonyPaused: (_UNSEALING,),
        sf.CeremonyResumed: (_UNSEALING,),
        sf.RecordConfirmed: (_UNSEALING,),
        sf.WindowClosed: (_COMBINING,),
    },
    _COMBINING: {
        sf.ShareReleased: (_COMBINING,),
        sf.BidJudged: (_COMBINING,),
        sf.CeremonyPaused: (_COMBINING,),
        sf.CeremonyResumed: (_COMBINING,),
        sf.RecordConfirmed: (_COMBINING,),
        sf.WindowExtended: (_UNSEALING,),
        sf.OpeningRecorded: (_OPENED,),
    },
    _OPENED: {
        sf.PartKeyPublished: (_OPENED,),
        sf.PartKeySealed: (_OPENED,),
        sf.BidAdmitted: (_OPENED,),
        sf.DarkBidAdmitted: (_OPENED,),
        sf.PriceRead: (_OPENED,),
        sf.RecordConfirmed: (_OPENED,),
        sf.OfficerSteppedUp: (_OPENED,),
        sf.WindowOpened: (_UNSEALING,),
        sf.OpeningAborted: (_ABORTED,),
        sf.KeysDestroyed: (_OPENED, _DESTROYED),
        sf.KeysNotDestroyed: (_OPENED,),
    },
    _DESTROYED: {sf.RecordConfirmed: (_DESTROYED,)},
    _ABORTED: {
        sf.RecordConfirmed: (_ABORTED,),
        sf.KeysDestroyed: (_ABORTED,),
        sf.KeysNotDestroyed: (_ABORTED,),
    },
}
"""State to the facts that belong to it, each with where it may lead: to the last one once it is the last of its kind."""

OFFICERS_PER_SITE = 2


SealedKey = tuple[BidNumber, PartName, str]
"""A content key under lock: of which bid and part, and for which recipient."""


class WrongCeremonyState(Refusal):
    """The opening is not where this is done: look at its state and go on from there; nothing has changed."""

    code = "ceremony_state"


class BrokenCeremony(LocalFault):
    """The journal holds a fact of an opening that its state does not allow: it was not written by this software."""

    code = "broken_ceremony"


@dataclass(frozen=True, slots=True)
class Handed:
    """A bid as handed in, the trustees' acks by name, and whether it was taken back or replaced."""

    event: sf.BidSubmitted
    acks: Mapping[str, bool] = field(default_factory=dict)
    gone: bool = False


@dataclass(slots=True)
class WindowRecord:
    """What happened in a window: bids that it is about, and what came in, by bid and by trustee."""

    bids: tuple[BidNumber, ...]
    opened_at: int
    until: int
    halves: dict[BidNumber, bool] = field(default_factory=dict)
    tries: dict[BidNumber, int] = field(default_factory=dict)
    sealed: set[str] = field(default_factory=set)
    shares: dict[tuple[BidNumber, PartName], dict[str, bool]] = field(default_factory=dict)
    missing: tuple[BidNumber, ...] = ()
    verdicts: dict[BidNumber, sf.BidJudged] = field(default_factory=dict)
    sha256: str = ""
    rows: dict[BidNumber, RecordRow] = field(default_factory=dict)
    confirmed: dict[BidNumber, str] = field(default_factory=dict)

    @property
    def recorded(self) -> bool:
        """Say whether its record is out."""
        return bool(self.sha256)

    def copy(self) -> "WindowRecord":
        """Return a record that goes on by itself."""
        shares = {key: dict(given) for key, given in self.shares.items()}
        return replace(
            self,
            halves=dict(self.halves),
            tries=dict(self.tries),
            sealed=set(self.sealed),
            shares=shares,
            verdicts=dict(self.verdicts),
            rows=dict(self.rows),
            confirmed=dict(self.confirmed),
        )


@dataclass(frozen=True, slots=True)
class Admitted:
    """A bid of a lot: the sealed bid it came from."""

    lot: LotId
    number: BidNumber


@dataclass(slots=True)
class Ceremony:
    """One opening as its facts leave it.  Read freely; change only through `evolve`."""

    state: CeremonyState = _DRAFTED
    paused_at: int | None = None
    why_paused: str = ""
    """The reason of the pause that lasts, nothing while there is none."""
    keys: dict[str, sf.TrusteeKeyPublished] = field(default_factory=dict)
    policy: Policy | None = None
    sha256: str = ""
    signed: dict[str, str] = field(default_factory=dict)
    handed: dict[BidNumber, Handed] = field(default_factory=dict)
    last_hand_in: int = 0
    listed: tuple[sf.ListedBid, ...] = ()
    officers: dict[str, dict[SeatCode, SiteId]] = field(default_factory=dict)
    windows: dict[str, WindowRecord] = field(default_factory=dict)
    published: set[tuple[BidNumber, PartName]] = field(default_factory=set)
    sealed: set[SealedKey] = field(default_factory=set)
    admitted: dict[BidId, Admitted] = field(default_factory=dict)
    prices: dict[BidId, int] = field(default_factory=dict)
    destroyed: set[str] = field(default_factory=set)
    kept: dict[str, str] = field(default_factory=dict)
    """Trustees of which the supervisor stated that they did not destroy their keys, with the reason."""

    # --- reading ------------------------------------------------------------------------------------

    @property
    def terms(self) -> Policy:
        """Return the policy.

        Raises:
            WrongCeremonyState: none was drafted.
        """
        if self.policy is None:
            raise WrongCeremonyState(state=self.state, needed="a policy")
        return self.policy

    @property
    def paused(self) -> bool:
        """Say whether the opening stands still."""
        return self.paused_at is not None

    @property
    def current(self) -> str:
        """Name the window that was opened last, or nothing."""
        return next(reversed(self.windows), "")

    def next_window(self) -> Window | None:
        """Return the window that comes next, None when all have been opened or there is no policy."""
        windows = self.policy.windows if self.policy else ()
        return next((one for one in windows if one.name not in self.windows), None)

    def recorded(self, window: str) -> bool:
        """Say whether the record of a window is out."""
        return window in self.windows and self.windows[window].recorded

    def verdict(self, number: BidNumber) -> sf.BidJudged | None:
        """Return the verdict on a bid that stands: the first that is not `opened`, else the last."""
        told = [one.verdicts[number] for one in self.windows.values() if number in one.verdicts]
        return next((one for one in told if one.verdict is not Verdict.OPENED), told[-1] if told else None)

    def standing(self) -> tuple[BidNumber, ...]:
        """List the bids that every window so far has opened, all listed ones before the first."""
        numbers = tuple(one.bid for one in self.listed)
        if not self.windows:
            return numbers
        found = {number: self.verdict(number) for number in numbers}
        return tuple(one for one, told in found.items() if told and told.verdict is Verdict.OPENED)

    def parts_of(self, window: str) -> tuple[PartName, ...]:
        """List the parts that a window opens."""
        return tuple(part.name for part in self.terms.parts if part.window == window)

    def price_window(self) -> str:
        """Name the window in which prices are opened: that of the part `price`, else of `opening`."""
        names = [part.name for part in self.terms.parts]
        part = PartName.PRICE if PartName.PRICE in names else PartName.OPENING
        return self.terms.window(part).name

    def missing_halves(self, window: str) -> tuple[BidNumber, ...]:
        """List the bids of a window without a good half; in the mode `sites` none has any."""
        if self.terms.mode is Mode.SITES:
            return ()
        record = self.windows[window]
        return tuple(one for one in record.bids if not record.halves.get(one))

    def keys_to_seal(self) -> tuple[SealedKey, ...]:
        """List the content keys that recipients are still to get: of every opened part that is not published."""
        if self.policy is None:
            return ()
        due = (
            (number, part, one.name)
            for window, record in self.windows.items()
            if record.recorded
            for number, told in record.verdicts.items()
            if told.verdict is Verdict.OPENED
            for part in self.parts_of(window)
            if part not in PUBLIC_PARTS
            for one in self.policy.recipients
        )
        return tuple(key for key in due if key not in self.sealed)

    def keys_at_large(self) -> tuple[str, ...]:
        """List the trustees that neither destroyed their keys nor are stated not to have done so."""
        names = (one.name for one in self.policy.trustees) if self.policy else ()
        return tuple(name for name in names if name not in self.destroyed and name not in self.kept)

    def good_shares(self, window: str, number: BidNumber, part: PartName) -> int:
        """Count the trustees whose share of a part agreed with its commitment."""
        return sum(self.windows[window].shares.get((number, part), {}).values())

    def acked(self, trustee: str, number: BidNumber) -> bool:
        """Say whether a trustee acknowledged its shares of a bid as good."""
        return self.handed[number].acks.get(trustee, False)

    def officers_missing(self, window: str, officers: Mapping[SiteId, int]) -> tuple[SiteId, ...]:
        """List the sites whose officers have not stepped up for `window`: two of each, one where there is but one."""
        there = list(self.officers.get(window, {}).values())
        return tuple(
            site for site, seats in officers.items() if there.count(site) < min(OFFICERS_PER_SITE, seats)
        )

    def bidder_of(self, number: BidNumber) -> str:
        """Return the bidder's name as the first window's record has it, nothing for a bid that was not opened."""
        first = next(iter(self.windows.values()), None)
        return first.rows[number].bidder if first and number in first.rows else ""

    def bidders(self) -> tuple[str, ...]:
        """List the names of all bidders that the first window's record has."""
        first = next(iter(self.windows.values()), None)
        return tuple(row.bidder for row in first.rows.values() if row.bidder) if first else ()

    def documents_of(self, number: BidNumber) -> tuple[sf.OpenedPart, ...]:
        """Return what the verdicts so far say of the parts of a bid, opened."""
        told = [one.verdicts[number] for one in self.windows.values() if number in one.verdicts]
        return tuple(part for one in told for part in one.parts)

    # --- what the host works out ------------------------------------------------------------------------

    def closing(self) -> tuple[CeremonyEvent, ...]:
        """Return the closed list, and the end of the opening when there are fewer bids than the policy's minimum."""
        left = sorted(number for number, one in self.handed.items() if not one.gone)
        listed = tuple(
            sf.ListedBid(number, self.handed[number].event.root, self.handed[number].event.digest)
            for number in left
        )
        closed = sf.BidsClosed(self.sha256, listed)
        if len(listed) < self.terms.min_bids:
            reason = f"fewer bids than the policy's minimum of {self.terms.min_bids}"
            return (closed, sf.OpeningAborted(reason, len(listed)))
        return (closed,)

    def opening(self, window: str, at: int) -> sf.WindowOpened:
        """Return the fact that a window is open from `at` on, to be checked.

        Raises:
            WrongCeremonyState: it is not the next one.
        """
        following = self.next_window()
        if following is None or following.name != window:
            raise WrongCeremonyState(
                state=self.state, window=window[:64], next=getattr(following, "name", None)
            )
        return sf.WindowOpened(window, at + following.release_ms)

    def window_closing(self, window: str) -> sf.WindowClosed:
        """Return the fact that the current window is over, to be checked.

        Raises:
            WrongCeremonyState: it is not the current one.
        """
        if window != self.current or window not in self.windows:
            raise WrongCeremonyState(state=self.state, window=window[:64])
        return sf.WindowClosed(window, self.missing_halves(window))

    # --- evolve -----------------------------------------------------------------------------------------

    def evolve(
        self, act: CeremonyEvent, at: int, size: int, by: tuple[str, SiteId], excluded: frozenset[BidNumber]
    ) -> None:
        """Take one fact in: its instant, the entries there are with it, actor and site, and bids the committee rejected.

        Raises:
            BrokenCeremony: the table has no such fact in this state.
        """
        leads = TRANSITIONS[self.state].get(type(act))
        if leads is None:
            raise BrokenCeremony(state=self.state, fact=type(act).__name__)
        match act:
            case sf.WindowOpened():
                self._keep_opening(act, at, excluded)
            case sf.OfficerSteppedUp(window=window):
                self.officers.setdefault(window, {})[SeatCode(by[0])] = by[1]
            case sf.CeremonyPaused(reason=reason):
                self.paused_at, self.why_paused = at, reason
            case sf.CeremonyResumed():
                self.windows[self.current].until += max(0, at - (self.paused_at or at))
                self.paused_at, self.why_paused = None, ""
            case _:
                _CHANGES.get(type(act), _keep_nothing)(self, act)
        if isinstance(act, sf.BidSubmitted | sf.BidWithdrawn):
            self.last_hand_in = size
        self.state = leads[-1] if len(leads) == 1 or self._is_last(act) else leads[0]

    def _is_last(self, act: CeremonyEvent) -> bool:
        done = self.signed if isinstance(act, sf.PolicySigned) else self.destroyed
        return all(one.name in done for one in self.terms.trustees)

    def _keep_opening(self, act: sf.WindowOpened, at: int, excluded: frozenset[BidNumber]) -> None:
        bids = tuple(one for one in self.standing() if one not in excluded)
        self.windows[act.window] = WindowRecord(bids, at, act.until)

    def _keep_key(self, act: sf.TrusteeKeyPublished) -> None:
        self.keys[act.trustee] = act
        self.policy, self.sha256, self.signed = None, "", {}

    def _keep_draft(self, act: sf.PolicyDrafted) -> None:
        self.policy, self.sha256, self.signed = parse_policy(act.policy.encode()), act.sha256, {}

    def _keep_bid(self, act: sf.BidSubmitted) -> None:
        if act.replaces:
            self._take_out(BidNumber(act.replaces))
        self.handed[act.bid] = Handed(act)

    def _take_out(self, number: BidNumber) -> None:
        self.handed[number] = replace(self.handed[number], gone=True)

    def _keep_ack(self, act: sf.BidAcknowledged) -> None:
        bid = self.handed[act.bid]
        self.handed[act.bid] = replace(bid, acks={**bid.acks, act.trustee: act.good})

    def _keep_half(self, act: sf.HalfReleased) -> None:
        record = self.windows[act.window]
        record.halves[act.bid] = act.good
        record.sealed.add(act.sealed)
        record.tries[act.bid] = record.tries.get(act.bid, 0) + 1

    def _keep_shares(self, act: sf.ShareReleased) -> None:
        shares = self.windows[act.window].shares
        for one in act.bids:
            shares.setdefault((one.bid, one.part), {})[act.trustee] = one.good

    def _keep_record(self, act: sf.OpeningRecorded) -> None:
        record = self.windows[act.window]
        record.sha256 = act.sha256
        record.rows = {row.number: row for row in parse_record(act.record).rows}

    def copy(self) -> "Ceremony":
        """Return a ceremony that goes on by itself."""
        return replace(
            self,
            keys=dict(self.keys),
            signed=dict(self.signed),
            handed=dict(self.handed),
            officers={window: dict(seats) for window, seats in self.officers.items()},
            windows={name: one.copy() for name, one in self.windows.items()},
            published=set(self.published),
            sealed=set(self.sealed),
            admitted=dict(self.admitted),
            prices=dict(self.prices),
            destroyed=set(self.destroyed),
            kept=dict(self.kept),
        )


def _keep_nothing(_: Ceremony, __: CeremonyEvent) -> None:
    """Facts that only inform, or that move the state alone."""


_CHANGES: Mapping[type[CeremonyEvent], Callable[[Ceremony, Any], None]] = {
    sf.TrusteeKeyPublished: Ceremony._keep_key,  # noqa: SLF001
    sf.PolicyDrafted: Ceremony._keep_draft,  # noqa: SLF001
    sf.PolicySigned: lambda self, act: self.signed.update({act.trustee: act.signature}),
    sf.BidSubmitted: Ceremony._keep_bid,  # noqa: SLF001
    sf.BidAcknowledged: Ceremony._keep_ack,  # noqa: SLF001
    sf.BidWithdrawn: lambda self, act: self._take_out(act.bid),
    sf.BidsClosed: lambda self, act: setattr(self, "listed", act.bids),
    sf.WindowExtended: lambda self, act: setattr(self.windows[act.window], "until", act.until),
    sf.HalfReleased: Ceremony._keep_half,  # noqa: SLF001
    sf.ShareReleased: Ceremony._keep_shares,  # noqa: SLF001
    sf.WindowClosed: lambda self, act: setattr(self.windows[act.window], "missing", act.missing),
    sf.BidJudged: lambda self, act: self.windows[act.window].verdicts.update({act.bid: act}),
    sf.OpeningRecorded: Ceremony._keep_record,  # noqa: SLF001
    sf.PartKeyPublished: lambda self, act: self.published.add((act.bid, act.part)),
    sf.PartKeySealed: lambda self, act: self.sealed.add((act.bid, act.part, act.recipient)),
    sf.BidAdmitted: lambda self, act: self.admitted.update({act.bid: Admitted(act.lot, act.number)}),
    sf.PriceRead: lambda self, act: self.prices.update({act.bid: act.price_fen}),
    sf.RecordConfirmed: lambda self, act: self.windows[act.window].confirmed.update({act.bid: act.objection}),
    sf.KeysDestroyed: lambda self, act: self.destroyed.add(act.trustee),
    sf.KeysNotDestroyed: lambda self, act: self.kept.update({act.trustee: act.reason}),
}
"""Fact to the change it makes."""
