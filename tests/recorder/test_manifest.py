"""The bag's own texts."""

import json
from dataclasses import replace

from recorder.manifest import Digest, IndexedProject, bag_info, manifest, readme, session_js, session_json
from tests.recorder.test_package import INDEX


def test_a_manifest_is_sorted_and_has_two_spaces() -> None:
    files = {"data/b": Digest("b" * 64, 1), "data/a": Digest("a" * 64, 2)}
    assert manifest(files) == f"{'a' * 64}  data/a\n{'b' * 64}  data/b\n"


def test_bag_info_counts_bytes_and_files_and_holds_one_line_each() -> None:
    index = replace(INDEX, project=IndexedProject("P\n1: x", ()))
    text = bag_info({"data/a": Digest("a" * 64, 7), "data/b": Digest("b" * 64, 5)}, index, "2026-11-23")
    assert "Payload-Oxum: 12.2\n" in text
    assert len(text.splitlines()) == 5


def test_the_script_cannot_end_itself_early() -> None:
    index = replace(INDEX, project=IndexedProject("</script>\u2028", ()))
    script = session_js(session_json(index, []))
    assert "<" not in script
    assert "\u2028" not in script
    text = script.removeprefix("window.SESSION = ").removesuffix(";\n")
    assert json.loads(text)["project"]["code"] == "</script>\u2028"


def test_members_of_the_index_come_in_the_order_of_the_specification() -> None:
    members = list(json.loads(session_json(INDEX, [])))
    assert members == [
        "schema", "id", "project", "sites", "seats", "t0_ms", "t1_ms", "clock", "tracks", "log", "retention",
        "classification", "software",
    ]  # fmt: skip


def test_the_readme_speaks_both_languages_and_needs_no_recording() -> None:
    text = readme(INDEX, None)
    assert "远程异地评标档案" in text
    assert "sha256sum --quiet -c manifest-sha256.txt" in text


def test_the_readme_tells_where_an_opening_lies_and_how_to_check_it() -> None:
    text = readme(INDEX, None, sealed=True)
    for told in ("data/docs/opening/", "policy.json", "envelopes/", "receipts/", "record-", "开标"):
        assert told in text
        assert told not in readme(INDEX, None)
    assert "python3 verify_opening.py" in text
