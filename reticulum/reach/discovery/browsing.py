"""Looks at what appears on the local network: bounded in number, in time and in pace."""

from collections.abc import Collection
from typing import Final

from twisted.internet.defer import CancelledError, Deferred, DeferredList
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from reticulum.aio import heard as ended
from reticulum.model import Address
from reticulum.reach.discovery.air import Session
from reticulum.reach.discovery.announcement import SERVICE, Announcement, Heard
from reticulum.reach.discovery.networks import Networks
from reticulum.reach.discovery.sightings import Sightings

AT_ONCE: Final = 4
MOST_WAITING: Final = 64
RESOLVE_S: Final = 3.0
LOOKS: Final = 240
"""Between two calls of `Browsing.refill`."""
MOST_CHANGES: Final = 10_000
_LAST_PORT: Final = 65_535
_LONGEST_NAME: Final = 255
_LONGEST_WORD: Final = 80

_log = Logger()


class Browsing:
    """
    Looks at each service of one session; a `Watcher`.

    Args:
        session: To ask a service with.
        own: What this node itself announces.
        networks: It takes part in.
        accepted: Fingerprints of this grid.
        sightings: Of nodes.
        clock: For deadlines.
    """

    def __init__(
        self,
        session: Session,
        *,
        own: Announcement,
        networks: Networks,
        accepted: Collection[bytes],
        sightings: Sightings,
        clock: IReactorTime,
    ) -> None:
        self._session = session
        self._own = own
        self._networks = networks
        self._accepted = accepted
        self._sightings = sightings
        self._clock = clock
        self._waiting: dict[str, None] = {}
        self._under_way: dict[str, Deferred[None]] = {}
        self._looks = LOOKS
        self._changes = 0

    @property
    def is_worn(self) -> bool:
        """Whether so much was heard that the library's memory of it should be given up."""
        return self._changes >= MOST_CHANGES

    def appeared(self, name: str) -> None:
        """Look at a service soon, unless too many wait already; see `Watcher`."""
        self._changes += 1
        is_ours = name.lower() == self._own.alias.service
        if is_ours or len(name) > _LONGEST_NAME or not name.endswith(f".{SERVICE}"):
            return
        if len(self._waiting) < MOST_WAITING:
            self._waiting[name] = None
        self._go_on()

    def left(self, name: str) -> None:
        """Forget a service; see `Watcher`."""
        self._waiting.pop(name, None)
        if name in self._under_way:
            self._under_way[name].cancel()
        self._sightings.drop(name)

    def refill(self) -> None:
        """Allow so many looks more."""
        self._looks = LOOKS
        self._go_on()

    async def stop(self) -> None:
        """End every look."""
        self._looks = 0
        self._waiting.clear()
        under_way = list(self._under_way.values())
        done = DeferredList([ended(look) for look in under_way])
        for look in under_way:
            look.cancel()
        await done

    def _go_on(self) -> None:
        while self._looks and len(self._under_way) < AT_ONCE:
            name = next((name for name in self._waiting if name not in self._under_way), None)
            if name is None:
                return
            del self._waiting[name]
            self._looks -= 1
            self._under_way[name] = look = Deferred.fromCoroutine(self._look_at(name))
            look.addBoth(self._looked, name)

    def _looked(self, result: Failure | None, name: str) -> None:
        del self._under_way[name]
        self._go_on()
        if result is not None:
            result.trap(CancelledError)

    async def _look_at(self, name: str) -> None:
        resolving = Deferred.fromCoroutine(self._session.resolve(name))
        try:
            heard = await resolving.addTimeout(RESOLVE_S, self._clock)
        except CancelledError:
            raise
        except Exception as error:  # noqa: BLE001  (whatever it is: of a stranger's making)
            _log.debug(
                "lan.unresolved name={name} error={error}",
                name=ascii(name)[:_LONGEST_WORD],
                error=ascii(error)[:_LONGEST_WORD],
            )
            return
        if heard is None:
            return
        addresses = self._addresses(heard)
        if addresses:
            self._sightings.put(name, addresses)
        else:
            self._sightings.drop(name)

    def _addresses(self, heard: Heard) -> list[Address]:
        """Where to look for another node of this grid; nowhere if it is none."""
        if heard.fingerprint not in self._accepted or not 1 <= heard.port <= _LAST_PORT:
            return []
        near = dict.fromkeys(host for host in heard.hosts if self._networks.is_near(host))
        if heard.port == self._own.port:
            near = {host: None for host in near if host not in self._networks.own}
        return [Address(host, heard.port) for host in near]
