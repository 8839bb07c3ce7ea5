"""No route without a line in the table, no line that lets in whom it does not name."""

import pytest
from fastapi import APIRouter, Depends, FastAPI
from fastapi.testclient import TestClient
from starlette.requests import HTTPConnection

from evalroom.roles import ROUTES, Role
from signaling.permits import Stranger, UndeclaredRoute, check_declared, declared_routes, permit
from signaling.problems import install
from signaling.register import NotSeated


class As:
    """Somebody in a role."""

    def __init__(self, role: Role) -> None:
        self.role = role


def app_with(path: str, *, guarded: bool = True) -> FastAPI:
    router = APIRouter(dependencies=[Depends(permit)] if guarded else [])
    router.add_api_route(path, lambda: "in", methods=["GET"])
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    install(app)
    app.include_router(router)
    return app


def test_an_undeclared_route_cannot_be_started() -> None:
    with pytest.raises(UndeclaredRoute):
        check_declared(app_with("/api/v1/secrets"))


def test_a_declared_route_that_does_not_ask_the_table_cannot_be_started() -> None:
    with pytest.raises(UndeclaredRoute):
        check_declared(app_with("/api/v1/me", guarded=False))
    check_declared(app_with("/api/v1/me"))


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("path", ["/api/v1/me", "/api/v1/sessions", "/api/v1/replay", "/healthz"])
def test_a_route_lets_in_exactly_the_roles_of_its_line(path: str, role: Role) -> None:
    app = app_with(path)
    app.state.identify = lambda _: As(role)
    answer = TestClient(app).get(path)
    allowed = ROUTES[f"GET {path}"]
    assert answer.status_code == (200 if {role, Role.ANYONE} & allowed else 403)


def test_a_stranger_is_told_to_log_in() -> None:
    app = app_with("/api/v1/me")

    def identify(_: HTTPConnection) -> Stranger:
        raise NotSeated

    app.state.identify = identify
    answer = TestClient(app).get("/api/v1/me")
    assert (answer.status_code, answer.json()["code"]) == (401, "not_seated")


def test_the_declared_routes_are_named_by_method_and_path() -> None:
    assert [("GET /api/v1/me", True)] == list(declared_routes(app_with("/api/v1/me")))
