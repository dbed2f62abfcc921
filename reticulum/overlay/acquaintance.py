"""Tokens got from others, and addresses that others have proven to be theirs."""

from collections import OrderedDict
from typing import TypeVar

from reticulum.model import Contact
from reticulum.overlay.messages import Tokens
from reticulum.overlay.messages.tokens import PERIOD_S

MOST_KNOWN = 4096

_V = TypeVar("_V")


class Acquaintance:
    """
    What makes long answers possible: to others, and to this node.

    Args:
        tokens: Those this node gives out.
    """

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self._got: OrderedDict[Contact, tuple[bytes, float]] = OrderedDict()
        self._proven: OrderedDict[Contact, float] = OrderedDict()

    def answered(self, contact: Contact, token: bytes, now: float) -> None:
        """Note that *contact* answered from its address, and the token it sent, if any."""
        _note(self._proven, contact, now)
        if token:
            _note(self._got, contact, (token, now))

    def token_for(self, contact: Contact, now: float) -> bytes:
        """Give the token that *contact* still accepts; empty for none."""
        token, at = self._got.get(contact, (b"", 0.0))
        return token if token and now - at < PERIOD_S - 10 else b""

    def forget_token(self, contact: Contact) -> None:
        """Note that *contact* no longer accepts its token."""
        self._got.pop(contact, None)

    def give(self, contact: Contact, now: float) -> bytes:
        """Make the token of *contact*."""
        return self._tokens.give(contact.node_id, contact.address, now)

    def holds_token(self, contact: Contact, token: bytes, now: float) -> bool:
        """Whether *token* was given to *contact* lately."""
        return bool(token) and self._tokens.accept(token, contact.node_id, contact.address, now)

    def proven(self, contact: Contact, token: bytes, now: float) -> bool:
        """Whether *contact* receives at its address: it has answered from there, or has a token."""
        answered = now - self._proven.get(contact, float("-inf")) < 2 * PERIOD_S
        return answered or self.holds_token(contact, token, now)


def _note(known: OrderedDict[Contact, _V], key: Contact, value: _V) -> None:
    known.pop(key, None)
    known[key] = value
    if len(known) > MOST_KNOWN:
        known.popitem(last=False)
