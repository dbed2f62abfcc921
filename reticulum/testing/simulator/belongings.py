"""What a node of a simulation has of its own: images, a notebook, no names to resolve."""

from collections.abc import Iterable, Sequence

from reticulum.model import Key


class StockInMemory:
    """The keys of the images that a node has; kept over its restarts, as a disk is."""

    def __init__(self) -> None:
        self._keys: dict[Key, int] = {}

    def __len__(self) -> int:
        return len(self._keys)

    def add(self, key: Key, size_class: int = 0) -> None:
        """Have an image."""
        self._keys[key] = size_class

    def drop(self, key: Key) -> None:
        """Have it no more."""
        self._keys.pop(key, None)

    def holds(self, key: Key) -> bool:
        """Whether an image with this key is here."""
        return key in self._keys

    def keys(self) -> Iterable[tuple[Key, int]]:
        """Keys of all images here with their size classes, in the order in which they came."""
        return list(self._keys.items())


class NotebookInMemory:
    """One text that a node keeps over its restarts."""

    def __init__(self) -> None:
        self.text = ""

    async def read(self) -> str:
        """What was written last."""
        return self.text

    async def write(self, text: str) -> None:
        """Replace it."""
        self.text = text


async def no_names(name: str) -> Sequence[str]:
    """
    Resolve no name: everybody is known by address here.

    Raises:
        OSError: Always.
    """
    raise OSError(f"{name} does not exist in a simulation")
