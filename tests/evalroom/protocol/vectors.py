"""Makes the vectors of the feed's chain (`docs/spec/signalling.md` §2); run it as a module to write them anew.

The heads come from the specification's words, not from `evalroom.protocol.feed`, which is held to them.
"""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

from evalroom.ledger.canonical import Json, canonical

FILE = Path(__file__).parents[2] / "vectors" / "feed" / "chain.json"
SESSION, AUDIENCE = "EV-2026-0001", "E03"
ODD = ('评标 "\\', "\u2028\u0001", "😀", "\ufffd", "a\nb", "")
COUNT = 150


def item(n: int) -> str:
    """Return item `n` of the sample feed."""
    return canonical({"n": n, "v": ODD[n % len(ODD)]}).decode()


def head_after(items: list[str], origin: str = f"{SESSION}\n{AUDIENCE}") -> str:
    """Return the head after the last of some items, from the feed's beginning on."""
    head = hashlib.sha256(f"evalroom/feed/v1\n{origin}".encode()).digest()
    for at in range(0, len(items), 64):
        lines = "".join(text + "\n" for text in items[at : at + 64])
        head = hashlib.sha256(head + hashlib.sha256(lines.encode()).digest()).digest()
    return head.hex()


ITEMS = [item(n) for n in range(1, COUNT + 1)]
HEADS = [head_after(ITEMS[:n]) for n in range(COUNT + 1)]


def changed(after: int, first: int, items: list[str], head: int) -> dict[str, Json]:
    """Return a message with something wrong in it, for a reader that has taken `after` items."""
    return {"after": after, "first": first, "items": list(items), "head": HEADS[head]}


def run(first: int, last: int) -> list[str]:
    """Return the items from `first` to `last`."""
    return ITEMS[first - 1 : last]


def refused() -> Iterator[tuple[str, dict[str, Json]]]:
    """Yield what no reader may take, by what is wrong."""
    yield "changed, first of a block", changed(64, 65, [item(1), item(66)], 66)
    yield "changed, inside a block", changed(4, 5, [item(5), '{"n":6,"v":"y"}', item(7)], 7)
    yield "changed, last of a block", changed(62, 63, [item(63), '{"n":64}', item(65)], 65)
    yield "changed two blocks before the head", changed(60, 61, [item(61), item(61), *run(63, 140)], 140)
    yield "a space more", changed(0, 1, ['{"n":1 ,"v":""}', item(2)], 2)
    yield "dropped, inside a block", changed(4, 5, [item(5), item(7)], 7)
    yield "dropped, last of a block", changed(62, 63, [item(63), item(65)], 65)
    yield "dropped, first of a block", changed(62, 63, [item(63), item(64), item(66)], 66)
    yield "dropped, last of the message", changed(4, 5, [item(5), item(6)], 7)
    yield "doubled, inside a block", changed(4, 5, [item(5), item(5), item(6)], 6)
    yield "doubled over a block's end", changed(62, 63, [item(63), item(64), item(64)], 64)
    yield "doubled, and the next dropped", changed(62, 63, [item(63), item(64), item(64), item(66)], 66)
    yield "swapped inside a block", changed(4, 5, [item(6), item(5)], 6)
    yield "swapped over a block's end", changed(63, 64, [item(65), item(64)], 65)
    yield "blocks swapped", changed(0, 1, [*run(65, 128), *run(1, 64)], 128)
    yield "one more than the head covers", changed(4, 5, run(5, 8), 7)
    yield "head of a block's end for one item more", changed(62, 63, run(63, 65), 64)
    yield "a hole", changed(4, 6, run(6, 7), 7)
    yield "a hole of a whole block", changed(64, 129, run(129, 130), 130)
    yield "two items as one of two lines", changed(4, 5, [f"{item(5)}\n{item(6)}"], 6)
    yield "one item as two, cut at a line feed", changed(4, 5, [f"{item(5)}\n{item(6)}", item(7)], 7)
    yield "a full block as one item", changed(64, 65, ["\n".join(run(65, 128))], 128)
    yield "a lone surrogate for the replacement character", changed(2, 3, ['{"n":3,"v":"\ud800"}'], 3)
    yield "an empty item", changed(4, 5, ["", item(5)], 5)
    for why, origin in (
        ("another session", f"EV-2026-0002\n{AUDIENCE}"),
        ("another audience", f"{SESSION}\nE04"),
    ):
        for last in (3, 64, 70):
            head = head_after(ITEMS[:last], origin)
            yield f"head of {why}, {last} items", {**changed(0, 1, run(1, last), last), "head": head}
    yield "head of the beginning", changed(4, 5, run(5, 6), 0)
    yield "head in capitals", {**changed(4, 5, run(5, 6), 6), "head": HEADS[6].upper()}
    yield "no head", {**changed(4, 5, run(5, 6), 6), "head": ""}
    bare = hashlib.sha256(ITEMS[0].encode()).digest()
    unended = hashlib.sha256(bytes.fromhex(HEADS[0]) + bare).hexdigest()
    yield "head over an item without its line feed", {**changed(0, 1, run(1, 1), 1), "head": unended}
    lines = hashlib.sha256(f"{ITEMS[0]}\n".encode()).hexdigest()
    yield "digest of the lines alone", {**changed(0, 1, run(1, 1), 1), "head": lines}


def chain() -> Json:
    """Return the sample feed, its heads from before the first item to after the last, and what is refused."""
    return {
        "session": SESSION,
        "audience": AUDIENCE,
        "items": list[Json](ITEMS),
        "heads": list[Json](HEADS),
        "refused": [{"reason": reason, **case} for reason, case in refused()],
    }


def text_of() -> str:
    """Return the file's text; ASCII, because a lone surrogate has no other spelling."""
    return json.dumps(chain(), indent=1) + "\n"


if __name__ == "__main__":
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(text_of(), encoding="ascii", newline="\n")
