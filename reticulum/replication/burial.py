"""Deletions: told to all who may have the image, believed when signed, kept for a month."""

import random
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Protocol

import attrs
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeoutError
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from reticulum.errors import BadRecord, BadRequest, HolderFailed, UnknownImage
from reticulum.interfaces import MOST_BURIED, Members, Peers
from reticulum.model import Contact, ImageId, Key, NodeId, Tombstone
from reticulum.overlay.records.tombstone import read_tombstone, sign_tombstone
from reticulum.replication.here import Here
from reticulum.replication.together import batches, together

DEEPEST = 160
"""Told with this depth, a node passes nothing on."""
EACH_BUCKET = 2
"""Nodes told in each part of the key space: one of them may be dead."""
AT_ONCE = 8
WAIT_S = 3.0
"""How long a deletion is not answered because others have not."""
SKEW_S = 1200
"""By how much two clocks may be apart, and then some."""
MOST_PAGES = 2000

_log = Logger()


class Neighbourhood(Protocol):
    """Whom this node knows by its routing table."""

    def neighbours(self) -> Sequence[Contact]:
        """Everybody in it."""


@attrs.define(kw_only=True)
class Burial:
    """
    Tombstones of this node: made, believed, passed on.

    A deletion reaches the keepers of the image at once and everybody else over the routing
    tables, as a broadcast in Kademlia does: each node tells some nodes of each part of the key
    space that its own teller has left to it. Who was away asks for what it missed.

    Args:
        own: The id of this node.
        private_key: Signs.
        here: The copies on this node.
        peers: The other nodes.
        members: Who is near.
        neighbourhood: Who is anywhere.
        now: Seconds since 1970.
        clock: For the time-out.
        rng: Chooses whom to tell.
        start: Begins work that nobody waits for: its name, and the work.
        clients: Nodes that this one relays for: nobody has them in a routing table, so whatever is
            new here is told to them from here.
    """

    _own: NodeId
    _private_key: Ed25519PrivateKey
    _here: Here
    _peers: Peers
    _members: Members
    _neighbourhood: Neighbourhood
    _now: Callable[[], float]
    _clock: IReactorTime
    _rng: random.Random
    _start: Callable[..., None]
    _clients: Callable[[], Sequence[Contact]]
    learned: int = attrs.field(default=0, init=False)

    async def delete(self, image_id: ImageId) -> int:
        """
        Delete an image in the whole grid; returns when those who should keep it were told.

        Returns:
            How many nodes have confirmed it, this one included; 1 if others take longer than
            `WAIT_S`, and go on.

        Raises:
            NoSpace: The tombstone could not be kept.
        """
        return await self._declare(image_id, revoked=False)

    async def revoke(self, image_id: ImageId) -> None:
        """
        Let an image that was deleted be kept again, because somebody has uploaded it anew.

        Raises:
            NoSpace: That could not be kept.
        """
        await self._declare(image_id, revoked=True)

    async def bury(self, packed: Sequence[bytes], depth: int) -> None:
        """
        Believe what others tell, and pass on what is new; see `Custody.bury`.

        Raises:
            BadRequest: One of them is no sound tombstone; the others are kept.
            NoSpace: The disk is full.
        """
        sound, bad = self._read(packed)
        await self._learn(sound, depth)
        if bad:
            raise BadRequest(f"{bad} of {len(packed)} are no tombstones of this grid")

    async def settle(self, contact: Contact, image_id: ImageId) -> bool:
        """
        Agree with a node that refuses an image as deleted: one of us has missed something.

        Returns:
            Whether it should take the image now.

        Raises:
            HolderFailed: It did not answer.
        """
        mine = self._here.graveyard.get(image_id)
        if mine is not None and mine.revoked:
            await self._peers.bury(contact, [mine], DEEPEST)
            return True
        await self.catch_up(contact, 0)
        return False

    async def catch_up(self, contact: Contact, since: float) -> int:
        """
        Ask a node for the deletions it learned of since then.

        Args:
            contact: Whom to ask.
            since: Seconds since 1970, by this node's clock.

        Returns:
            How many of them were new here.

        Raises:
            HolderFailed: It did not answer.
            NoSpace: The disk is full.
        """
        earliest = max(int(since) - SKEW_S, 0)
        new, after = 0, 0
        for _ in range(MOST_PAGES):
            packed, following = await self._peers.buried(contact, earliest, after)
            sound, _bad = self._read(packed)
            new += await self._learn(sound, DEEPEST)
            if following is None or following <= after:
                break
            after = following
        return new

    async def _declare(self, image_id: ImageId, *, revoked: bool) -> int:
        known = self._here.graveyard.get(image_id)
        now = self._now()
        sequence = max(int(now * 1000), 1 if known is None else known.sequence + 1)
        tombstone = sign_tombstone(
            self._private_key, image_id, sequence=sequence, now=now, revoked=revoked
        )
        await self._learn([tombstone], DEEPEST)
        near = [
            member.contact
            for member in await self._members.near(Key.of_image(image_id))
            if member.node_id != self._own and not member.silent_s
        ]
        heard: Deferred[int] = Deferred()
        self._start("burial.tell", self._tell_all(tombstone, near, heard))
        try:
            return 1 + await heard.addTimeout(WAIT_S, self._clock)
        except DeferredTimeoutError:
            _log.info("burial.late image={image}", image=str(image_id))
            return 1

    async def _tell_all(
        self, tombstone: Tombstone, near: Sequence[Contact], heard: Deferred[int]
    ) -> None:
        told = await self._tell([(contact, DEEPEST) for contact in near], [tombstone])
        if not heard.called:
            heard.callback(told)
        await self._broadcast([tombstone], 0, {contact.node_id for contact in near})

    def _read(self, packed: Iterable[bytes]) -> tuple[list[Tombstone], int]:
        sound: list[Tombstone] = []
        bad = 0
        for one in packed:
            try:
                sound.append(read_tombstone(one, self._now()))
            except BadRecord as error:
                bad += 1
                _log.info("burial.refused fault={fault}", fault=error.fault.name)
        return sound, bad

    async def _learn(self, tombstones: Sequence[Tombstone], depth: int) -> int:
        new = await self._here.graveyard.keep(tombstones)
        for tombstone in new:
            if not tombstone.revoked:
                await self._here.erase(tombstone.image_id)
        self.learned += len(new)
        if new and depth < DEEPEST:
            self._start("burial.pass_on", self._broadcast(new, depth, set()))
        if new and (clients := self._clients()):
            told = [(contact, DEEPEST) for contact in clients]
            self._start("burial.tell_clients", self._tell_only(told, new))
        return len(new)

    async def _broadcast(
        self, tombstones: Sequence[Tombstone], depth: int, without: set[NodeId]
    ) -> None:
        parts: dict[int, list[Contact]] = {}
        for contact in self._neighbourhood.neighbours():
            shared = DEEPEST - contact.node_id.distance(self._own).bit_length()
            if depth <= shared < DEEPEST and contact.node_id not in without:
                parts.setdefault(shared, []).append(contact)
        chosen = [
            (contact, shared + 1)
            for shared, contacts in sorted(parts.items())
            for contact in self._rng.sample(contacts, min(EACH_BUCKET, len(contacts)))
        ]
        await self._tell(chosen, tombstones)

    async def _tell_only(
        self, whom: Sequence[tuple[Contact, int]], tombstones: Sequence[Tombstone]
    ) -> None:
        await self._tell(whom, tombstones)

    async def _tell(
        self, whom: Sequence[tuple[Contact, int]], tombstones: Sequence[Tombstone]
    ) -> int:
        async def tell(contact: Contact, depth: int) -> bool:
            try:
                for some in batches(tombstones, MOST_BURIED):
                    await self._peers.bury(contact, some, depth)
            except (HolderFailed, UnknownImage) as error:
                _log.info(
                    "burial.untold node={node} reason={reason}",
                    node=str(contact.node_id),
                    reason=str(error),
                )
                return False
            return True

        works = [partial(tell, contact, depth) for contact, depth in whom]
        return sum(await together(works, most=AT_ONCE))
