"""An agent as a process whose clock is a file: what a test writes there is the time."""

import sys
from pathlib import Path

from signaling.custody import agent
from signaling.logs import configure_logs


def main(folder: Path, clock: Path) -> None:
    configure_logs(as_json=True)
    agent.run(folder, agent.find_secret(folder), clock=lambda: int(clock.read_text("ascii")))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
