"""The datagrams of NAT-PMP (RFC 6886): values to bytes and back."""

import struct
from ipaddress import IPv4Address
from typing import Final

import attrs

from reticulum.errors import BadGatewayAnswer
from reticulum.reach.mapping.lease import Transport

RESULTS: Final = {
    1: "unsupported version",
    2: "refused: mapping ports is turned off",
    3: "network failure: the router has no usable outer address itself",
    4: "out of resources",
    5: "unsupported operation",
}
"""Section 3.5."""

_VERSION = 0
_ADDRESS = 0
_OPERATIONS: Final = {Transport.UDP: 1, Transport.TCP: 2}
_TRANSPORTS: Final = {number: transport for transport, number in _OPERATIONS.items()}
_ANSWER = 128

_REQUEST = struct.Struct(">BBxxHHI")
_HEAD = struct.Struct(">BBHI")
_MAPPED = struct.Struct(">BBHIHHI")
_OUTER = struct.Struct(">BBHI4s")


@attrs.frozen(kw_only=True)
class Outer:
    """
    The gateway's outer address.

    Args:
        epoch_s: Since the gateway lost its table last.
        host: IPv4, not judged yet.
    """

    epoch_s: int
    host: str


@attrs.frozen(kw_only=True)
class Mapped:
    """
    A mapping made, renewed, or ended.

    Args:
        epoch_s: As in `Outer`.
        transport: Of the mapping.
        internal: Port of this host.
        external: Port of the gateway; 0 if the mapping has ended.
        seconds: Lifetime; 0 if it has ended.
    """

    epoch_s: int
    transport: Transport
    internal: int
    external: int
    seconds: int


@attrs.frozen(kw_only=True)
class Refused:
    """
    A result other than success.

    Args:
        operation: Of the request.
        result: Its number, see `RESULTS`.
        internal: Port of this host that was asked about; None if the answer does not say.
    """

    operation: int
    result: int
    internal: int | None

    @property
    def is_of_address(self) -> bool:
        """Whether it answers `address_request`."""
        return self.operation == _ADDRESS

    def is_of_mapping(self, transport: Transport, internal: int) -> bool:
        """Whether it answers a `mapping_request` for these."""
        return self.operation == _OPERATIONS[transport] and self.internal in {None, internal}

    def __str__(self) -> str:
        return RESULTS.get(self.result, f"result {self.result}")


def address_request() -> bytes:
    """Ask for the outer address (section 3.2)."""
    return bytes((_VERSION, _ADDRESS))


def mapping_request(transport: Transport, internal: int, external: int, seconds: int) -> bytes:
    """
    Ask for a mapping (section 3.3), or for its end (section 3.4).

    Args:
        transport: Of the mapping.
        internal: Port of this host.
        external: Port wanted of the gateway; 0 to end it.
        seconds: Lifetime wanted; 0 to end it.
    """
    return _REQUEST.pack(_VERSION, _OPERATIONS[transport], internal, external, seconds)


def parse(datagram: bytes) -> Outer | Mapped | Refused:
    """
    Read an answer.

    Raises:
        BadGatewayAnswer: It is none.
    """
    if not _HEAD.size <= len(datagram) <= _MAPPED.size:
        raise BadGatewayAnswer(f"{len(datagram)} bytes are no answer of NAT-PMP")
    version, operation, result, epoch_s = _HEAD.unpack_from(datagram)
    if version != _VERSION or operation < _ANSWER:
        raise BadGatewayAnswer("no answer of NAT-PMP")
    operation -= _ANSWER
    if result:
        internal = _MAPPED.unpack(datagram)[4] if len(datagram) == _MAPPED.size else None
        return Refused(operation=operation, result=result, internal=internal)
    if operation == _ADDRESS and len(datagram) == _OUTER.size:
        return Outer(epoch_s=epoch_s, host=str(IPv4Address(_OUTER.unpack(datagram)[4])))
    transport = _TRANSPORTS.get(operation)
    if transport is None or len(datagram) != _MAPPED.size:
        raise BadGatewayAnswer(f"operation {operation} in {len(datagram)} bytes")
    internal, external, seconds = _MAPPED.unpack(datagram)[4:]
    return Mapped(
        epoch_s=epoch_s,
        transport=transport,
        internal=internal,
        external=external,
        seconds=seconds,
    )
