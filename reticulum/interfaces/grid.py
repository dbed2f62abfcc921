"""What the verbs of a node ask of its grid."""

from collections.abc import Sequence
from typing import Protocol

from reticulum.model import ImageId, Key, Member, Original, Spreading, Write


class Members(Protocol):
    """The nodes of the grid that placement may choose among, as this node sees them."""

    async def near(self, key: Key) -> Sequence[Member]:
        """
        The up to 20 storing nodes closest to *key*, nearest first, this one among them.

        A node that fell silent counts until the grace has passed.
        """

    def alive(self) -> Sequence[Member]:
        """Every other node that is known and not silent."""

    def known(self) -> Sequence[Member]:
        """Every other node that is known, also those that are silent and within the grace."""


class Copying(Protocol):
    """What the verbs ask for when an image comes or is to go."""

    async def welcome(self, image_id: ImageId) -> None:
        """
        Let an image be kept, even if it was deleted before: somebody has uploaded it again.

        Raises:
            NoSpace: That could not be noted.
        """

    async def spread(self, original: Original, write: Write, *, is_new: bool) -> Spreading:
        """
        Copy an image that is kept here to whoever should have it.

        Returns:
            What was confirmed when enough had it or the time was up; the rest goes on.
        """

    async def delete(self, image_id: ImageId) -> None:
        """
        Delete an image in the whole grid, with all that was made of it.

        Raises:
            UnknownImage: Nobody has it.
            NoSpace: The deletion could not be kept.
        """
