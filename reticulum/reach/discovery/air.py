"""What discovery needs of multicast DNS."""

from typing import Protocol

from reticulum.reach.discovery.announcement import Announcement, Heard
from reticulum.reach.discovery.networks import Networks


class Watcher(Protocol):
    """Is told what comes and goes; names are whatever somebody on the network has sent."""

    def appeared(self, name: str) -> None:
        """A service is new, or says something else than before."""

    def left(self, name: str) -> None:
        """A service has said goodbye, or was not heard for long."""


class Session(Protocol):
    """One stay on the air. `stop` is called once, after `start` was, even while that goes on."""

    async def start(self, watcher: Watcher) -> None:
        """
        Announce, and tell *watcher* of every service of our kind, our own included.

        Raises:
            Exception: There is no way to; `stop` is still to be called.
        """

    async def resolve(self, name: str) -> Heard | None:
        """Ask what a service tells; None if it does not answer. May be cancelled."""

    async def stop(self) -> None:
        """Say goodbye and leave nothing open, within 2 s."""


class Air(Protocol):
    """Multicast DNS."""

    def session(self, announcement: Announcement, networks: Networks) -> Session:
        """Prepare a stay on *networks*."""
