"""The table of suites: which byte of an envelope names which algorithms.

Refused: bytes that are not in it.  Which suites a tender takes stands in its policy, never here.
"""

from collections.abc import Mapping

from evalroom.errors import PeerFault
from evalroom.sealing.gm.suite import GM
from evalroom.sealing.hybrid import P256Suite, XWingSuite
from evalroom.sealing.suite import Suite

SUITES: Mapping[int, Suite] = {suite.code: suite for suite in (XWingSuite(), P256Suite(), GM)}


class UnknownSuite(PeerFault):
    """A suite byte names no algorithms of this version: seal with a suite that the tender's policy lists."""

    code = "unknown_suite"


def find_suite(code: int) -> Suite:
    """Return the suite that `code` names; `check_available` says whether this machine can use it.

    Raises:
        UnknownSuite: there is none.
    """
    suite = SUITES.get(code)
    if suite is None:
        raise UnknownSuite(suite=code)
    return suite
