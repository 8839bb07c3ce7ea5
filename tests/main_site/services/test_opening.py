"""The host leads an opening: from the draft to the record, whatever trustees and bidders do or leave undone."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from evalroom import commands as co
from evalroom.encoding import to_json
from evalroom.events import Stage
from evalroom.ids import BidId, BidNumber
from evalroom.ledger.base64 import decode_base64, encode_base64
from evalroom.ledger.note import parse_vkey
from evalroom.needs import Unready
from evalroom.reporting import Stand
from evalroom.sealing.ceremony import CeremonyState
from evalroom.sealing.dealing import share_digest
from evalroom.sealing.facts import Verdict
from evalroom.sealing.header import SealedShare, encode_header, trustee_info
from evalroom.sealing.policy import Mode, PartName
from evalroom.sealing.record import parse_record
from evalroom.sealing.seal import SealingPlan
from evalroom.sealing.unseal import read_text
from evalroom.sealing.verdict import check_verdict
from evalroom.sheet import keys_of
from evalroom.tender import Part
from main_site.bidder.certificate import own_signatory
from main_site.services import centre as centre_module
from main_site.services import opening as module
from main_site.services import trustees as ways
from main_site.store import journal
from signaling.custody import container
from tests.evalroom.room import (
    BIDS,
    EXPERTS,
    LOT,
    OPERATOR,
    SESSION,
    SUPERVISOR,
    WEST,
    needs_reason,
    usual_value,
)
from tests.evalroom.sealing import bids
from tests.main_site.ceremony import DOCUMENT, FIRST, SECOND, Bidding, Ceremony, ceremony, sheet_of
from tests.main_site.hall import settle, until

PRICE = 98_000_000


@pytest.fixture(autouse=True)
def _brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look again at once, for the tests' clock stands still; and let guessing passphrases be cheap."""
    monkeypatch.setattr(module, "LOOK_S", 0.05)
    monkeypatch.setattr(module, "RETRY_S", 0.05)
    monkeypatch.setattr(ways, "RETRY_S", 0.05)
    monkeypatch.setattr(ways, "ASK_AGAIN_S", 0.2)
    monkeypatch.setattr(container, "SCRYPT_N", 16)


async def unsealing(place: Ceremony, *names: str) -> list[Bidding]:
    """Hand in a bid for each name, and come to the open window."""
    await place.accept()
    made = [await place.bid(name, PRICE + n) for n, name in enumerate(names)]
    await place.acked()
    await place.close()
    await place.open_window()
    return made


async def opened(place: Ceremony) -> dict[str, tuple[str, str, str]]:
    await place.reaches(CeremonyState.OPENED)
    return place.verdicts()


OPENED = ("opened", "", "")


# --- the whole way --------------------------------------------------------------------------------------------


async def test_bids_are_opened_recorded_and_join_their_lots(tmp_path: Path) -> None:
    async with ceremony(tmp_path) as place:
        first, second = await unsealing(place, "甲公司", "乙公司")
        await place.release_all()
        assert {"甲公司": OPENED, "乙公司": OPENED} == await opened(place)
        told = place.session.ceremony.windows[FIRST]
        assert {first.number: "甲公司", second.number: "乙公司"} == {
            number: row.bidder for number, row in told.rows.items()
        }
        await until(lambda: len(place.session.ceremony.prices) == 2)
        assert {PRICE, PRICE + 1} == set(place.session.ceremony.prices.values())
        published = {part for _, part in place.session.ceremony.published}
        assert {PartName.OPENING} == published
        hall = await place.hall()
        assert hall["record"]["sha256"] == told.sha256
        assert parse_record(hall["record"]["text"]).rows == tuple(told.rows.values())


async def test_a_published_key_opens_the_price_sheet_for_everybody(tmp_path: Path) -> None:
    async with ceremony(tmp_path) as place:
        (one,) = await unsealing(place, "甲公司")
        await place.release_all()
        await until(lambda: bool(entries(place, "PartKeyPublished")))
        (entry,) = entries(place, "PartKeyPublished")
        envelope = (await place.opening._bid(one.number)).envelope
        key = bytes.fromhex(entry["body"]["key"])
        text = read_text(envelope, PartName.OPENING, key, bids.reader(one.sealed.data))
        assert sheet_of(PRICE) == text


