"""Hands records to another node to keep: gets a token first, and tries once more without."""

from collections.abc import Mapping

from twisted.internet.interfaces import IReactorTime

from reticulum.errors import RecordFault
from reticulum.model import Contact
from reticulum.overlay.acquaintance import Acquaintance
from reticulum.overlay.exchange import Exchange
from reticulum.overlay.messages import Ping, Store, Stored
from reticulum.overlay.question import Reply
from reticulum.overlay.records import NodeRecord, ProviderRecord


class Storing:
    """
    Stores at others.

    Args:
        exchange: To ask with.
        acquaintance: Tokens.
        clock: Says whether a token is still good.
    """

    def __init__(self, exchange: Exchange, acquaintance: Acquaintance, clock: IReactorTime) -> None:
        self._exchange = exchange
        self._acquaintance = acquaintance
        self._clock = clock

    async def store(
        self,
        at: Contact,
        *,
        providers: tuple[ProviderRecord, ...] = (),
        record: NodeRecord | None = None,
    ) -> bool:
        """
        Hand over what fits in one datagram.

        Returns:
            Whether the other one keeps at least one of the records now.
        """
        for _ in range(2):
            token = await self._token(at)
            if not token:
                return False
            outcome = await self._exchange.asking(
                at.address,
                Store(token=token, providers=providers, record=record),
                node_id=at.node_id,
            )
            if not isinstance(outcome, Reply) or not isinstance(outcome.body, Stored):
                return False
            if RecordFault.NO_TOKEN not in _faults(outcome.body.refused):
                return outcome.body.accepted > 0
            # The answer brought a new one, unless there was none to bring.
        return False

    async def _token(self, at: Contact) -> bytes:
        token = self._acquaintance.token_for(at, self._clock.seconds())
        if not token:
            await self._exchange.asking(at.address, Ping(), node_id=at.node_id)
            token = self._acquaintance.token_for(at, self._clock.seconds())
        return token


def _faults(refused: Mapping[RecordFault, int]) -> set[RecordFault]:
    return set(refused)
