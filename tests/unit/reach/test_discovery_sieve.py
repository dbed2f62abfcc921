"""What the multicast DNS library gets to see."""

import struct
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reticulum.reach.discovery.sieve import A_SECOND, LONGEST, MOST_RECORDS, Sieve

NAME = b"\x0a_Reticulum\x04_udp\x05local\0"
OURS = b"\0\0\x84\0" + bytes(8) + NAME


def message(flags: int, *numbers: int) -> bytes:
    """Questions, answers, authorities, others."""
    return struct.pack("!2xBx4H", flags, *numbers) + NAME


NEAR = ("10.0.0.1", 5353)


@attrs.define
class Library:
    """Takes note; fails if it is to."""

    fails: bool = False
    taken: list[Any] = attrs.field(factory=list)

    def datagram_received(self, data: bytes, addrs: Any) -> None:
        self.taken.append((data, addrs))
        if self.fails:
            raise IndexError(data)

    def error_received(self, exc: Exception) -> None:
        self.taken.append(exc)

    def connection_lost(self, exc: Exception | None) -> None:
        self.taken.append("lost")


@attrs.define
class Watch:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def sieve(library: Library, watch: Watch | None = None) -> Sieve:
    return Sieve(library, is_local=lambda host: host == "10.0.0.1", now=watch or Watch())


def test_passes_what_is_ours() -> None:
    """A datagram with the name of the service, from a neighbour, gets through as it is."""
    library = Library()
    sieve(library).datagram_received(OURS, NEAR)
    sieve(library).datagram_received(OURS, (*NEAR, 0, 2))
    assert [(OURS, NEAR), (OURS, (*NEAR, 0, 2))] == library.taken


@pytest.mark.parametrize(
    "data", [message(0x84, 9, MOST_RECORDS, 0, 0), message(0, 1, 500, 0, 0)], ids=["answer", "ask"]
)
def test_passes_long_lists_of_what_is_known(data: bytes) -> None:
    """A question may name hundreds of known answers: the library does not keep them."""
    library = Library()
    sieve(library).datagram_received(data, NEAR)
    assert [(data, NEAR)] == library.taken


@pytest.mark.parametrize(
    "data, addrs",
    [
        (OURS, ("8.8.8.8", 5353)),
        (OURS.ljust(LONGEST + 1), NEAR),
        (bytes(12) + b"\x04_ipp\x04_tcp\x05local\0", NEAR),
        (b"reticulum", NEAR),
        (b"", NEAR),
        (message(0x80, 0, MOST_RECORDS + 1, 0, 0), NEAR),
        (message(0x84, 0, MOST_RECORDS, 0, 1), NEAR),
        (message(0x84, 0, 65_535, 65_535, 65_535), NEAR),
    ],
    ids=["far", "long", "a printer", "short", "empty", "many", "many in all", "lots"],
)
def test_holds_back_the_rest(data: bytes, addrs: Any) -> None:
    """Strangers, giants and what has nothing to do with a grid are not even read."""
    library = Library()
    sieve(library).datagram_received(data, addrs)
    assert [] == library.taken


def test_a_flood_is_thinned_out() -> None:
    """Fifty datagrams a second are read, however many there are; then it is quiet again."""
    library, watch = Library(), Watch()
    guard = sieve(library, watch)
    for _ in range(3):
        for _ in range(5_000):
            guard.datagram_received(OURS, NEAR)
        watch.now += 1.0
    assert 3 * A_SECOND == len(library.taken)


@given(st.binary(max_size=40))
def test_errors_stay_inside(noise: bytes) -> None:
    """What a datagram does to the library does not reach the event loop; the next one is read."""
    library = Library(fails=True)
    guard = sieve(library)
    guard.datagram_received(OURS + noise, NEAR)
    guard.datagram_received(OURS, NEAR)
    assert 2 == len(library.taken)


def test_the_end_is_passed_on() -> None:
    """Errors of sending are nobody's business; that the socket is closed is the library's."""
    library = Library()
    guard = sieve(library)
    guard.error_received(OSError("network is unreachable"))
    guard.connection_lost(None)
    assert ["lost"] == library.taken
