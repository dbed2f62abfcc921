"""Asking holders: in turn, two at a time when one is late, and never many."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest
from readers import ETAG, IMAGE, JPEG, ORIGINAL, RENDITION, ListedHolders, SlowPeers, contact
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock

from reticulum.errors import BadSpec, BrokenOff, HolderFailed, OutOfTime, UnknownImage
from reticulum.model import Contact
from reticulum.node.fetch import Fetch
from reticulum.node.hedging import Budget, Hedging
from reticulum.node.promptness import Promptness
from reticulum.node.recent import Recent
from reticulum.storage.memory import OriginalsInMemory

A, B, C, D = (contact(number) for number in (1, 2, 3, 4))


@attrs.define
class Bench:
    """A `Fetch` over fakes."""

    fetch: Fetch
    peers: SlowPeers
    holders: ListedHolders
    clock: Clock
    promptness: Promptness
    folder: Path
    found: list[tuple[Any, ...]]

    def ask(self) -> Deferred[Any]:
        target = self.folder / "target.jpg"
        return Deferred.fromCoroutine(self.fetch.rendition(RENDITION, target))


def bench(
    folder: Path,
    *first: Any,
    more: Any = (),
    saved: float = 1.0,
    is_settled: Callable[[], bool] = lambda: True,
) -> Bench:
    clock, peers, holders = Clock(), SlowPeers(), ListedHolders(first, more)
    promptness = Promptness(clock.seconds)
    found: list[tuple[Any, ...]] = []
    fetch = Fetch(
        holders=holders,
        peers=peers,  # type: ignore[arg-type]
        originals=OriginalsInMemory(folder, now=clock.seconds),
        missing=Recent(most=100, seconds=5, now=clock.seconds),
        hedging=Hedging(promptness=promptness, budget=Budget(saved), clock=clock),
        found=lambda *told: found.append(told),
        is_settled=is_settled,
    )
    return Bench(fetch, peers, holders, clock, promptness, folder, found)


async def test_second_is_asked_when_the_first_is_late(tmp_path: Path) -> None:
    """Not before the first one's usual 95 %; the first answer is served, the loser cancelled."""
    here = bench(tmp_path, A, B, C)
    asked = here.ask()
    here.clock.advance(0.149)
    assert [A] == here.peers.whom
    here.clock.advance(0.002)
    assert [A, B] == here.peers.whom
    here.clock.advance(9)
    assert [A, B] == here.peers.whom
    here.peers.asked[1].give()

    assert (ORIGINAL, ETAG) == await asked
    assert here.peers.asked[0].was_cancelled
    assert JPEG == (tmp_path / "target.jpg").read_bytes()
    assert ["target.jpg"] == [one.name for one in tmp_path.iterdir()]
    assert [B] == here.holders.known


async def test_how_late_is_learned(tmp_path: Path) -> None:
    """A node that usually takes 0.5 s is given 0.5 s."""
    here = bench(tmp_path, A, B)
    for _ in range(10):
        question = here.promptness.ask(A.node_id)
        here.clock.advance(0.5)
        question.answered()
    asked = here.ask()
    here.clock.advance(0.49)
    assert [A] == here.peers.whom
    here.clock.advance(0.02)
    assert [A, B] == here.peers.whom
    here.peers.asked[0].give()
    await asked
    assert here.peers.asked[1].was_cancelled


async def test_begun_is_not_late(tmp_path: Path) -> None:
    """Who has begun to answer is waited for."""
    here = bench(tmp_path, A, B)
    asked = here.ask()
    here.peers.asked[0].sink.write(JPEG[:3])
    here.clock.advance(5)
    assert [A] == here.peers.whom
    here.peers.asked[0].give(JPEG[3:])
    await asked
    assert [] == here.clock.getDelayedCalls()


async def test_budget(tmp_path: Path) -> None:
    """Nodes that are all a bit late are asked one in twenty times too often, at most."""
    here = bench(tmp_path, A, B, saved=0.0)
    for _ in range(400):
        before = len(here.peers.asked)
        asked = here.ask()
        here.clock.advance(0.3)
        here.peers.asked[before].give()
        await asked
        here.clock.advance(0.1)
        here.promptness._nodes.clear()
    assert 400 < len(here.peers.asked) <= 400 * 1.06


async def test_silent_holder_is_beyond_the_budget(tmp_path: Path) -> None:
    """Nobody waits more than a second for a node that says nothing, however often it happens."""
    here = bench(tmp_path, A, B, saved=0.0)
    for _ in range(5):
        before = len(here.peers.asked)
        asked = here.ask()
        here.clock.advance(0.5)
        here.clock.advance(0.51)
        assert [A, B] == here.peers.whom[before:]
        here.peers.asked[-1].give()
        await asked


