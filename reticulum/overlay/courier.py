"""Seals what goes out and opens what comes in; what can't be opened is counted, never answered."""

from collections.abc import Callable

from reticulum.errors import DatagramRefused
from reticulum.model import Address, NodeId
from reticulum.overlay.grid_keys import KeyRing
from reticulum.overlay.refusals import Refusals
from reticulum.overlay.replay import Windows
from reticulum.overlay.seal import ANYONE, RECIPIENT_BYTES, Sealer
from reticulum.overlay.surroundings import Send
from reticulum.overlay.unseal import Opened, Unsealer


class Courier:
    """
    The door of a node to the wire.

    Args:
        own: The id of this node.
        ring: Keys of the grid.
        boot: 12 random bytes of this start.
        send: How datagrams go out.
        wall_ms: Milliseconds since 1970.
    """

    def __init__(
        self, own: NodeId, ring: KeyRing, *, boot: bytes, send: Send, wall_ms: Callable[[], int]
    ) -> None:
        self._send = send
        self._wall_ms = wall_ms
        self._sealer = Sealer(ring, boot)
        self._unsealer = Unsealer(
            ring, boot=boot, me=own.digest[:RECIPIENT_BYTES], windows=Windows(wall_ms())
        )
        self.refusals = Refusals()

    def rekey(self, ring: KeyRing) -> None:
        """Accept and use the keys of *ring* from now on."""
        self._sealer.rekey(ring)
        self._unsealer.rekey(ring)

    def dispatch(
        self, body: bytes, to: Address, node_id: NodeId | None, send: Send | None = None
    ) -> None:
        """
        Seal and send.

        Args:
            body: One message.
            to: Where.
            node_id: For whom; None for whoever is there.
            send: Another way out than the usual one.

        Raises:
            CountersSpent: This boot has sealed all it can.
        """
        recipient = ANYONE if node_id is None else node_id.digest[:RECIPIENT_BYTES]
        (send or self._send)(self._sealer.seal(body, self._wall_ms(), recipient), to)

    def open(self, datagram: bytes, from_: Address) -> Opened | None:
        """Open, or count why not."""
        now_ms = self._wall_ms()
        try:
            return self._unsealer.unseal(datagram, now_ms)
        except DatagramRefused as refused:
            self.refusals.note(refused, from_, now_ms / 1000)
            return None
