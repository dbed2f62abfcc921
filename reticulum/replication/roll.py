"""The members that a node knew when it was switched off, in values that JSON can hold."""

from collections.abc import Iterable
from typing import Any

from reticulum.model import Address, Contact, Key, Member, Shelf

MOST = 256


def written(members: Iterable[Member]) -> list[dict[str, Any]]:
    """Up to `MOST` of *members*."""
    return [
        {
            "id": str(member.node_id),
            "host": member.contact.address.host,
            "port": member.contact.address.port,
            "via": None if member.contact.via is None else str(member.contact.via),
            "zone": member.zone,
            "capacity": member.capacity,
            "shelf": int(member.shelf),
        }
        for member in list(members)[:MOST]
    ]


def read(rows: Any) -> list[Member]:
    """What `written` gave; whatever is no member is left out."""
    members: list[Member] = []
    for row in rows[:MOST] if isinstance(rows, list) else ():
        try:
            via = row.get("via")
            members.append(
                Member(
                    contact=Contact(
                        Key.parse(row["id"]),
                        Address(row["host"], int(row["port"])),
                        via=None if via is None else Key.parse(via),
                    ),
                    zone=str(row["zone"]),
                    capacity=int(row["capacity"]),
                    shelf=Shelf(row["shelf"]),
                )
            )
        except (AttributeError, KeyError, TypeError, ValueError):
            continue
    return members
