"""One peer in a lookup: the question it was sent, and what that says about who named it."""

from typing import Optional

import attrs

from reticulum.model import Contact
from reticulum.overlay.trace import State

MOST_VOUCHERS = 3
FORGIVEN = 4
"""Failed referrals forgiven at once, and for each that answered, before a referrer is doubted."""


@attrs.define(eq=False)
class Credit:
    """
    What became of the peers that one peer named.

    Args:
        sound: How many answered.
        failed: How many are dead or were refused.
        pending: How many are asked and silent so far.
    """

    sound: int = 0
    failed: int = 0
    pending: int = 0

    @property
    def lost(self) -> bool:
        """Whether it named so many dead ones that chance no longer explains it."""
        return self.failed > FORGIVEN * (1 + self.sound)


@attrs.frozen(kw_only=True)
class Sent:
    """
    When a question was sent, and until when an answer is waited for; all in seconds.

    Args:
        at: Sent.
        soft_at: The slot is given to another peer.
        patience_at: The lookup may end without the answer.
        hard_at: The peer is dead.
    """

    at: float
    soft_at: float
    patience_at: float
    hard_at: float


@attrs.define(eq=False, kw_only=True)
class Peer:
    """
    One address of one node, as a lookup knows it.

    Args:
        contact: The node and the address.
        distance: XOR of its id and the target.
        depth: Referrals away from the start.
        vouchers: Who named it, first one first; empty for the start.
        state: The latest.
        sent: The question; None before it.
        given_up: Whether it was slow for so long that a lookup may end without it.
        rtt_s: From question to answer; None before it.
        credit: Of its own referrals.
    """

    contact: Contact
    distance: int
    depth: int
    vouchers: list["Peer"]
    state: State = State.HEARD
    sent: Sent | None = None
    given_up: bool = False
    rtt_s: float | None = None
    credit: Credit = attrs.field(factory=Credit)

    @property
    def referrer(self) -> Optional["Peer"]:
        """Who named it first."""
        return self.vouchers[0] if self.vouchers else None

    @property
    def doubted(self) -> bool:
        """Whether only peers that named too many dead ones speak for it."""
        return bool(self.vouchers) and all(peer.credit.lost for peer in self.vouchers)

    def held_back(self, most: int) -> bool:
        """Whether its only voucher, not yet right once, has *most* referrals being tried."""
        if len(self.vouchers) != 1:
            return False
        credit = self.vouchers[0].credit
        return credit.sound == 0 and credit.pending >= most

    def send(self, sent: Sent) -> None:
        """Note that it is asked."""
        self.sent = sent
        self.become(State.WAITING)

    def become(self, state: State, *, given_up: bool = False) -> None:
        """Change state, and with it the credit of who vouched for it."""
        self._count(-1)
        self.state, self.given_up = state, given_up
        self._count(+1)

    def _count(self, by: int) -> None:
        failed = self.given_up or self.state.failed
        for voucher in self.vouchers:
            if failed:
                voucher.credit.failed += by
            elif self.state is State.ANSWERED:
                voucher.credit.sound += by
            elif self.state in (State.WAITING, State.SLOW):
                voucher.credit.pending += by

    def vouch(self, voucher: "Peer") -> None:
        """Be named once more, by *voucher*; nobody vouches for itself."""
        own_table, full = not self.vouchers, len(self.vouchers) >= MOST_VOUCHERS
        itself = voucher.distance == self.distance
        if own_table or full or itself or voucher in self.vouchers:
            return
        self._count(-1)
        self.vouchers.append(voucher)
        self._count(+1)