async def test_next_at_once(tmp_path: Path) -> None:
    """Who has it not, or fails, costs no waiting; what was missing is told."""
    here = bench(tmp_path, A, B, C)
    here.peers.script = {A.node_id: UnknownImage("no"), B.node_id: HolderFailed("dead")}
    asked = here.ask()
    assert [A, B, C] == here.peers.whom
    here.peers.asked[2].give()
    await asked
    assert [(IMAGE, C, frozenset({A.node_id, B.node_id}))] == here.found
    assert [] == here.holders.looked_up


async def test_missing_image_is_cheap(tmp_path: Path) -> None:
    """Three holders and one look-up, then the answer is known without asking for a while."""
    here = bench(tmp_path, A, B, C, D)
    here.peers.script = {one.node_id: UnknownImage("no") for one in (A, B, C, D)}
    for _ in range(10):
        with pytest.raises(UnknownImage):
            await here.ask()
    assert [A, B, C] == here.peers.whom
    assert [frozenset({A.node_id, B.node_id, C.node_id})] == here.holders.looked_up
    here.clock.advance(6)
    with pytest.raises(UnknownImage):
        await here.ask()
    assert 2 == len(here.holders.looked_up)


async def test_others(tmp_path: Path) -> None:
    """Whoever else has it is looked up only when none of those who should have it does."""
    here = bench(tmp_path, A, more=[A, D])
    here.peers.script = {A.node_id: UnknownImage("no")}
    asked = here.ask()
    assert [A, D] == here.peers.whom
    here.peers.asked[1].give()
    await asked
    assert [frozenset({A.node_id})] == here.holders.looked_up


async def test_nobody_answers(tmp_path: Path) -> None:
    """That is no 404, and is not remembered."""
    here = bench(tmp_path, A, B)
    here.peers.script = {one.node_id: HolderFailed("dead") for one in (A, B)}
    for _ in range(2):
        with pytest.raises(OutOfTime):
            await here.ask()
    assert 4 == len(here.peers.asked)


async def test_nobody_has_it_of_those_found_so_far(tmp_path: Path) -> None:
    """That is no 404 before this node knows who is there; it is not remembered, either."""
    settled: list[bool] = []
    here = bench(tmp_path, is_settled=lambda: bool(settled))
    with pytest.raises(OutOfTime):
        await here.ask()
    settled.append(True)
    with pytest.raises(UnknownImage):
        await here.ask()


async def test_what_nobody_can_make(tmp_path: Path) -> None:
    """A refusal of the request itself is final."""
    here = bench(tmp_path, A, B)
    here.peers.script = {A.node_id: BadSpec("never")}
    with pytest.raises(BadSpec):
        await here.ask()
    assert [A] == here.peers.whom


async def test_nobody_waits_any_more(tmp_path: Path) -> None:
    """Whoever is under way is cancelled, and leaves nothing behind."""
    here = bench(tmp_path, A, B)
    asked = here.ask()
    here.clock.advance(0.2)
    asked.cancel()
    with pytest.raises(CancelledError):
        await asked
    assert [True, True] == [one.was_cancelled for one in here.peers.asked]
    assert [] == list(tmp_path.iterdir())
    assert [] == here.clock.getDelayedCalls()


async def test_lie_about_an_original(tmp_path: Path) -> None:
    """Bytes of another image are dropped, and the next one is asked."""
    here = bench(tmp_path, A, B)
    asked = Deferred.fromCoroutine(here.fetch.original(IMAGE))
    here.peers.asked[0].give()
    assert [A, B] == here.peers.whom
    here.peers.asked[1].give()
    with pytest.raises(OutOfTime):
        await asked
    assert [] == list(tmp_path.iterdir())


async def test_who_broke_off_behind_a_relay_is_asked_once_more(tmp_path: Path) -> None:
    """Nobody else has it; its relay died, and there is another way. The second time is the last."""
    relayed = Contact(A.node_id, A.address, via=B.node_id)
    here = bench(tmp_path, relayed)
    asked = here.ask()
    here.peers.asked[0].sink.write(JPEG[:3])
    here.peers.asked[0].answer.errback(BrokenOff("the answer broke off"))
    assert [relayed, relayed] == here.peers.whom
    here.peers.asked[1].give()
    assert (ORIGINAL, ETAG) == await asked
    assert JPEG == (tmp_path / "target.jpg").read_bytes()

    asked = here.ask()
    for _ in range(2):
        here.peers.asked[-1].answer.errback(BrokenOff("the answer broke off"))
    with pytest.raises(OutOfTime):
        await asked
    assert 4 == len(here.peers.asked)
