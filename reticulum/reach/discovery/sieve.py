"""Keeps from the multicast DNS library what is none of its business."""

import struct
from collections.abc import Callable
from typing import Any, Final, Protocol

from twisted.logger import Logger

from reticulum.reach.discovery.announcement import WORD

LONGEST: Final = 1_500
"""Bytes of a datagram: several times what a node says."""
MOST_RECORDS: Final = 32
"""Of an answer; one about a node has a dozen."""
A_SECOND: Final = 50
_PAUSE_S: Final = 1.0
_HEADER = struct.Struct("!2xB3x3H")
_IS_ANSWER: Final = 0x80

_log = Logger()


class Listener(Protocol):
    """The library's end of a socket: an asyncio `DatagramProtocol`, by what is called of it."""

    def datagram_received(self, data: bytes, addrs: Any, /) -> None:
        """Take a datagram."""

    def error_received(self, exc: Exception, /) -> None:
        """Learn that one could not be sent."""

    def connection_lost(self, exc: Exception | None, /) -> None:
        """Learn that the socket is closed."""


class Sieve:
    """
    Passes on what may be from a node on one of the networks; an asyncio `DatagramProtocol`.

    Without it, anyone on the Internet could ask what the node announces (RFC 6762 section 11
    wants the sender checked; the library does not), every printer's word would be read and
    remembered, and a flood would cost as much as it likes.

    Args:
        listener: Gets the rest.
        is_local: Whether an address is that of a sender on the networks.
        now: Seconds.
    """

    def __init__(
        self, listener: Listener, *, is_local: Callable[[str], bool], now: Callable[[], float]
    ) -> None:
        self._listener = listener
        self._is_local = is_local
        self._now = now
        self._since = now()
        self._passed = 0

    def datagram_received(self, data: bytes, addrs: Any) -> None:
        """Pass on one datagram, or don't."""
        if not _is_ours(data) or not self._is_local(addrs[0]):
            return
        now = self._now()
        if now - self._since >= _PAUSE_S:
            self._since, self._passed = now, 0
        self._passed += 1
        if self._passed > A_SECOND:
            return
        try:
            self._listener.datagram_received(data, addrs)
        except Exception as error:  # noqa: BLE001  (whatever a stranger's datagram does to it)
            _log.debug("lan.unread error={error}", error=ascii(error)[:200])

    def error_received(self, exc: Exception) -> None:
        """Note that a datagram was not sent: a network is gone, and will be looked at."""
        _log.debug("lan.unsent error={error}", error=str(exc))

    def connection_lost(self, exc: Exception | None) -> None:
        """Pass it on."""
        self._listener.connection_lost(exc)


def _is_ours(data: bytes) -> bool:
    if not _HEADER.size <= len(data) <= LONGEST or WORD not in data.lower():
        return False
    flags, *numbers = _HEADER.unpack_from(data)
    return not flags & _IS_ANSWER or sum(numbers) <= MOST_RECORDS
