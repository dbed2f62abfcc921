"""Of each message the fields that can't be left out, however little room there is."""

import functools

from reticulum.model import Address
from reticulum.overlay.messages.bodies import (
    MOST_OFFSET,
    Body,
    Dialling,
    DialMe,
    Find,
    Found,
    Gone,
    Goodbye,
    Knock,
    Ping,
    Pong,
    Store,
    Stored,
)
from reticulum.overlay.wire import Value, pack_address

_MOST_COUNTED = 255


@functools.singledispatch
def fixed_fields(body: Body) -> dict[str, Value]:
    """
    Name them; what changes with the room is at its longest.

    Args:
        body: Of a message.
    """
    raise TypeError(f"{type(body).__name__} is no message")


@fixed_fields.register
def _(body: Ping) -> dict[str, Value]:
    return {
        "sequence": body.sequence,
        "software": body.software,
        "token": body.token,
        "record": body.wants_record,
        "port": body.port,
    }


@fixed_fields.register
def _(body: Pong) -> dict[str, Value]:
    return {
        "seen": _packed(body.seen),
        "sequence": body.sequence,
        "software": body.software,
        "token": body.token,
        "port": body.port,
    }


@fixed_fields.register
def _(body: Find) -> dict[str, Value]:
    return {
        "target": body.target.digest,
        "want": body.want.value,
        "page": body.page.number,
        "token": body.token,
        "port": body.port,
    }


@fixed_fields.register
def _(body: Found) -> dict[str, Value]:
    # It is rare, and takes no room from others where it is not.
    attached: dict[str, Value] = {"attached": True} if body.attached else {}
    return attached | {
        "holds": body.holds,
        "page": body.page.number,
        "left": MOST_OFFSET,
        "seen": _packed(body.seen),
        "token": body.token,
        "port": body.port,
    }


@fixed_fields.register
def _(body: Store) -> dict[str, Value]:
    return {"token": body.token}


@fixed_fields.register
def _(body: Stored) -> dict[str, Value]:
    refused = (bytes((fault, min(count, _MOST_COUNTED))) for fault, count in body.refused.items())
    return {"accepted": body.accepted, "refused": b"".join(refused), "token": body.token}


@fixed_fields.register
def _(body: Gone) -> dict[str, Value]:
    return {"nodes": b"".join(node_id.digest for node_id in body.nodes)}


@fixed_fields.register
def _(body: DialMe) -> dict[str, Value]:
    return {
        "nonce": body.nonce,
        "port": body.port,
        "tcp": body.tcp,
        "token": body.token,
    }


@fixed_fields.register
def _(body: Dialling) -> dict[str, Value]:
    return {"agreed": body.agreed, "token": body.token}


@fixed_fields.register
def _(body: Knock) -> dict[str, Value]:
    return {"nonce": body.nonce}


@fixed_fields.register
def _(_body: Goodbye) -> dict[str, Value]:
    return {}


def _packed(address: Address | None) -> bytes:
    return b"" if address is None else pack_address(address)
