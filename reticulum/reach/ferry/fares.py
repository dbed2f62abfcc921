"""What each member has used of the ferries: datagrams and bytes, in each direction."""

from collections import OrderedDict
from collections.abc import Callable

from reticulum.model import NodeId
from reticulum.reach.ferry.limits import MOST_MEMBERS, Limits
from reticulum.reach.relay.accounts import Bucket


class Fare:
    """
    What one member has used in one direction.

    Args:
        limits: Of now.
        seconds: Of a clock that never goes back.
    """

    __slots__ = ("_bytes", "_datagrams", "_limits", "_seconds")

    def __init__(self, limits: Limits, seconds: Callable[[], float]) -> None:
        self._limits = limits
        self._seconds = seconds
        self._datagrams = Bucket(limits.datagrams_burst, seconds())
        self._bytes = Bucket(limits.bytes_burst, seconds())

    def take(self, length: int) -> bool:
        """Use one datagram of *length* bytes, or say that it is too much."""
        limits, now = self._limits, self._seconds()
        datagrams = (now, limits.datagrams_per_s, limits.datagrams_burst)
        octets = (now, limits.bytes_per_s, limits.bytes_burst)
        if self._datagrams.left(*datagrams) < 1 or self._bytes.left(*octets) < length:
            return False
        self._datagrams.spend(1, *datagrams)
        self._bytes.spend(length, *octets)
        return True


class Fares:
    """
    Of the members carried of late, out and back; to come anew is not to begin anew.

    Args:
        limits: Asked for each member.
        seconds: Of a clock that never goes back.
        most: Members remembered.
    """

    def __init__(
        self,
        limits: Callable[[], Limits],
        seconds: Callable[[], float],
        most: int = MOST_MEMBERS,
    ) -> None:
        self._limits = limits
        self._seconds = seconds
        self._most = most
        self._fares: OrderedDict[NodeId, tuple[Fare, Fare]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._fares)

    def of(self, member: NodeId) -> tuple[Fare, Fare]:
        """What *member* may send, and what may be brought to it."""
        fares = self._fares.pop(member, None)
        if fares is None:
            limits = self._limits()
            fares = (Fare(limits, self._seconds), Fare(limits, self._seconds))
        self._fares[member] = fares
        if len(self._fares) > self._most:
            self._fares.popitem(last=False)
        return fares
