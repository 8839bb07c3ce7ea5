"""What an agent does and, before that, what it does not: no share early, none unlisted, none twice."""

import json
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evalroom.ledger.base64 import decode_base64, encode_base64
from evalroom.ledger.note import KeyKind
from evalroom.sealing import custody as messages
from evalroom.sealing.dealing import check_share, deal, share_digest
from evalroom.sealing.envelope import open_envelope
from evalroom.sealing.facts import SuiteKey
from evalroom.sealing.header import SealedShare, encode_header, trustee_info
from evalroom.sealing.hybrid import P256Key
from evalroom.sealing.policy import Mode, Policy
from evalroom.sealing.seal import plan_sealing, seal
from evalroom.sealing.suites import find_suite
from signaling.custody.client import SealedHead
from signaling.custody.folder import RecordDamaged
from signaling.custody.keys import KeyLabel
from signaling.custody.trustee import KeyReplaced, read_facts
from tests.evalroom.sealing import bids, tender
from tests.signaling.custody.bench import Bench
from tests.signaling.custody.drawer import DrawerKeys
from tests.signaling.custody.world import (
    BEFORE,
    CLOSES,
    DEADLINE,
    FIRST,
    KINDS,
    OPENS,
    PASSPHRASE,
    SECOND,
    TENDER,
    Log,
    Opening,
    head_of,
    opened_share,
    session_public,
    signing_key,
)


def suite_keys(body: dict[str, Any]) -> list[SuiteKey]:
    return [SuiteKey(one["suite"], one["public"]) for one in body["keys"]]


@pytest.fixture
def benches(tmp_path: Path) -> dict[str, Bench]:
    return {name: Bench(tmp_path / name, name) for name in KINDS}


@pytest.fixture
def host(benches: dict[str, Bench]) -> Bench:
    return benches["host"]


@pytest.fixture
def opening(benches: dict[str, Bench]) -> Opening:
    """A policy signed by all."""
    drafted = Opening.draft([bench.publish() for bench in benches.values()])
    for bench in benches.values():
        assert bench.sign(drafted)["ok"]
    return drafted


@pytest.fixture
def closed(opening: Opening) -> Opening:
    """Two bids in the closed list; a third that is not."""
    opening.seal(2)
    opening.close()
    return opening


# --- the release: early, unlisted, unproven ---------------------------------------------------------


def early_or_unproven(opening: Opening, host: Bench) -> Iterator[dict[str, Any]]:
    """Yield a thousand ways to ask too early or without a closed checkpoint, by dice of a fixed seed."""
    dice = random.Random(20261124)
    strangers = [signing_key(f"stranger-{number}", KeyKind.COSIGNATURE) for number in range(2)]
    only_opened, good = opening.log.show(opening.opened), opening.to_release()
    forked = Log()
    forked.add("BidsClosed", {"policy": opening.digest, "bids": opening.listed()}, DEADLINE)
    evidences = [
        only_opened,
        opening.log.show(opening.closed),
        opening.log.show(opening.closed, opening.opened, cosigners=[]),
        opening.log.show(opening.closed, opening.opened, cosigners=opening.log.cosigners[:1]),
        opening.log.show(opening.closed, opening.opened, cosigners=strangers),
        Log(origin="evalroom/other").show(0),
        forked.show(1, cosigners=[]),
    ]
    for _ in range(500):
        host.now = dice.randrange(BEFORE, CLOSES)
        yield {"evidence": good}
    for _ in range(500):
        host.now = dice.randrange(CLOSES, CLOSES + 10_000_000)
        yield {"evidence": dice.choice(evidences)}


def test_of_a_thousand_early_or_unproven_releases_none_gives_a_share(host: Bench, closed: Opening) -> None:
    closed_head = [closed.head(0).members()]
    answers = [
        host.release(closed, bids=closed_head, now=host.now, **how) for how in early_or_unproven(closed, host)
    ]
    assert 1_000 == len(answers)
    assert [] == [one for one in answers if one["ok"]]
    assert {"too_early", "evidence_missing", "quorum_missing", "origin_mismatch"} <= {
        one["code"] for one in answers
    }


@pytest.mark.parametrize("off_ms", [2_001, -2_001, 60_000, -86_400_000])
def test_a_clock_more_than_two_seconds_off_releases_nothing(
    host: Bench, closed: Opening, off_ms: int
) -> None:
    host.now = CLOSES + 1
    assert "clock_skewed" == host.release(closed, now=host.now + off_ms).get("code")
    assert host.release(closed, now=host.now + 2_000)["ok"]


