"""
The second half of a crawl: the nodes behind relays, as a pure state machine.

Each server is asked whom it knows, or relays for. Each node that is named is then described by its
relay, which tells whether it is there; by another one if servers name several.
"""

from collections import deque
from collections.abc import Iterable, Sequence

import attrs

from reticulum.model import Contact, NodeId
from reticulum.overlay.crawl import CrawlLimits
from reticulum.overlay.trace import State
from reticulum.overlay.views import Described

MOST_WAYS = 4
"""Relays that are asked for one node."""

Answer = Sequence[Contact] | Described | None
"""Of a server whom it names; of a node by way of a relay what it says, or None: it is not there."""


@attrs.define(eq=False)
class Behind:
    """
    A node that is said to be reached through a relay.

    Args:
        ways: By which relays, in the order in which they were heard of.
        named_by: Servers that named it.
        asked: How many of the ways were tried.
        state: HEARD, WAITING, ANSWERED (it is there) or DEAD.
        described: What it says about itself.
    """

    ways: list[Contact] = attrs.field(factory=list)
    named_by: set[NodeId] = attrs.field(factory=set)
    asked: int = 0
    state: State = State.HEARD
    described: Described | None = None


class RelayedCrawl:
    """
    Asks servers for the nodes behind relays, and the relays for those nodes.

    Args:
        own: The id of the node that crawls; never described.
        servers: All that were found.
        limits: Bounds: `most_asked` and `most_heard` nodes behind relays, `slots`, `deadline_s`.
    """

    def __init__(self, own: NodeId, servers: Iterable[Contact], limits: CrawlLimits) -> None:
        self._own = own
        self.limits = limits
        self._to_ask: deque[Contact] = deque(servers)
        self._out: set[Contact] = set()
        self._behind: dict[NodeId, Behind] = {}
        self.asked = 0
        self.questions = 0
        self.ignored = 0

    def next(self) -> list[Contact]:
        """Whom to ask now: a server, or a node by way of a relay."""
        questions: list[Contact] = []
        while self._to_ask and len(self._out) < self.limits.slots:
            contact = self._to_ask.popleft()
            self._out.add(contact)
            questions.append(contact)
        self.questions += len(questions)
        return questions

    def answered(self, contact: Contact, answer: Answer) -> None:
        """Take an answer; one that was not asked for is ignored."""
        if contact not in self._out:
            return
        self._out.remove(contact)
        if contact.via is None:
            for way in answer if isinstance(answer, Sequence) else ():
                self._hear(way, contact.node_id)
            return
        behind = self._behind[contact.node_id]
        if isinstance(answer, Described):
            behind.described, behind.state = answer, State.ANSWERED
        else:
            behind.state = State.DEAD
            self._try(behind)

    def failed(self, contact: Contact, _state: State) -> None:
        """Take silence, or an answer of no use."""
        self.answered(contact, None)

    @property
    def finished(self) -> bool:
        """Whether nothing is out and nothing is left to ask; only to be read after `next`."""
        return not self._out

    @property
    def cut_short(self) -> bool:
        """Whether bounds ended it before it had asked for everyone."""
        return self.ignored > 0 or self.asked >= self.limits.most_asked

    @property
    def unasked(self) -> int:
        """Nodes that were heard of, but bounds forbade to ask for."""
        return self.count(State.HEARD) + self.ignored

    def count(self, state: State) -> int:
        """How many nodes behind relays are in a state."""
        return sum(behind.state is state for behind in self._behind.values())

    def behind(self) -> Iterable[tuple[NodeId, Behind]]:
        """Every node that was named, in the order in which they were."""
        return self._behind.items()

    def _hear(self, way: Contact, by: NodeId) -> None:
        if way.node_id == self._own:
            return
        behind = self._behind.get(way.node_id)
        if behind is None:
            if len(self._behind) >= self.limits.most_heard:
                self.ignored += 1
                return
            behind = self._behind[way.node_id] = Behind()
        behind.named_by.add(by)
        if way not in behind.ways and len(behind.ways) < MOST_WAYS:
            behind.ways.append(way)
        self._try(behind)

    def _try(self, behind: Behind) -> None:
        """Ask by the next way, unless the node is there, or one is tried."""
        is_open = behind.state in (State.HEARD, State.DEAD)
        if not is_open or behind.asked == len(behind.ways):
            return
        if behind.asked == 0:
            if self.asked >= self.limits.most_asked:
                return
            self.asked += 1
        behind.state = State.WAITING
        self._to_ask.append(behind.ways[behind.asked])
        behind.asked += 1
