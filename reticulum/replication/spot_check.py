"""
Spot checks: a node that has lost its disk, and came back with its key, is noticed soon.

To the others such a node was away for a moment, if at all, so nothing tells them to compare. Each
of them asks for a few images at random now and then, and if a node lacks most of what it should
have, the census does not wait for its time. It costs a question to each neighbour, and notices a
half-restored backup or a folder removed by mistake just as well.
"""

import random
from collections import Counter
from collections.abc import Callable

import attrs
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from reticulum.model import HashName, ImageId, NodeId
from reticulum.overlay.pauses import Alarm, about
from reticulum.replication.health import Health
from reticulum.replication.here import Here
from reticulum.replication.pace import own_alarm
from reticulum.replication.tending import Tending

EVERY_S = 60.0
SAMPLE = 20
"""Images asked for each time."""
LEAST_LACKING = 2
"""Of the images that one node should have: one may be on its way just now."""
COOL = 10
"""What a round of the census puts right takes its time: so many checks are left out then."""

_log = Logger()


@attrs.define(kw_only=True)
class SpotCheck:
    """
    Asks for a few images, and calls for a census if a node lacks most of its own.

    Args:
        here: The copies on this node.
        tending: Knows who should have them, and asks.
        alarmed: Called when everything is to be compared.
        every_s: Seconds from one check to the next, about.
        clock: For pauses.
        rng: For pauses, and for which images.
        is_settled: Whether this node knows by now who is there.
    """

    _here: Here
    _tending: Tending
    _alarmed: Callable[[], None]
    _every_s: float
    _clock: IReactorTime
    _rng: random.Random
    _is_settled: Callable[[], bool]
    _alarm: Alarm = attrs.field(default=attrs.Factory(own_alarm, takes_self=True), init=False)
    _cool_until: float = attrs.field(default=float("-inf"), init=False)
    checked: int = attrs.field(default=0, init=False)
    alarms: int = attrs.field(default=0, init=False)

    def stop(self) -> None:
        """Wait no more."""
        self._alarm.close()

    async def run(self) -> None:
        """Go on until cancelled."""
        while True:
            await self._alarm.pause(about(self._every_s, self._rng))
            if self._is_settled() and self._clock.seconds() >= self._cool_until:
                await self.look()

    async def look(self) -> None:
        """Check once."""
        image_ids = await self._sample()
        checked = await self._tending.examine(image_ids)
        self.checked += len(checked)
        bare = list(bare_nodes(checked))
        if bare:
            self.alarms += 1
            self._cool_until = self._clock.seconds() + COOL * self._every_s
            _log.warn("spot_check.bare nodes={nodes}", nodes=", ".join(map(str, bare)))
            self._alarmed()

    async def _sample(self) -> list[ImageId]:
        """Some that follow each other in the order of ids, which is as good as chance."""
        page = self._here.originals.page
        found = await page(self._anywhere(), SAMPLE)
        if len(found) < SAMPLE:
            found = (found + list(await page(None, SAMPLE)))[:SAMPLE]
        return list({original.image_id: None for original in found})

    def _anywhere(self) -> ImageId:
        name = self._rng.choice(list(HashName))
        return ImageId(name, f"{self._rng.getrandbits(4 * name.hex_digits):0{name.hex_digits}x}")


def bare_nodes(checked: list[Health]) -> list[NodeId]:
    """Nodes that lack most of what they should have, as far as *checked* tells."""
    lacking: Counter[NodeId] = Counter()
    asked: Counter[NodeId] = Counter()
    for health in checked:
        if health.deleted:
            continue
        lacking.update(copy.member.node_id for copy in health.lacking)
        asked.update(copy.member.node_id for copy in health.keepers if copy.holding is not None)
    return [
        node_id
        for node_id, count in lacking.items()
        if count >= LEAST_LACKING and 2 * count > asked[node_id]
    ]
