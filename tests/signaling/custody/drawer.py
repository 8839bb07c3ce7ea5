"""A custody of our own, as somebody with a phone or an SKF device would write one: keys in a drawer in memory."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from evalroom.errors import LocalFault
from evalroom.sealing.suite import OpeningKey
from evalroom.sealing.suites import find_suite
from signaling.custody.keys import Ed25519Signer, KeyLabel, KeyMissing


class PhoneAway(LocalFault):
    """The phone does not answer: unlock it and take it near."""

    code = "phone_away"


@dataclass(slots=True)
class DrawerKeys:
    """Keys that outlive a restart of the agent, since the test holds the drawer; `away` makes it silent."""

    suites: tuple[int, ...] = (1, 2)
    away: bool = False
    _signer: Ed25519Signer = field(default_factory=lambda: Ed25519Signer(Ed25519PrivateKey.generate()))
    _keys: dict[KeyLabel, OpeningKey] = field(default_factory=dict)

    def signer(self) -> Ed25519Signer:
        return self._signer

    def make(self, label: KeyLabel) -> OpeningKey:
        self._check()
        if label not in self._keys:
            suite = find_suite(label.suite)
            seed = secrets.token_bytes(suite.opening_seed_size)
            self._keys[label] = suite.load_opening_key(suite.opening_key_from_seed(seed))
        return self._keys[label]

    def open(self, label: KeyLabel) -> OpeningKey:
        self._check()
        if label not in self._keys:
            raise KeyMissing(tender=label.tender, use=label.use, suite=label.suite)
        return self._keys[label]

    def destroy(self, tender: str) -> None:
        self._check()
        self._keys = {label: key for label, key in self._keys.items() if label.tender != tender}

    def close(self) -> None:
        """Keep everything: the drawer stays where it is."""

    def _check(self) -> None:
        if self.away:
            raise PhoneAway


def make_drawer(folder: Path, options: Mapping[str, str]) -> DrawerKeys:
    """Return an empty drawer, as a plug-in's factory would."""
    assert folder.is_dir()
    assert options["secret"]
    return DrawerKeys()
