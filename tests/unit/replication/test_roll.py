"""Who was there when a node was switched off: written and read back, whatever else is there."""

import json
from typing import Any

import pytest
from readers import contact, member

from reticulum.model import Contact, Member, Shelf
from reticulum.replication.roll import read, written

MEMBERS = [
    member(1, zone="attic", shelf=Shelf.FULL),
    Member(contact=Contact(contact(2).node_id, contact(3).address, via=contact(3).node_id)),
]


def test_round_trip() -> None:
    """All that placement looks at, and how each is reached."""
    assert MEMBERS == read(json.loads(json.dumps(written(MEMBERS))))


def test_written_before_there_were_relays() -> None:
    """Everybody was reached directly then."""
    rows = [{k: v for k, v in row.items() if k != "via"} for row in written(MEMBERS[:1])]
    assert MEMBERS[:1] == read(rows)


@pytest.mark.parametrize(
    "changes", [{"via": "x"}, {"via": 7}, {"via": []}, {"id": None}, {"port": 0}, {"shelf": 9}]
)
def test_what_is_no_member_is_left_out(changes: dict[str, Any]) -> None:
    """The others are read."""
    first, second = written(MEMBERS)
    assert MEMBERS[1:] == read([first | changes, second])


@pytest.mark.parametrize("rows", [None, {}, "x", [None], [[]], [7]])
def test_no_roll_at_all(rows: Any) -> None:
    """Nobody."""
    assert [] == read(rows)
