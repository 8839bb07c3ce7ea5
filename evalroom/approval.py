"""Acts that need a second person: a proposal and its approval are two signed events over one digest.

Nobody approves what they proposed themselves, and a proposal lapses with the stage it was made in
(trust.md §6).  Which act is whose to propose and whose to approve stands in `RULES`; what an approved act does
is the session's rule.  Where no regulator has a seat, another officer is the second person.  A question to a bidder
wants two more persons where the profile says `both`.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from evalroom.checkin import Basis
from evalroom.errors import Refusal
from evalroom.faults import Way
from evalroom.ids import BidId, LotId, SeatCode
from evalroom.ledger.canonical import Json, canonical
from evalroom.roles import Role
from evalroom.stages import Stage
from evalroom.tender import Part


@dataclass(frozen=True, slots=True)
class StepBack:
    """Go back to stage `after` 评标回退: later conclusions are void and kept as annexes."""

    after: Stage
    kind: Literal["step_back"] = "step_back"


@dataclass(frozen=True, slots=True)
class ReopenSheet:
    """Let an expert change a locked sheet; the version that was locked stays in the journal."""

    seat: SeatCode
    lot: LotId
    part: Part
    kind: Literal["reopen_sheet"] = "reopen_sheet"


@dataclass(frozen=True, slots=True)
class ReplaceExpert:
    """Let `newcomer`, a reserve seat, take the place of `seat`, whose conclusions are void and done anew."""

    seat: SeatCode
    newcomer: SeatCode
    kind: Literal["replace_expert"] = "replace_expert"


@dataclass(frozen=True, slots=True)
class Resume:
    """Open the inputs again after a pause 复会."""

    kind: Literal["resume"] = "resume"


@dataclass(frozen=True, slots=True)
class CorrectPrice:
    """Put a corrected price in fen into the kernel and run it again; the earlier run is kept."""

    lot: LotId
    bid: BidId
    price_fen: int
    kind: Literal["correct_price"] = "correct_price"


@dataclass(frozen=True, slots=True)
class FailLot:
    """Let a lot fail 流标: nobody wins it, and the other lots go on."""

    lot: LotId
    kind: Literal["fail_lot"] = "fail_lot"


@dataclass(frozen=True, slots=True)
class Reevaluate:
    """Evaluate again 复议 on one of the profile's grounds; the report so far becomes an annex."""

    ground: str
    kind: Literal["reevaluate"] = "reevaluate"


@dataclass(frozen=True, slots=True)
class SettleTie:
    """Put bids that the tender's keys leave tied in order, as the tenderer decides 招标人自主确定."""

    lot: LotId
    order: tuple[BidId, ...]
    kind: Literal["settle_tie"] = "settle_tie"


@dataclass(frozen=True, slots=True)
class AwardLot:
    """Award a lot to one of the candidates that the last round of the committee's vote left tied."""

    lot: LotId
    bid: BidId
    kind: Literal["award_lot"] = "award_lot"


@dataclass(frozen=True, slots=True)
class DeemAgreed:
    """Put down that a member neither signs a lot's report nor refuses in writing: agreement (实施条例 art. 53, unverified)."""

    seat: SeatCode
    lot: LotId
    kind: Literal["deem_agreed"] = "deem_agreed"


@dataclass(frozen=True, slots=True)
class AbortSession:
    """End the session for good before its conclusion."""

    kind: Literal["abort_session"] = "abort_session"


@dataclass(frozen=True, slots=True)
class ReleaseQuestion:
    """Let a question go to its bidder, under its digest, where the profile wants it approved."""

    question: str
    sha256: str
    kind: Literal["release_question"] = "release_question"


@dataclass(frozen=True, slots=True)
class SettleFault:
    """Agree how it goes on after a fault that outlasted its time; `until` (UTC ms) when it is put off, else 0."""

    fault: str
    way: Way
    until: int
    kind: Literal["settle_fault"] = "settle_fault"


@dataclass(frozen=True, slots=True)
class ReopenForComplaint:
    """Let the committee look at a complaint about the concluded session, read-only; the reason says what it is about."""

    kind: Literal["reopen_for_complaint"] = "reopen_for_complaint"


@dataclass(frozen=True, slots=True)
class ConfirmByTwo:
    """Confirm who sits on a seat where one person could not; `occupancy` as in `OccupancyConfirmed`."""

    seat: SeatCode
    occupancy: int
    basis: Basis
    kind: Literal["confirm_by_two"] = "confirm_by_two"


