"""Who may do what, against a table that people reviewed (permissions.toml), not against the code's own."""

import tomllib
from pathlib import Path
from typing import Any, get_args

import pytest

from evalroom import commands, roles
from evalroom.protocol import messages
from evalroom.roles import NotPermitted, Role, demand

REVIEWED = tomllib.loads((Path(__file__).parent / "permissions.toml").read_text("utf-8"))


def kinds(union: Any) -> set[str]:  # noqa: ANN401 - a union of classes has no narrower type
    """Return the `kind` of each class of a union."""
    return {member.__dataclass_fields__["kind"].default for member in get_args(union)}


def cells(table: str) -> list[tuple[str, Role, bool]]:
    return [
        (kind, role, role.value in rule["roles"]) for kind, rule in REVIEWED[table].items() for role in Role
    ]


@pytest.mark.parametrize(("kind", "role", "allowed"), cells("commands"))
def test_a_command_is_for_the_reviewed_roles_and_no_other(kind: str, role: Role, allowed: bool) -> None:  # noqa: FBT001 - a table
    assert allowed is passes(kind, role, roles.COMMANDS)


@pytest.mark.parametrize(("kind", "role", "allowed"), cells("messages"))
def test_a_message_is_for_the_reviewed_roles_and_no_other(kind: str, role: Role, allowed: bool) -> None:  # noqa: FBT001 - a table
    assert allowed is passes(kind, role, roles.MESSAGES)


def passes(kind: str, role: Role, table: Any) -> bool:  # noqa: ANN401 - a table of the module under test
    try:
        demand(kind, role, table)
    except NotPermitted:
        return False
    return True


def test_a_route_serves_the_reviewed_roles_and_no_other() -> None:
    reviewed = {route: set(rule["roles"]) for route, rule in REVIEWED["routes"].items()}
    assert reviewed == {route: {role.value for role in allowed} for route, allowed in roles.ROUTES.items()}


def test_only_bidders_logins_and_signs_of_life_are_open_to_anyone() -> None:
    open_to_all = {route for route, allowed in roles.ROUTES.items() if Role.ANYONE in allowed}
    named = {route for route in open_to_all if "{" in route or "session" in route}
    assert not [route for route in named if " /api/v1/tenders/{tender}/" not in route]


def test_the_reviewed_table_names_known_roles_only() -> None:
    named = {role for table in REVIEWED.values() for rule in table.values() for role in rule["roles"]}
    assert named <= {role.value for role in Role}


def test_every_command_is_declared_and_reviewed() -> None:
    declared = kinds(commands.Command)
    assert declared == set(roles.COMMANDS)
    assert declared == set(REVIEWED["commands"])


def test_every_message_that_goes_up_is_declared_and_reviewed() -> None:
    declared = kinds(messages.FromSeat) | kinds(messages.FromSite)
    assert declared == set(roles.MESSAGES)
    assert declared == set(REVIEWED["messages"])


@pytest.mark.parametrize("role", Role)
def test_what_is_not_declared_is_denied_to_everybody(role: Role) -> None:
    for kind in ("", "reopen_sheet", "ENTER_SCORE", "enter_score ", "destroy"):
        with pytest.raises(NotPermitted):
            demand(kind, role, roles.COMMANDS)


@pytest.mark.parametrize("table", [roles.COMMANDS, roles.MESSAGES])
def test_strangers_may_give_no_command_and_send_no_message(table: Any) -> None:  # noqa: ANN401 - see above
    assert not [kind for kind, allowed in table.items() if Role.ANYONE in allowed]


def test_archivists_watch_no_live_pictures() -> None:
    people = {Role.EXPERT, Role.SUPERVISOR, Role.OPERATOR, Role.SITE_OPERATOR, Role.REGULATOR}
    assert people == roles.MAY_WATCH


def test_no_machine_is_a_person() -> None:
    assert not roles.PEOPLE & {Role.NODE, Role.HOST, Role.ANYONE}
