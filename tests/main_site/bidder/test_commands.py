"""`evalroom bid` from sealing to confirming: what it prints, what it leaves on the disk, how it ends."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from main_site.bidder import errands, keyfile
from main_site.bidder.keyfile import read_record, unlock
from tests.evalroom.sealing import tender
from tests.main_site.bidder.console import HOST, good, key_words, refused, run, seal
from tests.main_site.bidder.desk import NAME, PASSPHRASE, Desk, laid
from tests.main_site.bidder.fake_host import FakeHost, ends, problem
from tests.tools.transcript import KEYS


@pytest.fixture(autouse=True)
def _cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a passphrase cost next to nothing: what it costs is tested where key files are."""
    monkeypatch.setattr(
        keyfile, "Scrypt", lambda *, salt, length, **_: Scrypt(salt=salt, length=length, n=2, r=1, p=1)
    )


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return laid(tmp_path, size=1_500_000)


@pytest.fixture
def fake(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> FakeHost:
    fake = FakeHost(desk.policy)
    monkeypatch.setattr(errands, "connected", lambda _: fake.client())
    return fake


def test_a_bid_goes_from_the_desk_to_the_record(desk: Desk, fake: FakeHost) -> None:
    sealed = seal(desk)
    number = sealed["bid"]
    assert ("0x01", "announced") == (sealed["suite"], _announced(fake, desk))
    receipt = Path(good("bid", "submit", HOST, desk.out)["receipt"])
    assert f"{number}.receipt" == receipt.name
    assert "submitted" == good("bid", "status", HOST, desk.keys)["state"]
    (desk.folder / "keys.txt").write_text("\n".join(KEYS) + "\n", "utf-8")
    checked = good("bid", "check-receipt", receipt, "--keys", desk.folder / "keys.txt", "--bid", desk.out)
    assert (number, 2, False) == (checked["bid"], len(checked["cosigners"]), checked["provisional"])
    released = good("bid", "release", HOST, desk.out, "--window", "first", *key_words(desk))
    assert ["identity", "opening", "technical"] == released["parts"] == list(fake.released[number])
    good("bid", "confirm", HOST, desk.keys, "--window", "first", *key_words(desk))
    good("bid", "confirm", HOST, desk.keys, "--window", "first", "--objection", "价格有误", *key_words(desk))
    assert ["", "价格有误"] == [one["objection"] for one in fake.confirmed]
    assert "withdrawn" == good("bid", "withdraw", HOST, desk.out, *key_words(desk))["state"]


def _announced(fake: FakeHost, desk: Desk) -> str:
    """Ask for the status of a bid that was announced only."""
    record = read_record(desk.keys)
    facts = {"size": record.size, "digest": record.digest.hex(), "root": record.root.hex()}
    fake._announce(record.number, facts)
    return str(good("bid", "status", HOST, desk.out)["state"])


def test_halves_are_released_on_another_machine_with_the_key_file_alone(desk: Desk, fake: FakeHost) -> None:
    number = seal(desk)["bid"]
    good("bid", "submit", HOST, desk.out)
    desk.out.unlink()
    fake.window = "second"
    released = good("bid", "release", HOST, desk.keys, "--window", "second", *key_words(desk))
    assert ["price"] == released["parts"] == list(fake.released[number])
    assert ends(fake.bids[number])


def test_a_bid_takes_the_place_of_an_earlier_one(desk: Desk, fake: FakeHost, tmp_path: Path) -> None:
    earlier = seal(desk)
    good("bid", "submit", HOST, desk.out)
    later = Desk(tmp_path / "later", desk.policy)
    later.folder.mkdir()
    laid(later.folder, size=10)
    sealed = seal(later)
    good("bid", "submit", HOST, later.out, "--replaces", desk.keys, *key_words(desk))
    assert earlier["bid"] == fake.bids[sealed["bid"]].facts["replaces"]


def test_a_passphrase_is_made_and_shown_once(desk: Desk) -> None:
    made = good(*desk.words(), desk.out)["passphrase"]
    assert unlock(desk.keys, made)[0] == read_record(desk.keys)
    assert "passphrase" not in good("bid", "inspect", desk.out)


def test_what_people_see_holds_what_they_must_keep(desk: Desk) -> None:
    result = run(*desk.words(), desk.out)
    record = read_record(desk.keys)
    assert 0 == result.exit_code
    for text in (
        record.number,
        record.digest.hex(),
        "bid.evb1.key",
        "shown this once",
        "compare it with the notice",
    ):
        assert text in result.stdout
    [line] = [line for line in result.stdout.splitlines() if "passphrase  " in line]
    unlock(desk.keys, line.split()[2])


def test_the_passphrase_is_asked_for_twice(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    said = iter([PASSPHRASE, "another one"])
    monkeypatch.setattr("getpass.getpass", lambda _: next(said))
    assert 2 == run(*desk.words(), "--ask-passphrase", desk.out).exit_code
    said = iter([PASSPHRASE, PASSPHRASE, PASSPHRASE])
    assert 0 == run(*desk.words(), "--ask-passphrase", desk.out).exit_code
    unlock(desk.keys, PASSPHRASE)


def test_a_policy_is_fetched_for_comparison_with_the_notice(desk: Desk, fake: FakeHost) -> None:
    out = desk.folder / "fetched.json"
    found = good("bid", "policy", HOST, tender.TENDER, out)
    assert (desk.policy.encode(), ["host", "north", "supervisor"]) == (out.read_bytes(), found["signed"])
    assert "bid_file_unusable" == refused("bid", "policy", HOST, tender.TENDER, out)
    assert "unknown_tender" == refused("bid", "policy", HOST, "another", desk.folder / "x.json")
    seal(desk, "--notice", found["policy_sha256"])
    assert fake.asked


def test_a_policy_that_a_trustee_did_not_sign_is_not_kept(desk: Desk, fake: FakeHost) -> None:
    out = desk.folder / "fetched.json"
    fake.unsigned = {"north"}
    assert "other_policy" == refused("bid", "policy", HOST, tender.TENDER, out)
    fake.unsigned = set()
    fake.policy = replace(desk.policy, k=1, trustees=tender.policy().trustees)
    assert "forged_trustee_act" == refused("bid", "policy", HOST, tender.TENDER, out)
    assert not out.exists()


def test_another_policy_than_the_notices_is_refused(desk: Desk) -> None:
    words = (*desk.words(), "--notice", "00" * 32, desk.out)
    assert "other_policy" == refused(*words)
    assert not desk.out.exists()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda desk: desk.out.write_bytes(b"x"), "bid_file_exists"),
        (lambda desk: desk.keys.write_bytes(b"x"), "key_file_exists"),
        (lambda desk: (desk.folder / "policy.json").write_bytes(b"{}"), "malformed_policy"),
        (lambda desk: (desk.folder / "price.json").write_bytes(b"[1.5]"), "unusable_price_sheet"),
        (lambda desk: (desk.folder / "passphrase").write_bytes(b"short"), "weak_passphrase"),
        (lambda desk: (desk.folder / "passphrase").write_bytes(b"\xff\xff"), "bid_file_unusable"),
    ],
)
def test_what_cannot_be_sealed_is_told_with_its_code(desk: Desk, change: Any, code: str) -> None:  # noqa: ANN401 - a table
    change(desk)
    assert code == refused(*desk.words(), *key_words(desk), desk.out)


