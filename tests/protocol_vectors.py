"""
One example of each message and each record, and the page of the documentation that shows them.

After a change that is meant, from the root of the checkout:
`PYTHONPATH=tests python -m protocol_vectors > docs/protocol/vectors.md`
"""

import sys
import textwrap
from collections.abc import Iterator

from overlay_strategies import NOW, key, node_record, private_key, provider_record

from reticulum.errors import RecordFault
from reticulum.model import Address, Contact, HashName, ImageId, NodeId
from reticulum.overlay import messages as m
from reticulum.overlay.entrance import Entrance
from reticulum.overlay.grid_keys import GridKeys, KeyRing
from reticulum.overlay.invite import Invite
from reticulum.overlay.messages.bodies import Body
from reticulum.overlay.messages.layout import HEAD
from reticulum.overlay.records import Role, sign_tombstone
from reticulum.overlay.seal import RECIPIENT_BYTES, Sealer
from reticulum.overlay.wire.msgpack import Value, unpack
from reticulum.reach.relay.hello import Kind, sign_hello
from reticulum.reach.relay.status import Answer, Dialler, Status, write_answer, write_go

SECRET = bytes(range(32))
BOOT = b"boot-of-node"
SENDER = NodeId.of_public_key(private_key(1).public_key().public_bytes_raw())
RECIPIENT = NodeId.of_public_key(private_key(2).public_key().public_bytes_raw())
TRANSACTION = bytes.fromhex("0102030405060708")
TOKEN = bytes.fromhex("a1a2a3a4a5a6a7a8")
NONCE = bytes.fromhex("b1b2b3b4b5b6b7b8")
FOUR, SIX = Address("192.0.2.7", 4160), Address("2001:db8::7", 4161)

PROVIDER = provider_record()
WITHDRAWN = provider_record(sequence=2, withdrawn=True)
NODE = node_record()
TOMBSTONE = sign_tombstone(
    private_key(1), ImageId(HashName.SHA256, "ab" * 32), sequence=NOW * 1000, now=NOW
)
RECORDS = {
    "Provider record": PROVIDER.packed,
    "Provider record, withdrawn": WITHDRAWN.packed,
    "Node record": NODE.packed,
    "Tombstone": TOMBSTONE.packed,
}
BODIES: tuple[Body, ...] = (
    m.Ping(sequence=7, software="reticulum 0.1", token=TOKEN, wants_record=True),
    m.Pong(seen=FOUR, sequence=NOW * 1000, software="reticulum 0.1", token=TOKEN, record=NODE),
    m.Find(target=key(1), want=m.Want.NODES | m.Want.HOLDERS, page=m.Page(7, 12), token=TOKEN),
    m.Found(
        holds=True,
        page=m.Page(7, 12),
        left=3,
        providers=(PROVIDER, provider_record(image=2), provider_record(3)),
        closer=(Contact(key(8), FOUR), Contact(key(9), SIX)),
        seen=SIX,
        token=TOKEN,
    ),
    m.Store(token=TOKEN, providers=(PROVIDER, provider_record(image=2)), record=NODE),
    m.Stored(accepted=2, refused={RecordFault.NO_ROOM: 1}, token=TOKEN),
    m.Gone((key(8), key(9))),
    m.DialMe(nonce=NONCE, port=4160),
    m.Dialling(agreed=True),
    m.Knock(NONCE),
    m.Goodbye(),
)
RELAYED = m.Found(
    page=m.Page(offset=2),
    left=1,
    relayed=(Contact(key(6), FOUR, via=key(8)), Contact(key(7), SIX, via=key(9))),
    record=node_record(role=Role.CLIENT),
    attached=True,
    token=TOKEN,
)
MESSAGES = {
    name: m.Message(m.Envelope(TRANSACTION, SENDER, server=True), body)
    for name, body in [
        *((type(body).__name__, body) for body in BODIES),
        ("Found with relayed nodes", RELAYED),
    ]
}
HELLOS = {
    "Hello of an anchor": (Kind.ANCHOR, None),
    "Hello of a circuit": (Kind.CIRCUIT, key(8)),
}
HEADLINE = """\
# Test vectors

One example of each record and each message, and some hellos, for whoever writes another
implementation. All is made from fixed keys; signatures of Ed25519 are the same every time (RFC
8032). The fields of a message are shown in the order in which this implementation writes them; any
other is as good. Bytes are in hexadecimal; those of long fields are in the message below.
"""


