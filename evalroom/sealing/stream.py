"""The stream of a part: 16 KiB chunks under AES-GCM or SM4-GCM, committing to its key, readable at any place.

The format is c2sp.org/chunked-encryption, written here because `cryptography` chooses the salt itself and
offers no random access: vectors need the one, experts who turn pages the other.  A reader checks commitment
and final chunk before it gives out a byte; otherwise a stream cut at a chunk's edge would pass for a shorter
one.  Refused: lengths that no plaintext has, another key, another context, any changed bit.
"""

from collections.abc import Callable, Iterator
from hmac import compare_digest
from typing import Protocol, Self, TypeAlias

from cryptography.exceptions import InvalidTag

from evalroom.errors import LocalFault, PeerFault
from evalroom.sealing.suite import COMMITMENT_SIZE, NONCE_SIZE, TAG_SIZE, Buffer, Suite

CHUNK = 1 << 14
SEALED_CHUNK = CHUNK + TAG_SIZE
SALT_SIZE = 24
PREFIX = SALT_SIZE + COMMITMENT_SIZE
PIECE_CHUNKS = 8
"""Chunks that are encrypted or read at a time: 128 KiB, still in the core's cache when they are hashed."""

ReadAt: TypeAlias = Callable[[int, int], Buffer]
"""Returns the bytes of the envelope from an offset on, of the length asked for; the shell's `pread`."""


class PartDamaged(PeerFault):
    """A part does not decrypt under its own keys: it was sealed wrongly; every other part keeps its value."""

    code = "part_damaged"


class BytesMissing(LocalFault):
    """Stored bytes of an envelope could not be read in full: fetch the identical bytes again, nothing is lost."""

    code = "bytes_missing"


