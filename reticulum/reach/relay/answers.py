"""Answers to hellos: welcome, or why not; and those who stay for a moment after it."""

from collections import Counter
from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from reticulum.model import Address, NodeId
from reticulum.reach.relay.hello import Hello
from reticulum.reach.relay.limits import SAID_AGAIN_S, Limits
from reticulum.reach.relay.lingering import Lingering
from reticulum.reach.relay.seen import peer_of
from reticulum.reach.relay.seldom import Seldom
from reticulum.reach.relay.status import LOOK_KEPT_S, Answer, Status, write_answer
from reticulum.reach.relay.tally import Tally

_log = Logger()


class Answers:
    """
    Says what comes of a hello.

    Args:
        clock: For time.
        limits: Asked for at each use.
        tally: Counts refusals.
        seldom: For the log.
    """

    def __init__(
        self, *, clock: IReactorTime, limits: Callable[[], Limits], tally: Tally, seldom: Seldom
    ) -> None:
        self._clock = clock
        self._limits = limits
        self._tally = tally
        self._seldom = seldom
        self._leaving: set[Lingering] = set()
        self._looks: dict[Lingering, NodeId] = {}
        self._lookers: Counter[NodeId] = Counter()

    def __len__(self) -> int:
        return len(self._leaving) + len(self._looks)

    @property
    def looks(self) -> int:
        """Kept open."""
        return len(self._looks)

    def welcome(self, transport: Any, address: Address) -> None:
        """Tell that all is well; single bytes that follow are not to wait for each other."""
        transport.setTcpNoDelay(True)
        transport.write(write_answer(Answer(Status.WELCOME, address)))

    def refuse(self, hello: Hello, transport: Any, status: Status) -> None:
        """Tell why not, and close; what the other one may have sent already is read first."""
        limits = self._limits()
        self._tally.refused[status] += 1
        if self._seldom.may_say((hello.sender, status), SAID_AGAIN_S):
            _log.info(
                "relay.refused node={node} kind={kind} reason={reason} wanted={wanted}",
                node=str(hello.sender),
                kind=hello.kind.name.lower(),
                reason=status.name.lower(),
                wanted=str(hello.wanted or "-"),
            )
        transport.write(write_answer(Answer(status)))
        if len(self._leaving) >= limits.leaving:
            transport.protocol = Lingering(transport, ends_at=0.0, lost=lambda _: None)
            transport.loseConnection()
            return
        ends_at = self._clock.seconds() + limits.leaving_s
        self._leaving.add(Lingering(transport, ends_at=ends_at, lost=self._leaving.discard))
        transport.loseWriteConnection()
        # Whoever opened a circuit may have been told to wait with his stream.
        transport.resumeProducing()

    def look(self, hello: Hello, transport: Any) -> None:
        """Tell which address is seen; its mapping in a NAT lives as long as the connection."""
        limits = self._limits()
        if len(self._looks) >= limits.looks:
            self.refuse(hello, transport, Status.FULL)
            return
        if self._lookers[hello.sender] >= limits.looks_per_node:
            self.refuse(hello, transport, Status.TOO_MANY)
            return
        ends_at = self._clock.seconds() + LOOK_KEPT_S
        look = Lingering(transport, ends_at=ends_at, lost=self._looked)
        self._looks[look] = hello.sender
        self._lookers[hello.sender] += 1
        self.welcome(transport, peer_of(transport))

    def sweep(self, now: float) -> None:
        """Hang up on those who have stayed long enough."""
        for one in [*self._leaving, *self._looks]:
            if one.ends_at <= now:
                one.hang_up()

    def hang_up(self) -> None:
        """Hang up on everybody."""
        for one in [*self._leaving, *self._looks]:
            one.hang_up()

    def _looked(self, look: Lingering) -> None:
        sender = self._looks.pop(look)
        self._lookers[sender] -= 1
        if not self._lookers[sender]:
            del self._lookers[sender]
