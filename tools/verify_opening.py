#!/usr/bin/env python3
"""Check an opening of sealed bids as an outsider: one file, Python 3.11 and `cryptography`, no code of the product.

    python3 verify_opening.py FOLDER [KEY ...] [SHA256]

FOLDER is an archive (docs/spec/archive.md) or its `data` alone.  Verifier keys of log and witnesses and the policy's
hash are to be known from outside, from the notice; else the journal's own word is taken, and said so.  Each step is
named; exit status 0 when all pass.  Written from docs/spec/opening.md §11, sealed-bid.md and journal.md.  Not
checked: bids taken back or replaced before the deadline (their bytes are gone), SM2 signatures (the library has none).
"""

import base64
import hashlib
import json
import re
import struct
import sys
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from cryptography.hazmat.primitives.serialization import load_der_public_key

Json = dict[str, Any]
CHUNK, TAG, LEAF, STEP = 16384, 16, 1 << 20, 1 << 16
HALF_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551 // 2
NOTE = re.compile("(?:[^—\n].*\n|\n)+(?:— .*\n)+")


def need(holds: object, otherwise: str) -> None:
    if not holds:
        raise ValueError(otherwise)


def b64(text: str) -> bytes:
    data = base64.b64decode(text, validate=True)
    need(base64.b64encode(data).decode() == text, "Base64 in a spelling that is not canonical")
    return data


def canonical(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def parse(data: bytes) -> Any:
    """Return the value of canonical JSON, which written anew is the same bytes (journal.md §1)."""
    value = json.loads(data, parse_float=lambda _: None)
    need(canonical(value) == data, "JSON that is not canonical")
    return value


def leaf(data: bytes) -> bytes:
    return hashlib.sha256(b"\0" + data).digest()


def root(leaves: list[bytes]) -> bytes:
    """Return the root of RFC 9162 §2.1.1."""
    if len(leaves) < 2:
        return leaves[0] if leaves else hashlib.sha256().digest()
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\1" + root(leaves[:split]) + root(leaves[split:])).digest()


def ed25519_verify(public: bytes, signature: bytes, message: bytes) -> None:
    ed25519.Ed25519PublicKey.from_public_bytes(public).verify(signature, message)


def es256_verify(key: ec.EllipticCurvePublicKey, signature: bytes, message: bytes) -> None:
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    need(len(signature) == 64 and s <= HALF_ORDER, "a signature with s above n/2")
    key.verify(encode_dss_signature(r, s), message, ec.ECDSA(hashes.SHA256()))


def trustee_verify(signer: str, signature: str, message: bytes) -> None:
    key = load_der_public_key(b64(signer))
    if isinstance(key, ec.EllipticCurvePublicKey):
        es256_verify(key, b64(signature), message)
    else:
        ed25519_verify(b64(signer)[-32:], b64(signature), message)


def envelope_verify(suite: int, key: bytes, signature: bytes, message: bytes) -> None:
    if suite == 0x01:
        ed25519_verify(key[:32], signature[:64], message)
        mldsa.MLDSA65PublicKey.from_public_bytes(key[32:]).verify(signature[64:], message)
    elif suite == 0x02:
        es256_verify(ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), key), signature, message)


def checkpoint(note: str, keys: list[str]) -> tuple[int, bytes, int]:
    """Return size and root of a note that the log signed, and how many witnesses did (journal.md §4 to §6)."""
    text, _, lines = note.partition("\n\n")
    origin, size, encoded = text.split("\n")
    signed = [(line.split(" ")[1], b64(line.split(" ")[2])) for line in lines.splitlines()]
    found = []
    for name, key_id, material in (one.split("+", 2) for one in keys):
        computed = hashlib.sha256(name.encode() + b"\n" + b64(material)).digest()[:4]
        need(computed.hex() == key_id, f"{name}: no verifier key")
        for data in [data[4:] for said, data in signed if (said, data[:4]) == (name, computed)]:
            by_log = b64(material)[0] == 1
            before = "" if by_log else f"cosignature/v1\ntime {int.from_bytes(data[:8], 'big')}\n"
            ed25519_verify(b64(material)[1:], data[0 if by_log else 8 :], f"{before}{text}\n".encode())
            found.append(name)
    need(found.count(origin) == 1 and keys[0].split("+")[0] == origin, "the log did not sign it")
    return int(size), b64(encoded), len(set(found)) - 1


