"""Two mappings, UDP and TCP, with one port outside: by PCP or NAT-PMP."""

from collections.abc import Sequence

from twisted.internet.defer import CancelledError, Deferred, DeferredList
from twisted.internet.interfaces import IReactorTime

from reticulum.errors import NotMapped
from reticulum.reach.mapping.dialect import Claim, Dialect
from reticulum.reach.mapping.epoch import EpochWatch
from reticulum.reach.mapping.lease import Lease, Transport


class Paired:
    """
    A pair of mappings of one dialect; a `Method`.

    Args:
        dialect: Asks for each.
        clock: To compare the gateway's with.
    """

    def __init__(self, dialect: Dialect, clock: IReactorTime) -> None:
        self._dialect = dialect
        self._clock = clock
        self._epochs = EpochWatch()
        self._lease: Lease | None = None
        self._has_asked = False

    @property
    def name(self) -> str:
        """Of the protocol."""
        return self._dialect.name

    @property
    def where(self) -> str:
        """Address of the gateway."""
        return self._dialect.where

    async def find(self) -> "Paired":
        """
        See whether the gateway speaks it; changes nothing there.

        Raises:
            NotMapped: It does not.
        """
        await self._dialect.greet()
        return self

    async def map(self, wanted: int) -> Lease:
        """Map both, or renew both; see `Method`."""
        await self._dialect.greet()
        self._has_asked = True
        try:
            claims = await self._claim_both(wanted)
        except (NotMapped, CancelledError):
            await self.give_back()
            raise
        for claim in claims:
            self._epochs.goes_on(claim.epoch_s, self._clock.seconds())
        self._lease = Lease(
            external=claims[0].external, seconds=min(claim.seconds for claim in claims)
        )
        return self._lease

    async def _claim_both(self, wanted: int) -> Sequence[Claim]:
        """Have both at one port: the one that is given for UDP, else the one given for TCP."""
        udp = await self._dialect.claim(Transport.UDP, wanted)
        tcp = await self._dialect.claim(Transport.TCP, udp.external.port)
        if udp.external == tcp.external:
            return udp, tcp
        await self._dialect.release(Transport.UDP)
        udp = await self._dialect.claim(Transport.UDP, tcp.external.port)
        if udp.external == tcp.external:
            return udp, tcp
        raise NotMapped(
            f"it gives {udp.external} for UDP and {tcp.external} for TCP, where one is needed"
        )

    async def glance(self) -> bool:
        """Look at the gateway's clock, and its address if it tells; see `Method`."""
        greeting = await self._dialect.greet()
        goes_on = self._epochs.goes_on(greeting.epoch_s, self._clock.seconds())
        if self._lease is None or greeting.host is None:
            return goes_on
        return goes_on and greeting.host == self._lease.external.host

    async def give_back(self) -> None:
        """End both; see `Method`."""
        self._lease = None
        if not self._has_asked:
            return
        self._has_asked = False
        ends = [Deferred.fromCoroutine(self._dialect.release(one)) for one in Transport]
        # What comes of them is nothing that anybody could act upon.
        await DeferredList(ends, consumeErrors=True)
