"""Every error of the tree has a status, a code and a sentence at the edge."""

import json
from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import BaseModel

from evalroom.errors import EvalroomError, LocalFault, PeerFault, Refusal
from evalroom.roles import NotPermitted
from signaling.codec import FrameTooLarge
from signaling.problems import install, problem, status_of
from signaling.register import NotSeated, TooManyTries


def family(kind: type[EvalroomError]) -> Iterator[type[EvalroomError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from family(child)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (NotSeated(), 401),
        (NotPermitted(), 403),
        (FrameTooLarge(), 413),
        (TooManyTries(), 429),
        (Refusal(), 409),
        (PeerFault(), 400),
        (LocalFault(), 503),
    ],
)
def test_the_nearest_class_gives_the_status(error: EvalroomError, status: int) -> None:
    assert status_of(error) == status


def test_every_error_of_the_tree_can_be_said_at_the_edge() -> None:
    for kind in family(EvalroomError):
        assert status_of(kind.__new__(kind)) >= 400
        assert kind.sentence().endswith((".", "!", "?")), kind
        assert kind.code.isidentifier()


def test_a_problem_carries_the_facts_of_its_case() -> None:
    body = json.loads(bytes(problem(Refusal(seat="E1"), more=[1]).body))
    assert (body["code"], body["detail"], body["more"]) == ("refused", {"seat": "E1"}, [1])


def test_a_body_of_another_form_is_a_coded_problem_too() -> None:
    class Body(BaseModel):
        n: int

    app = FastAPI()
    install(app)

    @app.post("/")
    def take(body: Body) -> int:
        return body.n

    answer = TestClient(app).post("/", json={"n": "many"})
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "malformed_request"
    assert answer.json()["detail"]["where"] == "body/n"
