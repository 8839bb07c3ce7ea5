"""The terms on which a tender's bids are to be sealed, and the policy that they and the trustees' keys make.

Terms come from the session's template or from the operator's order; a policy is made of them once every trustee has
published its keys.  The policy as a whole is checked by whoever drafts it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from evalroom.ledger.base64 import NotBase64, decode_base64
from evalroom.sealing.facts import TrusteeKeyPublished
from evalroom.sealing.policy import (
    MalformedPolicy,
    Mode,
    PartName,
    PartTerms,
    Policy,
    Recipient,
    Trustee,
    TrusteeKey,
    TrusteeKind,
    Window,
)

_ORDER = tuple(TrusteeKind)
"""The host's trustee first, then sites, then supervisors: the order of the shares' numbers."""


@dataclass(frozen=True, slots=True)
class SealingTerms:
    """What a policy says beside its trustees; instants are UTC milliseconds, sizes bytes."""

    deadline: int
    mode: Mode
    k: int
    suites: tuple[int, ...]
    min_bids: int
    max_size: int
    windows: tuple[Window, ...]
    parts: tuple[PartTerms, ...]

    def encode(self) -> str:
        """Return the terms as JSON, for the store."""
        return json.dumps(
            {
                "deadline": self.deadline,
                "mode": self.mode.value,
                "k": self.k,
                "suites": self.suites,
                "min_bids": self.min_bids,
                "max_size": self.max_size,
                "windows": [[one.name, one.gate, one.opens_at, one.release_ms] for one in self.windows],
                "parts": [[one.name.value, one.window, one.max_size] for one in self.parts],
            }
        )


def stored_terms(text: str) -> SealingTerms:
    """Return the terms that `encode` wrote."""
    found = json.loads(text)
    return SealingTerms(
        deadline=found["deadline"],
        mode=Mode(found["mode"]),
        k=found["k"],
        suites=tuple(found["suites"]),
        min_bids=found["min_bids"],
        max_size=found["max_size"],
        windows=tuple(Window(*one) for one in found["windows"]),
        parts=tuple(PartTerms(PartName(name), window, size) for name, window, size in found["parts"]),
    )


def changed_terms(terms: SealingTerms, changes: Mapping[str, Any]) -> SealingTerms:
    """Return the terms with some members changed; `opens_at` is the first window's, `release_ms` every one's."""
    members = dict(changes)
    release_ms = members.pop("release_ms", None)
    windows = [replace(one, release_ms=release_ms or one.release_ms) for one in terms.windows]
    if "opens_at" in members:
        windows[0] = replace(windows[0], opens_at=members.pop("opens_at"))
    if "suites" in members:
        members["suites"] = tuple(members["suites"])
    return replace(terms, windows=tuple(windows), **members)


def policy_from(
    terms: SealingTerms,
    tender: str,
    published: Sequence[TrusteeKeyPublished],
    recipients: Sequence[Recipient] = (),
) -> Policy:
    """Return the policy on these terms with the trustees that published keys, not yet checked as a whole.

    Of `recipients` the keys for the tender's suites are taken, in their order.

    Raises:
        MalformedPolicy: a trustee's key or signer cannot be read.
    """
    ordered = sorted(published, key=lambda one: (_ORDER.index(one.kind), one.trustee))
    return Policy(
        tender=tender,
        mode=terms.mode,
        k=terms.k,
        suites=terms.suites,
        deadline=terms.deadline,
        min_bids=terms.min_bids,
        max_size=terms.max_size,
        trustees=tuple(_trustee(one) for one in ordered),
        windows=terms.windows,
        parts=terms.parts,
        recipients=tuple(_for_suites(one, terms.suites) for one in recipients),
    )


def _for_suites(one: Recipient, suites: Sequence[int]) -> Recipient:
    """Return a recipient with its keys for `suites`; the check of the whole names one that lacks any."""
    return replace(one, keys=tuple(key for code in suites for key in one.keys if key.suite == code))


def _trustee(published: TrusteeKeyPublished) -> Trustee:
    """Return a trustee with all keys that it published: those of another draft's suites no policy takes."""
    try:
        keys = tuple(TrusteeKey(one.suite, decode_base64(one.public)) for one in published.keys)
        signer = decode_base64(published.signer)
    except NotBase64 as error:
        raise MalformedPolicy(reason="not Base64", trustee=published.trustee) from error
    return Trustee(published.trustee, published.kind, published.who, signer, keys)
