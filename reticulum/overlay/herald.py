"""Tells the grid what this node says about itself: when that changes, and before it is old."""

import random

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from reticulum.model import NodeId
from reticulum.overlay.announcing.piles import COPIES
from reticulum.overlay.pauses import Alarm, about, growing
from reticulum.overlay.records import NodeRecord
from reticulum.overlay.seeking import Seeking
from reticulum.overlay.storing import Storing
from reticulum.overlay.voice import Voice

LOOK_S = 60.0
"""Seconds between two looks at whether there is something new to say; see `Herald.stir`."""
LOOK_RELAYED_S = 15.0
"""Likewise of a node that nobody can ask directly."""
AGAIN_S = 10.0
LONGEST_AGAIN_S = 60.0


class Herald:
    """
    Stores the node record at the nodes that others ask for it.

    Beside those closest to the node these are its relays, which are asked whether it is there.

    Args:
        own: The id of this node.
        voice: Signs.
        seeking: Finds who is to keep it.
        storing: Hands it over.
        clock: For pauses.
        rng: For pauses.
    """

    def __init__(
        self,
        own: NodeId,
        *,
        voice: Voice,
        seeking: Seeking,
        storing: Storing,
        clock: IReactorTime,
        rng: random.Random,
    ) -> None:
        self._own = own
        self._voice = voice
        self._seeking = seeking
        self._storing = storing
        self._rng = rng
        self._alarm = Alarm(clock)
        self._told_sequence = 0

    def stir(self) -> None:
        """Go on at once: there is somebody to tell now, or something new to say."""
        self._alarm.ring()

    def stop(self) -> None:
        """Wait for nothing any more."""
        self._alarm.close()

    async def run(self) -> None:
        """Go on until cancelled."""
        again = growing(AGAIN_S, LONGEST_AGAIN_S)
        while True:
            record = self._voice.node_record()
            if record is None or record.sequence == self._told_sequence:
                await self._alarm.pause(LOOK_RELAYED_S if self._voice.relays else LOOK_S)
            elif await self._tell(record):
                self._told_sequence = record.sequence
                again = growing(AGAIN_S, LONGEST_AGAIN_S)
            else:
                await self._alarm.pause(about(next(again), self._rng))

    async def _tell(self, record: NodeRecord) -> bool:
        """Whether anybody keeps it now."""
        near = (await self._seeking.nodes(self._own)).closest[:COPIES]
        keepers = dict.fromkeys([*self._voice.relays, *near])
        telling = [
            Deferred.fromCoroutine(self._storing.store(keeper, record=record)) for keeper in keepers
        ]
        return any([await told for told in telling])
