"""The circuits of a relay: asked for, opened, and paid for by whoever dialled."""

from collections import Counter
from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from reticulum.model import NodeId
from reticulum.reach.relay.accounts import Accounts
from reticulum.reach.relay.answers import Answers
from reticulum.reach.relay.berth import Berth
from reticulum.reach.relay.hello import Hello
from reticulum.reach.relay.limits import SAID_AGAIN_S, Limits
from reticulum.reach.relay.lingering import drop
from reticulum.reach.relay.opening import Opening
from reticulum.reach.relay.seen import peer_of
from reticulum.reach.relay.seldom import Seldom
from reticulum.reach.relay.splice import Splice
from reticulum.reach.relay.status import Dialler, Status
from reticulum.reach.relay.tally import Tally
from reticulum.reach.relay.turn import Turn

_log = Logger()


class Passages:
    """
    Lets members through to attached nodes.

    Args:
        clock: For time.
        limits: Asked for at each use.
        answers: Tell what comes of a hello.
        seldom: For the log.
        tally: Counts.
        berth_of: Where a node is attached, if it is.
    """

    def __init__(
        self,
        *,
        clock: IReactorTime,
        limits: Callable[[], Limits],
        answers: Answers,
        seldom: Seldom,
        tally: Tally,
        berth_of: Callable[[NodeId], Berth | None],
    ) -> None:
        self._clock = clock
        self._limits = limits
        self._answers = answers
        self._seldom = seldom
        self._tally = tally
        self._berth_of = berth_of
        self._accounts = Accounts(clock.seconds)
        self._openings: set[Opening] = set()
        self._splices: dict[Splice, Hello] = {}
        self._per_node: Counter[NodeId | None] = Counter()

    def __len__(self) -> int:
        return len(self._openings) + len(self._splices)

    @property
    def waiting(self) -> int:
        """Circuits whose node has not answered yet."""
        return len(self._openings)

    @property
    def open(self) -> int:
        """Circuits through which bytes go."""
        return len(self._splices)

    @property
    def bytes_relayed(self) -> int:
        """Of all circuits there ever were."""
        return self._tally.bytes_relayed + sum(one.moved for one in self._splices)

    def dial(self, hello: Hello, transport: Any, data: bytes) -> None:
        """Open a circuit to the node that is wanted, or say why not."""
        limits, status = self._limits(), Status.NOT_ATTACHED
        berth = None if hello.wanted is None else self._berth_of(hello.wanted)
        account = self._accounts.of(hello.sender, limits)
        if not account.may_open(limits) or account.circuits >= limits.circuits_per_dialler:
            status = Status.TOO_MANY
        elif berth is not None:
            is_full = len(self) >= limits.circuits
            is_full |= self._per_node[berth.node_id] >= limits.circuits_per_node
            status = Status.FULL if is_full else Status.WELCOME
        if berth is None or status is not Status.WELCOME:
            self._answers.refuse(hello, transport, status)
            return
        account.circuits += 1
        self._per_node[berth.node_id] += 1
        opening = Opening(
            hello,
            transport,
            data,
            most=limits.early_bytes,
            granted=self._granted,
            refused=self._refused,
            gone=self._gone,
        )
        self._openings.add(opening)
        dialler = Dialler(hello.sender, peer_of(transport))
        opening.turn = Turn(opening, dialler, berth=berth, clock=self._clock, limits=limits)
        opening.turn.begin()

    def sweep(self, now: float) -> None:
        """Hang up on circuits that trickle, or were there for too long."""
        limits = self._limits()
        self._accounts.rate(limits.bytes_per_s)
        for splice, hello in list(self._splices.items()):
            why = splice.overdue(now, limits)
            if why is not None:
                self._cut(splice, hello, why)

    def hang_up(self) -> None:
        """Hang up on everybody."""
        for opening in list(self._openings):
            if opening.turn is not None:
                opening.turn.cancel()
            drop(opening.transport)
            self._gone(opening)
        for splice in list(self._splices):
            splice.hang_up()

    def _granted(self, opening: Opening, transport: Any, data: bytes) -> None:
        hello = opening.hello
        berth = None if hello.wanted is None else self._berth_of(hello.wanted)
        address = peer_of(transport) if berth is None else berth.address
        self._openings.discard(opening)
        self._tally.circuits += 1
        splice = Splice(
            opening.transport,
            transport,
            account=self._accounts.of(hello.sender, self._limits()),
            clock=self._clock,
            ended=self._ended,
        )
        self._splices[splice] = hello
        self._answers.welcome(opening.transport, address)
        splice.start(opening.data, data)

    def _refused(self, opening: Opening, status: Status) -> None:
        self._gone(opening)
        self._answers.refuse(opening.hello, opening.transport, status)

    def _gone(self, opening: Opening) -> None:
        self._openings.discard(opening)
        self._free(opening.hello)

    def _cut(self, splice: Splice, hello: Hello, why: str) -> None:
        self._tally.hung_up[why] += 1
        if self._seldom.may_say((hello.sender, why), SAID_AGAIN_S):
            _log.info(
                "relay.hung_up dialler={dialler} node={node} reason={reason} bytes={bytes}",
                dialler=str(hello.sender),
                node=str(hello.wanted),
                reason=why,
                bytes=splice.moved,
            )
        splice.hang_up()

    def _ended(self, splice: Splice) -> None:
        self._tally.bytes_relayed += splice.moved
        self._free(self._splices.pop(splice))

    def _free(self, hello: Hello) -> None:
        """A circuit that was counted is none any more."""
        self._accounts.of(hello.sender, self._limits()).circuits -= 1
        self._per_node[hello.wanted] -= 1
        if not self._per_node[hello.wanted]:
            del self._per_node[hello.wanted]
