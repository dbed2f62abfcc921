"""Client or server: a node may be entered in tables while others reach it by themselves."""

import random
from collections import OrderedDict
from collections.abc import Callable
from typing import TypeVar

import attrs

from reticulum.model import Address, Contact
from reticulum.overlay.ballot import ENOUGH, MOST_MET, Ballot, Count
from reticulum.overlay.messages import DialMe
from reticulum.overlay.messages.bodies import NONCE_BYTES
from reticulum.overlay.records import Role

__all__ = ["ENOUGH", "Standing"]

MOST_REMEMBERED = 1024
ASK_AGAIN_S = 60.0
"""Between two questions to one peer."""
ARRIVAL_S = 8.0
"""A dial-back that was agreed to and is not here by then will not come."""
FIRST_RECHECK_S = 60.0
RECHECK_S = 3600.0
"""Seconds between a verdict and the next check; after a refusal they grow up to this."""
LONGEST_CHECK_S = 300.0
"""A server that finds nobody to ask stays what it is."""

_K = TypeVar("_K")
_V = TypeVar("_V")


@attrs.define
class _Asked:
    contact: Contact
    tcp: bool
    agreed_at: float | None = None


class Standing:
    """
    The role of this node, and what speaks for it.

    A peer has reached it when its knock came with the nonce it was given, or when it asked from
    an address that nothing was ever sent to. The second is what makes the first node of a grid a
    server: there is nobody it could ask for a dial-back.

    Times are in seconds of any clock that never goes back.

    Args:
        port: Where it listens, as others see it.
        rng: Source of nonces.
        fixed: The role, if it is not to be found out.
        changed: Called when it became another.
        needs_tcp: Whether peers have to reach it over TCP, too: a NAT lets datagrams in from
            whoever was sent one, and often from everybody else.
        approached: Called when somebody asks out of the blue who could dial it back.
        is_ferried: Whether its datagrams go by way of another node: whoever reaches it then has
            reached that one.
    """

    def __init__(
        self,
        port: int,
        rng: random.Random,
        fixed: Role | None,
        changed: Callable[[], None],
        *,
        needs_tcp: bool = False,
        approached: Callable[[], None] = lambda: None,
        is_ferried: Callable[[], bool] = lambda: False,
    ) -> None:
        self.port = port
        self._rng = rng
        self._fixed = fixed
        self._changed = changed
        self._needs_tcp = needs_tcp
        self._approached = approached
        self._is_ferried = is_ferried
        self._role = Role.CLIENT if fixed is None else fixed
        self._ballot = Ballot(needs_tcp=needs_tcp)
        self._nonces: OrderedDict[bytes, _Asked] = OrderedDict()
        self._asked_at: OrderedDict[Contact, float] = OrderedDict()
        self._addresses: OrderedDict[Address, None] = OrderedDict()
        self._check_at: float | None = 0.0
        self._check_ends_at: float | None = None
        self._recheck_s = FIRST_RECHECK_S
        self.has_verdict = False
        """Whether it was settled, here and at least once, whether others can reach this node."""

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
        """Whether it is about to find out what it can be."""
        if self._fixed is not None or self._is_ferried():
            return False
        return self._check_ends_at is not None or not (self.server or self.has_verdict)

    @property
    def count(self) -> Count:
        """What the peers say now."""
        return self._ballot.count()

    def sent_to(self, address: Address) -> None:
        """Note that something was sent to *address*: what comes from there proves nothing."""
        _note(self._addresses, address, None, MOST_REMEMBERED)

    def met(self, contact: Contact) -> None:
        """Note another node that is alive."""
        self._ballot.met(contact)

    def asked_by(self, contact: Contact) -> None:
        """Take a question: out of the blue, it shows that this node can be reached."""
        self._ballot.met(contact)
        if contact.address not in self._addresses and not self._is_ferried():
            self._ballot.reached(contact, tcp=False)
            self._judge()
            count = self._ballot.count()
            if self.wanted and self._needs_tcp and count.tcp < count.enough:
                self._approached()

    def peers(self) -> tuple[Contact, ...]:
        """Who was met of late, clients too."""
        return self._ballot.contacts()

    def check(self, now: float) -> bool:
        """Whether to ask for dial-backs now; also finds out which ones will not come any more."""
        if self._fixed is not None or self._is_ferried():
            return False
        self._miss(now)
        if self._check_at is None:
            self._check_at = now + RECHECK_S
        if self._check_ends_at is None and now >= self._check_at:
            self._check_ends_at = now + LONGEST_CHECK_S
            self._ballot.forget(only_refusals=not self.server)
        if self._check_ends_at is not None:
            self._conclude(now, self._check_ends_at)
        return self._check_ends_at is not None

    def dial_me(self, contact: Contact, now: float) -> list[DialMe]:
        """What to ask of *contact*; nothing if that is not needed, or was asked lately."""
        if now - self._asked_at.get(contact, float("-inf")) < ASK_AGAIN_S:
            return []
        _note(self._asked_at, contact, now, MOST_REMEMBERED)
        ways = (False, True) if self._needs_tcp else (False,)
        return [self._dial_me(contact, tcp) for tcp in ways if self._ballot.lacks(contact, tcp=tcp)]

    def _dial_me(self, contact: Contact, tcp: bool) -> DialMe:
        nonce = self._rng.randbytes(NONCE_BYTES)
        _note(self._nonces, nonce, _Asked(contact, tcp), 2 * MOST_MET)
        return DialMe(nonce=nonce, port=self.port, tcp=tcp)

    def agreed(self, nonce: bytes, now: float) -> None:
        """Note that a peer says that its dial-back is on its way."""
        asked = self._nonces.get(nonce)
        if asked is not None:
            asked.agreed_at = now

    def declined(self, nonce: bytes) -> None:
        """Note that a peer does not dial back."""
        asked = self._nonces.pop(nonce, None)
        if asked is not None:
            self._ballot.abstained(asked.contact)
            self._judge()

    def knocked(self, nonce: bytes, *, tcp: bool = False) -> None:
        """Take a dial-back; one that was not asked for, or comes another way, proves nothing."""
        asked = self._nonces.get(nonce)
        if asked is not None and asked.tcp is tcp:
            del self._nonces[nonce]
            self._ballot.reached(asked.contact, tcp=tcp)
            self._judge()

    def check_anew(self) -> None:
        """Check as soon as possible: something was done about being reached."""
        self._check_at, self._check_ends_at = 0.0, None
        self._recheck_s = FIRST_RECHECK_S
        self._asked_at.clear()
        self._nonces.clear()
        self._ballot.forget()
        self.has_verdict = False

    def network_changed(self) -> None:
        """Begin anew, as a client: this node is somewhere else now."""
        if self._fixed is not None:
            return
        self._ballot.clear()
        self._addresses.clear()
        self.check_anew()
        self._become(Role.CLIENT)

    def _miss(self, now: float) -> None:
        late = [
            nonce
            for nonce, asked in self._nonces.items()
            if asked.agreed_at is not None and now - asked.agreed_at >= ARRIVAL_S
        ]
        for nonce in late:
            asked = self._nonces.pop(nonce)
            self._ballot.missed(asked.contact, tcp=asked.tcp)

    def _conclude(self, now: float, ends_at: float) -> None:
        """End the check if it can be ended."""
        count = self._ballot.count()
        if count.is_no:
            self._check_at, self._check_ends_at = now + self._recheck_s, None
            self._recheck_s = min(2 * self._recheck_s, RECHECK_S)
            self.has_verdict = True
            self._become(Role.CLIENT)
        elif self.server and (count.is_yes or now >= ends_at):
            self._check_at, self._check_ends_at = now + RECHECK_S, None

    def _judge(self) -> None:
        if self._fixed is not None or self.server or self._is_ferried():
            return
        if not self._ballot.count().is_yes:
            return
        self._recheck_s = FIRST_RECHECK_S
        self._check_at, self._check_ends_at = None, None
        self.has_verdict = True
        self._become(Role.SERVER)

    def _become(self, role: Role) -> None:
        if role is not self._role:
            self._role = role
            self._changed()


def _note(known: OrderedDict[_K, _V], key: _K, value: _V, most: int) -> None:
    known.pop(key, None)
    known[key] = value
    if len(known) > most:
        known.popitem(last=False)
