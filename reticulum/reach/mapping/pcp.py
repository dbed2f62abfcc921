"""The datagrams of PCP (RFC 6887) that map a port: values to bytes and back."""

import struct
from ipaddress import IPv4Address, IPv6Address
from typing import Final

import attrs

from reticulum.errors import BadGatewayAnswer
from reticulum.reach.mapping.lease import Transport

NONCE_BYTES: Final = 12
VERSION: Final = 2
ANNOUNCE: Final = 0
MAP: Final = 1

UNSUPPORTED_VERSION: Final = 1
UNSUPPORTED_OPCODE: Final = 4
RESULTS: Final = {
    UNSUPPORTED_VERSION: "unsupported version",
    2: "not authorized: mapping ports is turned off",
    3: "malformed request",
    UNSUPPORTED_OPCODE: "unsupported operation",
    5: "unsupported option",
    6: "malformed option",
    7: "network failure: the router has no usable outer address itself",
    8: "out of resources",
    9: "unsupported protocol",
    10: "too many mappings for this host",
    11: "it can't give that outer port or address",
    12: "address mismatch: there is a NAT between this host and the router",
    13: "excessive remote peers",
}
"""Section 7.4."""

_ANSWER = 128
_LONGEST = 1_100
# The same in every version, NAT-PMP's included.
_RESULT_AT = 3
_REQUEST = struct.Struct(">BBxxI16s")
_HEAD = struct.Struct(">BBxBII12x")
_MAP = struct.Struct(">12sB3xHH16s")


@attrs.frozen(kw_only=True)
class Mapping:
    """
    What a MAP request asks for, or its answer gives (sections 11.1 and 11.2).

    Args:
        nonce: 12 bytes that this host chose: the proof that an answer, or a later request, is of
            one who saw the first request. The same in every request for one mapping.
        transport: Of the mapping.
        internal: Port of this host.
        external: Port of the gateway; 0 asks for any, or for the end of the mapping.
        host: Outer IPv4 address; `0.0.0.0` asks for any.
    """

    nonce: bytes = attrs.field(repr=False)
    transport: Transport
    internal: int
    external: int
    host: str = "0.0.0.0"  # noqa: S104  (nobody listens there)

    @nonce.validator
    def _length(self, _attribute: object, nonce: bytes) -> None:
        if len(nonce) != NONCE_BYTES:
            raise ValueError(f"a nonce has {NONCE_BYTES} bytes, not {len(nonce)}")

    def is_like(self, other: "Mapping") -> bool:
        """Whether both are about one mapping."""
        return (self.nonce, self.transport, self.internal) == (
            other.nonce,
            other.transport,
            other.internal,
        )


@attrs.frozen(kw_only=True)
class Answer:
    """
    What a server says.

    Args:
        opcode: Of the request.
        result: 0 for success, see `RESULTS`.
        seconds: Lifetime of the mapping, or of the refusal.
        epoch_s: The server's clock, which starts anew when it loses its table.
        mapping: Of an answer to MAP; of a refusal, None if it does not say.
    """

    opcode: int
    result: int
    seconds: int
    epoch_s: int
    mapping: Mapping | None

    def __str__(self) -> str:
        return RESULTS.get(self.result, f"result {self.result}")


@attrs.frozen
class OtherVersion:
    """
    The server does not speak version 2.

    Args:
        version: What it speaks; 0 is NAT-PMP (RFC 6887 appendix A).
    """

    version: int


def announce_request(client: str) -> bytes:
    """Ask for nothing but a sign of life, with the epoch (section 14.1), from IPv4 *client*."""
    return _REQUEST.pack(VERSION, ANNOUNCE, 0, _mapped(client))


def map_request(mapping: Mapping, client: str, seconds: int) -> bytes:
    """
    Ask for a mapping, or for its end (sections 11.1 and 15.1).

    Args:
        mapping: What is wanted.
        client: IPv4 address of this host, as the server sees it.
        seconds: Lifetime wanted; 0 to end it.
    """
    return _REQUEST.pack(VERSION, MAP, seconds, _mapped(client)) + _MAP.pack(
        mapping.nonce,
        mapping.transport,
        mapping.internal,
        mapping.external,
        _mapped(mapping.host),
    )


def parse(datagram: bytes) -> Answer | OtherVersion:
    """
    Read an answer; options behind it are passed over.

    Raises:
        BadGatewayAnswer: It is none, or its outer address is no IPv4 address.
    """
    if len(datagram) <= _RESULT_AT or datagram[1] < _ANSWER:
        raise BadGatewayAnswer("no answer of PCP")
    if datagram[0] != VERSION:
        if datagram[_RESULT_AT] != UNSUPPORTED_VERSION:
            raise BadGatewayAnswer(f"an answer of version {datagram[0]}")
        return OtherVersion(datagram[0])
    # Section 8.3.
    if not _HEAD.size <= len(datagram) <= _LONGEST or len(datagram) % 4:
        raise BadGatewayAnswer(f"{len(datagram)} bytes are no answer of PCP")
    _, opcode, result, seconds, epoch_s = _HEAD.unpack_from(datagram)
    opcode -= _ANSWER
    mapping = None
    if opcode == MAP and len(datagram) >= _HEAD.size + _MAP.size:
        mapping = _mapping(datagram, is_refusal=bool(result))
    elif opcode == MAP and not result:
        raise BadGatewayAnswer(f"a mapping in {len(datagram)} bytes")
    return Answer(opcode=opcode, result=result, seconds=seconds, epoch_s=epoch_s, mapping=mapping)


def _mapping(datagram: bytes, *, is_refusal: bool) -> Mapping:
    nonce, number, internal, external, packed = _MAP.unpack_from(datagram, _HEAD.size)
    try:
        transport = Transport(number)
    except ValueError:
        raise BadGatewayAnswer(f"a mapping of IP protocol {number}") from None
    host = IPv6Address(packed).ipv4_mapped
    if host is None and not is_refusal:
        raise BadGatewayAnswer("an outer address that is no IPv4 address")
    return Mapping(
        nonce=nonce,
        transport=transport,
        internal=internal,
        external=external,
        host=str(host or IPv4Address(0)),
    )


def _mapped(host: str) -> bytes:
    """An IPv4 address in the form of section 5: ::ffff:a.b.c.d."""
    return bytes(10) + b"\xff\xff" + IPv4Address(host).packed
