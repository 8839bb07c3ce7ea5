"""Makes the vectors of `docs/spec/sealed-bid.md`; run it as a module to write what is missing.

Keys, secrets and salts are fixed and public.  Wraps and ML-DSA signatures are drawn by the library and differ
from run to run, so envelopes are stored with every secret beside them; `derivations.json` is the same each
time.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from evalroom.ledger.base64 import encode_base64
from evalroom.ledger.canonical import Json
from evalroom.sealing.core import context
from evalroom.sealing.dealing import deal, share_digest
from evalroom.sealing.header import half_digest
from evalroom.sealing.padding import pad
from evalroom.sealing.policy import Mode, PartName
from evalroom.sealing.stream import StreamSealer
from evalroom.sealing.suites import find_suite
from evalroom.sealing.trailer import ReceiptRoot
from evalroom.sealing.unseal import derive_content_key
from tests.evalroom.sealing import bids, tender

FOLDER = Path(__file__).parents[2] / "vectors" / "sealed-bid"
GM = 0x11
TEXT_SIZES = (0, 1, 16_383, 16_384, 16_385, 40_000)
ROOT_SIZES = (0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, (3 << 20) + 5)


def envelope(suite: int, mode: Mode) -> tuple[bytes, Json]:
    """Return an envelope and everything that was put into it."""
    policy = tender.policy(mode, suites=[suite] if suite == GM else tender.SUITES)
    sealed = bids.sealed(suite, policy)
    opened = sealed.open()
    owners = ("token", "spare") if mode is not Mode.SITES else ()
    found: dict[str, Json] = {
        "suite": suite,
        "mode": mode.value,
        "policy": policy.encode().decode(),
        "bid": encode_base64(tender.BID),
        "bidder": encode_base64(sealed.plan.terms.bidder),
        "envelope_key": _pair(
            tender.signing_pkcs8(suite, "envelope"), tender.signing_key(suite, "envelope").public
        ),
        "slots": [_opening(suite, owner) for owner in owners],
        "trustees": [_opening(suite, one.name) for one in policy.trustees],
        "root": encode_base64(opened.root),
        "body": opened.body,
        "size": opened.size,
        "digest": encode_base64(opened.digest),
        "parts": [_part(sealed, name) for name in bids.TEXTS],
    }
    return sealed.data, found


def _pair(private: tuple[bytes, ...], public: bytes) -> Json:
    return {"pkcs8": [encode_base64(one) for one in private], "public": encode_base64(public)}


def _opening(suite: int, owner: str) -> Json:
    return _pair(tender.opening_pkcs8(suite, owner), tender.opening_key(suite, owner).public)


def _part(sealed: bids.Sealed, name: PartName) -> Json:
    plan = sealed.plan
    suite, drawn = plan.suite, plan.secrets[name]
    part = next(part for part in plan.parts if part.name is name)
    shares = deal(suite, drawn.secret, plan.policy.k, plan.policy.n)
    return {
        "part": name.value,
        "core": part.core.encode().decode(),
        "context": encode_base64(part.context),
        "half": encode_base64(drawn.half),
        "secret": encode_base64(drawn.secret),
        "shares": [encode_base64(share) for share in shares],
        "salt": encode_base64(drawn.salt),
        "content_key": encode_base64(drawn.content_key),
        **_text(bids.TEXTS[name]),
    }


def _text(text: bytes) -> dict[str, Json]:
    """Return a short text itself, of a long one the length: it is the pattern of the spec."""
    return {"text_size": len(text)} if text == tender.pattern(len(text)) else {"text": encode_base64(text)}


def derivations() -> Json:
    """Return what follows from secrets without any dice, for the suites that hash with SHA-256."""
    suite = find_suite(1)
    core = bids.sealed(2).plan.parts[0].core.encode()
    bound = context(suite, core)
    half, secret = tender.drawn("half", 32), tender.drawn("secret", 32)
    return {
        "core": core.decode(),
        "context": bound.hex(),
        "half": half.hex(),
        "half_digest": half_digest(suite, bound, half).hex(),
        "secret": secret.hex(),
        "content_key": derive_content_key(suite, bound, half, secret).hex(),
        "dealings": [_dealing(secret, bound, k, n) for k, n in ((1, 1), (1, 3), (2, 3), (3, 5), (16, 16))]
        + [_dealing(b"\xff" * 32, bound, 2, 3)],
        "streams": [_stream(size) for size in TEXT_SIZES],
        "padding": [_padding(size) for size in (0, 1, 65_528, 65_529)],
        "roots": [_root(size) for size in ROOT_SIZES],
    }


def _dealing(secret: bytes, bound: bytes, k: int, n: int) -> Json:
    suite = find_suite(1)
    shares = deal(suite, secret, k, n)
    digests = [share_digest(suite, bound, share).hex() for share in shares]
    return {
        "secret": secret.hex(),
        "k": k,
        "n": n,
        "shares": [share.hex() for share in shares],
        "digests": digests,
    }


def _stream(size: int) -> Json:
    key, salt, bound = tender.drawn("key", 32), tender.drawn(f"salt {size}", 24), tender.drawn("ctx", 32)
    keys = find_suite(1).stream_key(key, salt, bound)
    stream = StreamSealer(find_suite(1), key, salt, bound)
    sealed = stream.prefix + bids.streamed(stream, tender.pattern(size))
    return {
        "content_key": key.hex(),
        "salt": salt.hex(),
        "context": bound.hex(),
        "key": keys.key.hex(),
        "nonce": keys.nonce.hex(),
        "commitment": keys.commitment.hex(),
        "text_size": size,
        "sealed_size": len(sealed),
        "sealed_sha256": hashlib.sha256(sealed).hexdigest(),
        **({"sealed": sealed.hex()} if len(sealed) < 100 else {}),
    }


def _padding(size: int) -> Json:
    padded = pad(tender.pattern(size))
    return {"text_size": size, "padded_size": len(padded), "sha256": hashlib.sha256(padded).hexdigest()}


def _root(size: int) -> Json:
    tree = ReceiptRoot()
    tree.update(tender.pattern(size))
    return {"size": size, "root": tree.root().hex()}


def write_json(path: Path, value: Json) -> None:
    """Write one file as people and diffs like it."""
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", "utf-8")


ENVELOPES: Mapping[str, tuple[int, Mode]] = {
    "0x01-joint": (1, Mode.JOINT),
    "0x02-joint": (2, Mode.JOINT),
    "0x02-sites": (2, Mode.SITES),
    "0x02-bidder": (2, Mode.BIDDER),
    "0x11-joint": (GM, Mode.JOINT),
}

if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    write_json(FOLDER / "derivations.json", derivations())
    for label, (code, chosen) in ENVELOPES.items():
        if (FOLDER / f"{label}.evb1").exists():
            continue  # old envelopes must open for ever; remove one to have it made anew
        data, facts = envelope(code, chosen)
        (FOLDER / f"{label}.evb1").write_bytes(data)
        write_json(FOLDER / f"{label}.json", facts)
