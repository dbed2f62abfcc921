"""The place of one attached node: its anchor, its spares, and who waits for one."""

from collections import deque
from typing import Any

from twisted.internet.interfaces import IReactorTime

from reticulum.model import Address, NodeId
from reticulum.reach.relay.line import Line
from reticulum.reach.relay.seen import peer_of
from reticulum.reach.relay.status import MORE_SPARES, SPARE_SILENT_S, Status
from reticulum.reach.relay.turn import Turn


class Berth:
    """
    Where a node is attached; a `Waiting`.

    Args:
        node_id: Whose.
        boot: Of its run that is attached.
        anchor: Its anchor.
        clock: For time.
    """

    __slots__ = ("_clock", "_spares", "_turns", "address", "anchor", "boot", "is_left", "node_id")

    def __init__(self, node_id: NodeId, boot: bytes, anchor: Line, clock: IReactorTime) -> None:
        self.node_id = node_id
        self.boot = boot
        self.anchor = anchor
        self.address: Address = peer_of(anchor.transport)
        self.is_left = False
        self._clock = clock
        self._spares: list[Line] = []
        self._turns: deque[Turn] = deque()

    @property
    def spares(self) -> int:
        """Idle ones."""
        return len(self._spares)

    def add_spare(self, transport: Any, data: bytes) -> None:
        """
        Keep one more spare, or give it to whoever waits.

        Args:
            transport: Of it; its sender was told that it is welcome.
            data: What he has said since.
        """
        line = Line(
            transport,
            clock=self._clock,
            silent_s=SPARE_SILENT_S,
            beaten=lambda _: None,
            lost=self._lost,
        )
        self._spares.append(line)
        if data:
            line.dataReceived(data)
        if self._turns:
            self._turns.popleft().call(self.take_spare())

    def take_spare(self) -> Any:
        """The transport of the spare that was opened last; None if there is none."""
        return self._spares.pop().transport if self._spares else None

    def wait(self, turn: Turn) -> Status:
        """Let *turn* wait; circuits are counted, so nobody counts who waits."""
        if self.is_left:
            return Status.NOT_ATTACHED
        self._turns.append(turn)
        self.anchor.say(MORE_SPARES)
        return Status.WELCOME

    def leave(self, turn: Turn) -> None:
        """Let *turn* wait no more."""
        if turn in self._turns:
            self._turns.remove(turn)

    def hang_up_silent(self, now: float) -> None:
        """Close what was not heard for too long."""
        for line in [self.anchor, *self._spares]:
            if line.ends_at <= now:
                line.hang_up()

    def close(self) -> None:
        """The node is attached no more: close its spares, and turn away who waits for it."""
        self.is_left = True
        for line in [self.anchor, *self._spares]:
            line.hang_up()
        self._spares.clear()
        while self._turns:
            self._turns.popleft().refuse(Status.NOT_ATTACHED)

    def _lost(self, line: Line) -> None:
        if line in self._spares:
            self._spares.remove(line)
