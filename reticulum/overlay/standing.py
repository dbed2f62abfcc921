"""Client or server: a node may be entered in tables once others have reached it by themselves."""

import random
from collections import OrderedDict
from collections.abc import Callable
from typing import TypeVar

from reticulum.model import Address, Contact, NodeId
from reticulum.overlay.messages import DialMe
from reticulum.overlay.messages.bodies import NONCE_BYTES
from reticulum.overlay.records import Role

ENOUGH = 3
"""Peers that have to agree (DESIGN 5.3); in a grid with fewer others, all of them."""
MOST_MET = 64
MOST_REMEMBERED = 1024
ASK_AGAIN_S = 60.0

_K = TypeVar("_K")
_V = TypeVar("_V")


class Standing:
    """
    The role of this node, and what speaks for it.

    A peer has reached it when its knock came with the nonce it was given, or when it asked from
    an address that nothing was ever sent to. The second is what makes the first node of a grid a
    server: there is nobody it could ask for a dial-back.

    Args:
        port: Where it listens, as others see it.
        rng: Source of nonces.
        fixed: The role, if it is not to be found out.
        changed: Called when it became a server.
    """

    def __init__(
        self, port: int, rng: random.Random, fixed: Role | None, changed: Callable[[], None]
    ) -> None:
        self.port = port
        self._rng = rng
        self._fixed = fixed
        self._changed = changed
        self._role = Role.CLIENT if fixed is None else fixed
        self._met: OrderedDict[NodeId, None] = OrderedDict()
        self._reached_by: set[NodeId] = set()
        self._nonces: OrderedDict[bytes, NodeId] = OrderedDict()
        self._asked_at: OrderedDict[NodeId, float] = OrderedDict()
        self._addresses: OrderedDict[Address, None] = OrderedDict()

    @property
    def role(self) -> Role:
        """What it is now."""
        return self._role

    @property
    def server(self) -> bool:
        """Whether others may enter it."""
        return self._role is Role.SERVER

    @property
    def wanted(self) -> bool:
        """Whether it would like to be a server, and is none."""
        return self._fixed is None and not self.server

    def sent_to(self, address: Address) -> None:
        """Note that something was sent to *address*: what comes from there proves nothing."""
        _note(self._addresses, address, None, MOST_REMEMBERED)

    def met(self, node_id: NodeId) -> None:
        """Note another node that is alive."""
        _note(self._met, node_id, None, MOST_MET)

    def asked_by(self, contact: Contact) -> None:
        """Take a question: out of the blue, it shows that this node can be reached."""
        self.met(contact.node_id)
        if contact.address not in self._addresses:
            self._reached(contact.node_id)

    def dial_me(self, contact: Contact, now: float) -> DialMe | None:
        """What to ask of *contact*; None if that is not needed, or was asked lately."""
        asked_at = self._asked_at.get(contact.node_id, float("-inf"))
        if self._fixed is not None or self.server or now - asked_at < ASK_AGAIN_S:
            return None
        _note(self._asked_at, contact.node_id, now, MOST_REMEMBERED)
        nonce = self._rng.randbytes(NONCE_BYTES)
        _note(self._nonces, nonce, contact.node_id, MOST_MET)
        return DialMe(nonce=nonce, port=self.port)

    def knocked(self, nonce: bytes) -> None:
        """Take a dial-back; one that was not asked for proves nothing."""
        node_id = self._nonces.pop(nonce, None)
        if node_id is not None:
            self.met(node_id)
            self._reached(node_id)

    def _reached(self, node_id: NodeId) -> None:
        if self._fixed is not None or self.server:
            return
        self._reached_by.add(node_id)
        if len(self._reached_by) >= min(ENOUGH, len(self._met)):
            self._role = Role.SERVER
            self._reached_by.clear()
            self._changed()


def _note(known: OrderedDict[_K, _V], key: _K, value: _V, most: int) -> None:
    known.pop(key, None)
    known[key] = value
    if len(known) > most:
        known.popitem(last=False)
