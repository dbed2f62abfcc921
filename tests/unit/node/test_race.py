"""The first good answer of several."""

from typing import Any

import attrs
import pytest
from twisted.internet.defer import CancelledError, Deferred

from reticulum.node.race import first


@attrs.define(eq=False)
class Slow:
    """A runner that ends, and is late, when the test says so."""

    result: Deferred[str | None] = attrs.field(factory=Deferred)
    lateness: Deferred[None] = attrs.field(factory=Deferred)
    started: int = 0
    cancelled: int = 0

    async def run(self) -> str | None:
        self.started += 1
        try:
            return await self.result
        except CancelledError:
            self.cancelled += 1
            raise

    async def late(self) -> None:
        await self.lateness


def racing(*runners: Any) -> tuple[Deferred[str | None], list[str]]:
    wasted: list[str] = []
    return Deferred.fromCoroutine(first(runners, waste=wasted.append)), wasted


async def test_in_turn() -> None:
    """The second one starts when the first has missed, and all of them missing is no answer."""
    one, two = Slow(), Slow()
    race, _ = racing(one, two)
    assert (1, 0) == (one.started, two.started)
    one.result.callback(None)
    assert 1 == two.started
    two.result.callback(None)
    assert None is await race


async def test_nobody() -> None:
    """A race without runners ends at once."""
    assert None is await first((), waste=lambda _: None)


async def test_overtaken() -> None:
    """The second one starts beside a late one; the first answer counts, the loser is cancelled."""
    one, two = Slow(), Slow()
    race, wasted = racing(one, two)
    one.lateness.callback(None)
    assert (1, 1) == (one.started, two.started)
    two.result.callback("two")
    assert "two" == await race
    assert (1, 0) == (one.cancelled, two.cancelled)
    assert [] == wasted


async def test_late_one_wins_after_all() -> None:
    """That it was late does not make the first one's answer worse."""
    one, two = Slow(), Slow()
    race, _ = racing(one, two)
    one.lateness.callback(None)
    one.result.callback("one")
    assert "one" == await race
    assert 1 == two.cancelled


async def test_two_at_once_and_no_more() -> None:
    """However late everybody is, two are asked at a time."""
    runners = [Slow() for _ in range(4)]
    race, _ = racing(*runners)
    for runner in runners[:2]:
        runner.lateness.callback(None)
    assert [1, 1, 0, 0] == [runner.started for runner in runners]
    runners[0].result.callback(None)
    assert [1, 1, 1, 0] == [runner.started for runner in runners]
    race.cancel()
    with pytest.raises(CancelledError):
        await race
    assert [0, 1, 1, 0] == [runner.cancelled for runner in runners]


async def test_error_ends_it() -> None:
    """What is wrong with everybody is not tried with the next."""
    one, two = Slow(), Slow()
    race, _ = racing(one, two)
    one.result.errback(KeyError("x"))
    with pytest.raises(KeyError):
        await race
    assert 0 == two.started


async def test_answer_that_is_not_wanted() -> None:
    """A loser that answers in spite of being cancelled leaves nothing behind."""

    class Stubborn(Slow):
        async def run(self) -> str | None:
            try:
                return await self.result
            except CancelledError:
                return "too late"

    one, two = Stubborn(), Slow()
    race, wasted = racing(one, two)
    one.lateness.callback(None)
    two.result.callback("two")
    assert "two" == await race
    assert ["too late"] == wasted
