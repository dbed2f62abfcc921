"""A question of another node, an answer to one of ours, and why there may be none."""

import enum
from collections.abc import Callable

import attrs
from twisted.internet.interfaces import IDelayedCall

from reticulum.model import Address, Contact, NodeId
from reticulum.overlay.messages import (
    Body,
    Dialling,
    DialMe,
    Find,
    Found,
    Ping,
    Pong,
    Store,
    Stored,
)
from reticulum.overlay.surroundings import Send

ANSWERS: dict[type[Body], type[Body]] = {
    Ping: Pong,
    Find: Found,
    Store: Stored,
    DialMe: Dialling,
}
"""What answers what. Everything else gets no answer."""


@attrs.frozen(kw_only=True)
class Question:
    """
    What another node says that is no answer.

    Args:
        sender: Who says that it asks, and where the datagram came from.
        server: Whether it says that it may be entered in tables.
        addressed: Whether it was sealed for this very node; else learn no address from it.
        body: What is asked.
    """

    sender: Contact
    server: bool
    addressed: bool
    body: Body


@attrs.frozen(kw_only=True)
class Reply:
    """
    An answer, from the node and the address that were asked.

    Args:
        contact: Who, and where.
        server: Whether it may be entered in tables.
        body: What it says.
        rtt_s: Seconds since the question, with any retransmission in it.
        clock_ms: Its clock when it answered, ms since 1970.
        boot: Of its start: two of them at a time are two nodes with one key.
    """

    contact: Contact
    server: bool
    body: Body
    rtt_s: float
    clock_ms: int
    boot: bytes


class Miss(enum.Enum):
    """Why there is no answer."""

    SILENT = "no answer in time"
    REFUSED = "an answer of no use: malformed, or from another node"
    FULL = "too many questions are out already"
    CLOSED = "this node stops"


Outcome = Reply | Miss


@attrs.define(eq=False, kw_only=True)
class Asked:
    """
    A question of our own that is out.

    Args:
        transaction: 8 bytes.
        node_id: Who is asked; None for whoever is there.
        to: Where.
        wanted: What answers it.
        packed: As it was sent.
        at: When it was sent first, in seconds of the node's clock.
        hard_s: Seconds until silence is final.
        done: Told the outcome, once.
        send: Another way out than the usual one.
        again_at: When it was sent again.
        timer: Of the time-out to come.
    """

    transaction: bytes
    node_id: NodeId | None
    to: Address
    wanted: type[Body]
    packed: bytes
    at: float
    hard_s: float
    done: Callable[[Outcome], None]
    send: Send | None = None
    again_at: float | None = None
    timer: IDelayedCall | None = None
