"""Multicast DNS on real sockets, with the zeroconf package."""

import asyncio
import ipaddress
from typing import Any, Final

from twisted.logger import Logger

from reticulum.aio import deferred
from reticulum.reach.discovery.air import Session, Watcher
from reticulum.reach.discovery.announcement import SERVICE, Announcement, Heard
from reticulum.reach.discovery.networks import Networks
from reticulum.reach.discovery.sieve import Sieve

RESOLVE_MS: Final = 2_500
LASTS_S: Final = 1_200
"""A node that went without a goodbye is forgotten; the library takes nothing below 1,125 s."""
GOODBYE_S: Final = 0.8
CLOSE_S: Final = 0.8
_MOST_HOSTS: Final = 64

_log = Logger()


class Mdns:
    """Multicast DNS of this machine; an `Air`."""

    def session(self, announcement: Announcement, networks: Networks) -> Session:
        """Prepare a stay; see `Air`."""
        return MdnsSession(announcement, networks)


class MdnsSession:
    """
    Sockets, from `start` to `stop`; a `Session`.

    Args:
        announcement: What to tell.
        networks: Where.
    """

    def __init__(self, announcement: Announcement, networks: Networks) -> None:
        self._announcement = announcement
        self._networks = networks
        self._zeroconf: Any = None
        self._browser: Any = None
        self._tasks: list[asyncio.Future[Any]] = []

    async def start(self, watcher: Watcher) -> None:
        """Open sockets, browse and announce; see `Session`."""
        await deferred(self._start(watcher))

    async def resolve(self, name: str) -> Heard | None:
        """Ask what a service tells; see `Session`."""
        return await deferred(self._resolve(name))

    async def stop(self) -> None:
        """Say goodbye and close; see `Session`."""
        await deferred(self._stop())

    async def _start(self, watcher: Watcher) -> None:
        # 50 ms, for those who discover.
        from zeroconf import ServiceInfo, ServiceStateChange  # noqa: PLC0415
        from zeroconf.asyncio import AsyncServiceBrowser, AsyncZeroconf  # noqa: PLC0415

        def changed(name: str, state_change: ServiceStateChange, **_: Any) -> None:
            is_gone = state_change is ServiceStateChange.Removed
            (watcher.left if is_gone else watcher.appeared)(name)

        task = asyncio.current_task()
        if task is not None:
            self._tasks.append(task)
        self._zeroconf = AsyncZeroconf(interfaces=self._networks.voices)
        zeroconf = self._zeroconf.zeroconf
        await zeroconf.async_wait_for_start()
        if not zeroconf.engine.senders:
            raise OSError("no network takes part in multicast")
        for reader in zeroconf.engine.readers:
            self._guard(reader.transport)
        self._browser = AsyncServiceBrowser(zeroconf, SERVICE, handlers=[changed])
        announcement = self._announcement
        info = ServiceInfo(
            SERVICE,
            announcement.alias.service,
            port=announcement.port,
            properties=announcement.text,
            server=announcement.alias.host,
            other_ttl=LASTS_S,
            parsed_addresses=list(announcement.addresses),
        )
        # Said three times, which takes half a second. Nobody is asked before: see `Alias`.
        announcing = await self._zeroconf.async_register_service(info, cooperating_responders=True)
        self._tasks.append(announcing)

    def _guard(self, transport: Any) -> None:
        now = asyncio.get_running_loop().time
        listener = transport.get_protocol()
        transport.set_protocol(Sieve(listener, is_local=self._networks.has_sent, now=now))

    async def _resolve(self, name: str) -> Heard | None:
        from zeroconf import IPVersion  # noqa: PLC0415
        from zeroconf.asyncio import AsyncServiceInfo  # noqa: PLC0415

        info = AsyncServiceInfo(SERVICE, name)
        if not await info.async_request(self._zeroconf.zeroconf, RESOLVE_MS):
            return None
        packed = info.addresses_by_version(IPVersion.All)[:_MOST_HOSTS]
        return Heard(
            port=info.port or 0,
            text=info.properties,
            hosts=tuple(str(ipaddress.ip_address(host)) for host in packed),
        )

    async def _stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._zeroconf is None:
            return
        try:
            if self._browser is not None:
                await self._browser.async_cancel()
            async with asyncio.timeout(GOODBYE_S):
                await self._zeroconf.async_unregister_all_services()
        except Exception as error:  # noqa: BLE001  (without a goodbye it is forgotten, too)
            _log.debug("lan.no_goodbye error={error}", error=ascii(error))
        finally:
            async with asyncio.timeout(CLOSE_S):
                await self._zeroconf.async_close()
