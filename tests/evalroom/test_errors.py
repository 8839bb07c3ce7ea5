"""The one tree of errors: a stable code, a sentence for people, the facts of the case."""

import contextlib
from collections.abc import Iterator

import pytest

from evalroom.errors import EvalroomError, LocalFault, MalformedName, PeerFault, Refusal


class Drowned(Refusal):
    """The seat is under water:  wait for the tide.

    This paragraph is for programmers.
    """

    code = "drowned"


def test_the_sentence_is_the_first_paragraph_on_one_line() -> None:
    assert "The seat is under water: wait for the tide." == Drowned.sentence()


def test_the_facts_stand_beside_the_sentence() -> None:
    error = Drowned(seat="E1", depth=3, tide=None)
    assert {"seat": "E1", "depth": 3, "tide": None} == error.detail
    assert "The seat is under water: wait for the tide. [seat='E1', depth=3, tide=None]" == str(error)


def test_an_error_without_facts_is_its_sentence() -> None:
    assert Drowned.sentence() == str(Drowned())


def test_a_class_without_a_docstring_has_an_empty_sentence() -> None:
    class Bare(Refusal):
        pass

    assert "" == Bare.sentence()


@pytest.mark.parametrize("branch", [Refusal, PeerFault, LocalFault])
def test_each_branch_is_caught_as_an_error_of_the_evaluation(branch: type[EvalroomError]) -> None:
    with pytest.raises(EvalroomError):
        raise branch


def test_the_branches_tell_whose_fault_it_is() -> None:
    for one, other in [(Refusal, PeerFault), (PeerFault, LocalFault), (LocalFault, Refusal)]:
        assert not issubclass(one, other)
        assert not issubclass(other, one)


def test_an_error_passes_through_a_context_manager() -> None:
    """A frozen dataclass would not: its traceback cannot be assigned."""

    @contextlib.contextmanager
    def room() -> Iterator[None]:
        yield

    with pytest.raises(MalformedName), room():
        raise MalformedName(name="x")
