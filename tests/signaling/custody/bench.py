"""An agent on the bench: the commands without a socket, its clock in the test's hand, and a restart at will."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evalroom.ledger.base64 import encode_base64
from signaling.custody.agent import Plan, init
from signaling.custody.client import Evidence, SealedHead
from signaling.custody.keys import FileKeys, KeyProvider
from signaling.custody.trustee import AgentFacts, Trustee, read_facts
from tests.signaling.custody.drawer import DrawerKeys
from tests.signaling.custody.world import (
    BEFORE,
    FIRST,
    KINDS,
    PASSPHRASE,
    SUITES,
    TENDER,
    Opening,
    private,
    session_public,
)


@dataclass(slots=True)
class Bench:
    """One agent and its folder."""

    folder: Path
    name: str = "host"
    now: int = BEFORE
    provider: KeyProvider = field(default_factory=DrawerKeys)
    trustee: Trustee = field(init=False)

    def __post_init__(self) -> None:
        who = f"{self.name} 数据中心"
        if isinstance(self.provider, FileKeys):
            init(self.folder, Plan(self.name, KINDS[self.name], who, ask=True), PASSPHRASE)
        else:
            (private(self.folder) / "tenders").mkdir(mode=0o700)
            facts = AgentFacts(self.name, KINDS[self.name], who, "drawer", {}, self.provider.signer().spki)
            facts.write(self.folder)
        self.start()

    @classmethod
    def with_files(cls, folder: Path) -> "Bench":
        """Return the host's agent with its keys in files, which takes scrypt's time."""
        return cls(folder, provider=FileKeys(folder / "keys", PASSPHRASE.encode()))

    def start(self) -> None:
        """Begin as after a kill: from the folder and the custody alone."""
        self.provider.close()
        self.trustee = Trustee(self.folder, read_facts(self.folder), self.provider, lambda: self.now)

    def ask(self, command: str, **members: Any) -> dict[str, Any]:  # noqa: ANN401 - whatever a test says
        """Return the answer."""
        line = json.dumps({"command": command, **members}).encode() + b"\n"
        answer: dict[str, Any] = json.loads(self.trustee.answer(line))
        return answer

    def code(self, command: str, **members: Any) -> str:  # noqa: ANN401 - whatever a test says
        """Return the code of the refusal, or nothing."""
        return str(self.ask(command, **members).get("code", ""))

    def publish(self, suites: tuple[int, ...] = SUITES) -> dict[str, Any]:
        """Return the body of `TrusteeKeyPublished`."""
        answer = self.ask("publish", tender=TENDER, suites=list(suites), now=self.now)
        assert answer.pop("ok"), answer
        return answer

    def sign(self, opening: Opening, evidence: Evidence | None = None) -> dict[str, Any]:
        return self.ask(
            "sign", tender=TENDER, policy=opening.text, **(evidence or opening.to_sign()).members()
        )

    def ack(self, head: SealedHead) -> dict[str, Any]:
        return self.ask("ack", tender=TENDER, **head.members())

    def release(self, opening: Opening, **changed: Any) -> dict[str, Any]:  # noqa: ANN401 - whatever a test says
        """Ask for the shares of all bids; `changed` replaces members, `evidence` checkpoint and proofs."""
        evidence = changed.pop("evidence", None) or opening.to_release()
        members = {
            "tender": TENDER,
            "window": FIRST,
            "session_key": encode_base64(session_public()),
            "bids": [opening.head(place).members() for place in range(len(opening.sealed))],
            **evidence.members(),
            "released": False,
            "now": self.now,
        }
        return self.ask("release", **(members | changed))
