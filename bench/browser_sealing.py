"""Sealing in a real Chromium: the pages' own library beside WebCrypto's AES-GCM alone, in one page and in turns.

    python3 dev.py bench browser_sealing [--mb 200] [--runs 5] [--suite 1] [--cold]

Both read the same file from the disk by the same kind of stream, in a worker.  Alone, each piece is encrypted and
dropped: in the 16 KiB of a sealed bid, in 1 MiB, 16 KiB one after another as a page does that waits for each, and 16 KiB
with all memory given back at once, which is what our own sealing has found out.
Ours is everything up to a signed envelope in a private file: keys, wraps, chunks, leaf hashes, root.  Its
self-test (root, opening and comparing every byte) comes afterwards and is timed by itself.

Before every measurement, of either, free memory is made to be there (`machine.back_memory`): the sealed file is new, and
in a guest whose host takes free memory back, its pages cost more than all of sealing.  `--cold` leaves that out.
"""

import argparse
import base64
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from statistics import median

import uvloop
from playwright.async_api import Page, async_playwright

from bench import figures, machine
from tests.browser import library
from tests.evalroom.sealing import tender
from tests.programs import PROGRAMS

PAGE = Path(__file__).parent / "peers" / "sealing.js"
MIB = 1 << 20

PEERS = {
    "AES-GCM alone, 16 KiB pieces": [16_384, 128],
    "AES-GCM alone, 1 MiB pieces": [MIB, 3],
    "AES-GCM alone, 16 KiB, one at a time": [16_384, 0],
    "AES-GCM alone, 16 KiB, memory given back": [16_384, -16],
}
SEAL, TEST = "ours: sealed", "ours: self-test"


@contextmanager
def plaintext(size: int) -> Iterator[Path]:
    """Keep a file of random bytes for as long as it is read."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "technical.pdf"
        with path.open("wb") as file:
            for start in range(0, size, MIB):
                file.write(os.urandom(min(MIB, size - start)))
        yield path


@asynccontextmanager
async def page_with(program: str, address: str, file: Path) -> AsyncIterator[Page]:
    """Show the library in a Chromium with a profile on the disk, `file` chosen; private windows keep files in memory."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        async with async_playwright() as playwright:
            context = await playwright.chromium.launch_persistent_context(
                profile, executable_path=program, args=["--no-sandbox"]
            )
            page = await context.new_page()
            await page.goto(address)
            await page.add_script_tag(path=PAGE)
            await page.wait_for_function("window.ready && window.evb1 !== undefined")
            await page.set_input_files("input", file)
            await page.evaluate("window.content = document.querySelector('input').files[0]")
            yield page
            await context.close()


async def measure(
    program: str, options: argparse.Namespace
) -> tuple[list[dict[str, float]], dict[str, float]]:
    """Return MB/s run by run, and the medians of the CPU seconds per GB and of the memory that sealing took at most."""
    size = options.mb * 1_000_000
    with tempfile.TemporaryDirectory() as folder, plaintext(size) as file:
        library.build(Path(folder))
        with library.served(Path(folder)) as address:
            async with page_with(program, address, file) as page:
                costs: list[dict[str, float]] = [{} for _ in range(options.runs + 1)]
                runs = [await _once(page, options, cost) for cost in costs]
    return runs[1:], figures.medians(costs[1:])


async def _once(page: Page, options: argparse.Namespace, costs: dict[str, float]) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, terms in PEERS.items():
        _back_memory(options)
        meter = machine.Meter.start(os.getpid())
        found[name] = (
            options.mb / await page.evaluate("([size, together]) => rawInWorker(size, together)", terms) * 1e3
        )
        costs[f"{name}, CPU s per GB"] = meter.spent() * 1e3 / options.mb
    order = _order(options.suite)
    await page.evaluate("(order) => drafted(order)", order)
    _back_memory(options)
    _forget_peaks()
    meter = machine.Meter.start(os.getpid())
    sealed = await page.evaluate("(order) => sealed(order)", order)
    costs[f"{SEAL}, CPU s per GB"] = meter.spent() * 1e3 / options.mb
    tested = await page.evaluate("tested()")
    costs["ours: sealed and tested, CPU s per GB"] = meter.spent() * 1e3 / options.mb
    costs["ours: largest renderer, MB"] = max(map(machine.peak_mib, _renderers(os.getpid()))) * MIB / 1e6
    return found | {SEAL: options.mb / sealed * 1e3, TEST: options.mb / tested * 1e3}


def _back_memory(options: argparse.Namespace) -> None:
    if not options.cold:
        machine.back_memory(options.mb)


def _forget_peaks() -> None:
    """Have the kernel count each renderer's peak of memory from now on: looking ten times a second cost 0.1 of a core."""
    for renderer in _renderers(os.getpid()):
        Path(f"/proc/{renderer}/clear_refs").write_text("5", "ascii")


def _renderers(pid: int) -> Iterator[int]:
    for child in machine.children(pid):
        if b"--type=renderer" in Path(f"/proc/{child}/cmdline").read_bytes():
            yield child
        yield from _renderers(child)


def _order(suite: int) -> dict[str, object]:
    slot = tender.opening_key(suite, "spare").public
    return {
        "policy": tender.policy().encode().decode(),
        "suite": suite,
        "slots": [base64.b64encode(slot).decode()],
    }


def main() -> None:
    """Run and print the medians."""
    parser = argparse.ArgumentParser(prog="dev.py bench browser_sealing")
    parser.add_argument("--mb", type=int, default=200)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--suite", type=int, default=1)
    parser.add_argument("--cold", action="store_true", help="leave free memory as the machine has it")
    options = parser.parse_args()
    print(machine.describe())
    program, lacking = PROGRAMS["chromium"].find(), library.missing()
    if program is None or lacking is not None:
        sys.exit(lacking or "Chromium is missing: apt-get install chromium")
    runs, costs = uvloop.run(measure(program, options))
    middle = figures.medians(runs)
    rows = [
        [
            name,
            figures.show(value),
            figures.show(max(run[name] for run in runs)),
            # Of the runs' own ratios, since load comes and goes between them.
            f"{median(run[SEAL] / run[name] for run in runs):.2f}",
        ]
        for name, value in middle.items()
    ]
    print(f"\n{options.mb} MB, suite {options.suite}, {options.runs} runs in turns\n")
    print(figures.table(["", "MB/s, median", "best", "ours ÷ it"], rows))
    print(*(f"{name}: {figures.show(value)}" for name, value in costs.items()), sep="\n")


if __name__ == "__main__":
    main()
