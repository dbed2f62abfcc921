"""Where a node knocks first: a host, which may be a name, and a port."""

import ipaddress
import re
from typing import Self

import attrs
from attrs import validators as v

LONGEST_NAME = 253
_LABEL = r"(?!-)[a-z0-9-]{1,63}(?<!-)"
# The last label has a letter, so that no name looks like an IPv4 address (RFC 3696, section 2).
_NAME = re.compile(rf"(?:{_LABEL}\.)*(?=[a-z0-9-]*[a-z]){_LABEL}")
_WRITTEN = re.compile(r"(?:\[(?P<ipv6>[^\[\]]*)\]|(?P<host>[^:\[\]]*)):(?P<port>[0-9]{1,5})")


@attrs.frozen(order=True)
class Entrance:
    """
    An address that need not be resolved yet.

    Args:
        host: An IP address in its canonical text, or a name in lower case, at most 253
            characters (RFC 1123, section 2.1); names of other alphabets in their `xn--` form.
        port: 1 to 65535.
    """

    host: str = attrs.field()
    port: int = attrs.field(validator=[v.ge(1), v.le(65_535)])

    @host.validator
    def _is_one(self, _attribute: object, host: str) -> None:
        if _is_ip(host) or (len(host) <= LONGEST_NAME and _NAME.fullmatch(host)):
            return
        raise ValueError(f"{host[:LONGEST_NAME]!r} is neither an IP address nor a host name")

    @classmethod
    def parse(cls, text: str) -> Self:
        """
        Read `NAME:PORT`, `IPV4:PORT` or `[IPV6]:PORT`, in any case and any spelling of the IP.

        Raises:
            ValueError: The text is something else.
        """
        if not (match := _WRITTEN.fullmatch(text)):
            raise ValueError(f"{text[:LONGEST_NAME]!r} is not HOST:PORT or [IPV6]:PORT")
        host, port = match["host"], int(match["port"])
        if host is not None:
            return cls(host.lower().removesuffix("."), port)
        try:
            return cls(str(ipaddress.IPv6Address(match["ipv6"])), port)
        except ipaddress.AddressValueError:
            raise ValueError(f"{match['ipv6'][:LONGEST_NAME]!r} is no IPv6 address") from None

    @property
    def is_name(self) -> bool:
        """Whether it must be resolved before it can be dialled."""
        return not _is_ip(self.host)

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def _is_ip(host: str) -> bool:
    try:
        ip = ipaddress.ip_address(host)
    except ValueError:
        return False
    # A scope, as in fe80::1%eth0, means something on one machine only.
    return str(ip) == host and "%" not in host
