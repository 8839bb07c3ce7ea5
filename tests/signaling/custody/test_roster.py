"""An agent gives its share of a roster once people gather, by the cosigned journal, and not before."""

from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from evalroom.ids import DrawId
from evalroom.ledger.base64 import decode_base64, encode_base64
from evalroom.ledger.canonical import Json
from evalroom.sealing.custody import combine_info
from evalroom.sealing.roster import open_roster, parse_roster, seal_roster
from signaling.custody.client import Evidence
from tests.evalroom.sealing import tender
from tests.signaling.custody.bench import Bench
from tests.signaling.custody.world import CLOSES, KINDS, TENDER, Opening, opened_share, session_public

TEXT = '[{"id":"P-001","name":"张三","phone":"13800000000"}]'.encode()
PLANTED = ("张三".encode(), b"13800000000", b"P-001")
DRAW = DrawId("R1")


@pytest.fixture
def benches(tmp_path: Path) -> dict[str, Bench]:
    return {name: Bench(tmp_path / name, name, now=CLOSES) for name in KINDS}


@pytest.fixture
def opening(benches: dict[str, Bench]) -> Opening:
    for bench in benches.values():
        bench.now = tender.DEADLINE - 86_400_000
    drafted = Opening.draft([bench.publish() for bench in benches.values()])
    for bench in benches.values():
        assert bench.sign(drafted)["ok"]
        bench.now = CLOSES
    return drafted


def sealed(opening: Opening, text: bytes = TEXT) -> bytes:
    return seal_roster(opening.policy, DRAW, text, tender.drawn("secret", 32), tender.drawn("salt", 24))


def seal_in_journal(opening: Opening, data: bytes, **changed: Json) -> int:
    body: dict[str, Json] = {"draw": DRAW, "sha256": sha256(data).hexdigest(), "size": len(data), **changed}
    return opening.log.add("RosterSealed", body, CLOSES - 2)


def gather(opening: Opening, after: str = "gathering") -> int:
    body: dict[str, Json] = {"before": "opening", "after": after, "reason": ""}
    return opening.log.add("StageChanged", body, CLOSES - 1)


def ask(bench: Bench, data: bytes, evidence: Evidence, **changed: Any) -> dict[str, Any]:  # noqa: ANN401 - members
    members = {
        "tender": TENDER,
        "roster": encode_base64(data),
        "session_key": encode_base64(session_public()),
        **evidence.members(),
        "now": bench.now,
    }
    return bench.ask("release_roster", **(members | changed))


def code(bench: Bench, data: bytes, evidence: Evidence, **changed: Any) -> str:  # noqa: ANN401 - members
    return str(ask(bench, data, evidence, **changed).get("code", ""))


def test_no_share_leaves_before_people_gather_by_the_cosigned_journal(
    benches: dict[str, Bench], opening: Opening
) -> None:
    host, data = benches["host"], sealed(opening)
    place = seal_in_journal(opening, data)
    early = opening.log.show(place)
    assert "evidence_missing" == code(host, data, early)
    assert "evidence_missing" == code(host, data, opening.log.show(place, gather(opening, "receiving")))
    gathered = gather(opening)
    assert "evidence_missing" == code(host, data, opening.log.show(gathered))
    assert "quorum_missing" == code(host, data, opening.log.show(place, gathered, cosigners=[]))
    few = opening.log.show(place, gathered, cosigners=opening.log.cosigners[:1])
    assert "quorum_missing" == code(host, data, few)
    assert not [
        name
        for name in host.folder.rglob("*")
        if b'"roster"' in (name.read_bytes() if name.is_file() else b"")
    ]


def test_another_roster_than_the_journal_names_gives_no_share(
    benches: dict[str, Bench], opening: Opening
) -> None:
    host, data = benches["host"], sealed(opening)
    entries = opening.log.show(seal_in_journal(opening, sealed(opening, b"[]")), gather(opening))
    assert "evidence_missing" == code(host, data, entries)
    entries = opening.log.show(seal_in_journal(opening, data, draw="R2"), gather(opening))
    assert "evidence_missing" == code(host, data, entries)
    assert "malformed_roster" == code(host, data[:-1], entries)


def test_a_clock_that_is_off_gives_no_share(benches: dict[str, Bench], opening: Opening) -> None:
    host, data = benches["host"], sealed(opening)
    entries = opening.log.show(seal_in_journal(opening, data), gather(opening))
    assert "clock_skewed" == code(host, data, entries, now=host.now + 2_001)
    host.now = CLOSES - 2_003
    assert "clock_skewed" == code(host, data, entries)


def test_shares_of_rosters_go_to_one_session_key(benches: dict[str, Bench], opening: Opening) -> None:
    host, data = benches["host"], sealed(opening)
    entries = opening.log.show(seal_in_journal(opening, data), gather(opening))
    assert ask(host, data, entries)["ok"]
    other = encode_base64(tender.opening_key(1, "thief").public)
    assert "another_session_key" == code(host, data, entries, session_key=other)


def test_two_of_three_agents_open_the_roster_and_answer_the_same_again(
    benches: dict[str, Bench], opening: Opening
) -> None:
    data = sealed(opening)
    entries = opening.log.show(seal_in_journal(opening, data), gather(opening))
    roster, shares = parse_roster(data, opening.policy), {}
    for place, (name, bench) in enumerate(benches.items(), 1):
        answer = ask(bench, data, entries)
        assert answer["good"], name
        bench.start()
        assert answer == ask(bench, data, opening.log.show(0)), (
            "what was released once needs no evidence again"
        )
        info = combine_info(place, roster.context)
        shares[place] = opened_share(decode_base64(answer["sealed"]), info)
    for left_out in shares:
        some = {place: share for place, share in shares.items() if place != left_out}
        assert TEXT == open_roster(roster, opening.policy.k, some)


def test_a_share_wrapped_to_somebody_else_is_no_good(benches: dict[str, Bench], opening: Opening) -> None:
    from dataclasses import replace

    stranger = replace(opening.policy.trustees[0], keys=tender.trustee("stranger", KINDS["host"]).keys)
    policy = replace(opening.policy, trustees=(stranger, *opening.policy.trustees[1:]))
    false = seal_roster(policy, DRAW, TEXT, tender.drawn("secret", 32), tender.drawn("salt", 24))
    entries = opening.log.show(seal_in_journal(opening, false), gather(opening))
    assert "malformed_roster" == code(benches["host"], false, entries), "it names another policy"


def test_a_full_dump_before_check_in_holds_no_planted_name(
    benches: dict[str, Bench], opening: Opening
) -> None:
    data = sealed(opening)
    place = seal_in_journal(opening, data)
    for bench in benches.values():
        ask(bench, data, opening.log.show(place))
    everything = [data, *opening.log.entries, opening.log.note()]
    for bench in benches.values():
        everything += [path.read_bytes() for path in bench.folder.rglob("*") if path.is_file()]
    dump = b"".join(everything)
    for planted in PLANTED:
        for spelling in (planted, planted.hex().encode(), encode_base64(planted)[:-4].encode()):
            assert spelling not in dump, planted


def test_after_the_keys_are_destroyed_nobody_opens_it(benches: dict[str, Bench], opening: Opening) -> None:
    host, data = benches["host"], sealed(opening)
    entries = opening.log.show(seal_in_journal(opening, data), gather(opening))
    host.trustee.destroy(TENDER)
    assert "trustee_keys_destroyed" == code(host, data, entries)
