"""Making images whole: who lacks a copy gets one, who has one too many lets go of it."""

from collections.abc import Sequence

import attrs
from twisted.logger import Logger

from reticulum.errors import HolderFailed, NotTaken, UnknownImage
from reticulum.interfaces import Members, Peers
from reticulum.model import Contact, Holding, ImageId, Key, Member, NodeId, Shelf
from reticulum.replication.asking import Answers, ask
from reticulum.replication.burial import Burial
from reticulum.replication.departure import Departure
from reticulum.replication.handover import Handover
from reticulum.replication.health import Copy, Health
from reticulum.replication.here import Here
from reticulum.replication.placement import placement

_log = Logger()


@attrs.define(kw_only=True)
class Tending:
    """
    Looks after images that this node holds, or has been asked about.

    Of the nodes that hold an image, the first one in placement order gives it to those who lack
    it; the others stay quiet. All nodes see the same order as long as they see the same members.

    Args:
        own: The id of this node.
        copies: Of each image.
        here: The copies on this node.
        members: Who may keep what.
        peers: The other nodes.
        handover: Moves copies.
        burial: Tombstones.
        departure: Whether this node hands on all it has, whoever's turn it is.
    """

    _own: NodeId
    _copies: int
    _here: Here
    _members: Members
    _peers: Peers
    _handover: Handover
    _burial: Burial
    _departure: Departure
    repaired: int = attrs.field(default=0, init=False)
    dropped: int = attrs.field(default=0, init=False)

    async def health(self, image_id: ImageId, *, verify: bool = False) -> Health:
        """Ask everybody who should have an image whether they have it; changes nothing."""
        return (await self.examine([image_id], verify=verify))[0]

    async def examine(self, image_ids: Sequence[ImageId], *, verify: bool = False) -> list[Health]:
        """See `health`, for several at once: each node is asked for all that concerns it."""
        asked = {image_id: self._asked(await self.order(image_id)) for image_id in image_ids}
        questions: dict[Contact, list[ImageId]] = {}
        for image_id, members in asked.items():
            for member in members:
                if member.node_id != self._own and not member.silent_s:
                    questions.setdefault(member.contact, []).append(image_id)
        answers = await ask(self._peers, questions, verify=verify)
        return [
            await self._health(image_id, members, answers, verify=verify)
            for image_id, members in asked.items()
        ]

    async def tend(self, image_ids: Sequence[ImageId], *, eager: bool = False) -> list[Health]:
        """
        Bring images to where they belong.

        Args:
            image_ids: Of any; those that are not here are only looked at.
            eager: Give to whoever lacks one even if it is the turn of another.

        Returns:
            How each does afterwards, as far as it is known.

        Raises:
            NoSpace: A deletion could not be kept.
        """
        checked = await self.examine(image_ids)
        return [
            await self._act(health, eager=eager or self._departure.is_near) for health in checked
        ]

    async def restore(self, image_id: ImageId) -> bool:
        """
        Get an image that was lost or damaged here from others.

        Returns:
            Whether it is here now.

        Raises:
            NoSpace: The disk is full.
        """
        health = await self.health(image_id)
        for copy in health.holders:
            if copy.member.node_id == self._own:
                return True
            if await self._handover.get(copy.member.contact, image_id):
                self.repaired += 1
                return True
        return False

    async def order(self, image_id: ImageId) -> tuple[Member, ...]:
        """Who should have an image, best first, then who comes next."""
        key = Key.of_image(image_id)
        return placement(key, await self._members.near(key), self._copies)

    def _asked(self, order: Sequence[Member]) -> Sequence[Member]:
        """The first ones, and as many more as some of these may be full."""
        first = order[: self._copies]
        return order[: self._copies + sum(member.shelf is Shelf.FULL for member in first)]

    async def _health(
        self, image_id: ImageId, asked: Sequence[Member], answers: Answers, *, verify: bool
    ) -> Health:
        copies: list[Copy] = []
        for member in asked:
            if member.node_id == self._own:
                holding: Holding | None = await self._here.holding(image_id)
                if verify and holding is Holding.HELD:
                    sound = await self._here.check(image_id)
                    holding = Holding.VERIFIED if sound else Holding.ABSENT
            else:
                holding = answers.get((member.node_id, image_id))
            copies.append(Copy(member=member, holding=holding))
        return Health(image_id=image_id, wanted=self._copies, copies=tuple(copies))

    async def _act(self, health: Health, *, eager: bool) -> Health:
        image_id = health.image_id
        for copy in health.deleted:
            if not self._here.is_deleted(image_id):
                await self._heed(copy.member.contact, image_id)
        holding = await self._here.holding(image_id)
        if holding is Holding.DELETED:
            # Killed between the tombstone and the removal: it would be back when that expires.
            await self._here.erase(image_id)
        if holding is not Holding.HELD:
            return health
        is_first = bool(health.holders) and health.holders[0].member.node_id == self._own
        is_alone = not health.holders
        if eager or is_first or is_alone:
            health = await self._give(health)
        if not health.keeps(self._own) and health.is_whole and not self._departure.is_near:
            await self._let_go(image_id)
        return health

    async def _heed(self, contact: Contact, image_id: ImageId) -> None:
        """Learn of a deletion; or tell that it was revoked, if that is what the other missed."""
        try:
            await self._burial.catch_up(contact, 0)
            mine = self._here.graveyard.get(image_id)
            if mine is not None and mine.revoked:
                await self._burial.settle(contact, image_id)
        except HolderFailed as error:
            _log.info("tend.unheard node={node} reason={reason}", node=contact, reason=str(error))

    async def _give(self, health: Health) -> Health:
        copies = {copy.member.node_id: copy for copy in health.copies}
        for copy in health.lacking:
            member = copy.member
            try:
                given = await self._handover.give(member.contact, health.image_id)
            except NotTaken:
                full = attrs.evolve(member, shelf=Shelf.FULL)
                copies[member.node_id] = Copy(member=full, holding=Holding.ABSENT)
                continue
            except UnknownImage:
                break
            if given:
                self.repaired += 1
                copies[member.node_id] = Copy(member=member, holding=Holding.VERIFIED)
        return attrs.evolve(health, copies=tuple(copies.values()))

    async def _let_go(self, image_id: ImageId) -> None:
        """Drop a copy too many, once the bytes of all others were read."""
        health = await self.health(image_id, verify=True)
        sound = [copy for copy in health.keepers if copy.holding is Holding.VERIFIED]
        if len(sound) < self._copies or health.keeps(self._own):
            return
        if await self._here.drop(image_id):
            self.dropped += 1
            _log.debug("tend.dropped image={image}", image=str(image_id))
