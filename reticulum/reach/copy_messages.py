"""
What nodes tell each other about copies: the JSON of questions and answers, both ways.

Every `read_` function takes bytes of another node, and gives None for what cannot be.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import Any, Final

from reticulum.errors import BadImageId
from reticulum.interfaces import MOST_ASKED, MOST_BURIED
from reticulum.model import Holding, ImageId

_ROOM: Final = 256
QUESTION_BYTES: Final = MOST_ASKED * 80 + _ROOM
"""The longest question about images."""
HOLDINGS_BYTES: Final = MOST_ASKED * 16 + _ROOM
"""The longest answer to it."""
PACKED_BYTES: Final = 200
"""The longest tombstone; those of today have at most 147 bytes."""
TOMBSTONES_BYTES: Final = MOST_BURIED * 280 + _ROOM
"""The longest message with tombstones."""
DEEPEST: Final = 160
"""Bits of a node id."""
LARGEST: Final = 1 << 53
"""No number in a message is above it, so that JSON of any kind can hold it."""


def question(image_ids: Sequence[ImageId], *, verify: bool) -> bytes:
    """Ask about images."""
    return _json({"ids": [str(image_id) for image_id in image_ids], "verify": verify})


def read_question(content: bytes) -> tuple[Sequence[ImageId], bool] | None:
    """The images asked about, and whether to hash them."""
    fields = _object(content)
    ids = _texts(fields.get("ids"), MOST_ASKED)
    verify = fields.get("verify", False)
    if ids is None or not isinstance(verify, bool):
        return None
    try:
        return [ImageId.parse(text) for text in ids], verify
    except BadImageId:
        return None


def holdings(held: Sequence[Holding]) -> bytes:
    """Answer a question about images."""
    return _json({"holding": [holding.value for holding in held]})


def read_holdings(content: bytes, asked: int) -> Sequence[Holding] | None:
    """The answer to a question about so many images."""
    texts = _texts(_object(content).get("holding"), MOST_ASKED)
    if texts is None or len(texts) != asked:
        return None
    try:
        return [Holding(text) for text in texts]
    except ValueError:
        return None


def burial(packed: Sequence[bytes], depth: int) -> bytes:
    """Tell of deletions."""
    return _json({"tombstones": _encoded(packed), "depth": depth})


def read_burial(content: bytes) -> tuple[Sequence[bytes], int] | None:
    """Packed tombstones, nobody has looked at them, and how far they have come."""
    fields = _object(content)
    packed, depth = _decoded(fields.get("tombstones")), fields.get("depth")
    if packed is None or type(depth) is not int or not 0 <= depth <= DEEPEST:
        return None
    return packed, depth


def page(packed: Sequence[bytes], following: int | None) -> bytes:
    """Answer with deletions, and where to go on."""
    return _json({"tombstones": _encoded(packed), "next": following})


def read_page(content: bytes) -> tuple[Sequence[bytes], int | None] | None:
    """Packed tombstones, nobody has looked at them, and where to go on; None at the end."""
    fields = _object(content)
    packed, following = _decoded(fields.get("tombstones")), fields.get("next")
    if packed is None:
        return None
    if following is None:
        return packed, None
    return (packed, following) if type(following) is int and 0 <= following < LARGEST else None


def _json(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields, separators=(",", ":")).encode()


def _object(content: bytes) -> dict[str, Any]:
    try:
        fields: Any = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return fields if isinstance(fields, dict) else {}


def _texts(value: Any, most: int) -> list[str] | None:
    if not isinstance(value, list) or len(value) > most:
        return None
    return value if all(isinstance(text, str) for text in value) else None


def _encoded(packed: Sequence[bytes]) -> list[str]:
    return [b64encode(one).decode() for one in packed]


def _decoded(value: Any) -> list[bytes] | None:
    texts = _texts(value, MOST_BURIED)
    if texts is None:
        return None
    try:
        packed = [b64decode(text, validate=True) for text in texts]
    except ValueError:
        return None
    return packed if all(1 <= len(one) <= PACKED_BYTES for one in packed) else None
