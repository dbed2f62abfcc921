"""How values become bytes inside a sealed datagram, and back, strictly."""

from reticulum.overlay.wire.addresses import (
    pack_address,
    pack_contact,
    pack_relayed,
    take_address,
    take_contact,
    take_relayed,
)
from reticulum.overlay.wire.fields import Fields
from reticulum.overlay.wire.msgpack import MOST_FIELDS, Value, pack, unpack

__all__ = [
    "MOST_FIELDS",
    "Fields",
    "Value",
    "pack",
    "pack_address",
    "pack_contact",
    "pack_relayed",
    "take_address",
    "take_contact",
    "take_relayed",
    "unpack",
]
