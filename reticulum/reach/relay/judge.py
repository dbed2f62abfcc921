"""Judges hellos: of this grid, for this node, of now, and not heard before."""

from collections import Counter, deque
from collections.abc import Iterable

from reticulum.model import NodeId
from reticulum.reach.relay.hello import Hello, is_signed, read_hello
from reticulum.reach.relay.limits import MOST_NONCES, MOST_NONCES_PER_SENDER, OFF_MS


class Judge:
    """
    Believes a hello once.

    What is remembered is bounded: a sender who has sent too many hellos within two minutes is
    refused, and if there are many such senders, the oldest of all is forgotten.

    Args:
        own_id: Of this node: whom a hello must be meant for.
        most: Nonces remembered.
        most_per_sender: The same, of one sender.
    """

    def __init__(
        self,
        own_id: NodeId,
        *,
        most: int = MOST_NONCES,
        most_per_sender: int = MOST_NONCES_PER_SENDER,
    ) -> None:
        self._own_id = own_id
        self._most = most
        self._most_per_sender = most_per_sender
        self._order: deque[tuple[int, NodeId, bytes]] = deque()
        self._heard: set[tuple[NodeId, bytes]] = set()
        self._senders: Counter[NodeId] = Counter()

    def __len__(self) -> int:
        return len(self._order)

    def judge(self, data: bytes, keys: Iterable[bytes], now_ms: int) -> Hello | None:
        """
        Read a hello.

        Args:
            data: 197 bytes.
            keys: The grid's for peer HTTP that are accepted now.
            now_ms: Milliseconds since 1970.

        Returns:
            None for whatever is not to be believed; why is nobody's business.
        """
        hello = read_hello(data, keys)
        if hello is None or hello.listener not in {None, self._own_id}:
            return None
        if abs(now_ms - hello.at_ms) > OFF_MS:
            return None
        self._forget(now_ms)
        if (hello.sender, hello.nonce) in self._heard:
            return None
        if self._senders[hello.sender] >= self._most_per_sender or not is_signed(data, hello):
            return None
        self._remember(hello)
        return hello

    def _remember(self, hello: Hello) -> None:
        self._order.append((hello.at_ms, hello.sender, hello.nonce))
        self._heard.add((hello.sender, hello.nonce))
        self._senders[hello.sender] += 1
        if len(self._order) > self._most:
            self._drop()

    def _forget(self, now_ms: int) -> None:
        """Drop what its time alone refutes by now."""
        while self._order and self._order[0][0] < now_ms - OFF_MS:
            self._drop()

    def _drop(self) -> None:
        _, sender, nonce = self._order.popleft()
        self._heard.discard((sender, nonce))
        self._senders[sender] -= 1
        if not self._senders[sender]:
            del self._senders[sender]