def test_an_entry_from_the_future_shows_that_the_clock_is_wrong(host: Bench, closed: Opening) -> None:
    closed.log.add("OpeningAborted", {"reason": "", "bids": 0}, CLOSES + 5_000)
    host.now = CLOSES + 1
    evidence = closed.log.show(closed.closed, closed.opened, len(closed.log.entries) - 1)
    assert "clock_skewed" == host.release(closed, evidence=evidence).get("code")


def test_a_bid_that_is_not_listed_gives_no_share_and_none_beside_it(host: Bench, closed: Opening) -> None:
    closed.seal(1)  # after the list was closed
    host.now = CLOSES + 1
    assert "bid_not_listed" == host.release(closed).get("code")
    assert host.release(closed, bids=[closed.head(0).members()])["ok"]


def test_a_listed_number_with_another_content_gives_no_share(host: Bench, closed: Opening) -> None:
    other = bids.sealed(1, closed.policy, bid=bytes.fromhex(closed.head(0).bid))
    closed.sealed[0] = other
    host.now = CLOSES + 1
    assert "bid_not_listed" == host.release(closed).get("code")


def test_bids_closed_under_another_policy_give_no_share(host: Bench, opening: Opening) -> None:
    opening.seal(1)
    opening.close(policy="0" * 64)
    host.now = CLOSES + 1
    assert "another_policy" == host.release(opening).get("code")


def test_a_changed_entry_or_path_is_no_proof(host: Bench, closed: Opening) -> None:
    host.now = CLOSES + 1
    proofs = closed.to_release().members()["proofs"]
    assert isinstance(proofs, list)
    entry = bytearray(decode_base64(proofs[0]["entry"]))
    entry[-40] ^= 1
    changed = [{**proofs[0], "entry": encode_base64(bytes(entry))}, proofs[1]]
    assert "invalid_proof" == host.release(closed, proofs=changed).get("code")
    assert "invalid_proof" == host.release(closed, proofs=[{**proofs[0], "index": 0}]).get("code")


def test_a_window_whose_gate_is_not_in_the_journal_stays_shut(host: Bench, closed: Opening) -> None:
    host.now = CLOSES + 1
    assert "another_policy" == host.release(closed, window="third").get("code")
    halves = closed.halves(window=SECOND)
    shut = closed.log.show(closed.closed, closed.opened, *halves)
    refused = host.release(closed, window=SECOND, evidence=shut, released=True)
    assert ("evidence_missing", "SheetsLocked") == (refused["code"], refused["detail"]["needs"])
    gate = closed.log.add("SheetsLocked", {}, CLOSES)
    shown = closed.log.show(closed.closed, gate, *halves)
    shares = host.release(closed, window=SECOND, evidence=shown, released=True)["shares"]
    assert ["price"] * 2 == [one["part"] for one in shares]


def test_shares_leave_before_the_end_only_when_every_half_is_shown(host: Bench, closed: Opening) -> None:
    host.now = OPENS + 10
    some = closed.halves([0])
    partial = closed.log.show(closed.closed, *some)
    assert "evidence_missing" == host.release(closed, evidence=partial, released=True).get("code")
    elsewhere = closed.halves([1], SECOND)
    wrong = closed.log.show(closed.closed, *some, *elsewhere)
    assert "evidence_missing" == host.release(closed, evidence=wrong, released=True).get("code")
    rest = closed.halves([1])
    everything = closed.log.show(closed.closed, *some, *rest)
    assert "too_early" == host.release(closed, evidence=closed.to_release()).get("code")
    assert host.release(closed, evidence=everything, released=True)["ok"]


@pytest.mark.parametrize(
    ("verdict", "window"),
    [("opened", FIRST), ("awaiting_bytes", FIRST), ("revoked", SECOND), ("revoked", "third"), ("", FIRST)],
)
def test_a_bid_that_may_still_be_opened_is_waited_for(
    host: Bench, closed: Opening, verdict: str, window: str
) -> None:
    host.now = OPENS + 10
    told, gate = closed.judge(1, verdict, window), closed.log.add("SheetsLocked", {}, OPENS + 5)
    halves = closed.halves([0], SECOND)
    shown = closed.log.show(closed.closed, gate, told, *halves)
    refused = host.release(closed, window=SECOND, evidence=shown, released=True)
    assert ("evidence_missing", "HalfReleased") == (refused["code"], refused["detail"]["needs"])


def test_a_bid_judged_out_is_waited_for_in_no_first_window(host: Bench, closed: Opening) -> None:
    host.now = OPENS + 10
    told, halves = closed.judge(1, "revoked"), closed.halves([0])
    shown = closed.log.show(closed.closed, told, *halves)
    assert "evidence_missing" == host.release(closed, evidence=shown, released=True).get("code")


