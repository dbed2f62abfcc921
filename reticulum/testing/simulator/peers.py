"""Other nodes of a simulation, as one of them asks them; a `reticulum.interfaces.Peers`."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import attrs

from reticulum.errors import UnknownImage
from reticulum.interfaces import Sink
from reticulum.model import Contact, Holding, ImageId, Original, Rendition, Tombstone
from reticulum.testing.simulator.exchange import Door, Exchange, Work
from reticulum.testing.simulator.network import Place
from reticulum.testing.simulator.node_clock import NodeClock

T = TypeVar("T")
HASHING_S = 1.0


@attrs.frozen
class SimulatedPeers:
    """
    Asks through an `Exchange`.

    Args:
        exchange: Carries questions and answers.
        place: Where this node lives.
        time: Its time.
    """

    _exchange: Exchange
    _place: Place
    _time: NodeClock

    async def facts(self, contact: Contact, image_id: ImageId) -> Original:
        """Facts about an original that *contact* holds; see `Peers`."""
        return await self._ask(contact, lambda door: door.originals.find(image_id))

    async def original(self, contact: Contact, image_id: ImageId, sink: Sink) -> Original:
        """Write an original to *sink*; see `Peers`."""

        async def send(door: Door) -> tuple[Original, bytes]:
            original = await door.originals.find(image_id)
            path = await door.originals.path(image_id)
            return original, await self._exchange.transfer(door.clock, path.read_bytes())

        original, content = await self._ask(contact, send)
        sink.write(content)
        return original

    async def rendition(
        self, contact: Contact, rendition: Rendition, sink: Sink, *, only_here: bool = False
    ) -> tuple[Original, str]:
        """Nobody makes pictures in a simulation."""
        del contact, sink, only_here
        raise UnknownImage(f"no rendition of {rendition.image_id} is made in a simulation")

    async def have(
        self, contact: Contact, image_ids: Sequence[ImageId], *, verify: bool = False
    ) -> Sequence[Holding]:
        """Ask which images it holds; see `Peers`."""
        work_s = HASHING_S * len(image_ids) if verify else 0.0
        return await self._ask(
            contact, lambda door: door.custody.have(image_ids, verify=verify), work_s=work_s
        )

    async def give(self, contact: Contact, original: Original, path: Path) -> bool:
        """Hand over an original; see `Peers`."""
        content = path.read_bytes()  # noqa: ASYNC240  (a few bytes)

        async def take(door: Door) -> bool:
            incoming = door.custody.begin(original)
            incoming.write(await self._exchange.transfer(door.clock, content))
            return await door.custody.take(incoming, original)

        return await self._ask(contact, take, length=len(content))

    async def bury(self, contact: Contact, tombstones: Sequence[Tombstone], depth: int) -> None:
        """Tell of deletions; see `Peers`."""
        packed = [one.packed for one in tombstones]
        await self._ask(contact, lambda door: door.custody.bury(packed, depth))

    async def buried(
        self, contact: Contact, since: int, after: int
    ) -> tuple[Sequence[bytes], int | None]:
        """Ask for deletions; see `Peers`."""

        async def tell(door: Door) -> tuple[Sequence[bytes], int | None]:
            return door.custody.buried(since, after)

        return await self._ask(contact, tell)

    async def nudge(self, contact: Contact, image_id: ImageId) -> None:
        """Tell that an image seems to be short of copies; see `Peers`."""

        async def note(door: Door) -> None:
            door.custody.nudged(image_id)

        await self._ask(contact, note)

    async def _ask(
        self,
        contact: Contact,
        work: Callable[[Door], Work[T]],
        *,
        length: int = 0,
        work_s: float = 0.0,
    ) -> T:
        return await self._exchange.ask(
            self._place, self._time, contact, work, length=length, work_s=work_s
        )
