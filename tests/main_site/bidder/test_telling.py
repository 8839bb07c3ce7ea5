"""Bars are drawn for people alone, one line a step, and a wait does not run into them."""

import pytest

from main_site.bidder.telling import LABELS, MIB, Meter, bar


def drawn(capsys: pytest.CaptureFixture[str]) -> str:
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err


def test_where_nobody_looks_only_waits_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    meter = Meter(shown=False)
    with meter.running():
        meter.step("seal", 1, 2)
        assert drawn(capsys) == ""
        meter.waits("refused", 2)
    assert "refused" in drawn(capsys)


def test_each_step_has_a_line_that_ends_whatever_happens(capsys: pytest.CaptureFixture[str]) -> None:
    def fails(meter: Meter) -> None:
        with meter.running():
            meter.step("seal", MIB, 2 * MIB)
            meter.step("seal", 2 * MIB, 2 * MIB)
            meter.step("test", MIB, 4 * MIB)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails(Meter(shown=True))
    sealing, testing, rest = drawn(capsys).split("\n")
    assert [True, True] == [LABELS["seal"] in sealing, LABELS["test"] in testing]
    assert sealing.endswith("0:00")
    assert ["", " 50%", "100%", " 25%"] == [
        rest,
        *(part.split("] ")[1][:4] for part in f"{sealing}{testing}".split("\r")[1:]),
    ]


def test_steps_in_quick_succession_are_drawn_once_but_the_last_always(
    capsys: pytest.CaptureFixture[str],
) -> None:
    meter = Meter(shown=True)
    for done in range(1001):
        meter.step("send", done, 1000)
    text = drawn(capsys)
    assert 2 <= text.count("\r") < 500
    assert "100%" in text.split("\r")[-1]


def test_a_wait_begins_a_line_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    meter = Meter(shown=True)
    with meter.running():
        meter.step("send", 1, 2)
        meter.waits("refused", 2)
        meter.step("send", 2, 2)
    first, wait, second, rest = drawn(capsys).split("\n")
    assert "refused" in wait
    assert ["\r", "\r", ""] == [first[0], second[0], rest]


@pytest.mark.parametrize("total", [0, 1, 3 * MIB, 10_000_000_000])
def test_a_line_is_as_long_however_far_it_is(total: int) -> None:
    lines = [
        bar("x", total * share // 10, total, seconds) for share in range(11) for seconds in (0.0, 0.5, 90.0)
    ]
    assert len({len(line) for line in lines}) == 1
    assert "[########################] 100%" in lines[-1]