@pytest.mark.parametrize("verdict", ["revoked", "withdrawn", "malformed"])
def test_nobody_waits_in_a_later_window_for_a_bid_that_an_earlier_one_lost_and_it_gives_no_share(
    host: Bench, closed: Opening, verdict: str
) -> None:
    host.now = OPENS + 10
    told, gate = closed.judge(1, verdict), closed.log.add("SheetsLocked", {}, OPENS + 5)
    shown = closed.log.show(closed.closed, gate, told, *closed.halves([0], SECOND))
    both = host.release(closed, window=SECOND, evidence=shown, released=True)
    assert "bid_not_listed" == both.get("code")
    one = [closed.head(0).members()]
    shares = host.release(closed, window=SECOND, evidence=shown, released=True, bids=one)["shares"]
    assert ["price"] == [share["part"] for share in shares]


def test_a_host_cannot_cut_the_bidders_time_short(host: Bench, opening: Opening) -> None:
    opening.seal(1)
    opening.close()
    short = opening.log.add("WindowExtended", {"window": FIRST, "until": OPENS + 1, "reason": ""}, OPENS)
    host.now = CLOSES - 1
    evidence = opening.log.show(opening.closed, opening.opened, short)
    assert "too_early" == host.release(opening, evidence=evidence).get("code")


def test_an_extension_that_is_shown_holds_the_shares_back(host: Bench, closed: Opening) -> None:
    later = closed.log.add("WindowExtended", {"window": FIRST, "until": CLOSES + 100, "reason": ""}, OPENS)
    host.now = CLOSES + 99
    evidence = closed.log.show(closed.closed, closed.opened, later)
    assert "too_early" == host.release(closed, evidence=evidence).get("code")
    host.now = CLOSES + 100
    assert host.release(closed, evidence=evidence)["ok"]


def test_shares_of_a_window_go_to_one_session_key(host: Bench, closed: Opening) -> None:
    host.now = CLOSES + 1
    assert host.release(closed)["ok"]
    other = encode_base64(tender.opening_key(1, "somebody else").public)
    assert "another_session_key" == host.release(closed, session_key=other).get("code")


def test_what_is_no_key_gets_no_share(host: Bench, closed: Opening) -> None:
    host.now = CLOSES + 1
    assert "malformed_sealing_key" == host.release(closed, session_key=encode_base64(b"key")).get("code")
    assert host.release(closed)["ok"]  # it did not become the window's


def test_released_shares_are_those_of_the_window_and_open_with_the_session_key(
    benches: dict[str, Bench], closed: Opening
) -> None:
    for place, bench in enumerate(benches.values(), 1):
        bench.now = CLOSES + 1
        shares = bench.release(closed)["shares"]
        assert ["identity", "opening", "technical"] * 2 == [one["part"] for one in shares]
        assert all(one["good"] for one in shares)
        envelope = closed.envelope(0)
        for one in shares[:3]:
            part = next(part for part in envelope.parts if part.name == one["part"])
            info = messages.combine_info(place, part.header.context)
            share = opened_share(decode_base64(one["sealed"]), info)
            check_share(
                envelope.suite, part.header.context, place, share, part.header.shares[place - 1].digest
            )


def test_ten_thousand_replays_of_a_release_give_one_answer_and_one_record(
    host: Bench, closed: Opening
) -> None:
    host.now = CLOSES + 1
    first = host.release(closed)
    line = json.dumps(
        {
            "command": "release",
            "tender": TENDER,
            "window": FIRST,
            "session_key": encode_base64(session_public()),
            "bids": [{"bid": closed.head(place).bid, "head": "AA==", "size": 1} for place in range(2)],
            "checkpoint": "x",
            "proofs": [],
            "released": False,
            "now": 0,
        }
    ).encode()
    answers = {host.trustee.answer(line) for _ in range(10_000)}
    assert [first] == [json.loads(one) for one in answers]
    record = (host.folder / "tenders" / TENDER / "record.jsonl").read_text("utf-8")
    assert 2 == record.count('"did":"released"')


def test_a_bidder_who_deals_wrongly_is_not_the_agents_matter(host: Bench, opening: Opening) -> None:
    opening.seal(1, lie=lambda shares: (shares[1], shares[0], shares[2]))
    assert host.ack(opening.head())[
        "good"
    ]  # commitments fit the lie: the join finds it, for every quorum alike


def test_in_the_mode_sites_no_half_is_waited_for_and_in_bidder_there_is_no_share(tmp_path: Path) -> None:
    for mode in (Mode.SITES, Mode.BIDDER):
        all_benches = [Bench(tmp_path / mode / name, name) for name in KINDS]
        opening = Opening.draft([bench.publish() for bench in all_benches], mode)
        bench = all_benches[0]
        assert bench.sign(opening)["ok"]
        opening.seal(1)
        assert bench.ack(opening.head())["good"]
        opening.close()
        bench.now = OPENS if mode is Mode.SITES else CLOSES
        assert "too_early" == _at(bench, bench.now - 1, opening)
        assert (3 if mode is Mode.SITES else 0) == len(bench.release(opening)["shares"])


