"""Hypothesis strategies for what nodes say to each other, and makers of honest records."""

import hashlib
import ipaddress

import attrs
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import strategies as st

from reticulum.errors import RecordFault
from reticulum.model import Address, Contact, Key, NodeId, Shelf
from reticulum.overlay import messages as m
from reticulum.overlay.records import NodeRecord, ProviderRecord, Role
from reticulum.overlay.wire import Value

NOW = 1_800_000_000
"""The tests' present: 2027, in seconds since 1970."""


def private_key(number: int) -> Ed25519PrivateKey:
    """The key of node *number*, always the same."""
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"%d" % number).digest())


def key(number: int) -> Key:
    """Somewhere in the key space, always the same for one number."""
    return Key(hashlib.sha256(b"key %d" % number).digest()[:20])


def provider_record(
    node: int = 1,
    image: int = 1,
    *,
    sequence: int = 1,
    now: float = NOW,
    withdrawn: bool = False,
) -> ProviderRecord:
    """Honestly signed by a node about an image."""
    return ProviderRecord.sign(
        private_key(node),
        key=key(image),
        sequence=sequence,
        now=now,
        zone="attic",
        length=3_000_000,
        withdrawn=withdrawn,
    )


def unsigned_record(node: int, image: Key, *, sequence: int = 1) -> ProviderRecord:
    """Of a made-up node, quickly: for what comes behind the verification."""
    return ProviderRecord(
        key=image,
        public_key=hashlib.sha256(b"made up %d" % node).digest(),
        zone=bytes(8),
        size_class=20,
        flags=0,
        sequence=sequence,
        issued=NOW,
        expires=NOW + 86_400,
    )


def node_record(
    node: int = 1, *, sequence: int = 1, now: float = NOW, role: Role = Role.SERVER
) -> NodeRecord:
    """Honestly signed by a node about itself."""
    return NodeRecord.sign(
        private_key(node),
        addresses=[Address("192.0.2.7", 4160), Address("2001:db8::7", 4160)],
        relays=[Contact(key(9), Address("192.0.2.9", 4160))],
        relaying=True,
        role=role,
        sequence=sequence,
        now=now,
        zone="attic",
        capacity=10**12,
        free=10**11,
        software="reticulum 0.1",
        shelf=Shelf.FULL,
    )


def bitten(data: bytes) -> st.SearchStrategy[bytes]:
    """*data* with one byte changed."""
    return st.tuples(st.integers(0, len(data) - 1), st.integers(1, 255)).map(
        lambda bite: data[: bite[0]] + bytes([data[bite[0]] ^ bite[1]]) + data[bite[0] + 1 :]
    )


def keys() -> st.SearchStrategy[Key]:
    """Points of the key space."""
    return st.binary(min_size=20, max_size=20).map(Key)


