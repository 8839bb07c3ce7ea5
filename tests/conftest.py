"""Rules of every test run: real programs or a loud skip, no skip at all with `--require-all`, a printed seed."""

import os
import secrets
from collections.abc import Generator
from pathlib import Path

import hypothesis
import pytest

from tests.programs import PROGRAMS

SEED_BITS = 32
LONG_VALUE = 40
BEHIND = 5
"""Niceness of tests that any worker may run: a third of the share of those that one worker runs one after the other."""

# Hundreds of short-lived nodes, here and as processes, need no room kept for their journals.
os.environ.update(EVALROOM_RESERVE_MB="0", EVALROOM_SITE_RESERVE_MB="0")

# No deadline: a machine that is busy is no bug.  The blob lets a person repeat a failure at once.
hypothesis.settings.register_profile("evalroom", deadline=None, print_blob=True)
hypothesis.settings.load_profile("evalroom")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--require-all", action="store_true", help="a skipped test is a failed one")
    parser.addoption("--failed-to", metavar="FILE", help="write there which tests failed, a line each")


@pytest.hookimpl(tryfirst=True)  # before hypothesis reads the seed
def pytest_configure(config: pytest.Config) -> None:
    """Draw the seed of hypothesis once, in the process that starts the others."""
    if config.option.hypothesis_seed is None:
        config.option.hypothesis_seed = str(secrets.randbits(SEED_BITS))


def pytest_report_header(config: pytest.Config) -> str:
    return f"seed: --hypothesis-seed={config.option.hypothesis_seed}"


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep all tests that drive a browser in one worker: two Chromiums and an encoder starve two cores."""
    for item in items:
        if "chromium" in needed(item):
            item.add_marker(pytest.mark.xdist_group("chromium"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Write down what failed, for whoever asks for it."""
    told = config.option.failed_to
    if told is not None:
        failed = (one for how in ("failed", "error") for one in terminalreporter.stats.get(how, ()))
        Path(told).write_text("".join(f"{name}\n" for name in dict.fromkeys(one.nodeid for one in failed)))


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name a long value by its argument and number: it reads better, and workers agree even on a random one."""
    return argname if isinstance(val, str | bytes) and len(val) > LONG_VALUE else None


def needed(item: pytest.Item) -> list[str]:
    """Return the names of the programs that `item` needs."""
    return [name for mark in item.iter_markers("needs") for name in mark.args]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> None:
    """Let the tests of a group that runs in one worker, and what they start, go before all others: such a group is the last to end."""
    if hasattr(item.config, "workerinput") and os.geteuid() == 0:  # nobody else gets a priority back
        alone = item.get_closest_marker("xdist_group") is not None
        os.setpriority(os.PRIO_PROCESS, 0, 0 if alone else BEHIND)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose program is missing, naming the program and what brings it."""
    for name in needed(item):
        if name not in PROGRAMS:
            pytest.fail(f"unknown program {name!r}: tests/programs.py lists them")
        if PROGRAMS[name].find() is None:
            pytest.skip(f"{name} is missing; on Debian: apt-get install {PROGRAMS[name].package}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if item.config.option.require_all and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped under --require-all: {reason(report.longrepr)}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if collector.config.option.require_all and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"skipped under --require-all: {reason(report.longrepr)}"
    return report


def reason(longrepr: object) -> str:
    """Return the words of a skip: pytest keeps them as (file, line, words)."""
    return str(longrepr[2]) if isinstance(longrepr, tuple) else str(longrepr)


@pytest.fixture
def chromium() -> str:
    """Give the path of Chromium; the test also carries `@pytest.mark.needs("chromium")`."""
    path = PROGRAMS["chromium"].find()
    assert path is not None, "mark the test with needs('chromium')"
    return path
