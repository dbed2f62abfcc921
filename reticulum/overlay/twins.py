"""Notices two nodes that run with one key: one node id, two boots, both alive."""

from collections import OrderedDict
from collections.abc import Iterable

import attrs
from twisted.logger import Logger

from reticulum.model import Address, Contact, NodeId
from reticulum.overlay.views import Twin

MOST_NODES = 1024
OVERLAP_S = 10.0
"""Seconds after which nothing of a boot that has ended is still on its way."""
FORGET_S = 3600.0
CALL_AGAIN_S = 60.0
MOST_CALLED = 64

_log = Logger()


@attrs.define
class _Run:
    boot: bytes
    address: Address
    since: float
    before: bytes = b""


class Twins:
    """
    The boots that node ids were heard with, of the nodes heard last.

    A restart is one boot after another. Heard again `OVERLAP_S` after its successor came, the
    earlier one is a second node. What is said with this node's own id is always one.

    Args:
        own: The id of this node, whose own datagrams never get here.
    """

    def __init__(self, own: NodeId) -> None:
        self._own = own
        self._runs: OrderedDict[NodeId, _Run] = OrderedDict()
        self._called: OrderedDict[Address, float] = OrderedDict()
        self._found: OrderedDict[NodeId, tuple[Twin, float]] = OrderedDict()

    def heard(self, node_id: NodeId, boot: bytes, from_: Address, now: float) -> None:
        """Take note of who says what it is; *now* in seconds that never go back."""
        if node_id == self._own:
            self._shout(node_id, (from_,), now)
            return
        run = self._runs.pop(node_id, None)
        if run is None:
            run = _Run(boot, from_, now)
        elif run.boot == boot:
            run.address = from_
        elif run.before == boot:
            if now - run.since >= OVERLAP_S:
                self._shout(node_id, (run.address, from_), now)
                run = _Run(boot, from_, now, run.boot)
        else:
            run = _Run(boot, from_, now, run.boot)
        self._runs[node_id] = run
        if len(self._runs) > MOST_NODES:
            self._runs.popitem(last=False)

    def to_call(
        self, contacts: Iterable[Contact], mine: Address | None, now: float
    ) -> list[Address]:
        """
        Name the addresses where others say that this node is, and it isn't.

        Args:
            contacts: Named by others.
            mine: Where this node is.
            now: Each address is named once in a while.
        """
        calls = []
        for contact in contacts:
            if contact.node_id != self._own or contact.address == mine:
                continue
            if now - self._called.get(contact.address, float("-inf")) < CALL_AGAIN_S:
                continue
            self._called.pop(contact.address, None)
            self._called[contact.address] = now
            calls.append(contact.address)
            if len(self._called) > MOST_CALLED:
                self._called.popitem(last=False)
        return calls

    def _shout(self, node_id: NodeId, addresses: tuple[Address, ...], now: float) -> None:
        known = self._found.pop(node_id, None)
        own = node_id == self._own
        self._found[node_id] = (Twin(node_id=node_id, addresses=addresses, own=own), now)
        if len(self._found) > MOST_NODES:
            self._found.popitem(last=False)
        if known is None or now - known[1] >= FORGET_S:
            _log.critical(
                "overlay.twins node={node} at={at}: two nodes run with one key{mine}; stop one "
                "and remove its node.key",
                node=str(node_id),
                at=", ".join(map(str, addresses)),
                mine=", and one of them is this one" if own else "",
            )

    def found(self, now: float) -> tuple[Twin, ...]:
        """Those noticed in the last hour."""
        return tuple(twin for twin, at in self._found.values() if now - at < FORGET_S)
