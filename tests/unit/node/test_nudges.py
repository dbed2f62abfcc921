"""Reads that meet a gap among the copies."""

from readers import IMAGE, SlowPeers, contact, member
from twisted.internet.task import Clock

from reticulum.errors import HolderFailed
from reticulum.model import Contact, ImageId, Member
from reticulum.node.nudges import Nudges
from reticulum.node.tasks import Tasks

A, B, C, OWN = (contact(number) for number in (1, 2, 3, 9))


def nudges(
    peers: SlowPeers, *placed: Member, clock: Clock | None = None, tasks: Tasks | None = None
) -> Nudges:
    return Nudges(
        own=OWN.node_id,
        placed=lambda _: placed,
        peers=peers,  # type: ignore[arg-type]
        tasks=tasks or Tasks(),
        now=(clock or Clock()).seconds,
    )


def test_nothing_lacking() -> None:
    """An image that everybody has who should is nobody's worry."""
    peers = SlowPeers()
    nudges(peers, member(1), member(2)).found(IMAGE, A, frozenset())
    assert [] == peers.nudged


def test_first_that_has_it_is_told() -> None:
    """In a repair the first one in placement order gives: that is who is told."""
    peers = SlowPeers()
    told = nudges(peers, member(1), member(2, silent_s=9.0), member(3), member(4))
    told.found(IMAGE, contact(4), frozenset({A.node_id}))
    assert [(C, IMAGE)] == peers.nudged
    assert 1 == told.sent


def test_found_elsewhere() -> None:
    """If none of those who should has it, whoever has it is told."""
    peers = SlowPeers()
    nudges(peers, member(1)).found(IMAGE, B, frozenset({A.node_id}))
    assert [(B, IMAGE)] == peers.nudged


def test_itself() -> None:
    """A node that should have it and asks for it knows that it is short."""
    peers = SlowPeers()
    nudges(peers, member(9), member(1)).found(IMAGE, A, frozenset())
    assert [(A, IMAGE)] == peers.nudged


def test_damper() -> None:
    """Once in a quarter of an hour for one image, however often it is read."""
    peers, clock = SlowPeers(), Clock()
    told = nudges(peers, member(1), member(2), clock=clock)
    for _ in range(899):
        told.found(IMAGE, B, frozenset({A.node_id}))
        clock.advance(1)
    assert 1 == len(peers.nudged)
    clock.advance(1)
    told.found(IMAGE, B, frozenset({A.node_id}))
    assert 2 == len(peers.nudged)


async def test_failure_is_nobodys_failure() -> None:
    """A reader does not hear of a nudge that did not arrive."""

    class Deaf(SlowPeers):
        async def nudge(self, contact: Contact, image_id: ImageId) -> None:
            raise HolderFailed("dead")

    tasks = Tasks()
    told = nudges(Deaf(), member(1), member(2), tasks=tasks)
    told.found(IMAGE, B, frozenset({A.node_id}))
    await tasks.settle()
    assert 0 == told.sent == told._under_way