def digest(suite: int, data: bytes) -> bytes:
    running = hashes.Hash(hashes.SM3() if suite == 0x11 else hashes.SHA256())
    running.update(data)
    return running.finalize()


class Envelope:
    """A listed envelope whose root, digest, cores and signature are right (sealed-bid.md §11), else `ValueError`."""

    def __init__(self, path: Path, policy: bytes, listed: Json) -> None:
        total = path.stat().st_size
        with path.open("rb") as file:
            magic, version, self.suite, zero, length = struct.unpack(">4sBBHI", file.read(12))
            header = parse(file.read(length))
            file.seek(total - 12)
            trailer_size, signature_size, end = struct.unpack(">II4s", file.read(12))
            size = total - 12 - signature_size - trailer_size
            file.seek(size)
            raw, signature = file.read(trailer_size), file.read(signature_size)
            file.seek(0)
            found = root([leaf(file.read(min(LEAF, size - at))) for at in range(0, size, LEAF)])
        trailer, at = parse(raw), 12 + length
        need((magic, version, zero, end) == (b"EVB1", 1, 0, b"1BVE") and trailer["size"] == size, "frame")
        need(found == b64(trailer["root"]) == bytes.fromhex(listed["root"]), "root")
        need(digest(self.suite, raw + signature).hex() == listed["digest"], "digest")
        self.path, self.places, cores = path, dict[str, tuple[int, int, bytes]](), list[Json]()
        for part, (offset, length) in zip(header["parts"], trailer["parts"], strict=True):
            cores.append(parse(b64(part["core"])))
            need(offset == at, "parts with gaps")
            context = digest(self.suite, b"EVB1 ctx" + b64(part["core"]))
            self.places[cores[-1].pop("part")] = (offset, length, context)
            at = offset + length
        core, tender = cores[0], parse(policy)["tender"]
        need(at == size and all(one == core for one in cores), "parts")
        need((core["suite"], core["tender"]) == (self.suite, tender), "another tender or suite")
        need(b64(core["policy"]) == digest(self.suite, policy), "another policy")
        need(b64(core["bid"]).hex() == listed["bid"], "another number")
        envelope_verify(self.suite, b64(core["env"]), signature, b"EVB1 bid" + raw)

    def text(self, part: str, key: bytes) -> bytes:
        """Return a part's text under its content key; commitment, tags and padding are checked (§7, §8)."""
        (offset, size, context), gm = self.places[part], self.suite == 0x11
        data, plain = self.path.read_bytes()[offset : offset + size], b""
        label = b"c2sp.org/chunked-encryption@v1+AEAD_%s_GCM\0" % (b"SM4" if gm else b"AES_256")
        kind, size_of_keys = (hashes.SM3(), 60) if gm else (hashes.SHA512(), 76)
        drawn = HKDFExpand(kind, size_of_keys, label + data[:24] + context).derive(key)
        cipher = algorithms.SM4(drawn[:16]) if gm else algorithms.AES(drawn[:32])
        need(drawn[-32:] == data[24:56] and (size - 56) % (CHUNK + TAG) >= TAG, f"{part}: commitment or end")
        for number, at in enumerate(range(56, size, CHUNK + TAG)):
            chunk = data[at : at + CHUNK + TAG]
            nonce = (int.from_bytes(drawn[-44:-32], "big") ^ number).to_bytes(12, "big")
            opened = Cipher(cipher, modes.GCM(nonce, chunk[-TAG:])).decryptor()
            plain += opened.update(chunk[:-TAG]) + opened.finalize()
        if part not in {"identity", "opening", "price"}:
            return plain
        end = 8 + int.from_bytes(plain[:8], "big")
        need(len(plain) == -(-end // STEP) * STEP and not any(plain[end:]), f"{part}: padding")
        return plain[8:end]


class Opening:
    """The journal and the files of an opening, and a method for each step; each needs what those before found."""

    def __init__(self, folder: Path, given: tuple[str, ...]) -> None:
        data = folder / "data" if (folder / "data").is_dir() else folder
        self.files, self.log, self.given = data / "docs" / "opening", data / "log", set(given)

    def all(self, kind: str, **having: str) -> list[Json]:
        found = [entry["body"] for entry in self.entries if entry["type"] == kind]
        return [body for body in found if having.items() <= body.items()]

    def under(self, note: str) -> tuple[int, int]:
        size, found, count = checkpoint(note, self.keys)
        need(size <= len(self.leaves) and root(self.leaves[:size]) == found, "another journal's checkpoint")
        return size, count

    def journal(self) -> str:
        *self.lines, end = (self.log / "entries.jsonl").read_bytes().split(b"\n")
        self.entries: list[Json] = [parse(line) for line in self.lines]
        self.leaves = [leaf(line) for line in self.lines]
        need(end == b"" and all(n == one["seq"] for n, one in enumerate(self.entries)), "numbers of entries")
        told = self.entries[0]["body"]["keys"]
        self.keys = [told["log"], *(one["vkey"] for one in told["witnesses"])]
        notes = [self.under(one) for one in NOTE.findall((self.log / "checkpoints.txt").read_text("utf-8"))]
        need(max(notes)[0] == len(self.entries), "no checkpoint over all entries")
        covered = max(size for size, count in notes if count >= told["quorum"])
        last = max(one["seq"] for one in self.entries if one["type"] in {"BidsClosed", "OpeningRecorded"})
        need(last < covered, "closed list or record without a quorum of cosignatures")
        need({one for one in self.given if "+" in one} <= {*self.keys}, "a key that is not the journal's")
        return f"{len(self.entries)} entries; {len(self.given & {*self.keys})} of {len(self.keys)} keys known from outside"

    def policy(self) -> str:
        self.text = (self.files / "policy.json").read_bytes()
        self.terms, own = parse(self.text), hashlib.sha256(self.text).hexdigest()
        need({one for one in self.given if "+" not in one} <= {own}, "another policy than the notice's")
        need(self.all("PolicyDrafted")[-1]["policy"].encode() == self.text, "another policy was drafted")
        need(self.all("SubmissionsOpened") == [{"policy": own}], "bids were taken in under another policy")
        signed = {one["trustee"]: one["signature"] for one in self.all("PolicySigned", sha256=own)}
        told = json.loads((self.files / "signatures.json").read_bytes())
        need(signed == {one["trustee"]: one["signature"] for one in told}, "signatures.json says otherwise")
        need(len(signed) == len(self.terms["trustees"]), "somebody signed who is no trustee")
        for one in self.terms["trustees"]:
            trustee_verify(one["signer"], signed[one["name"]], b"EVB1 policy" + bytes.fromhex(own))
        return f"{own}, {len(signed)} signatures; known from outside: {'yes' if own in self.given else 'no'}"

    def closed_list(self) -> str:
        submitted, kinds = self.all("BidSubmitted"), [entry["type"] for entry in self.entries]
        gone = {one["bid"] for one in self.all("BidWithdrawn")} | {one["replaces"] for one in submitted}
        kept = [one for one in submitted if one["bid"] not in gone]
        listed = [{"bid": one["bid"], "digest": one["digest"], "root": one["root"]} for one in kept]
        self.listed = sorted(listed, key=lambda one: str(one["bid"]))
        closed = [{"bids": self.listed, "policy": hashlib.sha256(self.text).hexdigest()}]
        need(self.all("BidsClosed") == closed, "the list is not what was submitted and not taken back")
        need(not {"BidSubmitted", "BidWithdrawn"} & set(kinds[kinds.index("BidsClosed") :]), "changed later")
        late = [one["seq"] for one in self.entries if one["t"] >= self.terms["deadline"]]
        need("BidSubmitted" not in kinds[min(late, default=len(kinds)) :], "a bid after the deadline")
        return f"{len(self.listed)} bids of {len(submitted)} submitted"

    def sealed(self) -> str:
        lost = {one["bid"] for one in self.all("BidJudged", cause="root_mismatch")}
        self.envelopes: dict[str, Envelope] = {}
        for one in self.listed:
            path = self.files / "envelopes" / f"{one['bid']}.evb1"
            if path.exists() or one["bid"] not in lost:
                self.envelopes[one["bid"]] = Envelope(path, self.text, one)
        return f"{len(self.envelopes)} envelopes"

    def receipts(self) -> str:
        for one in self.listed:
            text = (self.files / "receipts" / f"{one['bid']}.receipt").read_text("utf-8")
            head, _, note = text.partition("\n\n")
            form, extra, index = head.split("\n")[:3]
            number = int(index.removeprefix("index "))
            entry = self.entries[number]
            need(form == "c2sp.org/tlog-proof@v1" and extra.startswith("extra "), "no tlog-proof")
            need((entry["type"], entry["body"].get("bid")) == ("BidSubmitted", one["bid"]), "another entry")
            told = parse(b64(extra.removeprefix("extra ")))
            same = b64(told["entry"]) == self.lines[number] and one.items() <= told.items()
            need(same, "not the journal's entry")
            need(self.under("".join(NOTE.findall(note)))[0] > number, "a checkpoint from before")
        return f"{len(self.listed)} receipts"

    def verdicts(self) -> str:
        self.judged, self.rows, log = dict[Any, Json](), dict[Any, Json](), b64(self.keys[0].split("+", 2)[2])
        for one in self.all("BidJudged"):
            body = {name: value for name, value in one.items() if name != "signature"}
            ed25519_verify(log[1:], b64(one["signature"]), b"EVB1 verdict" + canonical(body))
            self.judged[one["window"], one["bid"]] = one
        for one in self.all("OpeningRecorded"):
            text = (self.files / f"record-{one['window']}.json").read_bytes()
            need(text.decode() == one["record"], f"record-{one['window']}.json is not the journal's")
            need(hashlib.sha256(text).hexdigest() == one["sha256"], "a record's hash")
            self.rows |= {(one["window"], row["number"]): row for row in parse(text)["rows"]}
        need(self.rows.keys() == self.judged.keys(), "records and verdicts are about other bids")
        without = {one["bid"] for one in self.listed} - {bid for _, bid in self.rows}
        need(not without or self.all("OpeningAborted"), f"no verdict on {without}")
        for place, row in self.rows.items():
            said = [self.judged[place][name] for name in ("verdict", "cause", "party")]
            need([row["verdict"], row["cause"], row["party"]] == said, f"{place}: another verdict")
        return f"{len(self.rows)} verdicts"

    def prices(self) -> str:
        priced, windows = {place for place, row in self.rows.items() if row["prices"]}, self.terms["parts"]
        for one in self.all("PartKeyPublished"):
            text = self.envelopes[one["bid"]].text(one["part"], bytes.fromhex(one["key"]))
            place = (next(part["window"] for part in windows if part["name"] == one["part"]), one["bid"])
            opened = {"part": one["part"], "sha256": hashlib.sha256(text).hexdigest(), "size": len(text)}
            need(opened in self.judged[place]["parts"], f"{place}: the text is not the one judged")
            sheet, row = parse(text), self.rows[place]
            need(sheet["prices"] in ([], row["prices"]), f"{place}: other prices in the record")
            priced -= {place} if sheet["prices"] else set()
        need(not priced, "prices in a record that no published key lets anybody check")
        return f"{len(self.all('PartKeyPublished'))} texts opened with published keys"


def main(folder: str, *given: str) -> int:
    case, names = Opening(Path(folder), given), "journal policy closed_list sealed receipts verdicts prices"
    for number, name in enumerate(names.split(), 1):
        try:
            print(f"ok   {number} {name}: {getattr(case, name)()}")
        except Exception as error:  # noqa: BLE001 - whatever ails a stranger's bytes, the step has failed
            print(f"FAIL {number} {name}: {type(error).__name__} {error}")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]) if len(sys.argv) > 1 else __doc__)