def _at(bench: Bench, now: int, opening: Opening) -> str:
    kept, bench.now = bench.now, now
    try:
        return str(bench.release(opening).get("code"))
    finally:
        bench.now = kept


# --- the policy ----------------------------------------------------------------------------------------


def test_keys_are_published_once_and_the_same_for_ever(host: Bench) -> None:
    first = host.publish()
    host.start()
    assert first == host.publish()
    assert "another_suite_list" == host.code("publish", tender=TENDER, suites=[2], now=host.now)


def test_a_host_whose_clock_is_off_gets_no_keys(host: Bench) -> None:
    assert "clock_skewed" == host.code("publish", tender=TENDER, suites=[2], now=host.now + 2_001)


@pytest.mark.parametrize("tender_name", ["../x", "a/b", "", ".", "CON.", "a" * 65])
def test_a_tender_whose_name_would_leave_the_folder_is_refused(host: Bench, tender_name: str) -> None:
    assert host.code("publish", tender=tender_name, suites=[2], now=host.now) in {
        "malformed_name",
        "malformed_command",
    }


def test_published_keys_are_proven_by_signer_and_by_possession(host: Bench) -> None:
    body = host.publish()
    message = messages.published_message(TENDER, suite_keys(body))
    messages.verify_trustee(decode_base64(body["signer"]), message, body["proof"])
    with pytest.raises(messages.ForgedTrusteeAct):
        messages.verify_trustee(decode_base64(body["signer"]), message + b"x", body["proof"])
    info = messages.possession_info(suite_keys(body))
    wraps = [
        {
            "suite": one["suite"],
            "wrap": encode_base64(find_suite(one["suite"]).wrap(decode_base64(one["public"]), b"42", info)),
        }
        for one in body["keys"]
    ]
    assert ["NDI=", "NDI="] == host.ask("prove", tender=TENDER, wraps=wraps)["challenges"]


def test_the_proof_of_possession_opens_no_share(host: Bench, opening: Opening) -> None:
    opening.seal(1)
    wrapped = opening.envelope().parts[0].header.shares[0].wrapped
    wraps = [{"suite": 2, "wrap": encode_base64(wrapped)}]
    assert "wrap_not_opened" == host.code("prove", tender=TENDER, wraps=wraps)


@pytest.mark.usefixtures("opening")
def test_a_second_policy_is_never_signed(host: Bench, benches: dict[str, Bench]) -> None:
    other = Opening.draft([bench.publish() for bench in benches.values()], Mode.SITES)
    assert "another_policy" == host.sign(other).get("code")


def test_signing_again_gives_the_same_signature(host: Bench, opening: Opening) -> None:
    first = host.sign(opening)
    host.start()
    assert first == host.sign(opening)
    signature = first["signature"]
    messages.verify_trustee(
        opening.policy.trustees[0].signer, messages.policy_message(bytes.fromhex(opening.digest)), signature
    )


@pytest.mark.parametrize("left_out", range(5))
def test_a_policy_is_signed_only_with_every_entry_read_back(benches: dict[str, Bench], left_out: int) -> None:
    drafted = Opening.draft([bench.publish() for bench in benches.values()])
    places = [place for number, place in enumerate(drafted.drafted) if number != left_out]
    answer = benches["north"].sign(drafted, drafted.log.show(*places))
    assert "evidence_missing" == answer.get("code")


def test_a_policy_under_too_few_cosignatures_is_not_signed(benches: dict[str, Bench]) -> None:
    drafted = Opening.draft([bench.publish() for bench in benches.values()])
    shown = drafted.log.show(*drafted.drafted, cosigners=drafted.log.cosigners[:1])
    assert "quorum_missing" == benches["north"].sign(drafted, shown).get("code")


def test_a_policy_with_other_keys_of_this_trustee_is_not_signed(
    benches: dict[str, Bench], tmp_path: Path
) -> None:
    impostor = Bench(tmp_path / "impostor", "north")
    published = [benches["host"].publish(), impostor.publish(), benches["supervisor"].publish()]
    benches["north"].publish()
    drafted = Opening.draft(published)
    assert "another_policy" == benches["north"].sign(drafted).get("code")


