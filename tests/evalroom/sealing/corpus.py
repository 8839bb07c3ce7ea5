"""Envelopes changed by somebody who knows the format: by a stranger, who can sign nothing, and by the bidder.

A stranger flips, cuts, doubles and swaps bytes and lengths.  The bidder changes one thing inside, then computes
the root anew and signs with the right key; what he changes here is always something that no honest envelope
has, so none of it may open.
"""

import json
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from itertools import cycle
from random import Random
from typing import Any, Literal

from evalroom.ledger.base64 import decode_base64, encode_base64
from evalroom.sealing.envelope import encode_head, encode_tail, signed_message
from evalroom.sealing.policy import Policy
from evalroom.sealing.stream import PREFIX, SEALED_CHUNK
from evalroom.sealing.suites import find_suite
from evalroom.sealing.trailer import ReceiptRoot, Trailer
from tests.evalroom.sealing import bids, tender

Value = dict[str, Any]
BIG = 2**53

ORDERS: Mapping[int, tuple[int, Literal["little", "big"], int]] = {
    0x01: (2**252 + 27742317777372353535851937790883648493, "little", 32),
    0x02: (0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551, "big", 32),
    0x11: (0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123, "big", 32),
}
"""For each suite the order of its curve's group, how the signature writes numbers, and where s stands."""


@dataclass(frozen=True, slots=True)
class Anatomy:
    """An envelope taken apart; `build` puts it together, signed by the envelope's own key."""

    suite: int
    policy: Policy
    data: bytes
    header: bytes
    parts: tuple[bytes, ...]

    def build(self, change: Callable[[bytes], bytes] = bytes) -> bytes:
        """Return the envelope with lengths, root and signature that fit; `change` alters the trailer first."""
        suite = find_suite(self.suite)
        body = encode_head(suite, self.header)
        places = []
        for part in self.parts:
            places.append((len(body), len(part)))
            body += part
        tree = ReceiptRoot()
        tree.update(body)
        trailer = change(Trailer(tuple(places), len(body), tree.root()).encode())
        signature = tender.signing_key(self.suite, "envelope").sign(signed_message(trailer))
        return body + encode_tail(trailer, signature)

    def with_header(self, change: Callable[[Value], object]) -> bytes:
        """Return the envelope with a changed header, in canonical form and signed."""
        value = header_of(self)
        change(value)
        return replace(self, header=spell(value)).build()


@cache
def anatomy(suite: int) -> Anatomy:
    """Return the sample envelope of a suite, taken apart."""
    return take_apart(bids.sealed(suite, tender.policy(suites=[suite])))


def take_apart(sealed: bids.Sealed) -> Anatomy:
    """Return an envelope's header and streams."""
    plan = sealed.plan
    streams = tuple(sealed.data[part.offset : part.offset + part.length] for part in sealed.open().parts)
    return Anatomy(plan.suite.code, plan.policy, sealed.data, plan.header, streams)


def header_of(one: Anatomy) -> Value:
    """Return the header as JSON values."""
    value: Value = json.loads(one.header)
    return value