Act = (
    StepBack | ReopenSheet | ReplaceExpert | Resume | CorrectPrice | FailLot | Reevaluate | AbortSession
    | SettleTie | AwardLot | ReleaseQuestion | SettleFault | ReopenForComplaint
    | ConfirmByTwo | DeemAgreed
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Proposed:
    """Somebody proposed an act, with its reason; `proposal` is an id of their choice."""

    proposal: str
    act: Act
    reason: str


@dataclass(frozen=True, slots=True)
class Approved:
    """A second person approved the proposal with this digest; what it does follows at once."""

    proposal: str
    digest: str


@dataclass(frozen=True, slots=True)
class Vetoed:
    """A second person refused the proposal with this digest, and said why."""

    proposal: str
    digest: str
    reason: str


ApprovalEvent = Proposed | Approved | Vetoed


class NotSecondPerson(Refusal):
    """This needs a second person of the role named: nobody approves what they proposed, and nothing has changed."""

    code = "not_second_person"


class UnknownProposal(Refusal):
    """No such proposal is waiting: it was decided, lapsed with its stage, or never made."""

    code = "unknown_proposal"


class ProposalTaken(Refusal):
    """A proposal of that id, or for the same act, is waiting already: let it be decided first."""

    code = "proposal_taken"


class OtherProposal(Refusal):
    """The digest approved is not that of the proposal that waits: read it again, then decide."""

    code = "other_proposal"


class NotProposable(Refusal):
    """This act is not proposed by you, or not at this stage; nothing has changed."""

    code = "not_proposable"


@dataclass(frozen=True, slots=True)
class ApprovalRule:
    """Who proposes an act and who approves it, at which stages; `chair`: of the experts only the committee's chair."""

    proposers: frozenset[Role]
    approvers: frozenset[Role]
    stages: frozenset[Stage]
    chair: bool = False


def _from_to(first: Stage, last: Stage) -> frozenset[Stage]:
    order = list(Stage)
    return frozenset(order[order.index(first) : order.index(last) + 1])


_E, _S, _O, _R = Role.EXPERT, Role.SUPERVISOR, Role.OPERATOR, Role.REGULATOR
_L = Role.SITE_OPERATOR
_REGULATOR = frozenset({_R})
_RUNNING = _from_to(Stage.PLANNED, Stage.SIGNING)

RULES: Mapping[type[Act], ApprovalRule] = {
    StepBack: ApprovalRule(
        frozenset({_E}), _REGULATOR, _from_to(Stage.PRELIMINARY, Stage.SIGNING), chair=True
    ),
    ReopenSheet: ApprovalRule(
        frozenset({_E}), _REGULATOR, frozenset({Stage.PRELIMINARY, Stage.DETAILED}), chair=True
    ),
    ReplaceExpert: ApprovalRule(
        frozenset({_S}), _REGULATOR, _from_to(Stage.GATHERING, Stage.SIGNING)
    ),
    Resume: ApprovalRule(frozenset({_S}), _REGULATOR, _from_to(Stage.PLANNED, Stage.SIGNING)),
    CorrectPrice: ApprovalRule(
        frozenset({_O}), frozenset({_R, _S}), frozenset({Stage.PRICING, Stage.SUMMARY})
    ),
    FailLot: ApprovalRule(frozenset({_O, _S}), _REGULATOR, _from_to(Stage.OPENING, Stage.REPORTING)),
    # Until everybody has signed: later the recordings are closed, and the way is a complaint with its signed supplement.
    Reevaluate: ApprovalRule(frozenset({_O}), _REGULATOR, frozenset({Stage.SIGNING})),
    SettleTie: ApprovalRule(frozenset({_O}), frozenset({_R, _S}), frozenset({Stage.SUMMARY})),
    AwardLot: ApprovalRule(frozenset({_O}), frozenset({_R, _S}), frozenset({Stage.SUMMARY})),
    DeemAgreed: ApprovalRule(
        frozenset({_E, _O}), frozenset({_R, _S}), frozenset({Stage.SIGNING, Stage.FAILED}), chair=True
    ),
    AbortSession: ApprovalRule(frozenset({_S}), _REGULATOR, _RUNNING),
    ReleaseQuestion: ApprovalRule(
        frozenset({_E}), _REGULATOR, frozenset({Stage.PRELIMINARY, Stage.DETAILED, Stage.SUMMARY})
    ),
    SettleFault: ApprovalRule(frozenset({_O}), _REGULATOR, _from_to(Stage.GATHERING, Stage.SIGNING)),
    ReopenForComplaint: ApprovalRule(frozenset({_O, _S}), _REGULATOR, frozenset({Stage.CONCLUDED})),
    ConfirmByTwo: ApprovalRule(
        frozenset({_L, _O}), frozenset({_S, _O}), _from_to(Stage.GATHERING, Stage.SIGNING)
    ),
}  # fmt: skip
"""Act to who may propose and approve it (trust.md §6, the rows marked with a second person)."""

STAND_INS = frozenset({_S, _O})
"""Who is the second person where no regulator has a seat."""


@dataclass(frozen=True, slots=True)
class Person:
    """Who acts: seat, role, and whether they are the committee's chair."""

    seat: SeatCode
    role: Role
    chair: bool


def proposal_digest(proposal: Proposed) -> str:
    """Return the digest both persons sign: hex SHA-256 of the RFC 8785 bytes of {act, proposal, reason}."""
    act: Json = {name: _plain(getattr(proposal.act, name)) for name in proposal.act.__dataclass_fields__}
    whole: Json = {"act": act, "proposal": proposal.proposal, "reason": proposal.reason}
    return hashlib.sha256(canonical(whole)).hexdigest()


def _plain(value: str | int | tuple[str, ...]) -> Json:
    """Return the text of an enum or id, a number as it is, several as a list."""
    if isinstance(value, tuple):
        return [str(one) for one in value]
    return value if isinstance(value, int) else str(value)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A proposal that nobody has decided yet, by whom, its digest and the stage it lapses with."""

    proposed: Proposed
    by: SeatCode
    digest: str
    stage: Stage
    agreed: frozenset[Role] = frozenset()
    """Roles that have approved, where more than one has to."""


@dataclass(slots=True)
class Approvals:
    """The proposals of a session that wait for a second person.

    `both` says whether questions to bidders want regulator and operator, each (profile, `clarification.approval`).
    """

    waiting: dict[str, Waiting] = field(default_factory=dict)
    decided: set[str] = field(default_factory=set)
    both: bool = False

    def check_proposal(self, proposed: Proposed, by: Person, stage: Stage) -> None:
        """Refuse a proposal that is not this person's to make, or waits already.

        Raises:
            NotProposable, ProposalTaken.
        """
        rule = RULES[type(proposed.act)]
        outside = rule.chair and by.role is _E and not by.chair
        if by.role not in rule.proposers or outside or stage not in rule.stages:
            raise NotProposable(act=proposed.act.kind, stage=stage, role=by.role)
        same = any(one.proposed.act == proposed.act for one in self.waiting.values())
        if same or proposed.proposal in self.waiting or proposed.proposal in self.decided:
            raise ProposalTaken(proposal=proposed.proposal)

    def check_decision(self, decision: Approved | Vetoed, by: Person, *, regulator: bool) -> Act:
        """Return the act that is decided; `regulator` says whether one has a seat.

        Raises:
            UnknownProposal, OtherProposal, NotSecondPerson.
        """
        waiting = self.waiting.get(decision.proposal)
        if waiting is None:
            raise UnknownProposal(proposal=decision.proposal)
        if waiting.digest != decision.digest:
            raise OtherProposal(proposal=decision.proposal)
        approvers = self.approvers(waiting.proposed.act, regulator=regulator) - waiting.agreed
        if by.seat == waiting.by or by.role not in approvers:
            raise NotSecondPerson(proposal=decision.proposal, roles=", ".join(sorted(approvers)))
        return waiting.proposed.act

    def approvers(self, act: Act, *, regulator: bool) -> frozenset[Role]:
        """Return the roles of the second person; of `needs_both` acts one of each role."""
        if self.needs_both(act):
            return frozenset({_R, _O}) if regulator else STAND_INS
        approvers = RULES[type(act)].approvers
        return approvers if regulator else (approvers - _REGULATOR) or STAND_INS

    def needs_both(self, act: Act) -> bool:
        """Say whether two more persons have to approve, of a role each."""
        return self.both and isinstance(act, ReleaseQuestion)

    def completes(self, proposal: str, by: Role, *, regulator: bool) -> bool:
        """Say whether the approval of this role is the last that a proposal waits for."""
        waiting = self.waiting.get(proposal)
        if waiting is None or not self.needs_both(waiting.proposed.act):
            return True
        return self.approvers(waiting.proposed.act, regulator=regulator) == waiting.agreed | {by}

    def evolve(
        self, event: ApprovalEvent, by: SeatCode, stage: Stage, *, role: Role, regulator: bool
    ) -> None:
        """Take a proposal or its decision in; `regulator` says whether one has a seat."""
        match event:
            case Proposed():
                self.waiting[event.proposal] = Waiting(event, by, proposal_digest(event), stage)
            case Approved(proposal=proposal) if not self.completes(proposal, role, regulator=regulator):
                waiting = self.waiting[proposal]
                self.waiting[proposal] = replace(waiting, agreed=waiting.agreed | {role})
            case Approved(proposal=proposal) | Vetoed(proposal=proposal):
                self.waiting.pop(proposal, None)
                self.decided.add(proposal)

    def lapse(self, stage: Stage) -> None:
        """Drop what was proposed in another stage than the one that is now."""
        kept = {name: one for name, one in self.waiting.items() if one.stage is stage}
        self.decided |= self.waiting.keys() - kept.keys()
        self.waiting = kept
