"""Keys from the bytes a terminal sends."""

from collections.abc import Iterator

import attrs

_ESCAPE = 0x1B
_ARROWS = {b"\x1b[A": "p", b"\x1b[B": "n", b"\x1bOA": "p", b"\x1bOB": "n"}
_SEQUENCE_BYTES = 3
_FINAL = range(0x40, 0x7F)
# What opens a sequence is in the range of what ends one.
_OPENERS = frozenset(b"[O")


@attrs.define
class KeyDecoder:
    """
    Bytes in, keys out: lower-case letters and digits; up and down are `p` and `n`.

    A sequence that is cut in two by the terminal line waits for its rest; whatever else has no
    meaning is dropped, so that a function key never kills a node.
    """

    _rest: bytes = b""

    def feed(self, data: bytes) -> Iterator[str]:
        """The keys that are complete now."""
        pending = self._rest + data
        self._rest = b""
        while pending:
            if pending[0] != _ESCAPE:
                key = chr(pending[0]).lower()
                pending = pending[1:]
                if key.isascii() and key.isalnum():
                    yield key
                continue
            length = _sequence_length(pending)
            if length is None:
                self._rest = pending
                return
            sequence, pending = pending[:length], pending[length:]
            if sequence in _ARROWS:
                yield _ARROWS[sequence]


def _sequence_length(pending: bytes) -> int | None:
    """Bytes of the sequence that *pending* opens with; None if its end has yet to come."""
    if len(pending) == 1:
        return None
    if pending[1] not in _OPENERS:
        return 1
    if pending[1:2] == b"O":
        return _SEQUENCE_BYTES if len(pending) >= _SEQUENCE_BYTES else None
    for place, byte in enumerate(pending[2:], start=_SEQUENCE_BYTES):
        if byte in _FINAL:
            return place
    return None
