"""The core of a part: whose it is, for which tender, under which policy; everything is bound to its hash.

Every wrap, share, half, stream and signature of a part hangs on the context, the hash of the core's bytes.
The envelope key stands inside, so nobody can sign another's envelope anew; all cores of an envelope agree in
everything but the part.  Refused: any bytes but the RFC 8785 form, members too many or too few.
"""

from dataclasses import dataclass

from evalroom.errors import MalformedName, PeerFault
from evalroom.ids import check_name
from evalroom.ledger.base64 import encode_base64
from evalroom.ledger.canonical import canonical
from evalroom.sealing.members import Members
from evalroom.sealing.policy import PartName
from evalroom.sealing.suite import HASH_SIZE, Suite

VERSION = 1
BID_SIZE = 16


class MalformedEnvelope(PeerFault):
    """The file is no sealed bid, or was changed or cut: nothing in it was opened; send the original again."""

    code = "malformed_envelope"


@dataclass(frozen=True, slots=True)
class Core:
    """What a part is bound to.  `bidder` commits to the certificate; `envelope_key` checks the signature."""

    bid: bytes
    bidder: bytes
    envelope_key: bytes
    part: PartName
    policy: bytes
    suite: int
    tender: str

    def encode(self) -> bytes:
        """Return the RFC 8785 form, which the header carries in Base64."""
        return canonical(
            {
                "bid": encode_base64(self.bid),
                "bidder": encode_base64(self.bidder),
                "env": encode_base64(self.envelope_key),
                "part": self.part.value,
                "policy": encode_base64(self.policy),
                "suite": self.suite,
                "tender": self.tender,
                "v": VERSION,
            }
        )


def parse_core(data: bytes, suite: Suite) -> Core:
    """Return the core whose bytes are exactly `data`.

    Raises:
        MalformedEnvelope: it is no core of this suite.
    """
    members = Members.parse(data, MalformedEnvelope)
    if members.integer("v") != VERSION or members.integer("suite") != suite.code:
        raise MalformedEnvelope(reason="another version or suite", at="core")
    core = Core(
        bid=members.data("bid", BID_SIZE),
        bidder=members.data("bidder", HASH_SIZE),
        envelope_key=members.data("env", suite.signing_public_size),
        part=_part(members.text("part", 16)),
        policy=members.data("policy", HASH_SIZE),
        suite=suite.code,
        tender=_tender(members.text("tender", 64)),
    )
    members.close()
    return core


def context(suite: Suite, core: bytes) -> bytes:
    """Return the context of a part: H("EVB1 ctx" || core), 32 bytes."""
    return suite.digest(b"EVB1 ctx", core)


def _part(text: str) -> PartName:
    try:
        return PartName(text)
    except ValueError as error:
        raise MalformedEnvelope(reason="no such part", at="core") from error


def _tender(text: str) -> str:
    try:
        return check_name(text)
    except MalformedName as error:
        raise MalformedEnvelope(reason="tender is no name", at="core") from error
