"""Nudges: a read that met a gap among the copies tells the node whose turn it is to repair."""

from collections.abc import Callable, Sequence

from twisted.logger import Logger

from reticulum.errors import HolderFailed, UnknownImage
from reticulum.interfaces import Peers
from reticulum.model import Contact, ImageId, Member, NodeId
from reticulum.node.recent import Recent
from reticulum.node.tasks import Tasks

DAMPER_S = 900.0
"""Once in so many seconds for one image."""
MOST_REMEMBERED = 10_000
MOST_AT_ONCE = 16

_log = Logger()


class Nudges:
    """
    Tells holders that an image is short of copies, in the background.

    Args:
        own: The id of this node.
        placed: Who should hold an image, in placement order, as far as that is known.
        peers: Tells them.
        tasks: Owns what goes on in the background.
        now: Seconds, monotonic.
    """

    def __init__(
        self,
        *,
        own: NodeId,
        placed: Callable[[ImageId], Sequence[Member]],
        peers: Peers,
        tasks: Tasks,
        now: Callable[[], float],
    ) -> None:
        self._own = own
        self._placed = placed
        self._peers = peers
        self._tasks = tasks
        self._lately: Recent[ImageId, bool] = Recent(
            most=MOST_REMEMBERED, seconds=DAMPER_S, now=now
        )
        self._under_way = 0
        self.sent = 0

    def found(self, image_id: ImageId, holder: Contact, lacking: frozenset[NodeId]) -> None:
        """
        Note what a read has revealed.

        Args:
            image_id: Of what this node does not hold.
            holder: Who gave it.
            lacking: Who should have it, and gave nothing.
        """
        placed = self._placed(image_id)
        is_short = bool(lacking) or any(member.node_id == self._own for member in placed)
        if not is_short or self._lately.get(image_id) or self._under_way >= MOST_AT_ONCE:
            return
        self._lately.put(image_id, True)
        # In a repair, the first one in placement order that has it gives to the others.
        having = (
            member.contact
            for member in placed
            if not member.silent_s and member.node_id not in lacking | {self._own}
        )
        self._under_way += 1
        self._tasks.start("nudge", self._nudge(next(having, holder), image_id))

    async def _nudge(self, contact: Contact, image_id: ImageId) -> None:
        try:
            await self._peers.nudge(contact, image_id)
            self.sent += 1
        except (HolderFailed, UnknownImage) as error:
            _log.info(
                "nudge.failed node={node} image={image} reason={reason}",
                node=str(contact.node_id),
                image=str(image_id),
                reason=str(error),
            )
        finally:
            self._under_way -= 1
