"""The four kinds of NAT as nftables rules, for a router with devices `wan` and `lan`."""

import enum

TABLE = "nat_lab"


class Kind(enum.Enum):
    """
    How a router maps and filters, in the old words and those of RFC 4787.

    The first three keep one outer port for an inner one, whomever it talks to; they differ in
    whose packets pass to it: anyone's, those of addresses that were written to, those of
    addresses and ports that were written to. The last has another outer port for each partner.
    """

    FULL_CONE = "full-cone"
    ADDRESS_RESTRICTED = "address-restricted"
    PORT_RESTRICTED = "port-restricted"
    SYMMETRIC = "symmetric"


HOPELESS = (
    frozenset({Kind.PORT_RESTRICTED, Kind.SYMMETRIC}),
    frozenset({Kind.SYMMETRIC}),
)
"""Pairs that can't meet: neither knows the port from which the other's packets will come."""

# Kernel NAT is port-restricted by itself. To be more open a router has to remember which inner
# host has an outer port (`holes`; both numbers are the same as long as no two hosts behind it use
# one number), and who was written to from it (`met`).
_RULES = """
table ip {table} {{
  map holes {{
    type inet_proto . inet_service : ipv4_addr . inet_service
    flags dynamic,timeout
    timeout 60s
  }}
  set met {{
    type inet_proto . inet_service . ipv4_addr
    flags dynamic,timeout
    timeout 60s
  }}
  map forwarded {{
    type inet_proto . inet_service : ipv4_addr . inet_service
  }}
  set opened {{
    type inet_proto . inet_service
  }}
  chain known {{
    type filter hook prerouting priority -150; policy accept;
    iifname "wan" meta l4proto . th dport @opened meta mark set 1
    iifname "wan" meta l4proto . th dport . ip saddr @met meta mark set 1
  }}
  chain in_nat {{
    type nat hook prerouting priority -100; policy accept;
    iifname "wan" meta l4proto {{ tcp, udp }} dnat ip to meta l4proto . th dport map @forwarded
    {cone}
  }}
  chain out_nat {{
    type nat hook postrouting priority 100; policy accept;
    oifname "wan" masquerade {ports}
  }}
  chain pass {{
    type filter hook forward priority 0; policy drop;
    {dead}
    {learn}
    ct state established,related accept
    iifname "lan" accept
    iifname "wan" {whose} ct status dnat accept
  }}
  # No answer to who knocks unasked: a reset would end the other side's attempt to punch.
  chain unasked {{
    type filter hook input priority 0; policy accept;
    iifname "wan" ct state new drop
  }}
}}
"""
_CONE = 'iifname "wan" meta l4proto { tcp, udp } dnat ip to meta l4proto . th dport map @holes'
_LEARN = (
    'iifname "lan" meta l4proto { tcp, udp } update @holes '
    "{ meta l4proto . th sport : ip saddr . th sport }\n    "
    'iifname "lan" meta l4proto { tcp, udp } update @met { meta l4proto . th sport . ip daddr }'
)


def nat_rules(kind: Kind, *, passes_udp: bool = True) -> str:
    """
    The rules, for `nft -f`.

    Args:
        kind: Of the NAT, for UDP and TCP alike.
        passes_udp: False for a network that drops every datagram, in and out.
    """
    is_open = kind in {Kind.FULL_CONE, Kind.ADDRESS_RESTRICTED}
    return _RULES.format(
        table=TABLE,
        cone=_CONE if is_open else "",
        learn=_LEARN if is_open else "",
        ports="fully-random" if kind is Kind.SYMMETRIC else "",
        whose="meta mark 1" if kind is Kind.ADDRESS_RESTRICTED else "",
        dead="" if passes_udp else "meta l4proto udp drop",
    )


def forward_rules(port: int, host: str) -> str:
    """What passes an outer port on to the same one of an inner host, for `nft -f`."""
    return "".join(
        f"add element ip {TABLE} forwarded {{ {kind} . {port} : {host} . {port} }}\n"
        f"add element ip {TABLE} opened {{ {kind} . {port} }}\n"
        for kind in ("tcp", "udp")
    )
