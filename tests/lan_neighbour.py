"""A program that does nothing but discover; told what to do line by line, it answers in JSON."""

import asyncio
import json
import sys

from twisted.internet import asyncioreactor

if __name__ == "__main__":
    asyncioreactor.install(asyncio.new_event_loop())

import random
import resource
import threading
from pathlib import Path

import attrs
from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred
from twisted.internet.stdio import StandardIO
from twisted.protocols.basic import LineOnlyReceiver

from reticulum.model import Address
from reticulum.reach.discovery.adapters import networks_of_this_machine
from reticulum.reach.discovery.lan_discovery import LanDiscovery
from reticulum.reach.discovery.mdns import Mdns
from reticulum.reach.discovery.networks import Networks


@attrs.frozen
class Lying(Networks):
    """Networks in which this machine claims other addresses than its own."""

    claims: tuple[str, ...] = ()

    @property
    def told(self) -> tuple[str, ...]:
        return self.claims


def sockets() -> int:
    """How many are open in this process."""
    return sum(link.readlink().name.startswith("socket:") for link in open_files())


def open_files() -> list[Path]:
    """But for the one that is open to list them."""
    return [link for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]


class Neighbour(LineOnlyReceiver):
    """
    Discovers from the first line on.

    Args:
        port: Told to others.
        grid: Fingerprints in hex, the current one first.
        claims: Addresses to claim instead of those there are.
    """

    delimiter = b"\n"

    def __init__(self, port: int, grid: list[str], claims: tuple[str, ...]) -> None:
        self.grid = grid
        self.claims = claims
        self.sockets = 0
        self.discovery = LanDiscovery(
            air=Mdns(),
            networks=self.networks,
            port=port,
            fingerprints=lambda: [bytes.fromhex(text) for text in self.grid],
            found=self.found,
            clock=installed,
            rng=random.SystemRandom(),
        )

    def networks(self) -> Networks:
        real = networks_of_this_machine("")
        return Lying(real.lans, self.claims) if self.claims else real

    def found(self, address: Address) -> None:
        self.say(found=str(address))

    def say(self, **answer: object) -> None:
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()

    def lineReceived(self, line: bytes) -> None:  # noqa: N802  (Twisted's name)
        what, *words = line.decode().split()
        Deferred.fromCoroutine(getattr(self, f"do_{what}")(*words))

    def connectionLost(self, reason: object = None) -> None:  # noqa: N802
        if installed.running:
            installed.stop()

    async def do_start(self) -> None:
        self.sockets = sockets()
        await self.discovery.start()

    async def do_view(self) -> None:
        view = self.discovery.view
        self.say(state=view.state, seen=view.found, evidence=view.evidence)

    async def do_rotate(self, *grid: str) -> None:
        self.grid = list(grid)
        self.discovery.network_changed()

    async def do_look(self) -> None:
        self.discovery.network_changed()

    async def do_cost(self) -> None:
        used = resource.getrusage(resource.RUSAGE_SELF)
        self.say(cpu_s=used.ru_utime + used.ru_stime, peak_kb=used.ru_maxrss)

    async def do_stop(self) -> None:
        began = installed.seconds()
        await self.discovery.stop()
        took_s = installed.seconds() - began
        tasks = asyncio.all_tasks(asyncio.get_event_loop())
        self.say(
            stopped_in_s=took_s,
            left=[str(each) for each in (*tasks, *installed.getDelayedCalls())],
            threads=[each.name for each in threading.enumerate()],
            sockets=sockets() - self.sockets,
        )


def main(port: str, grid: str, *claims: str) -> None:
    """Run until the end of the input."""
    StandardIO(Neighbour(int(port), grid.split(","), claims))
    installed.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
