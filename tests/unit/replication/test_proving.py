"""Verifying all that a node holds: what is counted, what is told, one at a time."""

from collections.abc import Sequence
from contextlib import aclosing
from typing import Any

import attrs
import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from reticulum.errors import Busy
from reticulum.model import Address, Contact, Holding, ImageId, Member, NodeId
from reticulum.replication.health import Copy, Health
from reticulum.replication.proving import Proving
from reticulum.replication.scrub import Finding

OWN = NodeId(bytes(20))
SOUND, RESTORED, LOST, SHORT, FEW = (ImageId.parse(f"{number:064x}") for number in range(5))
NOWHERE = ImageId.parse("f" * 64)


@attrs.define
class FakeNode:
    """Store, scrub and tending in one, all that proving asks of them."""

    findings: dict[ImageId, Finding]
    held_up: Deferred[None] | None = None
    reclaimed: list[ImageId] = attrs.field(factory=list)

    def walk(self) -> list[tuple[ImageId, int]]:
        return [(one, 100) for one in self.findings]

    async def examine(self, image_id: ImageId) -> Finding:
        if self.held_up is not None:
            await self.held_up
        return self.findings[image_id]

    async def miss(self, image_id: ImageId) -> Holding:
        self.reclaimed.append(image_id)
        return Holding.VERIFIED

    async def tend(self, image_ids: Sequence[ImageId], *, eager: bool) -> list[Health]:
        assert eager
        return [await self.health(one) for one in image_ids]

    async def health(self, image_id: ImageId) -> Health:
        second = {SHORT: Holding.ABSENT, NOWHERE: Holding.ABSENT}.get(image_id, Holding.HELD)
        holdings = [Holding.HELD] if image_id == FEW else [Holding.HELD, second]
        copies = [
            Copy(
                member=Member(contact=Contact(NodeId(bytes([at]) * 20), Address("::1", 1))),
                holding=holding,
            )
            for at, holding in enumerate(holdings)
        ]
        if image_id == NOWHERE:
            copies = copies[1:]
        return Health(image_id=image_id, wanted=2, copies=tuple(copies))

    async def holding(self, image_id: ImageId) -> Holding:
        return Holding.HELD if image_id in self.findings else Holding.ABSENT

    def is_deleted(self, image_id: ImageId) -> bool:
        del image_id
        return False

    def known(self, image_id: ImageId) -> None:
        del image_id

    @property
    def originals(self) -> "FakeNode":
        return self


def proving_of(**others: Any) -> tuple[Proving, FakeNode]:
    sound = Finding.SOUND
    node: Any = FakeNode(
        {SOUND: sound, RESTORED: Finding.RESTORED, LOST: Finding.LOST, SHORT: sound, FEW: sound},
        **others,
    )
    proving = Proving(
        own=OWN, here=node, scrub=node, tending=node, walk=node.walk, size=lambda: 5, clock=Clock()
    )
    return proving, node


async def proved(proving: Proving, image_id: ImageId | None) -> list[dict[str, Any]]:
    return [event async for event in proving(image_id)]


async def test_all_is_read_and_compared() -> None:
    """Each image counts once, what is wrong is told by name, the last event sums up."""
    proving, _ = proving_of()
    *events, done = await proved(proving, None)
    named = [(event["event"], event["id"]) for event in events if "id" in event]
    expected = [("restored", RESTORED), ("lost", LOST), ("short", SHORT)]
    assert [(what, str(one)) for what, one in expected] == named
    assert {
        "event": "done",
        "total": 5,
        "checked": 5,
        "read_bytes": 500,
        "damaged": 2,
        "restored": 1,
        "lost": 1,
        "absent": 0,
        "compared": 5,
        "short": 1,
        "few": 1,
        "took_s": 0.0,
    } == done


async def test_one_image_that_should_be_here_and_is_not() -> None:
    """It is fetched, and counts as damaged: a file cut short is in quarantine at the first look."""
    proving, node = proving_of()
    del node.findings[SOUND]
    done = (await proved(proving, SOUND))[-1]
    assert [SOUND] == node.reclaimed
    assert (1, 1, 0) == (done["damaged"], done["restored"], done["absent"])


async def test_one_image_that_need_not_be_here() -> None:
    """It is said to be absent, and nobody fetches it."""
    proving, node = proving_of()
    *events, done = await proved(proving, NOWHERE)
    assert [] == node.reclaimed
    assert (0, 1) == (done["checked"], done["absent"])
    assert {"event": "absent", "id": str(NOWHERE)} in events


async def test_one_at_a_time() -> None:
    """A second one is refused; when the first has ended, however it did, there is place."""
    proving, node = proving_of(held_up=Deferred())
    going = Deferred.fromCoroutine(proved(proving, None))
    with pytest.raises(Busy, match="already"):
        await proved(proving, None)
    going.addErrback(lambda _: None)
    going.cancel()
    await going
    node.held_up = None
    async with aclosing(proving(None)) as events:
        await anext(events)
    assert "done" == (await proved(proving, None))[-1]["event"]
