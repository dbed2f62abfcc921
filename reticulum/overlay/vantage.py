"""This node's own address, as the peers say they see it."""

from collections import Counter, OrderedDict

from reticulum.model import Address, NodeId

MOST_VOICES = 32


class Vantage:
    """What the peers heard last say, one voice each."""

    def __init__(self) -> None:
        self._voices: OrderedDict[NodeId, Address] = OrderedDict()

    def heard(self, voice: NodeId, seen: Address) -> None:
        """Note where *voice* sees this node."""
        self._voices.pop(voice, None)
        self._voices[voice] = seen
        if len(self._voices) > MOST_VOICES:
            self._voices.popitem(last=False)

    @property
    def address(self) -> Address | None:
        """Where most see it, the latest of equals; None before anybody said."""
        votes = Counter(reversed(self._voices.values()))
        return votes.most_common(1)[0][0] if votes else None
