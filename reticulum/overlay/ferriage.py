"""What a node has to do with ferries: whether one carries its datagrams, and what it needs."""

import random
from collections.abc import Callable, Iterable, Sequence

from reticulum.model import Address, NodeId
from reticulum.overlay.exchange import Exchange
from reticulum.overlay.joining import KNOCK_HARD_S, KNOCK_SOFT_S, Joining
from reticulum.overlay.messages import Ping
from reticulum.overlay.neighbours import Neighbours
from reticulum.overlay.question import Reply
from reticulum.overlay.standing import Standing
from reticulum.overlay.surroundings import Send
from reticulum.overlay.tally import Heard, Tally


class Ferriage:
    """
    The overlay's end of a ferry; whoever runs the ferry says when it begins and ends.

    While it goes on, the node is seen at the address of whoever carries its datagrams. So nothing
    is believed about its own address, it is a client whoever reaches it, and it dials nobody back:
    it can't know whether an address is that of who asks.

    Args:
        joining: Where to knock.
        neighbours: Whom the node knows.
        exchange: To ask with.
        standing: Told from where its own questions may come back.
        tally: What was asked and answered.
        ping: What to say.
        changed: Called when it begins and when it ends: the node is somewhere else then.
        stirred: Called when it goes on in another way.
        rng: For the order of neighbours.
    """

    def __init__(
        self,
        *,
        joining: Joining,
        neighbours: Neighbours,
        exchange: Exchange,
        standing: Standing,
        tally: Tally,
        ping: Callable[[], Ping],
        changed: Callable[[], None],
        stirred: Callable[[], None],
        rng: random.Random,
    ) -> None:
        self._joining = joining
        self._neighbours = neighbours
        self._exchange = exchange
        self._standing = standing
        self._tally = tally
        self._ping = ping
        self._changed = changed
        self._stirred = stirred
        self._rng = rng
        self._is_on = False

    @property
    def is_on(self) -> bool:
        """Whether the node relies on a ferry, also while it has lost one and seeks another."""
        return self._is_on

    @property
    def heard(self) -> Heard:
        """What became of the questions to those farthest away."""
        return self._tally.heard

    def began(self) -> None:
        """Take note that datagrams go by a ferry from now on, or by another one."""
        if self._is_on:
            self._stirred()
            return
        self._is_on = True
        self._changed()

    def broke(self) -> None:
        """Take note that nobody carries them now, and keep whom we know: all will seem silent."""
        self._joining.remember(self._neighbours.table.contacts())

    def ended(self) -> None:
        """Take note that they go by our own sockets again."""
        if self._is_on:
            self._is_on = False
            self._changed()

    def carries_from(self, addresses: Iterable[Address]) -> None:
        """
        Take note of sockets from which this node sends what others say.

        Whatever comes from there proves nothing about how it is reached.
        """
        for address in addresses:
            self._standing.sent_to(address)

    async def doors(self) -> Sequence[tuple[Address, NodeId | None]]:
        """Where nodes of the grid should be, best first, and which if that is known."""
        contacts = list(self._neighbours.table.contacts())
        self._rng.shuffle(contacts)
        known: list[tuple[Address, NodeId | None]] = [(c.address, c.node_id) for c in contacts]
        known += [(address, None) for address in await self._joining.entrances()]
        known += [(peer.address, peer.node_id) for peer in self._joining.remembered()]
        doors: dict[Address, NodeId | None] = {}
        for address, node_id in known:
            doors[address] = doors.get(address) or node_id
        return tuple(doors.items())

    async def gets_through(self, address: Address, straight: Send) -> bool:
        """Whether a datagram to *address*, past every ferry, is answered."""
        self._standing.sent_to(address)
        outcome = await self._exchange.asking(
            address, self._ping(), soft_s=KNOCK_SOFT_S, hard_s=KNOCK_HARD_S, send=straight
        )
        return isinstance(outcome, Reply)
