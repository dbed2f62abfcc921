"""The ways to every node: straight, punched, through a relay; the best one that works."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import attrs
from OpenSSL import SSL
from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeoutError
from twisted.internet.error import ConnectError, ConnectionClosed
from twisted.internet.interfaces import (
    IProtocol,
    IProtocolFactory,
    IReactorTime,
    IStreamClientEndpoint,
)
from twisted.internet.task import deferLater
from zope.interface import implementer

from reticulum.errors import HolderFailed
from reticulum.model import Address, Contact, NodeId
from reticulum.reach.introduction import Introduction
from reticulum.reach.path import Path, Road
from reticulum.reach.pipes import DirectPipes
from reticulum.reach.ways import Way

MOST_PATHS = 1024
RELAY_S = 3.0
"""For one relay to lead to a node that proves itself; then the next one is tried."""
CROWDED_S = 0.5
"""After this a relay is asked once more, if it had too many streams of ours."""
_BROKEN = (ConnectError, ConnectionClosed, HolderFailed, SSL.Error, OSError)


@attrs.frozen
class Passage:
    """
    What leads to a node through a relay.

    Args:
        pipe: Streams to it.
        seen: Where the relay sees it, once one of them is there; None, too, if no better way is to
            be looked for.
        refusal: What the relay said, if it refused; else empty.
        is_crowded: Whether it was because there are too many streams of ours already.
    """

    pipe: IStreamClientEndpoint
    seen: Callable[[], Address | None]
    refusal: Callable[[], str] = lambda: ""
    is_crowded: Callable[[], bool] = lambda: False


class Shortcut(Protocol):
    """Finds a way around relays."""

    def wanted(self, contact: Contact, path: Path, seen: Address | None) -> None:
        """
        A connection to *contact* goes through a relay.

        Args:
            contact: To whom.
            path: What is known about the way; gets what is found.
            seen: Where the relay sees the other end.
        """


class Paths:
    """
    A `reticulum.reach.ways.Ways`.

    Args:
        introduction: How the two ends get to trust each other.
        pipes: Straight to an address.
        passage: Leads to a node through a relay.
        relays_of: Looks up the relays that a node has now.
        shortcut: Asked whenever a relay is used.
        clock: For deadlines.
        crowded: Told when a relay has too many streams of ours: those that nobody uses are in the
            way.
    """

    def __init__(
        self,
        *,
        introduction: Introduction,
        pipes: DirectPipes,
        passage: Callable[[Contact, NodeId], Passage],
        relays_of: Callable[[NodeId], Awaitable[Sequence[Contact]]],
        shortcut: Shortcut,
        clock: IReactorTime,
        crowded: Callable[[], None] = lambda: None,
    ) -> None:
        self._introduction = introduction
        self._pipes = pipes
        self._passage = passage
        self._relays_of = relays_of
        self._shortcut = shortcut
        self._crowded = crowded
        self._clock = clock
        self._paths: OrderedDict[NodeId, Path] = OrderedDict()

    def to(self, contact: Contact, straight_users: int) -> Way:
        """See `Ways`."""
        path = self._path(contact.node_id)
        path.expire(self._now)
        is_straight = contact.via is None or len(path.punched) > straight_users
        return Way(_Approach(self, contact), is_straight=is_straight)

    def all(self) -> Sequence[Path]:
        """Every path that was used, the latest last."""
        return [path for path in self._paths.values() if path.last is not None]

    def network_changed(self) -> None:
        """Forget what failed: this machine is in another network now."""
        for path in self._paths.values():
            path.punch_at = float("-inf")
            path.avoided.clear()
            for held in list(path.punched):
                held.close()

    async def start(self) -> None:
        """Nothing is to be done before somebody asks."""

    async def stop(self) -> None:
        """Close what nobody uses."""
        for path in self._paths.values():
            for held in list(path.held):
                held.close()

    async def connect(self, contact: Contact, factory: IProtocolFactory) -> IProtocol:
        """
        Connect to *contact* by the best way there is.

        Raises:
            HolderFailed: None leads there.
            Exception: Straight to its address: whatever Twisted fails with.
        """
        path = self._path(contact.node_id)
        if contact.via is None:
            pipe = self._pipes.to(contact)
            through = self._introduction.through(pipe, contact.node_id)
            member: IProtocol = await through.connect(factory)
            path.went(Road.DIRECT)
            return member
        held = path.take()
        if held is not None:
            path.went(Road.PUNCHED)
            return held.take(factory)
        via = Contact(contact.via, contact.address)
        return await self._connect_by_relay(via, contact, path, factory)

    async def _connect_by_relay(
        self, via: Contact, contact: Contact, path: Path, factory: IProtocolFactory
    ) -> IProtocol:
        """Try *via*, then those that the node has now; last, those that have failed of late."""
        tried: dict[NodeId, str] = {}
        known = [via]
        relays = [relay for relay in known if not path.avoids(relay.node_id, self._now)]
        while True:
            for relay in relays:
                try:
                    return await self._through(relay, contact, path, factory)
                except HolderFailed as error:
                    tried[relay.node_id] = str(error)
                    path.avoid(relay.node_id, self._now)
            known += await self._relays_of(contact.node_id)
            others = {one.node_id: one for one in known if one.node_id not in tried}
            if not others:
                reasons = "; ".join(tried.values())
                raise HolderFailed(f"node {contact.node_id}: no relay leads to it: {reasons}")
            relays = sorted(
                others.values(), key=lambda relay: path.avoids(relay.node_id, self._now)
            )

    @property
    def _now(self) -> float:
        return self._clock.seconds()

    async def _through(
        self, relay: Contact, contact: Contact, path: Path, factory: IProtocolFactory
    ) -> IProtocol:
        passage = self._passage(relay, contact.node_id)
        try:
            member = await self._introduced(passage, relay, contact, factory)
        except HolderFailed:
            if not passage.is_crowded():
                raise
            self._crowded()
            await deferLater(self._clock, CROWDED_S)
            passage = self._passage(relay, contact.node_id)
            member = await self._introduced(passage, relay, contact, factory)
        path.went(Road.RELAYED, relay.node_id)
        self._shortcut.wanted(contact, path, passage.seen())
        return member

    async def _introduced(
        self, passage: Passage, relay: Contact, contact: Contact, factory: IProtocolFactory
    ) -> IProtocol:
        through = self._introduction.through(passage.pipe, contact.node_id)
        try:
            return await through.connect(factory).addTimeout(RELAY_S, self._clock)
        except DeferredTimeoutError:
            raise HolderFailed(f"relay {relay.node_id}: no answer in {RELAY_S:g} s") from None
        except _BROKEN as error:
            # TLS knows only that its stream broke off.
            why = passage.refusal() or str(error) or type(error).__name__
            raise HolderFailed(f"relay {relay.node_id}: {why}") from None

    def _path(self, node_id: NodeId) -> Path:
        path = self._paths.get(node_id)
        if path is None:
            path = self._paths[node_id] = Path(node_id)
        self._paths.move_to_end(node_id)
        while len(self._paths) > MOST_PATHS:
            _, oldest = self._paths.popitem(last=False)
            for held in list(oldest.held):
                held.close()
        return path


@implementer(IStreamClientEndpoint)
class _Approach:
    """Connects to one node by the best way there is when it is called."""

    def __init__(self, paths: Paths, contact: Contact) -> None:
        self._paths = paths
        self._contact = contact

    def connect(self, protocolFactory: IProtocolFactory) -> "Deferred[IProtocol]":  # noqa: N803
        """See `Paths.connect`."""
        return Deferred.fromCoroutine(self._paths.connect(self._contact, protocolFactory))
