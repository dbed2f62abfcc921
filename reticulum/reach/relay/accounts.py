"""What each member has used of the relay: circuits, openings, bytes."""

from collections import OrderedDict
from collections.abc import Callable

from reticulum.model import NodeId
from reticulum.reach.relay.limits import MOST_MEMBERS, Limits


class Bucket:
    """
    A bucket of tokens that may get into debt.

    Args:
        burst: How much is in it at first, and at most.
        at: Now, in seconds of any clock that never goes back.
    """

    __slots__ = ("_at", "_left")

    def __init__(self, burst: float, at: float) -> None:
        self._left = burst
        self._at = at

    def left(self, at: float, per_s: float, burst: float) -> float:
        """What is in it *at* a time; less than 0 if it is owed."""
        self._left = min(self._left + (at - self._at) * per_s, burst)
        self._at = at
        return self._left

    def spend(self, amount: float, at: float, per_s: float, burst: float) -> float:
        """
        Take *amount* out, there or not.

        Returns:
            Seconds until nothing is owed.
        """
        left = self._left = self.left(at, per_s, burst) - amount
        return 0.0 if left >= 0 else -left / per_s


class Account:
    """
    What one member has used.

    Args:
        limits: Of now.
        seconds: Of a clock that never goes back.
    """

    __slots__ = ("_bytes", "_opens", "_seconds", "bytes_per_s", "circuits")

    def __init__(self, limits: Limits, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._opens = Bucket(limits.opens_burst, seconds())
        self._bytes = Bucket(limits.bytes_per_s, seconds())
        self.bytes_per_s = limits.bytes_per_s
        self.circuits = 0

    def may_open(self, limits: Limits) -> bool:
        """Whether the member may ask for one more circuit; it counts as asked for."""
        rate, burst, now = limits.opens_per_s, limits.opens_burst, self._seconds()
        if self._opens.left(now, rate, burst) < 1:
            return False
        self._opens.spend(1, now, rate, burst)
        return True

    def pay(self, amount: int) -> float:
        """
        Pay for bytes that were passed on.

        Returns:
            Seconds until more may be.
        """
        rate = self.bytes_per_s
        return self._bytes.spend(amount, self._seconds(), rate, rate)


class Accounts:
    """
    The accounts of members seen of late.

    Args:
        seconds: Of a clock that never goes back.
        most: How many; whoever has a circuit is never forgotten.
    """

    def __init__(self, seconds: Callable[[], float], most: int = MOST_MEMBERS) -> None:
        self._seconds = seconds
        self._most = most
        self._accounts: OrderedDict[NodeId, Account] = OrderedDict()

    def __len__(self) -> int:
        return len(self._accounts)

    def of(self, member: NodeId, limits: Limits) -> Account:
        """The account of *member*."""
        account = self._accounts.pop(member, None) or Account(limits, self._seconds)
        self._accounts[member] = account
        if len(self._accounts) > self._most:
            self._forget_one()
        return account

    def rate(self, bytes_per_s: int) -> None:
        """Let everybody have so many bytes a second from now on."""
        for account in self._accounts.values():
            account.bytes_per_s = bytes_per_s

    def _forget_one(self) -> None:
        for member, account in self._accounts.items():
            if not account.circuits:
                del self._accounts[member]
                return