def sealed_size(plain: int) -> int:
    """Return the length of the stream of `plain` bytes."""
    return PREFIX + plain + TAG_SIZE * (plain // CHUNK + 1)


def plain_size(sealed: int) -> int:
    """Return the length of the plaintext in a stream of `sealed` bytes.

    Raises:
        PartDamaged: no plaintext has such a stream.
    """
    whole, rest = divmod(sealed - PREFIX, SEALED_CHUNK)
    if sealed < PREFIX + TAG_SIZE or rest < TAG_SIZE:
        raise PartDamaged(reason="a stream of this length was cut", length=sealed)
    return whole * CHUNK + rest - TAG_SIZE


def read_exactly(read: ReadAt, offset: int, length: int) -> Buffer:
    """Return `length` bytes from `offset` on.

    Raises:
        BytesMissing: the store gave fewer or more.
    """
    data = read(offset, length)
    if len(data) != length:
        raise BytesMissing(offset=offset, length=length, got=len(data))
    return data


class ChunkCipher:
    """Encrypts and decrypts whole runs of chunks; stateless, so that threads may share one."""

    __slots__ = ("_base", "_bulk")

    def __init__(self, suite: Suite, key: bytes, nonce: bytes) -> None:
        """Take the stream's key and base nonce.

        Raises:
            SuiteUnavailable: this machine lacks the cipher.
        """
        self._bulk = suite.bulk(key)
        self._base = int.from_bytes(nonce, "big")

    def seal(self, first: int, data: Buffer) -> bytearray:
        """Return the chunks of `data`, numbered from `first`; only the last may be shorter than 16 KiB.

        Without `data` that is one empty chunk, the end of a stream.
        """
        out = bytearray(len(data) + (-(-len(data) // CHUNK) or 1) * TAG_SIZE)
        self.seal_into(first, data, out)
        return out

    def seal_into(self, first: int, data: Buffer, out: Buffer) -> int:
        """Write those chunks into `out`, which has room for them, and return their length.

        A buffer used again and again saves a sixth of the time: a new one is cleared first.
        """
        source, target, encrypt, base = memoryview(data), memoryview(out), self._bulk.encrypt_into, self._base
        whole = len(data) // CHUNK
        for number, at, to in _places(first, whole):
            nonce = (base ^ number).to_bytes(NONCE_SIZE, "big")
            encrypt(nonce, source[at : at + CHUNK], None, target[to : to + SEALED_CHUNK])
        length = whole * SEALED_CHUNK
        rest = source[whole * CHUNK :]
        if rest or not whole:
            nonce = (base ^ (first + whole)).to_bytes(NONCE_SIZE, "big")
            length += encrypt(nonce, rest, None, target[length : length + len(rest) + TAG_SIZE])
        return length

    def open(self, first: int, data: Buffer) -> bytearray:
        """Return the plaintext of the chunks in `data`, numbered from `first`; only the last may be short.

        Raises:
            PartDamaged: a tag is wrong.
        """
        out = bytearray(max(0, len(data) - -(-len(data) // SEALED_CHUNK) * TAG_SIZE))
        self.open_into(first, data, out)
        return out

    def open_into(self, first: int, data: Buffer, out: Buffer) -> int:
        """Write that plaintext into `out`, which has room for it, and return its length.

        Raises:
            PartDamaged: a tag is wrong; what stands in `out` is worth nothing then.
        """
        source, target, decrypt, base = memoryview(data), memoryview(out), self._bulk.decrypt_into, self._base
        whole, last = divmod(len(data), SEALED_CHUNK)
        number = first
        try:
            for number, to, at in _places(first, whole):
                nonce = (base ^ number).to_bytes(NONCE_SIZE, "big")
                decrypt(nonce, source[at : at + SEALED_CHUNK], None, target[to : to + CHUNK])
            length = whole * CHUNK
            if last:
                number = first + whole
                nonce = (base ^ number).to_bytes(NONCE_SIZE, "big")
                room = target[length : length + max(0, last - TAG_SIZE)]
                length += decrypt(nonce, source[whole * SEALED_CHUNK :], None, room)
        except (InvalidTag, ValueError) as error:  # ValueError: less than a tag is left
            raise PartDamaged(reason="tag", chunk=number) from error
        return length


def _places(first: int, count: int) -> Iterator[tuple[int, int, int]]:
    """Yield number, offset in the plaintext and offset in the stream of whole chunks."""
    plain, sealed = range(0, count * CHUNK, CHUNK), range(0, count * SEALED_CHUNK, SEALED_CHUNK)
    return zip(range(first, first + count), plain, sealed, strict=True)


class Rooms(Protocol):
    """Where a stream goes: `trailer.ReceiptRoot`."""

    def room(self) -> memoryview:
        """Return where the next bytes may be written."""
        ...

    def filled(self, length: int) -> memoryview:
        """Take in so many bytes of the room and return them."""
        ...

    def update(self, data: Buffer) -> None:
        """Take in the next bytes from elsewhere."""
        ...


class StreamSealer:
    """Encrypts one part as it comes in; keeps less than one chunk."""

    __slots__ = ("_chunk", "_cipher", "_next", "_pending", "prefix")

    def __init__(self, suite: Suite, content_key: bytes, salt: bytes, context: bytes) -> None:
        """Take the content key, used for this stream alone, 24 random bytes of salt, and the part's context."""
        keys = suite.stream_key(content_key, salt, context)
        self._cipher = ChunkCipher(suite, keys.key, keys.nonce)
        self._next = 0
        self._pending = bytearray()
        self._chunk = bytearray(SEALED_CHUNK)
        self.prefix = salt + keys.commitment
        """What stands before the chunks: salt and commitment, 56 bytes."""

    def update(self, data: Buffer, rooms: Rooms) -> Iterator[Buffer]:
        """Encrypt what `data` completes to where it belongs, and yield each piece when it is there.

        A piece stays as it is until the next is asked for.  Nothing is copied when `data` comes in multiples of 16 KiB,
        but the one chunk in 64 that lies across two rooms.
        """
        view = memoryview(data)
        if self._pending:
            missing = CHUNK - len(self._pending)
            self._pending += view[:missing]
            view = view[missing:]
            if len(self._pending) < CHUNK:
                return
            yield from self._seal(memoryview(self._pending), rooms)
        whole = len(view) // CHUNK * CHUNK
        yield from self._seal(view[:whole], rooms)
        self._pending = bytearray(view[whole:])

    def _seal(self, plain: memoryview, rooms: Rooms) -> Iterator[Buffer]:
        while plain:
            room = rooms.room()
            chunks = min(len(room) // SEALED_CHUNK, len(plain) // CHUNK) or 1
            length, piece = chunks * SEALED_CHUNK, plain[: chunks * CHUNK]
            if length <= len(room):
                self._cipher.seal_into(self._next, piece, room)
                done: Buffer = rooms.filled(length)
            else:
                self._cipher.seal_into(self._next, piece, self._chunk)
                rooms.update(self._chunk)
                done = self._chunk
            self._next += chunks
            plain = plain[len(piece) :]
            yield done

    def finish(self) -> bytearray:
        """Return the final chunk, shorter than 16 KiB and possibly empty."""
        return self._cipher.seal(self._next, self._pending)


class StreamReader:
    """Reads one part at any place, straight from the ciphertext; nothing is ever written down."""

    __slots__ = ("_cipher", "_offset", "_read", "_sealed", "size")

    def __init__(self, cipher: ChunkCipher, read: ReadAt, offset: int, sealed: int) -> None:
        """Take a checked stream; `open` is the way to one."""
        self._cipher = cipher
        self._read = read
        self._offset = offset
        self._sealed = sealed
        self.size = plain_size(sealed)
        """Bytes of plaintext."""

    @classmethod
    def open(
        cls, suite: Suite, content_key: bytes, context: bytes, read: ReadAt, offset: int, sealed: int
    ) -> Self:
        """Return a reader once commitment and final chunk are right.

        Raises:
            PartDamaged: another key or context, a cut or changed stream.
            BytesMissing: the store did not give what was asked for.
            SuiteUnavailable: this machine lacks the cipher.
        """
        plain_size(sealed)
        prefix = bytes(read_exactly(read, offset, PREFIX))
        keys = suite.stream_key(content_key, prefix[:SALT_SIZE], context)
        if not compare_digest(keys.commitment, prefix[SALT_SIZE:]):
            raise PartDamaged(reason="commitment")
        reader = cls(ChunkCipher(suite, keys.key, keys.nonce), read, offset, sealed)
        last = reader.size // CHUNK
        reader.chunks(last, last + 1)
        return reader

    @property
    def cipher(self) -> ChunkCipher:
        """Return the cipher, for shells that decrypt runs of chunks on several threads."""
        return self._cipher

    def chunks(self, first: int, behind: int) -> bytearray:
        """Return the plaintext of chunks `first` to `behind` - 1.

        Raises:
            PartDamaged: a tag is wrong.
            BytesMissing: the store did not give what was asked for.
        """
        start = PREFIX + first * SEALED_CHUNK
        stop = min(PREFIX + behind * SEALED_CHUNK, self._sealed)
        return self._cipher.open(first, read_exactly(self._read, self._offset + start, stop - start))

    def range(self, start: int, stop: int) -> memoryview:
        """Return plaintext bytes `start` to `stop` - 1, fewer where the part ends before.

        Raises:
            PartDamaged: a tag is wrong.
            BytesMissing: the store did not give what was asked for.
        """
        stop = min(stop, self.size)
        start = max(0, start)
        if start >= stop:
            return memoryview(b"")
        first = start // CHUNK
        plain = self.chunks(first, (stop - 1) // CHUNK + 1)
        return memoryview(plain)[start - first * CHUNK : stop - first * CHUNK]

    def pieces(self) -> Iterator[bytearray]:
        """Yield the whole plaintext, 128 KiB at a time.

        Raises:
            PartDamaged: a tag is wrong.
            BytesMissing: the store did not give what was asked for.
        """
        for first in range(0, self.size // CHUNK + 1, PIECE_CHUNKS):
            piece = self.chunks(first, min(first + PIECE_CHUNKS, self.size // CHUNK + 1))
            if piece:
                yield piece
