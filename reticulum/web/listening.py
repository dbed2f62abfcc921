"""Listening: a site on an endpoint, and its drain."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
from twisted.internet.defer import TimeoutError as DeferredTimeoutError
from twisted.internet.defer import maybeDeferred
from twisted.internet.endpoints import UNIXServerEndpoint, serverFromString
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort, IReactorCore, IReactorTime
from twisted.logger import Logger

from reticulum.errors import BadSettings
from reticulum.web.site import NodeSite

# sockaddr_un has 108 bytes for the path and its closing NUL.
MAX_SOCKET_PATH_BYTES = 107

_log = Logger()


@attrs.define(kw_only=True)
class PublicListener:
    """
    HTTP for people.

    Args:
        endpoint: A Twisted server endpoint string.
        drain_s: Asked at the stop: how long requests under way may take.
    """

    _reactor: IReactorTime
    _site: NodeSite
    _endpoint: str
    _drain_s: Callable[[], float]
    _port: IListeningPort | None = None

    async def start(self) -> None:
        """
        Listen, and log the URL.

        Raises:
            BadSettings: The endpoint can't be read or listened on.
        """
        try:
            self._port = await serverFromString(self._reactor, self._endpoint).listen(self._site)
        except (ValueError, TypeError, KeyError) as error:
            raise BadSettings(
                f"listen in [http] is no endpoint: {self._endpoint!r}: {error}"
            ) from None
        except CannotListenError as error:
            raise BadSettings(
                f"can't listen on {self._endpoint!r}: {error.socketError}; "
                "set another one with --http or listen in [http]"
            ) from None
        _log.info("http.listening url={url}", url=self.url())

    def url(self) -> str:
        """Where the node is reached; for a unix socket, its path."""
        assert self._port is not None  # noqa: S101  (only called once listening)
        host: Any = self._port.getHost()
        address = getattr(host, "host", None)
        if address is None:
            return f"unix:{host}"
        shown = f"[{address}]" if ":" in address else address
        return f"http://{shown}:{host.port}/"

    async def stop(self) -> None:
        """Take no more connections; give what is under way its time, then cut it off."""
        if self._port is not None:
            await maybeDeferred(self._port.stopListening)
        seconds = self._drain_s()
        if self._site.under_way:
            _log.info(
                "http.draining requests={requests} seconds={seconds}",
                requests=self._site.under_way,
                seconds=seconds,
            )
        try:
            await self._site.drain().addTimeout(seconds, self._reactor)
        except DeferredTimeoutError:
            _log.warn("http.cut_off requests={requests}", requests=self._site.under_way)
            self._site.hang_up()
            await self._site.drain()


@attrs.define(kw_only=True)
class ControlListener:
    """
    HTTP for the operator: a unix socket that only the node's own user may open.

    Args:
        path: Of the socket.
    """

    _reactor: IReactorCore
    _site: NodeSite
    _path: Path
    _port: IListeningPort | None = None

    async def start(self) -> None:
        """Listen; the data directory's lock is held, so an old socket is nobody's."""
        if len(os.fsencode(self._path)) > MAX_SOCKET_PATH_BYTES:
            _log.warn(
                "control.off reason='the path is longer than {most} bytes' path={path}",
                most=MAX_SOCKET_PATH_BYTES,
                path=str(self._path),
            )
            return
        self._path.unlink(missing_ok=True)
        # Not by chmod afterwards: between the two, others could connect.
        umask = os.umask(0o177)
        try:
            endpoint = UNIXServerEndpoint(self._reactor, str(self._path), mode=0o600, wantPID=False)
            self._port = await endpoint.listen(self._site)
        finally:
            os.umask(umask)

    async def stop(self) -> None:
        """Take the socket away."""
        if self._port is not None:
            await maybeDeferred(self._port.stopListening)
            self._path.unlink(missing_ok=True)
        self._site.hang_up()
        await self._site.drain()
