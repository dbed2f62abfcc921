"""Which datagrams were received before: a window of counters for every sender, bounded in number.

What somebody can do with a recorded datagram
---------------------------------------------

* To a receiver that remembers its sender: nothing. The counter is in the window (REPLAYED) or
  left of it (OLD).
* To a receiver that has forgotten or never knew the sender: a stamp before the **floor** is
  refused (OLD). The floor starts at the moment the receiver started, and is raised past the last
  time an evicted sender was heard. So whatever was received before a restart or an eviction
  is refused, except from a sender whose clock is ahead of ours by d (at most the skew): what it
  sent in its last d before that moment can come back, once.
* To another member that did not receive the original: it is accepted within the skew, unless it
  names its recipient (see `seal`). Such a datagram proves who sealed it and when, not from
  where it came: no address is to be believed, nor long answers given, on its word alone.

What a member can do that floods a receiver with datagrams of ever new boots: evict everyone, and
by that raise the floor to (now - time an entry survives the flood). Senders with a right clock
are taken in again by their next datagram; those that are behind by more than that time are refused
while the flood lasts. The flooder's own stamps don't raise the floor beyond our clock, and
memory stays bounded. A member must be expelled by rotation; a window can't do it.

The price of the floor: for the first d after a start, senders are refused whose clocks are behind
by d. A clock of ours that steps back lowers the floor to where it now is, like a restart there.
"""

from collections import OrderedDict

import attrs

from reticulum.errors import Refusal

WINDOW = 1024
"""Counters that a sender's datagrams may arrive out of order by (RFC 4303, section 3.4.3)."""

MOST_SENDERS = 4096
"""Senders remembered; about 450 bytes each."""

_MASK = (1 << WINDOW) - 1


@attrs.define
class Window:
    """
    The counters seen of one sender: those up to *newest*, the last 1024 one by one.

    Args:
        newest: Highest counter taken.
        seen: Bit i is set if counter newest - i was taken.
        heard_ms: Our clock when a datagram was last taken.
    """

    newest: int
    seen: int
    heard_ms: int

    def refusal(self, counter: int) -> Refusal | None:
        """REPLAYED if it was taken, OLD if it is left of the window, else None."""
        back = self.newest - counter
        if back < 0:
            return None
        if back >= WINDOW:
            return Refusal.OLD
        return Refusal.REPLAYED if self.seen >> back & 1 else None

    def take(self, counter: int) -> None:
        """Note a counter that `refusal` has nothing against."""
        ahead = counter - self.newest
        if ahead >= WINDOW:
            self.newest, self.seen = counter, 1
        elif ahead > 0:
            self.newest, self.seen = counter, (self.seen << ahead | 1) & _MASK
        else:
            self.seen |= 1 << -ahead


class Windows:
    """
    The windows of the senders heard last.

    Args:
        floor_ms: Our clock at the start, in ms since 1970: a sender not remembered must not
            have stamped earlier.
        most: Senders remembered, at least 1.
    """

    def __init__(self, floor_ms: int, most: int = MOST_SENDERS) -> None:
        if most < 1:
            raise ValueError("at least one sender must be remembered")
        self._floor_ms = floor_ms
        self._most = most
        self._windows: OrderedDict[bytes, Window] = OrderedDict()

    def __len__(self) -> int:
        return len(self._windows)

    @property
    def floor_ms(self) -> int:
        """A sender not remembered must not have stamped earlier than this."""
        return self._floor_ms

    def refusal(self, sender: bytes, counter: int) -> Refusal | None:
        """
        What the window alone says, before anything is deciphered; changes nothing.

        Args:
            sender: Key epoch and boot, as they stand in the clear.
            counter: As it stands in the clear, not yet authentic.
        """
        window = self._windows.get(sender)
        return None if window is None else window.refusal(counter)

    def take(self, sender: bytes, counter: int, clock_ms: int, now_ms: int) -> Refusal | None:
        """
        Note an authentic datagram, or say why it must be refused; then nothing is changed.

        Args:
            sender: Key epoch and boot.
            counter: Of the datagram.
            clock_ms: The sender's stamp; the caller has seen that it is within the skew.
            now_ms: Our clock.
        """
        window = self._windows.get(sender)
        if window is None:
            # Our clock was set back: a floor ahead of it would keep everyone out.
            self._floor_ms = min(self._floor_ms, now_ms)
            if clock_ms < self._floor_ms:
                return Refusal.OLD
            self._windows[sender] = Window(counter, 1, now_ms)
            if len(self._windows) > self._most:
                _, evicted = self._windows.popitem(last=False)
                self._floor_ms = max(self._floor_ms, evicted.heard_ms + 1)
            return None
        if refusal := window.refusal(counter):
            return refusal
        window.take(counter)
        window.heard_ms = now_ms
        self._windows.move_to_end(sender)
        return None
