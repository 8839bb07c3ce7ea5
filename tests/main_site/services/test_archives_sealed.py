"""The archive of a session with sealed bids, made by a real host with real agents: what is in it, and that it verifies."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from evalroom import commands as co
from evalroom.sealing.ceremony import CeremonyState
from evalroom.sealing.policy import PartName
from main_site.holder.archive import document, read_archive, sealed_bid
from main_site.services import opening as module
from main_site.services import trustees as ways
from recorder.verify import verify
from signaling.custody import container
from signaling.custody.archive_key import PUBLIC, ArchivePlan, make, read_public, unlocked
from tests.evalroom.room import OPERATOR, SESSION, SUPERVISOR
from tests.main_site.ceremony import (
    DOCUMENT,
    FIRST,
    KINDS,
    PASSPHRASE,
    SUITE,
    Ceremony,
    ceremony,
)
from tests.main_site.hall import until

BIDDERS = ("甲公司", "乙公司", "丙公司")
PRICE = 98_000_000
HOLDERS = ("supervisor", "centre")
SEALED = (PartName.IDENTITY, PartName.TECHNICAL)


@pytest.fixture(autouse=True)
def _brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look again at once, for the tests' clock stands still; and let guessing passphrases be cheap."""
    for name, value in (("LOOK_S", 0.05), ("RETRY_S", 0.05)):
        monkeypatch.setattr(module, name, value)
    monkeypatch.setattr(ways, "RETRY_S", 0.05)
    monkeypatch.setattr(ways, "ASK_AGAIN_S", 0.2)
    monkeypatch.setattr(container, "SCRYPT_N", 16)


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Ceremony]:
    keys = [made_key(tmp_path / f"{name}-archive", name) for name in HOLDERS]
    async with ceremony(tmp_path, {"archive_keys": [str(key / PUBLIC) for key in keys]}) as made:
        await made.accept()
        for n, name in enumerate(BIDDERS):
            await made.bid(name, PRICE + n)
        await made.acked()
        await made.close()
        await made.open_window()
        for one in made.bidders[:2]:
            assert (await made.released(one)).is_success
        made.end_window()
        await made.reaches(CeremonyState.OPENED)
        await until(lambda: len(made.session.ceremony.prices) == 2)
        yield made


def made_key(folder: Path, name: str) -> Path:
    """Make an archive key as its holder does."""
    make(folder, ArchivePlan(f"{name}-archive", f"{name} 档案室", (SUITE,)), PASSPHRASE.decode())
    return folder


async def closed(place: Ceremony) -> Path:
    """End the session after its opening, and return the archive's folder."""
    await place.order(SUPERVISOR, co.AbortOpening("only the opening is looked at here", len(BIDDERS)))
    await until(lambda: place.session.ceremony.destroyed == set(KINDS))
    await place.order(OPERATOR, co.CloseSession("done"))
    await until(lambda: place.live.archiver.state.stage in ("ready", "failed"))
    assert "ready" == place.live.archiver.state.stage, place.live.archiver.state.detail
    return Path(place.live.archiver.state.path)


async def test_a_sealed_session_is_archived_with_all_that_its_opening_left(place: Ceremony) -> None:
    archive = await closed(place)
    report = verify(archive, [place.session.keys.log])
    # The tests' clock runs ahead of the witness's, which is what step 11 is there to find.
    assert {11} >= {failure.step for step in report.steps for failure in step.failures}
    checked = {step.number: step.checked for step in report.steps}
    assert (3, 3, 3, 1, 3, 2) == tuple(checked[number] for number in range(17, 23))

    folder = archive / "data" / "docs" / "opening"
    bids = {one.number for one in place.bidders}
    assert {f"{number}.evb1" for number in bids} == {one.name for one in (folder / "envelopes").iterdir()}
    assert {f"{number}.receipt" for number in bids} == {one.name for one in (folder / "receipts").iterdir()}
    for one in place.bidders:
        assert one.sealed.data == (folder / "envelopes" / f"{one.number}.evb1").read_bytes()
    assert place.policy.encode() == (folder / "policy.json").read_bytes()
    signatures = json.loads((folder / "signatures.json").read_bytes())
    assert place.session.ceremony.signed == {one["trustee"]: one["signature"] for one in signatures}
    submissions = place.live.archiver.submissions
    assert submissions is not None
    for number in bids:  # linked, for a second copy of all bids might not fit on the disk
        packed = folder / "envelopes" / f"{number}.evb1"
        assert packed.samefile(submissions.uploads.path(number))
        receipt = (folder / "receipts" / f"{number}.receipt").read_text("utf-8")
        assert 2 == receipt.count("\N{EM DASH} "), "signed by the log, cosigned by the witness"
    record = json.loads((folder / f"record-{FIRST}.json").read_bytes())
    assert bids == {row["number"] for row in record["rows"]}


async def test_no_plaintext_and_no_open_key_of_an_unpublished_part_is_in_the_archive(place: Ceremony) -> None:
    secrets = [
        one.plan.secrets[part].content_key
        for one in place.bidders
        for part in (PartName.IDENTITY, PartName.TECHNICAL)
    ]
    archive = await closed(place)
    everything = [path.read_bytes() for path in archive.rglob("*") if path.is_file()]
    assert not any(DOCUMENT[:64] in data for data in everything)
    for key in secrets:
        forms = (key, key.hex().encode())
        assert not any(form in data for data in everything for form in forms)


async def test_each_holder_of_an_archive_key_reads_the_documents_once_all_other_keys_are_gone(
    place: Ceremony, tmp_path: Path
) -> None:
    archive = read_archive(await closed(place))
    for name in HOLDERS:
        folder = tmp_path / f"{name}-archive"
        mine = archive.sealed_for(archive.recipient(read_public(folder)))
        assert {(one.number, part) for one in place.bidders[:2] for part in SEALED} == {
            (fact.bid, fact.part) for fact in mine
        }
        with unlocked(folder, PASSPHRASE.decode()) as keys:
            for fact in mine:
                with sealed_bid(archive, fact.bid) as found:
                    text = b"".join(document(archive, fact, keys(SUITE), found))
                assert fact.part is PartName.IDENTITY or DOCUMENT == text


async def test_sealed_keys_enter_the_journal_together_with_the_record(place: Ceremony) -> None:
    archive = await closed(place)
    types = [
        json.loads(line)["type"] for line in (archive / "data/log/entries.jsonl").read_bytes().splitlines()
    ]
    record = types.index("OpeningRecorded")
    assert ["PartKeySealed"] * 8 == types[record + 1 : record + 9]
    assert 8 == types.count("PartKeySealed")


async def test_a_policy_is_not_drafted_when_an_archive_key_cannot_be_read(tmp_path: Path) -> None:
    for name, text in (("missing", None), ("nonsense", b"{}")):
        path = tmp_path / name
        if text is not None:
            path.write_bytes(text)
        async with ceremony(tmp_path / f"host of {name}", {"archive_keys": [str(path)]}) as place:
            answer = await place.http.post(f"/api/v1/sessions/{SESSION}/policy")
            assert "archive_key_unreadable" == answer.json()["code"]
