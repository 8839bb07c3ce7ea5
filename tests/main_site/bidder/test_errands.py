"""What a bidder does at a host when something is in the way: any slot releases, and each trouble is told by its code."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from evalroom.clarification import question_digest
from main_site.bidder import errands, keyfile
from main_site.bidder.host import Host
from tests.evalroom.sealing import tender
from tests.main_site.bidder.console import HOST, good, key_words, refused, run, seal
from tests.main_site.bidder.desk import Desk, laid
from tests.main_site.bidder.fake_host import FakeHost, problem
from tests.signaling.custody.hsm import PIN, Hsm, opened


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


def lost(desk: Desk) -> None:
    """Let everything on the desk be lost but what is elsewhere."""
    shutil.rmtree(desk.folder)
    desk.folder.mkdir()


# --- slots ------------------------------------------------------------------------------------------------


def test_a_paper_code_opens_a_bid_of_which_every_file_is_lost(
    desk: Desk, fake: FakeHost, tmp_path: Path
) -> None:
    sealed = seal(desk, "--slot", "file", "--slot", "paper")
    number, [code] = sealed["bid"], sealed["paper_codes"]
    assert ["file", "paper"] == sealed["slots"]
    good("bid", "submit", HOST, desk.out)
    lost(desk)
    typed = tmp_path / "code.txt"
    typed.write_text(code.lower().replace("-", " ") + "\n", "utf-8")
    which = ("--tender", tender.TENDER, "--number")
    words = ("bid", "release", HOST, "--window", "first", "--slot", f"paper:{typed}")
    assert "no_such_number" == refused(*words, *which, number[:5])
    assert "no_such_number" == refused(*words, *which, "000000")
    released = good(*words, *which, number[:6].upper(), "--digest", sealed["digest"][:16].upper())
    assert {sealed["digest"][:16]} == set(fake.shown[number])
    assert ["identity", "opening", "technical"] == released["parts"] == list(fake.released[number])
    typed.write_text(code.replace(code[0], "Z" if code[0] != "Z" else "Y", 1), "utf-8")
    assert "mistyped_paper_code" == refused(*words, *which, number)
    other = "G93VN-HFW3S-CAWT5-QFZ4A-HFG6X-YSYXP-EEJBB"
    typed.write_text(other, "utf-8")
    assert "wrap_not_opened" == refused(*words, *which, number)


def test_a_paper_code_is_typed_in_unseen(desk: Desk, fake: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    sealed = seal(desk, "--slot", "paper")
    good("bid", "submit", HOST, desk.out)
    monkeypatch.setattr("getpass.getpass", lambda _: sealed["paper_codes"][0])
    for named in (desk.out, desk.keys):
        fake.released.clear()
        good("bid", "release", HOST, named, "--window", "first", "--slot", "paper")
        assert sealed["bid"] in fake.released
    words = ("bid", "release", HOST, desk.out, "--window", "first", *key_words(desk))
    assert "no_slot_key" == refused(*words)


def test_a_spare_key_file_releases_withdraws_and_confirms(desk: Desk, fake: FakeHost, tmp_path: Path) -> None:
    (tmp_path / "away").mkdir()
    spare = tmp_path / "away" / "spare.key"
    sealed = seal(desk, "--slot", "file", "--slot", f"file:{spare}")
    [one] = sealed["spares"]
    assert str(spare) == one["keys"]
    good("bid", "submit", HOST, desk.out)
    kept = spare.read_bytes()
    lost(desk)
    spare.parent.mkdir()
    spare.write_bytes(kept)
    (desk.folder / "passphrase").write_text(one["passphrase"], "utf-8")
    released = good("bid", "release", HOST, "--slot", f"file:{spare}", "--window", "first", *key_words(desk))
    assert sealed["bid"] == released["bid"]
    assert fake.released[sealed["bid"]]
    good("bid", "confirm", HOST, spare, "--window", "first", *key_words(desk))
    good("bid", "withdraw", HOST, spare, *key_words(desk))


def test_which_bid_is_to_be_released_is_said_once_and_wholly(desk: Desk, fake: FakeHost) -> None:
    seal(desk)
    words = ("bid", "release", HOST, "--window", "first")
    for more in (
        ["--slot", "paper"],
        ["--tender", "T"],
        ["--digest", "ab" * 8],
        ["--tender", "T", "--number", "00", "--digest", "ab" * 7],
        ["--tender", "T", "--number", "00", "--digest", "not a digest, yet long"],
        ["--number", "00"],
        [desk.out, "--tender", "T", "--number", "00"],
        ["--slot", "phone", desk.out],
        [],
    ):
        assert "misused" == refused(*words, *more, status=2)
    assert {} == fake.released


@pytest.fixture(scope="module")
def hsm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hsm]:
    with opened(tmp_path_factory.mktemp("softhsm")) as store:
        yield store


@pytest.mark.needs("softhsm2")
@pytest.mark.xdist_group("softhsm2")
def test_a_token_opens_a_bid_and_the_suite_follows_it(desk: Desk, fake: FakeHost, hsm: Hsm) -> None:
    (desk.folder / "pin").write_text(PIN + "\n", "utf-8")
    (desk.folder / "wrong").write_text("0815\n", "utf-8")
    uri = f"pkcs11:token={hsm.make()}?module-path={hsm.module}&pin-source=file:{desk.folder}/"
    assert "custody_lacks_suite" == refused(
        *desk.words(), *key_words(desk), "--slot", uri + "pin", "--suite", "0x01", desk.out
    )
    sealed = seal(desk, "--slot", uri + "pin", "--slot", "paper")
    assert ("0x02", ["pkcs11", "paper"]) == (sealed["suite"], sealed["slots"])
    good("bid", "submit", HOST, desk.out)
    words = ("bid", "release", HOST, desk.out, "--window", "first", "--slot")
    assert "wrong_pin" == refused(*words, uri + "wrong")
    other = f"pkcs11:token={hsm.make()}?module-path={hsm.module}&pin-source=file:{desk.folder}/pin"
    assert "not_this_token" == refused(*words, other)
    hsm.pull_out()
    try:
        assert refused(*words, uri + "pin") in {"token_gone", "not_this_token"}
    finally:
        hsm.put_back()
    assert {} == fake.released
    assert good(*words, uri + "pin")["parts"]
    fake.window = "second"
    assert ["price"] == good("bid", "release", HOST, desk.keys, "--window", "second", "--slot", uri + "pin")[
        "parts"
    ]


# --- two bids of one bidder -------------------------------------------------------------------------------


def test_a_second_bid_beside_a_receipt_is_refused_until_it_is_meant(desk: Desk, fake: FakeHost) -> None:
    first = seal(desk)["bid"]
    good("bid", "submit", HOST, desk.out)
    second = desk.folder / "second.evb1"
    number = good(*desk.words(), *key_words(desk), second)["bid"]
    result = run("bid", "submit", HOST, second, "--json")
    error = json.loads(result.stdout)["error"]
    assert (1, "earlier_bid_stands", first) == (result.exit_code, error["code"], error["detail"]["bid"])
    assert number not in fake.bids
    good("bid", "submit", HOST, desk.out)  # the same bid once more is none
    good("bid", "submit", HOST, second, "--second")
    good("bid", "submit", HOST, desk.out)  # and asks for its receipt, now that both stand
    good("bid", "withdraw", HOST, desk.out, *key_words(desk))
    good("bid", "submit", HOST, second)


def test_a_receipt_of_another_tender_or_no_receipt_hinders_nobody(desk: Desk, fake: FakeHost) -> None:
    seal(desk)
    receipt = Path(good("bid", "submit", HOST, desk.out)["receipt"])
    second = desk.folder / "second.evb1"
    good(*desk.words(), *key_words(desk), second)
    del fake.bids[receipt.name.removesuffix(".receipt")]  # it never came to this host
    (desk.folder / "torn.receipt").write_bytes(receipt.read_bytes()[:100])
    good("bid", "submit", HOST, second)


# --- troubles ---------------------------------------------------------------------------------------------


def test_what_the_host_refuses_is_told_in_its_own_words_and_code(desk: Desk, fake: FakeHost) -> None:
    seal(desk)
    body = {
        "code": "deadline_passed",
        "title": "The deadline is over.\x1b[2J",
        "detail": {"now": 5, "odd": [1], "long": "x" * 999},
    }
    fake.troubles = [httpx.Response(409, json=body)] * 2
    result = run("bid", "submit", HOST, desk.out, "--json")
    error = json.loads(result.stdout)["error"]
    assert ("deadline_passed", "host", 409, 5) == (
        error["code"],
        error["by"],
        error["detail"]["status"],
        error["detail"]["now"],
    )
    assert 200 == len(error["detail"]["long"])
    assert "odd" not in error["detail"]
    said = run("bid", "submit", HOST, desk.out)
    assert "The deadline is over.?[2J (deadline_passed; now: 5" in said.stderr
    assert "still counts" in said.stderr


def test_a_host_that_stays_silent_is_given_up_when_asked_to(
    desk: Desk, fake: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    seal(desk)
    monkeypatch.setattr(Host.__init__, "__defaults__", (lambda _: None,))
    fake.troubles = [httpx.ConnectError("refused")] * 40
    assert "host_given_up" == refused("bid", "submit", HOST, desk.out, "--give-up", "0")
    assert 38 == len(fake.troubles)
    fake.troubles = [httpx.ConnectError("refused")] * 3
    result = run("bid", "submit", HOST, desk.out, "--json")
    assert 0 == result.exit_code
    assert 3 == result.stderr.count("no answer, trying again: ConnectError: refused")


def test_what_is_stopped_is_told_and_goes_on_where_it_was(
    desk: Desk, fake: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = seal(desk)["bid"]
    put = Host.put_piece

    def second_is_stopped(self: Host, tender_id: str, bid: str, index: int, data: bytes) -> None:
        if index:
            raise KeyboardInterrupt
        put(self, tender_id, bid, index, data)

    monkeypatch.setattr(Host, "put_piece", second_is_stopped)
    assert "stopped" == refused("bid", "submit", HOST, desk.out, status=130)
    assert [0] == list(fake.bids[number].pieces)
    monkeypatch.setattr(Host, "put_piece", put)
    fake.asked.clear()
    good("bid", "submit", HOST, desk.out)
    assert not [one for one in fake.asked if one.endswith("pieces/0")]


def test_a_secret_that_nobody_can_be_asked_for_is_told(desk: Desk, fake: FakeHost) -> None:
    seal(desk)
    good("bid", "submit", HOST, desk.out)
    for words in (
        ("bid", "withdraw", HOST, desk.out),
        ("bid", "release", HOST, desk.out, "--window", "first"),
        ("bid", "release", HOST, desk.out, "--window", "first", "--slot", "paper"),
        (*desk.words(), "--ask-passphrase", desk.folder / "x.evb1"),
    ):
        assert "nobody_to_ask" == refused(*words, status=2)
    assert {} == fake.released


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("submit", HOST, "{no}"), "no_such_file"),
        (("status", HOST, "{no}"), "no_such_file"),
        (("release", HOST, "{no}", "--window", "first"), "no_keys"),
        (("release", HOST, "{no}", "--window", "first", "--slot", "paper:{no}"), "no_such_file"),
        (("withdraw", HOST, "{no}"), "no_keys"),
        (("withdraw", HOST, "{bid}", "--keys", "{no}"), "no_keys"),
        (("withdraw", HOST, "{bid}", "--passphrase-file", "{no}"), "no_such_file"),
        (("confirm", HOST, "{no}", "--window", "first"), "no_keys"),
        (("questions", HOST, "{no}"), "no_such_file"),
        (("answer", HOST, "{no}", "--text", "yes"), "no_keys"),
        (("answer", HOST, "{bid}", "--file", "{no}"), "no_such_file"),
        (("answer", HOST, "{bid}"), "misused"),
        (("submit", HOST, "{bid}", "--replaces", "{no}", "--passphrase-file", "{bid}.key"), "no_such_file"),
        (("check-receipt", "{no}", "--keys", "{bid}", "--tender", "T"), "no_such_file"),
        (("check-receipt", "{bid}.key", "--keys", "{no}", "--tender", "T"), "no_such_file"),
        (("inspect", "{no}"), "no_such_file"),
    ],
)
def test_a_wrong_path_is_misuse_with_a_code(
    desk: Desk, fake: FakeHost, words: tuple[str, ...], code: str
) -> None:
    seal(desk)
    given = [one.format(no=desk.folder / "no" / "such", bid=desk.out) for one in words]
    assert code == refused("bid", *given, status=2)
    assert not [one for one in fake.asked if not one.startswith("GET")]


def test_a_folder_in_place_of_a_file_is_told(desk: Desk, fake: FakeHost) -> None:
    seal(desk)
    assert "bid_file_unusable" == refused("bid", "submit", HOST, desk.folder)
    assert "bid_file_unusable" == refused("bid", "inspect", desk.folder)
    assert [] == fake.asked


def test_a_release_sent_twice_is_one(desk: Desk, fake: FakeHost) -> None:
    number = seal(desk)["bid"]
    good("bid", "submit", HOST, desk.out)
    words = ("bid", "release", HOST, desk.out, "--window", "first", *key_words(desk))
    assert good(*words) == good(*words)
    assert [number] == list(fake.released)


def test_an_upload_refused_for_its_size_changes_nothing_here(desk: Desk, fake: FakeHost) -> None:
    seal(desk)
    before = {path.name: path.read_bytes() for path in desk.folder.iterdir()}
    fake.troubles = [problem(413, "too_large")]
    assert "too_large" == json.loads(run("bid", "submit", HOST, desk.out, "--json").stdout)["error"]["code"]
    assert before == {path.name: path.read_bytes() for path in desk.folder.iterdir()}


def test_a_receipt_that_cannot_be_written_does_not_say_that_nothing_was_sent(
    desk: Desk, fake: FakeHost
) -> None:
    number = seal(desk)["bid"]
    receipt = desk.folder / f"{number}.receipt"
    receipt.mkdir()  # where it goes a folder lies
    result = run("bid", "submit", HOST, desk.out, "--json")
    error = json.loads(result.stdout)["error"]
    assert (1, "receipt_not_kept") == (result.exit_code, error["code"])
    assert "The host has the bid" in error["sentence"]
    assert "submitted" == fake.bids[number].state
    receipt.rmdir()
    assert str(receipt) == good("bid", "status", HOST, desk.out)["receipt"]


def test_a_bid_sealed_under_another_policy_is_not_sent(desk: Desk, fake: FakeHost) -> None:
    seal(desk)
    fake.policy = replace(desk.policy, deadline=desk.policy.deadline - 1)
    assert "foreign_envelope" == refused("bid", "submit", HOST, desk.out)
    assert not [one for one in fake.asked if one.startswith("PUT")]


def test_a_cut_or_changed_bid_is_not_sent(desk: Desk, fake: FakeHost) -> None:
    seal(desk)
    whole = desk.out.read_bytes()
    for changed in (whole[:-1], whole[:1000], whole + b"x", b"EVB1" + bytes(100), b"EVB2" + whole[4:]):
        desk.out.write_bytes(changed)
        code = refused("bid", "submit", HOST, desk.out, status=1)
        assert code in {"malformed_envelope", "malformed_key_file", "unknown_suite"}
    assert not [one for one in fake.asked if one.startswith("PUT")]


# --- questions of the committee -----------------------------------------------------------------------------


def asked(
    question: str = "q1", text: str = "Which crane is meant on page 12?", **said: object
) -> dict[str, object]:
    """Return a question as a host shows it."""
    sha256 = question_digest(question, text)
    shown = {"question": question, "text": text, "sha256": sha256, "until": 1_795_399_200_000}
    return {**shown, "state": "open", "answer": None, **said}


def handed_in(desk: Desk) -> None:
    seal(desk)
    good("bid", "submit", HOST, desk.out)


def test_a_bidder_reads_what_is_asked_and_answers_with_its_own_key(desk: Desk, fake: FakeHost) -> None:
    handed_in(desk)
    assert [] == good("bid", "questions", HOST, desk.out)["questions"]
    fake.questions = [asked("q0", state="answered", answer="The red one."), asked()]
    shown = good("bid", "questions", HOST, desk.keys)["questions"]
    assert ["answered", "open"] == [one["state"] for one in shown]
    said = good("bid", "answer", HOST, desk.out, "--text", "The one of 50 t.", *key_words(desk))
    assert ("q1", asked()["sha256"]) == (said["question"], said["sha256"])
    assert [{"question": "q1", "text": "The one of 50 t."}] == fake.answers
    assert "待答复" in run("bid", "questions", HOST, desk.out).stdout


def test_an_answer_may_lie_in_a_file(desk: Desk, fake: FakeHost) -> None:
    handed_in(desk)
    fake.questions = [asked("q1"), asked("q2")]
    path = desk.folder / "answer.txt"
    path.write_text("五十吨。\n", "utf-8")
    words = ("bid", "answer", HOST, desk.out, *key_words(desk))
    assert "no_open_question" == refused(*words, "--file", path)
    good(*words, "q2", "--file", path)
    assert [{"question": "q2", "text": "五十吨。"}] == fake.answers
    path.write_bytes(b"\xff\xfe")
    assert "misused" == refused(*words, "q1", "--file", path, status=2)


def test_what_may_name_the_bidder_is_sent_only_when_it_says_so(desk: Desk, fake: FakeHost) -> None:
    handed_in(desk)
    fake.questions, fake.marked = [asked()], True
    words = ("bid", "answer", HOST, desk.out, "--text", "call 13912345678", *key_words(desk))
    assert "marked_answer" == refused(*words)
    assert [] == fake.answers
    good(*words, "--marked")
    assert fake.answers


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"sha256": "00" * 32}, "false_question"),
        ({"question": "../x"}, "false_question"),
        ({"state": "silent"}, "no_open_question"),
        ({"state": "void"}, "no_open_question"),
        ({"state": "no state at all"}, "no_open_question"),
    ],
)
def test_a_question_that_is_none_is_not_signed(
    desk: Desk, fake: FakeHost, said: dict[str, object], code: str
) -> None:
    handed_in(desk)
    fake.questions = [{**asked(), **said}]
    assert code == refused("bid", "answer", HOST, desk.out, "--text", "yes", *key_words(desk))
    assert [] == fake.answers


@pytest.mark.parametrize("text", [" ", "x" * 4_001, "a\x07b"])
def test_an_answer_that_is_no_text_is_not_sent(desk: Desk, fake: FakeHost, text: str) -> None:
    handed_in(desk)
    fake.questions = [asked()]
    assert "unusable_answer_text" == refused(
        "bid", "answer", HOST, desk.out, "--text", text, *key_words(desk)
    )
