"""Tells the grid which images are here: news at once, all in sweeps."""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from reticulum.model import Contact, Key, NodeId
from reticulum.overlay.announcing import (
    Change,
    KeyIndex,
    News,
    Region,
    Sweep,
    gap_s,
    piles,
    region_bits,
    round_s,
    settled_region,
)
from reticulum.overlay.announcing.piles import COPIES, PER_DATAGRAM
from reticulum.overlay.announcing.region import KEY_BITS
from reticulum.overlay.keeping import Keeping
from reticulum.overlay.pauses import Alarm, about
from reticulum.overlay.records import ProviderRecord
from reticulum.overlay.seeking import Seeking
from reticulum.overlay.standing import Standing
from reticulum.overlay.storing import Storing
from reticulum.overlay.surroundings import Stock
from reticulum.overlay.voice import Voice

PORTION = 500
"""Keys read at once at the start."""
ALONE_PAUSE_S = 10.0
LONGEST_PAUSE_S = 3600.0
IN_FLIGHT = 8
"""Store requests out at a time."""

_log = Logger()


class Announcer:
    """
    Announces the images of one node.

    Args:
        own: The id of this node.
        stock: What is here when it starts.
        voice: Signs.
        standing: A server keeps records of its own images itself, where it is among the closest.
        seeking: Finds who is to keep them.
        storing: Hands them over.
        keeping: Of this node itself.
        clock: For pauses.
        now: Seconds since 1970.
        rng: For pauses.
    """

    def __init__(
        self,
        own: NodeId,
        *,
        stock: Stock,
        voice: Voice,
        standing: Standing,
        seeking: Seeking,
        storing: Storing,
        keeping: Keeping,
        clock: IReactorTime,
        now: Callable[[], float],
        rng: random.Random,
    ) -> None:
        self._own = own
        self._stock = stock
        self._voice = voice
        self._standing = standing
        self._seeking = seeking
        self._storing = storing
        self._keeping = keeping
        self._clock = clock
        self._now = now
        self._rng = rng
        self._alarm = Alarm(clock)
        self.keys = KeyIndex()
        self.news = News()
        self.sweep = Sweep.begin(own, now())

    def resume(self, position: int, due: float) -> None:
        """Go on with a sweep that was begun before a restart."""
        self.sweep = Sweep(position, due)

    def came(self, key: Key, size_class: int) -> None:
        """Note an image that is here now."""
        self.keys.add(key, size_class)
        self.news.add(key, Change(held=True, size_class=size_class))
        self._alarm.ring()

    def went(self, key: Key) -> None:
        """Note an image that is no longer here."""
        self.keys.discard(key)
        self.news.add(key, Change(held=False))
        self._alarm.ring()

    def stir(self) -> None:
        """Go on at once: there is somebody to tell now."""
        self._alarm.ring()

    def stop(self) -> None:
        """Wait for nothing any more."""
        self._alarm.close()

    async def run(self) -> None:
        """Go on until cancelled."""
        await self._read_stock()
        while True:
            pause_s = await self._tell_next()
            if pause_s > 0:
                await self._alarm.pause(pause_s)

    async def _read_stock(self) -> None:
        keys = iter(self._stock.keys())
        while portion := list(islice(keys, PORTION)):
            for key, size_class in portion:
                self.keys.add(key, size_class)
            await deferLater(self._clock, 0.0)

    async def _tell_next(self) -> float:
        """Tell one region; returns how long to pause, in seconds."""
        bits = region_bits(self._seeking.network_size.nodes)
        if (news := self.news.oldest(bits)) is not None:
            _region, changes = news
            done = await self._tell(next(iter(changes)), changes)
            if done is not None:
                # The size of the grid may have been taken for too small: the rest is for others.
                self.news.told({key: change for key, change in changes.items() if key in done})
                return 0.0
            self.news.postpone(changes)
            return about(ALONE_PAUSE_S, self._rng)
        return await self._sweep_on(bits)

    async def _sweep_on(self, bits: int) -> float:
        now, period_s = self._now(), self._round_s()
        self.sweep = self.sweep.within(now, period_s)
        if now < self.sweep.due:
            return min(about(self.sweep.due - now, self._rng, 0.05), LONGEST_PAUSE_S)
        region = self.sweep.region(bits)
        if not self.keys.count(region):
            self.sweep = self.sweep.after(region, now, period_s)
            return 0.0
        target = Key(self.sweep.position.to_bytes(KEY_BITS // 8))
        done = await self._tell(target, None)
        if done is None:
            return about(ALONE_PAUSE_S, self._rng)
        self.sweep = self.sweep.after(done, self._now(), period_s)
        return 0.0

    def _round_s(self) -> float:
        return round_s(len(self.keys), 1 << region_bits(self._seeking.network_size.nodes))

    async def _tell(self, target: Key, changes: Mapping[Key, Change] | None) -> Region | None:
        """
        Tell the nodes around *target* about *changes*, or about all that is here.

        Returns:
            The region that was told; None if nobody took a record.
        """
        near = (await self._seeking.nodes(target)).closest
        region = settled_region(target, [contact.node_id for contact in near])
        if not near:
            return None
        if changes is None:
            records = self._signed(
                ((k, Change(held=True, size_class=s)) for k, s in self.keys.within(region))
            )
            packets = -(-self.keys.count(region) * min(COPIES, len(near)) // PER_DATAGRAM)
        else:
            records = self._signed((k, change) for k, change in changes.items() if k in region)
            packets = len(near)
        taken = await self._hand_out(records, near, packets, region)
        return region if taken else None

    def _signed(self, changes: Iterator[tuple[Key, Change]]) -> Iterator[ProviderRecord]:
        sequence, now = self._voice.next_sequence(), self._now()
        for key, change in changes:
            yield self._voice.provider_record(
                key, change.size_class, held=change.held, sequence=sequence, now=now
            )

    async def _hand_out(
        self,
        records: Iterator[ProviderRecord],
        near: Sequence[Contact],
        packets: int,
        region: Region,
    ) -> bool:
        contacts = {contact.node_id: contact for contact in near}
        keepers = [*contacts, self._own] if self._standing.server else [*contacts]
        out: list[Deferred[bool]] = []
        taken = False
        for keeper, pile in piles(records, keepers):
            if keeper == self._own:
                self._keeping.keep(pile)
                continue
            work = self._storing.store(contacts[keeper], providers=pile)
            out.append(Deferred.fromCoroutine(work))
            packets -= 1
            if len(out) >= IN_FLIGHT:
                taken |= await out.pop(0)
            if packets > len(near):
                gap = gap_s(packets, self.sweep, region, self._now(), self._round_s())
                await deferLater(self._clock, gap)
        for waiting in out:
            taken |= await waiting
        return taken
