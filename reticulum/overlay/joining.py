"""Finds the grid: remembered peers first, then the entrances, again and again until it is in."""

import random
from collections.abc import Iterable, Sequence

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger

from reticulum.model import Address, Contact, NodeId
from reticulum.overlay.entrance import Entrance
from reticulum.overlay.exchange import Exchange
from reticulum.overlay.messages import Ping
from reticulum.overlay.neighbours import Neighbours
from reticulum.overlay.question import Outcome, Reply
from reticulum.overlay.surroundings import Resolve

KNOCK_SOFT_S = 0.5
KNOCK_HARD_S = 2.0
AT_ONCE = 30
"""Remembered peers asked in one go."""
MOST_REMEMBERED = 1000
MOST_ADDRESSES = 4
"""Of one name."""

_log = Logger()


class Joining:
    """
    Knocks at doors.

    Args:
        neighbours: Who answers is entered by the way.
        exchange: To knock with.
        resolve: Addresses of host names.
        entrances: Where to knock.
        rng: For the order.
    """

    def __init__(
        self,
        neighbours: Neighbours,
        exchange: Exchange,
        *,
        resolve: Resolve,
        entrances: Sequence[Entrance],
        rng: random.Random,
    ) -> None:
        self._neighbours = neighbours
        self._exchange = exchange
        self._resolve = resolve
        self._entrances = entrances
        self._rng = rng
        self._remembered: list[Contact] = []

    def remember(self, contacts: Iterable[Contact]) -> None:
        """Take peers of earlier days, the ones to ask first first."""
        fresh = {contact.node_id: contact for contact in contacts}
        older = [contact for contact in self._remembered if contact.node_id not in fresh]
        self._remembered = [*fresh.values(), *older][:MOST_REMEMBERED]

    def remembered(self) -> tuple[Contact, ...]:
        """Peers of earlier days."""
        return tuple(self._remembered)

    @property
    def has_doors(self) -> bool:
        """Whether there is anywhere to knock."""
        return bool(self._remembered or self._entrances)

    async def knock(self) -> Sequence[Contact]:
        """
        Try the next remembered peers; if nobody is there, every entrance.

        Returns:
            Who has answered, clients too.
        """
        batch, rest = self._remembered[:AT_ONCE], self._remembered[AT_ONCE:]
        self._remembered = [*rest, *batch]
        outcomes = list(await self._ping([(peer.address, peer.node_id) for peer in batch]))
        if not self._neighbours.any:
            outcomes += await self.knock_at_entrances(self._entrances)
        return [outcome.contact for outcome in outcomes if isinstance(outcome, Reply)]

    async def knock_at_one(self) -> bool:
        """
        Try one entrance, whichever: two halves of a grid find together this way.

        Returns:
            Whether somebody is there who was not known.
        """
        if not self._entrances:
            return False
        known = {contact.node_id for contact in self._neighbours.table.contacts()}
        outcomes = await self.knock_at_entrances([self._rng.choice(self._entrances)])
        return any(
            isinstance(outcome, Reply) and outcome.contact.node_id not in known
            for outcome in outcomes
        )

    async def knock_at_entrances(self, entrances: Sequence[Entrance]) -> Sequence[Outcome]:
        """Try each of them at all its addresses."""
        addresses = await self._all_addresses(entrances)
        return await self._ping([(address, None) for address in addresses])

    async def entrances(self) -> Sequence[Address]:
        """Addresses of all entrances, in their order."""
        return await self._all_addresses(self._entrances)

    async def _all_addresses(self, entrances: Sequence[Entrance]) -> Sequence[Address]:
        resolving = [Deferred.fromCoroutine(self._addresses(entrance)) for entrance in entrances]
        found = [await addresses for addresses in resolving]
        return tuple(dict.fromkeys(address for several in found for address in several))

    async def _ping(self, doors: Sequence[tuple[Address, NodeId | None]]) -> Sequence[Outcome]:
        asked = [
            self._exchange.asking(
                address, Ping(), node_id=node_id, soft_s=KNOCK_SOFT_S, hard_s=KNOCK_HARD_S
            )
            for address, node_id in doors
        ]
        return await _first_or_all(asked)

    async def _addresses(self, entrance: Entrance) -> list[Address]:
        if not entrance.is_name:
            return [Address(entrance.host, entrance.port)]
        try:
            hosts = await self._resolve(entrance.host)
            return [Address(host, entrance.port) for host in hosts[:MOST_ADDRESSES]]
        except CancelledError:
            raise
        except Exception as error:  # noqa: BLE001  (whatever it is: try again later)
            _log.debug(
                "overlay.unresolved name={name} error={error}",
                name=entrance.host,
                error=str(error),
            )
            return []


async def _first_or_all(asked: Sequence[Deferred[Outcome]]) -> Sequence[Outcome]:
    """What has come as soon as a server has answered; else everything: the rest may take long."""
    came: list[Outcome] = []
    enough: Deferred[None] = Deferred()

    def take(outcome: Outcome) -> None:
        came.append(outcome)
        is_server = isinstance(outcome, Reply) and outcome.server
        if not enough.called and (is_server or len(came) == len(asked)):
            enough.callback(None)

    for outcome in asked:
        outcome.addCallback(take)
    if asked:
        await enough
    return tuple(came)
