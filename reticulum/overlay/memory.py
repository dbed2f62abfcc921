"""What the overlay remembers over a restart, as one JSON text, read with distrust."""

import base64
import binascii
import json
import math
from collections.abc import Iterable
from typing import Any

import attrs

from reticulum.errors import BadRecord
from reticulum.model import Address, Contact, Key, NodeId
from reticulum.overlay.freshness import Saved
from reticulum.overlay.records import NodeRecord, ProviderRecord, parse

VERSION = 1
MOST_PEERS = 2_000
MOST_RECORDS = 10_000
"""About 200 bytes each in the file; writing them takes the reactor's thread some 150 ms."""
LONGEST = 32_000_000
"""Characters of a text that is read at all."""


class NotReadable(ValueError):
    """The text is no memory of ours."""


@attrs.frozen(kw_only=True)
class Memory:
    """
    What is remembered.

    Args:
        peers: Contacts that answered, most recently seen first.
        sequence: The last one this node signed with.
        sweep: Position and due time of the announcing; None if it never began.
        records: Kept for the grid; not verified again when they are read.
    """

    peers: tuple[Saved, ...] = ()
    sequence: int = 0
    sweep: tuple[int, float] | None = None
    records: tuple[ProviderRecord | NodeRecord, ...] = ()

    def text(self) -> str:
        """As JSON."""
        return json.dumps(
            {
                "version": VERSION,
                "sequence": self.sequence,
                "sweep": None if self.sweep is None else [f"{self.sweep[0]:040x}", self.sweep[1]],
                "peers": [
                    [
                        str(saved.contact.node_id),
                        saved.contact.address.host,
                        saved.contact.address.port,
                        round(saved.last_seen, 3),
                    ]
                    for saved in self.peers[:MOST_PEERS]
                ],
                "records": [
                    base64.b64encode(record.packed).decode()
                    for record in self.records[:MOST_RECORDS]
                ],
            },
            indent=0,
        )

    @classmethod
    def read(cls, text: str) -> "Memory":
        """
        Read what `text` wrote.

        Raises:
            NotReadable: It is anything else.
        """
        if len(text) > LONGEST:
            raise NotReadable(f"{len(text)} characters are too many")
        try:
            return cls._read(json.loads(text))
        except (
            AttributeError,
            BadRecord,
            LookupError,
            RecursionError,
            TypeError,
            ValueError,
            OverflowError,
            binascii.Error,
        ) as error:
            raise NotReadable(f"{type(error).__name__}: {error}"[:200]) from None

    @classmethod
    def _read(cls, written: Any) -> "Memory":
        if written["version"] != VERSION:
            raise NotReadable(f"version {written['version']!r}")
        sweep = written["sweep"]
        return cls(
            peers=tuple(_peers(written["peers"])),
            sequence=_whole(written["sequence"]),
            sweep=None if sweep is None else (Key.parse(sweep[0]).number, _time(sweep[1])),
            records=tuple(
                parse(base64.b64decode(packed, validate=True))
                for packed in written["records"][:MOST_RECORDS]
            ),
        )


def _peers(written: Any) -> Iterable[Saved]:
    for node_id, host, port, last_seen in written[:MOST_PEERS]:
        contact = Contact(NodeId.parse(node_id), Address(host, _whole(port)))
        yield Saved(contact, _time(last_seen))


def _time(seconds: Any) -> float:
    time = float(seconds)
    if not math.isfinite(time):
        raise NotReadable(f"{time} is no time")
    return time


def _whole(number: Any) -> int:
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < 1 << 64:
        raise NotReadable(f"{number!r} is no number of ours")
    return number