def entries(place: Ceremony, kind: str) -> list[dict[str, Any]]:
    with place.centre.writer.engine.connect() as db:
        rows = [json.loads(row.entry) for row in journal.read(db, SESSION)]
    return [one for one in rows if one["type"] == kind]


@pytest.mark.parametrize("mode", [Mode.SITES, Mode.BIDDER])
async def test_other_modes_need_only_what_they_name(tmp_path: Path, mode: Mode) -> None:
    async with ceremony(tmp_path, mode=mode) as place:
        await place.accept()
        await place.bid("甲公司", PRICE)
        await place.close()
        await place.open_window()
        if mode is Mode.BIDDER:
            await place.release_all()
        assert {"甲公司": OPENED} == await opened(place)


async def test_prices_wait_for_a_window_of_their_own(tmp_path: Path) -> None:
    async with ceremony(tmp_path, prices=True) as place:
        (one,) = await unsealing(place, "甲公司")
        await place.release_all()
        await opened(place)
        await until(lambda: bool(place.session.ceremony.admitted))
        assert {} == place.session.ceremony.prices
        assert not place.opening.keys.has(one.number, PartName.PRICE)


# --- secrets ---------------------------------------------------------------------------------------------------


async def test_nothing_secret_lies_on_the_disk_before_or_after(tmp_path: Path) -> None:
    async with ceremony(tmp_path) as place:
        (one,) = await unsealing(place, "甲公司")
        secrets = [drawn for name, drawn in one.plan.secrets.items() if name is not PartName.OPENING]
        await place.release_all()
        await opened(place)
        await until(lambda: bool(place.session.ceremony.prices))
        planted = [value for drawn in secrets for value in (drawn.half, drawn.secret, drawn.content_key)]
        planted.append(DOCUMENT[5_000:5_064])
        assert [] == hits(tmp_path / "host", planted)


