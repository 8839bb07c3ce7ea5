"""A node's log goes to standard error, one line each, and says nothing of what libraries chatter."""

import json
import subprocess
import sys

SCRIPT = """
import logging, structlog
from signaling.logs import configure_logs
configure_logs(as_json={as_json})
log = structlog.get_logger("x")
log.info("site_link", site="west", text="one\\ntwo")
log.debug("chatter")
logging.getLogger("library").info("chatter")
logging.getLogger("library").warning("trouble")
try:
    raise ValueError("bad")
except ValueError:
    log.exception("failed")
"""


def run(*, as_json: bool) -> subprocess.CompletedProcess[str]:
    script = SCRIPT.format(as_json=as_json)
    return subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )


def test_each_line_is_one_json_text_however_its_words_are_broken() -> None:
    result = run(as_json=True)
    lines = [line for line in result.stderr.splitlines() if line.startswith("{")]
    said = [json.loads(line) for line in lines]
    assert ["site_link", "failed"] == [one["event"] for one in said]
    assert ("west", "one\ntwo", "info") == (said[0]["site"], said[0]["text"], said[0]["level"])
    assert said[0]["timestamp"].endswith("Z")
    assert "ValueError: bad" in said[1]["exception"]
    assert ("", "chatter" in result.stderr, "trouble" in result.stderr) == (result.stdout, False, True)


def test_for_people_it_is_plain_text_without_colours() -> None:
    result = run(as_json=False)
    assert "site_link" in result.stderr
    assert "\x1b" not in result.stderr
    assert "" == result.stdout
