"""When a draining node may be called safe to switch off."""

from collections.abc import Sequence
from typing import Any

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from reticulum.model import Address, Contact, Holding, ImageId, Member, NodeId
from reticulum.replication.departure import Departure
from reticulum.replication.drain import AGAIN_S, Drain
from reticulum.replication.health import Copy, Health

IMAGES = [ImageId.parse(f"{number:064x}") for number in range(120)]


@attrs.define
class FakeTending:
    """So many nodes have read the bytes of each image."""

    sound: dict[ImageId, int]
    asked: int = 0
    held_up: Deferred[None] | None = None

    async def tend(self, image_ids: Sequence[ImageId], *, eager: bool) -> None:
        assert eager
        if self.held_up is not None:
            await self.held_up

    async def health(self, image_id: ImageId, *, verify: bool) -> Health:
        assert verify
        self.asked += 1
        copies = [
            Copy(
                member=Member(
                    contact=Contact(NodeId(bytes([at]) * 20), Address("127.0.0.1", 1 + at))
                ),
                holding=Holding.VERIFIED if at < self.sound[image_id] else Holding.HELD,
            )
            for at in range(3)
        ]
        return Health(image_id=image_id, wanted=3, copies=tuple(copies))


@attrs.define
class FakeHere:
    """Images with an id, in pages; all that a drain asks of the store."""

    images: list[ImageId]

    @property
    def originals(self) -> "FakeHere":
        return self

    async def page(self, after: ImageId | None, limit: int) -> list[Any]:
        rest = [one for one in self.images if after is None or one > after][:limit]
        return [attrs.make_class("Row", ["image_id"])(one) for one in rest]

    def is_deleted(self, image_id: ImageId) -> bool:
        del image_id
        return False


def drain_of(sound: dict[ImageId, int], notice_s: float = 0.0) -> tuple[Drain, FakeTending, Clock]:
    clock, tending = Clock(), FakeTending(sound)
    here: Any = FakeHere(sorted(sound))
    tends: Any = tending
    drain = Drain(here=here, tending=tends, departure=Departure(), clock=clock, notice_s=notice_s)
    return drain, tending, clock


async def test_safe_when_every_image_is_kept_by_enough() -> None:
    """One that is not makes all the difference, and the fewest copies are told."""
    drain, tending, _ = drain_of(dict.fromkeys(IMAGES, 3) | {IMAGES[70]: 2})
    drain.begin()
    await drain.round()
    report = drain.report
    assert (False, 120, 119, 2) == (report.is_safe, report.images, report.safe, report.fewest)
    tending.sound[IMAGES[70]] = 3
    await drain.round()
    report = drain.report
    assert (True, 120, 120, 3, 2) == (
        report.is_safe,
        report.images,
        report.safe,
        report.fewest,
        report.rounds,
    )


async def test_not_safe_before_the_others_know() -> None:
    """A neighbour that has not heard of it may still let go of a copy it takes for one too many."""
    drain, _, clock = drain_of({IMAGES[0]: 3}, notice_s=30.0)
    drain.begin()
    running = Deferred.fromCoroutine(drain.run()).addErrback(lambda _: None)
    assert not drain.report.is_safe
    clock.pump([AGAIN_S] * 5)
    assert not drain.report.is_safe
    clock.pump([AGAIN_S] * 2)
    assert drain.report.is_safe
    drain.begin()
    assert drain.report.is_safe, "to say it twice begins nothing anew"
    running.cancel()


async def test_called_off_in_mid_round() -> None:
    """What a round finds that was under way is not said of the next drain."""
    drain, tending, _ = drain_of({IMAGES[0]: 3})
    drain.begin()
    tending.held_up = Deferred()
    going = Deferred.fromCoroutine(drain.round())
    drain.end()
    drain.begin()
    tending.held_up.callback(None)
    await going
    report = drain.report
    assert (True, False, 0, 0) == (report.draining, report.is_safe, report.images, report.rounds)
    drain.end()
    assert not drain.report.draining
