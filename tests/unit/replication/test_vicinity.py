"""Everybody around a node is found, of both kinds, with few lookups."""

import random
from collections.abc import Sequence

import pytest

from reticulum.model import Address, Contact, Key
from reticulum.replication.vicinity import (
    FULL,
    KEY_BITS,
    MOST_LOOKUPS,
    Vicinity,
    look_around,
    shared_bits,
)

NAMED_RELAYED = 28
"""A lookup may name a few more of these."""


class Space:
    """Nodes spread over the key space; counts lookups."""

    def __init__(self, servers: int, relayed: int, seed: int = 1) -> None:
        dice = random.Random(seed)  # noqa: S311  (to be repeatable)
        relay = Key(dice.randbytes(20))
        self.own = Key(dice.randbytes(20))
        address = Address("192.0.2.1", 4160)
        self.servers = [Contact(Key(dice.randbytes(20)), address) for _ in range(servers)]
        self.relayed = [Contact(Key(dice.randbytes(20)), address, relay) for _ in range(relayed)]
        self.lookups = 0

    async def closest(self, target: Key) -> Sequence[Contact]:
        self.lookups += 1
        return [
            *near(self.servers, target, FULL),
            *near(self.relayed, target, NAMED_RELAYED),
        ]

    def around(self) -> Vicinity:
        looking = look_around(self.own, self.closest)
        try:
            looking.send(None)
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]
        raise AssertionError("it waits for nothing")


def near(contacts: Sequence[Contact], target: Key, most: int) -> list[Contact]:
    return sorted(contacts, key=lambda one: one.node_id.distance(target))[:most]


@pytest.mark.parametrize("servers", [0, 3, 19, 20, 21, 60, 1000])
@pytest.mark.parametrize("relayed", [0, 3, 19, 20, 21, 60, 1000])
def test_whoever_is_in_the_part_that_is_known_whole(servers: int, relayed: int) -> None:
    """However many there are of the one kind and of the other."""
    for seed in range(10):
        space = Space(servers, relayed, seed)
        around = space.around()
        found = {contact.node_id for contact in around.contacts}
        inside = {
            contact.node_id
            for contact in [*space.servers, *space.relayed]
            if shared_bits(space.own, contact.node_id) >= around.bits
        }
        assert inside <= found
        assert space.lookups <= MOST_LOOKUPS
        assert around.bits < KEY_BITS or space.lookups == MOST_LOOKUPS


@pytest.mark.parametrize("servers, relayed", [(3, 9), (12, 0), (0, 12), (19, 19)])
def test_a_small_grid_takes_one_lookup(servers: int, relayed: int) -> None:
    """Neither kind fills it: that is everybody."""
    space = Space(servers, relayed)
    around = space.around()
    assert (0, 1) == (around.bits, space.lookups)
    assert servers + relayed == len(around.contacts)


@pytest.mark.parametrize(
    "servers, relayed", [(1000, 0), (1000, 5), (1000, 100), (1000, 1000), (20, 1000), (200, 1000)]
)
def test_enough_is_known_for_the_placement_of_what_is_near(servers: int, relayed: int) -> None:
    """The part holds more nodes than an image has candidates, in all but a few places."""
    known = 0
    for seed in range(30):
        space = Space(servers, relayed, seed)
        bits = space.around().bits
        everybody = [*space.servers, *space.relayed]
        inside = sum(shared_bits(space.own, contact.node_id) >= bits for contact in everybody)
        known += inside >= FULL
    assert known >= 27
