"""What could not be opened, counted by reason; members with a wrong clock are remembered."""

from collections import Counter, OrderedDict
from collections.abc import Mapping

from twisted.logger import Logger

from reticulum.errors import DatagramRefused, Refusal
from reticulum.model import Address
from reticulum.overlay.views import WrongClock

MOST_CLOCKS = 64
AGAIN_S = 3600
"""Seconds until the clock of the same peer is worth another line in the log."""
LINE_GAP_S = 10
"""Seconds between two lines about clocks: recordings can come from ever new addresses."""

_log = Logger()


class Refusals:
    """Counts of refused datagrams, and the wrong clocks among them, bounded."""

    def __init__(self) -> None:
        self._counts: Counter[Refusal] = Counter()
        self._clocks: OrderedDict[Address, WrongClock] = OrderedDict()
        self._told: OrderedDict[Address, float] = OrderedDict()
        self._told_at = float("-inf")

    def note(self, refused: DatagramRefused, from_: Address, now: float) -> None:
        """
        Count one.

        Args:
            refused: Why.
            from_: Where it came from, as the packet says.
            now: Seconds since 1970.
        """
        self._counts[refused.reason] += 1
        if refused.clock_off_ms is None:
            return
        off_s = refused.clock_off_ms / 1000
        self._clocks.pop(from_, None)
        self._clocks[from_] = WrongClock(address=from_, off_s=off_s, last_at=now)
        if len(self._clocks) > MOST_CLOCKS:
            self._clocks.popitem(last=False)
        self._tell(from_, off_s, now)

    def _tell(self, from_: Address, off_s: float, now: float) -> None:
        if now - self._told.get(from_, float("-inf")) < AGAIN_S or (
            now - self._told_at < LINE_GAP_S
        ):
            return
        self._told.pop(from_, None)
        self._told[from_] = self._told_at = now
        if len(self._told) > MOST_CLOCKS:
            self._told.popitem(last=False)
        _log.warn(
            "overlay.wrong_clock peer={peer} off_s={off_s:+.1f}: not heard until one of the "
            "two clocks is set right",
            peer=str(from_),
            off_s=off_s,
        )

    @property
    def counts(self) -> Mapping[Refusal, int]:
        """Refused so far, by reason."""
        return dict(self._counts)

    def wrong_clocks(self, now: float) -> tuple[WrongClock, ...]:
        """Members whose datagrams were refused for their clock in the last hour, latest first."""
        recent = (clock for clock in self._clocks.values() if now - clock.last_at < AGAIN_S)
        return tuple(reversed(tuple(recent)))
