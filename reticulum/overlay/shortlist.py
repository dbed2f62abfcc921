"""The peers one lookup knows, nearest to its target first."""

from bisect import insort
from collections.abc import Iterable, Iterator

from reticulum.model import Address, Contact, Key, NodeId
from reticulum.overlay.peer import Peer
from reticulum.overlay.trace import DownHint, Hop, State

MOST_ADDRESSES = 4
"""Addresses tried for one node id: the first one named may be a lie, or of yesterday."""
_PREFERENCE = (State.ANSWERED, State.WAITING, State.HEARD, State.SLOW)


class Shortlist:
    """
    Every peer a lookup has heard of.

    Args:
        target: What distances are measured from.
        own: The id of the node that looks; never listed.
    """

    def __init__(self, target: Key, own: NodeId) -> None:
        self._target = target
        self._own = own
        self._contacts: dict[Contact, Peer] = {}
        self._by_distance: dict[int, list[Peer]] = {}
        self._distances: list[int] = []
        self._homes: dict[Address, NodeId] = {}

    def get(self, contact: Contact) -> Peer | None:
        """The peer at exactly this address with exactly this id."""
        return self._contacts.get(contact)

    def hear(self, contacts: Iterable[Contact], referrer: Peer | None) -> None:
        """Take in *contacts* that *referrer* named; None for the node's own table."""
        named = set[NodeId]()
        for contact in contacts:
            if contact.node_id == self._own or contact.node_id in named:
                continue
            named.add(contact.node_id)
            known = self._contacts.get(contact)
            if known is None:
                self._add(contact, referrer)
            elif referrer is not None:
                known.vouch(referrer)

    def _add(self, contact: Contact, referrer: Peer | None) -> None:
        distance = self._target.distance(contact.node_id)
        addresses = self._by_distance.setdefault(distance, [])
        if not addresses:
            insort(self._distances, distance)
        elif len(addresses) >= MOST_ADDRESSES or addresses[0].state is State.ANSWERED:
            return
        depth, vouchers = (0, []) if referrer is None else (referrer.depth + 1, [referrer])
        peer = Peer(contact=contact, distance=distance, depth=depth, vouchers=vouchers)
        self._contacts[contact] = peer
        addresses.append(peer)

    def lives(self, peer: Peer) -> None:
        """Note that *peer* has answered: where it lives, no other id counts from now on."""
        self._homes.setdefault(peer.contact.address, peer.contact.node_id)

    def nearest(self) -> Iterator[Peer]:
        """
        One peer for each node id that has not failed, and one for each address that has answered.

        Nearest first. Peers in doubt come after all others, however near they claim to be. Of
        several ids that answer at one address only the first counts: no answer proves an id, and
        one member could fill every place around a key. An id that has not answered takes
        no address: anybody can name a false one where an honest node lives.
        """
        doubted: list[Peer] = []
        for distance in self._distances:
            peer = self._current(self._by_distance[distance])
            if peer is None:
                continue
            if peer.state is State.HEARD and peer.doubted:
                doubted.append(peer)
            else:
                yield peer
        yield from doubted

    def _counts(self, peer: Peer) -> bool:
        contact = peer.contact
        at_home = self._homes.get(contact.address, contact.node_id) == contact.node_id
        return at_home and not peer.state.failed

    def _current(self, addresses: list[Peer]) -> Peer | None:
        if len(addresses) == 1:
            return addresses[0] if self._counts(addresses[0]) else None
        alive = [peer for peer in addresses if self._counts(peer)]
        return min(alive, key=lambda peer: _PREFERENCE.index(peer.state), default=None)

    def hops(self) -> tuple[Hop, ...]:
        """The trace, in the order in which peers were heard of."""
        return tuple(
            Hop(
                contact=peer.contact,
                referrer=None if peer.referrer is None else peer.referrer.contact,
                depth=peer.depth,
                distance_bits=peer.distance.bit_length(),
                state=peer.state,
                asked_at=None if peer.sent is None else peer.sent.at,
                rtt_s=peer.rtt_s,
            )
            for peer in self._contacts.values()
        )

    def down_hints(self) -> tuple[DownHint, ...]:
        """Every dead peer, once for each peer that vouched for it."""
        return tuple(
            DownHint(voucher.contact, peer.contact)
            for peer in self._contacts.values()
            if peer.state is State.DEAD
            for voucher in peer.vouchers
        )
