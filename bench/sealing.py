"""Sealing and opening bids beside what they are made of, and beside `age` and `openssl cms`.

    python3 dev.py bench sealing [--megabytes 1024] [--runs 5] [--gigabytes 10] [--command-gigabytes 1] [--bids 30]

*one core* is CPU time of this process, *threads* wall time with two more for the leaf hashes; all over the same pieces of 1 MiB in memory, in turns.  *in lanes* is by Intel's multi-buffer library, where it is.  The peers read a file and write to nowhere, as ours does
then.  The ten gigabytes are made on the fly, sealed, then opened from an envelope that is encrypted anew where
it is read, in a process of its own whose peak memory counts.
"""

import argparse
import hashlib
import json
import os
import resource
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from cryptography.cobblestone import Cobblestone256Encryptor
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bench import figures, machine, peers
from bench.bid import PIECE, SMALL, Bid, Regrown, same_piece
from evalroom.sealing import lanes
from evalroom.sealing.envelope import Envelope, open_envelope
from evalroom.sealing.inspection import Inspection
from evalroom.sealing.lanes import LeafSlots, one_by_one, receipt_root
from evalroom.sealing.policy import PartName
from evalroom.sealing.seal import seal_in_place
from evalroom.sealing.stream import CHUNK, SEALED_CHUNK, ChunkCipher, ReadAt, sealed_size
from evalroom.sealing.suites import find_suite
from evalroom.sealing.trailer import ReceiptRoot
from evalroom.sealing.unseal import content_key, open_half, open_part, open_share, read_text
from main_site.bidder.envelope_file import giving_way, hashed_beside

MIB = 1 << 20
SHA, AES = "SHA-256 alone", "AES-256-GCM, 16 KiB at a time"
SHEET = {"v": 1, "bidder": "甲", "prices": [{"lot": "L1", "price_fen": "100"}], "remarks": ""}
Work = Callable[[], object]


def timed(work: Work, clock: Callable[[], float]) -> float:
    """Return the seconds that `work` takes by `clock`."""
    began = clock()
    work()
    return clock() - began


