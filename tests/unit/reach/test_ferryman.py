"""A ferryman: what is carried, for whom, how much of it, and what is not."""

import attrs
import pytest
from ferries import DOOR, FAR, FAR_6, HOME, OURS, OWN, Harbour, Member
from hypothesis import given
from hypothesis import strategies as st
from members import Who
from plain_connections import Wire
from twisted.internet.task import Clock

from reticulum.model import Address, NodeId
from reticulum.reach.ferry.fares import Fares
from reticulum.reach.ferry.frames import STILL_HERE, Parcel, write_frame
from reticulum.reach.ferry.limits import AT_ONCE_BYTES, MOST_WAITING_BYTES, Limits
from reticulum.reach.ferry.room import Room
from reticulum.reach.relay.hello import Kind
from reticulum.reach.relay.status import Status

DATAGRAM = OURS + b"x" * 100


def dropped(harbour: Harbour) -> dict[str, int]:
    return dict(harbour.ferryman.view().dropped)


def test_datagrams_go_out_and_come_back() -> None:
    """Whoever is welcome hears where he is seen; then it goes both ways, of both IP versions."""
    harbour = Harbour()
    member = harbour.comes(behind=write_frame(Parcel(FAR, OURS + b"early")))
    assert Status.WELCOME is member.answer.status
    assert HOME == getattr(member.answer.address, "host", None)

    member.sends(OURS + b"late", FAR_6)
    assert [(OURS + b"early", FAR), (OURS + b"late", FAR_6)] == member.sent
    member.gets(OURS + b"one")
    member.gets(OURS + b"two", FAR_6)
    assert [Parcel(FAR, OURS + b"one"), Parcel(FAR_6, OURS + b"two")] == member.frames

    view = harbour.ferryman.view()
    assert (1, 1, 2, 2) == (view.ferries, view.ferries_total, view.datagrams_out, view.datagrams_in)
    assert len(OURS) * 4 + 15 == view.bytes_carried
    assert {} == view.dropped == view.refused


def test_only_what_is_of_the_grid() -> None:
    """Neither out nor in: a ferry is no proxy, and strangers do not get at who is behind it."""
    harbour = Harbour()
    member = harbour.comes()
    member.sends(b"\x12\x34 a question for a name server", Address("44.0.0.2", 53))
    member.gets(b"spam")
    member.gets(OURS + bytes(1_496))
    assert ([], []) == (member.sent, member.frames)
    assert {"foreign": 3} == dropped(harbour)


@pytest.mark.parametrize("host", ["127.0.0.1", "192.168.1.1", "10.1.2.3", "224.0.0.251"])
def test_not_into_the_networks_of_the_ferryman(host: str) -> None:
    """Who comes from the Internet gets at the Internet; nobody there gets at him either."""
    harbour = Harbour()
    member = harbour.comes()
    member.sends(DATAGRAM, Address(host, 4161))
    member.gets(DATAGRAM, Address(host, 4161))
    assert ([], []) == (member.sent, member.frames)
    assert {"forbidden": 2} == dropped(harbour)


def test_within_one_network() -> None:
    """A grid on a private network can have ferries, too."""
    member = Harbour().comes(host="192.168.1.9")
    member.sends(DATAGRAM, Address("192.168.2.1", 4160))
    assert [(DATAGRAM, Address("192.168.2.1", 4160))] == member.sent


def test_the_ferryman_itself() -> None:
    """He is reached from within, even if his router does not lead back in; his name stays his."""
    harbour = Harbour()
    harbour.own = [OWN, Address("192.168.1.2", 4160)]
    member = harbour.comes()
    member.gets(DATAGRAM, DOOR)
    assert {"forbidden": 1} == dropped(harbour)

    member.sends(DATAGRAM, OWN)
    member.gets(DATAGRAM, DOOR)
    assert [(DATAGRAM, DOOR)] == member.sent
    assert [Parcel(OWN, DATAGRAM)] == member.frames


def test_own_addresses_follow() -> None:
    """What the ferryman learns of himself counts from the next look on."""
    harbour = Harbour()
    harbour.own = []
    member = harbour.comes()
    harbour.own = [OWN]
    harbour.pass_time(1)
    member.sends(DATAGRAM, OWN)
    assert [(DATAGRAM, DOOR)] == member.sent


