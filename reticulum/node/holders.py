"""Who has an image: whoever should have it by placement, and only then whoever says so."""

import math
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import attrs

from reticulum.interfaces import Members
from reticulum.model import Contact, ImageId, Key, Member, NodeId
from reticulum.node.promptness import SHORTEST_S, Promptness
from reticulum.node.recent import Recent
from reticulum.overlay.views import Described, Holder, Located
from reticulum.replication.placement import placement

PLACED_S = 5.0
"""Where an image belongs is worked out once in so many seconds."""
FOUND_S = 60.0
"""Who turned out to have an image is asked first for so long."""
MOST_REMEMBERED = 10_000
TRIES = 3
"""Lookups, as long as all that they name are nowhere to be found."""

Find = Callable[[Key, frozenset[NodeId]], Awaitable[Sequence[Contact]]]
"""Looks up who says that he holds the image with a key, without some."""


class PlacedHolders:
    """
    Knows who should hold an image; a `reticulum.interfaces.Holders`.

    Args:
        own: This node, as others see it, now.
        members: The nodes of the grid.
        copies: Of each image, now.
        promptness: How long each node usually takes.
        find: Looks it up in the DHT.
        now: Seconds, monotonic.
    """

    def __init__(
        self,
        *,
        own: Callable[[], Member],
        members: Members,
        copies: Callable[[], int],
        promptness: Promptness,
        find: Find,
        now: Callable[[], float],
    ) -> None:
        self._own = own
        self._members = members
        self._copies = copies
        self._promptness = promptness
        self._find = find
        self._placed: Recent[ImageId, tuple[Member, ...]] = Recent(
            most=MOST_REMEMBERED, seconds=PLACED_S, now=now
        )
        self._found: Recent[ImageId, Contact] = Recent(
            most=MOST_REMEMBERED, seconds=FOUND_S, now=now
        )

    async def holders(self, image_id: ImageId) -> Sequence[Contact]:
        """
        Other nodes that should hold the image and are not silent, best first.

        Whoever turned out to have it comes first, then those in this node's zone, then those that
        are reached without a relay, then those that answer faster (by whole doublings), then those
        earlier in placement.
        """
        own = self._own()
        live = [
            member
            for member in await self.placed(image_id)
            if not member.silent_s and member.node_id != own.node_id
        ]
        found = self._found.get(image_id)
        contacts = [
            member.contact
            for member in sorted(live, key=lambda member: self._rank(own, member))
            if found is None or member.node_id != found.node_id
        ]
        if found is None:
            return contacts
        is_silent = self._promptness.is_silent(found.node_id)
        return [*contacts, found] if is_silent else [found, *contacts]

    async def others(self, image_id: ImageId, without: frozenset[NodeId]) -> Sequence[Contact]:
        """
        Look up who else says that he holds the image.

        The silent ones that should hold it come last, if they are so many that an acknowledged
        image may be with them alone: to a node that has just started everybody is silent.
        """
        self._found.forget(image_id)
        own = self._own().node_id
        contacts = list(await self._find(Key.of_image(image_id), without))
        silent = [member.contact for member in await self.placed(image_id) if member.silent_s]
        if len(silent) > self._copies() // 2:
            found = {contact.node_id for contact in contacts}
            contacts += [contact for contact in silent if contact.node_id not in found]
        return [
            contact
            for contact in contacts
            if contact.node_id != own and contact.node_id not in without
        ]

    async def placed(self, image_id: ImageId) -> Sequence[Member]:
        """Those who should hold the image, in placement order, silent ones and this one too."""
        placed = self._placed.get(image_id)
        if placed is None:
            key, copies = Key.of_image(image_id), self._copies()
            placed = placement(key, await self._members.near(key), copies)[:copies]
            self._placed.put(image_id, placed)
        return placed

    async def turn(self, image_id: ImageId) -> Contact | None:
        """
        Whose turn it is to make renditions of the image: the first one that is not silent.

        None if that is this node, or nobody; all nodes that see the same members see the same.
        """
        for member in await self.placed(image_id):
            if not member.silent_s:
                return None if member.node_id == self._own().node_id else member.contact
        return None

    def lately(self, image_id: ImageId) -> Sequence[Member]:
        """What `placed` gave a moment ago; nothing if it was not asked."""
        return self._placed.get(image_id) or ()

    def has(self, image_id: ImageId, contact: Contact) -> None:
        """Note that a node turned out to have the image."""
        self._found.put(image_id, contact)

    def forget(self, image_id: ImageId) -> None:
        """Remember nothing about an image."""
        self._found.forget(image_id)
        self._placed.forget(image_id)

    def _rank(self, own: Member, member: Member) -> tuple[bool, bool, bool, int]:
        is_far = not own.zone or member.zone != own.zone
        is_relayed = member.contact.via is not None
        usual_s = self._promptness.usual_s(member.node_id)
        doublings = int(math.log2(usual_s / SHORTEST_S))
        return self._promptness.is_silent(member.node_id), is_far, is_relayed, doublings


class Dht(Protocol):
    """What is asked of the DHT."""

    async def holders(self, key: Key, without: frozenset[NodeId] = frozenset()) -> Sequence[Holder]:
        """Who holds the image with *key*, without some, in the order in which they were found."""

    async def find(self, node_id: NodeId) -> Located:
        """Where a node is."""

    async def describe(self, contact: Contact) -> Described | None:
        """What a node says about itself, and by way of which relay it is reached now."""


@attrs.frozen
class FindByDht:
    """
    Looks up who holds an image; a `Find`.

    Args:
        dht: This node in the DHT.
        most: How many nodes that only a record speaks of are looked for.
    """

    _dht: Dht
    _most: int = 3

    async def __call__(self, key: Key, without: frozenset[NodeId]) -> Sequence[Contact]:
        """Those that answered for themselves come first, those behind relays last."""
        for _ in range(TRIES):
            found = await self._dht.holders(key, without)
            contacts = await self._located(found)
            if contacts or not found:
                return contacts
            # Records outlive their nodes: whoever is nowhere makes room for others.
            without |= {holder.node_id for holder in found}
        return []

    async def _located(self, found: Sequence[Holder]) -> list[Contact]:
        contacts = [Contact(one.node_id, one.address) for one in found if one.address is not None]
        relayed: list[Contact] = []
        for holder in [one for one in found if one.address is None][: self._most]:
            located = await self._dht.find(holder.node_id)
            if located.address is not None:
                contacts.append(Contact(holder.node_id, located.address))
            elif located.relays:
                described = await self._dht.describe(located.relays[0])
                relayed += [] if described is None else [described.contact]
        return contacts + relayed
