"""The stored vectors hold: what is derived comes out the same, and old envelopes open for ever."""

import json
from pathlib import Path
from typing import Any

import pytest

from evalroom.ledger.base64 import decode_base64
from evalroom.sealing.dealing import deal
from evalroom.sealing.envelope import open_envelope
from evalroom.sealing.inspection import check_root
from evalroom.sealing.policy import PartName, parse_policy
from evalroom.sealing.suites import find_suite
from evalroom.sealing.unseal import content_key, open_half, open_share, read_text
from tests.evalroom.sealing import bids, tender, vectors

FILES = sorted(vectors.FOLDER.glob("*.evb1"))


def pair(suite: int, found: dict[str, Any]) -> list[bytes]:
    private = [decode_base64(one) for one in found["pkcs8"]]
    assert find_suite(suite).load_opening_key(private).public == decode_base64(found["public"])
    return private


def test_derivations_made_anew_show_no_difference() -> None:
    stored = json.loads((vectors.FOLDER / "derivations.json").read_text("utf-8"))
    assert stored == json.loads(json.dumps(vectors.derivations()))


def test_there_is_an_envelope_for_each_listed_kind() -> None:
    assert sorted(vectors.ENVELOPES) == [file.stem for file in FILES]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_stored_envelope_opens_with_the_secrets_beside_it(file: Path) -> None:
    facts = json.loads(file.with_suffix(".json").read_text("utf-8"))
    read = bids.reader(file.read_bytes())
    suite, code = find_suite(facts["suite"]), facts["suite"]
    policy = parse_policy(facts["policy"].encode())
    envelope = open_envelope(read, facts["size"], policy, decode_base64(facts["bid"]))
    for _ in check_root(envelope, read):
        pass
    assert decode_base64(facts["root"]) == envelope.root
    assert decode_base64(facts["digest"]) == envelope.digest
    assert decode_base64(facts["envelope_key"]["public"]) == envelope.envelope_key
    slots = [suite.load_opening_key(pair(code, one)) for one in facts["slots"]]
    trustees = [suite.load_opening_key(pair(code, one)) for one in facts["trustees"]]
    for part, row in zip(envelope.parts, facts["parts"], strict=True):
        assert decode_base64(row["context"]) == part.header.context
        halves = {open_half(suite, part, key) for key in slots}
        assert halves <= {decode_base64(row["half"])}
        shares = {
            place: open_share(suite, part, place, trustees[place - 1]) for place in range(1, policy.n + 1)
        }
        assert [decode_base64(one) for one in row["shares"]] == list(shares.values())
        assert tuple(shares.values()) == deal(suite, decode_base64(row["secret"]), policy.k, policy.n)
        key = content_key(envelope, part.name, next(iter(halves), None), shares)
        assert decode_base64(row["content_key"]) == key
        text = decode_base64(row["text"]) if "text" in row else tender.pattern(row["text_size"])
        assert text == read_text(envelope, PartName(row["part"]), key, read)
