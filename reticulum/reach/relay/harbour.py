"""The nodes attached to a relay: who comes, who leaves, and who may not."""

from collections import Counter
from collections.abc import Callable, KeysView
from typing import Any

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from reticulum.model import NodeId
from reticulum.reach.relay.answers import Answers
from reticulum.reach.relay.berth import Berth
from reticulum.reach.relay.contest import Claimant, Contest
from reticulum.reach.relay.hello import Hello
from reticulum.reach.relay.limits import CONFLICT_SAID_AGAIN_S, SAID_AGAIN_S, Limits
from reticulum.reach.relay.line import Line
from reticulum.reach.relay.lingering import drop
from reticulum.reach.relay.seen import peer_of
from reticulum.reach.relay.seldom import Seldom
from reticulum.reach.relay.status import ANCHOR_SILENT_S, ARE_YOU_THERE, Status

_log = Logger()


class Harbour:
    """
    A berth for each attached node.

    Args:
        own_id: Of this node.
        clock: For time.
        limits: Asked for at each use.
        answers: Tell what comes of a hello.
        seldom: For the log.
        changed: Called with the id of a node that came, moved or left.
    """

    def __init__(
        self,
        *,
        own_id: NodeId,
        clock: IReactorTime,
        limits: Callable[[], Limits],
        answers: Answers,
        seldom: Seldom,
        changed: Callable[[NodeId], None],
    ) -> None:
        self._own_id = own_id
        self._clock = clock
        self._limits = limits
        self._answers = answers
        self._seldom = seldom
        self._changed = changed
        self._berths: dict[NodeId, Berth] = {}
        self._hosts: Counter[str] = Counter()
        self._contests: dict[NodeId, Contest] = {}

    def __len__(self) -> int:
        return len(self._berths)

    @property
    def attached(self) -> KeysView[NodeId]:
        """Nodes with a live anchor; follows what happens."""
        return self._berths.keys()

    @property
    def spares(self) -> int:
        """Idle ones of all nodes."""
        return sum(berth.spares for berth in self._berths.values())

    def berth_of(self, node_id: NodeId) -> Berth | None:
        """Where a node is attached."""
        return self._berths.get(node_id)

    def anchor(self, hello: Hello, transport: Any, data: bytes) -> None:
        """Attach a node, unless it is there already in another run, or there is no room."""
        claimant = Claimant(hello=hello, transport=transport, data=data)
        node_id = hello.sender
        berth = self._berths.get(node_id)
        if node_id == self._own_id:
            self._answers.refuse(hello, transport, Status.TAKEN)
        elif berth is None:
            self._come(claimant)
        elif berth.boot == hello.boot:
            self._is_there(node_id)
            self._replace(claimant)
        elif node_id in self._contests:
            self._answers.refuse(hello, transport, Status.TAKEN)
        else:
            self._contests[node_id] = Contest(
                claimant,
                clock=self._clock,
                answers_s=self._limits().anchor_answers_s,
                won=self._replace,
                over=lambda: self._over(node_id),
            )
            berth.anchor.say(ARE_YOU_THERE)

    def spare(self, hello: Hello, transport: Any, data: bytes) -> None:
        """Keep a spare of an attached node."""
        berth = self._berths.get(hello.sender)
        if berth is None:
            self._answers.refuse(hello, transport, Status.NOT_ATTACHED)
        elif berth.boot != hello.boot:
            self._answers.refuse(hello, transport, Status.TAKEN)
        elif berth.spares >= self._limits().spares_per_node:
            self._answers.refuse(hello, transport, Status.TOO_MANY)
        else:
            self._answers.welcome(transport, peer_of(transport))
            berth.add_spare(transport, data)

    def sweep(self, now: float) -> None:
        """Hang up on who was not heard for too long."""
        for berth in list(self._berths.values()):
            berth.hang_up_silent(now)

    def hang_up(self) -> None:
        """Hang up on everybody."""
        while self._contests:
            contest = self._contests.popitem()[1]
            contest.end()
            drop(contest.claimant.transport)
        for node_id in list(self._berths):
            self._leave(node_id, "the relay closes")

    def _come(self, claimant: Claimant) -> None:
        limits, hello = self._limits(), claimant.hello
        address = peer_of(claimant.transport)
        is_full = len(self._berths) >= limits.nodes
        if is_full or self._hosts[address.host] >= limits.nodes_per_host:
            self._answers.refuse(hello, claimant.transport, Status.FULL)
            return
        anchor = Line(
            claimant.transport,
            clock=self._clock,
            silent_s=ANCHOR_SILENT_S,
            beaten=lambda _: self._is_there(hello.sender),
            lost=lambda line: self._lost(hello.sender, line),
        )
        self._berths[hello.sender] = Berth(hello.sender, hello.boot, anchor, self._clock)
        self._hosts[address.host] += 1
        self._answers.welcome(claimant.transport, address)
        if self._seldom.may_say((hello.sender, "attached"), SAID_AGAIN_S):
            _log.info(
                "relay.attached node={node} address={address}",
                node=str(hello.sender),
                address=str(address),
            )
        if claimant.data:
            anchor.dataReceived(claimant.data)
        self._changed(hello.sender)

    def _replace(self, claimant: Claimant) -> None:
        """The newer anchor is the true one; the spares that came with the old one go with it."""
        self._leave(claimant.hello.sender, "a newer anchor")
        self._come(claimant)

    def _is_there(self, node_id: NodeId) -> None:
        """The node is heard: if somebody else claims its place, he is refused."""
        contest = self._contests.pop(node_id, None)
        if contest is None:
            return
        contest.end()
        claimant = contest.claimant
        if self._seldom.may_say((node_id, "conflict"), CONFLICT_SAID_AGAIN_S):
            _log.warn(
                "relay.two_nodes_with_one_key node={node} attached={attached} other={other}",
                node=str(node_id),
                attached=str(self._berths[node_id].address),
                other=str(peer_of(claimant.transport)),
            )
        self._answers.refuse(claimant.hello, claimant.transport, Status.TAKEN)

    def _over(self, node_id: NodeId) -> None:
        del self._contests[node_id]

    def _lost(self, node_id: NodeId, anchor: Line) -> None:
        berth = self._berths.get(node_id)
        if berth is not None and berth.anchor is anchor:
            self._leave(node_id, "its anchor is lost")
            contest = self._contests.pop(node_id, None)
            if contest is not None:
                contest.end()
                self._come(contest.claimant)

    def _leave(self, node_id: NodeId, why: str) -> None:
        berth = self._berths.pop(node_id, None)
        if berth is None:
            return
        host = berth.address.host
        self._hosts[host] -= 1
        if not self._hosts[host]:
            del self._hosts[host]
        berth.close()
        if self._seldom.may_say((node_id, "left"), SAID_AGAIN_S):
            _log.info("relay.left node={node} reason={reason}", node=str(node_id), reason=why)
        self._changed(node_id)
