"""Who may do what: one table of roles for every command, message and route.

Whatever is not declared here is denied; a test walks all commands, messages and routes and fails on one
that is missing.  The actor, role and site of an act come from the connection, never from its body.
"""

from collections.abc import Mapping
from enum import StrEnum

from evalroom.errors import Refusal


class Role(StrEnum):
    """A role of the trade (trust.md §6); the last five are machines and strangers."""

    EXPERT = "expert"
    SUPERVISOR = "supervisor"
    OPERATOR = "operator"
    SITE_OPERATOR = "site_operator"
    ARCHIVIST = "archivist"
    REGULATOR = "regulator"
    NODE = "node"
    HOST = "host"
    TRUSTEE = "trustee"
    BIDDER = "bidder"
    ANYONE = "anyone"


class NotPermitted(Refusal):
    """Your role may not do this; nothing has changed."""

    code = "not_permitted"


_E, _S, _O = Role.EXPERT, Role.SUPERVISOR, Role.OPERATOR
_L, _A, _N, _H = Role.SITE_OPERATOR, Role.ARCHIVIST, Role.NODE, Role.HOST
_T, _B, _R = Role.TRUSTEE, Role.BIDDER, Role.REGULATOR
PEOPLE = frozenset({_E, _S, _O, _L, _A, _R})
"""The roles of seats; the others are machines and strangers."""

OFFICERS = frozenset({_S, _O, _L})
"""The roles that step up before a window of the opening is opened."""

COMMANDS: Mapping[str, frozenset[Role]] = {
    "open_session": frozenset({_H}),
    "import_bid": frozenset({_O}),
    "check_in": PEOPLE,
    "pass_self_test": PEOPLE,
    "accept_discipline": frozenset({_E}),
    "advance_stage": frozenset({_O, _S}),
    "pause_session": frozenset({_S}),
    "resume_session": frozenset({_S}),
    "propose": frozenset({_E, _S, _O, _L}),
    "approve": frozenset({_R, _S, _O}),
    "veto": frozenset({_R, _S, _O}),
    "confirm_booking": frozenset({_L}),
    "decline_booking": frozenset({_L}),
    "recuse_self": frozenset({_E}),
    "cast_ballot": frozenset({_E}),
    "fail_tender": frozenset({_O, _S}),
    "enter_score": frozenset({_E}),
    "lock_sheet": frozenset({_E}),
    "answer_finding": frozenset({_E}),
    "unlock_group": frozenset({_H}),
    "edit_report": frozenset({_E}),
    "justify_warning": frozenset({_E}),
    "sign_report": frozenset({_E}),
    "witness_report": frozenset({_S, _L, _R}),
    "explain_gap": frozenset({_S}),
    "close_alarm": frozenset({_S, _O}),
    "close_session": frozenset({_O, _H}),
    "record_facts": frozenset({_N}),
    "note_facts": frozenset({_H}),
    "draft_policy": frozenset({_O, _H}),
    "open_submissions": frozenset({_O, _H}),
    "step_up": OFFICERS,
    "extend_window": frozenset({_S}),
    "pause_ceremony": frozenset({_S, _H}),
    "resume_ceremony": frozenset({_S, _H}),
    "abort_opening": frozenset({_S}),
    "state_not_destroyed": frozenset({_S}),
    "act_as_bidder": frozenset({_B}),
    "act_as_trustee": frozenset({_T}),
    "close_bids": frozenset({_H}),
    "open_window": frozenset({_H}),
    "close_window": frozenset({_H}),
    "note_opening": frozenset({_H}),
    "declare_draw": frozenset({_O}),
    "commit_draw": frozenset({_S, _O, _L, _A, _R}),
    "reveal_draw": frozenset({_S, _O, _L, _A, _R}),
    "continue_draw": frozenset({_O}),
    "void_draw": frozenset({_H}),
    "seal_roster": frozenset({_O}),
    "unseal_roster": frozenset({_H}),
    "admit_dark_bids": frozenset({_H}),
    "draft_question": frozenset({_E}),
    "send_question": frozenset({_E}),
    "relay_question": frozenset({_O, _S}),
    "enter_answer": frozenset({_O}),
    "take_answer": frozenset({_B}),
    "record_silence": frozenset({_H}),
    "ask_more_time": frozenset({_E}),
    "grant_more_time": frozenset({_O}),
    "declare_fault": frozenset({_O, _S}),
    "mend_fault": frozenset({_O, _S}),
    "sign_supplement": frozenset({_E}),
    "close_complaint": frozenset({_O, _S}),
    "confirm_occupancy": OFFICERS,
    "keep_phone": OFFICERS,
    "return_phone": OFFICERS,
    "declare_site": frozenset({_O, _L}),
    "enter_legal_persons": frozenset({_O}),
    "appraise_expert": frozenset({_O, _S}),
    "answer_appraisal": frozenset({_E}),
}
"""Command kind to the roles that may give it."""

