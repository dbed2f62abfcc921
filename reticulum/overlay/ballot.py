"""What peers say about whether they can dial this node, and what that amounts to."""

from collections import OrderedDict

import attrs

from reticulum.model import Contact, NodeId, reach_of

ENOUGH = 3
"""Peers that have to agree (DESIGN 5.3); in a grid with fewer others, all of them."""
MOST_MET = 64


@attrs.define
class Vote:
    """
    What came of asking one peer to dial back; None where nothing is known yet.

    Args:
        contact: Of the peer.
        reach: How far its address carries; see `reach_of`.
        udp: Whether its datagram arrived.
        tcp: Whether its connection did.
        abstains: Whether it will not try, as one that has no datagrams of its own can't.
    """

    contact: Contact
    reach: int
    udp: bool | None = None
    tcp: bool | None = None
    abstains: bool = False


@attrs.frozen(kw_only=True)
class Count:
    """
    The votes, counted.

    Args:
        peers: Whose votes count.
        agreed: How many of them have reached this node in every way that is asked for.
        refused: How many have tried in vain.
        udp: How many have reached it by datagram.
        tcp: How many by connection.
    """

    peers: int
    agreed: int
    refused: int
    udp: int
    tcp: int

    @property
    def enough(self) -> int:
        """So many are a majority."""
        return max(min(ENOUGH, self.peers), 1)

    @property
    def is_yes(self) -> bool:
        """Whether this node can be reached."""
        return self.agreed >= self.enough

    @property
    def is_no(self) -> bool:
        """Whether it can't."""
        return self.refused >= self.enough and self.refused > self.agreed


class Ballot:
    """
    A vote for each of the peers met last.

    Who sees this node from near by says nothing about those far away: if any peer has a public
    address, only the votes of such peers count.

    Args:
        needs_tcp: Whether a peer has to reach this node over TCP, too.
    """

    def __init__(self, *, needs_tcp: bool) -> None:
        self._needs_tcp = needs_tcp
        self._votes: OrderedDict[NodeId, Vote] = OrderedDict()

    def met(self, contact: Contact) -> None:
        """Note a peer that is alive."""
        self._vote(contact)

    def contacts(self) -> tuple[Contact, ...]:
        """Everybody met, the latest first."""
        return tuple(vote.contact for vote in reversed(self._votes.values()))

    def reached(self, contact: Contact, *, tcp: bool) -> None:
        """Note that *contact* has reached this node."""
        vote = self._vote(contact)
        vote.abstains = False
        if tcp:
            vote.tcp = True
        else:
            vote.udp = True

    def missed(self, contact: Contact, *, tcp: bool) -> None:
        """Note that *contact* has tried, and nothing arrived."""
        vote = self._vote(contact)
        if tcp:
            vote.tcp = False
        else:
            vote.udp = False

    def abstained(self, contact: Contact) -> None:
        """Note that *contact* will not try: nobody waits for its vote."""
        vote = self._votes.get(contact.node_id)
        if vote is not None:
            vote.abstains = vote.udp is None and vote.tcp is None

    def lacks(self, contact: Contact, *, tcp: bool) -> bool:
        """Whether *contact* has not reached this node yet."""
        vote = self._votes.get(contact.node_id)
        return vote is None or not (vote.tcp if tcp else vote.udp)

    def forget(self, *, only_refusals: bool = False) -> None:
        """Forget what came of it, not who was met."""
        for vote in self._votes.values():
            vote.abstains = False
            vote.udp = (vote.udp or None) if only_refusals else None
            vote.tcp = (vote.tcp or None) if only_refusals else None

    def clear(self) -> None:
        """Forget everybody: this node is elsewhere now."""
        self._votes.clear()

    def count(self) -> Count:
        """Count."""
        farthest = max((vote.reach for vote in self._votes.values()), default=0)
        votes = [
            vote for vote in self._votes.values() if vote.reach == farthest and not vote.abstains
        ]
        return Count(
            peers=len(votes),
            agreed=sum(bool(v.udp and (v.tcp or not self._needs_tcp)) for v in votes),
            refused=sum(v.udp is False or v.tcp is False for v in votes),
            udp=sum(bool(v.udp) for v in votes),
            tcp=sum(bool(v.tcp) for v in votes),
        )

    def _vote(self, contact: Contact) -> Vote:
        reach = reach_of(contact.address.host)
        vote = self._votes.pop(contact.node_id, None) or Vote(contact, reach)
        vote.contact, vote.reach = contact, reach
        self._votes[contact.node_id] = vote
        if len(self._votes) > MOST_MET:
            self._votes.popitem(last=False)
        return vote
