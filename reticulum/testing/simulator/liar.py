"""Members of the grid that lie: they know the secret, speak the protocol, and mean no good."""

import random
from enum import Enum

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from reticulum.errors import BadMessage
from reticulum.model import Address, Contact, Key, NodeId
from reticulum.overlay.grid_keys import KeyRing
from reticulum.overlay.messages import (
    Body,
    Envelope,
    Find,
    Found,
    Message,
    Ping,
    Pong,
    Store,
    Stored,
    decode,
    encode,
)
from reticulum.overlay.seal import (
    BOOT_AT,
    BOOT_BYTES,
    CHECK_AT,
    COUNTER_AT,
    HEADER_BYTES,
    INNER,
    NONCE_START,
    OVERHEAD_BYTES,
    RECIPIENT_BYTES,
    Sealer,
    sub_key,
)
from reticulum.testing.simulator.clock import HeapClock
from reticulum.testing.simulator.network import Network
from reticulum.testing.simulator.node_clock import NodeClock

LATE_S = 30.0
MOST_NAMED = 5_000
"""Made-up neighbours at hand; of these an answer brings as many as fit."""
NAMED = 30
"""Contacts in one answer; more than are read."""
_NEAR_BYTES = 6
"""
An id that shares so many first bytes with a key is closer to it than any honest one, and leaves
two bytes that differ in what a datagram says about its recipient.
"""
_TOKEN_BYTES = 8
_NONCE_BYTES = 8


class Lie(Enum):
    """What a liar does when it is asked."""

    OTHER_ID = "answers for another id"
    ITSELF = "names itself, under many ids, as everyone's neighbour, and has but one"
    CROWD = "names itself, under many ids, and answers for each of them"
    MADE_UP = "names neighbours that do not exist, ever closer to what is sought"
    LATE = "answers after 30 s"


class Liar:
    """
    A peer that says it is a server, takes part, and lies.

    Args:
        address: Where it lives.
        lie: What it does.
        ring: Keys of the grid.
        clock: Of the simulation.
        network: That it lives on.
        random_: Its own.
    """

    def __init__(
        self,
        address: Address,
        lie: Lie,
        *,
        ring: KeyRing,
        clock: HeapClock,
        network: Network,
        random_: random.Random,
    ) -> None:
        self.lie = lie
        self.contact = Contact(Key(random_.randbytes(20)), address)
        self.asked = 0
        self._time = NodeClock(clock)
        self._network = network
        self._random = random_
        self._sealer = Sealer(ring, random_.randbytes(BOOT_BYTES))
        self._ring = ring
        self._names = {_recipient(self.contact.node_id): self.contact.node_id}
        self._place = network.listen(address, self._received)

    def introduce(self, to: Contact) -> None:
        """Ping a node, as one does who wants to be entered in tables."""
        nonce = self._random.randbytes(_NONCE_BYTES)
        self._send(nonce, Ping(software="honest"), to, self.contact.node_id)

    def _received(self, datagram: bytes, sender: Address) -> None:
        try:
            recipient, body = self._opened(datagram)
            message = decode(body)
        except (InvalidTag, ValueError, BadMessage):
            return
        answer = self._answer(message.body, sender)
        if answer is not None:
            self.asked += 1
            wait_s = LATE_S if self.lie is Lie.LATE else 0.0
            asker, me = Contact(message.envelope.sender, sender), self._asked_as(recipient)
            self._time.callLater(
                wait_s, self._send, message.envelope.transaction, answer, asker, me
            )

    def _opened(self, datagram: bytes) -> tuple[bytes, bytes]:
        """
        Recipient and body: a member can open whatever reaches it, whoever that was meant for.

        Raises:
            InvalidTag, ValueError: No member sealed it.
        """
        if len(datagram) < OVERHEAD_BYTES:
            raise ValueError(f"{len(datagram)} bytes are no datagram")
        header, sealed = datagram[:HEADER_BYTES], datagram[HEADER_BYTES:]
        key, _ = sub_key(self._ring.current, header[BOOT_AT:CHECK_AT])
        inner = ChaCha20Poly1305(key).decrypt(NONCE_START + header[COUNTER_AT:], sealed, header)
        _, recipient = INNER.unpack_from(inner)
        return recipient, inner[INNER.size :]

    def _asked_as(self, recipient: bytes) -> NodeId:
        if self.lie is Lie.OTHER_ID:
            return NodeId(self._random.randbytes(20))
        return self._names.get(recipient, self.contact.node_id)

    def _answer(self, question: Body, asker: Address) -> Body | None:
        token = self._random.randbytes(_TOKEN_BYTES)
        match question:
            case Ping():
                return Pong(seen=asker, token=token, software="honest")
            case Find(target=target):
                return Found(closer=self._neighbours(target), seen=asker, token=token)
            case Store(providers=providers):
                return Stored(accepted=len(providers), token=token)
            case _:
                return None

    def _neighbours(self, target: Key) -> tuple[Contact, ...]:
        ids = [self._id_near(target) for _ in range(NAMED)]
        if self.lie is Lie.MADE_UP:
            return tuple(Contact(node_id, self._nowhere()) for node_id in ids)
        if self.lie is Lie.CROWD:
            self._names |= {_recipient(node_id): node_id for node_id in ids}
        if self.lie in (Lie.ITSELF, Lie.CROWD):
            return (self.contact, *(Contact(node_id, self.contact.address) for node_id in ids))
        return ()

    def _id_near(self, target: Key) -> NodeId:
        return NodeId(target.digest[:_NEAR_BYTES] + self._random.randbytes(20 - _NEAR_BYTES))

    def _nowhere(self) -> Address:
        number = self._random.randrange(MOST_NAMED)
        return Address(f"10.255.{number >> 8}.{number & 255}", 4160)

    def _send(self, transaction: bytes, body: Body, to: Contact, me: NodeId) -> None:
        message = Message(Envelope(transaction, me, server=True), body)
        # Who does not name the recipient is not asked back.
        datagram = self._sealer.seal(
            encode(message).data, self._time.wall_ms(), _recipient(to.node_id)
        )
        self._network.send(self._place, datagram, to.address)


def _recipient(node_id: NodeId) -> bytes:
    return node_id.digest[:RECIPIENT_BYTES]
