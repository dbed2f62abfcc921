"""What the listener of a hello answers, and the frames on the connections that are kept open."""

import enum
from typing import Final

import attrs

from reticulum.model import Address, NodeId

STILL_HERE: Final = 0x01
"""Anchor and spare: the node says so, the relay answers with the same."""
MORE_SPARES: Final = 0x02
"""Anchor, by the relay: somebody waits, open one more spare."""
GO: Final = 0x03
"""Spare, by the relay, with who dials; by the node: the stream begins."""
ARE_YOU_THERE: Final = 0x04
"""Anchor, by the relay: say `STILL_HERE` at once, somebody else claims to be you."""

ANCHOR_SAYS_S: Final = 10.0
"""Between two `STILL_HERE` of a node on an anchor, in seconds."""
ANCHOR_SILENT_S: Final = 25.0
"""Without a byte, after which either end gives an anchor up."""
SPARE_SAYS_S: Final = 15.0
"""Between two `STILL_HERE` of a node on a spare, in seconds."""
SPARE_SILENT_S: Final = 40.0
"""Without a byte, after which either end gives a spare up."""
LOOK_KEPT_S: Final = 20.0
"""For which the listener keeps a look open at most."""

MOST_ADDRESS_BYTES: Final = 80
"""Of the text of an address: an IPv6 address, the scope of a link, a port."""


class Status(enum.IntEnum):
    """The first byte of an answer."""

    WELCOME = 0
    FULL = 1
    """The relay has as many nodes or circuits as it may."""
    DOES_NOT_RELAY = 2
    TAKEN = 3
    """Another run with the same key is attached, and alive."""
    NOT_ATTACHED = 4
    """The wanted node, or the sender of a spare, has no anchor here."""
    TOO_MANY = 5
    """Of the sender's own, or too fast."""
    NO_ANSWER = 6
    """The wanted node did not answer in time."""


@attrs.frozen
class Answer:
    """
    What the listener says.

    Args:
        status: Whether the sender of the hello is welcome.
        address: If he is: his own as the listener sees it; of a circuit, the wanted node's.
    """

    status: Status
    address: Address | None = None


@attrs.frozen
class Dialler:
    """
    Who begins a stream on a spare.

    Args:
        node_id: By his hello; TLS is still to prove it.
        address: Of him, as the relay sees it.
    """

    node_id: NodeId
    address: Address


def write_answer(answer: Answer) -> bytes:
    """As it goes over the wire."""
    if answer.status is not Status.WELCOME or answer.address is None:
        return bytes([answer.status])
    return bytes([answer.status]) + _text_of(answer.address)


def read_answer(data: bytes) -> tuple[Answer, bytes] | None:
    """
    Read an answer from the first bytes of a stream.

    Returns:
        It, and the bytes behind it; None as long as there are too few.

    Raises:
        ValueError: It cannot be.
    """
    if not data:
        return None
    status = Status(data[0])
    if status is not Status.WELCOME:
        return Answer(status), data[1:]
    read = _address_in(data, 1)
    return read and (Answer(status, read[0]), data[read[1] :])


def write_go(dialler: Dialler) -> bytes:
    """What a relay says on a spare when somebody wants its node."""
    return bytes([GO]) + dialler.node_id.digest + _text_of(dialler.address)


def read_go(data: bytes) -> tuple[Dialler, bytes] | None:
    """
    Read what a relay says on a spare, from its `GO` on.

    Returns:
        Who dials, and the bytes behind it; None as long as there are too few.

    Raises:
        ValueError: It cannot be.
    """
    if data and data[0] != GO:
        raise ValueError(f"byte {data[0]} instead of a go")
    read = _address_in(data, 21)
    return read and (Dialler(NodeId(data[1:21]), read[0]), data[read[1] :])


def _text_of(address: Address) -> bytes:
    text = str(address).encode()
    return bytes([len(text)]) + text


def _address_in(data: bytes, at: int) -> tuple[Address, int] | None:
    """The address whose length stands at *at*, and where it ends."""
    if len(data) <= at:
        return None
    end = at + 1 + data[at]
    if data[at] > MOST_ADDRESS_BYTES:
        raise ValueError(f"an address of {data[at]} bytes")
    if len(data) < end:
        return None
    return Address.parse(data[at + 1 : end].decode("ascii")), end
