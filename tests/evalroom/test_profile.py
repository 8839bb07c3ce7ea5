"""Rule profiles: read strictly, refused by the key that is wrong, the same digest for the same text."""

from fractions import Fraction

import pytest

from evalroom.profile import (
    IN_PERSON,
    MAX_TEXT,
    PLAIN,
    PRESETS,
    PeopleRules,
    Profile,
    UnusableProfile,
    keys_of_profile,
    parse_profile,
    profile_digest,
)


def refused(text: str) -> str:
    with pytest.raises(UnusableProfile) as error:
        parse_profile(text)
    return str(error.value.detail.get("key", error.value.detail["problem"]))


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('nam = "works"', "nam"),
        ("[committee]\nleest = 5", "committee.leest"),
        ('[committee]\nleast = "5"', "committee.least"),
        ("[committee]\nleast = true", "committee.least"),
        ("[committee]\nleast = 0", "committee"),
        ("[committee]\nrounds = 10", "committee"),
        ("[committee]\nexpert_share = 0.67", "committee.expert_share"),
        ('[committee]\nexpert_share = "5/3"', "committee.expert_share"),
        ('[committee]\nexpert_share = "2/0"', "committee.expert_share"),
        ('[fault]\nduring = "4 hours"', "fault.during"),
        ('[fault]\nduring = "0h"', "fault.during"),
        ("[fault]\nduring = 4", "fault.during"),
        ("pause = true", "pause"),
        ('[pause]\nseal = "yes"', "pause.seal"),
        ('[clarification]\napproval = "chair"', "clarification.approval"),
        ("[result]\ncandidates = 0", "result.candidates"),
        ('[reevaluation]\ngrounds = "sum"', "reevaluation.grounds"),
        ('name = ""', "name"),
    ],
)
def test_a_profile_is_refused_by_the_key_that_is_wrong(text: str, key: str) -> None:
    assert key == refused(text)


def test_what_is_no_toml_or_too_long_is_refused() -> None:
    assert refused("name = ")
    assert "too long" == refused("#" * (MAX_TEXT + 1))


def test_what_a_profile_leaves_out_stands_as_without_a_rule_set() -> None:
    assert Profile() == parse_profile("")
    assert Profile() == parse_profile(PLAIN)


def test_durations_and_shares_are_exact() -> None:
    profile = parse_profile('[fault]\nduring = "90min"\n[review]\nmore_time = "1/3"')
    assert ("90min", 5_400_000) == (profile.fault.during.text, profile.fault.during.ms)
    assert Fraction(1, 3) == profile.review.more_time


@pytest.mark.parametrize("name", PRESETS)
def test_each_preset_can_be_read_and_bears_its_name(name: str) -> None:
    assert name == parse_profile(PRESETS[name]).name


def test_the_law_asks_for_five_members_an_odd_number_and_two_thirds_experts() -> None:
    committee = parse_profile(PRESETS["works"]).committee
    assert (5, True, Fraction(2, 3)) == (committee.least, committee.odd, committee.expert_share)


@pytest.mark.parametrize("name", ["works", "procurement"])
def test_a_preset_for_real_sessions_asks_for_people_in_person_and_stays_open_for_complaints(
    name: str,
) -> None:
    profile = parse_profile(PRESETS[name])
    assert PeopleRules(checkin="operator", phone=True, appraisal=True) == profile.people
    assert profile.complaint.hold


@pytest.mark.parametrize("name", ["works", "procurement"])
def test_without_what_is_asked_in_person_a_preset_is_what_a_rehearsal_can_keep(name: str) -> None:
    rest = parse_profile(PRESETS[name].removesuffix(IN_PERSON))
    assert (PeopleRules(), False) == (rest.people, rest.complaint.hold)
    assert rest.committee == parse_profile(PRESETS[name]).committee


def test_a_rehearsal_without_rules_asks_nothing_of_people() -> None:
    assert PeopleRules() == parse_profile(PRESETS["plain"]).people


def test_another_text_has_another_digest() -> None:
    assert profile_digest(PLAIN) != profile_digest(PLAIN + "\n")


def test_every_key_is_listed_for_those_who_write_profiles() -> None:
    assert {"name", "committee.least", "pause.second_person", "retention.years"} <= set(keys_of_profile())
