"""TLS 1.3 in which each end is known by its node key: no authority, no names, no dates."""

from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from OpenSSL import SSL, crypto
from twisted.internet.interfaces import (
    IOpenSSLClientConnectionCreator,
    IOpenSSLServerConnectionCreator,
)
from zope.interface import implementer

from reticulum.model import NodeId
from reticulum.reach.certificate import certificate_of, node_id_of

_Judgement = Callable[[SSL.Connection, crypto.X509, int, int, int], bool]

_BOTH_MUST_SHOW = SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT


class NodeTls:
    """
    A node's end of TLS, as dialler and as listener.

    Sessions are never resumed: with a resumed one, nobody would be asked for a certificate.

    Args:
        key: Of the node.
    """

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._context = context = SSL.Context(SSL.TLS_METHOD)
        context.set_min_proto_version(SSL.TLS1_3_VERSION)
        context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
        context.set_options(SSL.OP_NO_TICKET | SSL.OP_NO_COMPRESSION)
        context.set_mode(SSL.MODE_RELEASE_BUFFERS)
        context.use_privatekey(key)
        context.use_certificate(certificate_of(key))
        context.set_verify(_BOTH_MUST_SHOW, _judge(None))

    def dialling(self, node_id: NodeId) -> "Dialling":
        """Makes the dialler's end of connections that only *node_id* can complete."""
        return Dialling(self._context, node_id)

    def listening(self) -> "Listening":
        """Makes the listener's end of connections from any node that shows its key."""
        return Listening(self._context)


@implementer(IOpenSSLClientConnectionCreator)
class Dialling:
    """The dialler's end of TLS; see `NodeTls.dialling`."""

    def __init__(self, context: SSL.Context, node_id: NodeId) -> None:
        self._context = context
        self._node_id = node_id

    def clientConnectionForTLS(self, tlsProtocol: Any) -> SSL.Connection:  # noqa: N802, N803
        """Make one connection; Twisted calls it."""
        del tlsProtocol
        connection = SSL.Connection(self._context, None)
        connection.set_verify(_BOTH_MUST_SHOW, _judge(self._node_id))
        return connection


@implementer(IOpenSSLServerConnectionCreator)
class Listening:
    """The listener's end of TLS; see `NodeTls.listening`."""

    def __init__(self, context: SSL.Context) -> None:
        self._context = context

    def serverConnectionForTLS(self, tlsProtocol: Any) -> SSL.Connection:  # noqa: N802, N803
        """Make one connection; Twisted calls it."""
        del tlsProtocol
        return SSL.Connection(self._context, None)


def other_end(connection: SSL.Connection) -> NodeId | None:
    """Who is at the other end of a connection whose handshake is complete; None if nobody is."""
    certificate = connection.get_peer_certificate(as_cryptography=True)
    return None if certificate is None else node_id_of(certificate)


def _judge(wanted: NodeId | None) -> _Judgement:
    """Judges certificates by their key alone: of *wanted*, or of any node if that is None."""

    def is_welcome(
        connection: SSL.Connection, certificate: crypto.X509, error: int, depth: int, ok: int
    ) -> bool:
        # What OpenSSL itself thinks of it, *error* and *ok*, is that nobody it knows has signed
        # it and perhaps that a clock is wrong. That its sender has the key is proved by TLS.
        del connection, error, ok
        if depth:
            return False
        node_id = node_id_of(certificate.to_cryptography())
        return node_id is not None and wanted in {None, node_id}

    return is_welcome
