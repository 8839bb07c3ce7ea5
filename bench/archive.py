"""From the last signature to the verified archive; and verifying beside `sha256sum` over the same files.

    python3 dev.py bench archive [--publishers 17] [--seconds 30] [--runs 3]

A committee records for `--seconds`, scores every cell, signs; the clock starts when the session is concluded.
The bag is then verified in turns with `sha256sum`, which only reads and digests what the verifier also parses,
links and checks.
"""

import argparse
import asyncio
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import uvloop

from bench import figures, machine
from bench.camera import Publisher, Show, connected
from bench.centre import Centre
from bench.evaluation import conclude
from bench.footage import Footage, film
from bench.media import OurMedia
from bench.people import OPERATOR
from recorder.verify import Progress, verify

POLL_S = 0.02


async def record(
    centre: Centre, footage: Footage, options: argparse.Namespace
) -> tuple[Path, dict[str, float]]:
    """Record, evaluate, conclude; return the archive and how long each of its stages took (s)."""
    server = OurMedia(centre)
    names = [f"E{place:02}" for place in range(options.publishers)]
    await server.start(names, [])
    publishers = []
    for name in names:
        pc, senders = await server.publish(name)
        await connected(pc)
        publishers.append(Publisher(pc, senders, footage))
    show = Show(publishers)
    show.start()
    await asyncio.sleep(options.seconds)
    await conclude(centre, server.session, server.experts, OPERATOR)
    archive = await _follow(centre, server.session)
    await show.stop()
    await asyncio.gather(*(publisher.pc.close() for publisher in publishers))
    await server.stop()
    return archive


async def _follow(centre: Centre, session: str) -> tuple[Path, dict[str, float]]:
    """Watch the archive being made."""
    began = last = time.monotonic()
    took: dict[str, float] = {}
    async with centre.operator() as http:
        stage = "running"
        while True:
            state = (await http.get(f"/api/v1/sessions/{session}/archive")).json()
            now = time.monotonic()
            took[stage] = took.get(stage, 0.0) + now - last
            stage, last = state["stage"], now
            if stage == "failed":
                raise RuntimeError(state["detail"])
            if stage == "ready":
                assert state["verified"], "the archive does not verify"
                return Path(state["path"]), {**took, "ready after": now - began}
            await asyncio.sleep(POLL_S)


def verified(bag: Path) -> dict[str, float]:
    """Verify in this process and return wall and CPU seconds, and those of each step."""
    at: dict[int, float] = {}
    took: dict[str, float] = {}

    def progress(one: Progress) -> None:
        now = time.monotonic()
        at.setdefault(one.step, now)
        if one.done == one.total:
            took[f"step {one.step}"] = now - at[one.step]

    began, spent = time.monotonic(), time.process_time()
    report = verify(bag, progress=progress)
    assert report.ok, report.first_failure
    return {"wall": time.monotonic() - began, "CPU": time.process_time() - spent, **took}


def digested(bag: Path) -> dict[str, float]:
    """Run sha256sum over every file and return wall and CPU seconds."""
    files = [str(file) for file in sorted(bag.rglob("*")) if file.is_file()]
    return _run(["sha256sum", "--binary", *files])


def commanded(bag: Path) -> dict[str, float]:
    """Run `evalroom verify` as a person would."""
    return _run([str(Path(sys.executable).with_name("evalroom")), "verify", str(bag)])


def _run(command: list[str]) -> dict[str, float]:
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run(command, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"wall": time.monotonic() - began, "CPU": cpu}


def main() -> None:
    """Make one archive, verify it in turns with the peer, print medians and ratios."""
    options = _options()
    print(machine.describe())
    footage = film()
    with tempfile.TemporaryDirectory() as folder, Centre.open(Path(folder)) as centre:
        bag, stages = uvloop.run(record(centre, footage, options))
        megabytes = sum(file.stat().st_size for file in bag.rglob("*") if file.is_file()) / 1e6
        print(f"{options.publishers} tracks x {options.seconds:.0f} s, {megabytes:,.0f} MB")
        print(", ".join(f"{stage} {figures.show(took)} s" for stage, took in stages.items()), flush=True)
        tests = {"verify()": verified, "sha256sum": digested, "evalroom verify": commanded}
        runs: dict[str, list[dict[str, float]]] = {name: [] for name in tests}
        for _ in range(options.runs):
            for name, test in tests.items():
                runs[name].append(test(bag))
    middle = {name: figures.medians(several) for name, several in runs.items()}
    _report(middle, megabytes)


def _report(middle: dict[str, dict[str, float]], megabytes: float) -> None:
    peer = middle["sha256sum"]
    rows = [
        [
            name,
            *map(
                figures.show, (one["wall"], one["CPU"], megabytes / one["wall"], one["wall"] / peer["wall"])
            ),
        ]
        for name, one in middle.items()
    ]
    print(figures.table(["", "wall s", "CPU s", "MB/s", "x sha256sum"], rows))
    steps = {name: took for name, took in middle["verify()"].items() if name.startswith("step")}
    print(", ".join(f"{name}: {figures.show(took * 1000)} ms" for name, took in steps.items()))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="dev.py bench archive")
    parser.add_argument("--publishers", type=int, default=17)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--runs", type=int, default=3)
    return parser.parse_args()


if __name__ == "__main__":
    main()