@pytest.mark.parametrize("named", [[], ["another-archive"], ["centre-archive", "another-archive"]])
def test_an_agent_that_knows_an_archive_key_signs_no_policy_without_it(
    benches: dict[str, Bench], named: list[str]
) -> None:
    known = tender.recipient("supervisor-archive", (1, 2, 0x11))
    supervisor = benches["supervisor"]
    replace(read_facts(supervisor.folder), archive=(known,)).write(supervisor.folder)
    supervisor.start()
    published = [bench.publish() for bench in benches.values()]
    without = Opening.draft(published, recipients=[tender.recipient(name) for name in named])
    assert "another_policy" == supervisor.sign(without).get("code")
    impostor = replace(tender.recipient("a stranger"), name=known.name)
    assert "another_policy" == supervisor.sign(Opening.draft(published, recipients=[impostor])).get("code")
    names = [*named, known.name]
    drafted = Opening.draft(published, recipients=[tender.recipient(name) for name in names])
    assert supervisor.sign(drafted)["ok"]


def test_keys_that_another_trustee_did_not_sign_are_not_signed(benches: dict[str, Bench]) -> None:
    published = [bench.publish() for bench in benches.values()]
    stolen = {**published[1], "proof": published[0]["proof"]}
    drafted = Opening.draft([published[0], stolen, published[2]])
    assert "forged_trustee_act" == benches["host"].sign(drafted).get("code")


def test_a_policy_after_its_deadline_is_not_signed(benches: dict[str, Bench]) -> None:
    drafted = Opening.draft([bench.publish() for bench in benches.values()])
    benches["host"].now = DEADLINE
    assert "ack_too_late" == benches["host"].sign(drafted).get("code")


def test_only_witnesses_known_beforehand_count_where_any_are_known(tmp_path: Path) -> None:
    benches = [Bench(tmp_path / name, name) for name in KINDS]
    drafted = Opening.draft([bench.publish() for bench in benches])
    facts = read_facts(benches[0].folder)
    path = benches[0].folder / "agent.json"
    stranger = signing_key("stranger", KeyKind.COSIGNATURE).verifier
    for known, code in ((stranger, "quorum_missing"), (None, "")):
        members = json.loads(path.read_text("utf-8"))
        members["witnesses"] = [one.verifier.encode() for one in drafted.log.cosigners]
        if known:
            members["witnesses"] = [known.encode()]
        path.write_text(json.dumps(members), "utf-8")
        benches[0].start()
        assert code == benches[0].sign(drafted).get("code", "")
    assert facts.name == "host"


# --- bids -------------------------------------------------------------------------------------------------


def test_a_bid_is_acknowledged_before_the_deadline_and_not_at_it(host: Bench, opening: Opening) -> None:
    opening.seal(2)
    host.now = DEADLINE - 1
    first = host.ack(opening.head(0))
    assert (True, True, "") == (first["ok"], first["good"], first["cause"])
    host.now = DEADLINE
    assert "ack_too_late" == host.ack(opening.head(1)).get("code")
    host.start()
    assert first == host.ack(opening.head(0))  # said before, so it may be said again


def test_an_ack_is_bound_to_policy_bid_and_content(host: Bench, opening: Opening) -> None:
    opening.seal(1)
    answer = host.ack(opening.head())
    signature, policy = answer["signature"], bytes.fromhex(opening.digest)
    signer = opening.policy.trustees[0].signer
    bid, digest = opening.head().bid, opening.envelope().digest
    for said, bound in ((policy, True), (bytes(32), False)):
        message = messages.ack_message(said, trustee="host", bid=bid, digest=digest, good=True, cause="")
        if bound:
            messages.verify_trustee(signer, message, signature)
        else:
            with pytest.raises(messages.ForgedTrusteeAct):
                messages.verify_trustee(signer, message, signature)


def test_a_share_wrapped_to_somebody_else_is_acknowledged_as_no_good(host: Bench, opening: Opening) -> None:
    first, second, third = opening.policy.trustees
    swapped = (replace(first, keys=second.keys), replace(second, keys=first.keys), third)
    data = sealed_to(replace(opening.policy, trustees=swapped), opening.policy)
    answer = host.ack(head_of(data, tender.BID))
    assert (True, False, "wrap_not_opened") == (answer["ok"], answer["good"], answer["cause"])
    opening.log.add("BidsClosed", {"policy": opening.digest, "bids": [listed(data, opening)]}, DEADLINE)
    opening.log.add("WindowOpened", {"window": FIRST, "until": CLOSES}, OPENS)
    host.now = CLOSES
    places = len(opening.log.entries) - 2, len(opening.log.entries) - 1
    shares = host.release(
        opening, evidence=opening.log.show(*places), bids=[head_of(data, tender.BID).members()]
    )["shares"]
    assert [(False, "")] * 3 == [(one["good"], one["sealed"]) for one in shares]


