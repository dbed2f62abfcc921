"""Image ids as few bytes: the digest alone, whose length says which hash it is of."""

from collections.abc import Iterable, Iterator

from reticulum.model import HashName, ImageId

_NAMES = {name.hex_digits // 2: name for name in HashName}


def pack(image_id: ImageId) -> bytes:
    """20 bytes for SHA-1, 32 for SHA-256."""
    return bytes.fromhex(image_id.digest)


def unpack(packed: bytes) -> ImageId:
    """
    The id again.

    Raises:
        ValueError: Of a length that no hash has.
    """
    try:
        return ImageId(_NAMES[len(packed)], packed.hex())
    except KeyError:
        raise ValueError(f"no image id has {len(packed)} bytes") from None


def pack_all(image_ids: Iterable[ImageId]) -> bytes:
    """Several in a row, each behind its length (1 byte)."""
    return b"".join(bytes((len(one),)) + one for one in map(pack, image_ids))


def unpack_all(packed: bytes) -> Iterator[bytes]:
    """
    What `pack` made of each.

    Raises:
        ValueError: Not what `pack_all` made.
    """
    offset = 0
    while offset < len(packed):
        start, length = offset + 1, packed[offset]
        offset = start + length
        if length not in _NAMES or offset > len(packed):
            raise ValueError("no row of image ids")
        yield packed[start:offset]
