"""The host as it is put together: no route without a permission, problems in one form, frames bounded."""

from pathlib import Path

import pytest
from fastapi import APIRouter

from evalroom.roles import ROUTES
from main_site import app as module
from main_site.app import WS_MAX_SIZE, make_app, make_server
from main_site.settings import HostSettings
from signaling.permits import UndeclaredRoute, declared_routes
from tests.main_site.hall import OPERATOR_CODE, host


def settings(folder: Path) -> HostSettings:
    return HostSettings.model_validate({"data_dir": folder, "port": 0})


def test_a_route_that_nobody_declared_keeps_the_host_from_starting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    router = APIRouter()
    router.add_api_route("/api/v1/secrets", lambda: "in")
    monkeypatch.setattr(module, "replay_routes", lambda _: router)
    with pytest.raises(UndeclaredRoute):
        make_app(settings(tmp_path), OPERATOR_CODE)


async def test_every_declared_route_is_there_and_asks_the_table(tmp_path: Path) -> None:
    async with host(tmp_path) as (app, _, _):
        routes = dict(declared_routes(app))
    assert all(routes.values())
    assert routes.keys() <= ROUTES.keys()
    only_at_sites = {route for route in ROUTES if route not in routes}
    assert not {route for route in only_at_sites if "/sessions" in route or "/replay" in route}


async def test_signs_of_life_name_no_session_and_no_secret(tmp_path: Path) -> None:
    async with host(tmp_path) as (_, _, http):
        assert {"status": "ok"} == (await http.get("/healthz")).json()
        ready = await http.get("/readyz")
        assert {"status", "sessions", "software"} == set(ready.json())
        assert OPERATOR_CODE not in (await http.get("/api/openapi.json")).text


async def test_what_goes_wrong_comes_as_problem_details(tmp_path: Path) -> None:
    async with host(tmp_path) as (_, _, http):
        answer = await http.get("/api/v1/me")
        assert "application/problem+json" == answer.headers["content-type"]
        assert {"type", "title", "status", "code", "detail"} == set(answer.json())


async def test_frames_are_bounded_and_the_heartbeat_is_our_own(tmp_path: Path) -> None:
    async with host(tmp_path) as (app, _, _):
        config = make_server(app, settings(tmp_path)).config
    assert (WS_MAX_SIZE, None, False) == (config.ws_max_size, config.ws_ping_interval, config.access_log)
    assert config.timeout_graceful_shutdown
