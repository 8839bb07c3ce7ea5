"""The composition root of a sub-site: nothing starts without an identity, and no route without a permission."""

from pathlib import Path

import pytest

from evalroom import roles
from signaling.permits import declared_routes
from sub_site.app import create_app
from sub_site.enrolment import NotJoined, join
from tests.sub_site.centre import CODE, FakeCentre
from tests.sub_site.stage import site_settings


def test_a_site_that_never_joined_does_not_start(tmp_path: Path) -> None:
    with pytest.raises(NotJoined):
        create_app(site_settings(data_dir=tmp_path))


async def test_every_route_asks_the_table_of_permissions(tmp_path: Path) -> None:
    with FakeCentre.at(tmp_path).client() as client:
        join(tmp_path / "site" / "keys", "http://host", CODE, client=client)
    app = create_app(site_settings(data_dir=tmp_path / "site"))
    routes = dict(declared_routes(app))
    assert {"GET /api/v1/documents/{bid}", "WS /ws/seat", "POST /api/v1/login"} <= routes.keys()
    assert routes.keys() <= roles.ROUTES.keys()
    assert all(routes.values())
    await app.state.venue.stop()
