"""
Many members of a grid in one process: each holds on to one relay, as a node behind a NAT does.

    python3 benchmarks/reach_members.py COUNT DATA RELAY ADDRESS

They have keys of their own, and the grid's from DATA. Prints "attached" when all have an anchor
and their spares at the relay. Told "connect", they connect to each other through it, each to the
next, and prove themselves; then it prints "connected", and holds those streams. Ends with its
input.
"""

# ruff: noqa: E402  (the reactor has to be there before anything asks for one)

import os
import random
import sys
import time
from pathlib import Path
from typing import Any

from twisted.internet import asyncioreactor

asyncioreactor.install()
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import attrs
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.stdio import StandardIO
from twisted.internet.task import deferLater
from twisted.protocols.basic import LineReceiver

from reticulum.model import Address, Contact, NodeId
from reticulum.overlay.grid_files import GridFiles
from reticulum.reach.admission import Admission, Porch
from reticulum.reach.certificate import certificate_of, node_id_of
from reticulum.reach.introduction import Introduction
from reticulum.reach.pipes import DirectPipes
from reticulum.reach.relay.circuit import CircuitEndpoint
from reticulum.reach.relay.greeting import Greeting, new_boot
from reticulum.reach.relay.mooring import SPARES, Mooring
from reticulum.reach.relay.status import Status
from reticulum.reach.tls import NodeTls

PACE_S = 0.02
"""Between two that begin: strangers at a door are bounded."""


@attrs.define(eq=False)
class Member:
    """
    One of them.

    Args:
        key: Of peer HTTP in the grid.
        relay: Whom it holds on to.
        private_key: Its own.
    """

    key: bytes
    relay: Contact
    private_key: Ed25519PrivateKey = attrs.field(factory=Ed25519PrivateKey.generate)
    stream: Any = None
    _mooring: Mooring | None = None

    @property
    def node_id(self) -> NodeId:
        """From its key."""
        node_id = node_id_of(certificate_of(self.private_key))
        assert node_id is not None  # noqa: S101  (for mypy: the certificate is ours)
        return node_id

    @property
    def greeting(self) -> Greeting:
        """Who it is on plain connections."""
        rng = random.SystemRandom()
        return Greeting(
            private_key=self.private_key,
            key=lambda: self.key,
            boot=new_boot(rng),
            now_ms=lambda: time.time_ns() // 1_000_000,
            rng=rng,
        )

    async def attach(self) -> None:
        """Take a place at the relay."""
        admission = Admission(
            Factory.forProtocol(Protocol),
            own_id=self.node_id,
            keys=lambda: [self.key],
            clock=reactor,
        )
        self._mooring = Mooring(
            self.relay,
            greeting=self.greeting,
            pipes=DirectPipes(reactor=reactor),
            inside=Porch(admission, NodeTls(self.private_key)),
            clock=reactor,
            lost=lambda _: print("an anchor is lost", flush=True),
        )
        answer = await self._mooring.attach()
        if answer.status is not Status.WELCOME:
            raise SystemExit(f"the relay says {answer.status.name}")

    async def connect(self, other: "Member") -> None:
        """Connect to another one through the relay, with TLS and proof."""
        pipes = DirectPipes(reactor=reactor)
        circuit = CircuitEndpoint(self.greeting, pipes, self.relay, other.node_id)
        introduction = Introduction(
            own_id=self.node_id,
            tls=NodeTls(self.private_key),
            key=lambda: self.key,
            clock=reactor,
        )
        through = introduction.through(circuit, other.node_id)
        self.stream = await through.connect(Factory.forProtocol(Protocol))


class Orders(LineReceiver):
    """What comes on standard input."""

    delimiter = b"\n"

    def __init__(self, members: list[Member]) -> None:
        self._members = members

    def lineReceived(self, line: bytes) -> None:  # noqa: N802  (Twisted's name)
        """Connect."""
        del line
        told(self._connect())

    def connectionLost(self, reason: Any = None) -> None:  # noqa: N802  (Twisted's name)
        """End."""
        del reason
        os._exit(0)

    async def _connect(self) -> None:
        others = [*self._members[1:], self._members[0]]
        for member, other in zip(self._members, others, strict=True):
            await member.connect(other)
        print("connected", flush=True)


async def main() -> None:
    """Attach them all."""
    count, data, node_id, address = sys.argv[1:]
    key = GridFiles(Path(data)).read().current.peer_http
    relay = Contact(NodeId.parse(node_id), Address.parse(address))
    members = [Member(key, relay) for _ in range(int(count))]
    for member in members:
        await member.attach()
        await deferLater(reactor, (1 + SPARES) * PACE_S)
    print("attached", flush=True)
    StandardIO(Orders(members))


def told(work: Any) -> None:
    """Run it; a failure ends the process, and says why."""

    def failed(failure: Any) -> None:
        print(failure.getTraceback(), file=sys.stderr, flush=True)
        os._exit(1)

    Deferred.fromCoroutine(work).addErrback(failed)


if __name__ == "__main__":
    told(main())
    reactor.run()
