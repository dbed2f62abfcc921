"""TCP straight to an address, of either kind."""

import socket

import pytest
from members import Who, settled
from plain_connections import Plain, until
from twisted.internet import reactor
from twisted.internet.defer import CancelledError
from twisted.internet.error import ConnectError
from twisted.internet.protocol import Factory

from reticulum.model import Address, Contact
from reticulum.reach.pipes import DirectPipes, ip_address


def plain() -> Factory:
    factory = Factory.forProtocol(Plain)
    factory.noisy = False
    return factory


def has(host: str) -> bool:
    """Whether this machine has an address."""
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.bind((host, 0))
    except OSError:
        return False
    return True


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_connects(host: str) -> None:
    """A contact is found at its address; the address in Twisted's words is the same."""
    if not has(host):
        pytest.skip(f"this machine has no {host}")
    port = reactor.listenTCP(0, plain(), interface=host)
    address = Address(host, port.getHost().port)
    connection = (
        await DirectPipes(reactor=reactor).to(Contact(Who().node_id, address)).connect(plain())
    )
    peer = connection.transport.getPeer()
    assert (ip_address(address).host, ip_address(address).port) == (peer.host, peer.port)
    connection.transport.abortConnection()
    await until(lambda: connection.is_lost)
    await port.stopListening()


async def test_nobody_is_there() -> None:
    """That is an error of connecting."""
    with pytest.raises(ConnectError):
        await DirectPipes(reactor=reactor).at(Address("127.0.0.1", 1)).connect(plain())


async def test_cancelled() -> None:
    """Who is cancelled hears so in the word that everybody knows, and leaves nothing behind."""
    port = reactor.listenTCP(0, plain(), interface="127.0.0.1")
    address = Address("127.0.0.1", port.getHost().port)
    connecting = DirectPipes(reactor=reactor).at(address).connect(plain())
    connecting.cancel()
    with pytest.raises(CancelledError):
        await connecting
    await settled()
    await port.stopListening()
