"""The public files of archive keys that this host's settings name: to whom content keys are sealed after an opening.

They are read each time a policy is drafted, so a key made meanwhile is taken.  Refused: a file that is none; a
policy without a recipient that was meant to be there is found out years too late.
"""

from collections.abc import Sequence
from pathlib import Path

from evalroom.errors import LocalFault, PeerFault
from evalroom.sealing.policy import Recipient, parse_recipient

MAX_FILE = 1 << 16


class ArchiveKeyUnreadable(LocalFault):
    """The public file of an archive key cannot be read: no policy was drafted; put the file back, or change the setting."""

    code = "archive_key_unreadable"


def read_recipients(paths: Sequence[Path]) -> tuple[Recipient, ...]:
    """Return whom the files name, in their order; blocks.

    Raises:
        ArchiveKeyUnreadable: one of them cannot be read, or is no public file of an archive key.
    """
    return tuple(_read(path) for path in paths)


def _read(path: Path) -> Recipient:
    try:
        with path.open("rb") as file:
            return parse_recipient(file.read(MAX_FILE))
    except (OSError, PeerFault) as error:
        raise ArchiveKeyUnreadable(file=str(path), problem=str(error)[:200]) from error