def _reachable(host: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    mapped = isinstance(host, ipaddress.IPv6Address) and host.ipv4_mapped is not None
    odd = host.is_multicast or host.is_unspecified or str(host) == "255.255.255.255"
    return not (odd or mapped)


def addresses() -> st.SearchStrategy[Address]:
    """Addresses of both families that somebody can be at."""
    packed = st.binary(min_size=4, max_size=4) | st.binary(min_size=16, max_size=16)
    hosts = packed.map(ipaddress.ip_address).filter(_reachable).map(str)
    return st.builds(Address, hosts, st.integers(1, 65_535))


def contacts() -> st.SearchStrategy[Contact]:
    """Contacts of both families."""
    return st.builds(Contact, keys(), addresses())


def relayed() -> st.SearchStrategy[Contact]:
    """Nodes that are reached through another one."""
    ways = st.builds(Contact, keys(), addresses(), keys())
    return ways.filter(lambda way: way.via != way.node_id)


def provider_records() -> st.SearchStrategy[ProviderRecord]:
    """Well formed; nobody signed them. Few speakers, so that some share a head."""
    return st.builds(
        ProviderRecord,
        key=keys(),
        public_key=st.sampled_from([b"a" * 32, b"b" * 32]),
        zone=st.sampled_from([bytes(8), b"\1" * 8]),
        size_class=st.integers(0, 255),
        flags=st.integers(0, 255),
        sequence=st.integers(0, 3) | st.integers(0, 2**64 - 1),
        issued=st.just(NOW) | st.integers(0, 2**32 - 2),
        expires=st.just(2**32 - 1),
        signature=st.binary(min_size=64, max_size=64),
    )


def node_records() -> st.SearchStrategy[NodeRecord]:
    """Honestly signed, with anything in them that fits."""
    texts = st.text(st.characters(codec="ascii", categories=["L", "N", "P", "Zs"]), max_size=32)
    numbers = st.integers(0, 2**64 - 1)
    return st.builds(
        NodeRecord.sign,
        st.integers(1, 3).map(private_key),
        addresses=st.lists(addresses(), max_size=4),
        relays=st.lists(contacts(), max_size=3),
        relaying=st.booleans(),
        role=st.sampled_from(Role),
        sequence=numbers,
        now=st.integers(0, 2**31),
        zone=texts,
        capacity=numbers,
        free=numbers,
        software=texts,
        shelf=st.sampled_from(Shelf),
    )


def values() -> st.SearchStrategy[Value]:
    """Everything that a field can hold."""
    flat = st.one_of(
        st.none(),
        st.booleans(),
        st.integers(0, 2**64 - 1),
        st.binary(max_size=300),
        st.text(max_size=300).filter(lambda text: len(text.encode()) < 1000),
    )
    lists = st.lists(flat, max_size=20)
    return flat | lists | st.dictionaries(names(), flat | lists, max_size=5)


def names() -> st.SearchStrategy[str]:
    """Names of fields."""
    return st.text("abcdefghijklmnopqrstuvwxyz_", max_size=24)


def bodies() -> st.SearchStrategy[m.Body]:
    """Every kind of message, short enough to fit into one body."""
    eight = st.binary(min_size=8, max_size=8)
    tokens = st.just(b"") | eight
    software = st.sampled_from(["", "reticulum 0.1"])
    seen = st.none() | addresses()
    numbers = st.integers(0, 2**64 - 1)
    pages = st.builds(m.Page, st.integers(0, 2**24 - 1), st.integers(0, 255))
    providers = st.lists(provider_records(), max_size=2).map(tuple)
    record = st.none() | st.just(node_record())
    ports, port = st.integers(1, 65_535), st.integers(0, 65_535)
    return st.one_of(
        st.builds(m.Ping, sequence=numbers, software=software, token=tokens, port=port),
        st.builds(m.Pong, seen=seen, sequence=numbers, software=software, token=tokens, port=port)
        | st.builds(m.Pong, record=record),
        st.builds(
            m.Find,
            target=keys(),
            want=st.sampled_from(m.Want),
            page=pages,
            token=tokens,
            port=port,
        ),
        st.builds(
            m.Found,
            holds=st.booleans(),
            page=pages,
            left=st.integers(0, 255),
            providers=providers,
            closer=st.lists(contacts(), max_size=6).map(tuple),
            relayed=st.lists(relayed(), max_size=3).map(tuple),
            record=record,
            attached=st.booleans(),
            seen=seen,
            token=tokens,
            port=port,
        ),
        st.builds(m.Store, token=eight, providers=providers, record=record),
        st.builds(
            m.Stored,
            accepted=st.integers(0, 255),
            refused=st.dictionaries(st.sampled_from(RecordFault), st.integers(0, 255)),
            token=tokens,
        ),
        st.builds(m.Gone, st.lists(keys(), min_size=1, max_size=16).map(tuple)),
        st.builds(
            m.DialMe,
            nonce=eight,
            port=ports,
            tcp=st.booleans(),
            token=st.one_of(st.just(b""), eight),
        ),
        st.builds(m.Dialling, st.booleans(), tokens),
        st.builds(m.Knock, eight),
        st.just(m.Goodbye()),
    )


def message_values() -> st.SearchStrategy[m.Message]:
    """Whole messages."""
    eight = st.binary(min_size=8, max_size=8)
    return st.builds(m.Message, st.builds(m.Envelope, eight, keys(), st.booleans()), bodies())


def message(body: m.Body, sender: NodeId | None = None) -> m.Message:
    """A message with this body."""
    return m.Message(m.Envelope(b"transact", sender or key(0), server=True), body)


def forged(record: ProviderRecord, **changes: object) -> ProviderRecord:
    """A record changed after it was signed."""
    return attrs.evolve(record, **changes)
