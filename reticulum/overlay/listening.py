"""The overlay as a part of the node: sockets first, then the life behind them, and back."""

from reticulum.aio import deferred
from reticulum.overlay.network import EVERYWHERE, Network


class Overlay:
    """
    A `Part`.

    Args:
        network: Not listening yet.
        port: UDP.
        interface: An IP address, or `EVERYWHERE`.
    """

    def __init__(self, network: Network, *, port: int, interface: str = EVERYWHERE) -> None:
        self._network = network
        self._port = port
        self._interface = interface

    async def start(self) -> None:
        """
        Listen and join.

        Raises:
            StartError: It can't be listened there.
        """
        await deferred(self._network.listen(self._port, self._interface))
        await self._network.overlay.start()

    async def stop(self) -> None:
        """Say goodbye, remember, close the sockets."""
        try:
            await self._network.overlay.stop()
        finally:
            self._network.stop()
            await self._network.closed()
