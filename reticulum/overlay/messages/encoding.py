"""
Messages to bytes, within the room there is.

What is short comes first. Then holders, closer and relayed nodes share the room: relayed ones get
what the others leave, and a quarter where all have more; of the rest, holders and closer nodes each
get what the other leaves, and half where both have more. Last a node record, if it still fits.
"""

import itertools

import attrs

from reticulum.overlay.messages.bodies import MOST_OFFSET, Envelope, Found, Message, Pong, Store
from reticulum.overlay.messages.fixed_fields import fixed_fields
from reticulum.overlay.messages.layout import HEAD, KINDS, SERVER, VERSION
from reticulum.overlay.messages.room import LARGEST_BODY
from reticulum.overlay.records import pack_providers
from reticulum.overlay.wire import Value, pack, pack_contact, pack_relayed

# A name of up to 9 characters and the head of up to 65,535 bytes.
_FIELD_BYTES = 1 + 9 + 3
_PAD_HEAD_BYTES = 1 + 3 + 2
# Empty, zero and false are what a missing field means; these may not be missing.
_NEEDED = frozenset({"want", "accepted", "agreed"})


@attrs.frozen
class Encoded:
    """
    A message as bytes, and what did not fit.

    Args:
        data: To be sealed.
        providers_left: How many provider records, the last ones, are not in it.
        closer_left: How many contacts, the last ones, are not in it.
        relayed_left: How many relayed nodes, the last ones, are not in it.
        record_left: Whether the node record is not in it.
    """

    data: bytes
    providers_left: int = 0
    closer_left: int = 0
    relayed_left: int = 0
    record_left: bool = False


def encode(message: Message, room: int = LARGEST_BODY, *, pad_to: int = 0) -> Encoded:
    """
    Write one message.

    Args:
        message: Any.
        room: Most bytes.
        pad_to: Fewest bytes; it may become seven more; see `padding_for`.

    Raises:
        ValueError: Even what can't be left out has no room; nothing that this node sends in
            answer to a whole request is that long.
    """
    body = message.body
    providers = body.providers if isinstance(body, Found | Store) else ()
    contacts = body.closer if isinstance(body, Found) else ()
    relayed = body.relayed if isinstance(body, Found) else ()
    record = body.record if isinstance(body, Pong | Found | Store) else None

    fields = fixed_fields(body)
    spare = room - HEAD.size - len(pack(fields))
    if spare < 0:
        raise ValueError(f"{type(body).__name__} does not fit into {room} bytes")
    spare = max(spare - _FIELD_BYTES * sum(map(bool, (providers, contacts, relayed))), 0)
    behind = [pack_relayed(contact) for contact in relayed]
    quarter = min(sum(map(len, behind)), spare // 4)
    spare -= quarter
    packed = [pack_contact(contact) for contact in contacts]
    reserved = min(sum(map(len, packed)), spare // 2)
    holders, written = pack_providers(providers, spare - reserved)
    spare -= len(holders)
    told = _fitting(packed, spare)
    closer = b"".join(packed[:told])
    spare += quarter - len(closer)
    named = _fitting(behind, spare)
    through = b"".join(behind[:named])
    spare -= len(through)
    fields |= {"providers": holders, "closer": closer, "relayed": through}
    providers_left, relayed_left = len(providers) - written, len(relayed) - named
    if isinstance(body, Found):
        fields["left"] = min(body.left + providers_left + relayed_left, MOST_OFFSET)
    record_left = record is not None and len(record.packed) + _FIELD_BYTES > spare
    if record is not None and not record_left:
        fields["node"] = record.packed

    data = _write(message.envelope, KINDS[type(body)], fields)
    if len(data) < pad_to:
        fields["pad"] = bytes(max(pad_to - len(data) - _PAD_HEAD_BYTES, 1))
        data = _write(message.envelope, KINDS[type(body)], fields)
    return Encoded(data, providers_left, len(contacts) - told, relayed_left, record_left)


def _write(envelope: Envelope, kind: int, fields: dict[str, Value]) -> bytes:
    flags = SERVER if envelope.server else 0
    head = HEAD.pack(VERSION, kind, flags, envelope.transaction, envelope.sender.digest)
    return head + pack(_worth_saying(fields))


def _worth_saying(fields: dict[str, Value]) -> dict[str, Value]:
    return {name: value for name, value in fields.items() if value or name in _NEEDED}


def _fitting(packed: list[bytes], room: int) -> int:
    ends = itertools.accumulate(map(len, packed))
    return sum(1 for _ in itertools.takewhile(lambda end: end <= room, ends))
