"""Members of the grid that lie: they know the secret, speak the protocol, and mean no good."""

import random
from enum import Enum

from reticulum.errors import BadMessage, DatagramRefused
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
from reticulum.overlay.replay import Windows
from reticulum.overlay.seal import BOOT_BYTES, RECIPIENT_BYTES, Sealer
from reticulum.overlay.unseal import Unsealer
from reticulum.testing.simulator.clock import HeapClock
from reticulum.testing.simulator.network import Network
from reticulum.testing.simulator.node_clock import NodeClock

LATE_S = 30.0
MOST_NAMED = 5_000
"""Made-up neighbours at hand; of these an answer brings as many as fit."""
_TOKEN_BYTES = 8
_NONCE_BYTES = 8


class Lie(Enum):
    """What a liar does when it is asked."""

    OTHER_ID = "answers for another id"
    ITSELF = "names itself, under many ids, as everyone's neighbour"
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
        self._unsealer = Unsealer(
            ring,
            boot=self._sealer.boot,
            me=self.contact.node_id.digest[:RECIPIENT_BYTES],
            windows=Windows(self._time.wall_ms()),
        )
        self._place = network.listen(address, self._received)

    def introduce(self, to: Contact) -> None:
        """Ping a node, as one does who wants to be entered in tables."""
        self._send(self._random.randbytes(_NONCE_BYTES), Ping(software="honest"), to)

    def _received(self, datagram: bytes, sender: Address) -> None:
        try:
            opened = self._unsealer.unseal(datagram, self._time.wall_ms())
            message = decode(opened.body)
        except (DatagramRefused, BadMessage):
            return
        answer = self._answer(message.body, sender)
        if answer is not None:
            self.asked += 1
            wait_s = LATE_S if self.lie is Lie.LATE else 0.0
            asker = Contact(message.envelope.sender, sender)
            self._time.callLater(wait_s, self._send, message.envelope.transaction, answer, asker)

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
        if self.lie is Lie.ITSELF:
            ids = (self._id_near(target) for _ in range(30))
            return (self.contact, *(Contact(node_id, self.contact.address) for node_id in ids))
        if self.lie is Lie.MADE_UP:
            return tuple(Contact(self._id_near(target), self._nowhere()) for _ in range(30))
        return ()

    def _id_near(self, target: Key) -> NodeId:
        """An id that shares its first 64 bits with what is sought."""
        return NodeId(target.digest[:8] + self._random.randbytes(12))

    def _nowhere(self) -> Address:
        number = self._random.randrange(MOST_NAMED)
        return Address(f"10.255.{number >> 8}.{number & 255}", 4160)

    def _send(self, transaction: bytes, body: Body, to: Contact) -> None:
        sender = self.contact.node_id
        if self.lie is Lie.OTHER_ID and not isinstance(body, Ping):
            sender = NodeId(self._random.randbytes(20))
        message = Message(Envelope(transaction, sender, server=True), body)
        # Who does not name the recipient is not asked back.
        recipient = to.node_id.digest[:RECIPIENT_BYTES]
        datagram = self._sealer.seal(encode(message).data, self._time.wall_ms(), recipient)
        self._network.send(self._place, datagram, to.address)