def spell(value: object) -> bytes:
    """Return canonical JSON, of values outside the domain too."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode(
        "utf-8", "surrogatepass"
    )


def edges(one: Anatomy) -> list[int]:
    """Return the offsets where something begins or ends: frame, header, chunks, trailer, signature, tail."""
    size = find_suite(one.suite).signature_size
    found, offset = [0, 4, 5, 6, 8, 12], 12 + len(one.header)
    for part in one.parts:
        found += [offset, offset + 24, offset + PREFIX]
        found += range(offset + PREFIX, offset + len(part), SEALED_CHUNK)
        found += [offset + len(part) - 16]
        offset += len(part)
    total = len(one.data)
    return [*found, offset, total - 12 - size, total - 12, total - 8, total - 4, total]


# --- a stranger ---------------------------------------------------------------------------------------------


def _flip_bit(one: Anatomy, dice: Random) -> bytes:
    return _flip(one.data, dice.randrange(len(one.data)), dice)


def _flip_at_an_edge(one: Anatomy, dice: Random) -> bytes:
    place = dice.choice(edges(one)) + dice.choice((-1, 0, 1))
    return _flip(one.data, min(max(place, 0), len(one.data) - 1), dice)


def _flip_in_the_tail(one: Anatomy, dice: Random) -> bytes:
    return _flip(one.data, len(one.data) - 1 - dice.randrange(min(4000, len(one.data))), dice)


def _cut_the_end(one: Anatomy, dice: Random) -> bytes:
    return one.data[: dice.choice([dice.choice(edges(one)[:-1]), dice.randrange(len(one.data))])]


def _cut_the_beginning(one: Anatomy, dice: Random) -> bytes:
    return one.data[dice.choice(edges(one)[1:]) :]


def _leave_out(one: Anatomy, dice: Random) -> bytes:
    low, high = sorted(dice.sample(sorted(set(edges(one))), 2))
    return one.data[:low] + one.data[high:]


def _double(one: Anatomy, dice: Random) -> bytes:
    low, high = sorted(dice.sample(sorted(set(edges(one))), 2))
    return one.data[:high] + one.data[low:]


def _insert(one: Anatomy, dice: Random) -> bytes:
    place = dice.choice(edges(one))
    return one.data[:place] + dice.randbytes(dice.choice((1, 16, 56, 16_400))) + one.data[place:]


def _length(one: Anatomy, dice: Random) -> bytes:
    """Change one of the three lengths in the frame."""
    place = dice.choice((8, len(one.data) - 12, len(one.data) - 8))
    (old,) = struct.unpack_from(">I", one.data, place)
    new = dice.choice((0, 1, old - 1, old + 1, 8192, 1 << 20, (1 << 20) + 1, 0x7FFFFFFF, 0xFFFFFFFF))
    if new == old:
        new += 1
    return one.data[:place] + struct.pack(">I", new) + one.data[place + 4 :]


def _frame(one: Anatomy, dice: Random) -> bytes:
    """Change magic, version, suite or the zeros."""
    place = dice.randrange(8)
    return (
        one.data[:place] + bytes([(one.data[place] + dice.randrange(1, 256)) % 256]) + one.data[place + 1 :]
    )


def _swap_chunks(one: Anatomy, dice: Random) -> bytes:
    """Swap two chunks, lengths and all, leaving root and signature as they were."""
    other = _exchange(one, dice)
    begin = 12 + len(one.header)
    body = sum(map(len, one.parts))
    return one.data[:begin] + b"".join(other.parts) + one.data[begin + body :]


def _sign_by_a_stranger(one: Anatomy, dice: Random) -> bytes:
    """Sign the untouched bid with another envelope key."""
    body = 12 + len(one.header) + sum(map(len, one.parts))
    trailer = one.data[body : len(one.data) - 12 - find_suite(one.suite).signature_size]
    stranger = tender.signing_key(one.suite, f"stranger {dice.randrange(8)}")
    return one.data[:body] + encode_tail(trailer, stranger.sign(signed_message(trailer)))


def _add_the_order(one: Anatomy, dice: Random) -> bytes:
    """Write s as n - s, or as s + n (Ed25519: + L): second spellings of one signature."""
    order, endian, offset = ORDERS[one.suite]
    start = len(one.data) - 12 - find_suite(one.suite).signature_size + offset
    value = int.from_bytes(one.data[start : start + 32], endian)
    other = dice.choice((order - value, value + order)) % 2**256
    return one.data[:start] + other.to_bytes(32, endian) + one.data[start + 32 :]


STRANGER = (
    _flip_bit,
    _flip_at_an_edge,
    _flip_in_the_tail,
    _cut_the_end,
    _cut_the_beginning,
    _leave_out,
    _double,
    _insert,
    _length,
    _frame,
    _swap_chunks,
    _sign_by_a_stranger,
    _add_the_order,
)


def _flip(data: bytes, place: int, dice: Random) -> bytes:
    return data[:place] + bytes([data[place] ^ 1 << dice.randrange(8)]) + data[place + 1 :]


# --- the bidder ---------------------------------------------------------------------------------------------


def _exchange(one: Anatomy, dice: Random) -> Anatomy:
    """Swap two chunks of one part, or of two."""
    parts = [bytearray(part) for part in one.parts]
    first, second = dice.choice(((0, 0), (2, 2), (1, 1), (0, 1), (2, 1)))
    a, b = PREFIX, PREFIX + SEALED_CHUNK
    left, right = parts[first][a : a + SEALED_CHUNK], parts[second][b : b + SEALED_CHUNK]
    parts[first][a : a + SEALED_CHUNK], parts[second][b : b + SEALED_CHUNK] = right, left
    return replace(one, parts=tuple(map(bytes, parts)))


def _signed_exchange(one: Anatomy, dice: Random) -> bytes:
    return _exchange(one, dice).build()


def _flip_in_a_stream(one: Anatomy, dice: Random) -> bytes:
    number = dice.randrange(len(one.parts))
    size = len(one.parts[number])
    near = (
        0,
        23,
        24,
        55,
        PREFIX,
        PREFIX + 16_399,
        PREFIX + 16_400,
        size - 16,
        size - 1,
        dice.randrange(size),
    )
    return _with_part(one, number, _flip(one.parts[number], min(dice.choice(near), size - 1), dice))


def _cut_a_stream(one: Anatomy, dice: Random) -> bytes:
    """Cut at a chunk's edge, at a tag's, at the prefix's, or where the length still looks possible."""
    number = dice.randrange(len(one.parts))
    part = one.parts[number]
    whole = (len(part) - PREFIX) // SEALED_CHUNK
    cuts = (
        PREFIX + SEALED_CHUNK * dice.randrange(whole + 1),
        PREFIX + SEALED_CHUNK * dice.randrange(whole + 1) + 16,
        len(part) - 1,
        len(part) - 16,
        PREFIX + 16,
        PREFIX,
        24,
        0,
        dice.randrange(len(part)),
    )
    cut = dice.choice(cuts)
    return _with_part(one, number, part[: cut if cut < len(part) else len(part) - 1])