def test_no_way() -> None:
    """What the sockets do not take is counted, and nothing else happens."""
    harbour = Harbour()
    member = harbour.comes()
    assert member.quay is not None
    member.quay.leads_anywhere = False
    member.sends(DATAGRAM)
    assert {"no way": 1} == dropped(harbour)
    assert not member.wire.is_aborted


@pytest.mark.parametrize(
    "noise", [b"\xff\xff", b"\x00\x01\x09", b"\x00\x04\x0344.", bytes([9] * 9999)]
)
def test_what_cannot_be(noise: bytes) -> None:
    """Whoever says it is hung up on, and his sockets are closed."""
    harbour = Harbour()
    member = harbour.comes()
    member.says(noise)
    assert member.wire.is_aborted
    assert member.quay is not None
    assert member.quay.is_closed
    member.wire.lose()
    assert 0 == harbour.ferryman.view().ferries


@given(st.lists(st.binary(max_size=200), max_size=8))
def test_noise(portions: list[bytes]) -> None:
    """Whatever a member says, nothing foreign goes out, and nothing breaks."""
    harbour = Harbour()
    member = harbour.comes()
    for portion in portions:
        member.says(portion)
    assert [] == member.sent
    harbour.ferryman.hang_up()


def test_keepalive() -> None:
    """Who says that he is there hears the same; who is silent for 25 s is let go."""
    harbour = Harbour()
    talking, silent = harbour.comes(), harbour.comes()
    harbour.pass_time(24, talking)
    assert [None] * 24 == talking.frames
    assert not silent.wire.is_aborted
    harbour.pass_time(1, talking)
    assert silent.wire.is_aborted
    assert not talking.wire.is_aborted
    assert 1 == harbour.ferryman.view().ferries
    harbour.ferryman.hang_up()
    assert [] == harbour.clock.getDelayedCalls()


def test_too_fast() -> None:
    """After a burst 200 a second; what is on top is lost, and its sender is not read from."""
    harbour = Harbour()
    member = harbour.comes()
    for _ in range(400):
        member.sends(OURS)
    assert (400, True) == (len(member.sent), member.wire.is_reading)
    member.sends(OURS)
    member.beats()
    assert (400, False) == (len(member.sent), member.wire.is_reading)
    assert ({"too fast": 2}, []) == (dropped(harbour), member.frames)

    harbour.clock.advance(0.25)
    assert member.wire.is_reading
    for _ in range(60):
        member.sends(OURS)
    assert 450 == len(member.sent)
    assert not member.wire.is_reading
    member.wire.lose()
    harbour.ferryman.hang_up()
    assert [] == harbour.clock.getDelayedCalls()


def test_too_much() -> None:
    """Long datagrams are bounded by their bytes, in each direction for itself."""
    harbour = Harbour()
    member = harbour.comes()
    long = OURS + bytes(1_395)
    for _ in range(300):
        member.sends(long)
        member.gets(long)
    assert 400_000 // 1_400 == len(member.sent) == len(member.frames)
    harbour.clock.advance(1)
    for _ in range(300):
        member.gets(long)
    assert 600_000 // 1_400 == len(member.frames)


def test_strangers_use_up_nothing() -> None:
    """A flood that is not of the grid leaves room for what is."""
    harbour = Harbour()
    member = harbour.comes()
    for _ in range(5_000):
        member.gets(b"flood")
    member.gets(DATAGRAM)
    assert [Parcel(FAR, DATAGRAM)] == member.frames


def test_to_come_anew_is_not_to_begin_anew() -> None:
    """Whoever has used up his share has used it up on the next ferry, too."""
    harbour = Harbour()
    who = Who()
    first = harbour.comes(who)
    for _ in range(400):
        first.sends(OURS)
    second = harbour.comes(who)
    second.sends(OURS)
    assert [] == second.sent
    other = harbour.comes()
    other.sends(OURS)
    assert [(OURS, FAR)] == other.sent


def test_slow_reader() -> None:
    """Of what he does not take 256 KiB wait, the rest is lost; what he takes makes room."""
    harbour = Harbour(datagrams_burst=1e9, bytes_burst=1e9)
    member = harbour.comes()
    long = OURS + bytes(1_395)
    member.gets(long)
    member.wire.producer.pauseProducing()
    for _ in range(1_000):
        member.gets(long)
    waiting = len(write_frame(Parcel(FAR, long))) * (len(member.frames) - 1)
    assert waiting <= MOST_WAITING_BYTES < waiting + 2 * AT_ONCE_BYTES + 2_000
    assert 1_001 - len(member.frames) == dropped(harbour)["slow reader"]

    member.wire.producer.resumeProducing()
    before = len(member.frames)
    member.gets(long)
    assert before + 1 == len(member.frames)


