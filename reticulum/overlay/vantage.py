"""This node's own address, as the peers say they see it."""

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator

from reticulum.model import Address, NodeId, reach_of

MOST_VOICES = 32


class Vantage:
    """
    What the peers heard last say, one voice each.

    Peers near by see an address that others can't use: who sees a public one is believed first.

    Args:
        moved: Called when most see this node at another host than before.
        is_ferried: Whether they see another node, by way of which its datagrams go.
    """

    def __init__(
        self,
        moved: Callable[[], None] = lambda: None,
        is_ferried: Callable[[], bool] = lambda: False,
    ) -> None:
        self._voices: OrderedDict[NodeId, Address] = OrderedDict()
        self._moved = moved
        self._is_ferried = is_ferried

    def heard(self, voice: NodeId, seen: Address) -> None:
        """Note where *voice* sees this node."""
        if self._is_ferried():
            return
        before = self.address
        self._voices.pop(voice, None)
        self._voices[voice] = seen
        if len(self._voices) > MOST_VOICES:
            self._voices.popitem(last=False)
        if before is None or seen.host == before.host:
            return
        after = self.address
        # To learn how it looks from farther away is not to have moved.
        if (
            after is not None
            and after.host != before.host
            and reach_of(after.host) == reach_of(before.host)
        ):
            self._moved()

    def clear(self) -> None:
        """Forget everything: this node is elsewhere now."""
        self._voices.clear()

    @property
    def address(self) -> Address | None:
        """Where most see it, the latest of equals; None before anybody said."""
        votes = Counter(reversed(list(self._farthest())))
        return votes.most_common(1)[0][0] if votes else None

    @property
    def ports(self) -> tuple[int, ...]:
        """At which ports of that host, one for each voice: different ones mean a symmetric NAT."""
        address = self.address
        if address is None:
            return ()
        return tuple(seen.port for seen in self._farthest() if seen.host == address.host)

    def _farthest(self) -> Iterator[Address]:
        farthest = max((reach_of(seen.host) for seen in self._voices.values()), default=0)
        return (seen for seen in self._voices.values() if reach_of(seen.host) == farthest)
