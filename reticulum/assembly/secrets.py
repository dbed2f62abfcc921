"""The grid's secrets in force in a running node, and how they follow those on disk."""

from collections.abc import Callable, Sequence
from typing import Any

import attrs

from reticulum.assembly.peer_address import dialled_at
from reticulum.model import Contact
from reticulum.overlay.grid_files import GridFiles
from reticulum.overlay.grid_keys import KeyRing
from reticulum.overlay.node import OverlayNode


@attrs.define(kw_only=True)
class GridSecrets:
    """
    The secrets of a node's grid.

    Args:
        files: On disk.
        ring: In force.
        overlay: Told of new ones.
        host: Where the node listens for others.
        port: Likewise.
        relays: Of this node: who is invited reaches these, where he can't reach this node.
    """

    files: GridFiles
    ring: KeyRing
    overlay: OverlayNode
    host: str
    port: int
    relays: Callable[[], Sequence[Contact]]

    def peer_key(self) -> bytes:
        """The key for HTTP between nodes that is in use now."""
        return self.ring.current.peer_http

    def peer_keys(self) -> list[bytes]:
        """Those that are accepted now."""
        return [keys.peer_http for keys in self.ring.accepted.values()]

    def fingerprints(self) -> list[bytes]:
        """Of the grid, the one in use first."""
        return list(dict.fromkeys([self.ring.current.fingerprint, *self.ring.accepted]))

    def follow(self) -> dict[str, Any]:
        """Read them again and use them."""
        self.ring = self.files.read()
        self.overlay.rekey(self.ring)
        own = dialled_at(self.host, self.port, self.overlay.standing().address)
        addresses = dict.fromkeys([*(relay.address for relay in self.relays()), *own])
        return {
            "current": self.ring.current.fingerprint.hex(),
            "accepted": [fingerprint.hex() for fingerprint in self.ring.accepted],
            "addresses": [str(address) for address in addresses],
        }
