"""Lists of holders that are too long for one answer: which pages are read, and how many at most."""

from collections import Counter, deque

import attrs

from reticulum.model import Contact
from reticulum.overlay.messages.bodies import Page

MOST_EACH = 10
"""Further pages of one peer. A datagram has room for 7 records of different nodes, and one node
keeps at most 64 of one image: these are all."""


@attrs.define
class Pages:
    """
    Further pages of one lookup.

    Args:
        most: Asked for at most, of all peers together.
    """

    _most: int
    _noted: Counter[Contact] = attrs.field(factory=Counter, init=False)
    _waiting: deque[tuple[Contact, Page]] = attrs.field(factory=deque, init=False)
    _out: Counter[Contact] = attrs.field(factory=Counter, init=False)

    def note(self, contact: Contact, page: Page | None) -> None:
        """Note where the list of *contact* goes on, unless enough of it was read; None: nowhere."""
        if page is None or self._noted[contact] >= MOST_EACH or self._noted.total() >= self._most:
            return
        self._noted[contact] += 1
        self._waiting.append((contact, page))

    def ask(self) -> list[tuple[Contact, Page]]:
        """Say which are to be asked for now: all that were noted since."""
        asked = list(self._waiting)
        self._waiting.clear()
        self._out.update(contact for contact, _ in asked)
        return asked

    def came(self, contact: Contact) -> None:
        """Note that the page which *contact* was asked for is here, or never will be."""
        self._out[contact] -= 1

    @property
    def pending(self) -> bool:
        """Whether any is out, or still to be asked for."""
        return bool(self._waiting) or self._out.total() > 0
