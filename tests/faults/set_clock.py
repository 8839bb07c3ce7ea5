"""Runs a node on a machine whose clock is wrong: `python -m tests.faults.set_clock SECONDS MODULE WORD...`.

The steady clock is left alone, as it is when somebody sets a machine's clock.
"""

import runpy
import sys
import time


def shift(seconds: int) -> None:
    """Let the clock of this process be so many seconds ahead."""
    true, true_ns = time.time, time.time_ns
    time.time = lambda: true() + seconds
    time.time_ns = lambda: true_ns() + seconds * 10**9


if __name__ == "__main__":
    shift(int(sys.argv[1]))
    del sys.argv[:2]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
