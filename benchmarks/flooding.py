"""
Sends datagrams to a node on loopback, so many a second, for so many seconds; then says how many.

    python3 benchmarks/flooding.py KIND PORT DATA PER_SECOND SECONDS
"""

import os
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from reticulum.model import NodeId
from reticulum.overlay.grid_files import GridFiles
from reticulum.overlay.messages import Envelope, Find, Message, Want, encode
from reticulum.overlay.seal import BOOT_BYTES, Sealer

BYTES = 400
PAUSE_S = 0.002
KINDS = ("noise", "fingerprint", "member")
"""Random bytes; the same behind the fingerprint of the grid; sealed questions of a member."""


def maker(kind: str, data: Path) -> Callable[[], bytes]:
    """What makes the next datagram of a kind, for the grid of the node in *data*."""
    ring = GridFiles(data).read()
    if kind == "noise":
        return lambda: os.urandom(BYTES)
    if kind == "fingerprint":
        return lambda: ring.current.fingerprint + b"\1" + os.urandom(BYTES - 9)
    public = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    me, sealer = NodeId.of_public_key(public), Sealer(ring, os.urandom(BOOT_BYTES))

    def question() -> bytes:
        find = Find(target=NodeId(os.urandom(20)), want=Want.NODES | Want.HOLDERS)
        body = encode(Message(Envelope(os.urandom(8), me), find), pad_to=BYTES - 65).data
        return sealer.seal(body, time.time_ns() // 1_000_000)

    return question


def main() -> None:
    """Send, evenly, and print the number."""
    kind, port, data, rate, seconds = sys.argv[1:]
    make, sent = maker(kind, Path(data)), 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect(("127.0.0.1", int(port)))
        begun = time.monotonic()
        while (passed := time.monotonic() - begun) < float(seconds):
            while sent < passed * float(rate):
                sock.send(make())
                sent += 1
            time.sleep(PAUSE_S)
    print(sent)


if __name__ == "__main__":
    main()
