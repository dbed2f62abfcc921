"""A program that does nothing but have its port mapped, and echo; tells how it stands in JSON."""

import asyncio
import json
import sys

from twisted.internet import asyncioreactor

if __name__ == "__main__":
    asyncioreactor.install(asyncio.new_event_loop())

import random

import attrs
from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred
from twisted.internet.protocol import DatagramProtocol, Factory, Protocol
from twisted.internet.stdio import StandardIO
from twisted.internet.task import LoopingCall
from twisted.protocols.basic import LineOnlyReceiver

from reticulum.reach.mapping.loose_threads import LooseThreads
from reticulum.reach.mapping.mapper import PortMapper
from reticulum.reach.mapping.pace import Pace
from reticulum.reach.mapping.routers import RealRouters

TICK_S = 0.25


class TcpEcho(Protocol):
    def dataReceived(self, data: bytes) -> None:  # noqa: N802
        self.transport.write(data)


class UdpEcho(DatagramProtocol):
    noisy = False

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:  # noqa: N802
        self.transport.write(datagram, addr)


class Client(LineOnlyReceiver):
    """
    Maps from its first moment to the line `stop`; the line `moved` says that the network changed.

    Args:
        reactor: Of the program.
        port: To be mapped.
        pace: How often routers are bothered.
    """

    delimiter = b"\n"

    def __init__(self, reactor: object, port: int, pace: Pace) -> None:
        self.reactor = reactor
        self.began = reactor.seconds()
        self.mapper = PortMapper(
            port=lambda: port,
            routers=RealRouters(
                reactor,
                in_thread=LooseThreads(reactor, name="upnp"),
                rng=random.SystemRandom(),
                secret=b"of this node",
            ),
            clock=reactor,
            rng=random.SystemRandom(),
            changed=self.tell,
            pace=pace,
        )
        self.ticking = LoopingCall(self.tell)

    def connectionMade(self) -> None:  # noqa: N802
        Deferred.fromCoroutine(self.mapper.start())
        self.ticking.start(TICK_S)

    def tell(self) -> None:
        view = attrs.asdict(self.mapper.view, recurse=False)
        view["external"] = view["external"] and str(view["external"])
        print(json.dumps({"at": self.reactor.seconds() - self.began, **view}), flush=True)  # noqa: T201

    def lineReceived(self, line: bytes) -> None:  # noqa: N802
        if line == b"moved":
            self.mapper.network_changed()
        else:
            self.ticking.stop()
            Deferred.fromCoroutine(self.mapper.stop()).addBoth(lambda _: self.reactor.stop())


def main(port: int, pace: Pace) -> None:
    factory = Factory.forProtocol(TcpEcho)
    factory.noisy = False
    installed.listenTCP(port, factory)
    installed.listenUDP(port, UdpEcho())
    installed.callWhenRunning(lambda: StandardIO(Client(installed, port, pace)))
    installed.run()


if __name__ == "__main__":
    main(int(sys.argv[1]), Pace(**json.loads(sys.argv[2])))
