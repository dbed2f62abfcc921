"""Named fields taken one by one, each with its type and bounds; what nobody takes is ignored."""

from collections.abc import Mapping

import attrs

from reticulum.errors import BadMessage
from reticulum.overlay.wire.msgpack import Value, unpack

_LAST_NUMBER = 2**64 - 1


@attrs.frozen
class Fields:
    """
    What a map of named fields holds.

    A field that is missing where no default is given, of another type, or outside its bounds is
    a `BadMessage` from every method here.

    Args:
        values: By name.
    """

    values: Mapping[str, Value]

    @classmethod
    def parse(cls, data: bytes) -> "Fields":
        """
        Read packed fields.

        Raises:
            BadMessage: They are no such thing.
        """
        return cls(unpack(data))

    def number(self, name: str, *, last: int = _LAST_NUMBER, default: int | None = None) -> int:
        """Take a whole number, 0 to *last*."""
        value = self.values.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int) or value > last:
            raise BadMessage(f"{name}: wanted a number up to {last}")
        return value

    def flag(self, name: str) -> bool:
        """Take true or false; missing is false."""
        value = self.values.get(name, False)
        if not isinstance(value, bool):
            raise BadMessage(f"{name}: wanted true or false")
        return value

    def octets(self, name: str, least: int, most: int, *, default: bytes | None = None) -> bytes:
        """Take *least* to *most* bytes; the default need not be within."""
        value = self.values.get(name)
        if name not in self.values and default is not None:
            return default
        if not isinstance(value, bytes) or not least <= len(value) <= most:
            raise BadMessage(f"{name}: wanted {least} to {most} bytes")
        return value

    def text(self, name: str, most: int) -> str:
        """Take up to *most* bytes of printable text; missing is empty."""
        value = self.values.get(name, "")
        # Not printable: controls, line ends, marks that turn the direction of writing.
        if not isinstance(value, str) or len(value.encode()) > most or not value.isprintable():
            raise BadMessage(f"{name}: wanted up to {most} bytes of printable text")
        return value
