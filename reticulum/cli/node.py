"""A node as the commands see it, and how it says no."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from reticulum.errors import ClientError
from reticulum.model import HashName, ImageId

JsonObject = dict[str, Any]


class Node(Protocol):
    """
    The verbs of DESIGN 3.2 that commands use.

    Each raises `Refused` for a request the node turned down, `Unreachable` if there is no
    talking with it, `Dropped` if the connection broke, and nothing else on purpose.
    """

    async def upload(
        self, path: Path, sent: Callable[[int], object], hash_name: HashName | None = None
    ) -> JsonObject:
        """
        Send the file at *path*, piece by piece.

        Args:
            path: A regular file.
            sent: Told how many more bytes went out; a negative number takes some back, when
                the upload starts again.
            hash_name: What the id is to be made with; None for what the node makes ids with.

        Returns:
            What the node answered; `id` is a text in it.

        Raises:
            ClientError: The file can't be read.
        """
        ...

    async def facts(self, image_id: ImageId) -> JsonObject:
        """What the node knows of an image; `id` and `content_type` are texts in it."""
        ...

    async def delete(self, image_id: ImageId) -> None:
        """Remove an image."""
        ...

    async def picture(self, path: str, write: Callable[[bytes], object]) -> int:
        """
        Give the bytes at *path* of the node to *write*, in pieces.

        What *write* raises ends the transfer and is raised here.

        Returns:
            How many bytes there were.
        """
        ...

    async def act(self, path: str, write: Callable[[bytes], object]) -> int:
        """
        Have the node do what is at *path*, and give its answer to *write*, in pieces.

        Asked once only: a node that is busy refuses. Else as `picture`.
        """
        ...

    async def status(self) -> JsonObject:
        """The node in values that JSON can hold."""
        ...


class Refused(ClientError):
    """
    The node answered, and the answer was no.

    Args:
        text: Why, as the node says it.
        status: HTTP status code.
    """

    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.status = status

    @property
    def concerns_key(self) -> bool:
        """Whether every other request with this key would be refused as well."""
        return self.status in {401, 403}


class Unreachable(ClientError):
    """There is no node where one was looked for, or none that answers."""


class Dropped(ClientError):
    """The connection broke while the node was to answer."""
