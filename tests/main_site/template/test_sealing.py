"""Terms of sealed bids in a template: read strictly, written back the same, and made into a policy with the trustees' keys."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from evalroom.sealing.policy import MalformedPolicy, Mode, PartName, PartTerms, Window, check_policy
from evalroom.tender import DARKENED
from main_site.sample import sample_template
from main_site.template import (
    Fault,
    SessionTemplate,
    TemplateError,
    parse_toml,
    parse_xlsx,
    write_toml,
    write_xlsx,
)
from main_site.template.sealing import SealingTerms, changed_terms, policy_from, stored_terms
from tests.evalroom import opening

MIB = 1 << 20
DEADLINE = 1_796_000_400_000
TERMS = SealingTerms(
    deadline=DEADLINE,
    mode=Mode.JOINT,
    k=2,
    suites=(opening.SUITE,),
    min_bids=3,
    max_size=200 * MIB,
    windows=(
        Window("first", "BidsClosed", DEADLINE + 3_600_000, 1_800_000),
        Window("second", "GroupUnlocked", None, 1_800_000),
    ),
    parts=(
        PartTerms(PartName.IDENTITY, "first", MIB),
        PartTerms(PartName.OPENING, "first", MIB),
        PartTerms(PartName.TECHNICAL, "first", 200 * MIB),
        PartTerms(PartName.PRICE, "second", MIB),
    ),
)
ROW = '[sealing]\ndeadline = "2026-12-01 09:00"\n'


def sealed() -> SessionTemplate:
    sample = sample_template()
    lots = tuple(replace(lot, bids=()) for lot in sample.tender.lots)
    return replace(sample, tender=replace(sample.tender, lots=lots), sealing=TERMS)


PLAIN = write_toml(replace(sealed(), sealing=None))


def faults(text: str) -> list[Fault]:
    with pytest.raises(TemplateError) as wrong:
        parse_toml(PLAIN + text)
    return [one.fault for one in wrong.value.problems]


def terms(text: str) -> SealingTerms:
    found = parse_toml(PLAIN + text).sealing
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", [Fault.MISSING_TABLE]),
        ('[[parts]]\npart = "price"\n', [Fault.MISSING_TABLE, Fault.MISSING_TABLE]),
        ("[sealing]\nk = 2\n", [Fault.MISSING_VALUE]),
        ('[sealing]\ndeadline = "tomorrow"\n', [Fault.NOT_AN_INSTANT]),
        ('[sealing]\ndeadline = "2026-02-30 09:00"\n', [Fault.NOT_AN_INSTANT]),
        ("[sealing]\ndeadline = 1796000400000\n", [Fault.NOT_AN_INSTANT]),
        (ROW + 'opens_at = "2026-12-01 08:59"\n', [Fault.OUT_OF_RANGE]),
        (ROW + "k = 17\n", [Fault.OUT_OF_RANGE]),
        (ROW + "k = 0\n", [Fault.BAD_SEALING]),
        (ROW + 'mode = "bidder"\n', [Fault.BAD_SEALING]),
        (ROW + 'mode = "anybody"\n', [Fault.NOT_A_CHOICE]),
        (ROW + 'suites = "1 9"\n', [Fault.NOT_A_CHOICE]),
        (ROW + 'suites = "1 1"\n', [Fault.NOT_A_CHOICE]),
        (ROW + 'suites = "²"\n', [Fault.NOT_A_CHOICE]),
        (ROW + "max_mb = 0\n", [Fault.OUT_OF_RANGE]),
        (ROW + "release_minutes = 0\n", [Fault.OUT_OF_RANGE]),
        (ROW + 'deadlin = "x"\n', [Fault.UNKNOWN_COLUMN]),
        (ROW + '[[parts]]\npart = "price"\n[[parts]]\npart = "price"\n', [Fault.REPEATED_NAME]),
        (ROW + '[[parts]]\npart = "opening"\nmax_mb = 17\n', [Fault.OUT_OF_RANGE]),
        (ROW + 'max_mb = 5\n[[parts]]\npart = "price"\nmax_mb = 6\n', [Fault.OUT_OF_RANGE]),
        (ROW + '[[parts]]\npart = "opening"\ngate = "sheets"\n', [Fault.BAD_SEALING]),
        (
            ROW + '[[parts]]\npart = "technical"\n[[parts]]\npart = "price"\ngate = "sheets"\n',
            [Fault.BAD_SEALING],
        ),
    ],
)  # fmt: skip
def test_terms_that_no_bid_could_be_sealed_on_are_refused(text: str, found: list[Fault]) -> None:
    assert found == faults(text)


def test_bids_of_a_rehearsal_beside_terms_of_sealing_are_refused() -> None:
    with pytest.raises(TemplateError) as wrong:
        parse_toml(write_toml(sample_template()) + ROW)
    assert {Fault.BIDS_AND_SEALING} == {one.fault for one in wrong.value.problems}


def test_without_terms_of_sealing_a_session_is_a_rehearsal() -> None:
    assert parse_toml(write_toml(sample_template())).sealing is None
    assert "rehearsal" in write_toml(sample_template())
    assert "演练" in write_toml(sample_template())


@pytest.mark.parametrize(
    "written",
    ['"2026-12-01 09:00"', '"2026-12-01T09:00:00+08:00"', '"2026-12-01T01:00Z"', "2026-12-01T09:00:00",
     "2026-12-01T09:00:00+08:00", "2026-12-01 01:00:00Z"],
)  # fmt: skip
def test_a_time_that_names_no_zone_is_beijing_time(written: str) -> None:
    assert 1_796_086_800_000 == terms(f"[sealing]\ndeadline = {written}\n").deadline


def test_a_deadline_alone_makes_three_parts_in_one_window() -> None:
    found = terms(ROW)
    assert (Mode.JOINT, 2, (1, 2), 3) == (found.mode, found.k, found.suites, found.min_bids)
    assert ["identity", "opening", "technical"] == [part.name.value for part in found.parts]
    (window,) = found.windows
    assert ("BidsClosed", found.deadline) == (window.gate, window.opens_at)


def test_a_price_may_wait_for_the_technical_sheets() -> None:
    found = terms(
        ROW + '[[parts]]\npart = "technical"\n[[parts]]\npart = "price"\nwindow = "later"\ngate = "sheets"\n'
    )
    assert ["identity", "opening", "technical", "price"] == [part.name.value for part in found.parts]
    assert [("opening", "BidsClosed"), ("later", "GroupUnlocked")] == [
        (one.name, one.gate) for one in found.windows
    ]


def test_terms_are_read_as_they_were_written_in_both_forms() -> None:
    assert sealed() == parse_toml(write_toml(sealed()))
    assert sealed() == parse_xlsx(write_xlsx(sealed()))
    assert TERMS == stored_terms(TERMS.encode())


def test_terms_and_published_keys_make_a_policy_that_can_be_used() -> None:
    room = opening.new()
    published = [room.published(name) for name in ("supervisor", "north", "host")]
    policy = policy_from(TERMS, "EV-1", published)
    check_policy(policy)
    assert ["host", "north", "supervisor"] == [one.name for one in policy.trustees]
    with pytest.raises(MalformedPolicy):
        policy_from(TERMS, "EV-1", [replace(published[0], signer="no base64")])
    with pytest.raises(MalformedPolicy):
        check_policy(policy_from(replace(TERMS, suites=(1,)), "EV-1", published))


def test_an_operator_may_change_terms_when_a_policy_is_drafted() -> None:
    changed = changed_terms(TERMS, {"deadline": 5, "opens_at": 6, "suites": [1, 2], "k": 3})
    assert (5, (1, 2), 3) == (changed.deadline, changed.suites, changed.k)
    assert [6, None] == [window.opens_at for window in changed.windows]
    assert TERMS == changed_terms(TERMS, {})


# --- dark lots ------------------------------------------------------------------------------------------

DARK = PLAIN.replace("dark = false", "dark = true", 1)
GATED = '[[parts]]\npart = "price"\nwindow = "prices"\ngate = "{}"\n'
TECHNICAL = '[[parts]]\npart = "technical"\nwindow = "{}"\n'


@pytest.mark.parametrize(
    ("lots", "text", "found"),
    [
        (DARK, "", [Fault.MISSING_TABLE]),
        (DARK.replace("dark = true", 'dark = "perhaps"'), ROW, [Fault.NOT_YES_NO]),
        (DARK.replace('"technical"', '"price"', 1), ROW, [Fault.NOT_A_CHOICE]),
        (DARK.replace('dark_parts = "technical"', 'dark_parts = "both"'), ROW, [Fault.BAD_SEALING]),
        (DARK, ROW + '[[parts]]\npart = "opening"\n', [Fault.BAD_SEALING]),
        (DARK, ROW + TECHNICAL.format("opening") + GATED.format("deadline"), [Fault.BAD_SEALING]),
    ],
)
def test_a_dark_lot_is_refused_where_it_would_not_stay_dark(lots: str, text: str, found: list[Fault]) -> None:
    with pytest.raises(TemplateError) as wrong:
        parse_toml(lots + text)
    assert found == [one.fault for one in wrong.value.problems]


def test_a_dark_lot_of_a_rehearsal_is_refused_at_its_row() -> None:
    rehearsal = write_toml(sample_template()).replace("dark = false", "dark = true", 1)
    with pytest.raises(TemplateError) as wrong:
        parse_toml(rehearsal)
    (problem,) = wrong.value.problems
    assert (Fault.UNUSABLE, "lots", 1) == (problem.fault, problem.place.table, problem.place.row)
    assert "rehearsal" in problem.found


@pytest.mark.parametrize("write", [write_toml, write_xlsx])
def test_dark_parts_are_written_and_read_back_the_same(
    write: Callable[[SessionTemplate], str | bytes],
) -> None:
    for dark in ((PartName.TECHNICAL,), DARKENED):
        template = sealed()
        lots = tuple(replace(lot, dark=dark) for lot in template.tender.lots)
        parts = (
            (*TERMS.parts, PartTerms(PartName.QUALIFICATION, "first", MIB)) if len(dark) > 1 else TERMS.parts
        )
        ordered = tuple(sorted(parts, key=lambda one: [*PartName].index(one.name)))
        whole = replace(
            template, tender=replace(template.tender, lots=lots), sealing=replace(TERMS, parts=ordered)
        )
        text = write(whole)
        assert whole == (parse_toml(text) if isinstance(text, str) else parse_xlsx(text))
