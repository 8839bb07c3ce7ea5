"""The rules of a test run: what a missing program does to a test, with and without `--require-all`."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

pytest_plugins = ["pytester"]

SCENE = """
import pytest
@pytest.mark.needs("{program}")
def test_that_needs_it() -> None: pass
"""


@pytest.fixture
def scene(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """Return a test folder of its own that runs under our rules."""
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", "/nowhere")
    pytester.makeini(
        f"[pytest]\nmarkers = needs(program): x\npythonpath = {ROOT}\nasyncio_default_fixture_loop_scope = function\n"
    )
    pytester.makeconftest("from tests.conftest import *")
    return pytester


def test_a_missing_program_skips_its_test_and_is_named(scene: pytest.Pytester) -> None:
    scene.makepyfile(SCENE.format(program="coturn"))
    result = scene.runpytest("-rs")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["*coturn is missing; on Debian: apt-get install coturn*"])


def test_under_require_all_a_missing_program_is_a_failure(scene: pytest.Pytester) -> None:
    scene.makepyfile(SCENE.format(program="coturn"))
    result = scene.runpytest("--require-all")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*skipped under --require-all: *coturn is missing*"])


def test_under_require_all_a_module_that_skips_itself_is_a_failure(scene: pytest.Pytester) -> None:
    scene.makepyfile("import pytest\npytest.skip('not today', allow_module_level=True)\n")
    assert scene.runpytest("--require-all").ret != 0
    assert scene.runpytest().ret == pytest.ExitCode.NO_TESTS_COLLECTED


def test_a_misspelt_program_fails_instead_of_skipping(scene: pytest.Pytester) -> None:
    scene.makepyfile(SCENE.format(program="chromum"))
    scene.runpytest().assert_outcomes(errors=1)


def test_all_tests_that_need_a_browser_run_in_one_worker(
    scene: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/bin")
    monkeypatch.setenv("EVALROOM_CHROMIUM", sys.executable)
    scene.makepyfile(
        """
        import pytest
        @pytest.mark.needs("chromium")
        @pytest.mark.parametrize("number", range(8))
        def test_page(number: int, worker_id: str) -> None:
            open("workers", "a").write(worker_id + "\\n")
        """
    )
    scene.runpytest("-n", "2", "--dist", "loadgroup").assert_outcomes(passed=8)
    workers = (scene.path / "workers").read_text().split()
    assert 1 == len(set(workers))
