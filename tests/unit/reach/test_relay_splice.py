"""Two connections made one: nothing is lost, nothing piles up, and nothing lasts for ever."""

import attrs
import pytest
from plain_connections import Wire
from twisted.internet.task import Clock

from reticulum.reach.relay.accounts import Account
from reticulum.reach.relay.limits import Limits
from reticulum.reach.relay.splice import Splice


@attrs.define
class Spliced:
    """A splice of two wires that do nothing by themselves."""

    clock: Clock
    account: Account
    dialler: Wire
    node: Wire
    splice: Splice
    ended: list[Splice]


def spliced(rate: int = 1_000_000, from_dialler: bytes = b"", from_node: bytes = b"") -> Spliced:
    clock, dialler, node = Clock(), Wire(), Wire()
    dialler.pauseProducing()
    ended: list[Splice] = []
    account = Account(Limits(bytes_per_s=rate), clock.seconds)
    splice = Splice(dialler, node, account=account, clock=clock, ended=ended.append)  # type: ignore[arg-type]
    splice.start(from_dialler, from_node)
    return Spliced(clock, account, dialler, node, splice, ended)


def test_bytes_go_both_ways() -> None:
    """What was there already comes first; who was told to wait goes on."""
    it = spliced(from_dialler=b"early ", from_node=b"back ")
    it.dialler.protocol.dataReceived(b"late")
    it.node.protocol.dataReceived(b"again")

    assert b"early late" == it.node.sent
    assert b"back again" == it.dialler.sent
    assert 20 == it.splice.moved
    assert it.dialler.is_reading


def test_full_end_stops_the_other() -> None:
    """A transport that has enough stops reading of the other one, not of itself."""
    it = spliced()
    it.node.producer.pauseProducing()

    assert (False, True) == (it.dialler.is_reading, it.node.is_reading)
    it.node.producer.resumeProducing()
    assert it.dialler.is_reading


def test_used_up_rate_stops_for_as_long_as_it_takes() -> None:
    """Who has used a second's worth waits until nothing is owed."""
    it = spliced(rate=1_000)
    it.dialler.protocol.dataReceived(bytes(1_000))
    assert it.dialler.is_reading
    it.dialler.protocol.dataReceived(bytes(500))
    assert 1_500 == len(it.node.sent)
    assert (False, True) == (it.dialler.is_reading, it.node.is_reading)
    it.clock.advance(0.49)
    assert not it.dialler.is_reading
    it.clock.advance(0.02)
    assert it.dialler.is_reading


def test_two_reasons_to_wait() -> None:
    """Nothing is read before both are gone, in whichever order."""
    for first in ("room", "rate"):
        it = spliced(rate=1_000)
        it.dialler.protocol.dataReceived(bytes(2_000))
        it.node.producer.pauseProducing()
        end = [lambda it=it: it.node.producer.resumeProducing(), lambda it=it: it.clock.advance(1)]
        for step in end if first == "room" else reversed(end):
            assert not it.dialler.is_reading
            step()
        assert it.dialler.is_reading


@pytest.mark.parametrize("rate", [1, 10_000, 1_000_000, 10_000_000, 10**9])
def test_reads_are_as_large_as_the_rate_allows(rate: int) -> None:
    """Small ones of a small rate, or who shares it waits long; but never tiny, never huge."""
    size = spliced(rate=rate).node.bufferSize

    assert size == max(4_096, min(rate // 256, 65_536))


@pytest.mark.parametrize("closes", ["dialler", "node"])
def test_one_end_closes(closes: str) -> None:
    """The other end gets what is on its way, and no more; the splice ends when both are gone."""
    it = spliced()
    lost, left = (it.dialler, it.node) if closes == "dialler" else (it.node, it.dialler)
    lost.producer.pauseProducing()
    lost.lose()

    assert (None, True, False) == (left.producer, left.is_half_closed, left.is_aborted)
    assert left.is_reading
    assert [] == it.ended
    left.lose()
    assert [it.splice] == it.ended


def test_lost_while_it_waits() -> None:
    """No timer is left of an end that is gone."""
    it = spliced(rate=1_000)
    it.dialler.protocol.dataReceived(bytes(5_000))
    it.node.protocol.dataReceived(bytes(5_000))
    assert 2 == len(it.clock.getDelayedCalls())
    it.dialler.lose()
    it.node.lose()
    assert [] == it.clock.getDelayedCalls()
    assert [it.splice] == it.ended


def test_end_that_does_not_take_the_rest() -> None:
    """Who does not read to the end in time is cut off."""
    it, limits = spliced(), Limits(flush_s=30)
    it.clock.advance(100)
    it.dialler.lose()

    assert None is it.splice.overdue(it.clock.seconds() + 29, limits)
    assert "not read to its end" == it.splice.overdue(it.clock.seconds() + 30, limits)
    it.splice.hang_up()
    assert (False, True) == (it.dialler.is_aborted, it.node.is_aborted)


def test_trickle() -> None:
    """Every minute must move a kibibyte, in either direction."""
    it, limits = spliced(), Limits(trickle_s=60, trickle_bytes=1_024)
    for minute in range(1, 5):
        it.node.protocol.dataReceived(bytes(1_000))
        it.dialler.protocol.dataReceived(bytes(24))
        assert None is it.splice.overdue(60.0 * minute, limits)
    it.node.protocol.dataReceived(bytes(1_023))
    assert None is it.splice.overdue(299, limits)
    assert "trickles" == it.splice.overdue(300, limits)
    it.splice.hang_up()
    assert it.dialler.is_aborted
    assert it.node.is_aborted


def test_longest() -> None:
    """However busy it is, it ends."""
    it, limits = spliced(), Limits(longest_s=100)
    for second in range(100):
        it.node.protocol.dataReceived(bytes(100))
        assert None is it.splice.overdue(second, limits)
    assert "too long" == it.splice.overdue(100, limits)
