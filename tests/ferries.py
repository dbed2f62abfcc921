"""Ferries without sockets: a quay that keeps what goes out, and a ferryman with a clock."""

import itertools
from collections.abc import Callable
from typing import Any

import attrs
from members import Who
from plain_connections import Wire
from twisted.internet.task import Clock

from reticulum.model import Address
from reticulum.reach.ferry.ferryman import Ferryman
from reticulum.reach.ferry.frames import STILL_HERE, Parcel, Reading, write_frame
from reticulum.reach.ferry.limits import Limits
from reticulum.reach.relay.hello import Hello, Kind
from reticulum.reach.relay.status import Answer, read_answer

OURS = b"ours "
DOOR = Address("127.0.0.1", 4160)
OWN = Address("44.0.0.1", 4160)
FAR = Address("44.0.0.2", 4160)
FAR_6 = Address("2606:4700::2", 4160)
HOME = "44.0.0.9"
_PORTS = itertools.count(1000)


class FakeQuay:
    """Sockets of one ferry."""

    def __init__(self, received: Callable[[bytes, Address], None]) -> None:
        self.arrive = received
        self.sent: list[tuple[bytes, Address]] = []
        self.is_closed = False
        self.leads_anywhere = True

    def send(self, datagram: bytes, to: Address) -> bool:
        if self.leads_anywhere:
            self.sent.append((datagram, to))
        return self.leads_anywhere

    def close(self) -> None:
        self.is_closed = True


@attrs.define
class Member:
    """Who is carried, at the other end of a wire."""

    who: Who
    wire: Wire
    quay: FakeQuay | None

    @property
    def answer(self) -> Answer:
        read = read_answer(self.wire.sent)
        assert read is not None
        return read[0]

    @property
    def frames(self) -> list[Parcel | None]:
        """What has come behind the answer."""
        read = read_answer(self.wire.sent)
        assert read is not None
        return Reading().take(read[1])

    def says(self, data: bytes) -> None:
        self.wire.protocol.dataReceived(data)

    def sends(self, datagram: bytes, to: Address = FAR) -> None:
        self.says(write_frame(Parcel(to, datagram)))

    def beats(self) -> None:
        self.says(STILL_HERE)

    @property
    def sent(self) -> list[tuple[bytes, Address]]:
        """What went out for it."""
        assert self.quay is not None
        return self.quay.sent

    def gets(self, datagram: bytes, from_: Address = FAR) -> None:
        """Something comes in for it."""
        assert self.quay is not None
        self.quay.arrive(datagram, from_)


class Harbour:
    """A ferryman with a clock that stands until a test moves it."""

    def __init__(self, **limits: Any) -> None:
        self.clock = Clock()
        self.who = Who()
        self.is_open = True
        self.own: list[Address] = [OWN]
        self.quays: list[FakeQuay] = []
        self.ferryman = Ferryman(
            own_id=self.who.node_id,
            own=lambda: self.own,
            door=DOOR,
            open_quay=self._open,
            is_ours=lambda datagram: datagram.startswith(OURS),
            is_open=lambda: self.is_open,
            limits=lambda: Limits(**limits),
            clock=self.clock,  # type: ignore[arg-type]
        )

    def _open(self, received: Callable[[bytes, Address], None]) -> FakeQuay:
        self.quays.append(FakeQuay(received))
        return self.quays[-1]

    def comes(
        self,
        who: Who | None = None,
        *,
        host: str = HOME,
        boot: bytes = b"b" * 8,
        kind: Kind = Kind.FERRY,
        behind: bytes = b"",
    ) -> Member:
        """A member dials, and its hello is believed."""
        who, wire, before = who or Who(), Wire(host, next(_PORTS)), len(self.quays)
        hello = Hello(
            kind=kind,
            sender=who.node_id,
            listener=None,
            wanted=None,
            boot=boot,
            at_ms=0,
            nonce=bytes(8),
            public_key=bytes(32),
        )
        self.ferryman.receive(hello, wire, behind)
        return Member(who, wire, self.quays[-1] if len(self.quays) > before else None)

    def pass_time(self, seconds: float, *beating: Member) -> None:
        """A second at a time; *beating* say meanwhile that they are there."""
        for _ in range(int(seconds)):
            for member in beating:
                member.beats()
            self.clock.advance(1)