async def test_a_full_dump_before_the_hour_names_nobody_and_no_price(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    name, price = "绝密投标人股份有限公司", 731_942_856_013
    async with ceremony(tmp_path) as place:
        await place.accept()
        one = await place.bid(
            name, price, texts=place.texts(price) | {PartName.OPENING: sheet_of(price, bidder=name)}
        )
        await place.acked()
        await place.close()
        words = [text.encode(code) for text in (name, str(price)) for code in ENCODINGS]
        drawn = [
            value
            for each in one.plan.secrets.values()
            for value in (each.half, each.secret, each.content_key)
        ]
        assert [] == hits(tmp_path, [*words, *drawn, DOCUMENT[5_000:5_064]])
        said = "".join(capfd.readouterr())
        assert not [word for word in (name, str(price), *(value.hex() for value in drawn)) if word in said]
        assert hits(tmp_path, [one.sealed.number.encode()])  # the search finds what is there


ENCODINGS = ("utf-8", "utf-16-le", "utf-16-be", "gb18030")
"""As a database, a log or a careless program might have written a name."""


def hits(folder: Path, planted: list[bytes]) -> list[str]:
    """Return the files in which any of the secrets stands, raw, in hex or in Base64."""
    forms = [form for one in planted for form in (one, one.hex().encode(), encode_base64(one).encode())]
    return [
        str(path)
        for path in folder.rglob("*")
        if path.is_file()
        for data in [path.read_bytes()]
        if any(form in data for form in forms)
    ]


# --- bidders ---------------------------------------------------------------------------------------------------


async def test_a_bid_whose_half_never_comes_is_revoked_and_the_others_go_on(tmp_path: Path) -> None:
    async with ceremony(tmp_path) as place:
        present, _absent = await unsealing(place, "甲公司", "乙公司")
        assert (await place.released(present)).is_success
        await settle()
        assert place.stands is CeremonyState.UNSEALING
        place.end_window()
        assert {"甲公司": OPENED, "乙公司": ("revoked", "not_released", "bidder")} == await opened(place)


async def test_a_wrong_half_may_be_followed_by_the_right_one(tmp_path: Path) -> None:
    async with ceremony(tmp_path) as place:
        (one,) = await unsealing(place, "甲公司")
        answer = await place.released(one, wrong=True)
        assert "half_mismatch" == answer.json()["code"]
        assert (await place.released(one)).is_success
        assert {"甲公司": OPENED} == await opened(place)


async def test_a_bidder_with_only_wrong_halves_is_revoked_for_that(tmp_path: Path) -> None:
    async with ceremony(tmp_path) as place:
        (one,) = await unsealing(place, "甲公司")
        await place.released(one, wrong=True)
        place.end_window()
        assert {"甲公司": ("revoked", "half_mismatch", "bidder")} == await opened(place)


async def test_rivals_who_flood_a_bid_with_wrong_halves_do_not_lock_its_bidder_out(tmp_path: Path) -> None:
    async with ceremony(tmp_path) as place:
        (one,) = await unsealing(place, "甲公司")
        for _ in range(40):
            assert not (await place.released(one, wrong=True)).is_success
        assert (await place.released(one)).is_success
        assert {"甲公司": OPENED} == await opened(place)


async def test_one_release_repeated_is_one_release(tmp_path: Path) -> None:
    async with ceremony(tmp_path) as place:
        one, _other = await unsealing(place, "甲公司", "乙公司")
        for _ in range(5):
            assert (await place.released(one)).is_success
        assert 1 == len(entries(place, "HalfReleased"))


async def test_a_half_released_for_one_bid_is_no_half_of_another(tmp_path: Path) -> None:
    async with ceremony(tmp_path) as place:
        one, other = await unsealing(place, "甲公司", "乙公司")
        hall = await place.hall()
        key = decode_base64(hall["session_key"])
        stolen = one.release(FIRST, key, place.session.ceremony.parts_of(FIRST))
        answer = await place.http.post(
            f"{place.bid_path(other.sealed)}/release", json={"window": FIRST, "halves": stolen}
        )
        assert "wrap_not_opened" == answer.json()["code"]


async def test_two_bids_of_one_certificate_leave_the_later_one(tmp_path: Path) -> None:
    async with ceremony(tmp_path) as place:
        await place.accept()
        who = own_signatory("甲公司", datetime.now(UTC))
        await place.bid("earlier", PRICE, signatory=who)
        await place.bid("later", PRICE, signatory=who)
        await place.acked()
        await place.close()
        await place.open_window()
        await place.release_all()
        assert {"earlier": ("withdrawn", "superseded", "bidder"), "later": OPENED} == await opened(place)


async def test_a_price_sheet_that_does_not_read_costs_its_bid_alone(tmp_path: Path) -> None:
    async with ceremony(tmp_path) as place:
        await place.accept()
        await place.bid("甲公司", PRICE)
        for name, sheet in (("no json", b"a hundred yuan"), ("no such lot", sheet_of(PRICE, "lot9"))):
            texts = {PartName.OPENING: sheet, PartName.TECHNICAL: DOCUMENT}
            await place.bid(name, PRICE, texts=texts)
        await place.acked()
        await place.close()
        await place.open_window()
        await place.release_all()
        bad = ("malformed", "malformed_sheet", "bidder")
        assert {"甲公司": OPENED, "no json": bad, "no such lot": bad} == await opened(place)


def dealt_twice(plan: SealingPlan) -> SealingPlan:
    """Deal shares of one secret to some trustees and of another to the rest, each with a commitment that fits."""
    from evalroom.sealing.dealing import deal

    parts = []
    for part in plan.parts:
        suite, policy = plan.suite, plan.policy
        one, other = (deal(suite, secret, policy.k, policy.n) for secret in (b"a" * 32, b"b" * 32))
        shares = tuple(
            SealedShare(
                suite.wrap(trustee.key(suite.code), share, trustee_info(part.context, place)),
                share_digest(suite, part.context, share),
            )
            for place, (trustee, share) in enumerate(
                zip(policy.trustees, (one[0], *other[1:]), strict=True), 1
            )
        )
        parts.append(replace(part, shares=shares))
    return replace(plan, parts=tuple(parts), header=encode_header(parts))


async def test_a_false_dealing_is_malformed_for_every_quorum(tmp_path: Path) -> None:
    async with ceremony(tmp_path) as place:
        await place.accept()
        await place.bid("甲公司", PRICE)
        await place.bid("丙公司", PRICE, bend=dealt_twice)
        await place.acked()
        await place.close()
        await place.open_window()
        await place.release_all()
        assert {"甲公司": OPENED, "丙公司": ("malformed", "dealing", "bidder")} == await opened(place)


# --- trustees --------------------------------------------------------------------------------------------------


def wrong_share(command: Any, answer: dict[str, Any]) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """Give out shares that open and contradict their commitments: each that of another part."""
    if command["command"] == "release" and answer["ok"]:
        sealed = [one["sealed"] for one in answer["shares"]]
        for one, other in zip(answer["shares"], sealed[1:] + sealed[:1], strict=True):
            one["sealed"] = other
    return answer


async def test_a_lying_agent_is_found_out_and_another_quorum_opens(tmp_path: Path) -> None:
    async with ceremony(tmp_path) as place:
        await unsealing(place, "甲公司")
        place.agents["supervisor"].bend = wrong_share
        await place.release_all()
        assert {"甲公司": OPENED} == await opened(place)
        told = place.session.ceremony.windows[FIRST].shares
        lied = [given["supervisor"] for given in told.values() if "supervisor" in given]
        assert not any(lied)


async def test_with_one_trustee_away_the_other_two_open(tmp_path: Path) -> None:
    async with ceremony(tmp_path) as place:
        await unsealing(place, "甲公司")
        place.agents[WEST].down = True
        await place.release_all()
        assert {"甲公司": OPENED} == await opened(place)


async def test_too_few_trustees_pause_the_opening_by_name_until_one_is_back(tmp_path: Path) -> None:
    async with ceremony(tmp_path) as place:
        await unsealing(place, "甲公司")
        place.agents["supervisor"].down = True
        place.agents[WEST].bend = lambda _, __: {"ok": False, "code": "token_gone", "detail": {}}
        await place.release_all()
        await until(lambda: bool(entries(place, "CeremonyPaused")))
        (told,) = entries(place, "CeremonyPaused")
        assert "supervisor (agent_unreachable)" in told["body"]["reason"]
        assert f"{WEST} (token_gone)" in told["body"]["reason"]
        assert {} == place.verdicts()
        place.agents["supervisor"].down = False
        assert {"甲公司": OPENED} == await opened(place)
        assert 1 == len(entries(place, "CeremonyPaused")) == len(entries(place, "CeremonyResumed"))


async def test_no_window_runs_out_while_the_hosts_own_agent_is_silent(tmp_path: Path) -> None:
    async with ceremony(tmp_path) as place:
        (one,) = await unsealing(place, "甲公司")
        until_before = place.session.ceremony.windows[FIRST].until
        place.agents["host"].down = True
        await place.pauses()
        place.now += 3_600_000
        assert 503 == (await place.released(one)).status_code
        await settle()
        assert place.stands is CeremonyState.UNSEALING
        place.agents["host"].down = False
        await until(lambda: not place.session.ceremony.paused)
        assert until_before + 3_600_000 == place.session.ceremony.windows[FIRST].until
        assert (await place.released(one)).is_success
        assert {"甲公司": OPENED} == await opened(place)


async def test_shares_that_never_agree_wait_for_people_and_are_the_sites_matter(tmp_path: Path) -> None:
    async with ceremony(tmp_path) as place:
        await unsealing(place, "甲公司")
        for name in ("supervisor", "host"):
            place.agents[name].bend = wrong_share
        await place.release_all()
        await place.pauses()
        await place.order(SUPERVISOR, co.ResumeCeremony("we go on without it"))
        assert {"甲公司": ("withdrawn", "too_few_shares", "sites")} == await opened(place)


async def test_an_agent_that_answers_for_another_publishes_nothing(tmp_path: Path) -> None:
    def other(command: Any, answer: dict[str, Any]) -> dict[str, Any]:  # noqa: ANN401 - JSON
        return {**answer, "trustee": "host"} if command["command"] == "publish" else answer

    async with ceremony(tmp_path) as place:
        place.agents[WEST].bend = other
        await place.http.post(f"/api/v1/sessions/{SESSION}/policy")
        assert {"host", "supervisor"} == place.session.ceremony.keys.keys()
        assert "agent_contradicts" == place.opening.parts.trustees.silent[WEST]


async def test_keys_that_nobody_holds_are_not_published(tmp_path: Path) -> None:
    def guess(command: Any, answer: dict[str, Any]) -> dict[str, Any]:  # noqa: ANN401 - JSON
        if command["command"] == "prove":
            return {"ok": True, "challenges": [encode_base64(bytes(32)) for _ in command["wraps"]]}
        return answer

    async with ceremony(tmp_path) as place:
        place.agents["supervisor"].bend = guess
        await place.http.post(f"/api/v1/sessions/{SESSION}/policy")
        assert {"host", WEST} == place.session.ceremony.keys.keys()


async def test_a_trustee_who_was_away_acknowledges_when_it_is_back(tmp_path: Path) -> None:
    async with ceremony(tmp_path) as place:
        await place.accept()
        place.agents[WEST].down = True
        await place.bid("甲公司", PRICE)
        await place.acked("host", "supervisor")
        place.agents[WEST].down = False
        await place.acked()


async def test_a_bid_that_comes_in_while_another_ones_head_is_read_ends_nothing() -> None:
    """Nine bidders on a busy machine did it: the host's service ended, and no window was ever opened."""
    handed = {"one": SimpleNamespace(gone=False, acks={})}
    asked: list[str] = []

    async def read(number: str) -> SimpleNamespace:
        handed["other"] = SimpleNamespace(gone=False, acks={})
        return SimpleNamespace(head=SimpleNamespace(head=number.encode(), size=1))

    def acknowledge(number: str, *_: object) -> None:
        asked.append(number)

    terms = SimpleNamespace(trustees=[SimpleNamespace(name="host")])
    trustees = SimpleNamespace(acknowledge=acknowledge)
    host: Any = SimpleNamespace(
        ceremony=SimpleNamespace(terms=terms, handed=handed),
        parts=SimpleNamespace(trustees=trustees),
        _bid=read,
    )
    await module.Opening._have_acknowledged(host)
    assert ["one"] == asked
    await module.Opening._have_acknowledged(host)
    assert ["one", "one", "other"] == asked


# --- the platform ----------------------------------------------------------------------------------------------


async def test_damaged_bytes_wait_for_a_backup_and_then_the_bid_is_opened(tmp_path: Path) -> None:
    async with ceremony(tmp_path) as place:
        one, _other = await unsealing(place, "甲公司", "乙公司")
        path = place.spoil(one, len(one.sealed.data) // 2)
        await place.release_all()
        await place.pauses()
        assert {"甲公司": ("awaiting_bytes", "root_mismatch", "platform")} == place.verdicts()
        path.write_bytes(one.sealed.data)  # restored from a backup: the host sees it by itself
        assert {"甲公司": OPENED, "乙公司": OPENED} == await opened(place)


async def test_bytes_that_stay_damaged_withdraw_the_bid_at_the_platforms_cost(tmp_path: Path) -> None:
    async with ceremony(tmp_path) as place:
        one, _other = await unsealing(place, "甲公司", "乙公司")
        place.spoil(one, len(one.sealed.data) // 2)
        await place.release_all()
        await place.pauses()
        await place.order(SUPERVISOR, co.ResumeCeremony("there is no backup"))
        lost = ("withdrawn", "root_mismatch", "platform")
        assert {"甲公司": lost, "乙公司": OPENED} == await opened(place)


def failing(command: Any, answer: dict[str, Any]) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """Fail, as an agent whose disk is full, whenever something released is to be opened."""
    if command["command"] == "open_release":
        return {"ok": False, "code": "custody_storage", "detail": {}}
    return answer


async def failed_release(place: Ceremony) -> Bidding:
    """Come to where a bidder's release failed at the host and the window is over; people are asked."""
    one, other = await unsealing(place, "甲公司", "乙公司")
    assert (await place.released(other)).is_success
    place.agents["host"].bend = failing
    answer = await place.released(one)
    assert (503, "release_not_taken") == (answer.status_code, answer.json()["code"])
    place.agents["host"].bend = lambda _, honest: honest
    place.end_window()
    await until(lambda: bool(entries(place, "CeremonyPaused")))
    assert "B0" in (await place.hall())["paused"]
    return one


async def test_a_release_that_failed_at_the_host_is_given_time(tmp_path: Path) -> None:
    async with ceremony(tmp_path) as place:
        one = await failed_release(place)
        later = place.session.ceremony.windows[FIRST].until + 600_000
        await place.order(SUPERVISOR, co.ExtendWindow(FIRST, later, "the host's disk was full"))
        await place.reaches(CeremonyState.UNSEALING)
        assert (await place.released(one)).is_success
        assert {"甲公司": OPENED, "乙公司": OPENED} == await opened(place)


async def test_a_release_that_failed_at_the_host_for_good_is_the_platforms_matter(tmp_path: Path) -> None:
    async with ceremony(tmp_path) as place:
        await failed_release(place)
        await place.order(SUPERVISOR, co.ResumeCeremony("the bidder cannot be reached any more"))
        lost = ("withdrawn", "platform_fault", "platform")
        assert {"甲公司": lost, "乙公司": OPENED} == await opened(place)


async def test_each_verdict_is_signed_and_names_the_entries_it_follows_from(tmp_path: Path) -> None:
    async with ceremony(tmp_path) as place:
        one, _absent = await unsealing(place, "甲公司", "乙公司")
        await place.released(one)
        place.end_window()
        await opened(place)
        log = parse_vkey(place.session.keys.log)
        with place.centre.writer.engine.connect() as db:
            rows = [json.loads(row.entry) for row in journal.read(db, SESSION)]
        for told in place.session.ceremony.windows[FIRST].verdicts.values():
            check_verdict(told, log)
            about = [rows[number] for number in told.evidence]
            kinds = {entry["type"] for entry in about}
            assert {"BidSubmitted", "BidAcknowledged", "WindowClosed", "ShareReleased"} <= kinds
            assert ("HalfReleased" in kinds) is (told.verdict is Verdict.OPENED)
            assert {told.bid} == {entry["body"]["bid"] for entry in about if "bid" in entry["body"]}


async def test_a_fault_of_our_own_stops_the_opening_for_a_moment_and_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(centre_module, "AGAIN_S", 0.01)
    async with ceremony(tmp_path) as place:
        await unsealing(place, "甲公司")
        look = module.Opening._is_here
        faults = [KeyError("x"), KeyError("x")]

        async def fail(opening: module.Opening, number: BidNumber) -> bool:
            if faults:
                raise faults.pop()
            return await look(opening, number)

        monkeypatch.setattr(module.Opening, "_is_here", fail)
        await place.release_all()
        assert {"甲公司": OPENED} == await opened(place)
        told = [one["body"]["code"] for one in entries(place, "AlarmRaised")]
        assert ["service_failed"] == told, "once, as long as nobody has closed it"


async def test_supervisors_may_give_bidders_more_time(tmp_path: Path) -> None:
    async with ceremony(tmp_path) as place:
        (one,) = await unsealing(place, "甲公司")
        later = place.session.ceremony.windows[FIRST].until + 600_000
        await place.order(SUPERVISOR, co.ExtendWindow(FIRST, later, "a bidder's phone is empty"))
        place.now = later - 1
        await settle()
        assert (await place.released(one)).is_success
        assert {"甲公司": OPENED} == await opened(place)


async def test_too_few_bids_abort_and_the_keys_are_destroyed(tmp_path: Path) -> None:
    async with ceremony(tmp_path) as place:
        await place.accept()
        place.now = place.deadline
        await place.reaches(CeremonyState.ABORTED)
        await until(lambda: len(place.session.ceremony.destroyed) == 3)


# --- documents -------------------------------------------------------------------------------------------------


async def test_experts_read_any_range_of_a_document_and_the_disk_holds_none_of_it(tmp_path: Path) -> None:
    async with ceremony(tmp_path) as place:
        await unsealing(place, "甲公司")
        await place.release_all()
        await until(lambda: bool(place.session.ceremony.prices))
        bid = BidId(next(iter(place.session.ceremony.admitted)))
        async with place.client(await place.cookie(EXPERTS[0])) as expert:
            early = await expert.get(f"/api/v1/documents/{bid}")
            assert "not_permitted" == early.json()["code"]
        async with place.client(await place.cookie(OPERATOR)) as reader:
            whole = await reader.get(f"/api/v1/documents/{bid}")
            assert DOCUMENT == whole.content
            for first, behind in (
                (0, 1),
                (16_383, 16_385),
                (500_000, 900_001),
                (len(DOCUMENT) - 1, len(DOCUMENT)),
            ):
                part = await reader.get(
                    f"/api/v1/documents/{bid}", headers={"range": f"bytes={first}-{behind - 1}"}
                )
                assert (206, DOCUMENT[first:behind]) == (part.status_code, part.content)
                assert part.headers["content-range"] == f"bytes {first}-{behind - 1}/{len(DOCUMENT)}"
            beyond = await reader.get(
                f"/api/v1/documents/{bid}", headers={"range": f"bytes={len(DOCUMENT)}-"}
            )
            assert 416 == beyond.status_code
            for part_name in ("identity", "opening", "price", "nonsense"):
                refused = await reader.get(f"/api/v1/documents/{bid}", params={"part": part_name})
                assert "part_not_opened" == refused.json()["code"]
        assert [] == hits(tmp_path / "host", [DOCUMENT[7_000:7_064]])


async def test_a_site_reads_documents_of_its_own_sessions_by_digest(tmp_path: Path) -> None:
    async with ceremony(tmp_path) as place:
        await unsealing(place, "甲公司")
        await place.release_all()
        await until(lambda: bool(entries(place, "PriceRead")))
        (admitted,) = entries(place, "BidAdmitted")
        (document,) = admitted["body"]["documents"]
        token = place.centre.links.states()[WEST].token
        async with place.client() as site:
            answer = await site.get(
                f"/api/v1/site/documents/{document['sha256']}",
                headers={"authorization": f"Bearer {token}", "range": "bytes=100-199"},
            )
        assert (206, DOCUMENT[100:200]) == (answer.status_code, answer.content)


async def test_the_session_goes_on_to_the_sheets_with_the_bids_that_were_opened(tmp_path: Path) -> None:
    async with ceremony(tmp_path) as place:
        await unsealing(place, "甲公司", "乙公司")
        await place.release_all()
        await until(lambda: len(place.session.ceremony.prices) == 2)
        await place.order(OPERATOR, co.AdvanceStage(Stage.OPENING, Stage.GATHERING, ""))
        assert ["B01", "B02"] == sorted(bid.id for bid in place.session.lots[LOT].bids)
        assert to_json(Verdict.OPENED) == "opened"


# --- a second window, and the end ------------------------------------------------------------------------------


async def test_prices_are_opened_once_the_technical_sheets_are_unlocked_and_then_keys_are_destroyed(
    tmp_path: Path,
) -> None:
    async with ceremony(tmp_path, prices=True) as place:
        present, absent = await unsealing(place, "甲公司", "乙公司")
        await place.released(present)
        place.end_window()
        await place.reaches(CeremonyState.OPENED)
        await until(lambda: bool(place.session.ceremony.admitted))
        await to_detailed(place)
        await place.step_up(SECOND)
        assert place.stands is CeremonyState.OPENED, "the gate is shut"
        await review(place, Part.DETAILED)
        await place.reaches(CeremonyState.UNSEALING)
        assert not (await place.released(absent, SECOND)).is_success, "a revoked bid has no price any more"
        assert (await place.released(present, SECOND)).is_success
        # The clock stands still: agents wait for nobody whom the first window has lost.
        await until(lambda: place.session.ceremony.recorded(SECOND))
        await until(lambda: len(place.session.ceremony.prices) == 1)
        assert {"甲公司": OPENED} == place.verdicts(SECOND)
        for after in (Stage.PRICING, Stage.SUMMARY, Stage.REPORTING, Stage.SIGNING):
            await place.order(OPERATOR, co.AdvanceStage(place.session.stage, after, ""))
        await until(lambda: place.session.ceremony.destroyed == {WEST, "supervisor"})
        place.opening.keys._known.clear()  # as after a restart: members still read while they sign
        bid = next(iter(place.session.ceremony.admitted))
        async with place.client(await place.cookie(OPERATOR)) as reader:
            still = await reader.get(f"/api/v1/documents/{bid}", headers={"range": "bytes=0-99"})
            assert DOCUMENT[:100] == still.content
        assert {WEST, "supervisor"} == place.session.ceremony.destroyed, "the host's agent recalls keys"
        lot = place.session.live_lots()[0].id
        sign = co.SignReport(lot, place.session.report_digest(lot), Stand.AGREES, "")
        for expert in EXPERTS:
            await place.order(expert, sign)
        place.agents["host"].down = True
        await place.order(OPERATOR, co.AdvanceStage(Stage.SIGNING, Stage.CONCLUDED, ""))
        await settle()
        assert not place.session.closed, "a trustee holds keys"
        place.agents["host"].down = False
        await place.reaches(CeremonyState.DESTROYED)
        await until(lambda: place.session.closed)


async def test_a_session_whose_trustee_is_gone_closes_once_the_supervisor_has_stated_that(
    tmp_path: Path,
) -> None:
    async with ceremony(tmp_path) as place:
        await unsealing(place, "甲公司")
        await place.release_all()
        await opened(place)
        place.agents["supervisor"].down = True
        await place.order(SUPERVISOR, co.AbortOpening("no bid is left", 1))
        await until(lambda: place.session.ceremony.destroyed == {"host", WEST})
        with pytest.raises(Unready):
            await place.order(OPERATOR, co.CloseSession("the opening was aborted"))
        await place.order(SUPERVISOR, co.StateNotDestroyed("supervisor", "its machine burnt down"))
        await place.order(OPERATOR, co.CloseSession("the opening was aborted"))
        assert place.session.closed


async def to_detailed(place: Ceremony) -> None:
    """Go on to the detailed review of whatever was admitted."""
    for person in place.people.values():
        if person.seat.code not in place.session.seat_keys:
            await place.give(person.check_in())
    await place.order(OPERATOR, co.AdvanceStage(Stage.OPENING, Stage.GATHERING, ""))
    await place.order(OPERATOR, co.AdvanceStage(Stage.GATHERING, Stage.BRIEFED, ""))
    for expert in EXPERTS:
        await place.give(place.people[expert].accept(place.session.pledge.sha256))
    await place.order(OPERATOR, co.AdvanceStage(Stage.BRIEFED, Stage.ELECTING, ""))
    await place.order(OPERATOR, co.AdvanceStage(Stage.ELECTING, Stage.PRELIMINARY, ""))
    await review(place, Part.PRELIMINARY)
    await place.order(OPERATOR, co.AdvanceStage(Stage.PRELIMINARY, Stage.DETAILED, ""))


async def review(place: Ceremony, part: Part) -> None:
    """Fill and lock all sheets of a part, and wait for the unlock."""
    (lot,) = place.session.lots.values()
    for seat in EXPERTS:
        person = place.people[seat]
        for bid, item in keys_of(lot, part, place.session.rejected.get(LOT, ())):
            value = usual_value(seat, BIDS[0], item)
            await place.give(
                person.enter(bid, item, value, reason="p. 3" if needs_reason(value, item) else "")
            )
        await place.give(person.lock(place.session, part))
    await until(lambda: (LOT, part) in place.session.unlocked)