MESSAGES: Mapping[str, frozenset[Role]] = {
    "subscribe": PEOPLE | {_N},
    "submit": PEOPLE | {_N},
    "ping": PEOPLE | {_N},
    "publish": PEOPLE,
    "watch": PEOPLE | {_N},
    "answer": PEOPLE | {_N},
    "offer": frozenset({_N}),
    "media_lost": PEOPLE | {_N},
    "cosign": frozenset({_N}),
    "witness_refused": frozenset({_N}),
    "agent_answer": frozenset({_N}),
    "site_status": frozenset({_N}),
    "seat_present": frozenset({_N}),
}
"""Message kind, from a seat or a site towards the host, to the roles that may send it."""

MAY_WATCH: frozenset[Role] = frozenset({_E, _S, _O, _L, _R})
"""Roles that may see live pictures: experts and site operators of their own session and site, the regulator all."""


def demand(kind: str, role: Role, table: Mapping[str, frozenset[Role]]) -> None:
    """Let `role` pass for `kind` or raise.

    Raises:
        NotPermitted: the table does not name the role, or does not know the kind at all.
    """
    if role not in table.get(kind, frozenset()):
        raise NotPermitted(kind=kind, role=role)


ROUTES: Mapping[str, frozenset[Role]] = {
    "GET /healthz": frozenset({Role.ANYONE}),
    "GET /readyz": frozenset({Role.ANYONE}),
    "GET /api/openapi.json": frozenset({Role.ANYONE}),
    "POST /api/v1/login": frozenset({Role.ANYONE}),
    "POST /api/v1/logout": PEOPLE,
    "GET /api/v1/me": PEOPLE,
    "GET /api/v1/ice": PEOPLE,
    "GET /api/v1/notice": PEOPLE,
    "WS /ws/seat": PEOPLE,
    "GET /api/v1/documents/{bid}": frozenset({_E, _O, _R}),
    "POST /api/v1/documents": frozenset({_O}),
    "GET /api/v1/reports/{lot}": frozenset({_E, _S, _O, _R, _A}),
    "GET /api/v1/reports/{lot}/data": frozenset({_E, _S, _O, _R, _A}),
    "GET /api/v1/reports/{lot}/pdf": frozenset({_E, _S, _O, _R, _A}),
    "GET /api/v1/site/reports/{session}/{seat}/{lot}/{what}": frozenset({_N}),
    "GET /api/v1/replay": frozenset({_A, _S, _O}),
    "GET /api/v1/replay/media/{path:path}": frozenset({_A, _S, _O}),
    "POST /api/v1/operator/login": frozenset({Role.ANYONE}),
    "GET /api/v1/sessions": frozenset({_O}),
    "POST /api/v1/sessions": frozenset({_O}),
    "GET /api/v1/sessions/{session}": frozenset({_O}),
    "POST /api/v1/sessions/{session}/enter": frozenset({_O}),
    "POST /api/v1/sessions/{session}/seats/{seat}/code": frozenset({_O}),
    "GET /api/v1/sessions/{session}/archive": frozenset({_O}),
    "GET /api/v1/sessions/{session}/duty/{seat}/{lot}": frozenset({_O, _S}),
    "GET /api/v1/standing": frozenset({_O, _S, _R, _A}),
    "GET /api/v1/standing/own": frozenset({_E}),
    "POST /api/v1/standing": frozenset({_O, _S}),
    "POST /api/v1/standing/check": frozenset({_O, _S, _R}),
    "POST /api/v1/standing/seat": frozenset({_O, _S}),
    "POST /api/v1/standing/{decision}/approve": frozenset({_S, _R}),
    "POST /api/v1/standing/{decision}/refuse": frozenset({_S, _R}),
    "POST /api/v1/standing/{decision}/appeal": frozenset({_E, _O, _S}),
    "POST /api/v1/standing/{decision}/answer": frozenset({_S, _R}),
    "GET /api/v1/drafts/form": frozenset({_O}),
    "POST /api/v1/drafts/read": frozenset({_O}),
    "POST /api/v1/drafts/check": frozenset({_O}),
    "POST /api/v1/drafts/open": frozenset({_O}),
    "GET /api/v1/template.toml": frozenset({_O}),
    "GET /api/v1/template.xlsx": frozenset({_O}),
    "GET /api/v1/sites": frozenset({_O}),
    "POST /api/v1/sites": frozenset({_O}),
    "POST /api/v1/sites/enrol": frozenset({Role.ANYONE}),
    "GET /api/v1/site/documents/{sha256}": frozenset({_N}),
    "HEAD /api/v1/site/reels/{session}/{site_seat}/{name}": frozenset({_N}),
    "PATCH /api/v1/site/reels/{session}/{site_seat}/{name}": frozenset({_N}),
    "WS /ws/site": frozenset({Role.ANYONE}),
    "GET /api/v1/tenders": frozenset({Role.ANYONE}),
    "GET /api/v1/tenders/{tender}/policy": frozenset({Role.ANYONE}),
    "GET /api/v1/tenders/{tender}/hall": frozenset({Role.ANYONE}),
    "PUT /api/v1/tenders/{tender}/bids/{bid}": frozenset({Role.ANYONE}),
    "PUT /api/v1/tenders/{tender}/bids/{bid}/pieces/{index}": frozenset({Role.ANYONE}),
    "POST /api/v1/tenders/{tender}/bids/{bid}/submit": frozenset({Role.ANYONE}),
    "PUT /api/v1/tenders/{tender}/bids/{bid}/again": frozenset({Role.ANYONE}),
    "PUT /api/v1/tenders/{tender}/bids/{bid}/again/{index}": frozenset({Role.ANYONE}),
    "POST /api/v1/tenders/{tender}/bids/{bid}/withdraw": frozenset({Role.ANYONE}),
    "GET /api/v1/tenders/{tender}/bids/{bid}": frozenset({Role.ANYONE}),
    "GET /api/v1/tenders/{tender}/bids/{bid}/receipt": frozenset({Role.ANYONE}),
    "GET /api/v1/tenders/{tender}/bids/{bid}/head": frozenset({Role.ANYONE}),
    "POST /api/v1/tenders/{tender}/bids/{bid}/release": frozenset({Role.ANYONE}),
    "POST /api/v1/tenders/{tender}/bids/{bid}/confirm": frozenset({Role.ANYONE}),
    "GET /api/v1/tenders/{tender}/bids/{bid}/questions": frozenset({Role.ANYONE}),
    "POST /api/v1/tenders/{tender}/bids/{bid}/questions/{question}/answer": frozenset({Role.ANYONE}),
    "POST /api/v1/sessions/{session}/policy": frozenset({_O}),
    "POST /api/v1/sessions/{session}/submissions/open": frozenset({_O}),
    "POST /api/v1/sessions/{session}/rosters/{draw}": frozenset({_O}),
    "GET /api/v1/sessions/{session}/rosters/{draw}": frozenset({_O}),
}
"""Method and path of every route, at the host or a sub-site's node, to the roles it serves.

The site link is open to anyone because a site proves itself on the socket, by its certified key; what bidders use,
because a bidder has no account before the opening and proves itself by the envelope key of its bid.
"""
