"""Dealing a secret to trustees so that every quorum comes to one verdict.

The bidder deals: Shamir over the prime 2^256 + 297, with coefficients and blinds derived from the secret.
Whoever joins k shares therefore recomputes all n and compares them with the commitments in the header; one
that differs gives `dealing`, whichever k came first.  So a bidder with a friendly trustee cannot let the
quorum decide whether the bid opens.  Refused: shares that contradict their commitment (`share_mismatch`, the
trustee's matter) and dealings that contradict themselves (`dealing`, the bidder's).
"""

from collections.abc import Mapping, Sequence
from hmac import compare_digest

from evalroom.errors import PeerFault, Refusal
from evalroom.sealing.suite import Suite

PRIME = 2**256 + 297
"""The least prime above 2^256: any 32 bytes are an element."""

SECRET_SIZE = 32
_Y_SIZE = 33
SHARE_SIZE = 2 + _Y_SIZE + 32
"""Number of the trustee, 2 bytes; value of the polynomial, 33; blind, 32."""


class ShareMismatch(PeerFault):
    """A trustee's share contradicts its commitment in the header: use another quorum; the bid itself is unharmed."""

    code = "share_mismatch"


class TooFewShares(Refusal):
    """Fewer shares than the quorum have come in: nothing was opened; wait for the others."""

    code = "too_few_shares"


class Dealing(PeerFault):
    """The shares of a part were dealt wrongly by whoever sealed it: no quorum can open it, all find the same."""

    code = "dealing"


def deal(suite: Suite, secret: bytes, k: int, n: int) -> tuple[bytes, ...]:
    """Return the n shares of `secret` (32 bytes), any k of which give it back."""
    coefficients = [int.from_bytes(secret, "big")]
    for degree in range(1, k):
        drawn = suite.expand(secret, b"EVB1 coef%d" % degree, 48)
        coefficients.append(int.from_bytes(drawn, "big") % PRIME)
    return tuple(_share(suite, secret, coefficients, place) for place in range(1, n + 1))


def _share(suite: Suite, secret: bytes, coefficients: Sequence[int], place: int) -> bytes:
    value = 0
    for coefficient in reversed(coefficients):
        value = (value * place + coefficient) % PRIME
    blind = suite.expand(secret, b"EVB1 blind%d" % place, 32)
    return place.to_bytes(2, "big") + value.to_bytes(_Y_SIZE, "big") + blind


def share_digest(suite: Suite, context: bytes, share: bytes) -> bytes:
    """Return the commitment to a share that stands in the header."""
    return suite.digest(b"EVB1 share", context, share)


def check_share(suite: Suite, context: bytes, place: int, share: bytes, digest: bytes) -> None:
    """Return when `share` is what the header commits to for trustee `place`.

    Raises:
        ShareMismatch: it is not.
    """
    if len(share) != SHARE_SIZE or not compare_digest(share_digest(suite, context, share), digest):
        raise ShareMismatch(trustee=place)


def join(
    suite: Suite, context: bytes, k: int, digests: Sequence[bytes], shares: Mapping[int, bytes]
) -> bytes:
    """Return the secret of which `shares`, by number of the trustee, are k or more; all n dealt are checked.

    Raises:
        ShareMismatch: a share contradicts its commitment, or there is no such trustee.
        TooFewShares: there are fewer than k.
        Dealing: the shares committed to are not those of any secret.
    """
    for place, share in sorted(shares.items()):
        if not 1 <= place <= len(digests):
            raise ShareMismatch(trustee=place)
        check_share(suite, context, place, share, digests[place - 1])
    if len(shares) < k:
        raise TooFewShares(needed=k, got=len(shares))
    secret = _interpolate({place: shares[place] for place in sorted(shares)[:k]})
    dealt = deal(suite, secret, k, len(digests))
    for place, (share, digest) in enumerate(zip(dealt, digests, strict=True), 1):
        if not compare_digest(share_digest(suite, context, share), digest):
            raise Dealing(trustee=place)
    return secret


def _interpolate(shares: Mapping[int, bytes]) -> bytes:
    """Return the value at 0 of the polynomial through the shares (Lagrange)."""
    total = 0
    for place, share in shares.items():
        if int.from_bytes(share[:2], "big") != place:
            raise Dealing(trustee=place, reason="bears another number")
        weight, divisor = 1, 1
        for other in shares:
            if other != place:
                weight = weight * other % PRIME
                divisor = divisor * (other - place) % PRIME
        value = int.from_bytes(share[2 : 2 + _Y_SIZE], "big")
        total = (total + value * weight * pow(divisor, -1, PRIME)) % PRIME
    if total >> 256:
        raise Dealing(reason="the secret is longer than 32 bytes")
    return total.to_bytes(SECRET_SIZE, "big")
