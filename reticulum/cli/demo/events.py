"""What happened in a demo, for people and for machines."""

from collections.abc import Callable
from typing import Any

import attrs


@attrs.frozen(kw_only=True)
class Event:
    """
    One thing that happened.

    Args:
        kind: One word for machines.
        text: For people.
        at_s: Seconds since the demo began.
        fields: More for machines.
    """

    kind: str
    text: str
    at_s: float
    fields: dict[str, Any] = attrs.field(factory=dict)

    def record(self) -> dict[str, Any]:
        """In values that JSON can hold."""
        return {"event": self.kind, "at_s": round(self.at_s, 1), "text": self.text, **self.fields}


def counted(count: int, what: str, plural: str | None = None) -> str:
    """A number of something in words: 1 copy, 2 copies."""
    return f"{count} {what if count == 1 else plural or what + 's'}"


Listener = Callable[[Event], object]


@attrs.frozen
class Reporter:
    """
    Tells what happens to whoever wants to know.

    Args:
        listener: Is told each event.
        now: Seconds, monotonic.
    """

    _listener: Listener
    _now: Callable[[], float]
    _began: float = attrs.field(
        default=attrs.Factory(lambda self: self._now(), takes_self=True), init=False
    )

    def tell(self, kind: str, text: str, **fields: Any) -> None:
        """Tell that something has happened just now."""
        at_s = self._now() - self._began
        self._listener(Event(kind=kind, text=text, at_s=at_s, fields=fields))
