"""One tree of errors, each with a `code` that is stable and travels on the wire.

The docstring of a class is the sentence for people: what happened, what is safe, what to do next.
Branches say whose fault it is: `Refusal` (the caller asked for what the rules forbid), `PeerFault` (the
other end broke the protocol), `LocalFault` (this machine cannot go on).
"""

from typing import ClassVar


class EvalroomError(Exception):
    """Something went wrong in the evaluation; nothing acknowledged is lost."""

    code: ClassVar[str] = "error"

    def __init__(self, **detail: str | int | None) -> None:
        """Keep `detail`, the facts of this one case, to travel beside the code."""
        self.detail = detail
        facts = ", ".join(f"{name}={value!r}" for name, value in detail.items())
        super().__init__(self.sentence() + (f" [{facts}]" if facts else ""))

    @classmethod
    def sentence(cls) -> str:
        """Return the first paragraph of the docstring as one line: the sentence shown to people."""
        text = (cls.__doc__ or "").strip().split("\n\n")[0]
        return " ".join(text.split())


class Refusal(EvalroomError):
    """The request was understood and refused; nothing has changed."""

    code = "refused"


class PeerFault(EvalroomError):
    """The other end sent something the protocol does not allow; it was dropped."""

    code = "peer_fault"


class LocalFault(EvalroomError):
    """This machine cannot go on with what it was doing."""

    code = "local_fault"


class MalformedName(Refusal):
    """A name holds at most 64 letters (A-Z), digits and inner dots, dashes, underscores: choose another."""

    code = "malformed_name"
