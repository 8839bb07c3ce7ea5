"""A bidder's desk: policy, price sheets and documents in a folder, and a bid sealed from them."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from evalroom.sealing.policy import PartName, Policy
from evalroom.sealing.suite import OpeningKey
from main_site.bidder.certificate import own_signatory
from main_site.bidder.keyfile import BidRecord, stretch
from main_site.bidder.sealing import Order, seal_to_file
from tests.evalroom.sealing import tender
from tests.tools import transcript

NAME = "某某建设有限公司"
PASSPHRASE = "correct-horse-battery"  # noqa: S105 - of keys that exist in a test only
NOW = datetime(2026, 11, 24, tzinfo=UTC)
OPENING = {"v": 1, "bidder": NAME, "prices": [], "remarks": "工期 120 天"}
PRICE = {"v": 1, "bidder": NAME, "prices": [{"lot": "L1", "price_fen": "123456789"}], "remarks": ""}


@dataclass(frozen=True, slots=True)
class Desk:
    """A folder with everything a bidder needs; the technical document has `size` bytes."""

    folder: Path
    policy: Policy

    @property
    def out(self) -> Path:
        """Return where the sealed bid goes."""
        return self.folder / "bid.evb1"

    @property
    def keys(self) -> Path:
        """Return where its keys go."""
        return self.folder / "bid.evb1.key"

    @property
    def parts(self) -> dict[PartName, Path | None]:
        """Return the files of the parts."""
        return {
            PartName.OPENING: self.folder / "opening.json",
            PartName.TECHNICAL: self.folder / "technical.pdf",
            PartName.PRICE: self.folder / "price.json",
        }

    def order(self, suite: int = 0x02) -> Order:
        """Return what is to be sealed."""
        return Order(self.policy, suite, self.parts, own_signatory(NAME, NOW), self.out, stretch(PASSPHRASE))

    def seal(self, suite: int = 0x02) -> BidRecord:
        """Seal it."""
        return seal_to_file(self.order(suite), nobody_looks)

    def words(self) -> list[str]:
        """Return the options of `bid seal` for these files."""
        parts = [f"--part={name}={path}" for name, path in self.parts.items()]
        return ["bid", "seal", "--policy", str(self.folder / "policy.json"), *parts]


def nobody_looks(step: str, done: int, total: int) -> None:
    """Take in how far a step is, as where nobody looks."""
    del step, done, total


def laid(folder: Path, *, size: int = 3_000_000, policy: Policy | None = None) -> Desk:
    """Lay a desk in `folder`."""
    desk = Desk(folder, policy or transcript.policy((0x01, 0x02)))
    (folder / "policy.json").write_bytes(desk.policy.encode())
    (folder / "opening.json").write_text(json.dumps(OPENING, ensure_ascii=False, indent=2), "utf-8")
    (folder / "price.json").write_text(json.dumps(PRICE, ensure_ascii=False, indent=2), "utf-8")
    (folder / "technical.pdf").write_bytes(tender.pattern(size))
    (folder / "passphrase").write_text(PASSPHRASE + "\n", "utf-8")
    return desk


def trustee_keys(suite: int) -> dict[int, OpeningKey]:
    """Return a quorum of trustees' keys by number."""
    names = [one.name for one in tender.policy().trustees]
    return {place: tender.opening_key(suite, names[place - 1]) for place in (1, 3)}
