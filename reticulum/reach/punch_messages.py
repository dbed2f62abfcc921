"""What two nodes that want to connect directly tell each other, through a relay."""

import json
from collections.abc import Sequence
from typing import Final

from reticulum.model import Address

MOST_ADDRESSES: Final = 4
PUNCH_BYTES: Final = 512
"""At most, of a question and of an answer."""


def addresses(places: Sequence[Address]) -> bytes:
    """Where one can be dialled, best first."""
    return json.dumps({"addresses": [str(place) for place in places[:MOST_ADDRESSES]]}).encode()


def read_addresses(content: bytes) -> tuple[Address, ...] | None:
    """The same back; None if it cannot be."""
    try:
        told = json.loads(content)["addresses"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    if not isinstance(told, list) or len(told) > MOST_ADDRESSES:
        return None
    if not all(isinstance(text, str) for text in told):
        return None
    try:
        return tuple(Address.parse(text) for text in told)
    except ValueError:
        return None
