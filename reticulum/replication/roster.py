"""Nodes as they last described themselves, and since when they are silent."""

import heapq
from collections.abc import Container, Iterator

import attrs

from reticulum.model import Contact, Member, NodeId

LEAST_SILENCE_S = 0.001
"""Whoever is silent is so for some time, even if the clock has not moved since."""


@attrs.define
class _Entry:
    member: Member
    answered_at: float
    is_silent: bool = False


class Roster:
    """
    A bounded table of nodes. Times are in seconds, of any clock that never goes back.

    Args:
        own: The node whose nearest stay when there are too many; never in the table itself.
        most: Nodes.
        home: So many nodes nearest to *own* are its home: those that matter to it.
    """

    def __init__(self, own: NodeId, *, most: int, home: int) -> None:
        self._own = own
        self._most = most
        self._home_size = home
        self._entries: dict[NodeId, _Entry] = {}
        self._home: frozenset[NodeId] = frozenset()

    def contacts(self) -> Iterator[Contact]:
        """Everybody, in any order."""
        return (entry.member.contact for entry in self._entries.values())

    def contact(self, node_id: NodeId) -> Contact | None:
        """Where a node is; None if it is unknown."""
        entry = self._entries.get(node_id)
        return None if entry is None else entry.member.contact

    def members(self, now: float) -> Iterator[Member]:
        """Everybody, with how long they have been silent."""
        return (_with_silence(entry, now) for entry in self._entries.values())

    def is_home(self, node_id: NodeId) -> bool:
        """Whether it is one of the nearest."""
        return node_id in self._home

    def is_silent(self, node_id: NodeId) -> bool:
        """Whether it is known, and the last question to it had no answer."""
        entry = self._entries.get(node_id)
        return entry is not None and entry.is_silent

    def age_s(self, node_id: NodeId, now: float) -> float:
        """How long ago it answered last; infinite if it is unknown."""
        entry = self._entries.get(node_id)
        return float("inf") if entry is None else now - entry.answered_at

    def described(self, member: Member, now: float) -> bool:
        """
        Take what a node says about itself.

        Returns:
            Whether one of the nearest is new, or another in what placement looks at.
        """
        known = self._entries.get(member.node_id)
        self._entries[member.node_id] = _Entry(attrs.evolve(member, silent_s=0.0), now)
        if known is None:
            self._bound()
            return self.is_home(member.node_id)
        before, after = known.member, member
        return self.is_home(member.node_id) and (
            (before.zone, before.capacity, before.shelf)
            != (after.zone, after.capacity, after.shelf)
        )

    def recalled(self, member: Member, now: float) -> None:
        """Take a node that was there before this one restarted: silent from now on."""
        if member.node_id not in self._entries:
            self._entries[member.node_id] = _Entry(member, now, is_silent=True)
            self._bound()

    def heard(self, node_id: NodeId, now: float) -> None:
        """Take any answer of a node."""
        entry = self._entries.get(node_id)
        if entry is not None:
            entry.answered_at, entry.is_silent = now, False

    def unheard(self, node_id: NodeId) -> None:
        """Take the silence of a node."""
        entry = self._entries.get(node_id)
        if entry is not None:
            entry.is_silent = True

    def give_up(self, now: float, grace_s: float) -> bool:
        """
        Drop whoever is silent and has not answered for *grace_s*.

        Returns:
            Whether one of the nearest was among them.
        """
        gone = [
            node_id
            for node_id, entry in self._entries.items()
            if entry.is_silent and now - entry.answered_at >= grace_s
        ]
        return self._drop(gone)

    def forget(self, now: float, stale_s: float, without: Container[NodeId]) -> None:
        """Drop whoever is far, and answered last *stale_s* ago; silent ones wait to be given up."""
        stale = [
            node_id
            for node_id, entry in self._entries.items()
            if now - entry.answered_at >= stale_s
            and not (entry.is_silent or self.is_home(node_id) or node_id in without)
        ]
        self._drop(stale)

    def _drop(self, node_ids: list[NodeId]) -> bool:
        for node_id in node_ids:
            del self._entries[node_id]
        was_home = any(map(self.is_home, node_ids))
        if node_ids:
            self._bound()
        return was_home

    def _bound(self) -> None:
        nearest = heapq.nsmallest(self._most, self._entries, key=self._own.distance)
        if len(nearest) < len(self._entries):
            self._entries = {node_id: self._entries[node_id] for node_id in nearest}
        self._home = frozenset(nearest[: self._home_size])


def _with_silence(entry: _Entry, now: float) -> Member:
    if not entry.is_silent:
        return entry.member
    silent_s = max(now - entry.answered_at, LEAST_SILENCE_S)
    return attrs.evolve(entry.member, silent_s=silent_s)
