"""What is waited for has a code, a sentence, and names."""

from evalroom.needs import SENTENCES, Need, NeedCode, Unready


def test_every_need_has_a_sentence() -> None:
    assert set(NeedCode) == set(SENTENCES)


def test_a_refusal_names_each_need_by_its_code_and_whom_it_waits_for() -> None:
    refusal = Unready(Need(NeedCode.BIDS, ("3", "4")), Need(NeedCode.CHECK_IN, ("E2",)), stage="gathering")
    assert {
        "stage": "gathering",
        "needs": "bids check_in",
        "bids": "3, 4",
        "check_in": "E2",
        "problem": "bids not yet brought in: 3, 4; seats not yet checked in: E2",
    } == refusal.detail


def test_the_sentence_stays_one_of_the_class() -> None:
    assert Unready.sentence() == Unready(Need(NeedCode.REHEARSAL)).sentence()


def test_a_need_without_names_ends_its_sentence() -> None:
    assert SENTENCES[NeedCode.REHEARSAL] == Need(NeedCode.REHEARSAL).sentence()
