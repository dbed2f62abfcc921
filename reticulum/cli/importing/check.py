"""A look into a file before it is sent: whether it is an image, and what its id is."""

import hashlib
from collections.abc import Callable
from typing import BinaryIO

from reticulum.cli.importing.found import Found
from reticulum.errors import ClientError
from reticulum.imaging.sniff import HEAD, sniff
from reticulum.model import HashName, ImageId

_PIECE_BYTES = 1_048_576


class NoImage(ClientError):
    """The bytes are of no type that a node reads."""


class Damaged(ClientError):
    """The bytes are not those that the id was made from."""


class Stopped(ClientError):
    """The check was called off."""


def check(found: Found, hash_name: HashName, is_over: Callable[[], bool]) -> ImageId:
    """
    Read a file; takes as long as the disk does, so not in the reactor's thread.

    Args:
        found: The file.
        hash_name: For the id of a file whose path does not say it.
        is_over: Asked at times; to be answered with True when nobody waits any more.

    Returns:
        Its id: what the bytes really hash to.

    Raises:
        NoImage, Damaged: It is not to be sent.
        ClientError: It can't be read.
        Stopped: *is_over* said so.
    """
    try:
        with found.path.open("rb") as file:
            if found.image_id is not None:
                # First of all: damage may lie in the very bytes that say what it is.
                _must_be(found.image_id, _digest(file, found.image_id.hash_name, is_over))
                file.seek(0)
            head = file.read(HEAD)
            if sniff(head) is None:
                raise NoImage("empty" if not head else "of no type that is read here")
            if found.image_id is not None:
                return found.image_id
            file.seek(0)
            return ImageId(hash_name, _digest(file, hash_name, is_over))
    except OSError as error:
        raise ClientError(f"can't be read: {error.strerror}") from None


def _must_be(image_id: ImageId, digest: str) -> None:
    if digest != image_id.digest:
        raise Damaged(f"damaged: its path says {image_id.digest}, its bytes say {digest}")


def _digest(file: BinaryIO, hash_name: HashName, is_over: Callable[[], bool]) -> str:
    digest = hashlib.new(hash_name.value, usedforsecurity=False)
    while piece := file.read(_PIECE_BYTES):
        if is_over():
            raise Stopped("called off")
        digest.update(piece)
    return digest.hexdigest()