def _lengthen_a_stream(one: Anatomy, dice: Random) -> bytes:
    number = dice.randrange(len(one.parts))
    more = dice.choice((1, 16, 17, 16_384, 16_400, 16_416, 65_600))
    return _with_part(one, number, one.parts[number] + dice.randbytes(more))


def _leave_out_a_chunk(one: Anatomy, dice: Random) -> bytes:
    number = dice.randrange(len(one.parts))
    part = one.parts[number]
    start = PREFIX + SEALED_CHUNK * dice.randrange((len(part) - PREFIX) // SEALED_CHUNK)
    return _with_part(one, number, part[:start] + part[start + SEALED_CHUNK :])


def _swap_streams(one: Anatomy, dice: Random) -> bytes:
    first, second = dice.sample(range(len(one.parts)), 2)
    parts = list(one.parts)
    parts[first], parts[second] = parts[second], parts[first]
    return replace(one, parts=tuple(parts)).build()


def _with_part(one: Anatomy, number: int, stream: bytes) -> bytes:
    return replace(one, parts=(*one.parts[:number], stream, *one.parts[number + 1 :])).build()


def _flip_a_member(one: Anatomy, dice: Random) -> bytes:
    """Flip a bit in a wrap, commitment or core on which the sample quorum depends."""

    def change(header: Value) -> None:
        part = dice.choice(header["parts"])
        share = dice.choice(part["shares"])
        place, name = dice.choice(
            [
                (part, "core"),
                (part, "bh"),
                (share, "h"),
                (dice.choice(part["shares"][:2]), "ct"),
                (part["bidder"], 1),
            ]
        )
        raw = decode_base64(place[name])
        place[name] = encode_base64(_flip(raw, dice.randrange(len(raw)), dice))

    return one.with_header(change)


def _shorten_a_member(one: Anatomy, dice: Random) -> bytes:
    def change(header: Value) -> None:
        part = dice.choice(header["parts"])
        share = dice.choice(part["shares"])
        place, name = dice.choice(
            [(part, "core"), (part, "bh"), (share, "h"), (share, "ct"), (part["bidder"], 1)]
        )
        raw = decode_base64(place[name])
        place[name] = encode_base64(dice.choice((raw[:-1], raw + b"\0", b"", raw * 2, raw[: len(raw) // 2])))

    return one.with_header(change)


def _change_the_core(one: Anatomy, dice: Random) -> bytes:
    """Change a member of one core or of all, and write the core canonically."""
    member, value = dice.choice(
        [
            ("bid", encode_base64(bytes(16))),
            ("bid", encode_base64(tender.BID[:15])),
            ("bidder", encode_base64(bytes(32))),
            ("env", encode_base64(tender.signing_key(one.suite, "stranger").public)),
            ("env", ""),
            ("part", "qualification"),
            ("part", "price"),
            ("part", "PRICE"),
            ("policy", encode_base64(bytes(32))),
            ("suite", one.suite ^ 3),
            ("suite", True),
            ("tender", "EV-2026-0002"),
            ("tender", "../../etc"),
            ("tender", "标"),
            ("v", 2),
            ("v", "1"),
            ("extra", 1),
        ]
    )
    everywhere = dice.random() < 0.5

    def change(header: Value) -> None:
        chosen = header["parts"] if everywhere else [dice.choice(header["parts"])]
        for part in chosen:
            core = json.loads(decode_base64(part["core"]))
            if member == "part" and not everywhere and core["part"] == value:
                value_here: object = "opening"
            else:
                value_here = value
            core[member] = value_here
            part["core"] = encode_base64(spell(core))

    return one.with_header(change)


def _drop_a_core_member(one: Anatomy, dice: Random) -> bytes:
    def change(header: Value) -> None:
        part = dice.choice(header["parts"])
        core = json.loads(decode_base64(part["core"]))
        del core[dice.choice(sorted(core))]
        part["core"] = encode_base64(spell(core))

    return one.with_header(change)


def _spell_the_core_otherwise(one: Anatomy, dice: Random) -> bytes:
    def change(header: Value) -> None:
        part = dice.choice(header["parts"])
        part["core"] = encode_base64(_misspell(decode_base64(part["core"]), dice))

    return one.with_header(change)


def _move_parts(one: Anatomy, dice: Random) -> bytes:
    def change(header: Value) -> None:
        parts = header["parts"]
        match dice.randrange(6):
            case 0:
                parts.reverse()
            case 1:
                parts.pop(dice.randrange(len(parts)))
            case 2:
                parts.append(dice.choice(parts))
            case 3:
                parts[0] = parts[1]
            case 4:
                first, second = dice.sample(parts, 2)
                first["core"], second["core"] = second["core"], first["core"]
            case _:
                first, second = dice.sample(parts, 2)
                name = dice.choice(("bidder", "bh", "shares"))
                first[name], second[name] = second[name], first[name]

    return one.with_header(change)


def _move_shares(one: Anatomy, dice: Random) -> bytes:
    def change(header: Value) -> None:
        shares = dice.choice(header["parts"])["shares"]
        match dice.randrange(7):
            case 0:
                shares.reverse()
            case 1:
                shares.pop(dice.randrange(len(shares)))
            case 2:
                shares.append(dict(shares[0], i=4))
            case 3:
                shares[0]["ct"], shares[1]["ct"] = shares[1]["ct"], shares[0]["ct"]
            case 4:
                shares[0]["h"], shares[1]["h"] = shares[1]["h"], shares[0]["h"]
            case 5:
                shares[dice.randrange(3)]["i"] = dice.choice((0, 4, -1, True, "1", 1.0, None, BIG))
            case _:
                shares[0], shares[1] = dict(shares[1], i=1), dict(shares[0], i=2)

    return one.with_header(change)


def _odd_value(one: Anatomy, dice: Random) -> bytes:
    """Put a value of another kind in some place of the header."""
    odd: object = dice.choice(
        (
            None,
            True,
            False,
            0,
            -1,
            1.5,
            BIG,
            10**40,
            "",
            "x",
            "AAA",
            "A" * 100,
            "\ud800",
            [],
            {},
            [[]],
            "AA=\n",
        )
    )

    def change(header: Value) -> None:
        part = dice.choice(header["parts"])
        share = dice.choice(part["shares"])
        spots: list[tuple[Any, Any]] = [
            (header, "parts"),
            (header["parts"], 0),
            (part, "core"),
            (part, "bidder"),
            (part["bidder"], 0),
            (part, "bh"),
            (part, "shares"),
            (part["shares"], 0),
            (share, "i"),
            (share, "ct"),
            (share, "h"),
        ]
        place, name = dice.choice(spots)
        place[name] = odd

    return one.with_header(change)


def _extra_or_missing(one: Anatomy, dice: Random) -> bytes:
    def change(header: Value) -> None:
        part = dice.choice(header["parts"])
        spot = dice.choice([header, part, dice.choice(part["shares"])])
        if dice.random() < 0.5:
            spot[dice.choice(("mode", "k", "escrow", "Core", "é", "", "__proto__"))] = dice.choice(
                (1, "sites", None)
            )
        else:
            del spot[dice.choice(sorted(spot))]

    return one.with_header(change)


def _misspell(text: bytes, dice: Random) -> bytes:
    """Write a JSON object in a form that is not its canonical one."""
    first = text.index(b'"', 2)
    name = text[1 : first + 1]
    tricks = (
        lambda: text.replace(b":", b": ", 1),
        lambda: text + b"\n",
        lambda: b" " + text,
        lambda: b"\xef\xbb\xbf" + text,
        lambda: text[:-1] + b"," + name + b":1}",
        lambda: b"{" + name + b":1," + text[1:],
        lambda: text[:-1] + b',"z":NaN}',
        lambda: text[:-1] + b',"z":1e400}',
        lambda: text[:-1] + b',"z":-Infinity}',
        lambda: text[:-1] + b',"z":' + b"9" * 5000 + b"}",
        lambda: text[:-1] + b',"z":' + b"[" * 50_000 + b"]" * 50_000 + b"}",
        lambda: text[:-1] + b',"z":' + b'{"a":' * 5000 + b"1" + b"}" * 5000 + b"}",
        lambda: text[:-1] + b',"z":"\\ud800"}',
        lambda: text[:-1] + b',"z":"\xff"}',
        lambda: text[:-1],
        lambda: text[: dice.randrange(len(text))],
        lambda: text.replace(b'"', b"'", 2),
        lambda: text.replace(name, b'"\\u00%02x' % name[1] + name[2:], 1),
        lambda: text[:-1] + b",}",
        lambda: b"[" + text + b"]",
        lambda: b"",
        lambda: b"null",
        lambda: text.decode().encode("utf-16"),
        lambda: text.replace(b"=", b"", 1) if b"=" in text else text + b" ",
        lambda: text.replace(b"/", b"_", 1) if b"/" in text else text + b" ",
        lambda: text.replace(b"/", b"\\/", 1) if b"/" in text else text + b" ",
    )
    return dice.choice(tricks)()


def _misspelled_header(one: Anatomy, dice: Random) -> bytes:
    return replace(one, header=_misspell(one.header, dice)).build()


def _misspelled_trailer(one: Anatomy, dice: Random) -> bytes:
    return one.build(lambda trailer: _misspell(trailer, dice))


def _wrong_trailer(one: Anatomy, dice: Random) -> bytes:
    def change(trailer: bytes) -> bytes:
        value = json.loads(trailer)
        parts = value["parts"]
        number = dice.randrange(len(parts))
        match dice.randrange(10):
            case 0:
                parts[number][dice.randrange(2)] += dice.choice((-1, 1, 16, 16_400))
            case 1:
                parts[number] = dice.choice(([], [0], [0, 1, 2], "0,1", None, [True, 1], [-1, 1], [BIG, BIG]))
            case 2:
                parts.pop(number)
            case 3:
                parts.append([parts[-1][0] + parts[-1][1], dice.choice((0, 72))])
            case 4:
                value["size"] += dice.choice((-1, 1, 1 << 20))
            case 5:
                value["size"] = dice.choice((None, "1", -1, True, BIG, 0))
            case 6:
                root = decode_base64(value["root"])
                value["root"] = encode_base64(_flip(root, dice.randrange(32), dice))
            case 7:
                value["root"] = dice.choice(("", None, 1, "AAAA", value["root"] + "AAAA"))
            case 8:
                parts[0], parts[1] = parts[1], parts[0]
            case _:
                parts[0][1] -= 16_400
                parts[1] = [parts[1][0] - 16_400, parts[1][1] + 16_400]
        return spell(value)

    return one.build(change)


BIDDER = (
    _signed_exchange,
    _flip_in_a_stream,
    _cut_a_stream,
    _lengthen_a_stream,
    _leave_out_a_chunk,
    _swap_streams,
    _flip_a_member,
    _shorten_a_member,
    _change_the_core,
    _drop_a_core_member,
    _spell_the_core_otherwise,
    _move_parts,
    _move_shares,
    _odd_value,
    _extra_or_missing,
    _misspelled_header,
    _misspelled_trailer,
    _wrong_trailer,
)


def mutants(suite: int, seed: int, count: int) -> Iterator[tuple[str, bytes]]:
    """Yield `count` changed envelopes with the name of the change, all kinds in turn."""
    one, dice = anatomy(suite), Random(seed)
    kinds = cycle((*STRANGER, *BIDDER))
    made = 0
    while made < count:
        kind = next(kinds)
        changed = kind(one, dice)
        if changed != one.data:
            made += 1
            yield kind.__name__.strip("_"), changed
