"""Says a thing once in a while, however often it happens."""

from collections import OrderedDict
from collections.abc import Callable, Hashable

from reticulum.reach.relay.limits import MOST_SAID


class Seldom:
    """
    Remembers what was said of late.

    Args:
        seconds: Of a clock that never goes back.
        most: Things remembered; of more, some are said again too early.
    """

    def __init__(self, seconds: Callable[[], float], most: int = MOST_SAID) -> None:
        self._seconds = seconds
        self._most = most
        self._said: OrderedDict[Hashable, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._said)

    def may_say(self, thing: Hashable, every_s: float) -> bool:
        """Whether *thing* was not said for *every_s* seconds; it counts as said now."""
        now = self._seconds()
        said = self._said.get(thing)
        if said is not None and now - said < every_s:
            return False
        self._said[thing] = now
        self._said.move_to_end(thing)
        if len(self._said) > self._most:
            self._said.popitem(last=False)
        return True
