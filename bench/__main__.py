"""Runs one benchmark, or all: `python3 dev.py bench [NAME] [words of its own]`; their numbers stand in README.md."""

import subprocess
import sys
from pathlib import Path


def names() -> list[str]:
    """Return the benchmarks: the modules of this folder that can be run."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    return [
        file.stem
        for file in files
        if 'if __name__ == "__main__":' in file.read_text("utf-8") and file.stem != "__main__"
    ]


def main(words: list[str]) -> int:
    """Run what `words` name and return how many went wrong."""
    if words and words[0] not in names():
        print(f"no benchmark {words[0]!r}; there are: {', '.join(names())}")
        return 2
    chosen = [words] if words else [[name] for name in names()]
    failures = 0
    for name, *rest in chosen:
        print(f"\n=== {name} ===", flush=True)
        failures += (
            subprocess.run([sys.executable, "-m", f"bench.{name}", *rest], check=False).returncode != 0
        )
    return failures


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