def sealed_to(wrong: Policy, policy: Policy) -> bytes:
    """Return an envelope of `policy` whose shares are wrapped to the keys in `wrong`."""
    plan = plan_sealing(
        policy, bids.terms(2, policy), tender.signing_key(2, "envelope"), bids.Dice("swapped")
    )
    parts = []
    for part in plan.parts:
        dealt = deal(plan.suite, plan.secrets[part.name].secret, policy.k, policy.n)
        shares = tuple(
            SealedShare(
                plan.suite.wrap(trustee.key(2), share, trustee_info(part.context, place)),
                share_digest(plan.suite, part.context, share),
            )
            for place, (trustee, share) in enumerate(zip(wrong.trustees, dealt, strict=True), 1)
        )
        parts.append(replace(part, shares=shares))
    changed = replace(plan, parts=tuple(parts), header=encode_header(parts))
    return b"".join(seal(changed, {name: [text] for name, text in bids.TEXTS.items()}))


def listed(data: bytes, opening: Opening) -> dict[str, Any]:
    envelope = open_envelope(bids.reader(data), len(data), opening.policy, tender.BID)
    return {"bid": tender.BID.hex(), "root": envelope.root.hex(), "digest": envelope.digest.hex()}


def test_what_is_no_envelope_of_this_policy_is_not_acknowledged(host: Bench, opening: Opening) -> None:
    opening.seal(1)
    good = opening.head()
    foreign = bids.sealed(2)  # sealed to the sample's own trustees
    cases = {
        "foreign_envelope": [
            SealedHead("00" * 16, good.head, good.size),
            head_of(foreign.data, tender.BID),
        ],
        "malformed_envelope": [
            SealedHead(good.bid, good.head[:-1], good.size),
            SealedHead(good.bid, good.head, good.size + 1),
            SealedHead(good.bid, good.head[:20], good.size),
            SealedHead(good.bid, b"EVB1", good.size),
            SealedHead(good.bid, good.head, 10),
        ],
    }
    for code, heads in cases.items():
        assert [code] * len(heads) == [host.ack(one).get("code") for one in heads]


# --- session keys, kept secrets, the end --------------------------------------------------------------------


def test_only_the_hosts_agent_has_session_keys(benches: dict[str, Bench], opening: Opening) -> None:
    assert "not_the_host" == benches["north"].code("session_key", tender=TENDER, window=FIRST)
    sealed = {"sealed": "AA==", "context": encode_base64(b"EVB1 release" + bytes(32))}
    assert "not_the_host" == benches["north"].code("open_release", tender=TENDER, window=FIRST, **sealed)
    first = benches["host"].ask("session_key", tender=TENDER, window=FIRST)
    benches["host"].start()
    assert first == benches["host"].ask("session_key", tender=TENDER, window=FIRST)
    assert first["public"] != benches["host"].ask("session_key", tender=TENDER, window=SECOND)["public"]
    assert opening.policy.suites[0] == 1


def test_a_window_with_the_longest_name_has_a_session_key(tmp_path: Path) -> None:
    host = Bench(tmp_path / "host")
    drafted = Opening.draft([host.publish()])
    policy = drafted.policy
    long = "w" * 64
    windows = (replace(policy.windows[0], name=long), policy.windows[1])
    parts = tuple(replace(one, window=long) if one.window == FIRST else one for one in policy.parts)
    drafted.policy = replace(policy, windows=windows, parts=parts)
    place = drafted.log.add("PolicyDrafted", {"policy": drafted.text, "sha256": drafted.digest}, BEFORE)
    assert host.sign(drafted, drafted.log.show(*drafted.drafted, place))["ok"]
    assert host.ask("session_key", tender=TENDER, window=long)["ok"]


def test_released_halves_open_from_the_hour_on_and_under_their_own_context_only(
    host: Bench, opening: Opening
) -> None:
    public = decode_base64(host.ask("session_key", tender=TENDER, window=FIRST)["public"])
    info = b"EVB1 release" + bytes(32)
    sealed = encode_base64(find_suite(1).wrap(public, b"halves", info))
    members = {"tender": TENDER, "window": FIRST, "sealed": sealed}
    host.now = OPENS - 1
    assert "too_early" == host.code("open_release", **members, context=encode_base64(info))
    host.now = OPENS
    assert "malformed_command" == host.code(
        "open_release", **members, context=encode_base64(b"EVB1 trustee1")
    )
    assert "wrap_not_opened" == host.code("open_release", **members, context=encode_base64(info[:-1]))
    answer = host.ask("open_release", **members, context=encode_base64(info))
    assert b"halves" == decode_base64(answer["text"])
    assert opening.policy.suites[0] == 1


