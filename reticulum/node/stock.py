"""Which images are here, by their places in the key space, and who is told when that changes."""

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

import attrs

from reticulum.model import ImageId, Key, Original
from reticulum.overlay.announcing import KeyIndex
from reticulum.overlay.records import size_class


class Crier(Protocol):
    """Tells the grid what comes and goes; see `OverlayNode`."""

    def announce(self, key: Key, size_class: int = 0) -> None:
        """The image with *key* is here now."""

    def withdraw(self, key: Key) -> None:
        """The image with *key* is no longer here."""


@attrs.define
class NodeStock:
    """
    The images of this node as the overlay asks for them.

    Args:
        walk: Every original with its length in bytes.
        crier: Told of changes; None as long as there is no grid to tell.
    """

    _walk: Callable[[], Iterable[tuple[ImageId, int]]]
    crier: Crier | None = None
    _index: KeyIndex = attrs.field(factory=KeyIndex, init=False)

    def holds(self, key: Key) -> bool:
        """Whether an image with this key is here, as far as was walked."""
        return key in self._index

    def keys(self) -> Iterator[tuple[Key, int]]:
        """All keys here with size classes; each is known to `holds` from then on."""
        for image_id, length in self._walk():
            key, size = Key.of_image(image_id), size_class(length)
            self._index.add(key, size)
            yield key, size

    def came(self, original: Original) -> None:
        """Note an image that is here now."""
        key, size = Key.of_image(original.image_id), size_class(original.length)
        self._index.add(key, size)
        if self.crier is not None:
            self.crier.announce(key, size)

    def went(self, image_id: ImageId) -> None:
        """Note an image that is no longer here."""
        key = Key.of_image(image_id)
        self._index.discard(key)
        if self.crier is not None:
            self.crier.withdraw(key)
