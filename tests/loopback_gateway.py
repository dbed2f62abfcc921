"""A gateway on loopback that says whatever a test has it say, and a reactor in a hurry."""

import ipaddress
import struct
from collections.abc import Callable, Iterable
from typing import Any

import attrs
from twisted.internet import reactor
from twisted.internet.protocol import DatagramProtocol

from reticulum.reach.mapping.gateway import Gateway

HERE = Gateway(address="127.0.0.1", local="127.0.0.1")
OUTER = "198.51.100.7"
Answers = Callable[[bytes], Iterable[bytes]]


class Hurried:
    """
    The real sockets, and a clock that is faster than the real one.

    Args:
        times: How much.
    """

    def __init__(self, times: float = 6) -> None:
        self.times = times

    def seconds(self) -> float:
        return reactor.seconds() * self.times

    def callLater(self, seconds: float, call: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N802
        return reactor.callLater(seconds / self.times, call, *args, **kwargs)

    def listenUDP(self, *args: Any, **kwargs: Any) -> Any:  # noqa: N802
        return reactor.listenUDP(*args, **kwargs)


class LoopbackGateway(DatagramProtocol):
    """
    Listens on a port of its own from `open` to `close`.

    Args:
        answers: What it sends for each datagram.
    """

    noisy = False

    def __init__(self, answers: Answers = lambda _: ()) -> None:
        self.answers = answers
        self.asked: list[bytes] = []

    def open(self) -> int:
        """Begin; the port."""
        port = reactor.listenUDP(0, self, interface=HERE.address)
        return int(port.getHost().port)

    async def close(self) -> None:
        await self.transport.stopListening()

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:  # noqa: N802
        self.asked.append(datagram)
        for answer in self.answers(datagram):
            self.transport.write(answer, addr)


@attrs.define
class NatPmpServer:
    """
    The gateway's end of RFC 6886, as far as it is asked here.

    Args:
        epoch_s: Its clock.
        host: Its outer address.
        given: External ports by operation (1 is UDP, 2 is TCP), where it is not the wanted one.
        lifetime_s: Granted.
        mapped: What is mapped now: operation to external port.
    """

    epoch_s: int = 1_000
    host: str = OUTER
    given: dict[int, list[int]] = attrs.field(factory=dict)
    lifetime_s: int = 3_600
    mapped: dict[int, int] = attrs.field(factory=dict)

    def __call__(self, request: bytes) -> list[bytes]:
        if request[0]:
            # Section 3.5: another version than its own, such as PCP's.
            return [struct.pack(">BBHI", 0, 128 + request[1], 1, self.epoch_s)]
        if request[1] == 0:
            packed = ipaddress.IPv4Address(self.host).packed
            return [struct.pack(">BBHI4s", 0, 128, 0, self.epoch_s, packed)]
        operation, internal, wanted, lifetime_s = struct.unpack(">xBxxHHI", request)
        external = 0
        if lifetime_s:
            lifetime_s = self.lifetime_s
            external = next(iter(self.given.get(operation, [])), wanted)
            del self.given.get(operation, [])[:1]
            self.mapped[operation] = external
        else:
            self.mapped.pop(operation, None)
        head = struct.pack(">BBHI", 0, 128 + operation, 0, self.epoch_s)
        return [head + struct.pack(">HHI", internal, external, lifetime_s)]


@attrs.define
class PcpServer:
    """
    The server's end of RFC 6887, as far as it is asked here.

    Args:
        epoch_s: Its clock.
        host: Its outer address.
        given: External ports by IP protocol, where it is not the wanted one.
        lifetime_s: Granted.
        result: Of MAP.
        mapped: What is mapped now: IP protocol to external port and nonce.
    """

    epoch_s: int = 1_000
    host: str = OUTER
    given: dict[int, list[int]] = attrs.field(factory=dict)
    lifetime_s: int = 3_600
    result: int = 0
    mapped: dict[int, tuple[int, bytes]] = attrs.field(factory=dict)

    def __call__(self, request: bytes) -> list[bytes]:
        version, opcode, lifetime_s, _ = struct.unpack_from(">BBxxI16s", request)
        if version != 2:
            return []
        if opcode == 0:
            return [self.head(opcode, 0, 0)]
        nonce, protocol, internal, wanted, _ = struct.unpack_from(">12sB3xHH16s", request, 24)
        external, lifetime_s = wanted, lifetime_s and self.lifetime_s
        if self.result:
            return [self.head(opcode, self.result, 30) + request[24:]]
        if lifetime_s:
            external = next(iter(self.given.get(protocol, [])), wanted)
            del self.given.get(protocol, [])[:1]
            self.mapped[protocol] = external, nonce
        else:
            self.mapped.pop(protocol, None)
        host = ipaddress.IPv6Address(f"::ffff:{self.host}").packed
        body = struct.pack(">12sB3xHH16s", nonce, protocol, internal, external, host)
        return [self.head(opcode, 0, lifetime_s) + body]

    def head(self, opcode: int, result: int, lifetime_s: int) -> bytes:
        return struct.pack(">BBxBII12x", 2, 128 + opcode, result, lifetime_s, self.epoch_s)
