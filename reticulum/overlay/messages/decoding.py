"""Bytes to messages: every input is a message or a `BadMessage`."""

from collections.abc import Callable

from reticulum.errors import BadMessage, BadRecord, RecordFault
from reticulum.model import Address, Contact, Key, NodeId
from reticulum.model.peers import KEY_BYTES
from reticulum.overlay.messages.bodies import (
    MOST_GONE,
    MOST_OFFSET,
    NONCE_BYTES,
    TOKEN_BYTES,
    Body,
    Dialling,
    DialMe,
    Envelope,
    Find,
    Found,
    Gone,
    Goodbye,
    Knock,
    Message,
    Page,
    Ping,
    Pong,
    Store,
    Stored,
    Want,
)
from reticulum.overlay.messages.layout import HEAD, KINDS, SERVER, VERSION
from reticulum.overlay.messages.room import LARGEST_BODY
from reticulum.overlay.records import NodeRecord, ProviderRecord, unpack_providers
from reticulum.overlay.records.node import LONGEST_SOFTWARE
from reticulum.overlay.records.node import MOST_BYTES as LARGEST_NODE_RECORD
from reticulum.overlay.wire import Fields, take_address, take_contact, take_relayed

LAST_PORT = 65_535
_EVERYTHING_WANTED = Want.NODES | Want.HOLDERS | Want.RECORD | Want.RELAYED


def decode(data: bytes) -> Message:
    """
    Read one message.

    Records in it are read, not believed: see `Verification`.

    Args:
        data: What was sealed.

    Raises:
        BadMessage: It is anything but a message of this version.
    """
    if not HEAD.size < len(data) <= LARGEST_BODY:
        raise BadMessage("too short or too long to be a message")
    version, kind, flags, transaction, sender = HEAD.unpack_from(data)
    if version != VERSION:
        raise BadMessage(f"version {version} of the protocol is not spoken here")
    read = _READERS.get(kind)
    if read is None:
        raise BadMessage(f"no message has the number {kind}")
    envelope = Envelope(transaction, NodeId(sender), bool(flags & SERVER))
    return Message(envelope, read(Fields.parse(data[HEAD.size :])))


def _ping(fields: Fields) -> Ping:
    return Ping(
        sequence=fields.number("sequence", default=0),
        software=fields.text("software", LONGEST_SOFTWARE),
        token=_token(fields),
        wants_record=fields.flag("record"),
        port=fields.number("port", last=LAST_PORT, default=0),
    )


def _pong(fields: Fields) -> Pong:
    return Pong(
        seen=_seen(fields),
        sequence=fields.number("sequence", default=0),
        software=fields.text("software", LONGEST_SOFTWARE),
        token=_token(fields),
        record=_node(fields),
        port=fields.number("port", last=LAST_PORT, default=0),
    )


def _find(fields: Fields) -> Find:
    return Find(
        target=Key(fields.octets("target", KEY_BYTES, KEY_BYTES)),
        want=Want(fields.number("want") & _EVERYTHING_WANTED.value),
        page=_page(fields),
        token=_token(fields),
        port=fields.number("port", last=LAST_PORT, default=0),
    )


def _found(fields: Fields) -> Found:
    return Found(
        holds=fields.flag("holds"),
        page=_page(fields),
        left=fields.number("left", last=MOST_OFFSET, default=0),
        providers=_providers(fields),
        closer=_contacts(fields, "closer", take_contact),
        relayed=_contacts(fields, "relayed", take_relayed),
        record=_node(fields),
        attached=fields.flag("attached"),
        seen=_seen(fields),
        token=_token(fields),
        port=fields.number("port", last=LAST_PORT, default=0),
    )


def _store(fields: Fields) -> Store:
    return Store(
        token=fields.octets("token", TOKEN_BYTES, TOKEN_BYTES),
        providers=_providers(fields),
        record=_node(fields),
    )


def _stored(fields: Fields) -> Stored:
    pairs = fields.octets("refused", 0, 2 * len(RecordFault), default=b"")
    known = {fault.value for fault in RecordFault}
    refused = {
        RecordFault(fault): count
        for fault, count in zip(pairs[::2], pairs[1::2], strict=False)
        if fault in known
    }
    return Stored(
        accepted=fields.number("accepted", last=255), refused=refused, token=_token(fields)
    )


def _gone(fields: Fields) -> Gone:
    ids = fields.octets("nodes", KEY_BYTES, MOST_GONE * KEY_BYTES)
    if len(ids) % KEY_BYTES:
        raise BadMessage("nodes: a node id is cut off")
    return Gone(tuple(NodeId(ids[at : at + KEY_BYTES]) for at in range(0, len(ids), KEY_BYTES)))


def _dial_me(fields: Fields) -> DialMe:
    port = fields.number("port", last=LAST_PORT)
    if port == 0:
        raise BadMessage("port: nobody listens on port 0")
    return DialMe(nonce=_nonce(fields), port=port, tcp=fields.flag("tcp"), token=_token(fields))


def _dialling(fields: Fields) -> Dialling:
    return Dialling(fields.flag("agreed"), token=_token(fields))


def _knock(fields: Fields) -> Knock:
    return Knock(_nonce(fields))


def _goodbye(_fields: Fields) -> Goodbye:
    return Goodbye()


def _token(fields: Fields) -> bytes:
    return fields.octets("token", TOKEN_BYTES, TOKEN_BYTES, default=b"")


def _nonce(fields: Fields) -> bytes:
    return fields.octets("nonce", NONCE_BYTES, NONCE_BYTES)


def _page(fields: Fields) -> Page:
    return Page.of_number(fields.number("page", last=2**32 - 1, default=0))


def _providers(fields: Fields) -> tuple[ProviderRecord, ...]:
    return tuple(unpack_providers(fields.octets("providers", 0, LARGEST_BODY, default=b"")))


def _node(fields: Fields) -> NodeRecord | None:
    packed = fields.octets("node", 1, LARGEST_NODE_RECORD, default=b"")
    try:
        return NodeRecord.parse(packed) if packed else None
    except BadRecord as refused:
        raise BadMessage(f"node: {refused}") from None


def _seen(fields: Fields) -> Address | None:
    packed = fields.octets("seen", 1, 19, default=b"")
    if not packed:
        return None
    address, end = take_address(packed)
    if end != len(packed):
        raise BadMessage("seen: bytes behind the address")
    return address


def _contacts(
    fields: Fields, name: str, take: Callable[[bytes, int], tuple[Contact, int]]
) -> tuple[Contact, ...]:
    packed = fields.octets(name, 0, LARGEST_BODY, default=b"")
    contacts: list[Contact] = []
    at = 0
    while at < len(packed):
        contact, at = take(packed, at)
        contacts.append(contact)
    return tuple(contacts)


_READERS: dict[int, Callable[[Fields], Body]] = {
    KINDS[Ping]: _ping,
    KINDS[Pong]: _pong,
    KINDS[Find]: _find,
    KINDS[Found]: _found,
    KINDS[Store]: _store,
    KINDS[Stored]: _stored,
    KINDS[Gone]: _gone,
    KINDS[DialMe]: _dial_me,
    KINDS[Dialling]: _dialling,
    KINDS[Knock]: _knock,
    KINDS[Goodbye]: _goodbye,
}
