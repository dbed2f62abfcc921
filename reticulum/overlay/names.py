"""Resolves host names with Twisted's resolver: addresses of both IP versions."""

from collections.abc import Sequence
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IAddress,
    IHostnameResolver,
    IHostResolution,
    IResolutionReceiver,
)
from zope.interface import implementer


@implementer(IResolutionReceiver)
class _Receiver:
    def __init__(self) -> None:
        self.done: Deferred[list[str]] = Deferred()
        self._hosts: list[str] = []

    def resolutionBegan(self, resolutionInProgress: IHostResolution) -> None:  # noqa: N802, N803  (Twisted's)
        """Nothing: it is waited for to the end."""

    def addressResolved(self, address: IAddress) -> None:  # noqa: N802
        """Take one."""
        if isinstance(address, IPv4Address | IPv6Address) and address.host not in self._hosts:
            self._hosts.append(address.host)

    def resolutionComplete(self) -> None:  # noqa: N802
        """Hand out all."""
        if not self.done.called:
            self.done.callback(self._hosts)


class Names:
    """
    A `Resolve`.

    Args:
        resolver: The reactor's.
    """

    def __init__(self, resolver: IHostnameResolver) -> None:
        self._resolver: Any = resolver

    async def __call__(self, name: str) -> Sequence[str]:
        """Find the addresses of *name*; none if there are none."""
        receiver = _Receiver()
        self._resolver.resolveHostName(receiver, name)
        return await receiver.done
