"""Content keys for years to come: of each opened part that stays unpublished, wrapped to the policy's recipients.

The trustees' keys are destroyed after the opening, so whoever must read a technical document later (a review, a
court) needs its content key by another way: the supervisor and the centre hold archive keys, long-lived and
seldom used.  The host wraps to them what it has opened; the wraps stand in the journal, and nobody else learns
anything from them.  Refused: a wrap for another bid, part, tender or recipient, and a key that is not that of the part.
"""

from evalroom.ids import BidNumber
from evalroom.ledger.base64 import decode_base64, encode_base64
from evalroom.sealing.envelope import Envelope
from evalroom.sealing.facts import PartKeySealed
from evalroom.sealing.header import recipient_info
from evalroom.sealing.policy import PartName
from evalroom.sealing.stream import ReadAt, StreamReader
from evalroom.sealing.suite import OpeningKey
from evalroom.sealing.unseal import open_part


def seal_key(envelope: Envelope, part: PartName, key: bytes, recipient: str) -> PartKeySealed:
    """Return the fact that holds a part's content key for a recipient; another wrap each time.

    Raises:
        PolicyRefuses: the policy has no such recipient.
        SuiteUnavailable: this machine cannot wrap under the envelope's suite.
    """
    place, holder = envelope.policy.recipient(recipient)
    info = recipient_info(envelope.part(part).header.context, place)
    wrapped = envelope.suite.wrap(holder.key(envelope.suite.code), key, info)
    return PartKeySealed(_number(envelope), part, recipient, encode_base64(wrapped))


def open_document(envelope: Envelope, sealed: PartKeySealed, key: OpeningKey, read: ReadAt) -> StreamReader:
    """Return a reader of the part whose content key `sealed` holds for the owner of `key`.

    Raises:
        NotBase64, PolicyRefuses: the fact is none of this policy.
        WrapNotOpened: it was wrapped for somebody else, or for another bid or part.
        PartDamaged: the key inside is not that of the part, or the part is damaged.
        BytesMissing: the store did not give what was asked for.
    """
    place, _ = envelope.policy.recipient(sealed.recipient)
    info = recipient_info(envelope.part(sealed.part).header.context, place)
    content = key.unwrap(decode_base64(sealed.wrapped), info)
    return open_part(envelope, sealed.part, content, read)


def _number(envelope: Envelope) -> BidNumber:
    return BidNumber(envelope.bid.hex())