@pytest.mark.parametrize(
    "more",
    [
        ["--part", "nonsense"],
        ["--part", "identity=policy.json"],
        ["--part", "opening=policy.json"],
        ["--part", "qualification=/no/such/file"],
        ["--suite", "one"],
        ["--certificate", "{policy}"],
        ["--ask-passphrase", "--passphrase-file", "{policy}"],
        ["--slot", "phone"],
        ["--slot", "paper", "--slot", "paper:code.txt"],
        ["--key", "{policy}"],
        ["--passphrase-file", "/no/such/file"],
        ["--certificate", "/no/such/file"],
    ],
)
def test_a_command_used_wrongly_is_misuse(desk: Desk, more: list[str]) -> None:
    words = [word.format(policy=desk.folder / "policy.json") for word in more]
    assert refused(*desk.words(), *words, desk.out, status=2) in {"misused", "no_such_file"}
    assert not desk.out.exists()


def test_an_option_that_there_is_not_is_misuse(desk: Desk) -> None:
    assert 2 == run(*desk.words(), "--nonsense", desk.out).exit_code
    assert not desk.out.exists()


def test_a_suite_that_the_policy_does_not_list_is_refused(desk: Desk) -> None:
    assert "policy_refuses" == refused(*desk.words(), "--suite", "0x11", desk.out)
    assert "unknown_suite" == refused(*desk.words(), "--suite", "0x7f", desk.out)


def test_what_the_host_refuses_is_told_with_its_own_code(desk: Desk, fake: FakeHost) -> None:
    seal(desk)
    fake.troubles = [problem(409, "deadline_passed")]
    result = run("bid", "submit", HOST, desk.out)
    assert 1 == result.exit_code
    assert "deadline_passed" in result.stderr
    assert "still counts" in result.stderr