@pytest.mark.parametrize("boot", [b"b" * 8, b"c" * 8])
def test_the_newer_ferry_of_a_member_counts(boot: bytes) -> None:
    """A router has lost the old one, or the node was started anew; either way there is one."""
    harbour = Harbour()
    who = Who()
    first = harbour.comes(who)
    second = harbour.comes(who, boot=boot)
    assert first.wire.is_aborted
    assert first.quay is not None
    assert first.quay.is_closed
    first.wire.lose()

    second.sends(DATAGRAM)
    assert [(DATAGRAM, FAR)] == second.sent
    view = harbour.ferryman.view()
    assert (1, 2) == (view.ferries, view.ferries_total)


def test_so_many_and_no_more() -> None:
    """64 in all, 8 from one address; the next ones hear why, and others get their places."""
    harbour = Harbour()
    crowd = [harbour.comes(host="44.0.1.1") for _ in range(9)]
    assert [Status.WELCOME] * 8 + [Status.FULL] == [each.answer.status for each in crowd]
    others = [harbour.comes(host=f"44.0.2.{number}") for number in range(57)]
    assert Status.FULL is others[-1].answer.status
    assert all(each.answer.status is Status.WELCOME for each in others[:-1])
    assert {"full": 2} == harbour.ferryman.view().refused

    crowd[0].wire.lose()
    assert Status.WELCOME is harbour.comes(host="44.0.1.1").answer.status
    assert Status.FULL is harbour.comes(host="44.0.9.9").answer.status


def test_closed() -> None:
    """Who does not relay carries nobody."""
    harbour = Harbour()
    harbour.is_open = False
    member = harbour.comes()
    assert (Status.DOES_NOT_RELAY, None) == (member.answer.status, member.quay)
    assert member.wire.is_half_closed
    harbour.pass_time(3)
    assert member.wire.is_aborted


def test_it_closes() -> None:
    """Those who are there have a minute to find another; a short absence costs them nothing."""
    harbour = Harbour()
    member = harbour.comes()
    harbour.is_open = False
    harbour.pass_time(59, member)
    harbour.is_open = True
    harbour.pass_time(2, member)
    harbour.is_open = False
    harbour.pass_time(59, member)
    assert not member.wire.is_aborted
    harbour.pass_time(3, member)
    assert member.wire.is_aborted
    member.wire.lose()
    assert 0 == harbour.ferryman.view().ferries


def test_nothing_else() -> None:
    """No other hello is a ferryman's business; nor is one with his own key."""
    harbour = Harbour()
    for kind in set(Kind) - {Kind.FERRY}:
        assert harbour.comes(kind=kind).wire.is_aborted
    assert Status.TAKEN is harbour.comes(harbour.who).answer.status
    assert [] == harbour.quays


def test_hang_up() -> None:
    """When the node stops nothing is left, and nobody gets in any more."""
    harbour = Harbour()
    members: list[Member] = [harbour.comes() for _ in range(3)]
    harbour.ferryman.hang_up()
    members.append(harbour.comes())
    assert all(each.wire.is_aborted for each in members)
    assert all(quay.is_closed for quay in harbour.quays)
    assert [] == harbour.clock.getDelayedCalls()


def test_memory_of_fares_is_bounded() -> None:
    """However many members come, so many are remembered, those who came last."""
    clock = Clock()
    fares = Fares(Limits, clock.seconds, most=3)
    nodes = [NodeId(bytes([number]) * 20) for number in range(5)]
    first = fares.of(nodes[0])
    assert first is fares.of(nodes[0])
    for node in nodes:
        fares.of(node)
    assert 3 == len(fares)
    assert first is not fares.of(nodes[0])


def test_room_on_a_connection_that_is_lost() -> None:
    """The transport says that there is nothing more to produce; that is no fault."""
    wire = Wire()
    room = Room(wire)
    room.stopProducing()
    assert room.write(STILL_HERE)


def test_limits_are_values() -> None:
    """Nobody changes them under way."""
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        Limits().ferries = 1  # type: ignore[misc]
