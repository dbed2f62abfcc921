"""The course of an upload: who is given to first, who replaces whom, when the answer may go."""

import attrs
import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from reticulum.model import Address, Contact, HashName, ImageId, Key, Member, Shelf
from reticulum.replication.course import HEAD_START_S, Course

IMAGE = ImageId(HashName.SHA256, "ab" * 32)
OWN = Key(bytes(20))


def member(number: int, **changes: object) -> Member:
    contact = Contact(Key(bytes([number] * 20)), Address("10.0.0.1", 1000 + number))
    return attrs.evolve(Member(contact=contact), **changes)  # type: ignore[arg-type]  # of its own


@attrs.define
class Others:
    """Nodes that take an image when the test says so."""

    asked: list[int] = attrs.field(factory=list)
    answers: dict[int, Deferred[bool]] = attrs.field(factory=dict)

    async def give(self, to: Member, image_id: ImageId) -> bool:
        assert IMAGE == image_id
        number = to.node_id.digest[0]
        self.asked.append(number)
        self.answers[number] = Deferred()
        return await self.answers[number]

    def answer(self, number: int, *, took: bool) -> None:
        self.answers[number].callback(took)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def others() -> Others:
    return Others()


def course(order: list[Member], clock: Clock, *, needed: int = 2) -> Course:
    return Course(IMAGE, OWN, order, 3, needed, clock)


def begun(one: Course, others: Others) -> Deferred[None]:
    return Deferred.fromCoroutine(one.run(others.give))


def test_those_who_are_waited_for_go_first(clock: Clock, others: Others) -> None:
    """Until enough have it, only as many are given to as the answer waits for."""
    one = course([member(1), member(2), member(3)], clock)
    begun(one, others)

    assert [1] == others.asked
    others.answer(1, took=True)
    assert one.enough.called
    assert [1, 2, 3] == others.asked


def test_the_head_start_ends(clock: Clock, others: Others) -> None:
    """A slow first one does not keep the others waiting."""
    begun(course([member(1), member(2), member(3)], clock), others)

    clock.advance(HEAD_START_S)

    assert [1, 2, 3] == others.asked


def test_who_fails_is_replaced_and_owed(clock: Clock, others: Others) -> None:
    """The next in order takes the place of one that fails, and that one is to get it later."""
    one = course([member(1), member(2), member(3), member(4)], clock)
    ended = begun(one, others)

    others.answer(1, took=False)
    assert [1, 4] == sorted(set(others.asked) & {1, 4})
    for number in (2, 3, 4):
        others.answer(number, took=True)

    assert ended.called
    assert [member(1).node_id] == one.owed
    assert 4 == one.stored
    assert 3 == one.kept
    assert not one.is_surplus_here


def test_the_silent_are_not_asked(clock: Clock, others: Others) -> None:
    """A node that is silent is owed its copy at once, and nobody waits for it."""
    one = course([member(1, silent_s=5.0), member(2), member(3), member(4)], clock)
    begun(one, others)

    assert 1 not in others.asked
    assert 4 in others.asked
    assert [member(1).node_id] == one.owed


def test_the_full_and_the_closed_are_passed_over(clock: Clock, others: Others) -> None:
    """Who takes nothing is neither asked nor owed."""
    full, closed = member(1, shelf=Shelf.FULL), member(2, shelf=Shelf.CLOSED)
    one = course([full, closed, member(3)], clock)
    begun(one, others)

    assert [3] == others.asked
    assert [] == one.owed


def test_a_copy_too_many_is_known(clock: Clock, others: Others) -> None:
    """Once all who should have it do, a node that should not may let go of its own."""
    one = course([member(1), member(2), member(3)], clock)
    begun(one, others)
    others.answer(1, took=True)
    others.answer(2, took=True)
    assert not one.is_surplus_here

    others.answer(3, took=True)

    assert one.is_surplus_here


def test_a_keeper_counts_itself(clock: Clock, others: Others) -> None:
    """A node that should have the image keeps its copy, and gives only to the others."""
    own = attrs.evolve(member(0), contact=Contact(OWN, Address("10.0.0.1", 1000)))
    one = course([member(1), own, member(2)], clock)
    ended = begun(one, others)
    others.answer(1, took=True)
    others.answer(2, took=True)

    assert ended.called
    assert 3 == one.kept
    assert not one.is_surplus_here


def test_nobody_to_ask(clock: Clock, others: Others) -> None:
    """With nobody there the answer is not kept waiting."""
    one = course([], clock)
    ended = begun(one, others)

    assert ended.called
    assert one.enough.called
    assert 1 == one.stored
    assert [] == clock.getDelayedCalls()
