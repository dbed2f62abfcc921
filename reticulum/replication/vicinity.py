"""
Finds every node in the part of the key space around one's own.

A lookup names the `FULL` nodes closest to its target of either kind: those reached directly, and
those reached through relays. Where that is not all of a part of the key space, the part is halved,
until lookups name all. The part begins a bit above the one that the first lookup filled with the
kind that stands more closely: about 40 to 100 nodes of that, and of the other as many at most.
"""

from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import attrs
from twisted.internet.defer import Deferred

from reticulum.model import Contact, Key, NodeId

FULL = 20
"""Nodes of either kind that a lookup names if there are as many; it may name a few more."""
MOST_LOOKUPS = 16
KEY_BITS = 160

Closest = Callable[[Key], Coroutine[Deferred[Any], Any, Sequence[Contact]]]


@attrs.frozen(kw_only=True)
class Vicinity:
    """
    The nodes around one.

    Args:
        contacts: All that were found, in any order, some perhaps more than once.
        bits: Leading bits of a key that make it belong to the part that is known whole; 0 for the
            whole key space; `KEY_BITS` for nothing.
    """

    contacts: Sequence[Contact]
    bits: int


async def look_around(own: NodeId, closest: Closest) -> Vicinity:
    """
    Look up all nodes around *own*.

    Args:
        own: In the middle.
        closest: Looks up the 20 nodes of either kind closest to a key.
    """
    found = list(await closest(own))
    filled = [kind for kind in _kinds(found) if len(kind) >= FULL]
    reach = [min(shared_bits(own, contact.node_id) for contact in kind) for kind in filled]
    bits = max(max(reach, default=0) - 1, 0)
    parts, looked_up = [(own, bits)], {own: tuple(found)}
    while parts:
        target, depth = parts.pop()
        if target not in looked_up:
            if len(looked_up) == MOST_LOOKUPS:
                return Vicinity(contacts=found, bits=KEY_BITS)
            looked_up[target] = tuple(await closest(target))
            found += looked_up[target]
        if not _is_whole(target, depth, looked_up[target]):
            parts += [(target, depth + 1), (_flipped(target, depth), depth + 1)]
    return Vicinity(contacts=found, bits=bits)


def shared_bits(one: Key, other: Key) -> int:
    """How many leading bits are the same."""
    return KEY_BITS - one.distance(other).bit_length()


def _is_whole(target: Key, bits: int, named: Sequence[Contact]) -> bool:
    # Somebody outside of the part is among the nearest of a kind: then everybody inside is.
    return all(
        len(kind) < FULL or any(shared_bits(target, contact.node_id) < bits for contact in kind)
        for kind in _kinds(named)
    )


def _kinds(contacts: Sequence[Contact]) -> tuple[Sequence[Contact], Sequence[Contact]]:
    """Those that are reached directly, and those that are reached through relays."""
    return (
        [contact for contact in contacts if contact.via is None],
        [contact for contact in contacts if contact.via is not None],
    )


def _flipped(key: Key, bit: int) -> Key:
    return Key((key.number ^ 1 << (KEY_BITS - 1 - bit)).to_bytes(KEY_BITS // 8))
