"""Writers x 1 edit/s and 5 readers over real WebSockets: ours beside y-websocket and ShareDB, interleaved.

    python3 dev.py bench scoring [--writers 88,350,1000] [--runs 3] [--seconds 10] [--only NAME,...]

The peers run twice: everybody receives everything, as they come; and, ShareDB alone, one document per writer
that only its owner and the readers receive, with an owner check and an fdatasync before the commit.  Ours
always keeps ownership, signatures, commitments, the Merkle journal and full synchronisation.
"""

import argparse
import contextlib
import tempfile
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import uvloop

from bench import figures, machine, peers
from bench.load import Room, Run, Terms
from bench.ours import OurRoom
from bench.rooms import SharedRoom, YjsRoom

SHOWN = (
    "ack p50", "ack p95", "ack p99", "screen p50", "screen p95", "screen p99", "CPU s per 1,000", "CPU share",
    "delivered", "driver lag p99", "driver CPU",
)  # fmt: skip

Opener = Callable[[Terms, Path], AbstractContextManager[Room]]

MOST_WRITERS = {"yjs": 350, "sharedb": 350}
"""Where everybody receives everything, 1,000 writers would be a million deliveries a second: not even tried."""


def systems(options: argparse.Namespace) -> Mapping[str, Opener]:
    """Return what can be run here, by short name."""
    only = set(filter(None, options.only.split(",")))
    wrapper = tuple(options.wrapper.split())
    openers: dict[str, Opener] = {"ours": partial(OurRoom.open, committee=options.committee, wrapper=wrapper)}
    folder = peers.npm_peers()
    if folder is not None:
        openers["yjs"] = partial(YjsRoom.open, folder)
        openers["sharedb"] = partial(SharedRoom.open, folder, owned=False)
        openers["sharedb-owner"] = partial(SharedRoom.open, folder, owned=True)
    return {name: opener for name, opener in openers.items() if not only or name in only}


def main() -> None:
    """Run every system at every size, in turns, and print the medians."""
    options = _options()
    print(machine.describe())
    openers = systems(options)
    with tempfile.TemporaryDirectory() as scratch, contextlib.ExitStack() as _:
        for writers in map(int, options.writers.split(",")):
            terms = Terms(writers, options.warm, options.seconds)
            runs: dict[str, list[dict[str, float]]] = {}
            for turn in range(options.runs):
                for name, opener in openers.items():
                    if writers <= MOST_WRITERS.get(name, writers):
                        runs.setdefault(name, []).append(_measure(opener, terms, Path(scratch)))
                        print(
                            f"  {writers} writers, run {turn + 1}, {name}: {_line(runs[name][-1])}",
                            flush=True,
                        )
            _report(writers, runs)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="dev.py bench scoring")
    parser.add_argument("--writers", default="88,350,1000")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--warm", type=int, default=3)
    parser.add_argument("--only", default="", help="ours, yjs, sharedb, sharedb-owner")
    parser.add_argument("--committee", type=int, default=18, help="writers in one session of ours")
    parser.add_argument("--wrapper", default="", help="a profiler to run our host under")
    return parser.parse_args()


def _measure(opener: Opener, terms: Terms, scratch: Path) -> dict[str, float]:
    with opener(terms, scratch) as room:
        return uvloop.run(Run(room, terms).measure())


def _line(run: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {figures.show(run[name])}" for name in (*SHOWN, "closed", "refused"))


def _report(writers: int, runs: Mapping[str, list[dict[str, float]]]) -> None:
    rows = []
    for name, several in runs.items():
        middle = figures.medians(several)
        rows.append([name, *(figures.show(middle[shown]) for shown in SHOWN)])
    print(f"\n{writers} writers x 1 edit/s, ms, medians of {len(next(iter(runs.values()), []))} runs\n")
    print(figures.table(["system", *SHOWN], rows), flush=True)


if __name__ == "__main__":
    main()
