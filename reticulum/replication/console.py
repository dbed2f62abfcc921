"""The keeping of images as the operator of one node sees it, and steps in."""

from collections import Counter
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import aclosing
from typing import Any

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from reticulum.model import ImageId, Member, Shelf
from reticulum.replication.examining import Examining
from reticulum.replication.keeper import Keeper
from reticulum.replication.mending import Mending
from reticulum.replication.proving import Proving
from reticulum.replication.ticking import ticking

Told = dict[str, Any]


@attrs.frozen(kw_only=True)
class Keeping:
    """
    A `reticulum.interfaces.KeepingConsole`.

    Args:
        own: This node, as others see it, now.
        copies: Of each image.
        size: How many images are here, about.
        keeper: What looks after copies on this node.
        examining: Looks at one image.
        mending: Repairs one.
        proving: Reads what is here.
        clock: For pauses.
    """

    _own: Callable[[], Member]
    _copies: int
    _size: Callable[[], int]
    _keeper: Keeper
    _examining: Examining
    _mending: Mending
    _proving: Proving
    _clock: IReactorTime

    async def health(self, image_id: ImageId, *, verify: bool) -> Told:
        """Who should have an image, and who has it; see `KeepingConsole`."""
        return self._examining.told(await self._examining(image_id, verify=verify))

    async def repair(self, image_id: ImageId) -> AsyncGenerator[Told, None]:
        """Bring an image to where it belongs; see `KeepingConsole`."""
        ended: list[Told] = []

        async def mend() -> None:
            before = await self._examining(image_id)
            after = await self._mending(before)
            told = self._examining.told
            ended.append({"event": "done", "before": told(before), "after": told(after)})

        async with aclosing(self._ticks(mend())) as ticks:
            async for _ in ticks:
                yield {"event": "progress"}
        yield ended[0]

    def verify(self, image_id: ImageId | None) -> AsyncGenerator[Told, None]:
        """Read and compare; see `KeepingConsole`."""
        return self._proving(image_id)

    def node(self) -> Told:
        """What this node keeps, and how far its drain is; see `KeepingConsole`."""
        own, keeper = self._own(), self._keeper
        others = list(keeper.landscape.alive())
        storing = [member for member in others if member.shelf is not Shelf.CLOSED]
        return {
            "id": str(own.node_id),
            "zone": own.zone,
            "shelf": own.shelf.name.lower(),
            "capacity_bytes": own.capacity,
            "images": self._size(),
            "copies": self._copies,
            "settled": keeper.landscape.settled,
            "others": {
                "alive": len(others),
                "storing": len(storing),
                "full": sum(member.shelf is Shelf.FULL for member in storing),
                "zones": dict(Counter(member.zone for member in storing)),
            },
            "drain": {
                **attrs.asdict(keeper.drain.report),
                # Of each image, without this node.
                "possible": min(self._copies, len(storing)),
            },
        }

    async def drain(self) -> Told:
        """Begin to hand on everything; see `KeepingConsole`."""
        self._keeper.drain.begin()
        await self._keeper.note()
        return self.node()

    async def stay(self) -> Told:
        """End a drain; see `KeepingConsole`."""
        self._keeper.drain.end()
        await self._keeper.note()
        return self.node()

    def _ticks(self, work: Coroutine[Deferred[Any], Any, object]) -> AsyncGenerator[None, None]:
        return ticking(work, self._clock)
