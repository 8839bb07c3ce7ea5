"""Hatch hook: the pages are built before the wheel, or the editable install, is put together.

`EVALROOM_WEB` decides: `require` fails without pages, `skip` never builds, `auto` (default) installs
without pages when npm cannot do its work, because the API and the demo need none.
"""

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

sys.path.insert(0, str(Path(__file__).parent))  # a build front end does not put the project on the path

import build_pages


class PagesHook(BuildHookInterface[Any]):
    """Builds `web/` into `main_site/static/` when that is older."""

    def dependencies(self) -> list[str]:
        """Ask for a packaged Node only where none is fit and pages must be built."""
        return build_pages.packaged_node_needed()

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Build the pages, as `EVALROOM_WEB` says."""
        build_pages.build_as_wished()
