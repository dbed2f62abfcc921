"""Debts as entries of a journal, and back."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from reticulum.model import ImageId, NodeId
from reticulum.model.peers import KEY_BYTES
from reticulum.storage.debts import Debt, Debts
from reticulum.storage.packed_id import pack_all, unpack, unpack_all

ADDED = b"+"
DONE = b"-"
_MOST_IDS = 1000

Change = tuple[bytes, NodeId, Sequence[ImageId]]


def encode(change: Change) -> Iterator[bytes]:
    """Entries of up to 1000 images: `ADDED` or `DONE`, node id, images (see `pack_all`)."""
    mark, node_id, image_ids = change
    for start in range(0, len(image_ids), _MOST_IDS):
        yield mark + node_id.digest + pack_all(image_ids[start : start + _MOST_IDS])


def encode_all(debts: Iterable[Debt]) -> Iterator[bytes]:
    """The shortest row of entries that leads to these debts, in their order."""
    for node_id, group in groupby(debts, key=lambda debt: debt[0]):
        yield from encode((ADDED, node_id, [image_id for _, image_id in group]))


def replay(entry: bytes, debts: Debts) -> None:
    """
    Do what an entry says.

    Raises:
        ValueError: It is none.
    """
    mark, digest, packed = entry[:1], entry[1 : 1 + KEY_BYTES], entry[1 + KEY_BYTES :]
    image_ids = [unpack(one) for one in unpack_all(packed)]
    if mark == ADDED:
        debts.add(NodeId(digest), image_ids)
    elif mark == DONE:
        debts.done(NodeId(digest), image_ids)
    else:
        raise ValueError(f"no entry begins with {mark!r}")
