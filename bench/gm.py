"""Suite 0x11: SM4-GCM by both libraries, SM2 operations a second.

    python3 dev.py bench gm [--megabytes 32] [--seconds 0.5] [--runs 5]

CPU time of this process, in turns within each run.  Peers: `cryptography` for SM4-GCM, with its AES-256-GCM to
show the distance; `openssl speed` on the same libcrypto for SM2, which has no Python around it.
"""

import argparse
import subprocess
import time
from collections.abc import Callable, Mapping

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bench import figures, machine
from evalroom.sealing.gm import sm4
from evalroom.sealing.gm.sm2 import private_from_seed
from evalroom.sealing.gm.suite import GM
from evalroom.sealing.suite import BulkCipher

CHUNK = 16384

FAST, SLOW, AES = "SM4-GCM, libgcrypt", "SM4-GCM, cryptography (peer)", "AES-256-GCM, cryptography"
PEER_SIGNS, PEER_VERIFIES = "openssl speed: signs/s (peer)", "openssl speed: verifies/s (peer)"


def ciphers() -> dict[str, BulkCipher]:
    """Return what is compared; libgcrypt only where it is."""
    slow: dict[str, BulkCipher] = {SLOW: sm4.PortableSm4(bytes(16)), AES: AESGCM(bytes(32))}
    return {FAST: sm4.LibgcryptSm4(bytes(16)), **slow} if sm4.has_libgcrypt() else slow


def bulk(cipher: BulkCipher, chunks: int) -> dict[str, float]:
    """Measure sealing and opening in chunks of 16 KiB, MB/s."""
    plain, sealed, again = bytes(CHUNK), bytearray(CHUNK + 16), bytearray(CHUNK)
    began = time.process_time()
    for number in range(chunks):
        cipher.encrypt_into(number.to_bytes(12), plain, None, sealed)
    middle = time.process_time()
    last = (chunks - 1).to_bytes(12)
    for _ in range(chunks):
        cipher.decrypt_into(last, sealed, None, again)
    ended = time.process_time()
    size = chunks * CHUNK / 1e6
    return {"seal": size / (middle - began), "open": size / (ended - middle)}


def operations() -> Mapping[str, Callable[[], object]]:
    """Return the operations of SM2, each as a sealed bid needs it."""
    key = private_from_seed(bytes(48))
    (der,) = GM.opening_key_from_seed(bytes(48))
    opening = GM.load_opening_key([der])
    wrapped, signature = GM.wrap(key.encoded, bytes(67), b"info"), key.sign(b"m")
    return {
        "sign": lambda: key.sign(b"m"),
        "verify, key at hand": lambda: key.verify(b"m", signature),
        "verify, key from its point": lambda: GM.verify(key.encoded, b"m", signature),
        "wrap a share": lambda: GM.wrap(key.encoded, bytes(67), b"info"),
        "unwrap a share": lambda: opening.unwrap(wrapped, b"info"),
        "load a private key": lambda: GM.load_opening_key([der]),
    }


def rate(work: Callable[[], object], seconds: float) -> float:
    """Return how many times a second of CPU `work` runs."""
    began, count = time.process_time(), 0
    while (spent := time.process_time() - began) < seconds:
        work()
        count += 1
    return count / spent


def openssl_speed() -> dict[str, float]:
    """Ask OpenSSL's own benchmark; nothing where there is no command line."""
    try:
        command = ["openssl", "speed", "-seconds", "1", "-mr", "sm2"]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        print("MISSING: openssl speed; SM2 runs without its peer")
        return {}
    line = next(line for line in said.splitlines() if line.startswith("+F"))
    signs, verifies = map(float, line.split(":")[-2:])
    return {PEER_SIGNS: signs, PEER_VERIFIES: verifies}


def measure(chunks: int, seconds: float) -> dict[str, float]:
    """Measure everything once."""
    figure = {
        f"{name}: {what}, MB/s": value
        for name, cipher in ciphers().items()
        for what, value in bulk(cipher, chunks).items()
    }
    figure |= {f"SM2: {name}, /s": rate(work, seconds) for name, work in operations().items()}
    return figure | openssl_speed()


def ratios(middle: Mapping[str, float]) -> dict[str, float]:
    """Return what is to be quoted: ours by the peer's."""
    pairs = {
        f"SM4-GCM {what}": (f"{FAST}: {what}, MB/s", f"{SLOW}: {what}, MB/s") for what in ("seal", "open")
    } | {
        "SM2 sign": ("SM2: sign, /s", PEER_SIGNS),
        "SM2 verify": ("SM2: verify, key at hand, /s", PEER_VERIFIES),
    }
    return {
        name: middle[ours] / middle[peer]
        for name, (ours, peer) in pairs.items()
        if {ours, peer} <= middle.keys()
    }


def main() -> None:
    """Run, and print medians and ratios."""
    parser = argparse.ArgumentParser(prog="dev.py bench gm")
    parser.add_argument("--megabytes", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=0.5)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    print(machine.describe())
    GM.check_available()
    print(f"SM2 by {GM.libraries()[0]}, SM4 by {GM.libraries()[1]}")
    chunks = max(1, options.megabytes * 1_000_000 // CHUNK)
    runs = [measure(chunks, options.seconds) for _ in range(options.runs)]
    middle = figures.medians(runs)
    print(f"\nmedians of {options.runs} runs\n")
    print(
        figures.table(["", "per CPU second"], [[name, figures.show(value)] for name, value in middle.items()])
    )
    medians = figures.medians([ratios(run) for run in runs])
    print(
        f"\n{figures.table(['', 'x peer'], [[name, figures.show(value)] for name, value in medians.items()])}"
    )


if __name__ == "__main__":
    main()
