"""Who may use a route: every route looks itself up in `evalroom.roles.ROUTES` and refuses what is not there.

`check_declared` runs when an application is put together, so a route nobody declared cannot be started.
"""

from collections.abc import Callable, Iterable
from typing import Annotated, Protocol

from fastapi import Depends, FastAPI
from fastapi.routing import APIRoute, APIWebSocketRoute, iter_route_contexts
from starlette.requests import HTTPConnection

from evalroom import roles
from evalroom.errors import LocalFault
from evalroom.roles import Role

COOKIE = "evalroom_seat"


class UndeclaredRoute(LocalFault):
    """A route has no line in the table of permissions: declare who may use it."""

    code = "undeclared_route"


class Person(Protocol):
    """Whoever is behind a request, as the application found out."""

    @property
    def role(self) -> Role:
        """The role the route's permission is held against."""
        ...


class Stranger:
    """Somebody who has not said who they are."""

    role = Role.ANYONE


Identify = Callable[[HTTPConnection], Person]
"""Finds out who is behind a request; raises NotSeated for a cookie or token that is no good."""


def key_of(connection: HTTPConnection) -> str:
    """Return a request's key in the table: method (or WS) and the path as declared."""
    method = "WS" if connection.scope["type"] == "websocket" else connection.scope["method"]
    return f"{method} {connection.scope['route'].path}"


def permit(connection: HTTPConnection) -> Person:
    """Return who is asking, once the table lets their role use this route.

    Raises:
        NotPermitted: the role may not.
        NotSeated: nobody is logged in, and the route serves only those who are.
    """
    allowed = roles.ROUTES.get(key_of(connection), frozenset())
    if Role.ANYONE in allowed:
        return Stranger()
    identify: Identify = connection.app.state.identify
    person = identify(connection)
    roles.demand(key_of(connection), person.role, roles.ROUTES)
    return person


Permitted = Annotated[Person, Depends(permit)]


def check_declared(app: FastAPI) -> None:
    """Refuse an application with a route that the table does not know or that does not ask it.

    Raises:
        UndeclaredRoute: naming the route.
    """
    for key, guarded in declared_routes(app):
        if key not in roles.ROUTES or not guarded:
            raise UndeclaredRoute(route=key, guarded=str(guarded))


def declared_routes(app: FastAPI) -> Iterable[tuple[str, bool]]:
    """Yield the table key of every API route, included routers too, and whether it depends on `permit`."""
    for context in iter_route_contexts(app.routes):
        route = context.original_route
        if not isinstance(route, APIRoute | APIWebSocketRoute):
            continue
        guarded = any(one.call is permit for one in context.dependant.dependencies)
        methods = sorted(context.methods or ()) if isinstance(route, APIRoute) else ["WS"]
        yield from ((f"{method} {context.path}", guarded) for method in methods)