@dataclass(frozen=True, slots=True)
class Memory:
    """Everything that is measured without a file, over `count` pieces of 1 MiB."""

    count: int
    piece: bytes

    def hash(self) -> None:
        """Hash all pieces with SHA-256, as `sha256sum` would."""
        running = hashlib.sha256()
        for _ in range(self.count):
            running.update(self.piece)

    def seal(self, tree: ReceiptRoot | None = None) -> None:
        """Seal a bid of that size, receipt root and all; keys are made before."""
        bid = Bid.make(2)
        for _ in seal_in_place(bid.plan, bid.sources(same_piece(self.piece, self.count * MIB)), tree):
            pass

    def seal_in_lanes(self) -> None:
        """Seal with the leaves hashed side by side, where they come."""
        self.seal(receipt_root())

    def seal_on_two(self) -> None:
        """Seal with the leaves hashed beside, as `evalroom bid seal` does it."""
        with hashed_beside() as tree:
            self.seal(tree)

    def seal_on_two_plainly(self) -> None:
        """Seal with the leaves hashed by two threads of hashlib."""
        with giving_way(), ThreadPoolExecutor(2) as pool:
            self.seal(ReceiptRoot(LeafSlots(one_by_one, 1, lambda work: pool.submit(work).result, 5)))

    def encrypt_plainly(self) -> None:
        """Encrypt without any scheme: one key, 16 KiB a call, into one buffer."""
        cipher, nonce, out = AESGCM(bytes(32)), bytes(12), bytearray(SEALED_CHUNK)
        view = memoryview(self.piece)
        for _ in range(self.count):
            for start in range(0, PIECE, CHUNK):
                cipher.encrypt_into(nonce, view[start : start + CHUNK], None, out)

    def encrypt_at_once(self) -> None:
        """Encrypt 1 MiB a call, which no stream with 16 KiB chunks can reach."""
        cipher, nonce, out = AESGCM(bytes(32)), bytes(12), bytearray(PIECE + 16)
        for _ in range(self.count):
            cipher.encrypt_into(nonce, self.piece, None, out)

    def stream(self) -> None:
        """Encrypt as a part's stream, into one buffer."""
        cipher = ChunkCipher(find_suite(2), bytes(32), bytes(12))
        out = bytearray(PIECE // CHUNK * SEALED_CHUNK)
        for number in range(self.count):
            cipher.seal_into(number * (PIECE // CHUNK), self.piece, out)

    def cobblestone(self) -> None:
        """Encrypt with the same scheme as `cryptography` has it."""
        stream = Cobblestone256Encryptor(bytes(32), b"")
        for _ in range(self.count):
            stream.update(self.piece)

    def figures(self) -> dict[str, float]:
        """Measure everything once; MB a second."""
        cpu, wall = time.process_time, time.perf_counter
        size = self.count * MIB / 1e6
        return {
            SHA: size / timed(self.hash, cpu),
            "seal + root by hashlib, one core": size / timed(self.seal, cpu),
            "seal + root in lanes, one core": size / timed(self.seal_in_lanes, cpu),
            "SHA-256 alone, wall": size / timed(self.hash, wall),
            "seal + root by hashlib, threads, wall": size / timed(self.seal_on_two_plainly, wall),
            "seal + root in lanes, threads, wall": size / timed(self.seal_on_two, wall),
            AES: size / timed(self.encrypt_plainly, cpu),
            "stream": size / timed(self.stream, cpu),
            "Cobblestone-256 of cryptography": size / timed(self.cobblestone, cpu),
            "AES-256-GCM, 1 MiB at a time": size / timed(self.encrypt_at_once, cpu),
        }


# --- beside other programs -----------------------------------------------------------------------------------


def read_file(path: Path) -> Iterator[bytes]:
    """Yield a file in pieces of 1 MiB."""
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            yield piece


def seal_file(source: Path, target: Path, threads: int) -> Bid:
    """Seal a file into another, keys and signature and all."""
    bid = Bid.make(1)
    with giving_way(), ThreadPoolExecutor(2) as pool, target.open("wb") as out:
        tree = receipt_root((lambda work: pool.submit(work).result) if threads > 1 else None, threads=threads)
        for piece in seal_in_place(bid.plan, bid.sources(read_file(source)), tree):
            out.write(piece)
    return bid


def programs(folder: Path, source: Path) -> dict[str, Work]:
    """Return what is timed on the file: ours, and the peers that can be had."""
    nowhere = Path(os.devnull)
    found: dict[str, Work] = {
        "ours, one thread": partial(seal_file, source, nowhere, 1),
        "ours, two threads for the root": partial(seal_file, source, nowhere, 2),
        "sha256sum": partial(run, "sha256sum", str(source)),
    }
    if peers.debian_peer("age", "age") and peers.debian_peer("age-keygen", "age"):
        key = folder / "age.key"
        run("age-keygen", "-o", str(key))
        recipient = key.read_text("utf-8").split("public key: ")[1].split("\n")[0]
        found["age (X25519, ChaCha20-Poly1305)"] = partial(
            run, "age", "-r", recipient, "-o", str(nowhere), str(source)
        )
    if peers.debian_peer("openssl", "openssl"):
        certificate = folder / "cms.pem"
        name = ("-newkey", "rsa:2048", "-nodes", "-keyout", str(folder / "cms.key"), "-subj", "/CN=bench")
        run("openssl", "req", "-x509", *name, "-out", str(certificate))
        words = ("-encrypt", "-binary", "-stream", "-outform", "DER", "-aes-256-gcm")
        command = (*words, "-in", str(source), "-out", str(nowhere), str(certificate))
        found["openssl cms (RSA, AES-256-GCM)"] = partial(run, "openssl", "cms", *command)
    return found


def spent() -> float:
    """Return the CPU seconds of this process and of those that it has waited for."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def run(*command: str) -> None:
    """Run a program to its end, silently."""
    subprocess.run(command, check=True, capture_output=True)


# --- opening -------------------------------------------------------------------------------------------------


def opened(bid: Bid, read: ReadAt, size: int) -> tuple[Envelope, dict[PartName, bytes]]:
    """Open a bid as at the opening: its frame, the bidder's half, two shares; return the content keys."""
    envelope = open_envelope(read, size, bid.plan.policy, bid.plan.terms.bid)
    keys = {}
    for part in envelope.parts:
        half = open_half(envelope.suite, part, bid.bidder)
        shares = {n: open_share(envelope.suite, part, n, bid.trustees[n - 1]) for n in (1, 2)}
        keys[part.name] = content_key(envelope, part.name, half, shares)
    return envelope, keys


def openings(folder: Path, source: Path, bids: int) -> dict[str, float]:
    """Measure the hour of the opening: sheets after the last release, all bytes, a range out of the middle."""
    target = folder / "bid.evb1"
    bid = seal_file(source, target, 2)
    size = target.stat().st_size
    descriptor = os.open(target, os.O_RDONLY)
    try:
        read: ReadAt = lambda offset, length: os.pread(descriptor, length, offset)  # noqa: E731 - one line of shell
        envelope, keys = opened(bid, read, size)
        part = envelope.part(PartName.OPENING)
        half = open_half(envelope.suite, part, bid.bidder)
        shares = {n: open_share(envelope.suite, part, n, bid.trustees[n - 1]) for n in (1, 2)}

        def sheets() -> None:
            for _ in range(bids):
                key = content_key(envelope, PartName.OPENING, half, shares)
                assert read_text(envelope, PartName.OPENING, key, read) == SMALL[PartName.OPENING]

        def range_read() -> None:
            reader = open_part(envelope, PartName.TECHNICAL, keys[PartName.TECHNICAL], read)
            assert len(reader.range(size // 2, size // 2 + MIB)) == MIB

        def verify() -> None:
            inspection = Inspection(envelope, keys, read)
            for _ in inspection.run():
                pass
            assert not inspection.damaged

        def hash_alone() -> None:
            running = hashlib.sha256()
            for piece in read_file(target):
                running.update(piece)

        hashing = timed(hash_alone, time.perf_counter)
        return {
            f"{bids} price sheets after the last release, ms": timed(sheets, time.perf_counter) * 1000,
            "1 MiB out of the middle, ms": min(timed(range_read, time.perf_counter) for _ in range(9)) * 1000,
            "every byte verified, x hashing alone": timed(verify, time.perf_counter) / hashing,
        }
    finally:
        os.close(descriptor)


# --- ten gigabytes -------------------------------------------------------------------------------------------


def huge(size: int) -> None:
    """Seal and open `size` bytes, and print seconds and peak memory after each: for a process of its own."""
    bid, piece = Bid.make(1), secrets.token_bytes(PIECE)
    base = machine.peak_mib()
    written, before = 0, bytearray()
    began = time.perf_counter()
    last: bytes | bytearray | memoryview = b""
    for sealed in seal_in_place(bid.plan, bid.sources(same_piece(piece, size))):
        if len(before) < small_size(bid):
            before += sealed
        written += len(sealed)
        last = sealed
    regrown = Regrown(bid, piece, size, bytes(before), bytes(last))
    print(f"{base:.0f} {machine.peak_mib():.0f} {time.perf_counter() - began:.1f}", flush=True)
    began = time.perf_counter()
    envelope, keys = opened(bid, regrown.read, written)
    inspection = Inspection(envelope, keys, regrown.read)
    for _ in inspection.run():
        pass
    assert not inspection.damaged
    print(f"{machine.peak_mib():.0f} {time.perf_counter() - began:.1f}")


def command_line(folder: Path, size: int) -> float:
    """Return the peak memory, in MiB, of `evalroom bid seal` at a sparse file of `size` bytes; writes as much to the disk."""
    policy, sheet, document, word = (
        folder / name for name in ("policy.json", "sheet.json", "document", "word")
    )
    policy.write_bytes(Bid.make(1).plan.policy.encode())
    sheet.write_text(json.dumps(SHEET, ensure_ascii=False), "utf-8")
    word.write_text(secrets.token_hex(16), "utf-8")
    with document.open("wb") as file:
        file.truncate(size)
    words = [
        "bid",
        "seal",
        str(folder / "bid.evb1"),
        "--policy",
        str(policy),
        "--passphrase-file",
        str(word),
        "--json",
    ]
    parts = ["--part", f"opening={sheet}", "--part", f"technical={document}"]
    command = [sys.executable, "-m", "main_site", *words, *parts]
    process, peak = subprocess.Popen(command, stdout=subprocess.DEVNULL), 0.0
    while process.poll() is None:
        peak = max(peak, machine.peak_mib(process.pid))
        time.sleep(0.01)
    if process.returncode:
        raise SystemExit("evalroom bid seal failed")
    return peak


def small_size(bid: Bid) -> int:
    """Return how long everything before the technical part is."""
    return 12 + len(bid.plan.header) + len(SMALL) * sealed_size(1 << 16)


def main() -> None:
    """Run, and print medians and ratios."""
    options = _options()
    if options.child:
        huge(int(options.gigabytes * 1e9))
        return
    peers.debian_library(lanes.NAMES, "libipsec-mb1")
    print(f"{machine.describe()}\n{lanes.lanes_here()} leaves are hashed side by side")
    memory = Memory(options.megabytes, secrets.token_bytes(MIB))
    _report_memory(figures.medians([memory.figures() for _ in range(options.runs)]))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = folder / "bid.pdf"
        with source.open("wb") as file:
            for _ in range(500):
                file.write(secrets.token_bytes(MIB))
        _report_programs(folder, source, options.runs)
        runs = [openings(folder, source, options.bids) for _ in range(options.runs)]
        for what, value in figures.medians(runs).items():
            print(f"{what}: {figures.show(value)}", flush=True)
    _report_huge(options.gigabytes)
    with tempfile.TemporaryDirectory() as name:
        peak = command_line(Path(name), int(options.command_gigabytes * 1e9))
    print(
        f"evalroom bid seal at {options.command_gigabytes:g} GB: {peak:.0f} MiB of memory at most", flush=True
    )


def _report_memory(middle: dict[str, float]) -> None:
    wants = {
        "seal + root by hashlib, one core": SHA,
        "seal + root in lanes, one core": SHA,
        "seal + root by hashlib, threads, wall": "SHA-256 alone, wall",
        "seal + root in lanes, threads, wall": "SHA-256 alone, wall",
        "stream": AES,
        "Cobblestone-256 of cryptography": AES,
        "AES-256-GCM, 1 MiB at a time": AES,
    }
    rows = [
        [
            name,
            figures.show(value),
            f"{value / middle[wants[name]]:.2f} x {wants[name]}" if name in wants else "",
        ]
        for name, value in middle.items()
    ]
    print(figures.table(["in memory", "MB/s", ""], rows), flush=True)


def _report_programs(folder: Path, source: Path, runs: int) -> None:
    found = programs(folder, source)
    took: dict[str, list[dict[str, float]]] = {name: [] for name in found}
    for _ in range(runs):
        for name, work in found.items():
            before = spent()
            wall = timed(work, time.perf_counter)
            took[name].append({"wall": wall, "CPU": spent() - before})
    size = source.stat().st_size / 1e6
    rows = [
        [name, figures.show(one["wall"]), figures.show(one["CPU"]), figures.show(size / one["CPU"])]
        for name, one in ((name, figures.medians(several)) for name, several in took.items())
    ]
    heads = [f"a file of {size:,.0f} MB", "wall s", "CPU s", "MB/s of CPU time"]
    print(figures.table(heads, rows), flush=True)


def _report_huge(gigabytes: float) -> None:
    words = [sys.executable, "-m", "bench.sealing", "--child", "--gigabytes", str(gigabytes)]
    said = subprocess.run(words, check=True, capture_output=True, text=True).stdout.split()
    base, sealing, seal_s, opening, open_s = said
    print(
        f"{gigabytes:g} GB: sealed in {seal_s} s with {sealing} MiB of memory at most, opened and verified in"
        f" {open_s} s with {opening} (the interpreter with its libraries: {base})"
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="dev.py bench sealing")
    parser.add_argument("--megabytes", type=int, default=1024)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--gigabytes", type=float, default=10)
    parser.add_argument("--command-gigabytes", type=float, default=1)
    parser.add_argument("--bids", type=int, default=30)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
