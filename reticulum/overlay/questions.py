"""The questions of one lookup that are out: slots taken, soft and hard time-outs."""

from collections.abc import Callable

from reticulum.model import Contact, NodeId
from reticulum.overlay.inquiry import Ask
from reticulum.overlay.messages.bodies import Page
from reticulum.overlay.peer import Peer, Sent
from reticulum.overlay.trace import State

PATIENCE = 2
"""Soft time-outs after which a lookup may end without the answer."""
SHORTEST_HARD_S = 1.0
LONGEST_HARD_S = 4.0
"""A peer is called dead later than a lookup waits for it: tables and down-hints act on it."""


class Questions:
    """
    Peers that were asked and are silent so far.

    Args:
        timeout_s: Soft time-out for a question to a peer, in seconds.
    """

    def __init__(self, timeout_s: Callable[[NodeId], float]) -> None:
        self._timeout_s = timeout_s
        self._out: dict[Contact, Peer] = {}
        self.sent = 0

    @property
    def out(self) -> int:
        """How many peers are silent."""
        return len(self._out)

    @property
    def waiting(self) -> int:
        """How many slots are taken."""
        return sum(peer.state is State.WAITING for peer in self._out.values())

    def send(self, peer: Peer, at: float) -> Ask:
        """Note that *peer* is asked now."""
        ask = self.ask(peer.contact)
        peer.send(
            Sent(
                at=at,
                soft_at=at + ask.soft_s,
                patience_at=at + PATIENCE * ask.soft_s,
                hard_at=at + ask.hard_s,
            )
        )
        self._out[peer.contact] = peer
        self.sent += 1
        return ask

    def ask(self, contact: Contact, page: Page | None = None) -> Ask:
        """Make a question, with the time-outs it gets; nothing is noted."""
        soft_s = self._timeout_s(contact.node_id)
        hard_s = min(max(2 * PATIENCE * soft_s, SHORTEST_HARD_S), LONGEST_HARD_S)
        return Ask(contact, soft_s, hard_s, page)

    def settle(self, peer: Peer, state: State) -> None:
        """Note the end of waiting for *peer*, or its answer after the end."""
        self._out.pop(peer.contact, None)
        peer.become(state)

    def slow(self, contact: Contact) -> None:
        """Free the slot of a peer; nothing happens if it has none."""
        peer = self._out.get(contact)
        if peer is not None and peer.state is State.WAITING:
            peer.become(State.SLOW)

    def fail(self, contact: Contact, state: State) -> None:
        """Give up a silent peer as *state* says; nothing happens to any other."""
        peer = self._out.get(contact)
        if peer is not None:
            self.settle(peer, state)

    def expire(self, now: float) -> None:
        """Apply every time-out that is due."""
        for peer in list(self._out.values()):
            sent = peer.sent
            if sent is None or now < sent.soft_at:
                continue
            if now >= sent.hard_at:
                self.settle(peer, State.DEAD)
            elif peer.state is State.WAITING or (now >= sent.patience_at and not peer.given_up):
                peer.become(State.SLOW, given_up=now >= sent.patience_at)

    def due_after(self, now: float) -> float | None:
        """When `expire` has something to do next; None if nobody is silent."""
        sent = [peer.sent for peer in self._out.values() if peer.sent is not None]
        times = [time for s in sent for time in (s.soft_at, s.patience_at, s.hard_at)]
        return min((time for time in times if time > now), default=None)