def test_a_changed_bid_is_not_sent(desk: Desk, fake: FakeHost) -> None:
    seal(desk)
    with desk.out.open("r+b") as file:
        file.seek(300_000)
        file.write(b"\x00\x01\x02")
    assert "root_mismatch" == refused("bid", "submit", HOST, desk.out)
    assert not [one for one in fake.asked if one.startswith("PUT")]
    found = run("bid", "inspect", desk.out, "--json")
    assert (1, ["root_mismatch"]) == (found.exit_code, json.loads(found.stdout)["wrong"])


def test_what_is_no_bid_is_told(desk: Desk, fake: FakeHost) -> None:
    path = desk.folder / "technical.pdf"
    assert "malformed_envelope" == refused("bid", "inspect", path)
    assert "malformed_envelope" == refused("bid", "submit", HOST, path)
    assert "malformed_key_file" == refused("bid", "status", HOST, path)
    assert [] == fake.asked


def test_a_wrong_passphrase_releases_nothing(desk: Desk, fake: FakeHost) -> None:
    seal(desk)
    good("bid", "submit", HOST, desk.out)
    (desk.folder / "passphrase").write_text("another-passphrase", "utf-8")
    words = ("bid", "release", HOST, desk.out, "--window", "first", *key_words(desk))
    assert "bid_keys_locked" == refused(*words)
    assert {} == fake.released


def test_a_window_that_is_not_open_is_told(desk: Desk, fake: FakeHost) -> None:
    seal(desk)
    good("bid", "submit", HOST, desk.out)
    words = ("bid", "release", HOST, desk.out, *key_words(desk))
    fake.window = ""
    assert "window_not_open" == refused(*words, "--window", "first")
    assert "nothing_to_release" == refused(*words, "--window", "third")
    confirm = ("bid", "confirm", HOST, desk.out, *key_words(desk))
    assert "window_not_open" == refused(*confirm, "--window", "second")
    assert "unusable_objection" == refused(*confirm, "--window", "first", "--objection", "x" * 2001)


def test_keys_that_are_not_there_are_misuse(desk: Desk, fake: FakeHost) -> None:
    seal(desk)
    desk.keys.rename(desk.folder / "elsewhere.key")
    assert "no_keys" == refused("bid", "withdraw", HOST, desk.out, *key_words(desk), status=2)
    good("bid", "submit", HOST, desk.out)
    good("bid", "withdraw", HOST, desk.out, "--keys", desk.folder / "elsewhere.key", *key_words(desk))
    assert fake.bids


def test_a_receipt_of_another_bid_or_without_a_quorum_proves_nothing(
    desk: Desk, fake: FakeHost, tmp_path: Path
) -> None:
    fake.cosigned = False
    seal(desk)
    receipt = good("bid", "submit", HOST, desk.out)["receipt"]
    keys = desk.folder / "keys.txt"
    keys.write_text("\n".join(KEYS), "utf-8")
    words = ("bid", "check-receipt", receipt, "--keys", keys)
    assert "misused" == refused(*words, status=2)
    provisional = run(*words, "--tender", tender.TENDER, "--json")
    assert (1, True) == (provisional.exit_code, json.loads(provisional.stdout)["provisional"])
    good(*words, "--tender", tender.TENDER, "--quorum", "0")
    assert "receipt_mismatch" == refused(*words, "--tender", "EV-9")
    (tmp_path / "other").mkdir()
    other = laid(tmp_path / "other", size=1)
    seal(other)
    assert "receipt_of_another_bid" == refused(*words, "--bid", other.out)
    keys.write_text("\n".join(reversed(KEYS)), "utf-8")
    assert "unusable_key_list" == refused(*words, "--bid", desk.out)
    Path(receipt).write_bytes(Path(receipt).read_bytes()[:-3])
    keys.write_text("\n".join(KEYS), "utf-8")
    assert "malformed_proof" == refused(*words, "--bid", desk.out)


def test_a_stranger_sees_sizes_and_counts_and_no_name(desk: Desk) -> None:
    seal(desk)
    found = good("bid", "inspect", desk.out, "--policy", desk.folder / "policy.json")
    assert ["identity", "opening", "technical", "price"] == [part["name"] for part in found["parts"]]
    assert {(1, 3)} == {(part["slots"], part["shares"]) for part in found["parts"]}
    assert 1_500_000 == found["parts"][2]["bytes"]
    assert (True, []) == (found["checked_under_policy"], found["wrong"])
    assert NAME not in run("bid", "inspect", desk.out).stdout
    assert "right" in run("bid", "inspect", desk.out).stdout


def test_help_of_every_command_waits_for_nothing() -> None:
    for command in (
        "policy",
        "seal",
        "submit",
        "status",
        "withdraw",
        "release",
        "confirm",
        "questions",
        "answer",
        "check-receipt",
        "inspect",
    ):
        assert 0 == run("bid", command, "--help").exit_code
