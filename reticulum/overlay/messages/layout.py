"""
The head of every message, and the number of every kind.

::

    offset  bytes
         0      1  version, 1
         1      1  kind
         2      1  flags: 1 the sender is a server; others are ignored
         3      8  transaction
        11     20  node id of the sender
        31      n  named fields (msgpack as in wire)

    kind                 fields; those in brackets may be missing
     1  Ping             [sequence, software, token, record, port]
     2  Pong             [seen, sequence, software, token, node, port]
     3  Find             target, want, [page, token, port]
     4  Found            [holds, page, left, providers, closer, relayed, node, attached,
                         seen, token, port]
     5  Store            token, [providers, node]
     6  Stored           accepted, [refused, token]
     7  Gone             nodes
     8  DialMe           nonce, port, [tcp, token]
     9  Dialling         agreed, [token]
    10  Knock            nonce
    11  Goodbye

    accepted   number  0 to 255
    agreed     flag
    attached   flag    the target of want 4 is attached to the sender, its relay
    closer     bytes   contacts beside each other
    holds      flag
    left       number  0 to 255
    node       bytes   a node record
    nodes      bytes   1 to 16 node ids of 20 bytes
    nonce      bytes   8
    page       number  seed * 256 + offset, 32 bits
    port       number  1 to 65535; where the sender is dialled, which may not be where this came
                       from
    providers  bytes   groups of provider records (see records)
    record     flag    the node record is wanted
    refused    bytes   pairs of fault 1 | count 1
    relayed    bytes   node id 20 | contact of its relay, beside each other
    seen       bytes   an address
    sequence   number  64 bits
    software   text    at most 32 bytes
    target     bytes   20
    tcp        flag
    token      bytes   8
    want       number  sum of 1 nodes, 2 holders, 4 the target's node record, 8 relayed nodes (not
                       beside 2); others are ignored

Any message may have a field `pad`, bytes of no meaning: an address that has not proven that it
is its own gets at most three times what it sent.
"""

import struct

from reticulum.overlay.messages.bodies import (
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

VERSION = 1
HEAD = struct.Struct(">BBB8s20s")
SERVER = 1

KINDS: dict[type[Body], int] = {
    Ping: 1,
    Pong: 2,
    Find: 3,
    Found: 4,
    Store: 5,
    Stored: 6,
    Gone: 7,
    DialMe: 8,
    Dialling: 9,
    Knock: 10,
    Goodbye: 11,
}
