"""Acts of two persons: nobody approves what they proposed, another digest decides nothing, stages lapse proposals."""

from typing import get_args

import pytest

from evalroom.approval import (
    RULES,
    STAND_INS,
    Act,
    Approvals,
    Approved,
    CorrectPrice,
    FailLot,
    NotProposable,
    NotSecondPerson,
    OtherProposal,
    Person,
    ProposalTaken,
    Proposed,
    ReopenSheet,
    Resume,
    StepBack,
    UnknownProposal,
    Vetoed,
    proposal_digest,
)
from evalroom.ids import BidId, LotId, SeatCode
from evalroom.roles import Role
from evalroom.stages import Stage
from evalroom.tender import Part

CHAIR = Person(SeatCode("E1"), Role.EXPERT, chair=True)
MEMBER = Person(SeatCode("E2"), Role.EXPERT, chair=False)
REGULATOR = Person(SeatCode("R1"), Role.REGULATOR, chair=False)
SUPERVISOR = Person(SeatCode("S1"), Role.SUPERVISOR, chair=False)
OPERATOR = Person(SeatCode("O1"), Role.OPERATOR, chair=False)
BACK = Proposed("p1", StepBack(Stage.PRELIMINARY), "the licence was overlooked")
DIGEST = proposal_digest(BACK)


def waiting(proposed: Proposed = BACK, by: Person = CHAIR, stage: Stage = Stage.DETAILED) -> Approvals:
    approvals = Approvals()
    approvals.check_proposal(proposed, by, stage)
    approvals.evolve(proposed, by.seat, stage, role=by.role, regulator=True)
    return approvals


def test_every_act_has_a_rule_and_no_role_both_proposes_and_approves_alone() -> None:
    assert set(get_args(Act)) == set(RULES)
    for rule in RULES.values():
        assert rule.proposers
        assert rule.approvers - rule.proposers


def test_only_the_chair_steps_back_and_only_where_there_is_something_behind() -> None:
    for person, stage in ((MEMBER, Stage.DETAILED), (OPERATOR, Stage.DETAILED), (CHAIR, Stage.GATHERING)):
        with pytest.raises(NotProposable):
            Approvals().check_proposal(BACK, person, stage)


def test_nobody_approves_what_they_proposed() -> None:
    proposed = Proposed("p1", FailLot(LotId("lot1")), "no competition")
    approvals = waiting(proposed, SUPERVISOR)
    for person in (SUPERVISOR, OPERATOR, CHAIR):
        with pytest.raises(NotSecondPerson):
            approvals.check_decision(Approved("p1", proposal_digest(proposed)), person, regulator=True)
    assert proposed.act == approvals.check_decision(
        Approved("p1", proposal_digest(proposed)), REGULATOR, regulator=True
    )


def test_without_a_regulator_another_officer_is_the_second_person() -> None:
    proposed = Proposed("p1", Resume(), "mended")
    approvals = waiting(proposed, SUPERVISOR)
    decision = Approved("p1", proposal_digest(proposed))
    assert STAND_INS == Approvals().approvers(proposed.act, regulator=False)
    with pytest.raises(NotSecondPerson):
        approvals.check_decision(decision, SUPERVISOR, regulator=False)
    assert Resume() == approvals.check_decision(decision, OPERATOR, regulator=False)


def test_a_digest_of_something_else_decides_nothing() -> None:
    other = proposal_digest(Proposed("p1", BACK.act, "another reason"))
    for decision in (Approved("p1", other), Vetoed("p1", other, "no")):
        with pytest.raises(OtherProposal):
            waiting().check_decision(decision, REGULATOR, regulator=True)


def test_each_member_of_a_proposal_is_under_its_digest() -> None:
    sheet = ReopenSheet(SeatCode("E1"), LotId("lot1"), Part.DETAILED)
    others = [
        Proposed("p2", BACK.act, BACK.reason),
        Proposed("p1", StepBack(Stage.DETAILED), BACK.reason),
        Proposed("p1", sheet, BACK.reason),
        Proposed("p1", ReopenSheet(SeatCode("E2"), LotId("lot1"), Part.DETAILED), BACK.reason),
    ]
    assert 5 == len({DIGEST, *map(proposal_digest, others)})


def test_the_digest_is_the_one_the_pages_compute() -> None:
    """The same three stand in web/tests/orders/proposal.test.ts."""
    digests = {
        Proposed("p-1", StepBack(Stage.PRELIMINARY), "许可证看错"): "5047c7f8",
        Proposed("p-2", CorrectPrice(LotId("lot1"), BidId("b1"), 388_000_000), "sum"): "cd7e530b",
        Proposed("p-3", Resume(), "back"): "31a5887c",
    }
    assert list(digests.values()) == [proposal_digest(one)[:8] for one in digests]


def test_the_same_act_or_id_waits_once() -> None:
    for again in (BACK, Proposed("p2", BACK.act, "more"), Proposed("p1", StepBack(Stage.PRICING), "x")):
        with pytest.raises(ProposalTaken):
            waiting().check_proposal(again, CHAIR, Stage.SUMMARY)


def test_what_was_decided_is_decided_once() -> None:
    approvals = waiting()
    approvals.evolve(
        Vetoed("p1", DIGEST, "no ground"), REGULATOR.seat, Stage.DETAILED, role=Role.REGULATOR, regulator=True
    )
    with pytest.raises(UnknownProposal):
        approvals.check_decision(Approved("p1", DIGEST), REGULATOR, regulator=True)
    with pytest.raises(ProposalTaken):
        approvals.check_proposal(BACK, CHAIR, Stage.DETAILED)


def test_a_proposal_lapses_with_its_stage() -> None:
    approvals = waiting()
    approvals.lapse(Stage.DETAILED)
    assert ["p1"] == list(approvals.waiting)
    approvals.lapse(Stage.PRICING)
    with pytest.raises(UnknownProposal):
        approvals.check_decision(Approved("p1", DIGEST), REGULATOR, regulator=True)