def test_the_combiners_shares_go_through_the_hosts_agent(benches: dict[str, Bench], closed: Opening) -> None:
    public = benches["host"].ask("session_key", tender=TENDER, window=FIRST)["public"]
    for bench in benches.values():
        bench.now = CLOSES + 1
    share = benches["north"].release(closed, session_key=public)["shares"][0]
    part = closed.envelope().parts[0]
    context = encode_base64(messages.combine_info(2, part.header.context))
    members = {"tender": TENDER, "window": FIRST, "sealed": share["sealed"], "context": context}
    opened = decode_base64(benches["host"].ask("open_release", **members)["text"])
    check_share(find_suite(2), part.header.context, 2, opened, part.header.shares[1].digest)


def test_a_kept_secret_comes_back_under_its_name_only(host: Bench) -> None:
    host.publish()
    kept = host.ask("keep", tender=TENDER, name="bid/technical", secret=encode_base64(b"content key"))[
        "sealed"
    ]
    host.start()
    answer = host.ask("recall", tender=TENDER, name="bid/technical", sealed=kept)
    assert b"content key" == decode_base64(answer["secret"])
    assert "wrap_not_opened" == host.code("recall", tender=TENDER, name="bid/price", sealed=kept)


def test_keys_are_kept_until_the_opening_is_proven_to_be_over(host: Bench, closed: Opening) -> None:
    host.now = CLOSES + 10
    assert "opening_not_over" == host.code("destroy", tender=TENDER, policy=closed.digest)
    assert "another_policy" == host.code("destroy", tender=TENDER, policy="0" * 64)
    ends = closed.end()
    one = closed.log.show(ends[0]).members()
    assert "opening_not_over" == host.code("destroy", tender=TENDER, policy=closed.digest, **one)
    both = closed.log.show(*ends).members()
    assert host.ask("destroy", tender=TENDER, policy=closed.digest, **both)["ok"]


def test_destroyed_keys_are_gone_and_the_agent_signs_so(host: Bench, closed: Opening) -> None:
    host.ask("session_key", tender=TENDER, window=FIRST)
    host.now = CLOSES + 10
    aborted = closed.log.add("OpeningAborted", {"reason": "too few", "bids": 2}, DEADLINE + 1)
    members = {"tender": TENDER, "policy": closed.digest, **closed.log.show(aborted).members()}
    first = host.ask("destroy", **members)
    signature = first["signature"]
    message = messages.destroyed_message(bytes.fromhex(closed.digest))
    messages.verify_trustee(closed.policy.trustees[0].signer, message, signature)
    assert isinstance(host.provider, DrawerKeys)
    assert {} == host.provider._keys
    host.start()
    assert first == host.ask("destroy", **members)
    assert "trustee_keys_destroyed" == host.release(closed).get("code")
    assert "trustee_keys_destroyed" == host.code("publish", tender=TENDER, suites=[1, 2], now=host.now)
    assert [{"tender": TENDER, "state": "destroyed"}] == host.ask("status")["tenders"]


def test_a_crash_in_the_middle_of_destroying_is_made_good_at_the_next_start(
    host: Bench, closed: Opening
) -> None:
    record = host.folder / "tenders" / TENDER / "record.jsonl"
    with record.open("ab") as file:
        file.write(b'{"did":"destroying"}\n')
    assert closed.policy.k == 2
    host.start()
    assert not (host.folder / "keys" / TENDER).exists()
    assert [{"tender": TENDER, "state": "destroyed"}] == host.ask("status")["tenders"]


# --- the folder -----------------------------------------------------------------------------------------------


def test_a_record_cut_in_its_last_line_goes_on_and_one_damaged_before_stays_stopped(host: Bench) -> None:
    first = host.publish()
    record = host.folder / "tenders" / TENDER / "record.jsonl"
    with record.open("ab") as file:
        file.write(b'{"did":"sig')
    host.start()
    assert first == host.publish()
    assert 1 == record.read_bytes().count(b"\n")
    record.write_bytes(b"{}\n" + record.read_bytes())
    with pytest.raises(RecordDamaged):
        host.start()


def test_an_exchanged_signer_is_noticed_at_the_start(host: Bench) -> None:
    host.provider = DrawerKeys()
    with pytest.raises(KeyReplaced):
        host.start()


def test_an_opening_key_that_is_gone_or_exchanged_gives_no_share(host: Bench, closed: Opening) -> None:
    host.now = CLOSES + 1
    host.provider.destroy(TENDER)
    assert "key_missing" == host.release(closed).get("code")
    host.provider.make(KeyLabel(TENDER, "share", 2))
    assert "key_replaced" == host.release(closed).get("code")


