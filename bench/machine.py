"""What a benchmark has to know of the machine: its description, CPU seconds of a process tree, free ports.

CPU seconds come from `/proc`, in ticks of 10 ms, so benchmarks need Linux and runs of several seconds.
"""

import os
import platform
import socket
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def describe() -> str:
    """Return one line: processor, cores, memory, kernel, Python, and how busy it was before."""
    lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "unknown")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 30
    load = os.getloadavg()[0]
    return (
        f"{os.cpu_count()} cores of {model}, {memory} GB, Linux {platform.release()}, "
        f"Python {platform.python_version()}; load before: {load:.2f}"
    )


def free_port() -> int:
    """Return a TCP port of the loopback that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def cpu_seconds(pid: int) -> float:
    """Return the CPU seconds, user and system, of `pid` and the processes under it that still run."""
    return _own_seconds(pid) + sum(cpu_seconds(child) for child in children(pid))


@dataclass(frozen=True, slots=True)
class Meter:
    """CPU seconds of a process tree from a moment on."""

    pid: int
    began: float

    @classmethod
    def start(cls, pid: int) -> "Meter":
        """Begin to count."""
        return cls(pid, cpu_seconds(pid))

    def spent(self) -> float:
        """Return the CPU seconds since then."""
        return cpu_seconds(self.pid) - self.began


def resident_mb(pid: int) -> float:
    """Return the resident memory of `pid` in MB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text("utf-8").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def peak_mib(pid: int | str = "self") -> float:
    """Return the most resident memory that a process, this one if none is named, has had, in MiB; 0 of one that is over.

    Not `ru_maxrss`: that begins with what the parent had when it called exec.
    """
    status = Path(f"/proc/{pid}/status").read_text("utf-8")
    _, found, rest = status.partition("VmHWM:")
    return int(rest.split()[0]) / 1024 if found else 0


def back_memory(mb: int) -> None:
    """Write and remove a file of `mb` MB, so that as much free memory is really there.

    Where a host takes free pages back two seconds after they were freed (free page reporting of virtio-balloon), each page of a
    new file costs a fault in the host as well, booked as system time of whoever writes: 1.4 to 1.9 CPU s per GB where 0.2
    are usual.
    """
    piece = os.urandom(1 << 20)
    with tempfile.TemporaryFile() as file:
        for _ in range(mb):
            file.write(piece)


def _own_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def children(pid: int) -> list[int]:
    """Return the processes that `pid` started and that still run."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        # Threads of a browser's pool end while they are counted.
        with suppress(FileNotFoundError, ProcessLookupError):
            found += map(int, (task / "children").read_text("utf-8").split())
    return found


def interface() -> str | None:
    """Return the address of the interface with the default route, None without a network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("198.51.100.1", 9))  # TEST-NET-2: a datagram socket sends nothing by connecting
        except OSError:
            return None
        return str(probe.getsockname()[0])
