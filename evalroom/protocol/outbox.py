"""Commands that are not yet answered: kept in order, sent again until they are, and carried out once.

Two commands with the same target never travel together: the second waits for the first one's answer, so a
link that loses or reorders messages cannot make a later revision overtake an earlier one.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from evalroom.commands import EnterScore
from evalroom.ids import CommandId
from evalroom.protocol.messages import Submit

RESEND_MS = 5_000
"""After this long without an answer a command is sent again on a link that seems alive."""

EVERYTHING = "*"
"""Target of commands that wait for all earlier ones of their seat, and hold back all later ones."""


def target_of(submit: Submit) -> str:
    """Name what a command changes: a cell for scores, everything of the seat for any other act."""
    command = submit.command
    if isinstance(command, EnterScore):
        return f"{submit.seat}/{command.lot}/{command.bid}/{command.item}"
    return f"{submit.seat}/{EVERYTHING}"


@dataclass(slots=True)
class Outbox:
    """Pending commands in the order they were given, and when each was last sent (ms)."""

    pending: dict[CommandId, Submit] = field(default_factory=dict)
    sent: dict[CommandId, int] = field(default_factory=dict)

    def add(self, submit: Submit) -> None:
        """Keep a command; one with an id already known is the same command."""
        self.pending.setdefault(submit.command_id, submit)

    def settle(self, command_id: CommandId) -> bool:
        """Forget an answered command; say whether it was pending."""
        self.sent.pop(command_id, None)
        return self.pending.pop(command_id, None) is not None

    def link_lost(self) -> None:
        """Forget what was sent: after a reconnect everything pending goes out again."""
        self.sent.clear()

    def due(self, now: int) -> list[Submit]:
        """Return the commands to send now and note them as sent at `now` (ms)."""
        out = [
            one for one in self._eligible() if now - self.sent.get(one.command_id, -RESEND_MS) >= RESEND_MS
        ]
        self.sent.update({one.command_id: now for one in out})
        return out

    def next_deadline(self) -> int | None:
        """Say when (ms) something will have to be sent again; None when nothing waits for an answer."""
        times = [self.sent.get(one.command_id, 0 - RESEND_MS) + RESEND_MS for one in self._eligible()]
        return min(times, default=None)

    def _eligible(self) -> Iterable[Submit]:
        """Yield pending commands that no earlier one with the same or an overlapping target holds back."""
        busy: dict[str, set[str]] = {}
        for submit in self.pending.values():
            target = target_of(submit)
            before = busy.setdefault(submit.seat, set())
            whole = target.endswith(f"/{EVERYTHING}")
            blocked = bool(before) if whole else target in before or f"{submit.seat}/{EVERYTHING}" in before
            before.add(target)
            if not blocked:
                yield submit
