"""
Asks one node for pictures, straight and through a relay, by turns, and times it.

    python3 benchmarks/reach_client.py < QUESTION

Reads what `reach_relay` wants to know, as JSON; the last line it prints is the answer.
"""

# ruff: noqa: E402  (the reactor has to be there before anything asks for one)

import json
import os
import random
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from twisted.internet import asyncioreactor

asyncioreactor.install()
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import attrs
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from reticulum.model import Address, Contact, Format, ImageId, NodeId, Rendition
from reticulum.overlay.grid_files import GridFiles
from reticulum.reach.certificate import certificate_of, node_id_of
from reticulum.reach.dial import HttpPeers
from reticulum.reach.introduction import Introduction
from reticulum.reach.lanes import Bounds, Lanes
from reticulum.reach.path import Path as WayThere
from reticulum.reach.paths import Passage, Paths
from reticulum.reach.pipes import DirectPipes
from reticulum.reach.relay.circuit import CircuitEndpoint
from reticulum.reach.relay.greeting import Greeting, new_boot
from reticulum.reach.tls import NodeTls
from reticulum.reach.ways import StraightWays, Ways

MOST_BYTES = 100_000_000
PAUSE_S = 0.12
"""A relay lets a member open 10 circuits a second, in the long run."""


class NoShortcut:
    """Nobody looks for another way; a `Shortcut`."""

    def wanted(self, contact: Contact, path: WayThere, seen: Address | None) -> None:
        """Nothing."""


@attrs.define
class Stopwatch:
    """Throws bytes away; notes when the first and the last of them came."""

    first: float = 0.0
    last: float = 0.0
    length: int = 0

    def write(self, data: bytes) -> int:
        """Take some."""
        self.last = time.perf_counter()
        self.first = self.first or self.last
        self.length += len(data)
        return len(data)


@attrs.frozen(kw_only=True)
class Client:
    """
    A member of the grid that is no node: it has a key, and asks.

    Args:
        key: Of peer HTTP in the grid.
        private_key: Its own.
    """

    key: bytes
    private_key: Ed25519PrivateKey = attrs.field(factory=Ed25519PrivateKey.generate)

    @property
    def pipes(self) -> DirectPipes:
        """To addresses."""
        return DirectPipes(reactor=reactor)

    @property
    def introduction(self) -> Introduction:
        """Who it is."""
        own_id = node_id_of(certificate_of(self.private_key))
        assert own_id is not None  # noqa: S101  (for mypy: the certificate is ours)
        return Introduction(
            own_id=own_id,
            tls=NodeTls(self.private_key),
            key=lambda: self.key,
            clock=reactor,
        )

    def straight(self) -> Ways:
        """Straight to the node's address."""
        return StraightWays(pipes=self.pipes, introduction=self.introduction)

    def relayed(self) -> Ways:
        """Through the relay that the contact names."""
        rng = random.SystemRandom()
        greeting = Greeting(
            private_key=self.private_key,
            key=lambda: self.key,
            boot=new_boot(rng),
            now_ms=lambda: time.time_ns() // 1_000_000,
            rng=rng,
        )

        def passage(via: Contact, wanted: NodeId) -> Passage:
            circuit = CircuitEndpoint(greeting, self.pipes, via, wanted)
            return Passage(circuit, lambda: circuit.seen)

        async def no_others(_node_id: NodeId) -> Sequence[Contact]:
            return []

        return Paths(
            introduction=self.introduction,
            pipes=self.pipes,
            passage=passage,
            relays_of=no_others,
            shortcut=NoShortcut(),
            clock=reactor,
        )


def peers(ways: Ways) -> HttpPeers:
    """What asks, with no connection yet."""
    return HttpPeers(ways=ways, lanes=Lanes(reactor, Bounds()), clock=reactor, max_bytes=MOST_BYTES)


def processor_s(pid: int) -> float:
    """Seconds of processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def by_turns(
    rounds: int, measure: Callable[[str], Awaitable[float]]
) -> dict[str, list[float]]:
    """Each way once a round, every other round in the opposite order; the first one is practice."""
    found: dict[str, list[float]] = {"direct": [], "relayed": []}
    for number in range(rounds + 1):
        for way in list(found)[:: 1 if number % 2 else -1]:
            value = await measure(way)
            if number:
                found[way].append(value)
            await deferLater(reactor, PAUSE_S)
    return found


async def main() -> dict[str, Any]:
    """Measure it all."""
    question = json.load(sys.stdin)
    client = Client(key=GridFiles(Path(question["data"])).read().current.peer_http)
    holder, relay = (
        Contact(NodeId.parse(node_id), Address.parse(address))
        for node_id, address in (question["holder"], question["relay"])
    )
    contacts = {
        "direct": holder,
        "relayed": Contact(holder.node_id, relay.address, via=relay.node_id),
    }
    ways = {"direct": client.straight(), "relayed": client.relayed()}
    image, spec, form = question["small"]
    small = Rendition(image_id=ImageId.parse(image), spec=spec, format=Format(form))
    pids = {**question["pids"], "client": os.getpid()}
    processor = {who: {way: [] for way in ways} for who in pids}

    async def first_byte(asked: HttpPeers, way: str) -> float:
        watch, began = Stopwatch(), time.perf_counter()
        await asked.rendition(contacts[way], small, watch, only_here=False)
        return 1000 * (watch.first - began)

    async def on_a_new_one(way: str) -> float:
        asked = peers(ways[way])
        try:
            return await first_byte(asked, way)
        finally:
            await asked.stop()

    kept = {way: peers(ways[way]) for way in ways}

    async def on_a_kept_one(way: str) -> float:
        return await first_byte(kept[way], way)

    async def throughput(way: str) -> float:
        watch = Stopwatch()
        before = {who: processor_s(pid) for who, pid in pids.items()}
        await kept[way].original(contacts[way], ImageId.parse(question["original"]), watch)
        for who, pid in pids.items():
            processor[who][way].append(1000 * (processor_s(pid) - before[who]))
        return watch.length / 1e6 / (watch.last - watch.first)

    found = {
        "first": await by_turns(question["first"], on_a_new_one),
        "kept": await by_turns(question["first"], on_a_kept_one),
        "large": await by_turns(question["large"], throughput),
    }
    for asked in kept.values():
        await asked.stop()
    return {**found, "processor": processor}


def done(result: Any) -> None:
    """Tell, and end."""
    if hasattr(result, "getTraceback"):
        print(result.getTraceback(), file=sys.stderr)
        os._exit(1)
    print(json.dumps(result), flush=True)
    reactor.stop()


if __name__ == "__main__":
    Deferred.fromCoroutine(main()).addBoth(done)
    reactor.run()
