"""Copies of originals: who may keep them, who does, and that they are deleted."""

import enum

import attrs
from attrs import validators as v

from reticulum.model.ids import ImageId
from reticulum.model.peers import Contact, NodeId


class Shelf(enum.IntEnum):
    """
    What a node does for the images of its grid.

    `CLOSED`: keeps none (read-only, or about to leave). `OPEN`: keeps what belongs to it.
    `FULL`: keeps what it has, and takes no more.
    """

    CLOSED = 0
    OPEN = 1
    FULL = 2


@attrs.frozen(kw_only=True)
class Member:
    """
    A node of the grid as placement sees it.

    Args:
        contact: Who and where.
        zone: Name of what fails together with it; empty if it has told none.
        capacity: Bytes it offers to keep; how much it gets follows from this.
        shelf: See `Shelf`.
        silent_s: Seconds since it last answered, 0 if it has just done so.
    """

    contact: Contact
    zone: str = ""
    capacity: int = attrs.field(default=0, validator=v.ge(0))
    shelf: Shelf = Shelf.OPEN
    silent_s: float = attrs.field(default=0.0, validator=v.ge(0))

    @property
    def node_id(self) -> NodeId:
        """Who it is."""
        return self.contact.node_id


class Holding(enum.StrEnum):
    """
    What a node says about one image, asked whether it has it.

    `HELD`: the file is there. `VERIFIED`: its bytes were hashed within the last day and match.
    `ABSENT`: not there, or damaged and now in quarantine. `DOUBTED`: the file is there, but the
    node was away for so long that it may have been deleted meanwhile. `DELETED`: a tombstone is.
    """

    ABSENT = "absent"
    DOUBTED = "doubted"
    HELD = "held"
    VERIFIED = "verified"
    DELETED = "deleted"


@attrs.frozen(kw_only=True)
class Tombstone:
    """
    A signed statement that an image is deleted, or, revoked, that it was uploaded again.

    Args:
        image_id: Of the image.
        sequence: Of two statements about one image the higher one holds; near to ms since 1970.
        expires: Whole seconds since 1970.
        revoked: The image may be kept and served again.
        packed: The statement as it was signed; see `reticulum.overlay.records.tombstone`.
    """

    image_id: ImageId
    sequence: int = attrs.field(validator=v.ge(1))
    expires: int
    revoked: bool = False
    packed: bytes = attrs.field(repr=False)


class Write(enum.StrEnum):
    """How many copies an upload waits for: one, more than half of them, all."""

    ONE = "one"
    QUORUM = "quorum"
    ALL = "all"

    def of(self, copies: int) -> int:
        """As a number, for *copies* of each image."""
        return {Write.ONE: 1, Write.QUORUM: copies // 2 + 1, Write.ALL: copies}[self]


@attrs.frozen(kw_only=True)
class Spreading:
    """
    How far an image has got.

    Args:
        wanted: Copies it should have.
        stored: Copies confirmed to be on disk.
        needed: Copies that were asked for before the answer.
    """

    wanted: int
    stored: int
    needed: int

    @property
    def is_enough(self) -> bool:
        """Whether as many have confirmed as were asked for."""
        return self.stored >= self.needed