def test_a_custody_that_is_away_is_a_coded_answer_and_the_command_may_be_repeated(
    host: Bench, closed: Opening
) -> None:
    assert isinstance(host.provider, DrawerKeys)
    host.now = CLOSES + 1
    host.provider.away = True
    assert "phone_away" == host.release(closed).get("code")
    host.provider.away = False
    assert host.release(closed)["ok"]


def test_a_custody_away_while_keys_are_destroyed_destroys_them_when_it_is_back(
    host: Bench, closed: Opening
) -> None:
    assert isinstance(host.provider, DrawerKeys)
    host.provider.away = True
    members = closed.log.show(*closed.end()).members()
    host.now = CLOSES + 10
    assert "phone_away" == host.code("destroy", tender=TENDER, policy=closed.digest, **members)
    assert "trustee_keys_destroyed" == host.release(closed).get("code")
    host.provider.away = False
    assert host.ask("destroy", tender=TENDER, policy=closed.digest, **members)["ok"]
    assert not host.provider._keys


def test_an_agents_files_hold_no_secret(tmp_path: Path) -> None:
    host = Bench.with_files(tmp_path / "files")
    closed = Opening.draft([host.publish((2,))], suites=(2,))
    assert host.sign(closed)["ok"]
    closed.seal(1)
    closed.close()
    host.now = CLOSES + 1
    target = encode_base64(session_public(2))
    assert host.release(closed, session_key=target)["ok"]
    kept = host.ask("keep", tender=TENDER, name="x", secret=encode_base64(b"0123456789abcdef" * 2))
    assert kept["ok"]
    planted = [b"0123456789abcdef" * 2, PASSPHRASE.encode()]
    for part in closed.sealed[0].plan.parts:
        secrets = closed.sealed[0].plan.secrets[part.name]
        planted += [secrets.half, secrets.secret, secrets.content_key]
        planted += deal(closed.sealed[0].plan.suite, secrets.secret, 1, 1)
    suite = find_suite(2)
    private = host.provider.open(KeyLabel(TENDER, "share", 2))
    assert isinstance(private, P256Key)
    planted.append(private.private.private_numbers().private_value.to_bytes(32, "big"))
    planted += suite.opening_key_from_seed(bytes(48))[0][:40], b"PRIVATE KEY"  # plain PKCS#8 begins so
    dump = b"".join(path.read_bytes() for path in host.folder.rglob("*") if path.is_file())
    for secret in planted:
        for spelling in (secret, secret.hex().encode(), encode_base64(secret).encode()):
            assert spelling not in dump


# --- lines -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\n",
        b"{",
        b"[]",
        b"null",
        b"{}",
        b'{"command":1}',
        b'{"command":"status","command":"status"}',
        b'{"command":"status","more":1}',
        b'{"command":"publish","tender":"T","suites":[2],"now":1.5}',
        b'{"command":"publish","tender":"T","suites":[2],"now":NaN}',
        b'{"command":"publish","tender":"T","suites":[true],"now":1}',
        b'{"command":"publish","tender":"T","suites":[],"now":1}',
        b"[" * 100_000,
        b'{"command":"status","x":' + b"[" * 100_000,
        b"\xff\xfe\x00",
        b'{"command":"status\\ud800"}',
    ],
)
def test_a_line_that_is_no_command_gets_a_coded_answer(host: Bench, line: bytes) -> None:
    answer = json.loads(host.trustee.answer(line))
    assert not answer["ok"]
    assert answer["code"] in {"malformed_command", "unknown_agent_command"}
    assert json.loads(host.trustee.answer(b'{"command":"status"}'))["ok"]


def test_a_tender_without_keys_or_policy_is_told_so(host: Bench) -> None:
    assert "no_keys_for_tender" == host.code("ack", tender=TENDER, bid="00" * 16, head="AA==", size=1)
    host.publish()
    assert "policy_not_signed" == host.code("ack", tender=TENDER, bid="00" * 16, head="AA==", size=1)


def test_a_fault_of_ours_in_one_command_leaves_the_agent_alive(
    host: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = dict(host.trustee._commands)

    def broken(_: object) -> dict[str, Any]:
        raise ZeroDivisionError(PASSPHRASE)

    monkeypatch.setattr(host.trustee, "_commands", {**commands, "status": broken})
    answer = host.ask("status")
    assert ("agent_fault", {"problem": "ZeroDivisionError"}) == (answer["code"], answer["detail"])


def test_a_full_disk_is_a_coded_answer_and_the_command_may_be_repeated(
    host: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", _full)
        assert "custody_storage" == host.code("publish", tender=TENDER, suites=[2], now=host.now)
    assert host.ask("publish", tender=TENDER, suites=[2], now=host.now)["ok"]


def _full(_: int) -> None:
    raise OSError(28, "No space left on device")