def page() -> str:
    """The page, whole."""
    return "\n".join(_lines()) + "\n"


def sealed() -> bytes:
    """The Knock from above in a datagram."""
    sealer = Sealer(KeyRing(GridKeys.of_secret(SECRET)), BOOT, counter=258)
    body = m.encode(MESSAGES["Knock"]).data
    return sealer.seal(body, NOW * 1000, RECIPIENT.digest[:RECIPIENT_BYTES])


def hello(name: str) -> bytes:
    """One of the sender, for the recipient."""
    kind, wanted = HELLOS[name]
    return sign_hello(
        private_key(1),
        GridKeys.of_secret(SECRET).peer_http,
        kind=kind,
        listener=RECIPIENT,
        wanted=wanted,
        boot=BOOT[:8],
        now_ms=NOW * 1000,
        nonce=NONCE,
    )


def invite() -> str:
    """Into the grid of the secret, by two doors."""
    return Invite(SECRET, (Entrance("192.0.2.7", 4160), Entrance("node.example", 4160))).text()


def _lines() -> Iterator[str]:
    keys = GridKeys.of_secret(SECRET)
    yield HEADLINE
    yield "## Keys\n"
    yield "| | |\n|---|---|"
    yield f"| secret of the grid | `{SECRET.hex()}` |"
    yield f"| fingerprint | `{keys.fingerprint.hex()}` |"
    yield f"| datagram key | `{keys.datagram.hex()}` |"
    yield f"| peer HTTP key | `{keys.peer_http.hex()}` |"
    for name, number in (("sender", 1), ("recipient", 2)):
        private = private_key(number)
        public = private.public_key().public_bytes_raw()
        yield f"| private key of the {name} | `{private.private_bytes_raw().hex()}` |"
        yield f"| its public key | `{public.hex()}` |"
        yield f"| its node id | `{NodeId.of_public_key(public)}` |"
    yield "\n## Invite\n"
    yield "The secret, `192.0.2.7:4160` and `node.example:4160`:\n"
    yield from _fenced(invite())
    yield "## Records\n"
    yield f"Signed by the sender at {NOW}, in seconds since 1970; the zone is `attic`.\n"
    for name, packed in RECORDS.items():
        yield f"### {name}\n"
        yield from _fenced(packed.hex())
    yield "## Messages\n"
    yield f"The transaction is `{TRANSACTION.hex()}`, and the sender is a server.\n"
    for name, message in MESSAGES.items():
        data = m.encode(message).data
        yield f"### {name}\n"
        fields = unpack(data[HEAD.size :])
        if fields:
            yield "| field | value |\n|---|---|"
            yield from (f"| `{field}` | `{_shown(value)}` |" for field, value in fields.items())
            yield ""
        yield from _fenced(data.hex())
    yield "## Datagram\n"
    yield f"The Knock, sealed for the recipient at {NOW * 1000} ms since 1970, with the boot"
    yield f"`{BOOT.hex()}` and the counter 258:\n"
    yield from _fenced(sealed().hex())
    yield "## Hellos\n"
    yield f"Of the sender, for the recipient, at {NOW * 1000} ms since 1970, with the boot"
    yield f"`{BOOT[:8].hex()}` and the nonce `{NONCE.hex()}`.\n"
    for name, (_, wanted) in HELLOS.items():
        yield f"### {name}\n"
        if wanted is not None:
            yield f"To the node `{wanted}`:\n"
        yield from _fenced(hello(name).hex())
    yield "### Welcome\n"
    yield f"The sender is seen at `{SIX}`:\n"
    yield from _fenced(write_answer(Answer(Status.WELCOME, SIX)).hex())
    yield "### Go\n"
    yield f"The sender, seen at `{FOUR}`, wants the node on whose spare it is said:\n"
    yield from _fenced(write_go(Dialler(SENDER, FOUR)).hex(), last=True)


def _shown(value: Value) -> str:
    if not isinstance(value, bytes):
        return str(value).lower()
    shown = value.hex()
    return shown if len(shown) <= 80 else f"{shown[:16]}… ({len(value)} bytes)"


def _fenced(text: str, *, last: bool = False) -> Iterator[str]:
    yield "```"
    yield from textwrap.wrap(text, 96)
    yield "```" if last else "```\n"


if __name__ == "__main__":
    sys.stdout.write(page())
